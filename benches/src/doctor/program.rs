//! What is measured with, and on what kind of machine. `build`, `virtualisation`.

use super::finding::Finding;
use crate::{kernel_files::KernelFiles, machine};

/// What is known of both.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Whether this program was built with debug assertions.
    pub debug: bool,
    /// The hypervisor, or `none`.
    pub virt: Result<String, String>,
}

impl Facts {
    /// This program's.
    pub fn read(files: &KernelFiles) -> Facts {
        Facts { debug: cfg!(debug_assertions), virt: machine::virtualisation(files) }
    }
}

/// What they mean.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    // No more than a warning: whoever runs a debug build does it to try something out, and a check in CI must be able to.
    let build = if facts.debug {
        let advice = "its figures mean nothing: cargo bench, or cargo run --release -p benches";
        Finding::warn("build", "this is a debug build", advice)
    } else {
        Finding::ok("build", "optimised")
    };
    let virtualisation = match &facts.virt {
        Ok(virt) if virt == "none" => Finding::ok("virtualisation", "none").with("virt", "none"),
        Ok(virt) => Finding::note("virtualisation", virt.clone())
            .advise(
                "waking an idle core costs a trip through the host here; compare only what ran on this kind of machine",
            )
            .with("virt", virt.clone()),
        Err(reason) => Finding::unknown("virtualisation", reason),
    };
    vec![build.with("debug", facts.debug), virtualisation]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    #[test]
    fn a_debug_build_is_a_warning_and_never_worse() {
        let severities = |debug, virt: Result<&str, &str>| {
            let facts = Facts { debug, virt: virt.map(str::to_owned).map_err(str::to_owned) };
            findings(&facts).iter().map(|finding| finding.severity).collect::<Vec<_>>()
        };
        assert_eq!(severities(true, Ok("none")), [Severity::Warn, Severity::Ok]);
        assert_eq!(severities(false, Ok("KVM")), [Severity::Ok, Severity::Note]);
        assert_eq!(severities(false, Err("untold")), [Severity::Ok, Severity::Note]);
    }
}
