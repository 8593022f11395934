//! `doctor`: whether this machine is fit to measure, and what to do about it.

use std::io::{self, Write};

use clap::Args;
use serde_json::json;

use super::exit::Exit;
use crate::{
    doctor::{self, Finding, Severity},
    kernel_files::KernelFiles,
};

/// Says whether this machine is fit to measure, and what to do about it
///
/// Examples:
///   schedbench doctor
///   schedbench doctor --json | jq '.findings[] | select(.severity == "warn") | .id'
///
/// It takes about two seconds, in which one core is kept busy and a child of each contender is started.
/// A check is ok, a note (a fact, or something that cannot be found out here), a warn (figures will be
/// wider or fewer) or bad (a run now would be UNSOUND).
///
/// --json writes one object: "schema" is "schedbench-doctor/1", "verdict" the worst severity, and
/// "findings" a list of objects with "id" (stable), "severity" (ok, note, warn, bad), "found" (a sentence),
/// "advice" (a sentence or null) and "values" (figures by name, units in the names; a share is from 0 to 1).
///
/// Exit codes: 0, or 4 if anything is bad.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Doctor {
    /// Writes JSON for programs
    #[arg(long)]
    json: bool,
}

/// The length of a line of text.
const WIDTH: usize = 110;

impl Doctor {
    pub fn execute(self) -> anyhow::Result<Exit> {
        let mut findings = doctor::glance(&KernelFiles::here());
        findings.extend(doctor::measure());
        let verdict = doctor::verdict(&findings);
        let mut out = io::stdout().lock();
        if self.json {
            let all = json!({"schema": "schedbench-doctor/1", "verdict": verdict, "findings": findings});
            writeln!(out, "{all:#}")?;
        } else {
            write!(out, "{}", as_text(&findings))?;
        }
        Ok(if verdict == Severity::Bad { Exit::Unsound } else { Exit::Pass })
    }
}

/// Says on stderr what is wrong, as far as that can be told at once: a line each.
pub fn warn() {
    let findings = doctor::glance(&KernelFiles::here());
    let wrong: Vec<_> = findings.iter().filter(|finding| finding.severity >= Severity::Warn).collect();
    for finding in &wrong {
        eprintln!("{}: {}: {}", finding.severity.word(), finding.id, finding.found);
    }
    if !wrong.is_empty() {
        eprintln!("(schedbench doctor says what to do)");
    }
}

/// A table: a line or more for each finding, with the advice below it, and the verdict.
fn as_text(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.id.len()).max().unwrap_or(0);
    let indent = " ".repeat("warn".len() + width + 4);
    let mut text = String::new();
    for Finding { id, severity, found, advice, .. } in findings {
        let head = format!("{:4}  {id:width$}  ", severity.word());
        text += &wrapped(&head, &indent, found);
        if let Some(advice) = advice {
            text += &wrapped(&format!("{indent}-> "), &format!("{indent}   "), advice);
        }
    }
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let verdict = match (count(Severity::Bad), count(Severity::Warn)) {
        (0, 0) => "fit to measure".to_owned(),
        (0, 1) => "one warning: usable, but figures may be wider than they could be".to_owned(),
        (0, warnings) => format!("{warnings} warnings: usable, but figures may be wider than they could be"),
        (bad, _) => format!("not fit to measure now ({bad} bad): a run would be UNSOUND"),
    };
    text + "\n" + &verdict + "\n"
}

/// `text` after `head`, over several lines where it is long; all but the first begin with `indent`.
fn wrapped(head: &str, indent: &str, text: &str) -> String {
    let mut lines = vec![head.to_owned()];
    let mut empty = true;
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is a first one");
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("{indent}{word}"));
            continue;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_advice_below_and_the_verdict_last() {
        let findings = [
            Finding::ok("cores", "2 usable"),
            Finding::warn("clock_source", "hpet", &"a long sentence about what to do ".repeat(5)),
        ];
        let text = as_text(&findings);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["ok    cores         2 usable", "warn  clock_source  hpet"]);
        assert!(lines[2].starts_with("                    -> a long sentence"), "{text}");
        assert!(lines[3].starts_with("                       "), "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(lines.last().unwrap().starts_with("one warning"));
        let bad = [Finding::bad("steal", "9 % stolen", "come back later")];
        assert!(as_text(&bad).ends_with("not fit to measure now (1 bad): a run would be UNSOUND\n"));
    }
}
