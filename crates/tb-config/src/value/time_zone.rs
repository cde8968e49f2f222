//! Names of time zones.

use std::sync::Arc;

use super::{Mistake, Value, Written};
use crate::codes::Code;
use crate::nearest::nearest;
use crate::redact::quoted;

/// The IANA name of a zone, as the database spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimeZoneName(pub(crate) Arc<str>);

impl Value for TimeZoneName {
    fn expected() -> String {
        "a time zone such as \"Europe/Berlin\"".to_owned()
    }

    fn read(written: Written<'_>) -> Option<Result<Self, Mistake>> {
        let text = written.text()?;
        let known = jiff::tz::db().get(text).ok();
        let name = known.as_ref().and_then(|zone| zone.iana_name());
        Some(name.map(|name| Self(name.into())).ok_or_else(|| unknown(text)))
    }

    fn show(&self) -> String {
        quoted(&self.0)
    }
}

fn unknown(text: &str) -> Mistake {
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    // People write the city alone; it is the last part of the name.
    let city = |name: &&String| {
        name.rsplit_once('/').is_some_and(|(_, city)| city.eq_ignore_ascii_case(text.trim()))
    };
    let near = names.iter().find(city).cloned();
    Mistake::new(
        Code::UnknownTimeZone,
        format!("there is no time zone {}", quoted(text)),
        "write its IANA name, such as \"UTC\", \"Europe/Berlin\" or \"America/New_York\"",
    )
    .with_nearest(near.or_else(|| nearest(text, names.iter().map(String::as_str))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_in_any_case_and_spells_them_as_the_database_does() {
        for (text, name) in [("UTC", "UTC"), ("europe/berlin", "Europe/Berlin")] {
            let read = TimeZoneName::read(Written::Text(text)).unwrap().unwrap();
            assert_eq!(&*read.0, name);
        }
    }

    #[test]
    fn offers_the_nearest_name_or_the_one_of_that_city() {
        for (text, near) in [
            ("Europe/Berln", Some("Europe/Berlin")),
            ("new_york", Some("America/New_York")),
            ("Middle-earth/Shire", None),
            ("", None),
        ] {
            let mistake = TimeZoneName::read(Written::Text(text)).unwrap().unwrap_err();
            assert_eq!(mistake.code, Code::UnknownTimeZone);
            assert_eq!(mistake.nearest.as_deref(), near, "{text}");
        }
    }
}
