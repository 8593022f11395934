//! Floors are shown and never ranked; memory is never shown as time.

mod synthetic;

use reports::{
    Analysis, Machines, compare, page,
    record::{Line, Metric, Role},
};
use synthetic::Synthetic;

fn analyse(record: &Synthetic) -> Analysis {
    Analysis::new(&[record.record()], Machines::MustMatch).unwrap()
}

/// A floor that is faster than all, and a tuned contender that the record names before its default.
fn with_floor() -> Synthetic {
    let mut record = Synthetic::new();
    for (name, role) in [("go-nogc", Role::Tuned), ("serial", Role::Floor), ("go", Role::Default)] {
        record.lines.push(Synthetic::contender_row(name, role));
    }
    record.ping_pong(1, "gmp", 8, 100.0).ping_pong(1, "tokio-mt", 8, 250.0).ping_pong(1, "serial", 8, 50.0);
    record.ping_pong(1, "go", 8, 110.0).ping_pong(1, "go-nogc", 8, 105.0);
    record.ping_pong(2, "gmp", 8, 60.0).ping_pong(2, "tokio-mt", 8, 150.0).end();
    record
}

#[test]
fn a_floor_has_no_rank_no_mean_and_no_place_among_contenders() {
    let analysis = analyse(&with_floor());
    assert_eq!(analysis.contender_names().collect::<Vec<_>>(), ["gmp", "tokio-mt", "go", "go-nogc"]);
    assert_eq!(analysis.floor_names().collect::<Vec<_>>(), ["serial"]);
    let variant = &analysis.variants[0];
    assert_eq!(variant.best().unwrap().contender, "gmp");
    assert_eq!(variant.ratio_to_best("gmp"), Some(1.0));
    assert!(variant.cells.iter().all(|cell| cell.contender != "serial"));
    assert!(variant.measured("serial").is_some() && analysis.variants[1].measured("serial").is_none());
    let table = page::table(&analysis);
    assert!(!table.contains("serial"), "{table}");
}

#[test]
fn the_page_has_the_speed_up_over_the_floor() {
    let folder = tempfile::tempdir().unwrap();
    let analysis = analyse(&with_floor());
    let written = page::write(&analysis, folder.path()).unwrap();
    let page = std::fs::read_to_string(written.page).unwrap();
    for part in
        ["Speed-up over serial", "0.50×", "serial floor", "ran with another number of workers", "floor, no rank"]
    {
        assert!(page.contains(part), "{part}");
    }
    let claims = &page[page.find("Best by median:").unwrap()..page.find("id=\"results\"").unwrap()];
    assert!(!claims.contains("serial"), "{claims}");
}

#[test]
fn a_floor_may_be_compared_with_by_name() {
    let comparison = compare::contenders(&analyse(&with_floor()), "serial", "gmp").unwrap();
    let [row] = &comparison.rows[..] else { panic!("{comparison}") };
    assert!((row.lines[0].change().unwrap().ratio.estimate - 2.0).abs() < 0.1, "{comparison}");
}

/// Both workloads by memory; the time stays in the rows.
fn by_memory() -> Synthetic {
    let mut record = Synthetic::new();
    record.ping_pong(1, "gmp", 8, 100.0).ping_pong(1, "tokio-mt", 8, 250.0).end();
    for line in &mut record.lines {
        match line {
            Line::Workload(workload) => workload.metric = Metric::BytesPerOp,
            Line::Round(round) => round.bytes = Some(if round.contender == "gmp" { 4_000 } else { 1_000 } * round.ops),
            _ => {}
        }
    }
    record
}

#[test]
fn memory_is_in_bytes_everywhere() {
    let analysis = analyse(&by_memory());
    assert_eq!(analysis.variants[0].best().unwrap().contender, "tokio-mt", "by memory, not by time");
    let table = page::table(&analysis);
    assert!(table.contains("best, 1000 B") && !table.contains(" ns"), "{table}");
    let comparison = compare::contenders(&analysis, "tokio-mt", "gmp").unwrap().to_string();
    assert!(comparison.contains("1000 B") && comparison.contains("3.91 KiB"), "{comparison}");
    let folder = tempfile::tempdir().unwrap();
    let written = page::write(&analysis, folder.path()).unwrap();
    let page = std::fs::read_to_string(written.page).unwrap();
    for part in ["memory per round trip", "takes 4.00× the memory of tokio-mt", "3.91 KiB"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn rounds_without_a_memory_figure_are_no_zero() {
    let mut record = by_memory();
    for line in &mut record.lines {
        if let Line::Round(round) = line
            && round.contender == "gmp"
        {
            round.bytes = if round.round % 2 == 0 { None } else { Some(0) };
        }
    }
    let table = page::table(&analyse(&record));
    assert!(table.contains("no memory figure over zero in its valid rounds"), "{table}");
}
