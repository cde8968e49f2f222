//! Our own form of a case, as a line of JSONL or as `[[cases]]` in the suite.

use std::path::Path;

use serde_json::{Map, Value};

use super::{Row, Rows, Said, objects, text_member};
use crate::fault::{Fault, Flaw};

/// The cases of a file.
pub(super) fn lines(file: &Path) -> Result<Rows<'_>, Fault> {
    Ok(Box::new(objects(file)?.map(move |read| {
        let (line, object) = read?;
        let mut flaws = Vec::new();
        let mut row = row(object, &mut flaws);
        row.line = Some(line);
        match flaws.into_iter().next() {
            Some(flaw) => Err(Fault::of(file, flaw).at(line)),
            None => Ok(Said::row(row)),
        }
    })))
}

/// A case; members without a meaning are columns.
pub(crate) fn row(mut object: Map<String, Value>, flaws: &mut Vec<Flaw>) -> Row {
    let id = text_member(&mut object, "id", flaws);
    let group = text_member(&mut object, "group", flaws);
    let slices = match object.remove("slice") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => {
            let all: Vec<String> =
                many.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect();
            if all.len() != many.len() {
                flaws.push(Flaw::new("slice", "this must be a text or a list of texts", ""));
            }
            all
        }
        Some(_) => {
            flaws.push(Flaw::new("slice", "this must be a text or a list of texts", ""));
            Vec::new()
        }
    };
    let mut request = match object.remove("request") {
        None => Map::new(),
        Some(Value::Object(members)) => members,
        Some(_) => {
            flaws.push(Flaw::new("request", "this must be an object", ""));
            Map::new()
        }
    };
    if let Some(messages) = object.remove("messages") {
        request.insert("messages".to_owned(), messages);
    }
    let checks = match object.remove("checks") {
        None => Vec::new(),
        Some(Value::Array(checks)) => checks,
        Some(_) => {
            flaws.push(Flaw::new("checks", "this must be a list", ""));
            Vec::new()
        }
    };
    Row { id, group, slices, request, checks, columns: object, ..Row::default() }
}
