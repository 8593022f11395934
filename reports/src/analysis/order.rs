//! The order of contenders: that of the records, but each tuned one behind the default that it is a tuning of.

/// The default that a tuned contender belongs to: the one whose name is its own up to a hyphen, as `go` of `go-nogc`; the longest, if
/// there are several.
pub(crate) fn default_of<'a>(tuned: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let is_beginning = |name: &&str| tuned.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'));
    names.filter(is_beginning).max_by_key(|name| name.len())
}

/// `names` with each tuned one moved behind its default; one without a default stays behind all.
pub(super) fn tuned_behind_defaults<'a>(names: &[&'a str], is_tuned: impl Fn(&str) -> bool) -> Vec<&'a str> {
    let (tuned, defaults): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| is_tuned(name));
    let of = |default: Option<&str>| -> Vec<&'a str> {
        tuned.iter().copied().filter(|name| default_of(name, defaults.iter().copied()) == default).collect()
    };
    let families = defaults.iter().flat_map(|default| std::iter::once(*default).chain(of(Some(default))));
    families.chain(of(None)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tuned_contenders_stand_behind_their_defaults() {
        let names = ["tuned-alone", "go-nogc", "os-threads", "go", "os-threads-pinned", "os", "go-nogc-2"];
        let is_tuned = |name: &str| name.contains("nogc") || name.contains("pinned") || name.contains("alone");
        let expected = ["os-threads", "os-threads-pinned", "go", "go-nogc", "go-nogc-2", "os", "tuned-alone"];
        assert_eq!(tuned_behind_defaults(&names, is_tuned), expected);
        assert_eq!(default_of("gopher", ["go"].into_iter()), None);
    }
}
