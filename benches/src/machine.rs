//! What the machine is: the facts that decide timings, for the record. What cannot be found out is `None` with a reason.

use std::{collections::BTreeMap, path::Path, process::Command, thread};

use nix::unistd::{SysconfVar, sysconf};
use reports::record::{Git, Machine};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use crate::{cgroup, cpu_times::allowed_cpus, hash::hash, kernel_files::KernelFiles};

/// Facts with the reasons of those that could not be found out.
struct Known {
    missing: BTreeMap<String, String>,
}

impl Known {
    fn fact<T>(&mut self, name: &str, value: Result<T, String>) -> Option<T> {
        value.map_err(|reason| self.missing.insert(name.to_owned(), reason)).ok()
    }
}

/// The machine that this process runs on.
pub fn machine() -> Machine {
    let files = KernelFiles::here();
    let kinds =
        RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()).with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(kinds).ok();
    let mut known = Known { missing: BTreeMap::new() };

    let first_cpu = system.as_ref().and_then(|system| system.cpus().first());
    let brand = first_cpu.map(|cpu| cpu.brand().trim().to_owned()).filter(|brand| !brand.is_empty());
    let cpu = brand.unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = cores();
    let kernel = System::kernel_version().unwrap_or_else(|_| "unknown".to_owned());
    let virt = known.fact("virt", virtualisation(&files));
    let key = hash(&[&cpu, &cores.to_string(), &kernel, virt.as_deref().unwrap_or("unknown")]);
    let rustc = Some(env!("SCHEDBENCH_RUSTC").to_owned()).filter(|version| !version.is_empty());
    let rustc = rustc.ok_or("the compiler did not say its version when schedbench was built".to_owned());
    Machine {
        key: format!("{key:016x}"),
        cpu,
        cores,
        os: System::long_os_version().unwrap_or_else(|_| std::env::consts::OS.to_owned()),
        kernel,
        virt,
        memory_bytes: system.as_ref().map_or(0, System::total_memory),
        governor: known.fact("governor", governor(&files)),
        cpus: known.fact("cpus", allowed_cpus(&files).map(|cpus| cpus.len() as u64)),
        quota_cores: known.fact("quota_cores", quota_cores(&files)),
        clock_source: known.fact("clock_source", clock_source(&files)),
        smt: known.fact("smt", smt(&files)),
        boost: known.fact("boost", boost(&files)),
        page_bytes: known.fact("page_bytes", page_bytes()),
        transparent_hugepages: known.fact("transparent_hugepages", transparent_hugepages(&files)),
        load_1m: known.fact("load_1m", load_1m()),
        rustc: known.fact("rustc", rustc),
        missing: known.missing,
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

fn quota_cores(files: &KernelFiles) -> Result<f64, String> {
    cgroup::quota_cores(files)?.ok_or("no cgroup limits the CPU time".to_owned())
}

/// Load average over one minute.
///
/// # Errors
/// The operating system has none.
pub fn load_1m() -> Result<f64, String> {
    System::load_average().map(|load| load.one).map_err(|_| "the operating system has no load average".to_owned())
}

/// What decides the frequency of CPU 0; all have the same, but where somebody took trouble.
///
/// # Errors
/// The kernel does not decide it: mostly the machine is virtual.
pub fn governor(files: &KernelFiles) -> Result<String, String> {
    files.read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
}

/// Where the kernel takes the time from.
///
/// # Errors
/// The kernel does not tell, and why.
pub fn clock_source(files: &KernelFiles) -> Result<String, String> {
    files.read("/sys/devices/system/clocksource/clocksource0/current_clocksource")
}

/// Whether several hardware threads share a core, as far as this kernel sees it: a guest mostly does not.
///
/// # Errors
/// The kernel does not tell, and why.
pub fn smt(files: &KernelFiles) -> Result<bool, String> {
    files.number("/sys/devices/system/cpu/smt/active").map(|active| active != 0)
}

/// Whether CPUs may run faster than their nominal frequency. Intel's driver has a switch of its own.
///
/// # Errors
/// The kernel has neither switch.
pub fn boost(files: &KernelFiles) -> Result<bool, String> {
    let intel = files.number("/sys/devices/system/cpu/intel_pstate/no_turbo").map(|off| off == 0);
    let boost = || files.number("/sys/devices/system/cpu/cpufreq/boost").map(|on| on != 0);
    intel
        .or_else(|_| boost())
        .map_err(|_| "the kernel has no switch for it (intel_pstate/no_turbo, cpufreq/boost)".to_owned())
}

fn page_bytes() -> Result<u64, String> {
    let bytes = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|bytes| u64::try_from(bytes).ok());
    bytes.ok_or("the operating system does not tell".to_owned())
}

/// The chosen one of `always [madvise] never`.
fn transparent_hugepages(files: &KernelFiles) -> Result<String, String> {
    let path = "/sys/kernel/mm/transparent_hugepage/enabled";
    let text = files.read(path)?;
    let chosen = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    chosen.map(|(chosen, _)| chosen.to_owned()).ok_or(format!("{path} says '{text}', which is not known"))
}

/// The hypervisor by its own name where the firmware says it, `unnamed hypervisor` where only the CPU shows that there is one,
/// and `none` on bare metal.
///
/// # Errors
/// It cannot be told.
pub fn virtualisation(files: &KernelFiles) -> Result<String, String> {
    if let Ok(kind) = files.read("/sys/hypervisor/type") {
        return Ok(kind);
    }
    // Set by every hypervisor that follows the convention of CPUID leaf 1, bit 31 of ECX; only x86 has such a flag.
    let untold = || "neither the kernel nor the CPU says whether there is a hypervisor".to_owned();
    let flags = files.field("/proc/cpuinfo", "flags").map_err(|_| untold())?;
    if !flags.split_whitespace().any(|flag| flag == "hypervisor") {
        return Ok("none".to_owned());
    }
    let named = ["sys_vendor", "product_name"].map(|file| files.read(&format!("/sys/class/dmi/id/{file}")));
    let named: Vec<String> = named.into_iter().flatten().collect();
    Ok(if named.is_empty() { "unnamed hypervisor".to_owned() } else { named.join(" ") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_files::made_of;

    #[test]
    fn the_key_is_stable() {
        assert_eq!(machine().key, machine().key);
    }

    #[test]
    fn what_is_missing_has_a_reason() {
        let machine = serde_json::to_value(machine()).unwrap();
        for (fact, value) in machine.as_object().unwrap() {
            assert_eq!(value.is_null(), machine["missing"].get(fact).is_some(), "{fact}");
        }
        assert!(machine["cores"].as_u64() > Some(0) && machine["memory_bytes"].as_u64() > Some(0));
    }

    #[test]
    fn facts_of_bare_metal_are_read() {
        let (_root, files) = made_of(&[
            ("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu tsc\n"),
            ("/sys/devices/system/cpu/intel_pstate/no_turbo", "1\n"),
            ("/sys/devices/system/cpu/smt/active", "1\n"),
            ("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
        ]);
        assert_eq!(virtualisation(&files).as_deref(), Ok("none"));
        assert_eq!((boost(&files), smt(&files)), (Ok(false), Ok(true)));
        assert_eq!(transparent_hugepages(&files).as_deref(), Ok("madvise"));
    }

    #[test]
    fn a_machine_without_such_files_gives_reasons() {
        let (_root, files) = made_of(&[]);
        assert!(virtualisation(&files).is_err() && governor(&files).is_err() && clock_source(&files).is_err());
        assert!(boost(&files).is_err() && smt(&files).is_err() && transparent_hugepages(&files).is_err());
    }
}
