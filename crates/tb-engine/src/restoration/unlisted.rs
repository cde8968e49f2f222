//! Texts of deltas in places that are not known: they are put together by their path.

use tb_api::json::{Kind, Step, Value};

use super::leaf::{STRUCTURAL, key_of};
use super::whole::quoted;

/// Members that are never cut over several events, and what lies in them: names, links, files.
const WHOLE: [&str; 14] = [
    "annotations",
    "citations",
    "file",
    "filename",
    "image_url",
    "images",
    "index",
    "language",
    "name",
    "phase",
    "thought_signature",
    "title",
    "url",
    "version",
];

/// Members that say what a piece is a piece of: they go along with what was held back of it.
const TOLD: [&str; 4] = ["type", "index", "id", "format"];

/// The path of a text: keys, and for elements of a list what tells them apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Unlisted(Vec<String>);

impl Unlisted {
    /// Of the text at this path below a delta.
    pub(super) fn of(delta: Value<'_>, path: &[Step<'_>]) -> Option<Self> {
        let is_whole = path.iter().any(|step| match step {
            Step::Key(key) => WHOLE.contains(&key.as_ref()),
            Step::Index(_) => false,
        });
        if is_whole || STRUCTURAL.contains(&key_of(path)) {
            return None;
        }
        let (mut value, mut names) = (delta, Vec::with_capacity(path.len()));
        for step in path {
            let name;
            (value, name) = match step {
                Step::Key(key) => (value.get(key)?, key.to_string()),
                Step::Index(place) => {
                    let element = value.elements().zip(0..).find(|(_, at)| at == place)?.0;
                    (element, element_name(element))
                }
            };
            names.push(name);
        }
        Some(Self(names))
    }

    pub(super) fn is_json(&self) -> bool {
        self.0.last().is_some_and(|name| name == "arguments")
    }

    /// A delta like this one, with only this piece of the text.
    pub(super) fn delta(&self, like: Value<'_>, text: &str) -> Option<String> {
        only(like, &self.0, text)
    }
}

/// Elements have numbers in some lists; else only their types tell them apart, since a list
/// holds what is new.
fn element_name(element: Value<'_>) -> String {
    let number = element.get("index").and_then(|index| index.as_u64());
    let kind = || element.get("type").and_then(|kind| kind.as_str());
    match number {
        Some(number) => format!("#{number}"),
        None => kind().map(|kind| kind.into_owned()).unwrap_or_default(),
    }
}

fn only(like: Value<'_>, names: &[String], text: &str) -> Option<String> {
    let Some((name, rest)) = names.split_first() else { return Some(quoted(text)) };
    if like.kind == Kind::Array {
        let element = like.elements().filter(|element| element_name(*element) == *name).last()?;
        return Some(format!("[{}]", only(element, rest, text)?));
    }
    let mut members = Vec::new();
    for told in TOLD.into_iter().filter(|told| told != name) {
        let Some(value) = like.get(told) else { continue };
        members.push(format!("{}:{}", quoted(told), std::str::from_utf8(value.raw).ok()?));
    }
    members.push(format!("{}:{}", quoted(name), only(like.get(name)?, rest, text)?));
    Some(format!("{{{}}}", members.join(",")))
}
