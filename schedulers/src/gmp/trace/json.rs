//! The file's format: Chrome's trace events, as a JSON object that is written as it goes. Perfetto's documentation names the fields.
//!
//! Every text that goes in is a constant of gmp, or a number behind a letter: none needs to be escaped, and a test keeps it so.

use std::{
    fmt::Arguments,
    io::{self, BufWriter, Write},
};

/// A row of the timeline: Chrome's process and thread. Perfetto finds a thread by its number alone, whatever its process, so each is used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) process: u64,
    pub(super) thread: u64,
}

/// The value of a detail that is shown beside a slice or a mark.
#[derive(Clone, Copy)]
pub(super) enum Detail {
    Number(u64),
    Text(&'static str),
    /// `P0`, `M3`.
    Named(char, u64),
}

/// Names and values.
pub(super) type Details<'a> = &'a [(&'static str, Detail)];

/// The file.
pub(super) struct Json<W: Write> {
    out: BufWriter<W>,
    /// What stands between the last event and the next.
    before: &'static str,
    origin_ns: u64,
    arrows: u64,
}

/// Nanoseconds since the origin, as the format's microseconds.
struct Micros(u64);

impl std::fmt::Display for Micros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

impl<W: Write> Json<W> {
    /// `origin_ns`: the moment that is 0 in the file.
    pub(super) fn begin(writer: W, origin_ns: u64) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, writer);
        out.write_all(br#"{"displayTimeUnit":"ns","traceEvents":["#)?;
        Ok(Json { out, before: "\n", origin_ns, arrows: 0 })
    }

    fn separate(&mut self) -> io::Result<()> {
        self.out.write_all(std::mem::replace(&mut self.before, ",\n").as_bytes())
    }

    fn since_origin(&self, at_ns: u64) -> Micros {
        Micros(at_ns.saturating_sub(self.origin_ns))
    }

    /// What `name` did in a lane.
    pub(super) fn slice(
        &mut self,
        Lane { process, thread }: Lane,
        name: Arguments<'_>,
        (since_ns, until_ns): (u64, u64),
        details: Details<'_>,
    ) -> io::Result<()> {
        let (since, length) = (self.since_origin(since_ns), Micros(until_ns.saturating_sub(since_ns)));
        self.separate()?;
        write!(
            self.out,
            "{{\"ph\":\"X\",\"name\":\"{name}\",\"pid\":{process},\"tid\":{thread},\"ts\":{since},\"dur\":{length}"
        )?;
        self.details(details)
    }

    /// Something that took no time.
    pub(super) fn mark(
        &mut self,
        Lane { process, thread }: Lane,
        name: &str,
        at_ns: u64,
        details: Details<'_>,
    ) -> io::Result<()> {
        let at = self.since_origin(at_ns);
        self.separate()?;
        write!(
            self.out,
            "{{\"ph\":\"i\",\"s\":\"t\",\"name\":\"{name}\",\"pid\":{process},\"tid\":{thread},\"ts\":{at}"
        )?;
        self.details(details)
    }

    /// From the slice at one place and time to the one that begins at another. Both are in the file already, or come before it in time.
    pub(super) fn arrow(&mut self, from: (Lane, u64), to: (Lane, u64)) -> io::Result<()> {
        self.arrows += 1;
        for (end, (Lane { process, thread }, at_ns)) in [("s\"", from), ("f\",\"bp\":\"e\"", to)] {
            let (at, number) = (self.since_origin(at_ns), self.arrows);
            self.separate()?;
            write!(
                self.out,
                "{{\"ph\":\"{end},\"name\":\"ready\",\"cat\":\"ready\",\"id\":{number},\"pid\":{process},\"tid\":{thread},\"ts\":{at}}}"
            )?;
        }
        Ok(())
    }

    /// What a process is called, and which of several it is.
    pub(super) fn name_process(&mut self, process: u64, name: &str, label: Arguments<'_>) -> io::Result<()> {
        let event = format_args!("\"pid\":{process}");
        self.separate()?;
        write!(self.out, "{{\"ph\":\"M\",\"name\":\"process_name\",{event},\"args\":{{\"name\":\"{name}\"}}}}")?;
        self.separate()?;
        write!(self.out, "{{\"ph\":\"M\",\"name\":\"process_labels\",{event},\"args\":{{\"labels\":\"{label}\"}}}}")?;
        self.separate()?;
        write!(
            self.out,
            "{{\"ph\":\"M\",\"name\":\"process_sort_index\",{event},\"args\":{{\"sort_index\":{process}}}}}"
        )
    }

    /// What a lane is called; lanes stand in the order of their numbers.
    pub(super) fn name_lane(&mut self, Lane { process, thread }: Lane, name: Arguments<'_>) -> io::Result<()> {
        let event = format_args!("\"pid\":{process},\"tid\":{thread}");
        self.separate()?;
        write!(self.out, "{{\"ph\":\"M\",\"name\":\"thread_name\",{event},\"args\":{{\"name\":\"{name}\"}}}}")?;
        self.separate()?;
        write!(self.out, "{{\"ph\":\"M\",\"name\":\"thread_sort_index\",{event},\"args\":{{\"sort_index\":{thread}}}}}")
    }

    fn details(&mut self, details: Details<'_>) -> io::Result<()> {
        let mut before = ",\"args\":{";
        for (name, value) in details {
            match value {
                Detail::Number(number) => write!(self.out, "{before}\"{name}\":{number}")?,
                Detail::Text(text) => write!(self.out, "{before}\"{name}\":\"{text}\"")?,
                Detail::Named(letter, number) => write!(self.out, "{before}\"{name}\":\"{letter}{number}\"")?,
            }
            before = ",";
        }
        self.out.write_all(if details.is_empty() { b"}" } else { b"}}" })
    }

    /// Ends the file; the details are about all of it.
    pub(super) fn end(mut self, details: &[(&str, u64)]) -> io::Result<()> {
        write!(self.out, "\n],\"otherData\":{{\"program\":\"gmp\"")?;
        details.iter().try_for_each(|(name, value)| write!(self.out, ",\"{name}\":{value}"))?;
        writeln!(self.out, "}}}}")?;
        self.out.flush()
    }
}

/// A write a round, as a rule. Untuned.
const BUFFER_BYTES: usize = 64 << 10;
