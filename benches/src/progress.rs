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
    what: String,
    bar: Option<ProgressBar>,
    said: Instant,
}

impl Progress {
    /// Begins a run that is planned to take `total`.
    pub fn begin(total: Duration) -> Progress {
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:30} {percent:>3}% {msg} ({eta} left)");
            ProgressBar::new(millis(total)).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        let now = Instant::now();
        let (done, round_ends_at, what) = (Duration::ZERO, Duration::ZERO, String::new());
        Progress { total, done, round_ends_at, began: now, what, bar, said: now }
    }

    /// A round begins that is planned to take `planned`.
    pub fn round(&mut self, what: String, planned: Duration) {
        self.done = self.done.max(self.round_ends_at);
        self.round_ends_at = self.done + planned;
        // Rounds beyond the plan make the plan longer.
        self.total = self.total.max(self.round_ends_at);
        self.what = what;
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
        if let Some(bar) = &self.bar {
            bar.set_length(millis(self.total));
            bar.set_position(millis(self.done));
            bar.set_message(self.what.clone());
        } else if self.said.elapsed() >= PLAIN_EVERY && !self.done.is_zero() {
            self.said = Instant::now();
            let share = self.done.as_secs_f64() / self.total.as_secs_f64();
            let left = Duration::from_secs_f64(self.began.elapsed().as_secs_f64() * (1.0 / share - 1.0));
            eprintln!("{:3.0} % {}, about {} left", share * 100.0, self.what, HumanDuration(left));
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
