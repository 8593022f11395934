//! Calls that really block: a sleep, a read from a pipe that somebody else answers later, a file that is synced.
//!
//! [`Calls`] owns what they need: a pipe of requests, a pipe of replies and a file for each task, and one thread,
//! outside of every scheduler, that answers. Requests carry the moment at which the answer is due. All answers are
//! due equally long after they were asked for, so the pipe keeps them nearly in order of their due times, and the
//! thread has no need to queue.
//!
//! Each call gives a value that only a call that was really made can give, and [`Call::value`] knows it beforehand.

use std::{
    env,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write},
    os::unix::fs::FileExt,
    path::PathBuf,
    process,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::arithmetic::{leap, walk};

/// How long [`Kind::Sleep`] sleeps.
const SLEEP: Duration = Duration::from_millis(1);
/// How long after a request its answer is due.
const ANSWER_AFTER: Duration = Duration::from_micros(200);
/// What [`Kind::File`] writes, syncs and reads back: a page.
const FILE_BYTES: usize = 4096;
/// The steps of [`Kind::Calculate`]: about 150 us.
const STEPS: u64 = 100_000;

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Sleeps a millisecond.
    Sleep,
    /// Writes a request into a pipe and reads the answer from another; it is sent 200 us later.
    Pipe,
    /// Writes a page of a file, syncs it to the disk, and reads it back.
    File,
    /// Does not block: arithmetic.
    Calculate,
}

/// One call of one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) kind: Kind,
    /// Which call of the item it is.
    pub(crate) number: u64,
}

impl Call {
    /// What [`Calls::make`] must give.
    pub(crate) fn value(self) -> u64 {
        match self.kind {
            Kind::Sleep => 1,
            Kind::Pipe => scramble(self.number),
            Kind::File => sum_of(&page(self.number)),
            Kind::Calculate => leap(self.number, STEPS),
        }
    }
}

/// What calls need; shared by all tasks.
pub(crate) struct Calls {
    epoch: Instant,
    /// `Some` until this is dropped; that it is closed tells the answering thread to end.
    requests: Option<PipeWriter>,
    replies: Vec<PipeReader>,
    files: Vec<File>,
    answering: Option<JoinHandle<()>>,
}

impl Calls {
    /// Opens pipes and files for so many tasks: three descriptors each.
    ///
    /// # Panics
    /// If the operating system refuses one; the message says which.
    pub(crate) fn open(tasks: usize) -> Self {
        let opened = || -> io::Result<Calls> {
            let epoch = Instant::now();
            let (inbox, requests) = io::pipe()?;
            let (mut replies, mut outboxes) = (Vec::new(), Vec::new());
            for _ in 0..tasks {
                let (reply, outbox) = io::pipe()?;
                replies.push(reply);
                outboxes.push(outbox);
            }
            let files = (0..tasks).map(|_| nameless_file()).collect::<io::Result<_>>()?;
            let answering = thread::Builder::new().name("answers".to_owned()).spawn(move || {
                if let Err(error) = answer(epoch, inbox, outboxes) {
                    // Tasks that wait for an answer now find their pipes closed.
                    eprintln!("the thread that answers pipes stopped: {error}");
                }
            })?;
            Ok(Calls { epoch, requests: Some(requests), replies, files, answering: Some(answering) })
        };
        opened().unwrap_or_else(|error| panic!("cannot open pipes and files for {tasks} tasks: {error}"))
    }

    /// Makes the call on the calling thread, and blocks it.
    ///
    /// # Panics
    /// If the operating system refuses it.
    pub(crate) fn make(&self, task: usize, call: Call) -> u64 {
        let made = match call.kind {
            Kind::Sleep => {
                let begin = Instant::now();
                thread::sleep(SLEEP);
                Ok(u64::from(begin.elapsed() >= SLEEP))
            }
            Kind::Pipe => self.ask(task, call.number),
            Kind::File => self.write_sync_read(task, call.number),
            Kind::Calculate => Ok(walk(call.number, STEPS)),
        };
        made.unwrap_or_else(|error| panic!("{call:?} of task {task}: {error}"))
    }

    fn ask(&self, task: usize, number: u64) -> io::Result<u64> {
        let due = self.epoch.elapsed() + ANSWER_AFTER;
        let request = Request { due_ns: u64::try_from(due.as_nanos()).unwrap_or(u64::MAX), task: task as u64, number };
        // Shorter than PIPE_BUF, so it is never mixed with another task's.
        self.requests.as_ref().ok_or(ErrorKind::BrokenPipe)?.write_all(&request.to_bytes())?;
        let mut reply = [0; 8];
        (&self.replies[task]).read_exact(&mut reply)?;
        Ok(u64::from_le_bytes(reply))
    }

    fn write_sync_read(&self, task: usize, number: u64) -> io::Result<u64> {
        let file = &self.files[task];
        file.write_all_at(&page(number), 0)?;
        file.sync_data()?;
        let mut read_back = [0; FILE_BYTES];
        file.read_exact_at(&mut read_back, 0)?;
        Ok(sum_of(&read_back))
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(answering) = self.answering.take() {
            // A panic in it has been printed, and has failed the tasks that waited for answers.
            let _ = answering.join();
        }
    }
}

/// What a task writes into the pipe of requests.
struct Request {
    /// When the answer is due, after the epoch of the [`Calls`].
    due_ns: u64,
    task: u64,
    number: u64,
}

impl Request {
    const BYTES: usize = 24;

    fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (slot, field) in bytes.chunks_exact_mut(8).zip([self.due_ns, self.task, self.number]) {
            slot.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let field = |index: usize| u64::from_le_bytes(std::array::from_fn(|byte| bytes[8 * index + byte]));
        Request { due_ns: field(0), task: field(1), number: field(2) }
    }
}

/// Answers until no task can ask any more.
fn answer(epoch: Instant, mut inbox: PipeReader, mut outboxes: Vec<PipeWriter>) -> io::Result<()> {
    let mut bytes = [0; Request::BYTES];
    loop {
        match inbox.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
        let request = Request::from_bytes(&bytes);
        thread::sleep(Duration::from_nanos(request.due_ns).saturating_sub(epoch.elapsed()));
        outboxes[request.task as usize].write_all(&scramble(request.number).to_le_bytes())?;
    }
}

/// Another number, and another one for each: what a reply to `number` must be.
fn scramble(number: u64) -> u64 {
    leap(number, 1)
}

fn page(number: u64) -> [u8; FILE_BYTES] {
    std::array::from_fn(|index| scramble(number.wrapping_add(index as u64)).to_be_bytes()[0])
}

/// Depends on every byte and on its place.
fn sum_of(page: &[u8]) -> u64 {
    page.iter().fold(0, |sum, &byte| scramble(sum ^ u64::from(byte)))
}

/// An empty file in the directory for temporary files that no longer has a name: whatever ends the process, it goes
/// too.
fn nameless_file() -> io::Result<File> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let name = format!("schedbench-{}-{}", process::id(), NUMBER.fetch_add(1, Relaxed));
    let path: PathBuf = env::temp_dir().join(name);
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path).map_err(named)?;
    fs::remove_file(&path).map_err(named)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn each_kind_gives_the_value_that_is_known_beforehand() {
        let calls = Calls::open(2);
        for kind in [Kind::Sleep, Kind::Pipe, Kind::File, Kind::Calculate] {
            for number in [0, 1, 777] {
                let call = Call { kind, number };
                assert_eq!(calls.make((number % 2) as usize, call), call.value(), "{call:?}");
            }
        }
    }

    #[test]
    fn values_tell_calls_apart() {
        for kind in [Kind::Pipe, Kind::File, Kind::Calculate] {
            assert_ne!(Call { kind, number: 1 }.value(), Call { kind, number: 2 }.value());
        }
    }

    #[test]
    fn an_answer_is_not_there_before_it_is_due_and_waits_overlap() {
        const TASKS: usize = 20;
        let calls = Calls::open(TASKS);
        thread::scope(|scope| {
            for task in 0..TASKS {
                let calls = &calls;
                scope.spawn(move || {
                    let begin = Instant::now();
                    let call = Call { kind: Kind::Pipe, number: task as u64 };
                    assert_eq!(calls.make(task, call), call.value());
                    assert!(begin.elapsed() >= ANSWER_AFTER);
                });
            }
        });
    }

    #[test]
    fn files_have_no_name_that_could_be_left_behind() {
        let calls = Calls::open(1);
        assert_eq!(calls.files[0].metadata().unwrap().nlink(), 0);
    }
}
