//! The hidden verb `suite`: what the bench target `suite` becomes, with cargo's and Criterion's habits. (The target only starts the
//! program, so that the whole of it is not linked twice.)
//!
//! Cargo passes `--bench` for `cargo bench` and nothing for `cargo test --benches`, which must only verify. All bench targets get
//! the same arguments, so a filter that means something to the Criterion target alone is no mistake here, and Criterion's own
//! options are taken and named.

use std::{io::Write, time::Duration};

use clap::Args;

use super::{Exit, run::Amount, select::Select};
use crate::{filter::UnknownWorkload, plan::Plan, selection::Selection, stop};

/// The comparison of all contenders on all workloads.
#[derive(Debug, Args)]
pub struct Suite {
    #[command(flatten)]
    pub(super) select: Select,
    #[command(flatten)]
    pub(super) amount: Amount,
    /// Lists what would be run, as cargo's own bench targets do
    #[arg(long)]
    list: bool,
    /// Checks every answer and measures nothing
    #[arg(long)]
    test: bool,
    /// Passed by cargo bench; without it nothing is measured
    #[arg(long, hide = true)]
    bench: bool,
    /// Nothing here is ignored, so this runs nothing
    #[arg(long, hide = true)]
    ignored: bool,
    #[command(flatten)]
    foreign: Foreign,
}

/// Options that mean something to the bench target `criterion` and nothing here.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of the Criterion target, without effect here")]
struct Foreign {
    #[arg(short = 's', long, value_name = "NAME", hide = true)]
    save_baseline: Option<String>,
    #[arg(short = 'b', long, value_name = "NAME", hide = true)]
    baseline: Option<String>,
    #[arg(long, value_name = "NAME", hide = true)]
    baseline_lenient: Option<String>,
    #[arg(long, value_name = "NAME", hide = true)]
    load_baseline: Option<String>,
    #[arg(long, hide = true)]
    discard_baseline: bool,
    #[arg(long, value_name = "N", hide = true)]
    sample_size: Option<String>,
    #[arg(long, value_name = "SECONDS", hide = true)]
    warm_up_time: Option<String>,
    #[arg(long, value_name = "SECONDS", hide = true)]
    measurement_time: Option<String>,
    #[arg(long, value_name = "SECONDS", hide = true)]
    profile_time: Option<String>,
    #[arg(long, value_name = "N", hide = true)]
    nresamples: Option<String>,
    #[arg(long, value_name = "SHARE", hide = true)]
    noise_threshold: Option<String>,
    #[arg(long, value_name = "SHARE", hide = true)]
    confidence_level: Option<String>,
    #[arg(long, value_name = "SHARE", hide = true)]
    significance_level: Option<String>,
    #[arg(long, value_name = "NAME", hide = true)]
    plotting_backend: Option<String>,
    #[arg(long, value_name = "NAME", hide = true)]
    output_format: Option<String>,
    #[arg(long, value_name = "WHEN", hide = true)]
    color: Option<String>,
    #[arg(long, value_name = "NAME", hide = true)]
    format: Option<String>,
    #[arg(short, long, hide = true)]
    noplot: bool,
    #[arg(short, long, hide = true)]
    verbose: bool,
    #[arg(long, hide = true)]
    quiet: bool,
    #[arg(long, hide = true)]
    include_ignored: bool,
    #[arg(long, hide = true)]
    nocapture: bool,
    #[arg(long, hide = true)]
    show_output: bool,
}

impl Foreign {
    /// Those that a user would miss the effect of.
    fn given(&self) -> Vec<&'static str> {
        let options = [
            ("--save-baseline", &self.save_baseline),
            ("--baseline", &self.baseline),
            ("--baseline-lenient", &self.baseline_lenient),
            ("--load-baseline", &self.load_baseline),
            ("--sample-size", &self.sample_size),
            ("--warm-up-time", &self.warm_up_time),
            ("--measurement-time", &self.measurement_time),
            ("--profile-time", &self.profile_time),
            ("--nresamples", &self.nresamples),
            ("--noise-threshold", &self.noise_threshold),
            ("--confidence-level", &self.confidence_level),
            ("--significance-level", &self.significance_level),
        ];
        options.into_iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name).collect()
    }
}

impl Suite {
    pub fn execute(self) -> anyhow::Result<Exit> {
        let foreign = self.foreign.given();
        if !foreign.is_empty() {
            eprintln!("suite: {} is Criterion's; the suite keeps a record of every run instead", foreign.join(", "));
        }
        let selection = Selection::from(self.select);
        let plan = match Plan::new(&selection) {
            Ok(plan) => plan,
            // The filter may be meant for the other bench target; nothing runs, as with any bench target.
            Err(error) if error.is::<UnknownWorkload>() => {
                eprintln!("suite: {error}");
                return Ok(Exit::Pass);
            }
            Err(error) => return Err(error),
        };
        if self.ignored {
            return Ok(Exit::Pass);
        }
        if self.list {
            let mut out = std::io::stdout().lock();
            for variant in &plan.variants {
                writeln!(out, "{}: benchmark", variant.label())?;
            }
            // Tools read stdout and ask for the terse format; the matrix is for people.
            if self.foreign.format.as_deref() != Some("terse") {
                super::matrix::write(&plan, &mut std::io::stderr().lock())?;
            }
            return Ok(Exit::Pass);
        }
        stop::watch()?;
        if self.test || !self.bench {
            return super::verify::verify(&plan, Duration::from_secs(30));
        }
        let cargo = ["cargo", "bench", "--bench", "suite", "--"].map(str::to_owned);
        let args = std::env::args().skip(2).filter(|arg| arg != "--bench");
        super::run::measure(plan, selection.extent, &self.amount, cargo.into_iter().chain(args).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Verb, parse};

    fn suite(args: &[&str]) -> anyhow::Result<Suite> {
        let args = ["schedbench", "suite"].iter().chain(args).map(std::ffi::OsString::from);
        parse::<Cli>(args).map(|cli| match cli.map(|cli| cli.verb) {
            Ok(Verb::Suite(suite)) => *suite,
            other => panic!("expected the verb suite, got {other:?}"),
        })
    }

    #[test]
    fn criterions_options_are_no_mistakes() {
        let given = suite(&["--bench", "--save-baseline", "before", "ping_pong", "--noplot", "-n"]);
        assert!(given.is_err(), "an option that is there twice is a mistake all the same");
        let given = suite(&["--bench", "--save-baseline", "before", "ping_pong", "-n", "--color", "never"]).unwrap();
        assert_eq!(given.foreign.given(), ["--save-baseline"]);
        assert_eq!(given.select.filters, ["ping_pong"]);
        for args in [["--baseline", "x"], ["-b", "x"], ["--sample-size", "20"], ["--measurement-time", "1.5"]] {
            assert_eq!(suite(&args).unwrap().foreign.given().len(), 1, "{args:?}");
        }
    }

    #[test]
    fn other_options_are() {
        let error = suite(&["--bench", "--spped"]).unwrap_err().to_string();
        assert!(error.contains("--spped"), "{error}");
    }

    #[test]
    fn the_options_of_run_work_here_too() {
        let given = suite(&["--bench", "-c", "tokio-mt,rayon", "-p", "workers=1", "--rounds", "9", "--exact"]).unwrap();
        assert_eq!((given.select.contenders.len(), given.select.exact), (2, true));
    }
}
