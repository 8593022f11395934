//! The contenders `go` and `go-nogc`: one Go program, `schedulers/go`, that is built when somebody wants to run it and a Go toolchain is there.
//!
//! What was built is kept under the target directory, in a folder with the digest of the sources and of the toolchain in its name, so that it is built once and
//! never mixed up. Only the standard library is used, and the build is told to stay off the network.

use std::{
    env, fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    process::{self, Command, Output},
};

use anyhow::bail;
use schedulers::model::Role;

use crate::{child::Program, folder::schedbench_dir, hash::hash, plan::Entrant};

/// A contender that is this program.
pub struct Row {
    /// Its name.
    pub name: &'static str,
    role: Role,
    summary: &'static str,
    env: &'static [(&'static str, &'static str)],
}

/// The contenders that are this program.
pub const ROWS: [Row; 2] = [
    Row {
        name: "go",
        role: Role::Default,
        summary: "Go's goroutines, channels, timers and sockets, GOMAXPROCS = workers; a program of its own, built by a Go toolchain",
        env: &[],
    },
    Row {
        name: "go-nogc",
        role: Role::Tuned,
        summary: "go without garbage collection (GOGC=off) until it has 1 GiB (GOMEMLIMIT)",
        // The limit keeps a long round from taking all of the machine's memory; Go's guide to its collector names the two together.
        env: &[("GOGC", "off"), ("GOMEMLIMIT", "1GiB")],
    },
];

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../schedulers/go");

/// The rows as contenders, not built yet.
pub fn entrants() -> impl Iterator<Item = Entrant> {
    ROWS.iter().map(|row| Entrant {
        name: row.name.to_owned(),
        summary: row.summary.to_owned(),
        role: row.role,
        program: Program::Absent("it was not built".to_owned()),
    })
}

/// Gives those of `entrants` that are Go their program, or the reason why there is none. `named` is the toolchain that the user named.
///
/// # Errors
/// The named toolchain cannot build it: who names one means it.
pub fn build(entrants: &mut [Entrant], named: Option<&Path>) -> anyhow::Result<()> {
    let mut built: Option<Result<PathBuf, String>> = None;
    for entrant in entrants {
        let Some(row) = ROWS.iter().find(|row| row.name == entrant.name) else { continue };
        match built.get_or_insert_with(|| program(named.unwrap_or(Path::new("go")))) {
            Ok(path) => entrant.program = Program::External { path: path.clone(), env: row.env },
            Err(reason) if named.is_some() => bail!("--go: {reason}"),
            Err(reason) => entrant.program = Program::Absent(reason.clone()),
        }
    }
    Ok(())
}

/// The program, built by `go` if it was not before; the error is a sentence for the report.
fn program(go: &Path) -> Result<PathBuf, String> {
    let sources = Path::new(SOURCES);
    if !sources.join("go.mod").is_file() {
        return Err(format!("the Go program's sources are not at {SOURCES}"));
    }
    // What decides the code that comes out, beside the sources.
    let toolchain = match run(go, &["env", "GOVERSION", "GOOS", "GOARCH", "GOAMD64", "GOEXPERIMENT"]) {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
        Ok(output) => return Err(format!("{} env failed: {}", go.display(), said(&output))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let which = if go == Path::new("go") { "on the PATH".to_owned() } else { format!("at {}", go.display()) };
            return Err(format!("no go toolchain {which} (--go PATH names one)"));
        }
        Err(error) => return Err(format!("cannot start {}: {error}", go.display())),
    };
    let files = files(sources).map_err(|error| format!("cannot read {SOURCES}: {error}"))?;
    let texts: Vec<&str> = files.iter().flat_map(|(name, text)| [name.as_str(), text]).chain([&*toolchain]).collect();
    let folder = schedbench_dir().join(format!("go-{:016x}", hash(&texts)));
    let program = folder.join("schedbench-go");
    if program.is_file() {
        return Ok(program);
    }
    let version = toolchain.lines().next().unwrap_or("go");
    eprintln!("building the contender go with {version}");
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make the folder {}: {error}", folder.display()))?;
    // Moved into place when it is whole: others may be building it at this moment, and one of them wins.
    let unfinished = folder.join(format!(".building-{}", process::id()));
    let path = unfinished.to_string_lossy();
    match run(go, &["build", "-buildvcs=false", "-trimpath", "-o", &path, "."]) {
        Ok(output) if output.status.success() => {}
        Ok(output) => return Err(format!("{version} cannot build the Go program: {}", said(&output))),
        Err(error) => return Err(format!("cannot start {}: {error}", go.display())),
    }
    fs::rename(&unfinished, &program).map_err(|error| format!("cannot make {}: {error}", program.display()))?;
    Ok(program)
}

/// Runs the toolchain in the folder of the sources, without the network and whatever the user's own projects say.
fn run(go: &Path, args: &[&str]) -> io::Result<Output> {
    // A path with a folder in it is relative to where the user is.
    let go = if go.components().count() > 1 { env::current_dir()?.join(go) } else { go.to_owned() };
    let mut command = Command::new(go);
    command.args(args).current_dir(SOURCES);
    let settings = [
        ("GOFLAGS", "-mod=mod"),
        ("GOWORK", "off"),
        ("GOTOOLCHAIN", "local"),
        ("GOPROXY", "off"),
        ("CGO_ENABLED", "0"),
    ];
    command.envs(settings);
    // Go wants a cache, and without a home it finds no place for one.
    if ["GOCACHE", "XDG_CACHE_HOME", "HOME"].iter().all(|name| env::var_os(name).is_none()) {
        command.env("GOCACHE", schedbench_dir().join("go-cache"));
    }
    command.output()
}

/// The first lines of what a command complained of, on one line.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.take(3).collect::<Vec<_>>().join("; ")
}

/// What is built, by name, in a fixed order: not the tests.
fn files(sources: &Path) -> io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(sources)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "go.mod" || name.ends_with(".go") && !name.ends_with("_test.go") {
            files.push((name, fs::read_to_string(&path)?));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_are_there_and_tests_are_not_among_them() {
        let files = files(Path::new(SOURCES)).unwrap();
        assert!(files.iter().any(|(name, _)| name == "go.mod") && files.iter().any(|(name, _)| name == "main.go"));
        assert!(!files.iter().any(|(name, _)| name.ends_with("_test.go")));
    }

    #[test]
    fn a_toolchain_that_is_not_there_is_a_reason_and_a_mistake_if_it_was_named() {
        let nowhere = Path::new("/no/such/go");
        assert_eq!(program(nowhere), Err("no go toolchain at /no/such/go (--go PATH names one)".to_owned()));
        let mut rows: Vec<Entrant> = entrants().collect();
        let error = build(&mut rows, Some(nowhere)).unwrap_err().to_string();
        assert!(error.starts_with("--go: ") && error.contains("/no/such/go"), "{error}");
    }

    #[test]
    fn what_is_no_go_is_left_alone() {
        let mut nobody: [Entrant; 0] = [];
        build(&mut nobody, Some(Path::new("/no/such/go"))).unwrap();
    }
}
