//! A share of a plan, for a run that several machines make together: `2/8` is the second of eight.
//!
//! Invariants: every variant is in exactly one share, with all of its contenders, so that no ratio crosses machines; and the shares
//! depend on nothing but the plan and its schedule, so that machines need not talk to each other.

use std::{cmp::Reverse, fmt, str::FromStr, time::Duration};

use crate::{
    budget,
    plan::{Plan, Variant},
    schedule::Schedule,
};

/// Which share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// From 1.
    number: usize,
    /// How many there are.
    of: usize,
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected i/n, such as 2/8: the second of eight shares";
        // Far more than a plan has variants.
        const MOST: usize = 10_000;
        let (number, of) = text.split_once('/').ok_or(EXPECTED)?;
        let (number, of) = number.parse().ok().zip(of.parse().ok()).ok_or(EXPECTED)?;
        if !(1..=MOST).contains(&of) || !(1..=of).contains(&number) {
            return Err(EXPECTED.to_owned());
        }
        Ok(Partition { number, of })
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl Partition {
    /// Leaves of `plan` what is in this share. The longest variant goes first, each to the share that has the least so far: no share
    /// is then longer than 4/3 of the best possible (Graham, "Bounds on multiprocessing timing anomalies", 1969).
    pub fn take(self, plan: &mut Plan, schedule: &Schedule) {
        let mut longest_first: Vec<(Duration, String)> =
            plan.variants.iter().map(|variant| (budget::variant(variant, schedule), variant.label())).collect();
        // By name where two are the same length.
        longest_first.sort_by_key(|(planned, label)| (Reverse(*planned), label.clone()));
        let mut shares = vec![Duration::ZERO; self.of];
        let mut ours = Vec::new();
        for (planned, label) in longest_first {
            let least = (0..self.of).min_by_key(|&share| shares[share]).unwrap_or(0);
            shares[least] += planned;
            if least + 1 == self.number {
                ours.push(label);
            }
        }
        plan.variants.retain(|variant: &Variant| ours.contains(&variant.label()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use workloads::Extent;

    use super::*;
    use crate::{schedule::Mode, selection::Selection};

    /// Made once: it asks every contender about every variant.
    fn plan() -> &'static Plan {
        static PLAN: LazyLock<Plan> =
            LazyLock::new(|| Plan::new(&Selection { extent: Extent::Full, ..Selection::default() }).unwrap());
        &PLAN
    }

    fn schedule() -> Schedule {
        Schedule::of(Mode::Full, 7)
    }

    fn share(number: usize, of: usize) -> Plan {
        let mut plan = plan().clone();
        Partition { number, of }.take(&mut plan, &schedule());
        plan
    }

    fn labels(plan: &Plan) -> Vec<String> {
        plan.variants.iter().map(Variant::label).collect()
    }

    #[test]
    fn every_variant_is_in_one_share_with_all_of_its_contenders() {
        for of in [1, 2, 3, 8, 100] {
            let shares: Vec<Plan> = (1..=of).map(|number| share(number, of)).collect();
            let mut together: Vec<String> = shares.iter().flat_map(labels).collect();
            let mut all = labels(plan());
            together.sort();
            all.sort();
            assert_eq!(together, all, "of {of}");
            for variant in shares.iter().flat_map(|share| &share.variants) {
                let whole = plan().variants.iter().find(|whole| whole.label() == variant.label()).unwrap();
                assert_eq!((&variant.entrants, &variant.absent), (&whole.entrants, &whole.absent));
            }
        }
    }

    #[test]
    fn shares_are_the_same_each_time_and_keep_the_order_of_the_plan() {
        assert_eq!(labels(&share(2, 3)), labels(&share(2, 3)));
        let all = labels(plan());
        let places: Vec<_> = labels(&share(1, 2)).iter().map(|label| all.iter().position(|l| l == label)).collect();
        assert!(places.is_sorted());
    }

    #[test]
    fn shares_are_balanced_by_planned_time() {
        let whole = budget::plan(plan(), &schedule());
        let longest = plan().variants.iter().map(|one| budget::variant(one, &schedule())).max().unwrap();
        for of in [2, 3, 4] {
            for number in 1..=of {
                let planned = budget::plan(&share(number, of), &schedule());
                assert!(planned <= whole / of as u32 + longest, "{number}/{of}: {planned:?} of {whole:?}");
            }
        }
    }

    #[test]
    fn what_is_no_share_is_refused() {
        assert_eq!("2/8".parse::<Partition>().map(|share| share.to_string()), Ok("2/8".to_owned()));
        for wrong in ["", "2", "0/2", "3/2", "1/0", "-1/2", "1/2/3", "a/b", "1/99999"] {
            assert!(wrong.parse::<Partition>().unwrap_err().contains("i/n"), "{wrong}");
        }
    }
}
