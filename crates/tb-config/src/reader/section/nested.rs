//! Lists, tables below, and tables of names.

use toml::Spanned;
use toml::de::DeValue;

use super::{Section, join};
use crate::codes::Code;
use crate::keys::{Default, Key, Table};
use crate::reader::{At, Place};
use crate::redact::quoted;
use crate::value::{Value, Written};

impl<'a> Section<'a> {
    /// A list of values, or its default in the table of keys. `None` was reported; faulty
    /// entries are reported and left out.
    pub(crate) fn list<T: Value>(&self, name: &str) -> Option<Vec<At<T>>> {
        let rule = self.rule(name)?;
        if self.written_at(name).is_some() {
            return self.array(name).map(|items| self.items(rule, items, true));
        }
        let Default::Value(default) = rule.default else {
            self.missing(name);
            return None;
        };
        let default = DeValue::parse(default).ok()?;
        default.get_ref().as_array().map(|items| self.items(rule, items, false))
    }

    fn items<T: Value>(
        &self,
        rule: &Key,
        items: &[Spanned<DeValue<'_>>],
        in_file: bool,
    ) -> Vec<At<T>> {
        let name = rule.name;
        let mut values = Vec::new();
        let mut shown = Vec::new();
        for item in items {
            let place = if in_file { Place::File(item.span()) } else { Place::Default };
            let read: Option<T> = self.read_item(rule, Written::Node(item.get_ref()), &place);
            if let Some(value) = read {
                let text = value.show();
                if shown.contains(&text) {
                    let message = format!("{text} stands twice in `{name}`");
                    self.reader.report(&place, Code::Duplicate, message, "remove one of them");
                }
                shown.push(text);
                values.push(At { value, place });
            }
        }
        let place = self.written_at(name).unwrap_or(Place::Default);
        self.reader.effect(self.key_path(name), format!("[{}]", shown.join(", ")), &place);
        values
    }

    /// The items of a list that is written in the file.
    pub(crate) fn array(&self, name: &str) -> Option<&'a [Spanned<DeValue<'a>>]> {
        let value = self.table?.get(name)?;
        match value.get_ref() {
            DeValue::Array(items) => Some(items),
            other => {
                let place = Place::File(value.span());
                self.wrong_type(name, "a list", Written::Node(other), &place);
                None
            }
        }
    }

    /// How many entries the list has in the file.
    pub(crate) fn array_len(&self, name: &str) -> Option<usize> {
        self.table?.get(name)?.get_ref().as_array().map(|items| items.len())
    }

    /// A table below; `None` when it is not written.
    pub(crate) fn table(&self, name: &str) -> Option<Self> {
        let below = self.rule(name)?.kind.below()?;
        let (key, value) = self.table?.get_key_value(name)?;
        self.below(below, self.key_path(name), value, Place::File(key.span()))
    }

    /// A table below that always exists: its keys have defaults and variables.
    pub(crate) fn always(&self, name: &str) -> Option<Self> {
        let below = self.rule(name)?.kind.below()?;
        if self.table.is_some_and(|table| table.contains_key(name)) {
            return self.table(name);
        }
        Some(Self::new(self.reader, below, None, name.to_owned(), Place::Default))
    }

    fn below(
        &self,
        rules: &'static Table,
        path: String,
        value: &'a Spanned<DeValue<'a>>,
        place: Place,
    ) -> Option<Self> {
        match value.get_ref() {
            DeValue::Table(table) => Some(Self::new(self.reader, rules, Some(table), path, place)),
            other => {
                let place = Place::File(value.span());
                self.wrong_type(&path, "a table", Written::Node(other), &place);
                None
            }
        }
    }

    /// The tables of a list of tables.
    pub(crate) fn tables(&self, name: &str) -> Vec<Self> {
        let Some(below) = self.rule(name).and_then(|rule| rule.kind.below()) else {
            return Vec::new();
        };
        let items = self.array(name).unwrap_or_default();
        let section = |(index, item): (usize, &'a Spanned<DeValue<'a>>)| {
            let path = format!("{}[{index}]", self.key_path(name));
            self.below(below, path, item, Place::File(item.span()))
        };
        items.iter().enumerate().filter_map(section).collect()
    }

    /// The tables below a table of names, with their names.
    pub(crate) fn named(&self, name: &str) -> Vec<(String, Self)> {
        let rule = self.rule(name).and_then(|rule| rule.kind.below());
        let (Some(below), Some(value)) = (rule, self.table.and_then(|table| table.get(name)))
        else {
            return Vec::new();
        };
        let DeValue::Table(names) = value.get_ref() else {
            let place = Place::File(value.span());
            self.wrong_type(name, "a table", Written::Node(value.get_ref()), &place);
            return Vec::new();
        };
        let path = self.key_path(name);
        let section = |(key, value): (&'a Spanned<_>, &'a Spanned<DeValue<'a>>)| {
            let own: &str = std::borrow::Borrow::<str>::borrow(key);
            let place = Place::File(key.span());
            let below = self.below(below, join(&path, own), value, place)?;
            Some((own.to_owned(), below))
        };
        names.iter().filter_map(section).collect()
    }

    /// A table below a table of names that nobody wrote.
    pub(crate) fn unwritten(&self, name: &str, own: &str) -> Option<Self> {
        let below = self.rule(name)?.kind.below()?;
        let path = join(&self.key_path(name), own);
        Some(Self::new(self.reader, below, None, path, Place::Default))
    }

    /// Whether the table stands in the file.
    pub(crate) const fn is_written(&self) -> bool {
        self.table.is_some()
    }

    /// A table of free keys with texts.
    pub(crate) fn text_map(&self, name: &str) -> Vec<(String, String)> {
        let Some(value) = self.table.and_then(|table| table.get(name)) else { return Vec::new() };
        let place = Place::File(value.span());
        let DeValue::Table(entries) = value.get_ref() else {
            self.wrong_type(name, "a table of strings", Written::Node(value.get_ref()), &place);
            return Vec::new();
        };
        let mut map = Vec::new();
        for (key, value) in entries {
            let place = Place::File(value.span());
            match value.get_ref() {
                DeValue::String(text) => {
                    let path = join(&self.key_path(name), key.get_ref());
                    self.reader.effect(path, quoted(text), &place);
                    map.push((key.get_ref().to_string(), text.to_string()));
                }
                other => self.wrong_type(name, "strings", Written::Node(other), &place),
            }
        }
        map
    }
}
