//! `--pin`: the CPUs that children run on.
//!
//! A child has its affinity before its first instruction: the parent's one thread that starts children takes it over for as long as
//! that takes, and children inherit it. The parent itself, which waits while a child is on turn, is left where it was.
//!
//! Only Linux lets a process do so; a [`Pin`] cannot be made elsewhere.

use std::{fmt, io, str::FromStr};

#[cfg(target_os = "linux")]
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

/// CPUs as the user names them: `0,1`, `0-3` or `0-1,4`. In ascending order, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cpus(Vec<usize>);

impl FromStr for Cpus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected CPUs such as 0,1 or 0-3";
        // What a kernel's set of CPUs has room for (`CONFIG_NR_CPUS` of the large distributions is 8192, glibc's `cpu_set_t` 1024).
        const MOST: usize = 1024;
        let number = |text: &str| text.parse::<usize>().map_err(|_| EXPECTED.to_owned());
        let mut cpus = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(format!("'{part}' has no CPUs; {EXPECTED}"));
            }
            if last >= MOST {
                return Err(format!("there is no CPU {last}; {EXPECTED}"));
            }
            cpus.extend(first..=last);
        }
        cpus.sort_unstable();
        cpus.dedup();
        Ok(Cpus(cpus))
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(usize::to_string).collect();
        f.write_str(&names.join(","))
    }
}

/// CPUs that this process may run children on.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug)]
pub struct Pin {
    cpus: CpuSet,
    /// Where the calling thread was before.
    home: CpuSet,
}

#[cfg(target_os = "linux")]
impl Pin {
    /// Checks the CPUs: the kernel is asked for them, and says what it gave.
    ///
    /// # Errors
    /// One does not exist, or may not be used.
    pub fn new(cpus: &Cpus) -> anyhow::Result<Pin> {
        let home = sched_getaffinity(SELF)?;
        let mut asked = CpuSet::new();
        cpus.0.iter().try_for_each(|&cpu| asked.set(cpu))?;
        let pin = Pin { cpus: asked, home };
        // It refuses a set with no usable CPU, and takes the usable ones of any other without a word.
        let granted = pin.around(|| sched_getaffinity(SELF)).and_then(|granted| Ok(numbers(&granted?)));
        let refused: Vec<usize> = match granted {
            Ok(granted) => cpus.0.iter().copied().filter(|cpu| !granted.contains(cpu)).collect(),
            Err(_) => cpus.0.clone(),
        };
        anyhow::ensure!(
            refused.is_empty(),
            "--pin {cpus}: CPU {} does not exist or may not be used; this process runs on {}",
            Cpus(refused),
            Cpus(numbers(&home))
        );
        Ok(pin)
    }

    /// The CPUs, in ascending order.
    pub fn cpus(&self) -> Vec<u64> {
        numbers(&self.cpus).into_iter().map(|cpu| cpu as u64).collect()
    }

    /// Calls `start` on these CPUs: what it starts stays there.
    ///
    /// # Errors
    /// The kernel's, if it refuses them.
    pub fn around<T>(&self, start: impl FnOnce() -> T) -> io::Result<T> {
        sched_setaffinity(SELF, &self.cpus)?;
        let started = start();
        sched_setaffinity(SELF, &self.home)?;
        Ok(started)
    }
}

/// The calling thread.
#[cfg(target_os = "linux")]
const SELF: Pid = Pid::from_raw(0);

#[cfg(target_os = "linux")]
fn numbers(set: &CpuSet) -> Vec<usize> {
    (0..CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false)).collect()
}

/// Nothing here: there is none.
#[cfg(not(target_os = "linux"))]
#[derive(Clone, Copy, Debug)]
pub enum Pin {}

#[cfg(not(target_os = "linux"))]
impl Pin {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn new(cpus: &Cpus) -> anyhow::Result<Pin> {
        anyhow::bail!("--pin {cpus}: this operating system does not let a process choose its CPUs; it works on Linux")
    }

    /// The CPUs, in ascending order.
    pub fn cpus(&self) -> Vec<u64> {
        match *self {}
    }

    /// Calls `start` on these CPUs.
    ///
    /// # Errors
    /// None, since it cannot be called.
    pub fn around<T>(&self, _start: impl FnOnce() -> T) -> io::Result<T> {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_are_named_one_by_one_or_in_ranges() {
        let cpus = |text: &str| text.parse::<Cpus>().map(|cpus| cpus.to_string());
        assert_eq!(cpus("0"), Ok("0".to_owned()));
        assert_eq!(cpus("3,0-1,1"), Ok("0,1,3".to_owned()));
        for wrong in ["", "a", "1-", "-1", "2-1", "0,", "0..2", "99999", "0-4294967296"] {
            assert!(cpus(wrong).unwrap_err().contains("such as 0,1 or 0-3"), "{wrong}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_calling_thread_comes_home() {
        let home = sched_getaffinity(SELF).unwrap();
        let first = numbers(&home)[0];
        let pin = Pin::new(&Cpus(vec![first])).unwrap();
        assert_eq!(pin.around(|| numbers(&sched_getaffinity(SELF).unwrap())).unwrap(), [first]);
        assert_eq!((sched_getaffinity(SELF).unwrap(), pin.cpus()), (home, vec![first as u64]));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_cpu_that_is_not_there_is_named() {
        let home = sched_getaffinity(SELF).unwrap();
        let first = numbers(&home)[0];
        for cpus in [vec![1023], vec![first, 1023]] {
            let error = Pin::new(&Cpus(cpus)).unwrap_err().to_string();
            assert!(error.contains("CPU 1023 does not exist") && !error.contains('\n'), "{error}");
        }
        assert_eq!(sched_getaffinity(SELF).unwrap(), home);
    }
}
