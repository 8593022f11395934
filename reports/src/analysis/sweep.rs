//! Which parameter of a workload is swept: one that takes three values or more while the others stay.

use std::collections::BTreeMap;

use super::Variant;
use crate::record::Params;

/// Fewer values are told by bars.
const VALUES_AT_LEAST: usize = 3;
/// The parameter of open-loop workloads: how much of what they could take they are offered. 0 is a closed loop, which is no load.
pub(crate) const LOAD: &str = "load_percent";

/// A workload's sweep.
pub(crate) struct Sweep<'a> {
    pub(crate) param: &'a str,
    /// All values that the parameter takes, rising.
    pub(crate) values: Vec<u64>,
    /// The variants of each setting of the other parameters, by rising value.
    pub(crate) groups: Vec<Vec<&'a Variant>>,
}

impl<'a> Sweep<'a> {
    /// The sweep that has the most of these variants of one workload, if there is any; `workers` is the last choice.
    pub(crate) fn of(variants: &[&'a Variant]) -> Option<Sweep<'a>> {
        let names = variants.first()?.params.keys();
        let sweeps = names.filter_map(|param| Sweep::over(variants, param));
        sweeps.max_by_key(|sweep| (sweep.groups.iter().map(Vec::len).sum::<usize>(), sweep.param != "workers"))
    }

    fn over(variants: &[&'a Variant], param: &'a str) -> Option<Sweep<'a>> {
        let mut groups: BTreeMap<Params, BTreeMap<u64, &'a Variant>> = BTreeMap::new();
        for variant in variants {
            let mut others = variant.params.clone();
            match others.remove(param) {
                None => {}
                Some(0) if param == LOAD => {}
                Some(value) => {
                    groups.entry(others).or_default().insert(value, variant);
                }
            }
        }
        groups.retain(|_, variants| variants.len() >= VALUES_AT_LEAST && !are_kinds(variants.keys().copied()));
        let mut values: Vec<u64> = groups.values().flat_map(|variants| variants.keys().copied()).collect();
        values.sort_unstable();
        values.dedup();
        let groups: Vec<Vec<&Variant>> =
            groups.into_values().map(|variants| variants.into_values().collect()).collect();
        (!groups.is_empty()).then_some(Sweep { param, values, groups })
    }

    /// Whether the variant is a point of the sweep.
    pub(crate) fn has(&self, variant: &Variant) -> bool {
        self.groups.iter().flatten().any(|swept| std::ptr::eq(*swept, variant))
    }

    /// Whether the variant is the last point of its curve.
    pub(crate) fn ends_with(&self, variant: &Variant) -> bool {
        self.groups.iter().any(|group| group.last().is_some_and(|last| std::ptr::eq(*last, variant)))
    }
}

/// Whether these are names of kinds rather than amounts, between which a line would say something that is not so: 0, 1, 2 and so on.
fn are_kinds(values: impl Iterator<Item = u64>) -> bool {
    values.zip(0..).all(|(value, number)| value == number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Analysis;
    use crate::page::fixture;

    /// The first workload of the fixture, with variants of these parameters.
    fn analysis(variants: &[&[(&str, u64)]]) -> Analysis {
        let mut analysis = fixture::analysis();
        let one = analysis.variants[0].clone();
        let variant = |params: &&[(&str, u64)]| Variant {
            params: params.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
            ..one.clone()
        };
        analysis.variants = variants.iter().map(variant).collect();
        analysis
    }

    fn sweep(analysis: &Analysis) -> Option<(String, Vec<u64>, Vec<usize>)> {
        let sweep = Sweep::of(&analysis.variants.iter().collect::<Vec<_>>())?;
        Some((sweep.param.to_owned(), sweep.values, sweep.groups.iter().map(Vec::len).collect()))
    }

    #[test]
    fn three_values_are_a_sweep_and_two_are_not() {
        let two = analysis(&[&[("pairs", 1), ("workers", 1)], &[("pairs", 100), ("workers", 1)]]);
        assert_eq!(sweep(&two), None);
        let four = analysis(&[&[("workers", 4)], &[("workers", 1)], &[("workers", 2)], &[("workers", 3)]]);
        assert_eq!(sweep(&four), Some(("workers".to_owned(), vec![1, 2, 3, 4], vec![4])));
    }

    #[test]
    fn what_is_not_swept_is_left_to_bars() {
        let analysis = analysis(&[
            &[("capacity", 0), ("producers", 1)],
            &[("capacity", 1), ("producers", 1)],
            &[("capacity", 128), ("producers", 1)],
            &[("capacity", 128), ("producers", 4)],
        ]);
        assert_eq!(sweep(&analysis), Some(("capacity".to_owned(), vec![0, 1, 128], vec![3])));
        let sweep = Sweep::of(&analysis.variants.iter().collect::<Vec<_>>()).unwrap();
        let swept: Vec<bool> = analysis.variants.iter().map(|variant| sweep.has(variant)).collect();
        assert_eq!(swept, [true, true, true, false]);
        assert!(sweep.ends_with(&analysis.variants[2]) && !sweep.ends_with(&analysis.variants[1]));
    }

    #[test]
    fn kinds_of_work_are_not_joined_by_a_line() {
        assert_eq!(sweep(&analysis(&[&[("mode", 0)], &[("mode", 1)], &[("mode", 2)]])), None);
        assert_eq!(sweep(&analysis(&[&[("select", 0)], &[("select", 2)], &[("select", 8)]])).unwrap().1, [0, 2, 8]);
    }

    #[test]
    fn a_closed_loop_is_no_load() {
        let closed = analysis(&[&[("load_percent", 0)], &[("load_percent", 10)], &[("load_percent", 50)]]);
        assert_eq!(sweep(&closed), None);
    }
}
