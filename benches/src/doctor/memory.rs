//! Whether memory is short. `memory`, `swap`.

use super::finding::Finding;
use crate::kernel_files::KernelFiles;

/// Ten thousand threads with touched stacks, Go's heap and the harness, with room: untuned.
const AVAILABLE_WANTED: u64 = 1 << 30;
/// Below this, children are likely to be killed.
const AVAILABLE_LEAST: u64 = 256 << 20;

/// What there is, in bytes.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What can be had without swapping.
    pub available: Result<u64, String>,
    /// What is swapped out.
    pub swapped: Result<u64, String>,
}

impl Facts {
    /// This machine's.
    pub fn read(files: &KernelFiles) -> Facts {
        let of = |name: &str| {
            let text = files.field("/proc/meminfo", name)?;
            let kib: Option<u64> = text.split_whitespace().next().and_then(|number| number.parse().ok());
            kib.map(|kib| kib.saturating_mul(1024)).ok_or(format!("/proc/meminfo says '{text}' of {name}"))
        };
        let swapped = of("SwapTotal").and_then(|total| Ok(total.saturating_sub(of("SwapFree")?)));
        Facts { available: of("MemAvailable"), swapped }
    }
}

/// What they mean.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    vec![available(&facts.available), swap(&facts.swapped)]
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

fn available(available: &Result<u64, String>) -> Finding {
    let bytes = match available {
        Ok(bytes) => *bytes,
        Err(reason) => return Finding::unknown("memory", reason),
    };
    let text = format!("{} available", mib(bytes));
    let advice = "the workloads with ten thousand tasks may be killed for it: end what takes memory";
    let finding = if bytes < AVAILABLE_LEAST {
        Finding::bad("memory", text, advice)
    } else if bytes < AVAILABLE_WANTED {
        Finding::warn("memory", text, advice)
    } else {
        Finding::ok("memory", text)
    };
    finding.with("available_bytes", bytes)
}

fn swap(swapped: &Result<u64, String>) -> Finding {
    let finding = match swapped {
        Err(reason) => return Finding::unknown("swap", reason),
        Ok(0) => Finding::ok("swap", "none in use"),
        // Pages that were swapped out long ago do no harm where they are; pressure on memory tells whether any come back.
        Ok(bytes) => Finding::note("swap", format!("{} in use", mib(*bytes)))
            .advise("harmless if pressure_memory is quiet; swapoff -a makes sure"),
    };
    finding.with("swapped_bytes", swapped.clone().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{doctor::finding::Severity, kernel_files::made_of};

    #[test]
    fn little_memory_is_a_warning_and_almost_none_bad() {
        let severity = |bytes| available(&Ok(bytes)).severity;
        assert_eq!([8 << 30, 512 << 20, 100 << 20].map(severity), [Severity::Ok, Severity::Warn, Severity::Bad]);
    }

    #[test]
    fn swap_in_use_is_named() {
        let text = "MemTotal:  8000000 kB\nMemAvailable:  4000000 kB\nSwapTotal:  2048 kB\nSwapFree:  1024 kB\n";
        let (_root, files) = made_of(&[("/proc/meminfo", text)]);
        let facts = Facts::read(&files);
        assert_eq!((facts.available.clone(), facts.swapped.clone()), (Ok(4_096_000_000), Ok(1 << 20)));
        assert_eq!(swap(&facts.swapped).found, "1 MiB in use");
        let (_root, files) = made_of(&[]);
        assert!(findings(&Facts::read(&files)).iter().all(|finding| finding.severity == Severity::Note));
    }
}
