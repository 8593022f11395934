//! Files in which the kernel tells facts: `/proc`, `/sys`, cgroups. Each reader takes them from here, so that it can be tested with the
//! files of another machine; what cannot be read is a reason, in words for a record or a report.

use std::{fs, io, path::PathBuf};

/// The kernel's files below a root.
#[derive(Clone, Debug)]
pub struct KernelFiles {
    root: PathBuf,
}

impl KernelFiles {
    /// Those of this machine.
    pub fn here() -> KernelFiles {
        KernelFiles { root: PathBuf::from("/") }
    }

    /// Those of a folder that looks like the root of a machine.
    #[cfg(test)]
    pub fn below(root: &std::path::Path) -> KernelFiles {
        KernelFiles { root: root.to_owned() }
    }

    /// The text of a file, without white space around it.
    ///
    /// # Errors
    /// Why there is none: the file is not there, may not be read, or is empty.
    pub fn read(&self, path: &str) -> Result<String, String> {
        let text = fs::read_to_string(self.root.join(path.trim_start_matches('/')));
        match text.map(|text| text.trim().to_owned()) {
            Ok(text) if text.is_empty() => Err(format!("{path} is empty")),
            Ok(text) => Ok(text),
            Err(error) => Err(reason(path, &error)),
        }
    }

    /// The number that is all of a file's text.
    ///
    /// # Errors
    /// As [`KernelFiles::read`], or it is no whole number.
    pub fn number(&self, path: &str) -> Result<u64, String> {
        let text = self.read(path)?;
        text.parse().map_err(|_| format!("{path} says '{text}', which is no number"))
    }

    /// The value after `name:` or `name` in a file of such lines, up to the end of the line.
    ///
    /// # Errors
    /// As [`KernelFiles::read`], or no line begins so.
    pub fn field(&self, path: &str, name: &str) -> Result<String, String> {
        let text = self.read(path)?;
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        value.map(|value| value.trim_start_matches(':').trim().to_owned()).ok_or(format!("{path} has no line '{name}'"))
    }
}

/// What it means that a file of the kernel's cannot be read.
pub fn reason(path: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("there is no {path} here"),
        io::ErrorKind::PermissionDenied => format!("{path} may not be read"),
        // A kernel that was built with a sensor and started without it: /proc/pressure with psi=0.
        io::ErrorKind::Unsupported => format!("{path} is switched off in this kernel"),
        _ => format!("{path} cannot be read: {error}"),
    }
}

/// A machine made of files.
#[cfg(test)]
pub fn made_of(files: &[(&str, &str)]) -> (tempfile::TempDir, KernelFiles) {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let files = KernelFiles::below(root.path());
    (root, files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_a_reason() {
        let (_root, files) =
            made_of(&[("/proc/empty", "\n"), ("/proc/text", "Name:\tx\nThreads:\t7\n"), ("/proc/n", "12\n")]);
        assert_eq!(files.read("/proc/none"), Err("there is no /proc/none here".to_owned()));
        assert_eq!(files.read("/proc/empty"), Err("/proc/empty is empty".to_owned()));
        assert_eq!(files.field("/proc/text", "Threads"), Ok("7".to_owned()));
        assert_eq!(files.field("/proc/text", "Colour"), Err("/proc/text has no line 'Colour'".to_owned()));
        assert_eq!(files.number("/proc/n"), Ok(12));
        assert!(files.number("/proc/text").unwrap_err().contains("no number"));
        let refused = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(reason("/proc/x", &refused), "/proc/x may not be read");
    }
}
