//! What a text is for, told by the way to it: the API's own text, a word or id of the API, or
//! something of the caller's whose key says what it is.

mod words;

use tb_api::json::Step;
use tb_guard::Action;

pub(super) use self::words::{is_common_key, is_word_of_api};
use self::words::{is_of_names, is_of_schema, is_of_settings, is_of_text, is_prose};
use super::context::{is_description, is_generic, is_of_secrets, is_telling};

/// What the members of an object are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ground {
    /// The API gave them their names.
    Api,
    /// A JSON Schema.
    Schema,
    /// The caller did.
    Free,
}

/// What a text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'p> {
    /// Text of the API.
    Text,
    /// A setting of the API: no prose.
    Setting,
    /// A word or an id that others refer to: it may be destroyed, but not become something else.
    Exact,
    /// The same for names of functions and of properties, and for what only the provider reads:
    /// what could come back stays.
    Name,
    /// Who is behind the request: the same from request to request.
    Who,
    /// The value of a key of the caller's.
    Keyed(&'p str),
    /// The name of the model.
    Model,
}

/// What is done where a placeholder would stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hiding {
    /// It stands there.
    Placeholder,
    /// The tenant's hash does.
    Hash,
    /// Nothing is hidden, and that is reported.
    Nothing,
}

impl Hiding {
    /// What is really done where the rules ask for `action`.
    pub(super) const fn action(self, action: Action) -> Action {
        match (self, action) {
            (Self::Hash, Action::Tokenize) => Action::Hash,
            (Self::Nothing, Action::Tokenize) => Action::Report,
            _ => action,
        }
    }
}

impl<'p> Place<'p> {
    /// What is done in such a place.
    pub(super) const fn hiding(self) -> Hiding {
        match self {
            Self::Text | Self::Setting | Self::Keyed(_) => Hiding::Placeholder,
            Self::Exact | Self::Who | Self::Model => Hiding::Hash,
            Self::Name => Hiding::Nothing,
        }
    }

    /// The place at the end of a path that begins on `ground`.
    pub(super) fn of(path: &'p [Step<'_>], ground: Ground) -> Self {
        Self::below(path, ground, name_above)
    }

    /// The place, where `name_above` says what the value of a key of the caller's is.
    fn below(
        path: &'p [Step<'_>],
        ground: Ground,
        name_above: impl FnOnce(&str, [Option<&'p str>; 2], Ground) -> Option<&'p str>,
    ) -> Self {
        let mut ground = ground;
        let mut last: Option<(usize, &str)> = None;
        // The two nearest keys of the caller's above the last one.
        let mut outer: [Option<&str>; 2] = [None; 2];
        for (depth, step) in path.iter().enumerate() {
            if let Step::Key(key) = step {
                if let Some((depth, above)) = last {
                    ground = below(above, depth, ground);
                    let is_callers = ground != Ground::Api;
                    outer = [is_callers.then_some(above), outer[0]];
                }
                last = Some((depth, key.as_ref()));
            }
        }
        let Some((depth, key)) = last else { return Place::Text };
        match ground {
            Ground::Api if key == "model" && depth == 0 => Place::Model,
            Ground::Api if is_of_who(key) && depth == 0 => Place::Who,
            Ground::Api => match meaning(key) {
                Meaning::Text => Place::Text,
                Meaning::Setting => Place::Setting,
                Meaning::Exact if is_kept(path, key) => Place::Name,
                Meaning::Exact => Place::Exact,
                Meaning::Schema | Meaning::Free => Place::Keyed(key),
            },
            Ground::Schema if is_of_schema(key) => Place::Name,
            Ground::Free if is_user_id(path) => Place::Who,
            Ground::Schema | Ground::Free => match name_above(key, outer, ground) {
                Some(name) => Place::Keyed(name),
                None if is_prose(key) => Place::Text,
                None if matches!(path.last(), Some(Step::Index(_))) => Place::Keyed(singular(key)),
                None => Place::Keyed(key),
            },
        }
    }

    /// The place of a field of a form.
    pub(super) fn of_field(name: &'p str) -> Self {
        let name = name.strip_suffix("[]").unwrap_or(name);
        match meaning(name) {
            _ if name == "model" => Place::Model,
            _ if is_of_who(name) => Place::Who,
            Meaning::Text => Place::Text,
            Meaning::Setting => Place::Setting,
            Meaning::Exact => Place::Exact,
            Meaning::Schema | Meaning::Free => Place::Keyed(name),
        }
    }
}

/// The nearest key above that says what the value is, where its own key does not.
fn name_above<'p>(key: &str, outer: [Option<&'p str>; 2], ground: Ground) -> Option<&'p str> {
    let mut outer = outer.into_iter().flatten();
    if let Some(name) = outer.clone().find(|name| is_of_secrets(name)) {
        // A schema describes its properties with many words.
        let is_value = ground != Ground::Schema && !is_telling(key) && !is_description(key);
        if is_value || is_generic(key) {
            return Some(singular(name));
        }
    }
    if is_generic(key) { outer.find(|name| is_telling(name)).map(singular) } else { None }
}

/// The name of one of many secrets.
fn singular(name: &str) -> &str {
    match name.strip_suffix(['s', 'S']) {
        Some(one) if !one.ends_with(['s', 'S']) && is_telling(one) => one,
        _ => name,
    }
}

/// Whether the key at the end of this path is a word of the API, or one like it.
pub(super) fn is_known_key(path: &[Step<'_>], ground: Ground) -> bool {
    const OPEN: [&str; 6] =
        ["metadata", "arguments", "parameters", "input_schema", "schema", "variables"];
    match Place::below(path, ground, |_, _, _| None) {
        Place::Model | Place::Exact | Place::Name | Place::Who | Place::Setting | Place::Text => {
            true
        }
        Place::Keyed(key) => OPEN.contains(&key),
    }
}

/// What lies below a key.
fn below(key: &str, depth: usize, ground: Ground) -> Ground {
    match ground {
        Ground::Free | Ground::Schema => ground,
        // Of a tool's call, while that of the whole request is messages and parts.
        Ground::Api if depth > 0 && matches!(key, "input" | "arguments") => Ground::Free,
        Ground::Api => match meaning(key) {
            Meaning::Text | Meaning::Setting | Meaning::Exact => Ground::Api,
            Meaning::Schema => Ground::Schema,
            Meaning::Free => Ground::Free,
        },
    }
}

enum Meaning {
    Text,
    Exact,
    Setting,
    Schema,
    Free,
}

/// What the API means by a key, whose value may be a text or hold some.
fn meaning(key: &str) -> Meaning {
    match key {
        "parameters" | "schema" | "input_schema" => Meaning::Schema,
        _ if is_of_text(key) => Meaning::Text,
        _ if is_of_settings(key) => Meaning::Setting,
        _ if is_of_names(key) => Meaning::Exact,
        _ => Meaning::Free,
    }
}

/// Members of a request that say who is behind it.
fn is_of_who(key: &str) -> bool {
    matches!(key, "user" | "safety_identifier" | "prompt_cache_key")
}

/// The only member of `metadata` that has a meaning of its own.
fn is_user_id(path: &[Step<'_>]) -> bool {
    matches!(path, [Step::Key(outer), Step::Key(key)] if outer == "metadata" && key == "user_id")
}

/// Of the ids, names and types those that say nothing once they are changed: names of functions,
/// of files' schemas and the like, while the names of messages say who speaks.
fn is_kept(path: &[Step<'_>], key: &str) -> bool {
    match key {
        "name" => !matches!(path, [Step::Key(turns), Step::Index(_), _] if turns == "messages"),
        _ => matches!(key, "signature" | "encrypted_content"),
    }
}

/// The way to a leaf as it is told to callers: `messages[0].content`. Keys of the caller's may be
/// text, so only those of the API are told.
pub(super) fn shown(path: &[Step<'_>], ground: Ground) -> String {
    let mut out = String::new();
    for (length, step) in path.iter().enumerate() {
        match step {
            Step::Index(index) => {
                // Writing to a String cannot fail.
                let _ = std::fmt::Write::write_fmt(&mut out, format_args!("[{index}]"));
            }
            Step::Key(key) => {
                let way = path.get(..=length).unwrap_or_default();
                if !out.is_empty() {
                    out.push('.');
                }
                let is_known =
                    ground == Ground::Api && !matches!(Place::of(way, ground), Place::Keyed(_));
                out.push_str(if is_known { key } else { "*" });
            }
        }
    }
    out
}

#[cfg(test)]
mod tests;
