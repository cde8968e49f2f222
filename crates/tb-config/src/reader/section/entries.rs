//! Tables of free keys, and keys that have something to fall back on.

use toml::de::DeValue;

use super::{Section, join};
use crate::keys::Default;
use crate::reader::{At, Place};
use crate::value::{Value, Written};

impl Section<'_> {
    /// The entries of a table of free keys; faulty ones are reported and left out.
    pub(crate) fn entries<T: Value>(&self, name: &str) -> Vec<(At<String>, At<T>)> {
        let (Some(rule), Some(value)) = (self.rule(name), self.node(name)) else {
            return Vec::new();
        };
        let DeValue::Table(entries) = value.get_ref() else {
            let place = Place::File(value.span());
            self.wrong_type(name, "a table", Written::Node(value.get_ref()), &place);
            return Vec::new();
        };
        let mut read = Vec::new();
        for (key, value) in entries {
            let place = Place::File(value.span());
            let written = Written::Node(value.get_ref());
            if let Some(entry) = self.read_item::<T>(rule, written, &place) {
                let path = join(&self.key_path(name), key.get_ref());
                self.reader.effect(path, entry.show(), &place);
                let key = At { value: key.get_ref().to_string(), place: Place::File(key.span()) };
                read.push((key, At { value: entry, place }));
            }
        }
        read
    }

    /// A value that is written, else its default in the table of keys, else this one, which
    /// holds elsewhere and is shown there. Faulty ones are reported.
    pub(crate) fn value_over<T: Value>(&self, name: &str, inherited: T) -> At<T> {
        let has_default =
            self.rule(name).is_some_and(|rule| matches!(rule.default, Default::Value(_)));
        let read = if has_default { self.value(name) } else { self.optional(name) };
        read.unwrap_or(At { value: inherited, place: Place::Default })
    }

    /// The names of a table of names, without a look at what stands below them.
    pub(crate) fn names(&self, name: &str) -> Vec<String> {
        match self.node(name).map(|value| value.get_ref()) {
            Some(DeValue::Table(names)) => {
                names.keys().map(|name| name.get_ref().to_string()).collect()
            }
            _ => Vec::new(),
        }
    }
}
