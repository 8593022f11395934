//! What a check found: its stable name, how bad it is, what is the case, and what to do.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// How bad something is for a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Good to know: a fact that cannot be found out, or that is what it is.
    Note,
    /// Figures will be wider or fewer than they could be.
    Warn,
    /// A run now would be UNSOUND, or could not take place.
    Bad,
}

impl Severity {
    /// As it is printed.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Ok => "ok",
            Severity::Note => "note",
            Severity::Warn => "warn",
            Severity::Bad => "bad",
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The check's name, which never changes its meaning.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is the case, in a line.
    pub found: String,
    /// What to do about it; `None` where nothing can or need be done.
    pub advice: Option<String>,
    /// The figures behind it, units in the names.
    pub values: BTreeMap<String, Value>,
}

impl Finding {
    /// All is well.
    pub fn ok(id: &'static str, found: impl Into<String>) -> Finding {
        Finding { id, severity: Severity::Ok, found: found.into(), advice: None, values: BTreeMap::new() }
    }

    /// Good to know.
    pub fn note(id: &'static str, found: impl Into<String>) -> Finding {
        Finding { severity: Severity::Note, ..Finding::ok(id, found) }
    }

    /// A fact that cannot be found out here, and why.
    pub fn unknown(id: &'static str, reason: &str) -> Finding {
        Finding::note(id, format!("unknown: {reason}"))
    }

    /// Figures will suffer; `advice` says what helps.
    pub fn warn(id: &'static str, found: impl Into<String>, advice: &str) -> Finding {
        Finding { severity: Severity::Warn, advice: Some(advice.to_owned()), ..Finding::ok(id, found) }
    }

    /// No sound run is possible; `advice` says what helps.
    pub fn bad(id: &'static str, found: impl Into<String>, advice: &str) -> Finding {
        Finding { severity: Severity::Bad, ..Finding::warn(id, found, advice) }
    }

    /// The same with advice.
    pub fn advise(self, advice: &str) -> Finding {
        Finding { advice: Some(advice.to_owned()), ..self }
    }

    /// The same with a figure.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Finding {
        self.values.insert(name.into(), value.into());
        self
    }
}

/// A share as people write it.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
