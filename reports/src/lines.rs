//! The lines of a file, one at a time, so that a file of any size takes the memory of its longest line, and that is bounded.

use std::io::{self, BufRead, Read};

/// Bytes of the longest line that is read. The longest row that is ever written is that of a histogram: 0.2 MB, if all of its 27,000
/// counts are different.
pub(crate) const LONGEST_LINE: usize = 16 << 20;

/// One line, without its end.
pub(crate) struct Line<'a> {
    /// From 1.
    pub(crate) number: usize,
    /// What is in it; of one that is too long, the beginning.
    pub(crate) text: &'a [u8],
    /// Whether the file ends with it and without a line end.
    pub(crate) is_cut: bool,
    /// Whether it is longer than [`LONGEST_LINE`].
    pub(crate) is_too_long: bool,
}

/// Reads lines.
pub(crate) struct Lines<R> {
    reader: R,
    /// The line that was read last, with its end.
    line: Vec<u8>,
    number: usize,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn of(reader: R) -> Lines<R> {
        Lines { reader, line: Vec::new(), number: 0 }
    }

    /// The next line that is not blank. What is left of a line that was too long is passed over now and not before: of what is no
    /// record, the first line may never end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            if self.line.len() > LONGEST_LINE && !self.line.ends_with(b"\n") {
                self.reader.skip_until(b'\n')?;
            }
            self.line.clear();
            // One byte more shows that it is too long.
            self.reader.by_ref().take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut self.line)?;
            if self.line.is_empty() {
                return Ok(None);
            }
            self.number += 1;
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        let has_end = self.line.ends_with(b"\n");
        let is_too_long = self.line.len() > LONGEST_LINE && !has_end;
        let text = if has_end { &self.line[..self.line.len() - 1] } else { &self.line[..] };
        Ok(Some(Line { number: self.number, text, is_cut: !has_end && !is_too_long, is_too_long }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number, length, cut and too long of each line.
    fn lines(text: &[u8]) -> Vec<(usize, usize, bool, bool)> {
        let mut lines = Lines::of(text);
        let mut seen = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            seen.push((line.number, line.text.len(), line.is_cut, line.is_too_long));
        }
        seen
    }

    #[test]
    fn blank_lines_are_counted_and_passed_over() {
        assert_eq!(lines(b"a\n\n \r\nbc\r\n\nd"), [(1, 1, false, false), (4, 3, false, false), (6, 1, true, false)]);
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"\n\n"), []);
    }

    #[test]
    fn a_line_that_is_too_long_costs_itself() {
        let mut text = vec![b'x'; LONGEST_LINE];
        text.extend(b"\nb\n");
        assert_eq!(lines(&text), [(1, LONGEST_LINE, false, false), (2, 1, false, false)]);
        text.insert(0, b'x');
        assert_eq!(lines(&text), [(1, LONGEST_LINE + 1, false, true), (2, 1, false, false)]);
        text.truncate(LONGEST_LINE + 1);
        assert_eq!(lines(&text), [(1, LONGEST_LINE + 1, false, true)]);
    }

    #[test]
    fn the_first_line_may_have_no_end() {
        let mut endless = Lines::of(io::BufReader::new(io::repeat(b'x')));
        assert!(endless.next().unwrap().unwrap().is_too_long);
    }
}
