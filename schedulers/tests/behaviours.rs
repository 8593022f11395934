//! The table of behaviours names tests that exist.

use std::path::Path;

/// `file::test` in a cell of the table: the file's path, and the test.
fn named(word: &str) -> Option<(String, &str)> {
    let (file, test) = word.split_once("::")?;
    Some((if file.ends_with(".rs") { file.to_owned() } else { format!("tests/{file}.rs") }, test))
}

#[test]
fn every_test_that_the_table_names_exists() {
    let table = include_str!("BEHAVIOURS.md");
    let mut count = 0;
    for row in table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| Go's test") && !line.starts_with("| ---"))
    {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [_, asserts, here] = cells[..] else { panic!("three cells: {row}") };
        assert!(!asserts.is_empty() && !here.is_empty(), "{row}");
        let mut tests = here.split('`').filter_map(named).peekable();
        assert!(tests.peek().is_some() || here.contains("not apply") || here.contains("cannot be written"), "{row}");
        for (file, test) in tests {
            let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file));
            let source = source.unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(source.contains(&format!("fn {test}()")), "{file} has no test {test}");
            count += 1;
        }
    }
    assert!(count > 100, "{count} tests are named");
}
