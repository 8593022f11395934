//! The cells that are calibrated, and the test contenders that exist only there.
//!
//! Invariant: a test contender has a name that no list knows and cannot be chosen; it is made here and nowhere else.

use std::fmt;

use anyhow::Context;
use schedulers::model::Role;
use workloads::Params;

use crate::{
    child::Program,
    plan::{Entrant, Plan, Variant},
};

/// A contender and a workload, by time per operation: what is injected is time.
#[derive(Debug)]
pub struct Cell {
    /// The contender.
    pub contender: &'static str,
    workload: &'static str,
    workers: u64,
    /// Whether the promised slowdown must be found here.
    pub promised: bool,
}

/// From what is nothing but a loop to what is nothing but luck: a switch without anything else, a message to and fro on one worker and on
/// two, tasks that come and go, and two threads that the kernel places where it likes. The last one's ratio varies by a fifth between
/// rounds, since a process keeps its placement for life; no number of slices helps, and a dozen rounds are too few to promise anything. It is
/// there to see that the test stays honest where the noise is worst. (That fifth: 0.17 to 0.21 with all lengths of a turn, when the suite was designed.)
pub const CELLS: [Cell; 5] = [
    Cell { contender: "gmp", workload: "yield_storm", workers: 1, promised: true },
    Cell { contender: "gmp", workload: "ping_pong", workers: 1, promised: true },
    Cell { contender: "gmp", workload: "ping_pong", workers: 2, promised: true },
    Cell { contender: "gmp", workload: "spawn_join", workers: 1, promised: true },
    Cell { contender: "os-threads", workload: "ping_pong", workers: 2, promised: false },
];

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{{workers={}}}", self.contender, self.workload, self.workers)
    }
}

impl Cell {
    /// The name of the contender's copy that is so much slower.
    pub fn again(&self, slower_percent: u32) -> String {
        match slower_percent {
            0 => format!("{}-again", self.contender),
            percent => format!("{}+{percent}%", self.contender),
        }
    }

    /// Its name in names of files.
    pub fn file_name(&self) -> String {
        format!("{}-{}-{}", self.contender, self.workload, self.workers)
    }

    /// A run of the contender and these copies of it.
    ///
    /// # Errors
    /// The workload is not there any more, or does not know the parameters.
    pub fn plan(&self, slower_percents: &[u32]) -> anyhow::Result<Plan> {
        let info = workloads::ALL.iter().find(|info| info.name == self.workload);
        let info = info.with_context(|| format!("'{}' is no workload", self.workload))?;
        let params = workloads::resolve(info, &Params::from([("workers".to_owned(), self.workers)]))?;
        let entrant = |name: String, summary: String, program| Entrant { name, summary, role: Role::Default, program };
        let itself = entrant(self.contender.to_owned(), format!("{}, as it is", self.contender), Program::BuiltIn);
        let copies = slower_percents.iter().map(|&slower_percent| {
            let summary = match slower_percent {
                0 => format!("{}, as it is, under another name", self.contender),
                percent => format!("{}, and {percent} % of each slice spun away", self.contender),
            };
            let program = Program::Again { contender: self.contender, slower_percent };
            entrant(self.again(slower_percent), summary, program)
        });
        let entrants: Vec<Entrant> = [itself].into_iter().chain(copies).collect();
        let variant = Variant { info, params, entrants: entrants.clone(), absent: Vec::new() };
        Ok(Plan { variants: vec![variant], entrants, workloads: vec![info] })
    }
}

#[cfg(test)]
mod tests {
    use workloads::Metric;

    use super::*;
    use crate::contenders;

    #[test]
    fn every_cell_exists_is_measured_by_time_and_has_turns() {
        for cell in &CELLS {
            let plan = cell.plan(&[0, 10]).unwrap();
            let variant = &plan.variants[0];
            contenders::check_fit(variant.info.name, cell.contender, &variant.params).unwrap();
            assert_eq!((variant.info.metric, variant.info.item_ms), (Metric::TimePerOp, 0), "{cell}");
        }
    }

    #[test]
    fn the_copies_have_names_that_no_contender_has() {
        let plan = CELLS[0].plan(&[0, 3, 10]).unwrap();
        let names: Vec<&str> = plan.entrants.iter().map(|entrant| entrant.name.as_str()).collect();
        assert_eq!(names, ["gmp", "gmp-again", "gmp+3%", "gmp+10%"]);
        assert!(contenders::all().all(|listed| !names[1..].contains(&listed.name)));
    }
}
