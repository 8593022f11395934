//! Parameters: whole numbers with a range and a default; and the variants of a workload that are planned.

use std::collections::BTreeMap;

use crate::workload::Info;

/// The parameters of one variant of a workload. Whole numbers only; a switch is 0 or 1, and units are in the names.
pub type Params = BTreeMap<String, u64>;

/// One parameter of a workload.
#[derive(Clone, Copy, Debug)]
pub struct ParamSpec {
    /// Its name, with its unit if it has one: `tick_us`.
    pub name: &'static str,
    /// What it means, in a line.
    pub about: &'static str,
    /// The smallest value allowed.
    pub min: u64,
    /// The largest value allowed.
    pub max: u64,
    /// The value that it takes when none is given.
    pub default: u64,
}

/// A parameter that cannot be: the message names it, what was given and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// The workload has no parameter of this name.
    #[error("{workload} has no parameter '{name}'; it has {known}{hint}")]
    Unknown {
        /// The workload.
        workload: String,
        /// What was given.
        name: String,
        /// Those it has, separated by commas.
        known: String,
        /// "; did you mean 'x'?", or nothing.
        hint: String,
    },
    /// The value is out of range.
    #[error("{workload}: {name}={value} is out of range, expected {min} to {max}")]
    OutOfRange {
        /// The workload.
        workload: String,
        /// The parameter.
        name: String,
        /// What was given.
        value: u64,
        /// The smallest allowed.
        min: u64,
        /// The largest allowed.
        max: u64,
    },
}

/// `workers`, the parameter that every workload has: how many tasks may execute at the same time.
pub(crate) const WORKERS: ParamSpec =
    ParamSpec { name: "workers", about: "tasks that may execute at the same time", min: 1, max: 256, default: 1 };

/// The worker counts that a variant is run with unless it names one.
const PLANNED_WORKERS: [u64; 2] = [1, 2];

/// How much of a workload a plan has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// [`Info::variants`], each with the worker count that it names, or with 1 and 2 workers.
    #[default]
    Default,
    /// [`Info::full`] as well, and all with 1 and 2 workers.
    Full,
}

/// Completes `given` with the defaults of the workload that `info` describes.
///
/// # Errors
/// A name that the workload does not have, or a value out of its range.
pub fn resolve(info: &Info, given: &Params) -> Result<Params, ParamError> {
    if let Some(name) = given.keys().find(|name| info.params.iter().all(|spec| spec.name != *name)) {
        let known: Vec<_> = info.params.iter().map(|spec| spec.name).collect();
        return Err(ParamError::Unknown {
            workload: info.name.to_owned(),
            name: name.clone(),
            hint: hint(name, known.iter().copied()),
            known: known.join(", "),
        });
    }
    let value_of = |spec: &ParamSpec| {
        let value = given.get(spec.name).copied().unwrap_or(spec.default);
        if (spec.min..=spec.max).contains(&value) {
            return Ok((spec.name.to_owned(), value));
        }
        Err(ParamError::OutOfRange {
            workload: info.name.to_owned(),
            name: spec.name.to_owned(),
            value,
            min: spec.min,
            max: spec.max,
        })
    };
    info.params.iter().map(value_of).collect()
}

/// The variants that a plan runs; each is complete.
pub fn plan(info: &Info, extent: Extent) -> Vec<Params> {
    let more = if extent == Extent::Full { info.full } else { &[] };
    let mut variants = Vec::new();
    for named in info.variants.iter().chain(more) {
        let own = named.iter().find(|(name, _)| *name == WORKERS.name).filter(|_| extent == Extent::Default);
        for workers in own.map_or(PLANNED_WORKERS.to_vec(), |&(_, workers)| vec![workers]) {
            let mut variant: Params = info.params.iter().map(|spec| (spec.name.to_owned(), spec.default)).collect();
            variant.extend(named.iter().map(|&(name, value)| (name.to_owned(), value)));
            variant.insert(WORKERS.name.to_owned(), workers);
            // Two that name different worker counts are the same in the full plan.
            if !variants.contains(&variant) {
                variants.push(variant);
            }
        }
    }
    variants
}

/// "; did you mean 'x'?" for the name in `known` that is nearest to `given`, or nothing if none is near.
pub fn hint<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = known.into_iter().map(|name| (strsim::damerau_levenshtein(given, name), name)).min();
    match nearest {
        // Half of the letters wrong is no typing error.
        Some((distance, name)) if 2 * distance < name.len().max(given.len()) => format!("; did you mean '{name}'?"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ping_pong::PingPong;
    use crate::workload::Workload;

    const INFO: Info = PingPong::INFO;

    fn params<const N: usize>(given: [(&str, u64); N]) -> Params {
        given.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    #[test]
    fn what_is_left_out_takes_its_default() {
        let resolved = resolve(&INFO, &params([("workers", 2)])).unwrap();
        assert_eq!(resolved, params([("pairs", 1), ("capacity", 1), ("workers", 2), ("hog", 0), ("pipe", 0)]));
    }

    #[test]
    fn an_unknown_name_is_named_with_what_is_near() {
        let error = resolve(&INFO, &params([("worker", 1)])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "ping_pong has no parameter 'worker'; it has pairs, capacity, hog, pipe, workers; did you mean 'workers'?"
        );
        let error = resolve(&INFO, &params([("zzz", 1)])).unwrap_err();
        assert_eq!(error.to_string(), "ping_pong has no parameter 'zzz'; it has pairs, capacity, hog, pipe, workers");
    }

    #[test]
    fn a_value_out_of_range_is_named_with_the_range() {
        let error = resolve(&INFO, &params([("workers", 0)])).unwrap_err();
        assert_eq!(error.to_string(), "ping_pong: workers=0 is out of range, expected 1 to 256");
        assert!(resolve(&INFO, &params([("capacity", 1025)])).is_err());
    }

    #[test]
    fn every_plan_is_complete_and_distinct_and_the_full_one_has_one_and_two_workers() {
        for (info, extent) in crate::ALL.iter().flat_map(|info| [(info, Extent::Default), (info, Extent::Full)]) {
            let variants = plan(info, extent);
            for variant in &variants {
                assert_eq!(resolve(info, variant).as_ref(), Ok(variant), "{}", info.name);
            }
            for workers in [1, 2] {
                let has = variants.iter().any(|variant| variant["workers"] == workers);
                assert!(has || extent == Extent::Default, "{}", info.name);
            }
            let distinct: std::collections::BTreeSet<_> = variants.iter().collect();
            assert_eq!(distinct.len(), variants.len(), "{}", info.name);
        }
    }

    #[test]
    fn every_length_of_a_turn_is_of_a_variant_of_the_full_plan() {
        for info in crate::ALL {
            let mut fits: std::collections::BTreeSet<_> = (0..info.takes.len()).collect();
            for variant in plan(info, Extent::Full) {
                let of = |takes: &crate::Takes| takes.of.iter().all(|&(name, value)| variant[name] == value);
                fits.retain(|&entry| Some(entry) != info.takes.iter().position(of));
            }
            assert!(fits.is_empty(), "{}: no variant has entries {fits:?} of `takes`", info.name);
        }
    }

    #[test]
    fn a_variant_may_name_the_worker_count_of_the_default_plan() {
        let info = Info { variants: &[&[("workers", 2)], &[("pairs", 9)]], full: &[&[("workers", 4)]], ..INFO };
        let workers_and_pairs = |extent| -> Vec<(u64, u64)> {
            plan(&info, extent).iter().map(|variant| (variant["workers"], variant["pairs"])).collect()
        };
        assert_eq!(workers_and_pairs(Extent::Default), [(2, 1), (1, 9), (2, 9)]);
        assert_eq!(workers_and_pairs(Extent::Full), [(1, 1), (2, 1), (1, 9), (2, 9)]);
    }

    proptest! {
        #[test]
        fn a_value_is_accepted_exactly_within_its_range(which in 0..INFO.params.len(), value in 0u64..20_000) {
            let spec = &INFO.params[which];
            let accepted = resolve(&INFO, &params([(spec.name, value)])).is_ok();
            prop_assert_eq!(accepted, spec.min <= value && value <= spec.max);
        }
    }
}
