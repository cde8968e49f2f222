//! The one place that prints. Data goes to standard output, messages to standard error.

use std::io::{IsTerminal, Write};

use clap::ValueEnum;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// One object with `schema_version` and `rows`.
    Json,
    /// One object a line.
    Jsonl,
    /// RFC 4180, with a header line.
    Csv,
}

/// Rows under named columns.
#[derive(Debug)]
pub(crate) struct Rows {
    columns: Vec<&'static str>,
    rows: Vec<Vec<Value>>,
}

impl Rows {
    /// No rows yet.
    pub(crate) const fn new(columns: Vec<&'static str>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row, its values in the order of the columns.
    pub(crate) fn push(&mut self, row: Vec<Value>) {
        self.rows.push(row);
    }

    /// Prints them.
    pub(crate) fn print(&self, format: Format) -> std::io::Result<()> {
        let text = match format {
            Format::Table => self.table(),
            Format::Json => {
                let rows: Vec<Named<'_>> = self.rows.iter().map(|row| self.named(row)).collect();
                let rows = json_text(&rows)?;
                format!("{{\"schema_version\":1,\"rows\":{rows}}}\n")
            }
            Format::Jsonl => {
                let mut text = String::new();
                for row in &self.rows {
                    text.push_str(&json_text(&self.named(row).versioned())?);
                    text.push('\n');
                }
                text
            }
            Format::Csv => self.csv(),
        };
        data(&text)
    }

    const fn named<'a>(&'a self, row: &'a [Value]) -> Named<'a> {
        Named { columns: self.columns.as_slice(), row, versioned: false }
    }

    fn csv(&self) -> String {
        let mut text = self.columns.join(",");
        text.push_str("\r\n");
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(csv_cell).collect();
            text.push_str(&cells.join(","));
            text.push_str("\r\n");
        }
        text
    }

    /// Columns as wide as their widest cell, numbers to the right.
    pub(crate) fn table(&self) -> String {
        let header: Vec<String> = self.columns.iter().map(|name| (*name).to_owned()).collect();
        let cells: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(shown).collect()).collect();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|place| {
                let column = cells.iter().chain([&header]).filter_map(|row| row.get(place));
                column.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        let mut text = table_line(&header, &widths, &[]);
        for (row, values) in cells.iter().zip(&self.rows) {
            text.push_str(&table_line(row, &widths, values));
        }
        text
    }
}

fn table_line(cells: &[String], widths: &[usize], values: &[Value]) -> String {
    let mut line = String::new();
    for (place, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if place > 0 {
            line.push_str("  ");
        }
        let is_number = values.get(place).is_some_and(Value::is_number);
        let padded = if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
        line.push_str(&padded);
    }
    format!("{}\n", line.trim_end())
}

/// A row as a JSON object whose members keep the order of the columns.
struct Named<'a> {
    columns: &'a [&'static str],
    row: &'a [Value],
    versioned: bool,
}

impl Named<'_> {
    const fn versioned(mut self) -> Self {
        self.versioned = true;
        self
    }
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.versioned {
            map.serialize_entry("schema_version", &json!(1))?;
        }
        for (name, value) in self.columns.iter().zip(self.row) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A value as text; nothing for null, lists with blanks between.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// The same with dangerous characters shown, not obeyed: end users are named by callers.
fn shown(value: &Value) -> String {
    let text = plain(value);
    if !text.contains(is_dangerous) {
        return text;
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match is_dangerous(c) {
            true => safe.extend(c.escape_default()),
            false => safe.push(c),
        }
    }
    safe
}

/// Control characters (C0, C1, DEL) move a terminal's cursor and more; the others break a
/// line or turn the order of what follows (the `Bidi_Control` property of Unicode).
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2066}'..='\u{2069}')
}

/// JSON whose dangerous characters are `\uXXXX`, so it means the same and shows nothing odd.
/// Outside of strings JSON has none of them, and serde_json escapes those below U+0020.
fn json_text(value: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string(value)?;
    if !text.contains(is_dangerous) {
        return Ok(text);
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match is_dangerous(c) {
            true => safe.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => safe.push(c),
        }
    }
    Ok(safe)
}

/// One line of RFC 4180, for tables too long to be held.
pub(crate) fn csv_line(row: &[Value]) -> String {
    let cells: Vec<String> = row.iter().map(csv_cell).collect();
    cells.join(",") + "\r\n"
}

fn csv_cell(value: &Value) -> String {
    let mut text = shown(value);
    // A spreadsheet would run such text as a formula; after a quote it shows it.
    if !value.is_number() && text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        text.insert(0, '\'');
    }
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// Prints data. A reader that left (`| head`) is no error.
pub(crate) fn data(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Prints one JSON value and a line end.
pub(crate) fn json_line(value: &impl Serialize) -> std::io::Result<()> {
    data(&format!("{}\n", json_text(value)?))
}

/// Prints a message for people.
pub(crate) fn message(text: &str) {
    // There is nowhere left to say that standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Shows how far long work is, in place of what this showed before; an empty text takes it away.
pub(crate) fn progress(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // There is nowhere left to say that standard error is closed.
    let _ = write!(stderr, "\r\u{1b}[K{text}").and_then(|()| stderr.flush());
}

/// Whether anybody sees [`progress`].
pub(crate) fn has_viewer() -> bool {
    std::io::stderr().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows {
        let mut rows = Rows::new(vec!["user", "requests"]);
        rows.push(vec![json!("a,\"b\"\u{1b}"), json!(7)]);
        rows.push(vec![Value::Null, json!(1200)]);
        rows
    }

    #[test]
    fn aligns_numbers_and_shows_control_characters() {
        let expected = "user         requests\na,\"b\"\\u{1b}         7\n                 1200\n";
        assert_eq!(rows().table(), expected);
    }

    #[test]
    fn quotes_what_csv_needs_quoted() {
        assert_eq!(rows().csv(), "user,requests\r\n\"a,\"\"b\"\"\\u{1b}\",7\r\n,1200\r\n");
    }

    const HOSTILE: &str =
        "\u{1b}]0;x\u{7}\u{9b}2J\u{7f}\u{202e}\u{2066}\u{200f}\u{61c}\u{2028}\r\n\t";

    #[test]
    fn no_format_lets_a_name_command_the_terminal() {
        let mut rows = Rows::new(vec!["user"]);
        rows.push(vec![json!(HOSTILE)]);
        let line = json_text(&rows.named(&rows.rows[0])).unwrap();
        for text in [rows.table(), rows.csv(), line.clone()] {
            let row = text.trim_start_matches("user").trim();
            let found = row.chars().find(|c| is_dangerous(*c));
            assert_eq!(found, None, "{text:?}");
        }
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["user"], HOSTILE, "JSON keeps what was said");
    }

    #[test]
    fn other_languages_stay_readable() {
        for name in ["Zoë", "שלום", "日本語", "👩\u{200d}🔬", "a\\u{1b}"] {
            assert_eq!(shown(&json!(name)), name);
        }
    }

    #[test]
    fn csv_text_is_never_a_formula_and_numbers_stay_numbers() {
        for (value, cell) in [
            (json!("=1+1"), "'=1+1"),
            (json!("+1"), "'+1"),
            (json!("-1"), "'-1"),
            (json!("@SUM(A1)"), "'@SUM(A1)"),
            (json!("=a,b"), "\"'=a,b\""),
            (json!(["=1", "x"]), "'=1 x"),
            (json!(-1), "-1"),
            (json!("a=b"), "a=b"),
        ] {
            assert_eq!(csv_cell(&value), cell, "{value}");
        }
    }

    #[test]
    fn objects_keep_the_order_of_columns() {
        let table = rows();
        let line = serde_json::to_string(&table.named(&table.rows[1]).versioned()).unwrap();
        assert_eq!(line, r#"{"schema_version":1,"user":null,"requests":1200}"#);
    }
}
