//! What is to be run: which variants of which workloads, on which contenders.
//!
//! Invariant: a [`Plan`] can be run as it is. Names, parameters and ranges have been checked, and a contender that a workload
//! cannot be written for is listed with its reason instead of among those that run. Only a floor that there is none of leaves
//! nothing: it is no scheduler that something could be said of.

use anyhow::{anyhow, bail};
use reports::record::ErrorKind;
use schedulers::model::Role;
use workloads::{Info, OpenError, Params};

use crate::{
    child::{Program, check},
    contenders,
    filter::{Filter, hint, label},
    go,
    hash::hash,
    selection::{Pin, Selection},
};

/// A contender of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrant {
    /// Its name in the record.
    pub name: String,
    /// What it is, in a line.
    pub summary: String,
    /// What part it plays.
    pub role: Role,
    /// What is started for it.
    pub program: Program,
}

/// A contender that does not run a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// Its name.
    pub contender: String,
    /// `n/a` or `skipped`.
    pub kind: ErrorKind,
    /// Why, in a sentence.
    pub reason: String,
}

/// One workload with one set of parameters, and who runs it.
#[derive(Clone, Debug)]
pub struct Variant {
    /// The workload.
    pub info: &'static Info,
    /// All of its parameters.
    pub params: Params,
    /// Those who run it.
    pub entrants: Vec<Entrant>,
    /// Those who cannot, and why.
    pub absent: Vec<Absent>,
}

impl Variant {
    /// Its name, `ping_pong{capacity=0,pairs=1,workers=1}`.
    pub fn label(&self) -> String {
        label(self.info.name, &self.params)
    }
}

/// The variants in the order of the report, and all contenders that were chosen.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is run.
    pub variants: Vec<Variant>,
    /// Every contender that was chosen, in the order of legends.
    pub entrants: Vec<Entrant>,
    /// The workloads that were chosen: of the whole plan, also where only a share of it is left.
    pub workloads: Vec<&'static Info>,
}

impl Plan {
    /// Works out what the user's choice means.
    ///
    /// # Errors
    /// A name that does not exist, a parameter out of range, a filter that matches nothing: one line that names it.
    pub fn new(selection: &Selection) -> anyhow::Result<Plan> {
        let entrants = choose_entrants(selection)?;
        let filters: Vec<Filter> =
            selection.filters.iter().map(|text| Filter::parse(text)).collect::<anyhow::Result<_>>()?;
        check_pins_are_known(&selection.pins)?;
        let mut matched = vec![false; filters.len()];
        let mut used = vec![false; selection.pins.len()];
        let mut chosen = Vec::new();
        for info in workloads::ALL {
            for params in variants(info, selection) {
                let hits = filters.iter().map(|filter| filter.matches(info.name, &params, selection.exact));
                let hits: Vec<bool> = hits.collect();
                for (matched, hit) in matched.iter_mut().zip(&hits) {
                    *matched |= hit;
                }
                if !filters.is_empty() && !hits.contains(&true) {
                    continue;
                }
                for (used, pin) in used.iter_mut().zip(&selection.pins) {
                    *used |= params.contains_key(&pin.name);
                }
                chosen.push(enter(info, params, &entrants)?);
            }
        }
        for (filter, _) in filters.iter().zip(&matched).filter(|(_, matched)| !**matched) {
            filter.nothing_matches(selection.exact)?;
        }
        if let Some((pin, _)) = selection.pins.iter().zip(&used).find(|(_, used)| !**used) {
            bail!("-p {}={}: none of the selected workloads has this parameter", pin.name, pin.value);
        }
        ask_programs(&entrants, &mut chosen, &selection.require)?;
        let has_variants = |info: &&Info| chosen.iter().any(|variant| variant.info.name == info.name);
        let workloads = workloads::ALL.iter().filter(has_variants).collect();
        Ok(Plan { variants: chosen, entrants, workloads })
    }

    /// A digest of what is run: the variants in their order, and who runs each.
    pub fn digest(&self) -> String {
        let labels = self.variants.iter().map(Variant::label);
        let entrants =
            self.variants.iter().map(|one| one.entrants.iter().map(|entrant| entrant.name.clone()).collect());
        let texts: Vec<String> =
            labels.zip(entrants).flat_map(|(label, names): (_, Vec<String>)| [label, names.join(",")]).collect();
        format!("{:016x}", hash(&texts.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    /// How many cells there are to run.
    pub fn cells(&self) -> usize {
        self.variants.iter().map(|variant| variant.entrants.len()).sum()
    }
}

/// The name that stands for every contender.
pub const ALL_CONTENDERS: &str = "all";

fn choose_entrants(selection: &Selection) -> anyhow::Result<Vec<Entrant>> {
    let built_in = contenders::all().map(|entry| Entrant {
        name: entry.name.to_owned(),
        summary: entry.summary.to_owned(),
        role: entry.role,
        program: Program::BuiltIn,
    });
    let programs = selection.programs.iter().map(|program| Entrant {
        name: program.name.clone(),
        summary: format!("the program {}", program.path.display()),
        role: Role::Default,
        program: Program::External { path: program.path.clone(), env: &[] },
    });
    let mut all: Vec<Entrant> = built_in.chain(go::entrants()).chain(programs).collect();
    // The order of legends: floors come last.
    all.sort_by_key(|entrant| entrant.role == Role::Floor);
    let named = |name: &str| selection.contenders.iter().any(|given| given == name);
    let names = selection.contenders.iter().filter(|name| *name != ALL_CONTENDERS);
    for name in names.chain(&selection.require) {
        if !all.iter().any(|entrant| entrant.name == *name) {
            bail!("unknown contender '{name}'{}", hint(name, all.iter().map(|entrant| entrant.name.as_str())));
        }
    }
    // Tuned configurations are many and differ little: they run when they are asked for.
    let by_default = |entrant: &Entrant| selection.contenders.is_empty() && entrant.role != Role::Tuned;
    let chosen = |entrant: &Entrant| by_default(entrant) || named(ALL_CONTENDERS) || named(&entrant.name);
    let mut chosen: Vec<Entrant> = all.into_iter().filter(chosen).collect();
    if let Some(name) = selection.require.iter().find(|name| !chosen.iter().any(|entrant| entrant.name == **name)) {
        bail!("--require {name}: it is not among the contenders that were chosen");
    }
    go::build(&mut chosen, selection.go.as_deref())?;
    Ok(chosen)
}

/// Asks each program which of the variants it can run, and strikes it out where it cannot.
///
/// # Errors
/// One that is required cannot run here at all.
fn ask_programs(entrants: &[Entrant], variants: &mut [Variant], required: &[String]) -> anyhow::Result<()> {
    for entrant in entrants {
        let cells: Vec<_> = variants.iter().map(|variant| (variant.info.name, &variant.params)).collect();
        let refusals = check(&entrant.program, &cells);
        for (variant, refused) in variants.iter_mut().zip(refusals) {
            let Some((kind, reason)) = refused else { continue };
            if kind == ErrorKind::Skipped && required.contains(&entrant.name) {
                bail!("--require {}: {reason}", entrant.name);
            }
            variant.entrants.retain(|one| one.name != entrant.name);
            variant.absent.push(Absent { contender: entrant.name.clone(), kind, reason });
        }
    }
    Ok(())
}

fn check_pins_are_known(pins: &[Pin]) -> anyhow::Result<()> {
    let mut known: Vec<&str> =
        workloads::ALL.iter().flat_map(|info| info.params.iter().map(|spec| spec.name)).collect();
    known.sort_unstable();
    known.dedup();
    match pins.iter().find(|pin| !known.contains(&pin.name.as_str())) {
        Some(pin) => Err(anyhow!("no workload has a parameter '{}'{}", pin.name, hint(&pin.name, known.into_iter()))),
        None => Ok(()),
    }
}

/// The variants that are planned, with the pinned values in the place of theirs.
fn variants(info: &Info, selection: &Selection) -> Vec<Params> {
    let mut variants = workloads::plan(info, selection.extent);
    for spec in info.params {
        let values: Vec<u64> = selection.pins.iter().filter(|pin| pin.name == spec.name).map(|pin| pin.value).collect();
        if values.is_empty() {
            continue;
        }
        let mut pinned = Vec::new();
        for mut variant in variants {
            for &value in &values {
                variant.insert(spec.name.to_owned(), value);
                // What was pinned away leaves the same variant several times.
                if !pinned.contains(&variant) {
                    pinned.push(variant.clone());
                }
            }
        }
        variants = pinned;
    }
    variants
}

fn enter(info: &'static Info, params: Params, entrants: &[Entrant]) -> anyhow::Result<Variant> {
    // Checked without a contender: an external program does not know the ranges.
    let params = workloads::resolve(info, &params)?;
    let mut variant = Variant { info, params, entrants: Vec::new(), absent: Vec::new() };
    for entrant in entrants {
        let fit = match &entrant.program {
            Program::BuiltIn => contenders::check_fit(info.name, &entrant.name, &variant.params),
            // They are asked all at once, later.
            Program::External { .. } | Program::Absent(_) => Ok(()),
        };
        match fit {
            Ok(()) => variant.entrants.push(entrant.clone()),
            Err(OpenError::NotApplicable(_)) if entrant.role == Role::Floor => {}
            Err(OpenError::NotApplicable(reason)) => variant.absent.push(Absent {
                contender: entrant.name.clone(),
                kind: ErrorKind::NotApplicable,
                reason: reason.to_string(),
            }),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(variant)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use workloads::Extent;

    use super::*;

    fn pins(text: &[&str]) -> Vec<Pin> {
        text.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn error(selection: Selection) -> String {
        let text = Plan::new(&selection).unwrap_err().to_string();
        assert!(!text.contains('\n'), "{text}");
        text
    }

    fn plan(extent: Extent, contenders: &[&str]) -> Plan {
        let contenders = contenders.iter().map(|name| (*name).to_owned()).collect();
        Plan::new(&Selection { extent, contenders, ..Selection::default() }).unwrap()
    }

    #[test]
    fn every_workload_is_planned_and_in_the_full_plan_at_one_and_two_workers() {
        let (default, full) = (plan(Extent::Default, &[]), plan(Extent::Full, &[]));
        for info in workloads::ALL {
            let workers = |plan: &Plan| -> BTreeSet<u64> {
                let variants = plan.variants.iter().filter(|variant| variant.info.name == info.name);
                variants.map(|variant| variant.params["workers"]).collect()
            };
            assert!(!workers(&default).is_empty(), "{}", info.name);
            assert!(workers(&full).is_superset(&BTreeSet::from([1, 2])), "{}", info.name);
        }
    }

    #[test]
    fn every_cell_runs_or_says_why_not() {
        let plan = plan(Extent::Full, &["all"]);
        assert_eq!(plan.entrants.len(), contenders::all().count() + go::ROWS.len());
        for variant in &plan.variants {
            let present: Vec<&str> = variant.entrants.iter().map(|entrant| entrant.name.as_str()).collect();
            for entrant in &plan.entrants {
                let absent: Vec<_> = variant.absent.iter().filter(|absent| absent.contender == entrant.name).collect();
                let (runs, floor) = (present.contains(&entrant.name.as_str()), entrant.role == Role::Floor);
                match absent[..] {
                    [] => assert!(runs || floor, "{} of {}", entrant.name, variant.label()),
                    [absent] => assert!(!runs && !floor && !absent.reason.is_empty(), "{absent:?}"),
                    _ => panic!("{absent:?}"),
                }
            }
        }
    }

    #[test]
    fn tuned_contenders_run_when_they_are_asked_for() {
        let tuned = |plan: &Plan| plan.entrants.iter().filter(|entrant| entrant.role == Role::Tuned).count();
        assert_eq!(tuned(&plan(Extent::Default, &[])), 0);
        assert!(tuned(&plan(Extent::Default, &["all"])) > 0);
        for entry in contenders::all() {
            let names: Vec<String> =
                plan(Extent::Default, &[entry.name]).entrants.into_iter().map(|one| one.name).collect();
            assert_eq!(names, [entry.name]);
        }
    }

    #[test]
    fn a_pin_takes_the_place_of_what_is_planned() {
        let selection = Selection {
            filters: vec!["ping_pong".to_owned()],
            pins: pins(&["workers=3", "workers=4"]),
            ..Selection::default()
        };
        let plan = Plan::new(&selection).unwrap();
        assert!(plan.variants.iter().all(|variant| [3, 4].contains(&variant.params["workers"])));
        assert!(plan.variants.iter().any(|variant| variant.params["workers"] == 4));
    }

    #[test]
    fn mistakes_are_named() {
        let filter = |text: &str| Selection { filters: vec![text.to_owned()], ..Selection::default() };
        let pin = |text: &str| Selection { pins: pins(&[text]), ..Selection::default() };
        assert!(error(filter("pingpong")).contains("did you mean 'ping_pong'?"));
        assert!(error(filter("ping_pong{wrkers=1}")).contains("did you mean 'workers'?"));
        assert!(error(filter("ping_pong{workers=63}")).contains("-p name=value"));
        assert!(error(pin("workers=0")).contains("workers=0"));
        assert!(error(pin("wrkers=1")).contains("did you mean 'workers'?"));
        let selection = Selection { contenders: vec!["tokio-m".to_owned()], ..Selection::default() };
        assert!(error(selection).contains("did you mean 'tokio-mt'?"));
    }

    #[test]
    fn a_pin_must_belong_to_a_selected_workload() {
        let selection =
            Selection { filters: vec!["map_reduce".to_owned()], pins: pins(&["pairs=1"]), ..Selection::default() };
        assert!(error(selection).contains("pairs=1"));
    }
}
