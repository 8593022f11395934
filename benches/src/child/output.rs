//! What a child says: answers on stdout, a line each, and anything on stderr, of which the end is kept for error rows.
//!
//! Both pipes are read on the parent's one thread, and only when there is something: nothing of the parent runs beside a slice,
//! and a child that talks on stderr is not blocked by a full pipe while it is on turn.

use std::{
    io::Read,
    os::fd::AsFd,
    process::{ChildStderr, ChildStdout},
    time::Duration,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How much of stderr is kept.
const STDERR_KEPT: usize = 4096;

/// The output of a child.
#[derive(Debug)]
pub struct Output {
    stdout: ChildStdout,
    /// `None` when the child has closed it.
    stderr: Option<ChildStderr>,
    /// What came on stdout and has not been taken.
    unread: Vec<u8>,
    last_words: Vec<u8>,
}

impl Output {
    /// Of a child that has just been started.
    pub fn new(stdout: ChildStdout, stderr: ChildStderr) -> Output {
        Output { stdout, stderr: Some(stderr), unread: Vec::new(), last_words: Vec::new() }
    }

    /// The next line of stdout, if all of it is there.
    pub fn take_line(&mut self) -> Option<Vec<u8>> {
        let end = self.unread.iter().position(|&byte| byte == b'\n')?;
        let mut line: Vec<u8> = self.unread.drain(..=end).collect();
        line.pop();
        Some(line)
    }

    /// Bytes of a line that is not all there.
    pub fn pending(&self) -> usize {
        self.unread.len()
    }

    /// Waits until there is something to read, reads it, and says whether stdout is still open.
    pub fn wait(&mut self, at_most: Duration) -> bool {
        let flags = PollFlags::POLLIN;
        let mut fds = vec![PollFd::new(self.stdout.as_fd(), flags)];
        fds.extend(self.stderr.as_ref().map(|stderr| PollFd::new(stderr.as_fd(), flags)));
        // Rounded up: a rest of less than a millisecond must not become a busy loop.
        let timeout = PollTimeout::try_from(at_most + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
        if poll(&mut fds, timeout).is_err() {
            return true;
        }
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(true)).collect();
        let mut chunk = [0; 16 * 1024];
        if ready.get(1) == Some(&true) {
            let read = self.stderr.as_mut().map_or(0, |stderr| stderr.read(&mut chunk).unwrap_or(0));
            if read == 0 {
                self.stderr = None;
            }
            self.last_words.extend_from_slice(&chunk[..read]);
            let excess = self.last_words.len().saturating_sub(STDERR_KEPT);
            self.last_words.drain(..excess);
        }
        if ready[0] {
            let read = self.stdout.read(&mut chunk).unwrap_or(0);
            self.unread.extend_from_slice(&chunk[..read]);
            return read > 0;
        }
        true
    }

    /// Reads what is left on stderr, without waiting.
    pub fn drain_stderr(&mut self) {
        while let Some(stderr) = &self.stderr {
            let mut fds = [PollFd::new(stderr.as_fd(), PollFlags::POLLIN)];
            if !poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0) {
                return;
            }
            self.wait(Duration::ZERO);
        }
    }

    /// The end of stderr on one line, as the tail of a sentence.
    pub fn said(&self) -> String {
        let text = String::from_utf8_lossy(&self.last_words);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let last = lines[lines.len().saturating_sub(4)..].join(" | ");
        if last.is_empty() { String::new() } else { format!("; it said: {}", shorten(&last)) }
    }
}

/// A text on one line and not too long.
pub fn shorten(text: &str) -> String {
    const KEPT: usize = 300;
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if clean.chars().count() <= KEPT { clean } else { clean.chars().take(KEPT).collect::<String>() + "..." }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn output_of(script: &str) -> Output {
        let mut command = Command::new("sh");
        let mut child =
            command.args(["-c", script]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("there is a sh");
        let mut output = Output::new(child.stdout.take().unwrap(), child.stderr.take().unwrap());
        while output.wait(Duration::from_secs(1)) {}
        child.wait().unwrap();
        output.drain_stderr();
        output
    }

    #[test]
    fn lines_come_whole_and_in_order() {
        let mut output = output_of("printf 'one\\ntwo\\nthr'");
        assert_eq!(output.take_line().unwrap(), b"one");
        assert_eq!(output.take_line().unwrap(), b"two");
        assert_eq!(output.take_line(), None);
        assert_eq!(output.pending(), 3);
    }

    #[test]
    fn the_end_of_stderr_is_kept_however_much_there_was() {
        let output = output_of(
            "i=0; while [ $i -lt 20000 ]; do echo 'a line of noise' >&2; i=$((i+1)); done; echo 'last words' >&2",
        );
        assert!(output.last_words.len() <= STDERR_KEPT);
        assert!(output.said().ends_with("last words"), "{}", output.said());
        assert_eq!(output_of("true").said(), "");
    }
}
