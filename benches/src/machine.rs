//! What the machine is: the facts that decide timings, for the record. What cannot be found out is `None` with a reason.

use std::{collections::BTreeMap, fs, path::Path, process::Command, thread};

use reports::record::{Git, Machine};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use crate::hash::hash;

/// The machine that this process runs on.
pub fn machine() -> Machine {
    let kinds =
        RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()).with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(kinds).ok();
    let mut missing = BTreeMap::new();
    let mut known = |fact: &str, value: Option<String>, reason: &str| {
        if value.is_none() {
            missing.insert(fact.to_owned(), reason.to_owned());
        }
        value
    };

    let first_cpu = system.as_ref().and_then(|system| system.cpus().first());
    let brand = first_cpu.map(|cpu| cpu.brand().trim().to_owned()).filter(|brand| !brand.is_empty());
    let cpu = brand.unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = cores();
    let kernel = System::kernel_version().unwrap_or_else(|_| "unknown".to_owned());
    let virt = known("virt", virtualisation(), "neither the kernel nor the CPU says whether there is a hypervisor");
    let governor = known("governor", governor(), "the kernel shows no CPU frequency governor");
    let rustc = Some(env!("SCHEDBENCH_RUSTC").to_owned()).filter(|version| !version.is_empty());
    let rustc = known("rustc", rustc, "the compiler did not say its version when schedbench was built");
    let load_1m = System::load_average().ok().map(|load| load.one);
    if load_1m.is_none() {
        known("load_1m", None, "the operating system has no load average");
    }
    let key = hash(&[&cpu, &cores.to_string(), &kernel, virt.as_deref().unwrap_or("unknown")]);
    Machine {
        key: format!("{key:016x}"),
        cpu,
        cores,
        os: System::long_os_version().unwrap_or_else(|_| std::env::consts::OS.to_owned()),
        kernel,
        virt,
        memory_bytes: system.as_ref().map_or(0, System::total_memory),
        governor,
        load_1m,
        rustc,
        missing,
    }
}

/// Cores that this process may use: affinity and cgroup quota count.
pub fn cores() -> u64 {
    thread::available_parallelism().map_or(1, |cores| cores.get() as u64)
}

/// The revision of the source that this program was built from, if the source is still there and is a git work tree.
pub fn git() -> Option<Git> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let git = |args: &[&str]| {
        let output = Command::new("git").arg("-C").arg(source).args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    Some(Git { rev: git(&["rev-parse", "HEAD"])?, dirty: !git(&["status", "--porcelain"])?.is_empty() })
}

fn governor() -> Option<String> {
    read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
}

/// The hypervisor by its own name where the firmware says it, `unnamed hypervisor` where only the CPU shows that there is one,
/// `none` on bare metal, and nothing where that cannot be told.
fn virtualisation() -> Option<String> {
    if let Some(kind) = read("/sys/hypervisor/type") {
        return Some(kind);
    }
    // Set by every hypervisor that follows the convention of CPUID leaf 1, bit 31 of ECX; only x86 has such a flag.
    let cpuinfo = read("/proc/cpuinfo")?;
    let flags = cpuinfo.lines().find_map(|line| line.strip_prefix("flags"))?;
    if !flags.split_whitespace().any(|flag| flag == "hypervisor") {
        return Some("none".to_owned());
    }
    let named = ["sys_vendor", "product_name"].map(|file| read(&format!("/sys/class/dmi/id/{file}")));
    let named: Vec<String> = named.into_iter().flatten().collect();
    Some(if named.is_empty() { "unnamed hypervisor".to_owned() } else { named.join(" ") })
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_stable() {
        assert_eq!(machine().key, machine().key);
    }

    #[test]
    fn what_is_missing_has_a_reason() {
        let machine = machine();
        for (fact, value) in [("virt", &machine.virt), ("governor", &machine.governor), ("rustc", &machine.rustc)] {
            assert_eq!(value.is_none(), machine.missing.contains_key(fact), "{fact}");
        }
        assert!(machine.cores > 0 && machine.memory_bytes > 0);
    }
}
