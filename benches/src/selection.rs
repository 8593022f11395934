//! What the user chose, as it was typed: names and numbers have a form, and nothing yet says that they exist.

use std::{path::PathBuf, str::FromStr};

use crate::{contenders, go};

/// What the user chose.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Variants; all if empty.
    pub filters: Vec<String>,
    /// Whether filters are whole names.
    pub exact: bool,
    /// Contenders; all if empty.
    pub contenders: Vec<String>,
    /// Parameters that have the given values instead of the planned ones.
    pub pins: Vec<Pin>,
    /// Other programs that speak the child protocol.
    pub programs: Vec<NamedProgram>,
    /// The Go toolchain; the one on the PATH if not given.
    pub go: Option<PathBuf>,
    /// Contenders without which nothing is run.
    pub require: Vec<String>,
}

/// `name=value`: a parameter that has another value than planned. Several values of one name are a sweep of the user's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The parameter.
    pub name: String,
    /// Its value.
    pub value: u64,
}

impl FromStr for Pin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("expected name=value, such as workers=1")?;
        let value = value.parse().map_err(|_| format!("'{value}' is not a whole number; expected name=value"))?;
        Ok(Pin { name: name.to_owned(), value })
    }
}

/// `NAME=PATH`: a contender that is a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedProgram {
    /// The contender's name.
    pub name: String,
    /// The program.
    pub path: PathBuf,
}

impl FromStr for NamedProgram {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, path) = text.split_once('=').ok_or("expected NAME=PATH")?;
        let built_in = contenders::all().map(|entry| entry.name);
        if built_in.chain(go::ROWS.iter().map(|row| row.name)).any(|taken| taken == name) {
            return Err(format!("'{name}' is a built-in contender; expected another name"));
        }
        Ok(NamedProgram { name: name.to_owned(), path: path.into() })
    }
}
