//! A TOML value as the JSON text that it stands for.

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::DeValue;

use crate::codes::Code;
use crate::reader::{Place, Section};
use crate::value::Written;

/// The value of the key as a JSON text, if it is written. `None` was reported.
pub(super) fn text(section: &Section<'_>, key: &str) -> Option<String> {
    let written = section.node(key)?;
    // A string would be sent as a string, which nobody means who writes JSON into it.
    if written.get_ref().as_str().is_some_and(|text| text.trim_start().starts_with(['{', '['])) {
        section.reader.report(
            &Place::File(written.span()),
            Code::BadRule,
            "`json` is a string that holds JSON, and would be sent as a string",
            "write it as a table: json = { state = \"unknown\" }",
        );
        return None;
    }
    Some(value(section, written)?.to_string())
}

fn value(section: &Section<'_>, written: &Spanned<DeValue<'_>>) -> Option<Value> {
    match written.get_ref() {
        DeValue::String(text) => Some(Value::from(text.to_string())),
        DeValue::Boolean(flag) => Some(Value::Bool(*flag)),
        DeValue::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| value(section, item)).collect();
            items.into_iter().collect::<Option<_>>().map(Value::Array)
        }
        DeValue::Table(table) => {
            let entry = |(key, below): (&Spanned<_>, _)| {
                let key: &std::borrow::Cow<'_, str> = key.get_ref();
                (key.to_string(), value(section, below))
            };
            let entries: Vec<_> = table.iter().map(entry).collect();
            let entries = entries.into_iter().map(|(key, value)| Some((key, value?)));
            entries.collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        DeValue::Integer(_) => {
            let number = Written::Node(written.get_ref()).integer().map(Value::from);
            known(section, written, number, "a whole number of more than 64 bits")
        }
        DeValue::Float(number) => {
            let number = number.as_str().parse().ok().and_then(Number::from_f64);
            known(section, written, number.map(Value::Number), "a number without end")
        }
        DeValue::Datetime(_) => known(section, written, None, "a date"),
    }
}

/// Reports what JSON has not.
fn known(
    section: &Section<'_>,
    written: &Spanned<DeValue<'_>>,
    value: Option<Value>,
    what: &str,
) -> Option<Value> {
    if value.is_none() {
        section.reader.report(
            &Place::File(written.span()),
            Code::WrongType,
            format!("`json` takes anything that JSON has, not {what}"),
            "write it as a string, in quotes",
        );
    }
    value
}
