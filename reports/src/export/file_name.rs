//! Names of the record as names of files and folders.
//!
//! A record is a file that anybody may have written: a workload named `../../bin` must not leave the folder of an export, and two names must
//! not become one file.

use std::fmt::Write;

use crate::record::Params;

/// The name with every byte percent-encoded that is not a letter, a digit, or one of `_ - . = ,`; so is a dot in front, and an empty name
/// becomes `%`. Different names stay different.
pub(super) fn safe(name: &str) -> String {
    let mut safe = String::new();
    for (at, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"_-=,".contains(&byte) || (byte == b'.' && at > 0);
        if plain {
            safe.push(char::from(byte));
        } else {
            write!(safe, "%{byte:02x}").expect("a string takes it");
        }
    }
    if safe.is_empty() { "%".to_owned() } else { safe }
}

/// `capacity=0,pairs=1,workers=1`; `-` of none.
pub(super) fn params(params: &Params) -> String {
    let pairs: Vec<String> = params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if pairs.is_empty() { "-".to_owned() } else { pairs.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_if_they_are_harmless() {
        for name in ["ping_pong", "tokio-mt", "2026-11-23T17-04-05Z-7", "capacity=0,pairs=1", "go-1.27"] {
            assert_eq!(safe(name), name);
        }
    }

    #[test]
    fn no_name_leaves_the_folder_or_becomes_another() {
        let names = ["..", ".", "", "%", "a/b", "a_b", "a%2fb", "/etc/passwd", "../x", "\0", "a\nb", "ä", "C:\\x"];
        let mut seen = std::collections::BTreeSet::new();
        for name in names {
            let safe = safe(name);
            assert!(!safe.contains('/') && !safe.starts_with('.') && !safe.is_empty() && safe.is_ascii(), "{safe}");
            assert!(seen.insert(safe), "{name}");
        }
    }
}
