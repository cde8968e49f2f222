//! The rules file of a model: another TOML text, read with the same means and reported under its
//! own name.

use std::path::Path;
use std::sync::Arc;

use tb_core::rules::{Condition, DEFAULT_INTENT_THRESHOLD, RuleFault, RuleSpec, Rules};

use crate::codes::Code;
use crate::document::Document;
use crate::keys::RULES_FILE;
use crate::load::Overrides;
use crate::reader::{At, Location, Place, Reader, Section};
use crate::sections::named_file;
use crate::value::{Mistake, Share, Value};

mod json;

/// Reads and compiles the file; its text goes into the hash of the configuration. `None` was
/// reported.
pub(super) fn read(reader: &Reader<'_>, path: &At<String>) -> Option<Arc<Rules>> {
    let text = named_file::read(reader, path, "rules file", Code::UnreadableRules)?;
    let name = reader.shown(&path.value);
    let document = Document::parse(&text, &RULES_FILE);
    let overrides = Overrides::default();
    let location = Location::of(&name, Path::new(""));
    let inner = Reader::new(reader.environment, &overrides, location);
    let rules = rules(&inner, &document);
    reader.elsewhere(document.diagnostics(&name, inner.into_findings().faults));
    drop(document);
    reader.hash_too(text);
    rules.map(Arc::new)
}

fn rules(reader: &Reader<'_>, document: &Document<'_>) -> Option<Rules> {
    let whole = Place::File(0..0);
    let root = Section::new(reader, &RULES_FILE, Some(document.table()), String::new(), whole);
    if root.written_at("rules").is_none() {
        root.missing("rules");
        return None;
    }
    let count = root.array("rules")?.len();
    if count == 0 {
        let how = "add [[rules]] with a `name` and an `answer`";
        reader.report(&root.written_at("rules")?, Code::BadRule, "the file has no rules", how);
        return None;
    }
    let sections = root.tables("rules");
    let mut specs = Vec::new();
    let mut places = Vec::new();
    for section in &sections {
        let when = section.table("when");
        if let Ok(spec) = rule(section, when.as_ref()) {
            specs.push(spec);
            places.push((section, when));
        }
    }
    let compiled = Rules::compile(&specs).map_err(|faults| {
        for fault in faults {
            let place =
                places.get(fault.rule).and_then(|(rule, when)| place(&fault, rule, when.as_ref()));
            let mistake = Mistake::new(Code::BadRule, fault.message, fault.help);
            reader.fault(&place.unwrap_or(Place::Default), mistake);
        }
    });
    compiled.ok().filter(|_| specs.len() == count)
}

/// Where the faulty key stands, else where the rule begins.
fn place(fault: &RuleFault, rule: &Section<'_>, when: Option<&Section<'_>>) -> Option<Place> {
    let key = rule.value_at(fault.key).or_else(|| when?.value_at(fault.key));
    key.or_else(|| Some(rule.place.clone()))
}

/// A fault that stands in the reader already.
struct Reported;

fn rule(section: &Section<'_>, when: Option<&Section<'_>>) -> Result<RuleSpec, Reported> {
    let name = section.value::<String>("name").ok_or(Reported);
    let conditions = match when {
        Some(when) => conditions(when),
        // A `when` that is no table was reported.
        None => written(section, "when", None).map(Option::unwrap_or_default),
    };
    let answer = optional::<String>(section, "answer");
    let json = written(section, "json", json::text(section, "json"));
    Ok(RuleSpec { name: name?.value, when: conditions?, answer: answer?, json: json? })
}

fn conditions(when: &Section<'_>) -> Result<Vec<Condition>, Reported> {
    let always = optional::<bool>(when, "always");
    let literal = written(when, "literal", when.text_or_list("literal"));
    let regex = optional::<String>(when, "regex");
    let keywords = written(when, "keywords", when.text_sets("keywords"));
    let intent = intent(when);
    let language = written(when, "language", when.text_or_list("language"));
    let always = always?;
    if always == Some(false) {
        no_effect(when, "always", "`always = false` says nothing");
    }
    Ok([
        always.filter(|always| *always).map(|_| Condition::Always),
        literal?.map(Condition::Literal),
        regex?.map(Condition::Regex),
        keywords?.map(Condition::Keywords),
        intent?,
        language?.map(Condition::Language),
    ]
    .into_iter()
    .flatten()
    .collect())
}

fn intent(when: &Section<'_>) -> Result<Option<Condition>, Reported> {
    let is_written = when.written_at("intent").is_some();
    let examples = if is_written { when.list::<String>("intent") } else { None };
    let threshold = optional::<Share>(when, "threshold");
    if when.written_at("threshold").is_some() && !is_written {
        no_effect(when, "threshold", "`threshold` has no effect without `intent`");
    }
    let complete = examples.filter(|list| Some(list.len()) == when.array_len("intent"));
    let examples = written(when, "intent", complete)?;
    let threshold = threshold?.map_or(DEFAULT_INTENT_THRESHOLD, |share| share.0);
    Ok(examples.map(|examples| {
        let examples = examples.into_iter().map(|example| example.value).collect();
        Condition::Intent { examples, threshold }
    }))
}

fn no_effect(section: &Section<'_>, key: &str, message: &str) {
    if let Some(place) = section.written_at(key) {
        section.reader.report(&place, Code::NoEffect, message, "remove it");
    }
}

/// A value that need not be there.
fn optional<T: Value>(section: &Section<'_>, key: &str) -> Result<Option<T>, Reported> {
    written(section, key, section.optional::<T>(key).map(|at| at.value))
}

/// Tells a key that nobody wrote from one with a fault.
fn written<T>(section: &Section<'_>, key: &str, value: Option<T>) -> Result<Option<T>, Reported> {
    if value.is_none() && section.written_at(key).is_some() { Err(Reported) } else { Ok(value) }
}
