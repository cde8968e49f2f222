//! One table of the configuration, as its section sees it.

use std::fmt::Write as _;

use toml::de::{DeTable, DeValue};

use super::{At, Place, Reader, range};
use crate::codes::Code;
use crate::keys::{Default, Key, Table};
use crate::nearest::nearest;
use crate::redact::quoted;
use crate::refused::{REFUSED_WORDS, explanation, is_refused};
use crate::value::{Mistake, Value, Written};

mod entries;
mod nested;

/// A table of the document (or one that is not written at all) and what it may hold.
pub(crate) struct Section<'a> {
    pub(crate) reader: &'a Reader<'a>,
    rules: &'static Table,
    table: Option<&'a DeTable<'a>>,
    /// Its path, `models.support`.
    path: String,
    /// Where its name is written.
    pub(crate) place: Place,
}

/// What was written for a key, and where.
struct Found<'a> {
    node: Node<'a>,
    place: Place,
}

enum Node<'a> {
    File(&'a DeValue<'a>),
    Text(String),
}

impl Node<'_> {
    const fn written(&self) -> Written<'_> {
        match self {
            Self::File(value) => Written::Node(value),
            Self::Text(text) => Written::Text(text.as_str()),
        }
    }
}

impl<'a> Section<'a> {
    /// Opens a table, and reports the keys that it should not have.
    pub(crate) fn new(
        reader: &'a Reader<'a>,
        rules: &'static Table,
        table: Option<&'a DeTable<'a>>,
        path: String,
        place: Place,
    ) -> Self {
        let section = Self { reader, rules, table, path, place };
        for (key, _) in table.into_iter().flatten() {
            section.check_key(key.get_ref(), &Place::File(key.span()));
        }
        section
    }

    fn check_key(&self, name: &str, place: &Place) {
        if self.rules.key(name).is_some() {
            return;
        }
        if is_refused(self.rules.place, name) {
            let (message, help) = explanation(name);
            self.reader.report(place, Code::NotEnforced, message, help);
            return;
        }
        let names = self.rules.keys.iter().map(|key| key.name);
        let what = if !self.path.is_empty() {
            format!("[{}] has no key {}", self.path, quoted(name))
        } else if self.rules.place.is_empty() {
            format!("there is no section {}", quoted(name))
        } else {
            format!("a {} has no key {}", self.rules.place, quoted(name))
        };
        let known: Vec<_> = names.clone().collect();
        let help = format!("the keys here are {}", known.join(", "));
        let mistake = Mistake::new(Code::UnknownKey, what, help);
        self.reader.fault(place, mistake.with_nearest(nearest(name, names)));
    }

    /// The full path of a key of this table.
    pub(crate) fn key_path(&self, name: &str) -> String {
        join(&self.path, name)
    }

    /// Whether the key is written in the file, and where.
    pub(crate) fn written_at(&self, name: &str) -> Option<Place> {
        let (key, _) = self.table?.get_key_value(name)?;
        Some(Place::File(key.span()))
    }

    /// Where the value of the key is written in the file.
    pub(crate) fn value_at(&self, name: &str) -> Option<Place> {
        Some(Place::File(self.table?.get(name)?.span()))
    }

    fn rule(&self, name: &str) -> Option<&'static Key> {
        let rule = self.rules.key(name);
        debug_assert!(rule.is_some(), "[{}] {name} is missing from the table of keys", self.path);
        rule
    }

    /// Flag, then variable, then file.
    fn found(&self, name: &str) -> Option<Found<'a>> {
        if self.rules.overridable {
            let path = self.key_path(name);
            if let Some(text) = self.reader.overrides.get(&path) {
                return Some(Found { node: Node::Text(text.to_owned()), place: Place::Flag(path) });
            }
            let variable = variable_name(&path);
            if let Some(text) = self.reader.environment.var(&variable) {
                return Some(Found { node: Node::Text(text), place: Place::Variable(variable) });
            }
        }
        let value = self.table?.get(name)?;
        Some(Found { node: Node::File(value.get_ref()), place: Place::File(value.span()) })
    }

    /// Reports a value of another type.
    pub(crate) fn wrong_type(&self, name: &str, expected: &str, found: Written<'_>, place: &Place) {
        self.reader.report(
            place,
            Code::WrongType,
            format!("`{name}` takes {expected}, not {}", found.type_word()),
            format!("write {expected}"),
        );
    }

    /// A value if it is written; the default of the table of keys is not looked at.
    pub(crate) fn optional<T: Value>(&self, name: &str) -> Option<At<T>> {
        let rule = self.rule(name)?;
        let found = self.found(name)?;
        let value = self.read(rule, found.node.written(), &found.place)?;
        Some(At { value, place: found.place })
    }

    /// Reads one value, checks its range, and records it as effective.
    fn read<T: Value>(&self, rule: &Key, written: Written<'_>, place: &Place) -> Option<T> {
        let read: T = self.read_item(rule, written, place)?;
        self.reader.effect(self.key_path(rule.name), read.show(), place);
        Some(read)
    }

    fn read_item<T: Value>(&self, rule: &Key, written: Written<'_>, place: &Place) -> Option<T> {
        let Some(read) = T::read(written) else {
            self.wrong_type(rule.name, &T::expected(), written, place);
            return None;
        };
        let read = read.and_then(|value| range::check(rule, written).map(|()| value));
        match read {
            Ok(value) => Some(value),
            Err(mistake) => {
                self.reader.fault(place, self.honest(rule, written, mistake));
                None
            }
        }
    }

    /// A word that the contract knows and this version does not is not a typing error.
    fn honest(&self, rule: &Key, written: Written<'_>, mistake: Mistake) -> Mistake {
        let word = written.text().unwrap_or_default();
        if REFUSED_WORDS.contains(&(self.rules.place, rule.name, word)) {
            let (message, help) = explanation(word);
            return Mistake::new(Code::NotEnforced, message, help);
        }
        mistake
    }

    /// A value that is written or has a default in the table of keys. `None` was reported.
    pub(crate) fn value<T: Value>(&self, name: &str) -> Option<At<T>> {
        let rule = self.rule(name)?;
        match rule.default {
            Default::Value(default) => self.value_or(name, default),
            _ => self.required(name),
        }
    }

    /// A value that is written, or this default. `None` was reported.
    pub(crate) fn value_or<T: Value>(&self, name: &str, default: &str) -> Option<At<T>> {
        let rule = self.rule(name)?;
        if self.found(name).is_some() {
            return self.optional(name);
        }
        let value = self.read(rule, Written::Text(default), &Place::Default)?;
        Some(At { value, place: Place::Default })
    }

    fn required<T: Value>(&self, name: &str) -> Option<At<T>> {
        if self.found(name).is_none() {
            self.missing(name);
            return None;
        }
        self.optional(name)
    }

    /// Reports that a required key is not written.
    pub(crate) fn missing(&self, name: &str) {
        self.reader.report(
            &self.place,
            Code::MissingKey,
            if self.path.is_empty() {
                format!("a {} needs `{name}`", self.rules.place)
            } else {
                format!("[{}] needs `{name}`", self.path)
            },
            self.rule(name).map_or_else(String::new, |rule| format!("add `{name}`: {}", rule.doc)),
        );
    }
}

/// `path.name`, quoted where TOML needs it.
fn join(path: &str, name: &str) -> String {
    let mut joined = String::from(path);
    if !path.is_empty() {
        joined.push('.');
    }
    let bare = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !name.is_empty() && name.bytes().all(bare) {
        joined.push_str(name);
    } else {
        // Writing into a string cannot fail.
        let _ = write!(joined, "{}", quoted(name));
    }
    joined
}

/// `server.listen` → `TOLLBAR_SERVER_LISTEN`.
pub(crate) fn variable_name(path: &str) -> String {
    format!("TOLLBAR_{}", path.replace('.', "_").to_ascii_uppercase())
}
