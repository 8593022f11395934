//! Comparisons of one pair of contenders, counted by cell.

use crate::{
    Analysis,
    analysis::Soundness,
    compare::{self, By, Outcome, Verdict},
    statistics,
};

/// Comparisons of a contender with itself, made slower by a known share or not at all.
#[derive(Clone, Debug)]
pub struct Arm {
    /// How much slower the candidate was made; 0 is A/A.
    pub slower_percent: u32,
    /// A row a cell.
    pub rows: Vec<Row>,
}

/// The comparisons on one cell.
#[derive(Clone, Debug)]
pub struct Row {
    /// The contender and its workload.
    pub cell: String,
    /// Whether a slowdown is promised to be found here; false alarms are counted everywhere.
    pub promised: bool,
    /// How they ended.
    pub tally: Tally,
}

/// How comparisons ended.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Those with a verdict.
    pub comparisons: u64,
    /// Of those, by the workload's metric: the candidate takes more.
    pub slower: u64,
    /// The candidate takes less.
    pub faster: u64,
    /// Of those, by CPU time: the candidate takes more.
    pub cpu_slower: u64,
    /// The candidate takes less.
    pub cpu_faster: u64,
    /// Comparisons that are none: their run was unsound, or has too few rounds.
    pub without_verdict: u64,
    /// The estimates by the workload's metric.
    pub ratios: Vec<f64>,
    /// Half the width of their intervals, as a share: how small a difference can be seen.
    pub half_widths: Vec<f64>,
}

impl Arm {
    /// Its name in tables.
    pub fn title(&self) -> String {
        match self.slower_percent {
            0 => "A/A".to_owned(),
            percent => format!("{percent} % slower"),
        }
    }

    /// All cells together; of a slowdown, those where it is promised to be found.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        for row in self.rows.iter().filter(|row| row.promised || self.slower_percent == 0) {
            total.merge(&row.tally);
        }
        total
    }
}

impl Tally {
    /// Counts the comparison of two contenders in a run of one variant.
    pub fn add(&mut self, analysis: &Analysis, baseline: &str, candidate: &str) {
        let row = match &analysis.verdict {
            Soundness::Unsound(_) => None,
            _ => compare::contenders(analysis, baseline, candidate).ok().and_then(|all| all.rows.into_iter().next()),
        };
        let change = |by| {
            row.as_ref()?.lines.iter().filter(|line| line.by == by).find_map(|line| match line.outcome {
                Outcome::Change(change) if change.verdict != Verdict::TooFewRounds => Some(change),
                _ => None,
            })
        };
        let Some(metric) = change(By::Metric) else {
            self.without_verdict += 1;
            return;
        };
        let cpu = change(By::Cpu).map(|change| change.verdict);
        self.comparisons += 1;
        self.slower += u64::from(metric.verdict == Verdict::Worse);
        self.faster += u64::from(metric.verdict == Verdict::Better);
        self.cpu_slower += u64::from(cpu == Some(Verdict::Worse));
        self.cpu_faster += u64::from(cpu == Some(Verdict::Better));
        self.ratios.push(metric.ratio.estimate);
        self.half_widths.extend(metric.ratio.interval.map(|(low, high)| (high / low).sqrt() - 1.0));
    }

    /// Comparisons that show a difference, in either direction.
    pub fn differences(&self) -> u64 {
        self.slower + self.faster
    }

    /// Comparisons that found what there is to find: the slowdown, or, where there is none, any difference, which is then a false alarm.
    pub fn found(&self, slower_percent: u32) -> u64 {
        if slower_percent == 0 { self.differences() } else { self.slower }
    }

    /// As [`found`](Tally::found), by CPU time.
    pub fn cpu_found(&self, slower_percent: u32) -> u64 {
        if slower_percent == 0 { self.cpu_slower + self.cpu_faster } else { self.cpu_slower }
    }

    /// The median of the estimates.
    pub fn median_ratio(&self) -> Option<f64> {
        statistics::median(&self.ratios)
    }

    /// The median of the intervals' half-widths.
    pub fn median_half_width(&self) -> Option<f64> {
        statistics::median(&self.half_widths)
    }

    fn merge(&mut self, other: &Tally) {
        self.comparisons += other.comparisons;
        self.slower += other.slower;
        self.faster += other.faster;
        self.cpu_slower += other.cpu_slower;
        self.cpu_faster += other.cpu_faster;
        self.without_verdict += other.without_verdict;
        self.ratios.extend(&other.ratios);
        self.half_widths.extend(&other.half_widths);
    }
}
