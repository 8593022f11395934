//! `GMP_DEBUG`: Go's `GODEBUG=schedtrace=1000,scheddetail=1`.
//!
//! | key | value |
//! | --- | --- |
//! | `schedtrace` | milliseconds: so often sysmon prints a line about the runtime to standard error; 0, the default, for never |
//! | `scheddetail` | 1: each time also a line for each P, M and G |
//!
//! The environment is read when a runtime is built. The lines are Go's, to the letter (`schedtrace` in Go 1.27's `proc.go`), so that what reads those reads
//! these; what gmp does not have (a garbage collector) has the value that it has in Go while nothing is going on.

use std::{
    collections::HashMap,
    fmt::{self, Display},
    sync::atomic::Ordering::Relaxed,
};

use super::{
    futex::{NEVER, NOW},
    sched::Sched,
    snapshot::{Goroutine, GoroutineState, Machine, Snapshot},
};

const VARIABLE: &str = "GMP_DEBUG";

/// What is to be printed, and when; sysmon's.
pub(super) struct SchedTrace {
    settings: Settings,
    /// When the first line was printed, which the lines count from, as Go's do.
    began_ns: Option<u64>,
    /// [`NEVER`] if it is off.
    next_ns: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Settings {
    schedtrace_ms: u32,
    scheddetail: bool,
}

impl Settings {
    /// Reads the variable's value; what is wrong with it is left out, and said: a line each.
    fn parse(text: &str) -> (Self, Vec<String>) {
        let (mut settings, mut wrong) = (Settings::default(), Vec::new());
        for setting in text.split(',').map(str::trim).filter(|setting| !setting.is_empty()) {
            let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
            match key {
                "schedtrace" => match value.parse() {
                    Ok(ms) => settings.schedtrace_ms = ms,
                    Err(_) => wrong.push(format!("{setting}: expected milliseconds, from 0 to {}", u32::MAX)),
                },
                "scheddetail" => match value {
                    "0" | "1" => settings.scheddetail = value == "1",
                    _ => wrong.push(format!("{setting}: expected 0 or 1")),
                },
                _ => wrong.push(format!("{key}: unknown; there are schedtrace and scheddetail")),
            }
        }
        (settings, wrong)
    }
}

impl SchedTrace {
    /// As the environment says; what it says wrongly is told on standard error.
    pub(super) fn from_env() -> Self {
        let text = std::env::var_os(VARIABLE).unwrap_or_default();
        let (settings, wrong) = Settings::parse(&text.to_string_lossy());
        wrong.iter().for_each(|wrong| eprintln!("gmp: {VARIABLE}: {wrong}"));
        SchedTrace { settings, began_ns: None, next_ns: if settings.schedtrace_ms == 0 { NEVER } else { NOW } }
    }

    /// sysmon: prints if it is time to; when to come again.
    pub(super) fn look(&mut self, sched: &Sched, now: u64) -> u64 {
        if now >= self.next_ns {
            let began = *self.began_ns.get_or_insert(now);
            let state = State::of(sched, (now - began) / 1_000_000, self.settings.scheddetail);
            // In one piece, so that the lines of several runtimes stay whole. Nobody is left to be told if standard error is closed.
            let _ = std::io::Write::write_all(&mut std::io::stderr().lock(), state.to_string().as_bytes());
            self.next_ns = now + u64::from(self.settings.schedtrace_ms) * 1_000_000;
        }
        self.next_ns
    }
}

/// What a runtime is doing, a moment ago.
struct State {
    ms: u64,
    idle_ps: u32,
    threads: usize,
    spinning: u32,
    idle_ms: usize,
    grq: usize,
    /// The world is stopped, or being stopped.
    stopping: bool,
    ps: Vec<Processor>,
    detail: Option<Detail>,
}

struct Processor {
    tick: u32,
    /// How often it was handed on, or taken: Go counts system calls that took long.
    lost: u64,
    ring: u32,
    m: Option<u64>,
}

struct Detail {
    machines: Vec<Machine>,
    goroutines: Vec<Goroutine>,
}

impl State {
    fn of(sched: &Sched, ms: u64, detailed: bool) -> Self {
        let detail = || Detail { machines: Machine::all(sched), goroutines: Snapshot::of(sched).goroutines };
        let detail = detailed.then(detail);
        let inner = sched.lock();
        let ps = sched.ps.iter().map(|p| Processor {
            tick: p.tick.load(Relaxed),
            lost: p.counters.handoffs.get() + p.counters.retakes.get(),
            ring: p.lrq.ring_len(),
            // SAFETY: Ms live as long as the scheduler.
            m: unsafe { p.m.load(Relaxed).as_ref() }.map(|m| m.id),
        });
        State {
            ms,
            idle_ps: inner.idle_ps.len() as u32,
            threads: inner.threads.count,
            stopping: sched.stops.in_force(),
            spinning: sched.spinning.load(Relaxed),
            idle_ms: inner.idle_ms.len(),
            grq: inner.grq.len(),
            ps: ps.collect(),
            detail,
        }
    }
}

/// Go's way of saying that there is none.
struct OrNil<T>(Option<T>);

impl<T: Display> Display for OrNil<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("nil"),
        }
    }
}

impl Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State { ms, idle_ps, threads, spinning, idle_ms, grq, stopping, ps, detail } = self;
        write!(f, "SCHED {ms}ms: gomaxprocs={} idleprocs={idle_ps} threads={threads}", ps.len())?;
        write!(f, " spinningthreads={spinning} needspinning=0 idlethreads={idle_ms} runqueue={grq}")?;
        let Some(detail) = detail else {
            f.write_str(" [")?;
            ps.iter().try_for_each(|p| write!(f, " {}", p.ring))?;
            f.write_str(" ] schedticks=[")?;
            ps.iter().try_for_each(|p| write!(f, " {}", p.tick))?;
            return f.write_str(" ]\n");
        };
        writeln!(f, " gcwaiting={stopping} nmidlelocked=0 stopwait=0 sysmonwait=false")?;
        for (id, Processor { tick, lost, ring, m }) in ps.iter().enumerate() {
            let status = u32::from(m.is_some()); // Go's _Pidle and _Prunning.
            write!(f, "  P{id}: status={status} schedtick={tick} syscalltick={lost} m={}", OrNil(*m))?;
            writeln!(f, " runqsize={ring} gfreecnt=0 timerslen=0")?;
        }
        detail.fmt(f)
    }
}

impl Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Machine { id, p, g, spins, idle } in &self.machines {
            write!(f, "  M{id}: p={} curg={} mallocing=0 throwing=0 preemptoff= locks=0", OrNil(*p), OrNil(*g))?;
            writeln!(f, " dying=0 spinning={spins} blocked={idle} lockedg=nil")?;
        }
        let executed: HashMap<_, _> = self.machines.iter().filter_map(|m| Some((m.g?, m.id))).collect();
        for Goroutine { id, state, .. } in &self.goroutines {
            // Go's _Grunnable, _Grunning, _Gsyscall, _Gwaiting.
            let (status, reason) = match state {
                GoroutineState::Runnable => (1, ""),
                GoroutineState::Executing => (2, ""),
                GoroutineState::Syscall => (3, ""),
                GoroutineState::Waiting(reason) => (4, reason.as_str()),
            };
            writeln!(f, "  G{id}: status={status}({reason}) m={} lockedm=nil", OrNil(executed.get(id)))?;
        }
        Ok(())
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use crate::gmp::wait_reason::WaitReason;

    fn two_ps() -> State {
        let p = |tick, ring, m| Processor { tick, lost: 3, ring, m };
        State {
            ms: 5,
            idle_ps: 1,
            threads: 4,
            spinning: 0,
            idle_ms: 2,
            grq: 7,
            stopping: false,
            ps: vec![p(1, 0, None), p(5, 2, Some(2))],
            detail: None,
        }
    }

    #[test]
    fn the_line_is_that_of_go() {
        assert_eq!(
            two_ps().to_string(),
            "SCHED 5ms: gomaxprocs=2 idleprocs=1 threads=4 spinningthreads=0 needspinning=0 idlethreads=2 runqueue=7 [ 0 2 ] \
             schedticks=[ 1 5 ]\n"
        );
    }

    #[test]
    fn the_detailed_lines_are_those_of_go() {
        let machine = |id, p, g, idle| Machine { id, p, g, spins: false, idle };
        let goroutine = |id, state| Goroutine { id, state };
        let detail = Detail {
            machines: vec![machine(0, None, None, true), machine(2, Some(1), Some(3), false)],
            goroutines: vec![
                goroutine(1, GoroutineState::Waiting(WaitReason::ChanReceive)),
                goroutine(3, GoroutineState::Executing),
                goroutine(4, GoroutineState::Runnable),
                goroutine(9, GoroutineState::Syscall),
            ],
        };
        let expected = "\
SCHED 5ms: gomaxprocs=2 idleprocs=1 threads=4 spinningthreads=0 needspinning=0 idlethreads=2 runqueue=7 gcwaiting=false nmidlelocked=0 stopwait=0 sysmonwait=false
  P0: status=0 schedtick=1 syscalltick=3 m=nil runqsize=0 gfreecnt=0 timerslen=0
  P1: status=1 schedtick=5 syscalltick=3 m=2 runqsize=2 gfreecnt=0 timerslen=0
  M0: p=nil curg=nil mallocing=0 throwing=0 preemptoff= locks=0 dying=0 spinning=false blocked=true lockedg=nil
  M2: p=1 curg=3 mallocing=0 throwing=0 preemptoff= locks=0 dying=0 spinning=false blocked=false lockedg=nil
  G1: status=4(chan receive) m=nil lockedm=nil
  G3: status=2() m=2 lockedm=nil
  G4: status=1() m=nil lockedm=nil
  G9: status=3() m=nil lockedm=nil
";
        assert_eq!(State { detail: Some(detail), ..two_ps() }.to_string(), expected);
    }

    #[test]
    fn settings_are_separated_by_commas() {
        let settings = |schedtrace_ms, scheddetail| (Settings { schedtrace_ms, scheddetail }, Vec::new());
        assert_eq!(Settings::parse(""), settings(0, false));
        assert_eq!(Settings::parse("schedtrace=1000,scheddetail=1"), settings(1000, true));
        assert_eq!(Settings::parse(" scheddetail=0 , schedtrace=7,"), settings(7, false));
        assert_eq!(Settings::parse("schedtrace=1,schedtrace=2"), settings(2, false), "the last one counts");
    }

    #[test]
    fn each_wrong_setting_is_named_and_the_others_count() {
        let (settings, wrong) =
            Settings::parse("gctrace=1,schedtrace=often,scheddetail=1,schedtrace,scheddetail=2,=,schedtrace=-1");
        assert_eq!(settings, Settings { schedtrace_ms: 0, scheddetail: true });
        assert_eq!(
            wrong,
            [
                "gctrace: unknown; there are schedtrace and scheddetail",
                "schedtrace=often: expected milliseconds, from 0 to 4294967295",
                "schedtrace: expected milliseconds, from 0 to 4294967295",
                "scheddetail=2: expected 0 or 1",
                ": unknown; there are schedtrace and scheddetail",
                "schedtrace=-1: expected milliseconds, from 0 to 4294967295",
            ]
        );
    }
}
