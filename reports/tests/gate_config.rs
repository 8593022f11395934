//! What is wrong in a gate.toml is named, with its line; nothing that is wrong is ignored.

use std::path::Path;

use proptest::prelude::*;
use reports::gate::{Config, RowMetric, Selector};

const GATE: &str = r#"tolerance = "2.5%"
alpha = 0.05
rounds = 6

[[row]]
workload = "ping_pong{ workers = 1, pairs=100 }"
contender = "gmp"
vs = "ratio:tokio-mt"
limit = 0.5

[[row]]
workload = "tight_loop"
contender = "gmp"
vs = "ratio:tokio-mt"
limit = 1
metric = "cpu"
"#;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(Path::new("gate.toml"), text).map_err(|error| error.to_string())
}

fn error(from: &str, to: &str) -> String {
    assert!(GATE.contains(from), "{from}");
    parse(&GATE.replacen(from, to, 1)).unwrap_err()
}

#[test]
fn a_gate_means_what_it_says() {
    let config = parse(GATE).unwrap();
    assert_eq!((config.tolerance, config.alpha, config.rounds, config.allow_quick), (0.025, 0.05, 6, false));
    let [first, second] = &config.rows[..] else { panic!("{:?}", config.rows) };
    assert_eq!((first.line, first.workload.to_string().as_str()), (5, "ping_pong{pairs=100,workers=1}"));
    assert_eq!((first.contender.as_str(), first.vs.as_str(), first.limit), ("gmp", "tokio-mt", 0.5));
    assert_eq!((first.metric, second.metric, second.limit), (RowMetric::Time, RowMetric::Cpu, 1.0));
}

#[test]
fn the_keys_at_the_top_have_defaults() {
    let config = parse(&GATE[GATE.find("[[row]]").unwrap()..]).unwrap();
    assert_eq!((config.tolerance, config.alpha, config.rounds, config.allow_quick), (0.05, 0.01, 8, false));
}

#[test]
fn a_selector_matches_by_the_parameters_that_it_names() {
    let selector: Selector = "ping_pong{workers=1}".parse().unwrap();
    let params = |workers| [("pairs".to_owned(), 7), ("workers".to_owned(), workers)].into();
    assert!(selector.matches("ping_pong", &params(1)));
    assert!(!selector.matches("ping_pong", &params(2)));
    assert!(!selector.matches("ring", &params(1)));
    assert!("ping_pong".parse::<Selector>().unwrap().matches("ping_pong", &params(2)));
}

#[test]
fn unknown_keys_are_named_with_their_line() {
    assert_eq!(
        error("tolerance =", "tolerence ="),
        "gate.toml:1: unknown field `tolerence`, expected one of `tolerance`, `alpha`, `rounds`, `allow_quick`, `row`"
    );
    assert_eq!(
        error("limit = 0.5", "limit = 0.5\nwaiver = true"),
        "gate.toml:10: unknown field `waiver`, expected one of `workload`, `contender`, `vs`, `limit`, `metric`"
    );
}

#[test]
fn a_missing_key_is_named() {
    assert_eq!(error("limit = 0.5\n", ""), "gate.toml:5: missing field `limit`");
}

#[test]
fn values_that_cannot_be_are_named_with_line_and_key() {
    for (from, to, expected) in [
        ("\"2.5%\"", "\"0.025\"", "1: tolerance = \"0.025\", expected a percentage from 0% to 100%, such as \"5%\""),
        ("\"2.5%\"", "\"-5%\"", "1: tolerance = \"-5%\", expected a percentage from 0% to 100%, such as \"5%\""),
        ("\"2.5%\"", "\"NaN%\"", "1: tolerance = \"NaN%\", expected a percentage from 0% to 100%, such as \"5%\""),
        ("\"2.5%\"", "0.025", "1: key 'tolerance': invalid type: floating point `0.025`, expected a string"),
        ("alpha = 0.05", "alpha = 5.0", "2: alpha = 5, expected a chance between 0 and 0.5"),
        ("alpha = 0.05", "alpha = nan", "2: alpha = NaN, expected a chance between 0 and 0.5"),
        ("rounds = 6", "rounds = 0", "3: rounds = 0, expected at least 1"),
        ("rounds = 6", "rounds = -6", "3: key 'rounds': invalid value: integer `-6`, expected usize"),
        ("limit = 0.5", "limit = 0", "9: limit = 0, expected a positive number"),
        ("limit = 0.5", "limit = inf", "9: limit = inf, expected a positive number"),
        ("limit = 0.5", "limit = \"half\"", "9: key 'limit': invalid type: string \"half\", expected f64"),
        (
            "\"ratio:tokio-mt\"",
            "\"tokio-mt\"",
            "8: vs = \"tokio-mt\", expected \"ratio:\" and another contender, such as \"ratio:tokio-mt\"",
        ),
        (
            "\"ratio:tokio-mt\"",
            "\"ratio:gmp\"",
            "8: vs = \"ratio:gmp\", expected \"ratio:\" and another contender, such as \"ratio:tokio-mt\"",
        ),
        ("\"cpu\"", "\"rss\"", "16: key 'metric': unknown variant `rss`, expected `time` or `cpu`"),
        (
            "\"tight_loop\"",
            "\"tight_loop{workers}\"",
            "12: workload: 'tight_loop{workers}' selects nothing, expected 'workload' or 'workload{param=value,..}'",
        ),
    ] {
        assert_eq!(error(from, to), format!("gate.toml:{expected}"));
    }
}

#[test]
fn selectors_that_select_nothing_are_refused() {
    for bad in [
        "",
        " ",
        "a b",
        "{workers=1}",
        "ping_pong{",
        "ping_pong{}",
        "ping_pong{workers=x}",
        "p{a=1,a=2}",
        "p{a=1}x",
        "p{=1}",
    ] {
        assert!(bad.parse::<Selector>().is_err(), "{bad}");
    }
}

#[test]
fn duplicate_rows_are_refused() {
    let again = "[[row]]\nworkload = \"ping_pong{pairs=100,workers=1}\"\ncontender = \"gmp\"\nvs = \"ratio:tokio-mt\"\nlimit = 0.7\n";
    assert_eq!(
        parse(&format!("{GATE}\n{again}")).unwrap_err(),
        "gate.toml:18: duplicate row: time of gmp by tokio-mt on ping_pong{pairs=100,workers=1} is limited in line 5 already"
    );
}

#[test]
fn a_gate_without_rows_is_refused() {
    let expected = "gate.toml: no [[row]], expected at least one: a gate without rows passes everything";
    assert_eq!(parse("").unwrap_err(), expected);
    assert_eq!(parse("alpha = 0.01\n").unwrap_err(), expected);
}

#[test]
fn what_is_no_toml_is_one_line() {
    for bad in ["tolerance = ", "[[row]\n", "\u{0}", "alpha = 0.01\nalpha = 0.01\n", "row = 3"] {
        let message = parse(bad).unwrap_err();
        assert!(message.starts_with("gate.toml:") && !message.contains('\n'), "{message}");
    }
}

#[test]
fn a_line_break_in_a_value_stays_out_of_the_message() {
    let message = parse(&GATE.replacen("\"ratio:", "\"\\nratio:", 1)).unwrap_err();
    assert!(message.contains("vs = \" ratio:tokio-mt\", expected") && !message.contains('\n'), "{message}");
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::read(Path::new("no/such/gate.toml")).unwrap_err().to_string();
    assert!(error.starts_with("no/such/gate.toml: No such file"), "{error}");
}

proptest! {
    /// Whatever stands in the place of a piece of a gate, there is no panic, and an error is one line.
    #[test]
    fn no_text_panics(at in any::<prop::sample::Index>(), length in 0..12_usize, new in "\\PC{0,6}") {
        let at = at.index(GATE.len());
        let end = (at + length).min(GATE.len());
        if let Err(message) = parse(&format!("{}{new}{}", &GATE[..at], &GATE[end..])) {
            prop_assert!(message.starts_with("gate.toml:") && !message.contains('\n'), "{message}");
        }
    }
}
