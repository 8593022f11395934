//! The parent's end of a child: one process, one request at a time, each with a time limit, each answer checked.
//!
//! Invariants: a [`Child`] is in a process group of its own, so that ctrl-C in a terminal reaches the parent alone; it is killed
//! and reaped, with all that it started, when the value is dropped.

use std::{
    env,
    io::{self, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::PathBuf,
    process::{ChildStdin, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use reports::record::ErrorKind;
use serde::{Deserialize, de::DeserializeOwned};
use workloads::Params;

use super::{
    kernel,
    output::{Output, shorten},
};
use crate::{
    pin::Pin,
    protocol::{Finished, Refused, Request, Slice, Started},
    stop,
};

/// What is started to be a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// This program, with the hidden verb `child`.
    BuiltIn,
    /// Any other program that speaks the protocol; it gets no arguments.
    External {
        /// The program.
        path: PathBuf,
        /// Variables that its environment has besides.
        env: &'static [(&'static str, &'static str)],
    },
    /// A program that is not there, and why: the contender is skipped.
    Absent(String),
}

/// Why a child gave no number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Its own fault: an error row of this kind.
    Cell {
        /// The kind of the row.
        kind: ErrorKind,
        /// Why, with the child's last words.
        reason: String,
    },
    /// The user stopped the run.
    Interrupted,
}

impl Failure {
    fn cell(kind: ErrorKind, reason: impl Into<String>) -> Failure {
        Failure::Cell { kind, reason: reason.into() }
    }
}

/// How long the parent sleeps at most before it looks whether the user asked to stop.
const STOP_CHECK: Duration = Duration::from_millis(50);
/// How often the threads of a child are counted while it warms up. Counted slices are left in peace: it would cost them
/// a wake-up of the parent each time.
const THREAD_CHECK: Duration = Duration::from_millis(1);
/// What another program's CPU clock may differ from the kernel's: `getrusage` is kept in coarser units on some systems.
const CPU_SLACK_NS: u64 = 1_000_000;
/// The longest answer that is read; a histogram is far below.
const ANSWER_MAX: usize = 64 << 20;

/// A running child.
pub struct Child {
    process: std::process::Child,
    stdin: ChildStdin,
    output: Output,
    patience: Duration,
    peak_threads: Option<u64>,
}

impl Child {
    /// Starts `program` and the cell in it, on the CPUs of `pin`. Each request may take as long as `patience`; then the child is killed.
    ///
    /// # Errors
    /// The kind of the error row that the cell gets.
    pub fn start(
        program: &Program,
        contender: &str,
        workload: &str,
        params: &Params,
        patience: Duration,
        pin: Option<Pin>,
    ) -> Result<(Child, Started), Failure> {
        let mut child = Child::spawn(program, contender, patience, pin)
            .map_err(|error| Failure::cell(program.not_started(), format!("cannot start {program}: {error}")))?;
        let request = Request::Start { workload: workload.to_owned(), params: params.clone() };
        let answer: StartAnswer = child.ask(&request, false)?.0;
        let started = match answer {
            StartAnswer::Started(started) if started.ok => started,
            StartAnswer::Refused(refused) if !refused.ok => return Err(child.refused(&refused)),
            _ => return Err(Failure::cell(ErrorKind::WrongAnswer, "answered start with an `ok` that does not fit")),
        };
        let (asked, echoed) = (params.get("workers"), started.config.get("workers"));
        if asked != echoed {
            let text = |value: Option<&u64>| value.map_or_else(|| "nothing".to_owned(), u64::to_string);
            let reason = format!("asked for workers={}, runs with {}", text(asked), text(echoed));
            return Err(Failure::cell(ErrorKind::ConfigMismatch, reason));
        }
        Ok((child, started))
    }

    /// Lets the child run for about `time` and checks what it says: the answer against `expected`, its clocks against the
    /// parent's and the kernel's. Gives the time between request and answer too.
    ///
    /// # Errors
    /// The kind of the error row that the cell gets.
    pub fn slice(
        &mut self,
        time: Duration,
        warmup: bool,
        expected: &dyn Fn(u64) -> String,
    ) -> Result<(Slice, Duration), Failure> {
        let request = Request::Slice { time_ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1), warmup };
        let cpu_before = kernel::cpu_ns_of(self.pid());
        let (slice, took): (Slice, _) = self.ask(&request, warmup)?;
        let cpu = kernel::cpu_ns_of(self.pid()).zip(cpu_before).map(|(now, before)| now.saturating_sub(before));
        self.count_threads();

        let wrong = |reason| Err(Failure::cell(ErrorKind::WrongAnswer, reason));
        if u128::from(slice.ops) > took.as_nanos() {
            // Before the answer is computed for so many: the child may be anybody's program.
            return wrong(format!("says {} operations in {took:?}: its count cannot be right", slice.ops));
        }
        let right = expected(slice.ops);
        if slice.answer != right {
            return wrong(format!("{} operations gave '{}', expected '{right}'", slice.ops, shorten(&slice.answer)));
        }
        let took_ns = took.as_nanos();
        if u128::from(slice.wall_ns) > took_ns {
            let said = slice.wall_ns;
            return wrong(format!("says that a slice of {took_ns} ns took {said} ns: its clock cannot be right"));
        }
        if slice.ops > 0 && slice.wall_ns == 0 {
            return wrong(format!("says that {} operations took no time: its clock cannot be right", slice.ops));
        }
        if let Some(cpu) = cpu.filter(|cpu| slice.cpu_ns > cpu + cpu / 100 + CPU_SLACK_NS) {
            let said = slice.cpu_ns;
            return wrong(format!("says {said} ns of CPU time, the kernel counted {cpu}: its clock cannot be right"));
        }
        Ok((slice, took))
    }

    /// Asks for the rest and waits for the end of the process.
    ///
    /// # Errors
    /// The kind of the error row that the cell gets.
    pub fn finish(mut self) -> Result<(Finished, Option<u64>), Failure> {
        let (finished, _): (Finished, _) = self.ask(&Request::Finish, false)?;
        let asked = Instant::now();
        loop {
            match self.process.try_wait() {
                Ok(Some(status)) if status.success() => break,
                Ok(Some(status)) => return Err(self.crashed(Some(status), "after it had finished")),
                Ok(None) if asked.elapsed() > self.patience => return Err(self.overstayed("exit")),
                Ok(None) if stop::requested() => return Err(Failure::Interrupted),
                Ok(None) => thread::sleep(Duration::from_millis(1)),
                Err(error) => return Err(Failure::cell(ErrorKind::Crash, format!("cannot be waited for: {error}"))),
            }
        }
        Ok((finished.clone(), self.peak_threads.max(finished.threads)))
    }

    fn spawn(program: &Program, contender: &str, patience: Duration, pin: Option<Pin>) -> io::Result<Child> {
        let mut command = program.command(contender)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut process = match pin {
            Some(pin) => pin.around(|| command.spawn())??,
            None => command.spawn()?,
        };
        let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else { unreachable!("all three were asked to be pipes") };
        Ok(Child { process, stdin, output: Output::new(stdout, stderr), patience, peak_threads: None })
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.process.id()).expect("a pid fits in pid_t"))
    }

    fn count_threads(&mut self) {
        self.peak_threads = self.peak_threads.max(kernel::threads(Some(self.pid())));
    }

    /// Sends a request and waits for its answer, which comes with the time that passed. `watch`: counts threads meanwhile.
    fn ask<A: DeserializeOwned>(&mut self, request: &Request, watch: bool) -> Result<(A, Duration), Failure> {
        let mut line = serde_json::to_vec(request).expect("requests are plain data");
        line.push(b'\n');
        let asked = Instant::now();
        if self.stdin.write_all(&line).and_then(|()| self.stdin.flush()).is_err() {
            // Its end of the pipe is closed; what it says of that is on stderr, and in its exit status.
            return Err(self.gone());
        }
        let answer = self.read_line(asked, watch)?;
        let took = asked.elapsed();
        match serde_json::from_slice(&answer) {
            Ok(value) => Ok((value, took)),
            Err(error) => {
                let answer = shorten(&String::from_utf8_lossy(&answer));
                let reason = format!("answered with '{answer}', which is not the protocol: {error}");
                Err(Failure::cell(ErrorKind::WrongAnswer, reason))
            }
        }
    }

    fn read_line(&mut self, asked: Instant, watch: bool) -> Result<Vec<u8>, Failure> {
        loop {
            if let Some(line) = self.output.take_line() {
                return Ok(line);
            }
            if stop::requested() {
                return Err(Failure::Interrupted);
            }
            let left = self.patience.saturating_sub(asked.elapsed());
            if left.is_zero() {
                return Err(self.overstayed("answer"));
            }
            if self.output.pending() > ANSWER_MAX {
                return Err(Failure::cell(ErrorKind::WrongAnswer, "answered with a line without an end"));
            }
            if watch {
                self.count_threads();
            }
            if !self.output.wait(left.min(if watch { THREAD_CHECK } else { STOP_CHECK })) {
                return Err(self.gone());
            }
        }
    }

    fn refused(&self, refused: &Refused) -> Failure {
        match refused.kind.as_str() {
            "n/a" => Failure::cell(ErrorKind::NotApplicable, &refused.reason),
            "skipped" => Failure::cell(ErrorKind::Skipped, &refused.reason),
            _ => Failure::cell(ErrorKind::Crash, format!("did not start: {}", refused.reason)),
        }
    }

    fn overstayed(&mut self, what: &str) -> Failure {
        self.kill();
        let reason = format!("did not {what} within {:.1} s and was killed", self.patience.as_secs_f64());
        Failure::cell(ErrorKind::Hang, reason + &self.output.said())
    }

    /// The child closed its stdin or stdout: mostly it is dead, and its exit status says of what.
    fn gone(&mut self) -> Failure {
        let asked = Instant::now();
        let mut status = None;
        while status.is_none() && asked.elapsed() < Duration::from_millis(500) {
            thread::sleep(Duration::from_millis(1));
            status = self.process.try_wait().ok().flatten();
        }
        self.crashed(status, "before it answered")
    }

    fn crashed(&mut self, status: Option<ExitStatus>, when: &str) -> Failure {
        self.output.drain_stderr();
        let how = match status.map(|status| (status.code(), status.signal())) {
            Some((Some(code), _)) => format!("exited with status {code}"),
            Some((None, Some(number))) => {
                let name = Signal::try_from(number).map_or("unknown", Signal::as_str);
                format!("was killed by signal {number} ({name})")
            }
            _ => "closed its end of the pipe".to_owned(),
        };
        Failure::cell(ErrorKind::Crash, format!("{how} {when}{}", self.output.said()))
    }

    fn kill(&mut self) {
        // The group's number cannot have been given away: the child was not reaped, or `try_wait` says so.
        if let Ok(None) = self.process.try_wait() {
            let _ = killpg(self.pid(), Signal::SIGKILL);
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// [`Started`] or [`Refused`], told apart by their fields.
#[derive(Deserialize)]
#[serde(untagged)]
enum StartAnswer {
    Started(Started),
    Refused(Refused),
}

impl Program {
    /// What it means that the operating system does not start it: someone else's program may be missing, this one may not.
    fn not_started(&self) -> ErrorKind {
        match self {
            Program::BuiltIn => ErrorKind::Crash,
            Program::External { .. } | Program::Absent(_) => ErrorKind::Skipped,
        }
    }

    /// What starts it as a child; `contender` says which, if the program is this one.
    pub(super) fn command(&self, contender: &str) -> io::Result<Command> {
        match self {
            Program::BuiltIn => {
                let mut command = Command::new(own_image()?);
                command.arg0("schedbench").args(["child", contender]);
                Ok(command)
            }
            Program::External { path, env } => {
                let mut command = Command::new(path);
                command.envs(env.iter().copied());
                Ok(command)
            }
            Program::Absent(reason) => Err(io::Error::new(io::ErrorKind::NotFound, reason.clone())),
        }
    }
}

impl std::fmt::Display for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Program::BuiltIn => f.write_str("a copy of this program"),
            Program::External { path, .. } => path.display().fmt(f),
            Program::Absent(_) => f.write_str("it"),
        }
    }
}

/// The program that runs now. On Linux by the kernel's own link, since the file may have been replaced by a build while a
/// run goes on, and a run must not mix two builds.
fn own_image() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { env::current_exe() }
}
