//! Floors: what the work takes without a scheduler, and how much faster than that a contender is.

use super::{Analysis, Measured, Ratio, Variant};

/// The floor of a variant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Floor<'a> {
    /// Its name: `serial`.
    pub(crate) name: &'a str,
    pub(crate) measured: &'a Measured,
    /// Whether it took turns with the variant's contenders. If not, it is that of the same work with another number of workers, of
    /// which sequential code uses one.
    pub(crate) same_rounds: bool,
}

impl Analysis {
    /// The floor of this variant, if one was measured.
    pub(crate) fn floor(&self, variant: &Variant) -> Option<Floor<'_>> {
        let same_work = |other: &&Variant| {
            let rest = |variant: &Variant| {
                let mut params = variant.params.clone();
                params.remove("workers");
                params
            };
            other.workload.workload == variant.workload.workload && rest(other) == rest(variant)
        };
        let candidates = || self.variants.iter().filter(same_work);
        let own = candidates().filter(|other| other.params == variant.params);
        own.chain(candidates()).find_map(|other| {
            let (name, measured) = other.floors.iter().find_map(|cell| Some((&cell.contender, cell.measured()?)))?;
            Some(Floor { name, measured, same_rounds: other.params == variant.params })
        })
    }
}

impl Floor<'_> {
    /// How many times as fast as the floor these figures are; without an interval where they share no rounds.
    pub(crate) fn speed_up(&self, measured: &Measured) -> Option<Ratio> {
        if self.same_rounds {
            return Ratio::paired(&self.measured.rounds, &measured.rounds, |round| round.value);
        }
        let estimate = self.measured.median / measured.median;
        let rounds = self.measured.rounds.len().min(measured.rounds.len());
        estimate.is_finite().then_some(Ratio { estimate, interval: None, level: 0.95, p: None, rounds })
    }
}
