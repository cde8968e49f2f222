//! The classes of requests by name, as the configuration has them, and what a caller may say of
//! its request.

use std::sync::Arc;

use tb_config::{ClassRules, Service};
use tb_core::classes::MAX_OWN_CLASSES;
use tb_core::{ClassSet, Classes, DataClass};

use crate::headers;
use crate::refusal::Refusal;
use crate::request::RequestHead;

/// The class of that name: a built-in one, or one of the operator's with the level that it has
/// at least.
pub(crate) fn named(rules: &ClassRules, name: &str) -> Option<Classes> {
    if let Ok(level) = name.parse::<DataClass>() {
        return Some(Classes::of(level));
    }
    let place = rules.own.iter().take(MAX_OWN_CLASSES).position(|own| &*own.name == name)?;
    let level = rules.own.get(place)?.level;
    Some(Classes { level, own: 1 << place })
}

/// The names of the operator's classes among these bits.
pub(crate) fn own_names(rules: &ClassRules, own: u32) -> impl Iterator<Item = &str> {
    let classes = Classes { level: DataClass::Public, own };
    let named = rules.own.iter().enumerate();
    named.filter(move |(place, _)| classes.bears(*place)).map(|(_, own)| &*own.name)
}

/// What rows say of the operator's classes: their names with commas.
pub(crate) fn own_note(rules: &ClassRules, own: u32) -> Option<Arc<str>> {
    let names: Vec<_> = own_names(rules, own).collect();
    (!names.is_empty()).then(|| names.join(",").into())
}

/// The names in a message: `health`, `trade_secret`.
pub(crate) fn quoted(rules: &ClassRules, classes: Classes) -> String {
    let names = std::iter::once(classes.level.as_str()).chain(own_names(rules, classes.own));
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// What a caller may send: what its service may, and its key too where that is narrower. The
/// names that a key bears and the configuration no longer has are nothing.
pub(crate) fn sendable(rules: &ClassRules, service: &Service, key: Option<&[String]>) -> ClassSet {
    // What the operator makes the default of a service it may send.
    let all = ClassSet::new(&service.data_classes, service.own_classes).with(service.data_class);
    let Some(names) = key else { return all };
    let mut levels = Vec::new();
    let mut own = 0;
    for name in names {
        match named(rules, name) {
            Some(Classes { own: 0, level }) => levels.push(level),
            Some(label) => own |= label.own,
            None => {}
        }
    }
    all.both(ClassSet::new(&levels, own))
}

/// The classes of a request by its head: those that the header names, comma-separated, on top of
/// the service's default, so that the header can only tighten. A prompt template will add its
/// own in the stage that composes.
///
/// # Errors
/// When the header names what there is not, or the caller may not send what comes of it.
pub(crate) fn declared(
    head: &RequestHead,
    rules: &ClassRules,
    (service, may): (&Service, ClassSet),
) -> Result<Classes, Refusal> {
    let mut classes = Classes::of(service.data_class);
    if let Some(header) = head.headers.get(&headers::DATA_CLASS) {
        let text = header.to_str().map_err(|_| unknown(rules, may))?;
        for name in text.split(',').map(str::trim) {
            let one = named(rules, name).ok_or_else(|| unknown(rules, may))?;
            if !may.contains(one) {
                return Err(not_allowed(rules, service, one));
            }
            classes = classes.joined(one);
        }
    }
    if may.contains(classes) { Ok(classes) } else { Err(not_allowed(rules, service, classes)) }
}

fn unknown(rules: &ClassRules, may: ClassSet) -> Refusal {
    let all = Classes { level: DataClass::Public, own: u32::MAX };
    // Other callers' classes are no matter of this one.
    let own = own_names(rules, all.own & !may.own_beyond(all));
    let mut known: Vec<&str> = DataClass::ALL.iter().map(|level| level.as_str()).collect();
    known.extend(own);
    let known = known.join(", ");
    let message = format!("Known data classes: {known}. Several are separated by commas.");
    Refusal::caller(400, "invalid_request", headers::DATA_CLASS.as_str(), message)
}

fn not_allowed(rules: &ClassRules, service: &Service, classes: Classes) -> Refusal {
    let of_service = sendable(rules, service, None);
    let named = quoted(rules, classes);
    let message = if of_service.contains(classes) {
        format!(
            "This key of the service `{}` may not send data of the class {named}.",
            service.name
        )
    } else {
        format!("The service `{}` may not send data of the class {named}.", service.name)
    };
    Refusal::Policy { status: 403, code: "data_class_not_allowed", message }
}

#[cfg(test)]
mod tests {
    use tb_config::{Demands, OwnClass};

    use super::*;

    fn rules() -> ClassRules {
        let own =
            |name: &str, level| OwnClass { name: name.into(), level, demands: Demands::default() };
        ClassRules {
            own: vec![own("export", DataClass::Internal), own("secret", DataClass::Personal)],
            ..ClassRules::default()
        }
    }

    fn service() -> Service {
        Service {
            data_classes: vec![DataClass::Internal, DataClass::Personal],
            own_classes: 0b10,
            ..Service::bare("s".into())
        }
    }

    #[test]
    fn an_own_class_raises_the_level_and_has_a_bit() {
        let secret = named(&rules(), "secret").unwrap();
        assert_eq!(secret, Classes { level: DataClass::Personal, own: 0b10 });
        assert_eq!(named(&rules(), "Secret"), None);
        assert_eq!(own_note(&rules(), 0b11).as_deref(), Some("export,secret"));
        assert_eq!(own_note(&rules(), 0), None);
        assert_eq!(quoted(&rules(), secret), "`personal`, `secret`");
    }

    #[test]
    fn a_key_narrows_its_service_and_never_widens_it() {
        let (rules, service) = (rules(), service());
        let names =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let wide = sendable(&rules, &service, None);
        let secret = named(&rules, "secret").unwrap();
        assert!(wide.contains(secret));
        let key = names(&["internal", "secret", "export", "health", "gone"]);
        let narrow = sendable(&rules, &service, Some(&key));
        assert!(narrow.contains(Classes::of(DataClass::Internal)));
        assert!(!narrow.contains(secret), "the level `personal` is not among the key's");
        assert!(!narrow.contains(named(&rules, "export").unwrap()), "the service may not");
        assert!(!narrow.contains(Classes::of(DataClass::Health)));
    }
}
