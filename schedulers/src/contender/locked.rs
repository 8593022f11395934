//! The versions of the libraries that are linked, read from the workspace's `Cargo.lock`, so that a report cannot name
//! another version than the one that ran.

const LOCK: &str = include_str!("../../../Cargo.lock");

/// The locked version of `package`.
///
/// # Panics
/// If `Cargo.lock` does not list it: then this crate does not link it either.
pub(super) fn version(package: &str) -> String {
    find(LOCK, package).unwrap_or_else(|| panic!("Cargo.lock has no package '{package}'")).to_owned()
}

/// Looks `package` up in the text of a lock file: in each `[[package]]`, Cargo writes `version` right after `name`.
fn find<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let mut lines = lock.lines();
    lines.find(|line| quoted(line, "name") == Some(package))?;
    quoted(lines.next()?, "version")
}

/// The value in `key = "value"`.
fn quoted<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"version = 4

[[package]]
name = "rayon"
version = "1.12.0"
dependencies = [
 "rayon-core",
]

[[package]]
name = "rayon-core"
version = "1.13.0"
"#;

    #[test]
    fn finds_the_version_of_exactly_the_package() {
        assert_eq!(find(SAMPLE, "rayon"), Some("1.12.0"));
        assert_eq!(find(SAMPLE, "rayon-core"), Some("1.13.0"));
    }

    #[test]
    fn a_package_that_is_not_there_is_none() {
        assert_eq!(find(SAMPLE, "ray"), None);
        assert_eq!(find(SAMPLE, "tokio"), None);
        assert_eq!(find("name = \"cut\"", "cut"), None);
    }

    #[test]
    fn the_real_lock_file_lists_what_we_link() {
        for package in ["tokio", "rayon", "schedulers"] {
            assert!(version(package).split('.').count() >= 3, "{package}");
        }
    }
}
