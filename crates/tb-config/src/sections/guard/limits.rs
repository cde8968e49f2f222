//! `limits` of the guard.

use tb_core::Surface;

use crate::codes::Code;
use crate::nearest::nearest;
use crate::reader::Section;
use crate::redact::quoted;
use crate::snapshot::{InputLimits, TextLimits};
use crate::value::Mistake;

/// `limits`, over those that hold otherwise.
pub(super) fn input_limits(section: &Section<'_>, base: &InputLimits) -> InputLimits {
    let Some(own) = section.table("limits") else { return base.clone() };
    let mut merged = InputLimits { all: limits(&own, base.all), by_route: base.by_route.clone() };
    for (name, route) in own.named("routes") {
        let surface = surface(&name);
        let before = surface.and_then(|surface| base.by_route.get(&surface)).copied();
        let limits = limits(&route, before.unwrap_or_default());
        match surface {
            Some(surface) => {
                merged.by_route.insert(surface, limits);
            }
            None => unknown(&name, &route),
        }
    }
    merged
}

fn limits(section: &Section<'_>, base: TextLimits) -> TextLimits {
    let limit = |key: &str, base: Option<u64>| {
        let written = section.optional::<i64>(key);
        written.and_then(|limit| u64::try_from(limit.value).ok()).or(base)
    };
    TextLimits {
        characters: limit("characters", base.characters),
        tokens: limit("tokens", base.tokens),
        messages: limit("messages", base.messages),
        images: limit("images", base.images),
    }
}

/// The routes on which something is sent.
fn sending() -> impl Iterator<Item = Surface> {
    let sends_nothing = |surface: &Surface| {
        matches!(
            surface,
            Surface::ResponsesGet
                | Surface::ResponsesDelete
                | Surface::ResponsesCancel
                | Surface::Models
        )
    };
    Surface::ALL.into_iter().filter(move |surface| !sends_nothing(surface))
}

fn surface(label: &str) -> Option<Surface> {
    sending().find(|surface| surface.label() == label)
}

fn unknown(name: &str, section: &Section<'_>) {
    let labels: Vec<_> = sending().map(Surface::label).collect();
    let message = format!("there is no route {} that sends something", quoted(name));
    let help = format!("the routes are {}", labels.join(", "));
    let mistake = Mistake::new(Code::UnknownWord, message, help);
    section.reader.fault(&section.place, mistake.with_nearest(nearest(name, labels)));
}
