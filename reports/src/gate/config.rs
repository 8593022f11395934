//! `gate.toml`: what it may say, and where it is wrong. Unknown keys are errors: a typing mistake must not switch a gate off.

use std::{
    fmt, fs,
    ops::Range,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::Deserialize;
use toml::Spanned;

use crate::{analysis::label, record::Params};

/// A gate, checked as far as it can be without a record.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file.
    pub path: PathBuf,
    /// How far over its limit a row may be, as a fraction.
    pub tolerance: f64,
    /// The chance of a false alarm over the whole family of rows.
    pub alpha: f64,
    /// Fewest valid rounds that give a verdict.
    pub rounds: usize,
    /// Whether the record of a quick run is accepted.
    pub allow_quick: bool,
    /// The rows, at least one.
    pub rows: Vec<Row>,
}

/// One limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Where it is in the file, from 1.
    pub line: usize,
    /// Which variants.
    pub workload: Selector,
    /// Who must keep it.
    pub contender: String,
    /// By whom its figure is divided.
    pub vs: String,
    /// The largest quotient.
    pub limit: f64,
    /// Of what.
    pub metric: RowMetric,
}

/// What a row limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowMetric {
    /// The workload's own metric.
    #[default]
    Time,
    /// CPU time by operation.
    Cpu,
}

impl fmt::Display for RowMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RowMetric::Time => "time",
            RowMetric::Cpu => "cpu",
        })
    }
}

/// The variants of a workload that have these parameters, among others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// The workload.
    pub workload: String,
    /// The parameters; none selects every variant.
    pub params: Params,
}

impl Selector {
    /// Whether the variant is selected.
    pub fn matches(&self, workload: &str, params: &Params) -> bool {
        self.workload == workload && self.params.iter().all(|(name, value)| params.get(name) == Some(value))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.params.is_empty() {
            true => f.write_str(&self.workload),
            false => f.write_str(&label(&self.workload, &self.params)),
        }
    }
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Selector, String> {
        let expected = || format!("'{text}' selects nothing, expected 'workload' or 'workload{{param=value,..}}'");
        let (workload, list) = match text.split_once('{') {
            None => (text, None),
            Some((workload, list)) => (workload, Some(list.strip_suffix('}').ok_or_else(expected)?)),
        };
        let mut params = Params::new();
        for pair in list.iter().flat_map(|list| list.split(',')) {
            let (name, value) = pair.split_once('=').ok_or_else(expected)?;
            let value = value.trim().parse().map_err(|_| expected())?;
            if name.trim().is_empty() || params.insert(name.trim().to_owned(), value).is_some() {
                return Err(expected());
            }
        }
        let workload = workload.trim().to_owned();
        if workload.is_empty() || workload.contains(char::is_whitespace) {
            return Err(expected());
        }
        Ok(Selector { workload, params })
    }
}

/// Why a gate gives no verdict: exit code 2. Displays as one line that names the file, and the line and the key where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateError {
    /// The gate's file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: Option<usize>,
    /// What is wrong, and what was expected.
    pub problem: String,
}

impl fmt::Display for GateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", self.problem)
    }
}

impl std::error::Error for GateError {}

/// The file as it is written; [`Config`] is what it means.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    tolerance: Option<Spanned<String>>,
    alpha: Option<Spanned<f64>>,
    rounds: Option<Spanned<usize>>,
    #[serde(default)]
    allow_quick: bool,
    #[serde(default)]
    row: Vec<Spanned<RowFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowFile {
    workload: Spanned<String>,
    contender: Spanned<String>,
    vs: Spanned<String>,
    limit: Spanned<f64>,
    #[serde(default)]
    metric: RowMetric,
}

impl Config {
    /// Reads and checks a gate.
    ///
    /// # Errors
    /// The file cannot be read, is no TOML, or says something that cannot be.
    pub fn read(path: &Path) -> Result<Config, GateError> {
        let text = fs::read_to_string(path).map_err(|error| GateError {
            path: path.to_owned(),
            line: None,
            problem: error.to_string(),
        })?;
        Config::parse(path, &text)
    }

    /// As [`read`](Config::read), of a text that was read from `path`.
    ///
    /// # Errors
    /// As for [`read`](Config::read).
    pub fn parse(path: &Path, text: &str) -> Result<Config, GateError> {
        let source = Source { path, text };
        let file: ConfigFile = toml::from_str(text).map_err(|error| source.toml_error(&error))?;

        let tolerance = file.tolerance.map_or(Ok(0.05), |tolerance| {
            percentage(tolerance.get_ref()).ok_or_else(|| {
                let expected = "expected a percentage from 0% to 100%, such as \"5%\"";
                source.error(tolerance.span(), format!("tolerance = \"{}\", {expected}", tolerance.get_ref()))
            })
        })?;
        let alpha = file.alpha.map_or(Ok(0.01), |alpha| match *alpha.get_ref() {
            level if level > 0.0 && level < 0.5 => Ok(level),
            level => Err(source.error(alpha.span(), format!("alpha = {level}, expected a chance between 0 and 0.5"))),
        })?;
        let rounds = file.rounds.map_or(Ok(8), |rounds| match *rounds.get_ref() {
            0 => Err(source.error(rounds.span(), "rounds = 0, expected at least 1".to_owned())),
            number => Ok(number),
        })?;
        if file.row.is_empty() {
            let problem = "no [[row]], expected at least one: a gate without rows passes everything".to_owned();
            return Err(GateError { path: path.to_owned(), line: None, problem });
        }
        let mut rows: Vec<Row> = Vec::new();
        for row in file.row {
            let span = row.span();
            let row = source.row(row)?;
            let same = |known: &&Row| {
                (&known.workload, &known.contender, &known.vs, known.metric)
                    == (&row.workload, &row.contender, &row.vs, row.metric)
            };
            if let Some(known) = rows.iter().find(same) {
                let Row { workload, contender, vs, metric, .. } = &row;
                let what = format!("{metric} of {contender} by {vs} on {workload}");
                return Err(
                    source.error(span, format!("duplicate row: {what} is limited in line {} already", known.line))
                );
            }
            rows.push(row);
        }
        Ok(Config { path: path.to_owned(), tolerance, alpha, rounds, allow_quick: file.allow_quick, rows })
    }
}

/// The text of a gate, to say where something is.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    /// The line of a place, from 1.
    fn line(&self, at: usize) -> usize {
        1 + self.text.as_bytes()[..at.min(self.text.len())].iter().filter(|byte| **byte == b'\n').count()
    }

    /// One line, whatever the user's text in it has.
    fn error(&self, span: Range<usize>, problem: String) -> GateError {
        let problem = problem.replace(|c: char| c.is_control(), " ");
        GateError { path: self.path.to_owned(), line: Some(self.line(span.start)), problem }
    }

    /// toml's own error on one line, with the key of the line that it is about: a wrong type alone does not name it.
    fn toml_error(&self, error: &toml::de::Error) -> GateError {
        let line = error.span().map(|span| self.line(span.start));
        let text = line.and_then(|line| self.text.lines().nth(line - 1)).unwrap_or_default();
        let problem = error.message().replace('\n', "; ");
        let problem = match text.split_once('=') {
            Some((key, _)) if !problem.contains(" field `") => format!("key '{}': {problem}", key.trim()),
            _ => problem,
        };
        GateError { path: self.path.to_owned(), line, problem }
    }

    fn row(&self, row: Spanned<RowFile>) -> Result<Row, GateError> {
        let line = self.line(row.span().start);
        let RowFile { workload, contender, vs, limit, metric } = row.into_inner();
        let selector = workload
            .get_ref()
            .parse()
            .map_err(|problem| self.error(workload.span(), format!("workload: {problem}")))?;
        let peer = match vs.get_ref().strip_prefix("ratio:") {
            Some(peer) if !peer.is_empty() && peer != contender.get_ref() => peer.to_owned(),
            _ => {
                let expected = "expected \"ratio:\" and another contender, such as \"ratio:tokio-mt\"";
                return Err(self.error(vs.span(), format!("vs = \"{}\", {expected}", vs.get_ref())));
            }
        };
        if !(limit.get_ref().is_finite() && *limit.get_ref() > 0.0) {
            return Err(self.error(limit.span(), format!("limit = {}, expected a positive number", limit.get_ref())));
        }
        Ok(Row {
            line,
            workload: selector,
            contender: contender.into_inner(),
            vs: peer,
            limit: limit.into_inner(),
            metric,
        })
    }
}

/// `5%` as 0.05.
fn percentage(text: &str) -> Option<f64> {
    let number: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
    (0.0..=100.0).contains(&number).then_some(number / 100.0)
}
