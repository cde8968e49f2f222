//! The second half of `cargo xtask prices`: what is known of the versions of models.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use crate::prices::spaced;

/// The list of models.
#[derive(Deserialize)]
struct List {
    meta: Meta,
    models: Vec<Listed>,
}

#[derive(Deserialize)]
struct Meta {
    as_of: String,
    sources: Vec<String>,
}

/// The fields of a model that its versions depend on.
#[derive(Deserialize)]
struct Listed {
    provider: String,
    model: String,
    pin: String,
    alias_of: Option<String>,
    alias_basis: Option<String>,
    retires: Option<String>,
    alias_target_retires: Option<String>,
    status: String,
    replacement: Option<String>,
    max_output: Option<u64>,
    #[serde(default)]
    rejects: Vec<String>,
    note: Option<String>,
}

/// One entry of the table, as `tb_core::versions` reads it.
#[derive(Serialize)]
struct Entry<'list> {
    pin: &'list str,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<&'list str>,
    /// Whether the vendor says what the name stands for; else it is inferred from names.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    documented: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    retires: Option<&'list str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'list str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replacement: Option<&'list str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    rejects: &'list [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'list str>,
}

/// The whole table, one line a model.
pub(crate) fn table(list: &str) -> anyhow::Result<String> {
    let list: List = serde_json::from_str(list).context("not a list of models")?;
    let mut lines = BTreeMap::new();
    for model in &list.models {
        for date in [&model.retires, &model.alias_target_retires].into_iter().flatten() {
            ensure!(is_date(date), "{}: `{date}` is no date", model.model);
        }
        let key = format!("{}/{}", model.provider, model.model);
        let line = format!("{}: {}", spaced(&key)?, spaced(&entry(model))?);
        ensure!(lines.insert(key.clone(), line).is_none(), "{key} is listed twice");
    }
    let lines: Vec<String> = lines.into_values().collect();
    let (date, sources) = (spaced(&list.meta.as_of)?, spaced(&list.meta.sources)?);
    Ok(format!(
        "{{\n\"version\": {date},\n\"sources\": {sources},\n\"models\": {{\n{}\n}}\n}}\n",
        lines.join(",\n")
    ))
}

fn entry(model: &Listed) -> Entry<'_> {
    let basis = model.alias_basis.as_deref().unwrap_or_default();
    Entry {
        pin: &model.pin,
        snapshot: model.alias_of.as_deref(),
        documented: model.alias_of.is_some() && basis.starts_with("documented"),
        retires: model.retires.as_deref().or(model.alias_target_retires.as_deref()),
        status: Some(model.status.as_str()).filter(|status| *status != "active"),
        replacement: model.replacement.as_deref(),
        max_output: model.max_output,
        rejects: &model.rejects,
        note: model.note.as_deref(),
    }
}

/// `2026-11-30`.
fn is_date(text: &str) -> bool {
    let digits =
        |part: &str, count| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = text.split('-').collect();
    matches!(parts.as_slice(), [year, month, day]
        if digits(year, 4) && digits(month, 2) && digits(day, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_known_of_versions_and_nothing_else() {
        let list = r#"{"meta":{"as_of":"2026-01-02","sources":["here"]},"models":[
            {"provider":"v","model":"m","pin":"floating","status":"active","alias_of":"m-1",
             "alias_basis":"documented (x)","alias_target_retires":"2027-01-14","in":1.0},
            {"provider":"v","model":"m-1","pin":"snapshot","status":"deprecated",
             "retires":"2027-01-14","replacement":"n","rejects":["sampling_params"]}]}"#;
        let expected = "{\n\"version\": \"2026-01-02\",\n\"sources\": [\"here\"],\n\"models\": {\n\
            \"v/m\": {\"pin\": \"floating\", \"snapshot\": \"m-1\", \"documented\": true, \"retires\": \"2027-01-14\"},\n\
            \"v/m-1\": {\"pin\": \"snapshot\", \"retires\": \"2027-01-14\", \"status\": \"deprecated\", \
            \"replacement\": \"n\", \"rejects\": [\"sampling_params\"]}\n}\n}\n";
        assert_eq!(table(list).expect("a table"), expected);
        assert!(
            table(&list.replace("\"2027-01-14\",\"replacement\"", "\"soon\",\"replacement\""))
                .is_err()
        );
    }
}
