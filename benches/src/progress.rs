//! How far a run is and how long it will take: a bar on a terminal, else a plain line every few seconds. All on stderr.
//!
//! It is drawn between slices only, when no child is on turn, and it has no thread of its own: a bar that ticks by itself would
//! be part of what is measured.

use std::{
    io::{IsTerminal, stderr},
    time::{Duration, Instant},
};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

/// How long nothing is said where there is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// The progress of a run.
#[derive(Debug)]
pub struct Progress {
    total: Duration,
    done: Duration,
    round_ends_at: Duration,
    began: Instant,
    stage: String,
    what: String,
    bar: Option<ProgressBar>,
    said: Instant,
}

impl Progress {
    /// Begins a run that is planned to take `total`.
    pub fn begin(total: Duration) -> Progress {
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:20} {percent:>3} %, {msg}");
            ProgressBar::new(millis(total)).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        let now = Instant::now();
        let (done, round_ends_at) = (Duration::ZERO, Duration::ZERO);
        let (stage, what) = (String::new(), String::new());
        Progress { total, done, round_ends_at, began: now, stage, what, bar, said: now }
    }

    /// Rounds from here on are of this part of the whole.
    pub fn stage(&mut self, stage: &str) {
        self.stage = format!("{stage}, ");
    }

    /// A round begins that is planned to take `planned`.
    pub fn round(&mut self, what: String, planned: Duration) {
        self.done = self.done.max(self.round_ends_at);
        self.round_ends_at = self.done + planned;
        // Rounds beyond the plan make the plan longer.
        self.total = self.total.max(self.round_ends_at);
        self.what = format!("{}{what}", self.stage);
        self.show();
    }

    /// About this much of the round is done.
    pub fn advance(&mut self, by: Duration) {
        self.done = (self.done + by).min(self.round_ends_at);
        self.show();
    }

    /// Says something that should stay on the screen.
    pub fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    /// Takes the bar away.
    pub fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }

    fn show(&mut self) {
        // The time first: a narrow terminal cuts the end.
        let what = || format!("about {} left: {}", HumanDuration(self.left()), self.what);
        if let Some(bar) = &self.bar {
            bar.set_length(millis(self.total));
            bar.set_message(what());
            bar.set_position(millis(self.done));
        } else if self.said.elapsed() >= PLAIN_EVERY {
            eprintln!("{:3.0} %, {}", self.share() * 100.0, what());
            self.said = Instant::now();
        }
    }

    fn share(&self) -> f64 {
        self.done.as_secs_f64() / self.total.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// By the plan in the beginning, and by what was done in what time from then on.
    fn left(&self) -> Duration {
        match self.share() {
            share if share < 0.01 => self.total.saturating_sub(self.done),
            share => Duration::from_secs_f64(self.began.elapsed().as_secs_f64() * (1.0 / share - 1.0).max(0.0)),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_beyond_the_plan_make_it_longer() {
        let second = Duration::from_secs(1);
        let mut progress = Progress::begin(second);
        assert_eq!(progress.left(), second);
        for round in 0..3 {
            progress.round(format!("round {round}"), second);
            progress.advance(second * 5);
        }
        assert_eq!((progress.done, progress.total), (second * 3, second * 3));
        assert_eq!(progress.left(), Duration::ZERO);
    }
}
