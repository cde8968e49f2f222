//! The types of findings that a file may name.

use std::collections::BTreeSet;

use tb_guard::{Actions, Kind};

use crate::codes::Code;
use crate::nearest::{distance, nearest};
use crate::reader::{At, Place, Section};
use crate::value::{Mistake, Value, Word};

/// What may stand for a type: the guard's own, national numbers, and those of own detectors.
pub(super) struct Kinds {
    own: Vec<String>,
}

impl Kinds {
    pub(super) const fn with_own(own: Vec<String>) -> Self {
        Self { own }
    }

    /// The type of that name; `None` was reported.
    pub(super) fn read(&self, section: &Section<'_>, key: &str, name: &At<String>) -> Option<Kind> {
        let text = name.value.as_str();
        if let Some(known) = built_in(text) {
            return Some(known);
        }
        if self.own.iter().any(|own| own == text) {
            return Some(Kind::custom(text.to_owned()));
        }
        let known = Kind::KNOWN.iter().map(Kind::as_str).chain(self.own.iter().map(String::as_str));
        let mistake = Mistake::new(
            Code::UnknownType,
            format!("`{key}` names a type that does not exist"),
            "name a type such as `email`, a national number such as `de_tax_id`, or the `type` of one of [[guard.detectors]]",
        );
        section.reader.fault(&name.place, mistake.with_nearest(nearest(text, known)));
        None
    }

    /// Shows what is done with the guard's own types and those of own detectors where nothing is
    /// written.
    pub(super) fn show_actions(&self, section: &Section<'_>) {
        let written = section.names("actions");
        let own = self.own.iter().map(|name| Kind::custom(name.clone()));
        let kinds: BTreeSet<_> = Kind::KNOWN.iter().cloned().chain(own).collect();
        for kind in kinds.iter().filter(|kind| !written.iter().any(|name| name == kind.as_str())) {
            let path = format!("{}.{kind}", section.key_path("actions"));
            let action = Word(Actions::default().of(kind)).show();
            section.reader.effect(path, action, &Place::Default);
        }
    }
}

/// The guard's own type of that name. National numbers are `<country>_<name>`, and `ip` is no
/// country; one that is a single edit away from a known type (`us_snn`) is that, mistyped.
pub(super) fn built_in(name: &str) -> Option<Kind> {
    if let Some(known) = Kind::KNOWN.iter().find(|known| known.as_str() == name) {
        return Some(known.clone());
    }
    let (country, number) = name.split_once('_')?;
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let is_national = country.len() == 2
        && country != "ip"
        && country.bytes().all(|b| b.is_ascii_lowercase())
        && !number.is_empty()
        && name.len() <= 48
        && name.bytes().all(fits)
        && !Kind::KNOWN.iter().any(|known| distance(known.as_str(), name) <= 1);
    is_national.then(|| Kind::custom(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_national_numbers_from_mistyped_types() {
        for name in ["email", "us_ssn", "de_tax_id", "fr_nir", "us_npi", "il_id", "in_pan"] {
            assert_eq!(built_in(name).unwrap().as_str(), name);
        }
        for name in
            ["emial", "ip_adress", "ip_net", "us_snn", "d_tax", "de_", "DE_tax", "ger_tax", "de_é"]
        {
            assert_eq!(built_in(name), None, "{name}");
        }
    }
}
