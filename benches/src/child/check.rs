//! Asks a program which cells it can run, before anything is planned: `check` for each, all at once, in one process.
//!
//! The command is optional. A program that does not know it may die, say something else or say nothing, and is then taken to run everything. All requests
//! are written before the first answer is read, and then its stdin is closed, on which every child ends: a program that ignores what it does not
//! know does not have to be waited for.

use std::{
    io::{Read, Write},
    os::unix::process::CommandExt,
    process::{ChildStdin, ChildStdout, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use reports::record::ErrorKind;
use serde::Deserialize;
use workloads::Params;

use super::Program;
use crate::protocol::{Fits, Refused, Request};

/// How long a program may take for all answers; they cost it nothing.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a program does not run a cell: the kind of the row, and the reason.
type Refusal = Option<(ErrorKind, String)>;

/// Which of the cells, each a workload with all of its parameters, `program` refuses; `None` for one that it runs. This program is not asked: the harness knows.
pub fn check(program: &Program, cells: &[(&str, &Params)]) -> Vec<Refusal> {
    let all_run = vec![None; cells.len()];
    match program {
        Program::BuiltIn | Program::Again { .. } => all_run,
        Program::Absent(reason) => vec![Some((ErrorKind::Skipped, reason.clone())); cells.len()],
        Program::External { .. } => match ask(program, cells) {
            Ok(said) => answers(&said, cells.len()).unwrap_or(all_run),
            Err(error) => {
                vec![Some((ErrorKind::Skipped, format!("cannot start {program}: {error}"))); cells.len()]
            }
        },
    }
}

/// All that the program says on stdout; what it has said so far if it takes too long.
fn ask(program: &Program, cells: &[(&str, &Params)]) -> std::io::Result<Vec<u8>> {
    let mut command = program.command("")?;
    let mut process =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0).spawn()?;
    let (Some(stdin), Some(stdout)) = (process.stdin.take(), process.stdout.take()) else {
        unreachable!("both were asked to be pipes")
    };
    let requests = cells.iter().map(|&(workload, params)| {
        let request = Request::Check { workload: workload.to_owned(), params: params.clone() };
        serde_json::to_string(&request).expect("requests are plain data") + "\n"
    });
    let requests: String = requests.collect();
    let (said, whole) = mpsc::channel();
    // A thread for each direction: neither side may fill a pipe that the other does not read. They end with the process.
    thread::spawn(move || write(stdin, &requests));
    thread::spawn(move || said.send(read(stdout)));
    let said = whole.recv_timeout(PATIENCE).unwrap_or_default();
    // The group's number cannot have been given away: the child was not reaped.
    let _ = killpg(Pid::from_raw(i32::try_from(process.id()).expect("a pid fits in pid_t")), Signal::SIGKILL);
    let _ = process.wait();
    Ok(said)
}

fn write(mut stdin: ChildStdin, requests: &str) {
    // A program that has ended does not read.
    let _ = stdin.write_all(requests.as_bytes());
}

fn read(mut stdout: ChildStdout) -> Vec<u8> {
    let mut said = Vec::new();
    let _ = stdout.read_to_end(&mut said);
    said
}

#[derive(Deserialize)]
#[serde(untagged)]
enum CheckAnswer {
    Refused(Refused),
    Fits(Fits),
}

/// `None` if this is not an answer to each of so many requests.
fn answers(said: &[u8], requests: usize) -> Option<Vec<Refusal>> {
    let lines = said.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let answers: Vec<Refusal> = lines
        .map(|line| match serde_json::from_slice(line).ok()? {
            CheckAnswer::Refused(refused) if !refused.ok => match refused.kind.as_str() {
                "n/a" => Some(Some((ErrorKind::NotApplicable, refused.reason))),
                "skipped" => Some(Some((ErrorKind::Skipped, refused.reason))),
                // A mistake of one of the two: `start` will give it as a row.
                _ => Some(None),
            },
            CheckAnswer::Fits(fits) if fits.ok => Some(None),
            _ => None,
        })
        .collect::<Option<_>>()?;
    (answers.len() == requests).then_some(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_to_each_counts() {
        let refusal = br#"{"ok":false,"kind":"n/a","reason":"it has no channels"}"#;
        let not_applicable = Some((ErrorKind::NotApplicable, "it has no channels".to_owned()));
        let both = [b"{\"ok\":true}\n", &refusal[..], b"\n"].concat();
        assert_eq!(answers(&both, 2), Some(vec![None, not_applicable]));
        assert_eq!(answers(&both, 3), None);
        assert_eq!(answers(b"usage: it [--help]\n", 1), None);
        assert_eq!(answers(b"{\"ok\":false}\n", 1), None);
        assert_eq!(answers(br#"{"ok":false,"kind":"start","reason":"no such parameter"}"#, 1), Some(vec![None]));
    }

    #[test]
    fn a_program_that_says_nothing_runs_everything_and_one_that_is_not_there_nothing() {
        let program = |path: &str| Program::External { path: path.into(), env: &[] };
        let params = Params::new();
        let cells = [("ping_pong", &params), ("tight_loop", &params)];
        assert_eq!(check(&program("/bin/true"), &cells), [None, None]);
        assert_eq!(check(&program("/bin/cat"), &cells), [None, None], "it says what it was asked");
        for refused in check(&program("/no/such/program"), &cells) {
            assert!(refused.is_some_and(|(kind, why)| kind == ErrorKind::Skipped && why.contains("/no/such/program")));
        }
    }
}
