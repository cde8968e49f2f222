//! Lists, tables below, and tables of names.

use toml::Spanned;
use toml::de::DeValue;

use super::{Section, join};
use crate::codes::Code;
use crate::keys::{Default, Key, Kind, Table};
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

    /// One value, or a list of them, or the list that is the default. `None` was reported.
    pub(crate) fn one_or_list<T: Value>(&self, name: &str) -> Option<Vec<At<T>>> {
        match self.node(name).map(Spanned::get_ref) {
            Some(DeValue::String(_)) => Some(vec![self.optional(name)?]),
            _ => self.list(name),
        }
    }

    /// A text, or a list of texts, if it is written. `None` was reported.
    pub(crate) fn text_or_list(&self, name: &str) -> Option<Vec<String>> {
        let value = self.table?.get(name)?;
        if let DeValue::String(text) = value.get_ref() {
            return Some(vec![text.to_string()]);
        }
        texts(self.list(name)?, self.array_len(name)?)
    }

    /// A list of lists of texts, or one such list, if it is written. `None` was reported.
    pub(crate) fn text_sets(&self, name: &str) -> Option<Vec<Vec<String>>> {
        let items = self.array(name)?;
        let is_list = |item: &Spanned<DeValue<'_>>| matches!(item.get_ref(), DeValue::Array(_));
        if !items.iter().any(is_list) {
            return Some(vec![texts(self.list(name)?, items.len())?]);
        }
        let rule = self.rule(name)?;
        let sets: Vec<_> = items
            .iter()
            .map(|item| {
                let DeValue::Array(words) = item.get_ref() else {
                    let place = Place::File(item.span());
                    let written = Written::Node(item.get_ref());
                    self.wrong_type(name, "lists of words, or words, not both", written, &place);
                    return None;
                };
                texts(self.items(rule, words, true), words.len())
            })
            .collect();
        sets.into_iter().collect()
    }

    /// The value as it stands in the file.
    pub(crate) fn node(&self, name: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table?.get(name)
    }

    /// The table below when the key holds one, and not the list that it may hold as well.
    pub(crate) fn table_form(&self, name: &str) -> Option<Self> {
        let is_table = matches!(self.node(name)?.get_ref(), DeValue::Table(_));
        if is_table { self.table(name) } else { None }
    }

    /// The items of a list that is written in the file.
    pub(crate) fn array(&self, name: &str) -> Option<&'a [Spanned<DeValue<'a>>]> {
        let value = self.table?.get(name)?;
        match value.get_ref() {
            DeValue::Array(items) => Some(items),
            other => {
                let place = Place::File(value.span());
                let expected = match self.rule(name)?.kind {
                    Kind::TextsOrTable(_) => "a list or a table",
                    Kind::TextOrTexts => "a string or a list of strings",
                    _ => "a list",
                };
                self.wrong_type(name, expected, Written::Node(other), &place);
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

    /// A table below that always exists: its keys have defaults.
    pub(crate) fn always(&self, name: &str) -> Option<Self> {
        let below = self.rule(name)?.kind.below()?;
        if self.table.is_some_and(|table| table.contains_key(name)) {
            return self.table(name);
        }
        Some(Self::new(self.reader, below, None, self.key_path(name), Place::Default))
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

/// The texts, if none of them was faulty and left out.
fn texts(values: Vec<At<String>>, written: usize) -> Option<Vec<String>> {
    (values.len() == written).then(|| values.into_iter().map(|text| text.value).collect())
}
