//! A TOML text as JSON values, with the place of each in the text.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use crate::fault::{Fault, Flaw, join};

/// What was read.
pub(super) struct Document {
    pub(super) members: Map<String, Value>,
    places: HashMap<String, Range<usize>>,
}

impl Document {
    /// Reads a text; the faults of its syntax stand beside what was understood.
    pub(super) fn parse(text: &str) -> (Self, Vec<(Range<usize>, String)>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut places = HashMap::new();
        let members = members(table.get_ref(), "", &mut places);
        let wrong = |error: &Error| {
            let message = format!("not valid TOML: {}", error.message().trim_end());
            (error.span().unwrap_or(0..0), message)
        };
        (Self { members, places }, errors.iter().map(wrong).collect())
    }

    /// Where a path stands: itself, else the nearest that is around it.
    pub(super) fn place(&self, path: &str) -> Range<usize> {
        let mut path = path;
        loop {
            if let Some(span) = self.places.get(path) {
                return span.clone();
            }
            match path.rfind(['.', '[']).and_then(|end| path.get(..end)) {
                Some(shorter) if !shorter.is_empty() => path = shorter,
                _ => return 0..0,
            }
        }
    }
}

/// A fault at a place of the text.
pub(super) fn located(file: &Path, text: &str, span: &Range<usize>, flaw: Flaw) -> Fault {
    let before = text.get(..span.start.min(text.len())).unwrap_or_default();
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX).saturating_add(1);
    let mut fault = Fault::of(file, flaw).at(number(line));
    fault.column = Some(number(column));
    fault
}

fn members(
    table: &DeTable<'_>,
    path: &str,
    places: &mut HashMap<String, Range<usize>>,
) -> Map<String, Value> {
    let mut members = Map::new();
    for (name, value) in table {
        let inner = join(path, name.get_ref());
        let read = read(value, &inner, places);
        places.insert(inner, name.span());
        members.insert(name.get_ref().to_string(), read);
    }
    members
}

fn read(
    value: &Spanned<DeValue<'_>>,
    path: &str,
    places: &mut HashMap<String, Range<usize>>,
) -> Value {
    match value.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            i64::from_str_radix(&digits, number.radix()).map_or(Value::Null, Value::from)
        }
        DeValue::Float(number) => {
            number.as_str().replace('_', "").parse::<f64>().map_or(Value::Null, Value::from)
        }
        DeValue::Datetime(moment) => Value::String(moment.to_string()),
        DeValue::Array(items) => {
            let item = |(place, item): (usize, &Spanned<DeValue<'_>>)| {
                let inner = format!("{path}[{place}]");
                let value = read(item, &inner, places);
                places.insert(inner, item.span());
                value
            };
            Value::Array(items.iter().enumerate().map(item).collect())
        }
        DeValue::Table(table) => Value::Object(members(table, path, places)),
    }
}
