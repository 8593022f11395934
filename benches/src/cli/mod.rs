//! The command line: one file a verb. Human text goes to stderr, data to stdout; every mistake of the user is one line and exit
//! code 2.

mod calibrate;
mod compare;
mod doctor;
mod dry_run;
mod exit;
mod export;
mod gate;
mod list;
mod matrix;
mod records;
mod report;
mod resume;
mod run;
mod select;
mod suite;
mod verify;

use std::{ffi::OsString, io, process::ExitCode};

use clap::{Parser, Subcommand, error::ErrorKind};

pub use exit::Exit;

use crate::{
    child::{self, Slowdown},
    stop,
};

/// Benchmarks and compares schedulers, on this machine.
#[derive(Debug, Parser)]
#[command(name = "schedbench", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

const AFTER_HELP: &str = "\
Examples:
  schedbench list
  schedbench doctor
  schedbench run ping_pong -c gmp,tokio-mt -p workers=1
  schedbench run --full --dry-run
  schedbench report target/schedbench/latest/results.jsonl
  schedbench export --format gobench target/schedbench/latest/results.jsonl
  schedbench gate --config gate.toml target/schedbench/latest/results.jsonl
  schedbench calibrate

Exit codes: 0 pass, 1 regression, 2 usage or configuration, 3 wrong answer, mismatch, hang or crash,
4 unsound measurement, 5 inconclusive (with --strict), 130 interrupted (the record stays valid).";

#[derive(Debug, Subcommand)]
enum Verb {
    List(list::List),
    Doctor(doctor::Doctor),
    Verify(verify::Verify),
    Run(run::Run),
    Compare(compare::Compare),
    Report(report::Report),
    Export(export::Export),
    Gate(gate::Gate),
    Calibrate(calibrate::Calibrate),
    #[command(hide = true)]
    Suite(Box<suite::Suite>),
    /// Serves one contender on stdin and stdout, for a parent that measures.
    #[command(hide = true)]
    Child {
        /// The contender.
        contender: String,
        /// Spin for this share of each slice, as a part of it
        #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1000))]
        slower_percent: u32,
    },
}

/// The `schedbench` program: parses the command line and does what it says.
pub fn schedbench() -> ExitCode {
    end(parse::<Cli>(std::env::args_os()).and_then(|cli| match cli {
        Ok(cli) => dispatch(cli.verb),
        Err(exit) => Ok(exit),
    }))
}

fn dispatch(verb: Verb) -> anyhow::Result<Exit> {
    match verb {
        Verb::Child { contender, slower_percent } => {
            child::serve(&contender, Slowdown::of(slower_percent)).map(|()| Exit::Pass)
        }
        Verb::List(list) => list.execute(),
        Verb::Doctor(doctor) => doctor.execute(),
        Verb::Suite(suite) => suite.execute(),
        Verb::Compare(compare) => compare.execute(),
        Verb::Report(report) => report.execute(),
        Verb::Export(export) => export.execute(),
        Verb::Gate(gate) => gate.execute(),
        Verb::Calibrate(calibrate) => {
            stop::watch()?;
            calibrate.execute()
        }
        Verb::Verify(verify) => {
            stop::watch()?;
            verify.execute()
        }
        Verb::Run(run) => {
            stop::watch()?;
            run.execute()
        }
    }
}

/// Parses; the inner error is the exit code of `--help` and `--version`, which have been printed.
fn parse<P: Parser>(args: impl IntoIterator<Item = OsString>) -> anyhow::Result<Result<P, Exit>> {
    match P::try_parse_from(args) {
        Ok(parsed) => Ok(Ok(parsed)),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                error.print()?;
                Ok(Err(Exit::Pass))
            }
            // No verb at all: the help is the answer, and still a mistake.
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                error.print()?;
                Ok(Err(Exit::Usage))
            }
            _ => Err(anyhow::anyhow!(one_line(&error.to_string()))),
        },
    }
}

/// Clap's message without the parts that repeat what `--help` says, on one line.
fn one_line(message: &str) -> String {
    let lines = message.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    lines.collect::<Vec<_>>().join("; ").trim_start_matches("error: ").replace(":; ", ": ")
}

/// Turns what a verb gave into the end of the process.
fn end(result: anyhow::Result<Exit>) -> ExitCode {
    let exit = result.unwrap_or_else(|error| {
        let reader_left = |cause: &(dyn std::error::Error + 'static)| {
            cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        };
        // `schedbench list | head` is nobody's mistake.
        if error.chain().any(reader_left) {
            return Exit::Pass;
        }
        eprintln!("schedbench: {}", format!("{error:#}").replace('\n', "; "));
        Exit::Usage
    });
    ExitCode::from(exit.code())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_mistake_is_one_line() {
        let args = ["schedbench", "run", "--time", "soon"].map(OsString::from);
        let error = parse::<Cli>(args).unwrap_err().to_string();
        assert!(error.contains("'soon'") && error.contains("--time") && !error.contains('\n'), "{error}");
    }
}
