//! Reading a record back, whatever happened to it.
//!
//! Invariants:
//! - What is whole is kept: damage costs the lines that it hit and is reported as one [`Fault`] a line, with file and line.
//! - What is kept can be used without further checks: times and operations of valid rounds are positive, histograms decode,
//!   no row is there twice.
//! - Kinds of lines and fields that are unknown are ignored (the schema is additive); another schema is refused as a whole.

use std::{
    collections::HashMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    analysis::label,
    histogram,
    record::{CellError, Checkpoint, Contender, End, Hist, Line, Machine, Resume, Round, Run, SCHEMA, Workload},
};

/// A record as read from its file: everything in it that is whole.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it was read from.
    pub path: PathBuf,
    /// Which run.
    pub run: Run,
    /// The machine; `None` if the run was killed before it was written.
    pub machine: Option<Machine>,
    /// The contenders, one for each configuration that was echoed.
    pub contenders: Vec<Contender>,
    /// The workloads.
    pub workloads: Vec<Workload>,
    /// The rounds, valid or not.
    pub rounds: Vec<Round>,
    /// The histograms, still encoded (decoded, each takes a quarter of a megabyte); each is known to decode.
    pub hists: Vec<Hist>,
    /// Cells and rounds that gave no number.
    pub errors: Vec<CellError>,
    /// The last checkpoint, if there is one.
    pub checkpoint: Option<Checkpoint>,
    /// How the run ended; `None` if it was killed, or if it was resumed and has not ended since.
    pub end: Option<End>,
    /// Where it went on after it had been interrupted or killed.
    pub resumes: Vec<Resume>,
}

/// What was read, and what was wrong with the rest.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is whole.
    pub record: Record,
    /// What is not, in the order of the file; empty for a sound record. Print each, and exit with 2 in the end.
    pub faults: Vec<Fault>,
}

/// A line that could not be used. Displays as one line: `results.jsonl:17: ..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what was expected.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.problem)
    }
}

/// Why nothing of a file can be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is empty.
    #[error("{}: empty, expected a record that begins with a 'run' row of {SCHEMA}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file does not begin as a record of [`SCHEMA`] does.
    #[error("{}:{line}: {found}, expected a 'run' row of {SCHEMA}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is there.
        found: String,
    },
}

/// Reads a record.
///
/// # Errors
/// If nothing of the file can be used; what costs single lines only is in [`Loaded::faults`].
pub fn read(path: &Path) -> Result<Loaded, ReadError> {
    let bytes = fs::read(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
    let mut lines = lines(&bytes);

    let (number, first) = lines.next().ok_or_else(|| ReadError::Empty { path: path.to_owned() })?;
    let run = parse_run(first).map_err(|found| ReadError::Foreign { path: path.to_owned(), line: number, found })?;

    let mut reader = Reader {
        loaded: Loaded {
            record: Record {
                path: path.to_owned(),
                run,
                machine: None,
                contenders: Vec::new(),
                workloads: Vec::new(),
                rounds: Vec::new(),
                hists: Vec::new(),
                errors: Vec::new(),
                checkpoint: None,
                end: None,
                resumes: Vec::new(),
            },
            faults: Vec::new(),
        },
        seen: HashMap::new(),
    };
    for (number, text) in lines {
        let whole = bytes.ends_with(b"\n") || !bytes.ends_with(text);
        match reader.take(number, text, whole) {
            Ok(()) => {}
            Err(Problem::Line(problem)) => reader.fault(number, problem),
            Err(Problem::Rest(problem)) => {
                reader.fault(number, problem);
                break;
            }
        }
    }
    Ok(reader.loaded)
}

/// The lines that are not blank, with their numbers from 1.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let numbered = bytes.split(|byte| *byte == b'\n').enumerate().map(|(index, line)| (index + 1, line));
    numbered.filter(|(_, line)| !line.trim_ascii().is_empty())
}

/// The first row, or what is there instead.
fn parse_run(text: &[u8]) -> Result<Run, String> {
    let row: Value = serde_json::from_slice(text).map_err(|_| "no JSON object".to_owned())?;
    if row["t"] != "run" {
        return Err(match row["t"].as_str() {
            Some(kind) => format!("a '{kind}' row"),
            None => "no row of a record".to_owned(),
        });
    }
    if row["schema"] != SCHEMA {
        return Err(match row["schema"].as_str() {
            Some(schema) => format!("the schema '{schema}'"),
            None => "a 'run' row without a schema".to_owned(),
        });
    }
    serde_json::from_value(row).map_err(|error| format!("an unusable 'run' row ({error})"))
}

/// What a bad line costs.
enum Problem {
    /// Itself.
    Line(String),
    /// Itself and all that follow.
    Rest(String),
}

impl From<String> for Problem {
    fn from(problem: String) -> Problem {
        Problem::Line(problem)
    }
}

struct Reader {
    loaded: Loaded,
    /// The line of each row that must be there once.
    seen: HashMap<String, usize>,
}

impl Reader {
    fn fault(&mut self, line: usize, problem: String) {
        let path = self.loaded.record.path.clone();
        self.loaded.faults.push(Fault { path, line, problem });
    }

    fn take(&mut self, number: usize, text: &[u8], whole: bool) -> Result<(), Problem> {
        let row: Value = serde_json::from_slice(text).map_err(|error| match whole {
            false => "truncated: the file ends within this row".to_owned(),
            true => format!("corrupt: no JSON object (column {})", error.column()),
        })?;
        let Some(kind) = row["t"].as_str().map(str::to_owned) else {
            return Err("corrupt: a row without its kind 't'".to_owned().into());
        };
        let known =
            ["run", "machine", "contender", "workload", "round", "hist", "error", "checkpoint", "end", "resume"];
        if !known.contains(&kind.as_str()) {
            return Ok(());
        }
        let line = serde_json::from_value(row).map_err(|error| format!("corrupt '{kind}' row: {error}"))?;

        let record = &mut self.loaded.record;
        match line {
            Line::Run(run) => {
                if run.id != record.run.id {
                    let problem = format!(
                        "a second run, '{}', begins: expected one record a file; this line and all after it are not used",
                        run.id
                    );
                    return Err(Problem::Rest(problem));
                }
            }
            Line::Machine(machine) => match &record.machine {
                Some(known) if known.key != machine.key => {
                    let problem =
                        "another machine: expected one machine a record; this line and all after it are not used";
                    return Err(Problem::Rest(problem.to_owned()));
                }
                Some(_) => {}
                None => record.machine = Some(machine),
            },
            Line::Contender(contender) => {
                if !record.contenders.contains(&contender) {
                    record.contenders.push(contender);
                }
            }
            Line::Workload(workload) => {
                self.once(number, format!("workload {}", workload.workload))?;
                self.loaded.record.workloads.push(workload);
            }
            Line::Round(round) => {
                check_round(&round)?;
                let variant = label(&round.workload, &round.params);
                self.once(number, format!("round {} of {} on {variant}", round.round, round.contender))?;
                self.loaded.record.rounds.push(round);
            }
            Line::Hist(hist) => {
                histogram::decode(&hist).map_err(|problem| format!("corrupt 'hist' row: {problem}"))?;
                let variant = label(&hist.workload, &hist.params);
                let Hist { kind, round, contender, .. } = &hist;
                self.once(number, format!("'{kind}' histogram of round {round} of {contender} on {variant}"))?;
                self.loaded.record.hists.push(hist);
            }
            Line::Error(error) => record.errors.push(error),
            Line::Checkpoint(checkpoint) => record.checkpoint = Some(checkpoint),
            Line::End(end) => record.end = Some(end),
            Line::Resume(resume) => {
                record.end = None;
                record.resumes.push(resume);
            }
        }
        Ok(())
    }

    /// Refuses the second row of a name; the first one stays.
    fn once(&mut self, number: usize, name: String) -> Result<(), String> {
        match self.seen.get(&name) {
            Some(first) => Err(format!("duplicate: {name} is in line {first} already")),
            None => {
                self.seen.insert(name, number);
                Ok(())
            }
        }
    }
}

/// Refuses a round that claims to be valid and cannot be.
fn check_round(round: &Round) -> Result<(), String> {
    if round.check != "ok" {
        return Err(format!("impossible 'round' row: check is '{}', expected 'ok'", round.check));
    }
    for (name, value) in [("ops", round.ops), ("wall_ns", round.wall_ns)] {
        if round.valid && value == 0 {
            return Err(format!("impossible 'round' row: {name} is 0, expected a positive number in a valid round"));
        }
    }
    Ok(())
}
