//! Reading a record back, whatever happened to it.
//!
//! Invariants:
//! - What is whole is kept: damage costs the lines that it hit and is reported as one [`Fault`] a line, with file and line.
//! - What is kept can be used without further checks: times and operations of valid rounds are positive, histograms decode,
//!   no row is there twice.
//! - Lines are read one at a time and are bounded in length, and so is what a histogram inflates to: a file takes memory for its rows only.
//! - Kinds of lines and fields that are unknown are ignored (the schema is additive); another schema is refused as a whole.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    fs::File,
    hash::{DefaultHasher, Hasher},
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    analysis::label,
    histogram,
    lines::{self, LONGEST_LINE, Lines},
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
    let no_file = |source| ReadError::Io { path: path.to_owned(), source };
    let mut lines = Lines::of(BufReader::new(File::open(path).map_err(no_file)?));

    let first = lines.next().map_err(no_file)?.ok_or_else(|| ReadError::Empty { path: path.to_owned() })?;
    let foreign =
        |found: String| ReadError::Foreign { path: path.to_owned(), line: first.number, found: one_line(&found) };
    let mut reader = Reader::new(path, parse_run(&first).map_err(foreign)?, &first);
    let mut number = first.number;
    loop {
        let line = match lines.next() {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(error) => {
                reader.fault(number + 1, format!("cannot be read: {error}; this line and all after it are not used"));
                break;
            }
        };
        number = line.number;
        match reader.take(&line) {
            Ok(()) => {}
            Err(Problem::Line(problem)) => reader.fault(number, problem),
            Err(Problem::Rest(problem)) => {
                reader.fault(number, problem);
                break;
            }
        }
    }
    Ok(reader.end())
}

/// What some editors put in front of text.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The first row, or what is there instead.
fn parse_run(line: &lines::Line) -> Result<Run, String> {
    if line.is_too_long {
        return Err(too_long());
    }
    let text = line.text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line.text);
    let row: Value = serde_json::from_slice(text).map_err(|_| match text {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "UTF-16".to_owned(),
        text if text.contains(&0) || str::from_utf8(text).is_err() => "no text".to_owned(),
        _ => "no JSON object".to_owned(),
    })?;
    if row["t"] != "run" {
        return Err(match row["t"].as_str() {
            Some(kind) => format!("a '{kind}' row"),
            None if row.is_array() => "a JSON array".to_owned(),
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

/// The row in a line; `None` if this version does not know its kind.
fn parse(line: &lines::Line) -> Result<Option<Line>, String> {
    if line.is_too_long {
        return Err(format!("{}, expected a row", too_long()));
    }
    if let Ok(row) = serde_json::from_slice(line.text) {
        return Ok(Some(row));
    }
    // Something is wrong with it, or new. Once more, to say what: most lines do without.
    let row: Value = serde_json::from_slice(line.text).map_err(|error| match line.is_cut {
        true => "truncated: the file ends within this row".to_owned(),
        false => format!("corrupt: no JSON object (column {})", error.column()),
    })?;
    let Some(kind) = row["t"].as_str().map(str::to_owned) else {
        return Err("corrupt: a row without its kind 't'".to_owned());
    };
    let known = ["run", "machine", "contender", "workload", "round", "hist", "error", "checkpoint", "end", "resume"];
    if !known.contains(&kind.as_str()) {
        return Ok(None);
    }
    serde_json::from_value(row).map(Some).map_err(|error| format!("corrupt '{kind}' row: {error}"))
}

fn too_long() -> String {
    format!("a line of more than {} MiB", LONGEST_LINE >> 20)
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
    /// Each row that must be there once.
    seen: HashMap<String, Seen>,
    /// The workloads that rows are of.
    needed: BTreeMap<String, Needed>,
    /// The line of the `end` row, until something follows it.
    ended: Option<usize>,
}

/// Where a row was first.
struct Seen {
    line: usize,
    /// Of its text, to say if it is there again or another.
    digest: u64,
}

/// Rows of a workload.
struct Needed {
    first_line: usize,
    rows: usize,
}

impl Reader {
    fn new(path: &Path, run: Run, line: &lines::Line) -> Reader {
        let record = Record {
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
        };
        let seen = HashMap::from([(RUN.to_owned(), Seen { line: line.number, digest: digest(line.text) })]);
        Reader { loaded: Loaded { record, faults: Vec::new() }, seen, needed: BTreeMap::new(), ended: None }
    }

    fn fault(&mut self, line: usize, problem: String) {
        let path = self.loaded.record.path.clone();
        self.loaded.faults.push(Fault { path, line, problem: one_line(&problem) });
    }

    fn take(&mut self, line: &lines::Line) -> Result<(), Problem> {
        let Some(row) = parse(line)? else { return Ok(()) };
        let number = line.number;
        if let Some(end) = self.ended.take()
            && !matches!(row, Line::Resume(_) | Line::Run(_))
        {
            self.fault(
                number,
                format!(
                    "more rows behind the 'end' row of line {end}: expected none, or a 'resume' row; they are used"
                ),
            );
        }

        let record = &mut self.loaded.record;
        match row {
            Line::Run(run) => {
                if run.id != record.run.id {
                    let problem = format!(
                        "a second run, '{}', begins: expected one record a file; this line and all after it are not used",
                        run.id
                    );
                    return Err(Problem::Rest(problem));
                }
                self.once(line, RUN.to_owned())?;
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
                self.once(line, format!("workload {}", workload.workload))?;
                self.loaded.record.workloads.push(workload);
            }
            Line::Round(round) => {
                check_round(&round)?;
                let variant = label(&round.workload, &round.params);
                self.once(line, format!("round {} of {} on {variant}", round.round, round.contender))?;
                self.need(&round.workload, number);
                self.loaded.record.rounds.push(round);
            }
            Line::Hist(hist) => {
                histogram::decode(&hist).map_err(|problem| format!("corrupt 'hist' row: {problem}"))?;
                let variant = label(&hist.workload, &hist.params);
                let Hist { kind, round, contender, .. } = &hist;
                self.once(line, format!("'{kind}' histogram of round {round} of {contender} on {variant}"))?;
                self.need(&hist.workload, number);
                self.loaded.record.hists.push(hist);
            }
            Line::Error(error) => {
                let variant = label(&error.workload, &error.params);
                self.need(&error.workload, number);
                // A round may go wrong in several ways, but not twice in the same words.
                let round = error.round.map_or_else(|| "all rounds".to_owned(), |round| format!("round {round}"));
                let name = format!("error in {round} of {} on {variant} ({})", error.contender, error.reason);
                self.once(line, name)?;
                self.loaded.record.errors.push(error);
            }
            Line::Checkpoint(checkpoint) => record.checkpoint = Some(checkpoint),
            Line::End(end) => {
                record.end = Some(end);
                self.ended = Some(number);
            }
            Line::Resume(resume) => {
                record.end = None;
                record.resumes.push(resume);
            }
        }
        Ok(())
    }

    /// Refuses the second row of a name; the first one stays.
    fn once(&mut self, line: &lines::Line, name: String) -> Result<(), String> {
        let digest = digest(line.text);
        match self.seen.get(&name) {
            Some(Seen { line, digest: first }) => {
                let values = if digest == *first { "the same" } else { "with other values" };
                Err(format!("duplicate: {name} is in line {line} already, {values}; line {line} is used"))
            }
            None => {
                self.seen.insert(name, Seen { line: line.number, digest });
                Ok(())
            }
        }
    }

    /// Notes that this line is of this workload.
    fn need(&mut self, workload: &str, line: usize) {
        match self.needed.get_mut(workload) {
            Some(needed) => needed.rows += 1,
            None => {
                self.needed.insert(workload.to_owned(), Needed { first_line: line, rows: 1 });
            }
        }
    }

    /// What was read. Only now it is known which workloads are not described.
    fn end(mut self) -> Loaded {
        for (workload, Needed { first_line, rows }) in std::mem::take(&mut self.needed) {
            if self.loaded.record.workloads.iter().all(|known| known.workload != workload) {
                self.fault(
                    first_line,
                    format!("no 'workload' row for '{workload}': expected one, {rows} rows from this line on need it"),
                );
            }
        }
        self.loaded.faults.sort_by_key(|fault| fault.line);
        self.loaded
    }
}

/// The name of the first row among those that must be there once.
const RUN: &str = "the 'run' row";

fn digest(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.trim_ascii());
    hasher.finish()
}

/// What is wrong, on one line that can be read: words of the record are in it, which may be anything.
fn one_line(problem: &str) -> String {
    const LONGEST: usize = 400;
    let mut line: String = problem.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() < problem.len() {
        line += " [..]";
    }
    line
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
