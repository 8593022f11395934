//! Plain-text tables: columns aligned by characters, two spaces apart, the first columns to the left and figures to the right.

use std::fmt;

/// Rows of cells under a head.
#[derive(Debug)]
pub(crate) struct Table {
    /// The head first.
    rows: Vec<Vec<String>>,
    /// How many columns hold text, which is set to the left.
    text_columns: usize,
}

impl Table {
    /// A table with this head, whose first `text_columns` columns hold text.
    pub(crate) fn new<const N: usize>(text_columns: usize, head: [&str; N]) -> Table {
        Table { rows: vec![head.map(str::to_owned).to_vec()], text_columns }
    }

    /// Adds a row; cells that it lacks are blank. A row of one cell is a heading over the others, and may be longer than its column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width_of = |column: usize| {
            let rows = self.rows.iter().filter(|row| row.len() > 1);
            rows.filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width_of).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let gap = if column == 0 { "" } else { "  " };
                line += &match column < self.text_columns {
                    true => format!("{gap}{cell:<width$}"),
                    false => format!("{gap}{cell:>width$}"),
                };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// The same as Markdown: it is aligned for a terminal too.
#[derive(Debug)]
pub(crate) struct MarkdownTable {
    /// The head first.
    rows: Vec<Vec<String>>,
    /// How many columns hold text, which is set to the left.
    text_columns: usize,
}

impl MarkdownTable {
    /// A table with this head, whose first `text_columns` columns hold text.
    pub(crate) fn new<C: Into<String>>(text_columns: usize, head: impl IntoIterator<Item = C>) -> MarkdownTable {
        MarkdownTable { rows: vec![head.into_iter().map(Into::into).collect()], text_columns }
    }

    /// Adds a row, with a cell for each column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl fmt::Display for MarkdownTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows[0].len();
        let cells = |column| self.rows.iter().filter_map(move |row: &Vec<String>| row.get(column));
        // A rule of fewer than three dashes is none for some readers of Markdown.
        let widths: Vec<usize> = (0..columns)
            .map(|column| cells(column).map(|cell| cell.chars().count()).max().unwrap_or(0).max(3))
            .collect();
        for (place, row) in self.rows.iter().enumerate() {
            let aligned =
                row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column < self.text_columns {
                    true => format!("{cell:<width$}"),
                    false => format!("{cell:>width$}"),
                });
            writeln!(f, "| {} |", aligned.collect::<Vec<_>>().join(" | "))?;
            if place == 0 {
                let rules = widths.iter().enumerate().map(|(column, width)| match column < self.text_columns {
                    true => "-".repeat(*width),
                    false => format!("{}:", "-".repeat(width - 1)),
                });
                writeln!(f, "| {} |", rules.collect::<Vec<_>>().join(" | "))?;
            }
        }
        Ok(())
    }
}

/// A p-value: three decimals.
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.001 { "<0.001".to_owned() } else { format!("{p:.3}") }
}

/// A ratio: two digits under 0.01, three decimals under 10, then three digits or as many as it has before the point.
pub(crate) fn ratio(ratio: f64) -> String {
    match ratio {
        r if 0.0 < r && r < 0.0095 => format!("{r:.*}", (1.0 - r.log10().floor()) as usize),
        r if r < 9.9995 => format!("{r:.3}"),
        r if r < 99.95 => format!("{r:.1}"),
        r => format!("{r:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters() {
        let mut table = Table::new(1, ["variant", "time"]);
        table.row(["a".to_owned(), "4.18 µs".to_owned()]);
        table.row(["longer name".to_owned(), "12 ns".to_owned()]);
        table.row(["a heading that is longer".to_owned()]);
        assert_eq!(
            table.to_string(),
            "variant         time\na            4.18 µs\nlonger name    12 ns\na heading that is longer\n"
        );
    }

    #[test]
    fn a_table_as_markdown_has_a_rule_that_sets_figures_to_the_right() {
        let mut table = MarkdownTable::new(1, ["cell", "n"]);
        table.row(["a".to_owned(), "±4 %".to_owned()]);
        table.row(["longer".to_owned(), "12".to_owned()]);
        assert_eq!(table.to_string(), "| cell   |    n |\n| ------ | ---: |\n| a      | ±4 % |\n| longer |   12 |\n");
    }

    #[test]
    fn ratios_and_p_values_keep_what_can_be_read() {
        assert_eq!(
            [0.000_311, 0.0123, 1.0, 9.9996, 12.34, 5020.4].map(ratio),
            ["0.00031", "0.012", "1.000", "10.0", "12.3", "5020"]
        );
        assert_eq!([0.5, 0.0078125, 0.0004].map(p_value), ["0.500", "0.008", "<0.001"]);
    }
}
