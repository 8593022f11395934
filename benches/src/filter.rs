//! Filters as cargo users expect them: text that is part of a variant's name, `workload{param=value,..}`.
//!
//! A filter with braces names parameters in any order and may leave some out; `--exact` asks for the whole workload name, and
//! for all parameters where braces are given. A filter that matches nothing is the user's mistake, and says which.

use anyhow::{anyhow, bail};
use workloads::{Info, Params};

/// A filter that names no workload. The bench target `suite` takes it for one that is meant for another target.
#[derive(Debug, thiserror::Error)]
#[error("no workload matches '{filter}'{hint}")]
pub struct UnknownWorkload {
    filter: String,
    hint: String,
}

/// One filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// As the user wrote it.
    text: String,
    /// The part before the brace, or all of it.
    name: String,
    /// What is in the braces, if there are any.
    params: Option<Params>,
}

impl Filter {
    /// Parses a filter.
    ///
    /// # Errors
    /// Braces without an end or with something else than `name=value` in them.
    pub fn parse(text: &str) -> anyhow::Result<Filter> {
        let Some((name, rest)) = text.split_once('{') else {
            return Ok(Filter { text: text.to_owned(), name: text.to_owned(), params: None });
        };
        let malformed = || anyhow!("filter '{text}': expected workload or workload{{param=value,..}}");
        let inside = rest.strip_suffix('}').ok_or_else(malformed)?;
        let mut params = Params::new();
        for pair in inside.split(',').filter(|pair| !pair.is_empty()) {
            let (param, value) = pair.split_once('=').ok_or_else(malformed)?;
            params.insert(param.trim().to_owned(), value.trim().parse().map_err(|_| malformed())?);
        }
        Ok(Filter { text: text.to_owned(), name: name.to_owned(), params: Some(params) })
    }

    /// Whether a variant is meant.
    pub fn matches(&self, workload: &str, params: &Params, exact: bool) -> bool {
        match (&self.params, exact) {
            (None, true) => workload == self.name,
            (None, false) => label(workload, params).contains(&self.name),
            (Some(wanted), true) => workload == self.name && params == wanted,
            (Some(wanted), false) => {
                workload.contains(&self.name) && wanted.iter().all(|(name, value)| params.get(name) == Some(value))
            }
        }
    }

    /// Why nothing matches: always an error. `exact` as in [`matches`](Filter::matches).
    ///
    /// # Errors
    /// Always.
    pub fn nothing_matches(&self, exact: bool) -> anyhow::Result<()> {
        let named = |info: &&Info| if exact { info.name == self.name } else { info.name.contains(&self.name) };
        let text = &self.text;
        let Some(info) = workloads::ALL.iter().find(named) else {
            let names = workloads::ALL.iter().map(|info| info.name);
            return Err(UnknownWorkload { filter: self.name.clone(), hint: hint(&self.name, names) }.into());
        };
        for param in self.params.iter().flat_map(Params::keys) {
            let names = || info.params.iter().map(|spec| spec.name);
            if !names().any(|name| name == param) {
                bail!("filter '{text}': {} has no parameter '{param}'{}", info.name, hint(param, names()));
            }
        }
        if exact && self.params.is_some() {
            bail!(
                "filter '{text}': no such variant is planned (--exact wants every parameter; see `schedbench list --full`)"
            );
        }
        bail!(
            "filter '{text}': no such variant is planned; a parameter is set with -p name=value, and --full has more (see `schedbench list --full`)"
        )
    }
}

/// The name of a variant: `ping_pong{capacity=0,pairs=1,workers=1}`.
pub fn label(workload: &str, params: &Params) -> String {
    let params: Vec<String> = params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{workload}{{{}}}", params.join(","))
}

/// "; did you mean 'x'?" if one of the names is near, else all of them.
pub fn hint<'a>(given: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = workloads::hint(given, names.clone());
    if near.is_empty() { format!("; there are: {}", names.collect::<Vec<_>>().join(", ")) } else { near }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variant() -> Params {
        Params::from([("pairs".to_owned(), 1), ("workers".to_owned(), 2)])
    }

    fn matches(filter: &str, exact: bool) -> bool {
        Filter::parse(filter).unwrap().matches("ping_pong", &variant(), exact)
    }

    #[test]
    fn text_matches_any_part_of_the_name() {
        assert!(matches("ping_pong", false));
        assert!(matches("pong", false));
        assert!(matches("workers=2", false));
        assert!(!matches("workers=1", false));
        assert!(!matches("skynet", false));
    }

    #[test]
    fn braces_name_parameters_in_any_order() {
        assert!(matches("ping_pong{workers=2}", false));
        assert!(matches("ping_pong{workers=2,pairs=1}", false));
        assert!(!matches("ping_pong{workers=1}", false));
        assert!(!matches("ping_pong{capacity=0}", false));
    }

    #[test]
    fn exact_means_it() {
        assert!(matches("ping_pong", true));
        assert!(!matches("pong", true));
        assert!(matches("ping_pong{workers=2,pairs=1}", true));
        assert!(!matches("ping_pong{workers=2}", true));
    }

    #[test]
    fn malformed_braces_are_refused() {
        for text in ["ping_pong{", "ping_pong{workers}", "ping_pong{workers=many}"] {
            let error = Filter::parse(text).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn a_near_name_is_offered() {
        let names = ["ping_pong", "tight_loop"];
        assert_eq!(hint("pingpong", names.into_iter()), "; did you mean 'ping_pong'?");
        assert_eq!(hint("xyz", names.into_iter()), "; there are: ping_pong, tight_loop");
    }
}
