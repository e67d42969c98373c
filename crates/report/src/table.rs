//! A table as data: rows of text with the few things that every form of output needs to know. HTML, Markdown and the terminal
//! render it; charts carry theirs as one.

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub head: String,
    /// Its unit, beneath the name; may be empty.
    pub unit: String,
    /// Words or numbers.
    pub align: Align,
}

impl Column {
    /// Of words.
    pub fn words(head: &str) -> Column {
        Column { head: head.into(), unit: String::new(), align: Align::Left }
    }

    /// Of numbers.
    pub fn numbers(head: &str, unit: &str) -> Column {
        Column { head: head.into(), unit: unit.into(), align: Align::Right }
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows; each as long as `columns`.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Without rows.
    pub fn new(columns: Vec<Column>) -> Table {
        Table { columns, rows: Vec::new() }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<String>) {
        debug_assert_eq!(row.len(), self.columns.len());
        self.rows.push(row);
    }

    /// As GitHub reads it.
    pub fn markdown(&self) -> String {
        let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
        let mut out = String::new();
        let heads: Vec<String> = self
            .columns
            .iter()
            .map(|column| {
                if column.unit.is_empty() {
                    cell(&column.head)
                } else {
                    format!("{}<br>{}", cell(&column.head), cell(&column.unit))
                }
            })
            .collect();
        out += &format!("| {} |\n|", heads.join(" | "));
        for column in &self.columns {
            out += if column.align == Align::Right { "---:|" } else { "---|" };
        }
        out.push('\n');
        for row in &self.rows {
            let row: Vec<String> = row.iter().map(|text| cell(text)).collect();
            out += &format!("| {} |\n", row.join(" | "));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_keeps_its_columns() {
        let mut table = Table::new(vec![Column::words("arm"), Column::numbers("p50", "ms")]);
        table.push(vec!["a|b".into(), "1.20".into()]);
        assert_eq!(table.markdown(), "| arm | p50<br>ms |\n|---|---:|\n| a\\|b | 1.20 |\n");
    }
}
