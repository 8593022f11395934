//! The memory that this process has right now, and what a task takes of it.
//!
//! Linux tells the pages that a process has touched in two places. `VmRSS` in `/proc/self/status` is a sum of counters that each CPU keeps for itself,
//! and before Linux 6.16 it may be off by some 64 pages a CPU, which is more than a thousand futures take. `Rss` in `/proc/self/smaps_rollup`
//! is counted page by page when it is asked for, so it is taken from there. The tables that map the pages (`VmPTE`) are beside them: they are
//! an eighth of what a sparse stack takes.
//!
//! Neither has what the kernel keeps for a thread: its stack there (16 KiB) and its descriptors.

use std::fs;

/// Pages in memory and the tables that map them; `None` if the kernel does not say.
pub(crate) fn resident_bytes() -> Option<u64> {
    let pages = field(&fs::read_to_string("/proc/self/smaps_rollup").ok()?, "Rss:")?;
    let tables = field(&fs::read_to_string("/proc/self/status").ok()?, "VmPTE:")?;
    Some(pages + tables)
}

/// The bytes of a line such as `Rss:   1804 kB`.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The slope of the line that comes nearest to `points` by least squares; `None` if they have no two different abscissas.
pub(crate) fn slope(points: &[(u64, u64)]) -> Option<f64> {
    let mean =
        |of: fn(&(u64, u64)) -> u64| points.iter().map(|point| of(point) as f64).sum::<f64>() / points.len() as f64;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let (mut covariance, mut variance) = (0.0, 0.0);
    for &(x, y) in points {
        covariance += (x as f64 - mean_x) * (y as f64 - mean_y);
        variance += (x as f64 - mean_x).powi(2);
    }
    (variance > 0.0).then(|| covariance / variance)
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn the_slope_is_that_of_the_line_whatever_is_there_anyway() {
        let line = |x: u64| (x, 1_000_000 + 345 * x);
        let is = |points: &[(u64, u64)], right: f64| assert!((slope(points).unwrap() - right).abs() < 1e-9);
        is(&[line(1), line(2), line(7)], 345.0);
        is(&[(1, 10), (2, 12), (3, 11), (4, 13)], 0.8);
        is(&[(1, 13), (2, 11)], -2.0);
    }

    #[test]
    fn one_reading_or_none_has_no_slope() {
        assert_eq!((slope(&[]), slope(&[(1, 2)]), slope(&[(1, 2), (1, 3)])), (None, None, None));
    }

    #[test]
    fn lines_are_found_by_their_names() {
        let text = "VmRSS:\t    1804 kB\nRss:                1800 kB\nThreads:\t1\n";
        assert_eq!((field(text, "Rss:"), field(text, "VmRSS:")), (Some(1800 * 1024), Some(1804 * 1024)));
        assert_eq!((field(text, "Threads:"), field(text, "VmPTE:")), (None, None));
    }

    #[test]
    fn memory_that_is_touched_is_seen() {
        const BYTES: usize = 256 << 20;
        let before = resident_bytes().expect("Linux says");
        let touched = black_box(vec![1u8; BYTES]);
        let after = resident_bytes().expect("Linux says");
        drop(touched);
        // Half: the tests beside this one give memory back meanwhile.
        assert!(after > before + BYTES as u64 / 2, "{before}, {after}");
    }
}
