//! What of a request the terms with a vendor do not cover.
//!
//! Zero retention and agreements for health data hold for some endpoints and fields and not for
//! others. The sources are the vendors' pages on data controls; for zero retention what is not
//! known to be covered counts as not covered. Read from the client's request, which looks the
//! same whatever dialect the provider speaks.

use tb_api::json::{Document, Kind, Value};
use tb_core::Surface;

use crate::CallBody;

/// Under which terms a provider is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// It keeps nothing of what it is sent.
    pub zero_retention: bool,
    /// What it is sent is about somebody's health, so that an agreement must cover it.
    pub health: bool,
}

/// Tools that the caller runs itself, so that nothing of them stays with the provider.
const RUN_BY_CALLERS: [&str; 5] = ["function", "custom", "namespace", "local_shell", "apply_patch"];

/// The same, by how their versioned names begin.
const RUN_BY_CALLERS_SINCE: [&str; 5] =
    ["bash_", "text_editor_", "memory_", "computer_", "computer-"];

/// Members by which models or compatible vendors are told to search the web, or to ask somebody
/// else.
const SEARCHES: [&str; 6] = [
    "web_search_options",
    "search_parameters",
    "web_search",
    "enable_search",
    "plugins",
    "connectors",
];

/// Models of which the vendor says that they search the web whatever they are told.
const SEARCHING_MODELS: [&str; 4] = ["search-preview", "search-api", "deep-research", "sonar"];

/// The first part of a request that the terms do not cover, as the object of a sentence;
/// `None` when all of it is covered.
#[must_use]
pub fn uncovered(
    surface: Surface,
    model: &str,
    body: CallBody<'_>,
    terms: Terms,
) -> Option<&'static str> {
    if !terms.zero_retention && !terms.health {
        return None;
    }
    if terms.zero_retention
        && let Some(part) = of_route(surface, model)
    {
        return Some(part);
    }
    let CallBody::Json(document) = body else { return None };
    let is_on = |name: &&str| is_on(document.get(name));
    let searches =
        SEARCHES.iter().any(is_on) || SEARCHING_MODELS.iter().any(|part| model.contains(part));
    if terms.health && searches {
        return Some(WEB_SEARCH);
    }
    if let Some(part) = document.get("tools").and_then(|tools| of_tools(tools, terms)) {
        return Some(part);
    }
    if !terms.zero_retention {
        return None;
    }
    of_fields(document).or_else(|| of_content(document))
}

const WEB_SEARCH: &str = "web search";

/// Routes whose data is kept by nature: stored responses are read, not made, here.
fn of_route(surface: Surface, model: &str) -> Option<&'static str> {
    match surface {
        Surface::ResponsesGet => Some("stored responses"),
        Surface::ImagesGenerations | Surface::ImagesEdits | Surface::ImagesVariations
            if model.starts_with("dall-e") =>
        {
            Some("images of this model")
        }
        _ => None,
    }
}

/// Members of the body that make the provider keep something, or hand it to somebody else.
fn of_fields(document: &Document) -> Option<&'static str> {
    let word = |name: &str| document.get(name).and_then(|value| value.as_str());
    let set = |name: &str| is_set(document.get(name));
    if document.get("background").and_then(|value| value.as_bool()) == Some(true) {
        return Some("`background`");
    }
    // 24 hours of prompt cache lie on the provider's disks.
    if word("prompt_cache_retention").as_deref() == Some("24h") {
        return Some("`prompt_cache_retention: 24h`");
    }
    let audio = document
        .get("modalities")
        .is_some_and(|list| list.elements().any(|one| one.as_str().as_deref() == Some("audio")));
    if audio || set("audio") {
        // Spoken answers are kept for an hour, to be referred to.
        return Some("audio output");
    }
    [
        ("conversation", "`conversation`"),
        ("previous_response_id", "`previous_response_id`"),
        ("container", "`container`"),
        ("mcp_servers", "`mcp_servers`"),
    ]
    .into_iter()
    .find(|(name, _)| set(name))
    .map(|(_, part)| part)
}

/// Hosted tools, by their `type`.
fn of_tools(tools: Value<'_>, terms: Terms) -> Option<&'static str> {
    tools.elements().find_map(|tool| of_tool(tool, terms))
}

const HOSTED_TOOLS: &str = "tools that the provider runs (code interpreter, file search, MCP …)";

fn of_tool(tool: Value<'_>, terms: Terms) -> Option<&'static str> {
    // Some are bundles of others.
    if let Some(part) = tool.get("tools").and_then(|tools| of_tools(tools, terms)) {
        return Some(part);
    }
    let hosted = terms.zero_retention.then_some(HOSTED_TOOLS);
    let Some(kind) = tool.get("type").and_then(|kind| kind.as_str()) else {
        // A tool without a type is a function in the oldest form, in Anthropic's or in Google's,
        // or one that is named by its only member, like `google_search`.
        let is_function = ["name", "function", "function_declarations", "functionDeclarations"]
            .iter()
            .any(|name| tool.get(name).is_some());
        let others = tool.members().filter(|(name, _)| {
            let name = name.to_ascii_lowercase();
            name.contains("search") || name.contains("url")
        });
        return match (is_function, others.count() > 0) {
            (true, _) => None,
            (false, true) if terms.health => Some(WEB_SEARCH),
            (false, _) => hosted,
        };
    };
    if ["web_search", "web_fetch"].iter().any(|begin| kind.starts_with(begin)) {
        return terms.health.then_some(WEB_SEARCH);
    }
    let by_callers = RUN_BY_CALLERS.contains(&kind.as_ref())
        || kind == "computer"
        || RUN_BY_CALLERS_SINCE.iter().any(|begin| kind.starts_with(begin));
    if by_callers { None } else { hosted }
}

/// Ids of what the provider keeps, in messages and input items at any depth.
fn of_content(document: &Document) -> Option<&'static str> {
    let listed = ["messages", "input", "system"].into_iter().filter_map(|name| document.get(name));
    listed.into_iter().find_map(in_value)
}

fn in_value(value: Value<'_>) -> Option<&'static str> {
    match value.kind {
        Kind::Array => value.elements().find_map(in_value),
        Kind::Object => {
            let is_reference = value.get("type").and_then(|kind| kind.as_str());
            if is_reference.as_deref() == Some("item_reference") {
                return Some("stored items");
            }
            if is_set(value.get("file_id")) {
                return Some("stored files");
            }
            // What callers write themselves is no reference, whatever its members are called.
            let members = value.members().filter(|(name, _)| LOOKED_INTO.contains(&name.as_ref()));
            members.into_iter().find_map(|(_, inner)| in_value(inner))
        }
        _ => None,
    }
}

/// The members under which parts of messages and items lie.
const LOOKED_INTO: [&str; 8] =
    ["content", "file", "source", "output", "input_image", "input_file", "image_url", "summary"];

/// Whether a member asks for something: not `null`, not `false`, no empty list.
fn is_on(value: Option<Value<'_>>) -> bool {
    value.is_some_and(|value| match value.kind {
        Kind::Array => value.elements().next().is_some(),
        _ => !value.is_null() && value.as_bool() != Some(false),
    })
}

fn is_set(value: Option<Value<'_>>) -> bool {
    value.is_some_and(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const ZERO: Terms = Terms { zero_retention: true, health: false };
    const HEALTH: Terms = Terms { zero_retention: false, health: true };

    fn of(surface: Surface, body: &'static str, terms: Terms) -> Option<&'static str> {
        let document = Document::parse(Bytes::from_static(body.as_bytes())).unwrap();
        uncovered(surface, "m", CallBody::Json(&document), terms)
    }

    #[test]
    fn what_makes_a_provider_keep_something_is_not_covered() {
        for body in [
            r#"{"background":true}"#,
            r#"{"conversation":"conv_1"}"#,
            r#"{"conversation":{"id":"conv_1"}}"#,
            r#"{"previous_response_id":"resp_1"}"#,
            r#"{"prompt_cache_retention":"24h"}"#,
            r#"{"tools":[{"type":"function"},{"type":"code_interpreter"}]}"#,
            r#"{"tools":[{"type":"file_search"}]}"#,
            r#"{"tools":[{"type":"mcp"}]}"#,
            r#"{"tools":[{"type":"something_new"}]}"#,
            r#"{"tools":[{"type":"function_of_the_vendor"}]}"#,
            r#"{"tools":[{"type":"namespace","name":"n","tools":[{"type":"mcp"}]}]}"#,
            r#"{"tools":[{"code_execution":{}}]}"#,
            r#"{"input":[{"role":"user","content":[{"type":"input_file","file_id":"file-1"}]}]}"#,
            r#"{"input":[{"type":"item_reference","id":"msg_1"}]}"#,
            r#"{"input":[{"type":"function_call_output","output":[{"type":"input_image","file_id":"file-1"}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"f"}}]}]}"#,
            r#"{"modalities":["text","audio"]}"#,
            r#"{"mcp_servers":[{}]}"#,
            r#"{"container":"c"}"#,
        ] {
            assert!(of(Surface::Responses, body, ZERO).is_some(), "{body}");
            assert_eq!(of(Surface::Responses, body, Terms::default()), None, "{body}");
            assert_eq!(of(Surface::Responses, body, HEALTH), None, "{body}");
        }
    }

    #[test]
    fn what_is_covered_passes() {
        for body in [
            r#"{"input":"file_id","background":false,"conversation":null,"store":true}"#,
            r#"{"prompt_cache_retention":"in_memory","previous_response_id":null}"#,
            r#"{"tools":[{"type":"function"},{"name":"f","input_schema":{}},{"type":"bash_20250124"}]}"#,
            r#"{"tools":[{"type":"web_search_preview"}],"web_search_options":{}}"#,
            r#"{"messages":[{"role":"user","content":"x","name":"file_id"}],"modalities":["text"]}"#,
            r#"{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"{\"file_id\":1}"}}]}]}"#,
        ] {
            assert_eq!(of(Surface::ChatCompletions, body, ZERO), None, "{body}");
        }
        assert_eq!(uncovered(Surface::ResponsesDelete, "m", CallBody::Empty, ZERO), None);
        assert!(uncovered(Surface::ResponsesGet, "m", CallBody::Empty, ZERO).is_some());
        assert!(of(Surface::ImagesGenerations, "{}", ZERO).is_none());
    }

    #[test]
    fn no_agreement_covers_web_search_with_health_data() {
        for body in [
            r#"{"tools":[{"type":"web_search"}]}"#,
            r#"{"tools":[{"type":"web_search_20250305"}]}"#,
            r#"{"tools":[{"type":"web_fetch_20250910"}]}"#,
            r#"{"web_search_options":{}}"#,
            r#"{"plugins":[{"id":"web"}]}"#,
            r#"{"enable_search":true}"#,
            r#"{"tools":[{"google_search":{}}]}"#,
            r#"{"tools":[{"googleSearchRetrieval":{}}]}"#,
            r#"{"tools":[{"type":"namespace","tools":[{"type":"web_search"}]}]}"#,
        ] {
            for terms in [HEALTH, Terms { zero_retention: true, health: true }] {
                assert_eq!(of(Surface::ChatCompletions, body, terms), Some(WEB_SEARCH), "{body}");
            }
        }
        let searching = |model| {
            let document = Document::parse(Bytes::from_static(b"{}")).unwrap();
            uncovered(Surface::ChatCompletions, model, CallBody::Json(&document), HEALTH)
        };
        assert_eq!(searching("gpt-4o-search-preview-2025-03-11"), Some(WEB_SEARCH));
        assert_eq!(searching("gpt-4o-2024-11-20"), None);
        let off =
            r#"{"plugins":[],"enable_search":false,"web_search":null,"tools":[{"name":"search"}]}"#;
        assert_eq!(of(Surface::ChatCompletions, off, HEALTH), None);
    }
}
