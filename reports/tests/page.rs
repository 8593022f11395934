//! The report of records as they come: whole, odd, and nearly empty.

mod synthetic;

use std::path::Path;

use reports::{
    Analysis, Machines,
    page::{self, Written},
    record::ErrorKind,
};
use synthetic::Synthetic;

fn analyse(record: &Synthetic) -> Analysis {
    Analysis::new(&[record.record()], Machines::MustMatch).unwrap()
}

/// Writes the report, checks that all of it is there, and gives back the names of the plots and the page.
fn report(analysis: &Analysis) -> (Vec<String>, String) {
    let folder = tempfile::tempdir().unwrap();
    let Written { page, plots } = page::write(analysis, folder.path()).unwrap();
    assert_eq!(page, folder.path().join("report.html"));
    assert!(plots.iter().all(|path| std::fs::metadata(path).unwrap().len() > 1000));
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    (plots.iter().map(|path| name(path)).collect(), std::fs::read_to_string(page).unwrap())
}

#[test]
fn a_run_of_two_workloads_has_its_figures_in_the_page_and_beside_it() {
    let mut record = Synthetic::new();
    record.ping_pong(1, "gmp", 8, 100.0).ping_pong(1, "tokio-mt", 8, 250.0);
    record.ping_pong(2, "gmp", 8, 300.0).ping_pong(2, "tokio-mt", 8, 150.0);
    record.tight_loop("gmp", 8, 20_000, 10).tight_loop("tokio-mt", 8, 20_000, 1_000).end();
    let (plots, page) = report(&analyse(&record));
    let expected = [
        "ping_pong-bars.png",
        "ping_pong-bars.svg",
        "tight_loop-bars.png",
        "tight_loop-bars.svg",
        "tight_loop-latency.png",
        "tight_loop-latency.svg",
    ];
    assert_eq!(plots, expected);
    for part in
        ["Testium 9000", "Clean.", "unknown: unknown here", "loses in 1 of the 3 rows", "p99.9", "wake-up latency"]
    {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn latencies_that_samples_do_not_carry_are_named() {
    let mut record = Synthetic::new();
    // 8 rounds of 20 samples: even pooled, fewer than 100 lie beyond the median.
    record.tight_loop("gmp", 8, 20_000, 10).tight_loop("tokio-mt", 8, 20, 1_000).end();
    let (_, page) = report(&analyse(&record));
    assert!(page.contains("Insufficient samples: tokio-mt"), "in the figure");
    assert_eq!(page.matches(">insufficient<").count(), 5, "p99.9 of the one, all four of the other");
}

#[test]
fn one_contender_alone_is_reported_but_not_compared() {
    let (plots, page) = report(&analyse(Synthetic::new().ping_pong(1, "gmp", 3, 0.3).end()));
    assert_eq!(plots.len(), 2);
    assert!(page.contains("0.30 ns") && page.contains("Nothing is compared:"));
}

#[test]
fn a_third_of_a_nanosecond_and_forty_seconds_share_an_axis() {
    let analysis = analyse(Synthetic::new().ping_pong(1, "gmp", 8, 0.3).ping_pong(1, "tokio-mt", 8, 40e9).end());
    let (_, page) = report(&analysis);
    assert!(page.contains("log scale") && page.contains("40.") && page.contains("best"));
}

#[test]
fn too_few_rounds_prove_nothing() {
    let analysis = analyse(Synthetic::new().ping_pong(1, "gmp", 4, 100.0).ping_pong(1, "tokio-mt", 4, 250.0).end());
    let (_, page) = report(&analysis);
    assert!(page.contains("no interval: 4 rounds") && page.contains("Nothing is proven:"));
    let table = page::table(&analysis);
    assert!(table.contains("2.5") && table.contains("none is proven: 4 rounds at most"), "{table}");
}

#[test]
fn cells_without_a_number_say_why() {
    let mut record = Synthetic::new();
    record.error("gmp", None, ErrorKind::NotApplicable, "<b>nothing</b> to wait on");
    record.error("tokio-mt", Some(0), ErrorKind::Hang, "no answer in 10 s");
    let analysis = analyse(&record);
    let (plots, page) = report(&analysis);
    assert_eq!(plots, ["ping_pong-bars.png", "ping_pong-bars.svg"]);
    assert!(page.contains("&lt;b&gt;nothing&lt;/b&gt; to wait on") && !page.contains("<b>nothing"));
    assert!(page.contains("error (hang)") && page.contains("no answer in 10 s"));
    let table = page::table(&analysis);
    assert!(table.contains("n/a") && table.contains("error (hang): no answer in 10 s"), "{table}");
}

#[test]
fn discarded_rounds_are_listed() {
    let mut record = Synthetic::new();
    record.ping_pong(1, "gmp", 8, 100.0).ping_pong(1, "tokio-mt", 8, 250.0).end();
    record.discard(|round| round.round == 2);
    let (_, page) = report(&analyse(&record));
    assert!(page.contains("discarded") && page.contains("steal over 5 %"));
}

#[test]
fn a_run_that_got_nowhere_has_a_report() {
    let (plots, page) = report(&analyse(&Synthetic::new()));
    assert_eq!(plots, [""; 0]);
    assert!(page.contains("Nothing was measured:"));
    assert!(page::table(&analyse(&Synthetic::new())).contains("geometric mean"));
}

#[test]
fn the_page_says_how_many_rounds_each_row_got_and_how_far_it_is_known() {
    let mut record = Synthetic::new();
    record.ping_pong(1, "gmp", 12, 100.0).ping_pong(1, "tokio-mt", 12, 250.0).ping_pong(2, "gmp", 3, 100.0).end();
    let (_, page) = report(&analyse(&record));
    assert!(page.contains("The number of rounds was fixed beforehand.") && !page.contains("as asked"));
    record.run(|run| run.precision = Some(0.05));
    let (_, page) = report(&analyse(&record));
    let rounds = page.split("id=\"rounds\"").nth(1).unwrap();
    assert!(rounds.contains("asked for ±5.0 %") && rounds.contains("no interval"), "{rounds}");
    let cells = |cells: &str| rounds.contains(&cells.replace(' ', ""));
    assert!(cells("<td>yes</td>") && cells("<td>no</td>") && cells("<td>12</td>") && cells("<td>3</td>"), "{rounds}");
}
