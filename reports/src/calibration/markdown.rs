//! A calibration for people: Markdown whose tables are aligned, so that it reads in a terminal and can be pasted into a document.

use std::fmt;

use super::{Arm, Calibration, FOUND_AT_LEAST, LEVEL, PROMISED_PERCENT, SliceTable, Tally, false_alarms_at_most};
use crate::{
    statistics::{CONFIDENCE, clopper_pearson},
    table::{MarkdownTable, ratio},
};

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(run) = &self.run {
            let rev = run.git.as_ref().map_or_else(String::new, |git| {
                format!(" ({}{})", git.rev.get(..12).unwrap_or(&git.rev), if git.dirty { ", changed" } else { "" })
            });
            writeln!(f, "schedbench {}{rev}, {}, seed {}.", run.version, run.started, run.seed)?;
        }
        if let Some(machine) = &self.machine {
            let virt = machine.virt.as_deref().unwrap_or("virtualisation unknown");
            writeln!(f, "{}, {} cores, {}, kernel {}.", machine.cpu, machine.cores, virt, machine.kernel)?;
        }
        for arm in &self.arms {
            self.arm(arm, f)?;
        }
        if let Some(slices) = &self.slices {
            slice_table(slices, f)?;
        }
        let objections = self.objections();
        writeln!(f)?;
        for objection in &objections {
            writeln!(f, "**Does not hold.** {objection}.")?;
        }
        if !self.complete {
            writeln!(
                f,
                "**Not complete**: it was stopped, or runs failed; the figures are those of what was measured."
            )?;
        }
        if objections.is_empty() && self.arms.iter().any(|arm| arm.total().comparisons > 0) {
            writeln!(f, "**Holds**: all that was promised and measured.")?;
        }
        Ok(())
    }
}

impl Calibration {
    fn arm(&self, arm: &Arm, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rounds, time_ms) = (self.rounds, self.time_ns as f64 / 1e6);
        match arm.slower_percent {
            0 => writeln!(f, "\n### A/A: a contender against itself under another name\n")?,
            percent => writeln!(f, "\n### Injected slowdown: a contender against itself, made {percent} % slower\n")?,
        }
        let shown = if arm.slower_percent == 0 { "differences" } else { "found" };
        let head = [
            "cell",
            "comparisons",
            shown,
            "share",
            "95 % interval",
            "slower",
            "faster",
            "by CPU",
            "median ratio",
            "half-width",
        ];
        let mut table = MarkdownTable::new(1, head);
        for row in &arm.rows {
            let beside = if arm.slower_percent > 0 && !row.promised { " (not promised)" } else { "" };
            table.row(cells(format!("{}{beside}", row.cell), &row.tally, arm.slower_percent));
        }
        let total = arm.total();
        let all = if arm.slower_percent == 0 { "**all**" } else { "**all that is promised**" };
        table.row(cells(all.to_owned(), &total, arm.slower_percent));
        write!(f, "{table}")?;
        writeln!(
            f,
            "\nEach comparison: {rounds} rounds of {time_ms:.0} ms for each contender, exact Wilcoxon signed-rank at 5 %."
        )?;
        if total.without_verdict > 0 {
            writeln!(f, "{} comparisons have no verdict: their run was unsound.", total.without_verdict)?;
        }
        let (n, level) = (total.comparisons, self.achieved_level());
        match arm.slower_percent {
            0 => writeln!(
                f,
                "At most {} of {n} may show a difference: the 95 % quantile of Binomial({n}, {:.0} %). With {rounds} rounds the exact test \
                 has a level of {:.1} %, so about {:.1} are to be expected.",
                false_alarms_at_most(n),
                LEVEL * 100.0,
                level * 100.0,
                level * n as f64,
            ),
            PROMISED_PERCENT => writeln!(
                f,
                "Found is a difference at 5 % in the right direction. At least {:.0} % must be found.",
                FOUND_AT_LEAST * 100.0
            ),
            _ => writeln!(f, "Found is a difference at 5 % in the right direction. Nothing is promised for this size."),
        }
    }
}

fn cells(name: String, tally: &Tally, slower_percent: u32) -> Vec<String> {
    let found = tally.found(slower_percent);
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let dash = || "-".to_owned();
    let interval = clopper_pearson(found, tally.comparisons, CONFIDENCE);
    vec![
        name,
        tally.comparisons.to_string(),
        found.to_string(),
        if tally.comparisons == 0 { dash() } else { percent(found as f64 / tally.comparisons as f64) },
        interval.map_or_else(dash, |(low, high)| format!("{:.1} to {}", low * 100.0, percent(high))),
        tally.slower.to_string(),
        tally.faster.to_string(),
        tally.cpu_found(slower_percent).to_string(),
        tally.median_ratio().map_or_else(dash, ratio),
        tally.median_half_width().map_or_else(dash, |width| format!("±{}", percent(width))),
    ]
}

fn slice_table(slices: &SliceTable, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "\n### Slice length: A/A, standard deviation of ln ratio between rounds\n")?;
    let head = slices
        .lengths_ns
        .iter()
        .map(|&length_ns| format!("{} x {} ms", slices.time_ns.div_ceil(length_ns.max(1)), length_ns / 1_000_000));
    let mut table = MarkdownTable::new(1, ["cell".to_owned()].into_iter().chain(head).chain(["rounds".to_owned()]));
    for row in &slices.rows {
        let sds = row.spreads.iter().map(|spread| spread.sd.map_or_else(|| "-".to_owned(), |sd| format!("{sd:.3}")));
        let (fewest, most) = row
            .spreads
            .iter()
            .fold((usize::MAX, 0), |(fewest, most), spread| (fewest.min(spread.rounds), most.max(spread.rounds)));
        let rounds = if fewest >= most { most.to_string() } else { format!("{fewest} to {most}") };
        table.row([row.cell.clone()].into_iter().chain(sds).chain([rounds]));
    }
    write!(f, "{table}")?;
    writeln!(
        f,
        "\nThe same total time for all, {:.0} ms for each contender in a round. The standard deviation of n rounds is itself known to about \
         1 / sqrt(2 (n - 1)) of its value.",
        slices.time_ns as f64 / 1e6
    )
}
