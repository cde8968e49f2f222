//! How requests end here. No message holds a value that was found.

use serde_json::{Map, Value};
use tb_guard::{Action, CharacterCounts};

use super::tally::Tallies;
use crate::refusal::{Refusal, Refused};

/// A request that ends here.
pub(super) struct Ended {
    refusal: Refusal,
    /// Members of `error.tollbar`.
    extra: Vec<(&'static str, Value)>,
}

impl Ended {
    fn policy(code: &'static str, message: String) -> Self {
        Self { refusal: Refusal::Policy { status: 400, code, message }, extra: Vec::new() }
    }

    fn field(code: &'static str, param: &str, message: String) -> Self {
        Self { refusal: Refusal::caller(400, code, param, message), extra: Vec::new() }
    }

    /// Kinds were found that the rules block.
    pub(super) fn found(tallies: &Tallies) -> Self {
        let counts = tallies.found.iter().map(|(kind, tally)| (kind, tally.of(Action::Block)));
        let blocked = counts.filter(|(_, count)| *count > 0);
        let types: Map<String, Value> =
            blocked.map(|(kind, count)| (kind.to_string(), count.into())).collect();
        let names: Vec<&str> = types.keys().map(String::as_str).collect();
        let message = format!(
            "The rules of this service forbid to send what was found here ({}).",
            names.join(", ")
        );
        let mut ended = Self::policy("pii_blocked", message);
        ended.extra.push(("types", types.into()));
        ended
    }

    /// Something was found where nothing can be hidden: `place` is a header, the model's name or
    /// the frame of a form.
    pub(super) fn found_in(place: &str, types: Map<String, Value>) -> Self {
        let names: Vec<&str> = types.keys().map(String::as_str).collect();
        let message = format!(
            "In {place} was found what must not leave ({}), and nothing can be hidden there.",
            names.join(", ")
        );
        let mut ended = Self::policy("pii_blocked", message);
        ended.extra.push(("types", types.into()));
        ended
    }

    pub(super) fn opaque() -> Self {
        let message = "Part of the request is encoded so often that it cannot be looked at, and \
             the rules of this service forbid to send it unseen.";
        let mut ended = Self::policy("pii_blocked", message.to_owned());
        ended.extra.push(("types", Map::new().into()));
        ended
    }

    pub(super) fn attachment() -> Self {
        let message = "The rules of this service forbid images, sound and files, which the guard \
             cannot read.";
        Self::policy("attachment_blocked", message.to_owned())
    }

    pub(super) fn characters(counts: &CharacterCounts, path: &str) -> Self {
        let classes = [
            ("control", counts.controls),
            ("bidirectional", counts.bidi),
            ("tag", counts.tags),
            ("zero-width", counts.zero_width),
        ];
        let names: Vec<&str> =
            classes.iter().filter(|(_, count)| *count > 0).map(|(name, _)| *name).collect();
        let message = format!(
            "`{path}` holds characters that nobody sees ({}), and the rules of this service \
             refuse some of them.",
            names.join(", ")
        );
        Self::field("input_rejected", path, message)
    }

    pub(super) fn not_utf8(name: &str) -> Self {
        Self::field("input_rejected", name, format!("The field `{name}` is not UTF-8."))
    }

    pub(super) fn too_long(field: &'static str, (limit, used): (u64, u64)) -> Self {
        let message = format!(
            "The request has {used} {field}; the rules of this service allow {limit} on this \
             route."
        );
        let mut ended = Self::policy("input_too_long", message);
        ended.extra = vec![("field", field.into()), ("limit", limit.into()), ("used", used.into())];
        ended
    }

    pub(super) fn keyword(list: &str) -> Self {
        let message = format!("The keyword filter `{list}` of this service refused the request.");
        let mut ended = Self::policy("keyword_blocked", message);
        ended.extra.push(("keyword_list", list.into()));
        ended
    }

    pub(super) fn injection() -> Self {
        let message = "The request looks like an attempt to override the model's instructions, \
             which the rules of this service refuse.";
        Self::policy("injection_blocked", message.to_owned())
    }

    pub(super) fn data_class(class: &str, service: &str) -> Self {
        let message = format!(
            "By what was found in it the request is of the class `{class}`, which the service \
             `{service}` may not send."
        );
        let code = "data_class_not_allowed";
        Self { refusal: Refusal::Policy { status: 403, code, message }, extra: Vec::new() }
    }

    /// The guard failed, and nothing leaves unseen.
    pub(super) fn failed() -> Self {
        let message = "The request could not be looked at, and the rules of this service forbid \
             to send it unseen. The request id names it in the logs.";
        let code = "guard_failed";
        let refusal = Refusal::Policy { status: 500, code, message: message.to_owned() };
        Self { refusal, extra: Vec::new() }
    }
}

impl From<Ended> for Refused {
    fn from(ended: Ended) -> Self {
        let mut refused = Self::from(ended.refusal);
        refused.guard.extra = ended.extra;
        refused
    }
}
