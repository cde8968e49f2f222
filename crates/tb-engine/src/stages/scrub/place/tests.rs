//! Which place a path leads to.

use std::borrow::Cow;

use super::*;

fn path(text: &str) -> Vec<Step<'_>> {
    let step = |part: &str| part.parse().map(Step::Index).ok();
    text.split('.').map(|part| step(part).unwrap_or(Step::Key(Cow::Borrowed(part)))).collect()
}

#[test]
fn tells_text_from_words_and_from_values_of_the_callers() {
    for (way, expected) in [
        ("model", Place::Model),
        ("messages.0.content", Place::Text),
        ("messages.0.content.1.text", Place::Text),
        ("messages.0.role", Place::Exact),
        ("reasoning.effort", Place::Setting),
        ("messages.0.tool_calls.0.function.arguments", Place::Text),
        ("messages.0.tool_calls.0.function.name", Place::Name),
        ("messages.0.name", Place::Exact),
        ("messages.0.tool_call_id", Place::Exact),
        ("user", Place::Who),
        ("metadata.user_id", Place::Who),
        ("x.metadata.user_id", Place::Keyed("user_id")),
        ("messages.0.content.0.input.name", Place::Keyed("name")),
        ("messages.0.content.0.input.list.0.type", Place::Keyed("type")),
        ("input.0.content", Place::Text),
        ("input.0.name", Place::Name),
        ("metadata.password", Place::Keyed("password")),
        ("metadata.model", Place::Keyed("model")),
        ("tools.0.function.parameters.properties.ssn.description", Place::Text),
        ("tools.0.function.parameters.properties.ssn.type", Place::Name),
        ("tools.0.function.parameters.properties.ssn.default", Place::Keyed("ssn")),
        ("tools.0.function.parameters.properties.size.default", Place::Keyed("default")),
        ("metadata.passwords.0", Place::Keyed("password")),
        ("metadata.password.value", Place::Keyed("password")),
        ("metadata.password.type", Place::Keyed("type")),
        ("metadata.ssn.0.text", Place::Keyed("ssn")),
        ("metadata.token.a.b.c.value", Place::Keyed("value")),
        ("x_secret.prod", Place::Keyed("x_secret")),
        ("prompt.variables.name", Place::Keyed("name")),
        ("unknown", Place::Keyed("unknown")),
        ("unknown.name", Place::Keyed("name")),
        ("stop.0", Place::Text),
    ] {
        assert_eq!(Place::of(&path(way), Ground::Api), expected, "{way}");
    }
    assert_eq!(Place::of(&path("0.name"), Ground::Free), Place::Keyed("name"));
    assert_eq!(Place::of(&path("0.text"), Ground::Free), Place::Text);
}

#[test]
fn paths_that_are_told_hold_no_key_of_the_callers() {
    let shown = |way| shown(&path(way), Ground::Api);
    assert_eq!(shown("messages.0.content.1.text"), "messages[0].content[1].text");
    assert_eq!(shown("metadata.jo@example"), "*.*");
}

#[test]
fn common_keys_are_found_and_others_are_not() {
    for key in ["action", "additionalProperties", "address", "maxLength", "properties", "zip"] {
        assert!(is_common_key(key), "{key}");
    }
    for key in ["", "jo@example.com", "Zip", "zippo"] {
        assert!(!is_common_key(key), "{key}");
    }
}
