//! Plain CSV (RFC 4180): a header line, and one case a line.

use std::fs::File;
use std::path::Path;

use serde_json::{Map, Value};

use super::{Row, Rows, Said, inline};
use crate::fault::{Fault, Flaw};

/// A line and its columns.
type Record = (u64, Map<String, Value>);

/// Records with their lines, as columns of texts.
pub(super) fn records(
    file: &Path,
) -> Result<impl Iterator<Item = Result<Record, Fault>> + use<'_>, Fault> {
    let opened = File::open(file).map_err(|error| Fault::unreadable(file, &error))?;
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(opened);
    let headers = reader.headers().map_err(|error| broken(file, &error))?.clone();
    let clean = |name: &str| name.trim_start_matches('\u{feff}').trim().to_owned();
    let names: Vec<String> = headers.iter().map(clean).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    if let Some(twice) = sorted.windows(2).find(|pair| pair.first() == pair.last()) {
        let name = twice.first().map(String::as_str).unwrap_or_default();
        // promptfoo's own files may repeat `__expected`; such columns are told apart by number.
        let message = format!("the column `{name}` stands there twice");
        return Err(Fault::of(file, Flaw::new("", message, "give each a name of its own")).at(1));
    }
    Ok(reader.into_records().map(move |record| {
        let record = record.map_err(|error| broken(file, &error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let cells = record.iter().map(|cell| Value::String(cell.to_owned()));
        Ok((line, names.iter().cloned().zip(cells).collect()))
    }))
}

/// The cases of a file.
pub(super) fn rows(file: &Path) -> Result<Rows<'_>, Fault> {
    Ok(Box::new(records(file)?.map(move |read| {
        let (line, mut columns) = read?;
        // `checks`, `request` and `messages` have no form in a table: they are columns here.
        let kept: Vec<(String, Value)> = ["checks", "request", "messages"]
            .iter()
            .filter_map(|name| columns.remove_entry(*name))
            .collect();
        let empty = |name: &str| columns.get(name).and_then(Value::as_str) == Some("");
        let absent: Vec<&str> =
            ["id", "group", "slice"].into_iter().filter(|name| empty(name)).collect();
        absent.into_iter().for_each(|name| drop(columns.remove(name)));
        let mut row = inline::row(columns, &mut Vec::new());
        row.columns.extend(kept);
        Ok(Said::row(Row { line: Some(line), ..row }))
    })))
}

fn broken(file: &Path, error: &csv::Error) -> Fault {
    let flaw = Flaw::new("", format!("not a CSV table: {error}"), "");
    let fault = Fault::of(file, flaw);
    match error.position() {
        Some(position) => fault.at(position.line()),
        None => fault,
    }
}
