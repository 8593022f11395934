//! A workload's part of the report: its variants, and what they are called among themselves.

use crate::analysis::{Analysis, Unit, Variant};
use crate::histogram::latency_name;
use crate::record::{Metric, Params, Workload};

/// All variants of one workload, in the order of the record.
pub(super) struct Section<'a> {
    pub(super) workload: &'a Workload,
    pub(super) variants: Vec<&'a Variant>,
    /// The workload's name as a file name: letters, digits, `-` and `_`, and no other section's.
    pub(super) slug: String,
}

impl<'a> Section<'a> {
    /// The sections, in the order of their first variants.
    pub(super) fn all(analysis: &'a Analysis) -> Vec<Section<'a>> {
        let mut sections: Vec<Section<'a>> = Vec::new();
        for variant in &analysis.variants {
            let same = |section: &&mut Section<'a>| section.workload.workload == variant.workload.workload;
            if let Some(section) = sections.iter_mut().find(same) {
                section.variants.push(variant);
                continue;
            }
            let plain = slug(&variant.workload.workload);
            let taken = |slug: &String| sections.iter().any(|section| section.slug == *slug);
            let numbered = (2..).map(|number| format!("{plain}-{number}"));
            let slug = std::iter::once(plain.clone()).chain(numbered).find(|slug| !taken(slug));
            let slug = slug.expect("there is always a next number");
            sections.push(Section { workload: &variant.workload, variants: vec![variant], slug });
        }
        sections
    }

    /// Where the section is in the page.
    pub(super) fn anchor(&self) -> String {
        format!("workload-{}", self.slug)
    }

    /// What a variant is called within its section: the parameters by which variants differ, `workers=2`.
    pub(super) fn label(&self, variant: &Variant) -> String {
        if self.variants.len() == 1 {
            return listed(&variant.params, |_| true);
        }
        listed(&variant.params, |name| !self.is_fixed(name))
    }

    /// The parameters that [`label`](Section::label) names.
    pub(super) fn varying(&self) -> Vec<&'a str> {
        let names = self.variants[0].params.keys().map(String::as_str);
        names.filter(|name| self.variants.len() == 1 || !self.is_fixed(name)).collect()
    }

    /// The same without one of the parameters.
    pub(super) fn label_without(&self, variant: &Variant, param: &str) -> String {
        listed(&variant.params, |name| name != param && !self.is_fixed(name))
    }

    /// The unit of what contenders are compared by.
    pub(super) fn unit(&self) -> Unit {
        Unit::of(&self.workload.metric)
    }

    /// The parameters that all variants share, `capacity=0, pairs=1`; empty if there is only one variant.
    pub(super) fn fixed(&self) -> String {
        match self.variants[..] {
            [first, _, ..] => listed(&first.params, |name| self.is_fixed(name)),
            _ => String::new(),
        }
    }

    fn is_fixed(&self, name: &str) -> bool {
        let values = || self.variants.iter().map(|variant| variant.params.get(name));
        values().all(|value| value == self.variants[0].params.get(name))
    }

    /// What contenders are compared by: "time per round trip".
    pub(super) fn quantity(&self) -> String {
        match &self.workload.metric {
            Metric::TimePerOp => format!("time per {}", self.workload.op),
            Metric::MeanOf(kind) => format!("mean {}", latency_name(kind)),
            Metric::BytesPerOp => format!("memory per {}", self.workload.op),
        }
    }

    /// The kinds of histograms that any cell has; the one that contenders are compared by comes first.
    pub(super) fn latency_kinds(&self) -> Vec<&'a str> {
        let measured = self.variants.iter().flat_map(|variant| &variant.cells).filter_map(|cell| cell.measured());
        let mut kinds: Vec<&str> = measured.flat_map(|measured| measured.latency.keys().map(String::as_str)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        if let Metric::MeanOf(first) = &self.workload.metric {
            kinds.sort_by_key(|kind| kind != first);
        }
        kinds
    }
}

/// Only what is safe in a file name on every system.
pub(super) fn slug(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    let slug: String = name.chars().take(80).map(safe).collect();
    if slug.is_empty() { "workload".to_owned() } else { slug }
}

fn listed(params: &Params, keep: impl Fn(&str) -> bool) -> String {
    let kept = params.iter().filter(|(name, _)| keep(name));
    kept.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::fixture;

    #[test]
    fn variants_are_called_by_what_differs() {
        let analysis = fixture::analysis();
        let sections = Section::all(&analysis);
        let names: Vec<&str> = sections.iter().map(|section| section.slug.as_str()).collect();
        assert_eq!(names, ["ping_pong", "tight_loop", "blocking_io", "map_reduce"]);
        let ping_pong = &sections[0];
        assert_eq!(ping_pong.fixed(), "capacity=0, pairs=1");
        let labels: Vec<String> = ping_pong.variants.iter().map(|variant| ping_pong.label(variant)).collect();
        assert_eq!(labels, ["workers=1", "workers=2"]);
        assert_eq!(ping_pong.quantity(), "time per round trip");
        assert_eq!(sections[1].quantity(), "mean wake-up latency");
    }

    #[test]
    fn a_single_variant_is_called_by_all_its_parameters() {
        let mut analysis = fixture::analysis();
        analysis.variants.truncate(1);
        let sections = Section::all(&analysis);
        assert_eq!(sections[0].label(&analysis.variants[0]), "capacity=0, pairs=1, workers=1");
        assert_eq!(sections[0].fixed(), "");
    }

    #[test]
    fn slugs_are_safe_and_differ() {
        assert_eq!(slug("../../etc/passwd"), "------etc-passwd");
        assert_eq!(slug(""), "workload");
        let mut analysis = fixture::analysis();
        analysis.variants.truncate(2);
        analysis.variants[0].workload.workload = "a/b".to_owned();
        analysis.variants[1].workload.workload = "a b".to_owned();
        let slugs: Vec<String> = Section::all(&analysis).into_iter().map(|section| section.slug).collect();
        assert_eq!(slugs, ["a-b", "a-b-2"]);
    }
}
