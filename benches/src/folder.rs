//! Where a run's files are: `target/schedbench/<run>/`, with `target/schedbench/latest` pointing at the newest.
//!
//! Invariants: a folder that is made here is new, unless the user named it; a record is only ever appended to, and is synced
//! after every append, so what was measured survives whatever happens to this process.

use std::{
    env, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process,
    time::SystemTime,
};

use anyhow::{Context, anyhow};
use reports::{Whole, Writer, record::Line};

use crate::utc;

/// The name of the record in its folder.
pub const RECORD: &str = "results.jsonl";

/// The folder of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// The run's name.
    pub id: String,
}

impl Folder {
    /// Makes the folder of a new run: `out`, or one with the run's name under the target directory.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(out: Option<&Path>, seed: u64) -> anyhow::Result<Folder> {
        let id = format!("{}-{seed}", utc::rfc3339(SystemTime::now()).replace(':', "-"));
        if let Some(out) = out {
            fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
            keep_earlier_record(out)?;
            return Ok(Folder { path: out.to_owned(), id });
        }
        let all = schedbench_dir();
        fs::create_dir_all(&all).with_context(|| format!("cannot make the folder {}", all.display()))?;
        // Two runs with the same seed may begin in the same second.
        for attempt in 1.. {
            let id = if attempt == 1 { id.clone() } else { format!("{id}-{attempt}") };
            let path = all.join(&id);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Folder { path, id }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot make the folder {}", path.display()));
                }
            }
        }
        unreachable!("the loop has no end but a return")
    }

    /// The path of the record.
    pub fn record(&self) -> PathBuf {
        self.path.join(RECORD)
    }

    /// Points `latest` at this folder, if it is one of those under the target directory.
    ///
    /// # Errors
    /// The link cannot be made.
    pub fn make_latest(&self) -> anyhow::Result<()> {
        let all = schedbench_dir();
        if self.path.parent() != Some(&all) {
            return Ok(());
        }
        // Made beside and moved over: at no moment is there none.
        let (link, new) = (all.join("latest"), all.join(format!(".latest-{}", process::id())));
        let made = std::os::unix::fs::symlink(&self.id, &new).and_then(|()| fs::rename(&new, &link));
        made.with_context(|| format!("cannot make the link {}", link.display()))
    }
}

/// Nothing measured is ever lost: a record that is in the way is moved aside, not overwritten and not mixed up.
fn keep_earlier_record(out: &Path) -> anyhow::Result<()> {
    let record = out.join(RECORD);
    if !record.exists() {
        return Ok(());
    }
    let free = (1..).map(|number| out.join(format!("results-{number}.jsonl"))).find(|path| !path.exists());
    let kept = free.expect("there are more numbers than files");
    fs::rename(&record, &kept).with_context(|| format!("cannot move {} aside", record.display()))?;
    eprintln!("the earlier record there is now {}", kept.display());
    Ok(())
}

/// `schedbench` in cargo's target directory.
///
/// Cargo starts bench targets in the package's folder and users start the program anywhere, so the current folder says nothing:
/// the program's own path does. A relative `CARGO_TARGET_DIR` was relative to where *cargo* was started.
pub fn schedbench_dir() -> PathBuf {
    let built_in = env::current_exe().ok().and_then(|exe| target_dir_of(&exe));
    let target = match env::var_os("CARGO_TARGET_DIR").map(PathBuf::from).filter(|dir| !dir.as_os_str().is_empty()) {
        Some(dir) if dir.is_absolute() => dir,
        Some(dir) => built_in.filter(|built_in| built_in.ends_with(&dir)).unwrap_or(dir),
        None => built_in.unwrap_or_else(|| PathBuf::from("target")),
    };
    let folder = target.join("schedbench");
    // Programs that work elsewhere are given paths in it.
    std::path::absolute(&folder).unwrap_or(folder)
}

/// The target directory that a program was built in: `<target>/[<triple>/]<profile>/[deps/]<program>`, where cargo keeps
/// what it knows of the compiler in `<target>`, and a tag for backups if it made the folder itself.
fn target_dir_of(exe: &Path) -> Option<PathBuf> {
    let marks = [".rustc_info.json", "CACHEDIR.TAG"];
    exe.ancestors().skip(1).find(|dir| marks.iter().any(|mark| dir.join(mark).is_file())).map(Path::to_owned)
}

/// The record of a run that goes on: batches of lines, each safe on the disk before the run goes on.
#[derive(Debug)]
pub struct Journal {
    writer: Writer,
    path: PathBuf,
}

impl Journal {
    /// Begins a record in a file that must not exist.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path) -> anyhow::Result<Journal> {
        let writer = Writer::create(path).with_context(|| format!("cannot make the record {}", path.display()))?;
        Ok(Journal { writer, path: path.to_owned() })
    }

    /// Opens the record of a run that goes on. Nothing is changed yet.
    ///
    /// # Errors
    /// It is not there, may not be written, or is being written by a run that still goes on.
    pub fn reopen(path: &Path) -> anyhow::Result<Journal> {
        let writer = Writer::reopen(path).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => anyhow!("cannot resume {}: that run still goes on", path.display()),
            _ => anyhow!(error).context(format!("cannot open the record {}", path.display())),
        })?;
        Ok(Journal { writer, path: path.to_owned() })
    }

    /// How much of the record is whole.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn whole(&mut self) -> anyhow::Result<Whole> {
        self.writer.whole().with_context(|| format!("cannot read the record {}", self.path.display()))
    }

    /// Cuts off the rest.
    ///
    /// # Errors
    /// The operating system's.
    pub fn cut(&mut self, whole: Whole) -> anyhow::Result<()> {
        self.writer.cut(whole).with_context(|| format!("cannot write the record {}", self.path.display()))
    }

    /// Appends lines and waits until they are on the disk.
    ///
    /// # Errors
    /// They cannot be written: a full disk, mostly.
    pub fn append(&mut self, lines: &[Line]) -> anyhow::Result<()> {
        let written = lines.iter().try_for_each(|line| self.writer.append(line)).and_then(|()| self.writer.sync());
        written.with_context(|| format!("cannot write the record {}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_in_the_way_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        for text in ["first", "second", "third"] {
            let folder = Folder::create(Some(&out), 7).unwrap();
            Journal::create(&folder.record()).unwrap();
            fs::write(folder.record(), text).unwrap();
        }
        let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
        assert_eq!([read("results-1.jsonl"), read("results-2.jsonl"), read(RECORD)], ["first", "second", "third"]);
    }

    /// The go toolchain works in the folder of its sources, where a relative path would be another one.
    #[test]
    fn what_is_kept_is_at_a_path_that_is_the_same_from_everywhere() {
        assert!(schedbench_dir().is_absolute());
    }

    #[test]
    fn the_target_directory_is_found_from_the_program() {
        let dir = tempfile::tempdir().unwrap();
        let deps = dir.path().join("release/deps");
        fs::create_dir_all(&deps).unwrap();
        assert_eq!(target_dir_of(&deps.join("suite-1")), None);
        fs::write(dir.path().join("CACHEDIR.TAG"), "").unwrap();
        assert_eq!(target_dir_of(&deps.join("suite-1")), Some(dir.path().to_owned()));
    }
}
