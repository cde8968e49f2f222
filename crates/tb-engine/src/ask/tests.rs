use bytes::Bytes;

use super::*;

const CHAT: Surface = Surface::ChatCompletions;

fn body(text: &str) -> Body {
    Body::Json(Document::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap())
}

fn turn(surface: Surface, text: &str) -> LastTurn {
    last_turn(surface, &body(text))
}

fn user_text(surface: Surface, text: &str) -> Option<String> {
    turn(surface, text).user_text
}

#[test]
fn the_last_user_message_is_found_in_every_shape() {
    let hello = Some("hello".to_owned());
    let cases = [
        (
            CHAT,
            r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y"},{"role":"user","content":"hello"}]}"#,
        ),
        (
            CHAT,
            r#"{"messages":[{"role":"user","content":"hello"},{"role":"system","content":"be brief"}]}"#,
        ),
        (CHAT, r#"{"messages":[{"role":"user","content":[{"type":"text","text":"hello"}]}]}"#),
        (Surface::Responses, r#"{"input":"hello"}"#),
        (
            Surface::Responses,
            r#"{"input":[{"role":"developer","content":"x"},{"role":"user","content":"hello"}]}"#,
        ),
        (
            Surface::Responses,
            r#"{"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"hello"}]}]}"#,
        ),
        (
            Surface::Messages,
            r#"{"system":"x","messages":[{"role":"user","content":[{"type":"text","text":"hello"}]}]}"#,
        ),
        (Surface::Completions, r#"{"prompt":"hello"}"#),
    ];
    for (surface, text) in cases {
        let turn = turn(surface, text);
        assert_eq!((turn.user_text, turn.is_tool_turn), (hello.clone(), false), "{text}");
    }
}

#[test]
fn text_parts_are_joined_by_line_and_others_left_out() {
    let text = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},
        {"type":"image_url","image_url":{"url":"text"}},{"type":"text","text":"b\u00fc"}]}]}"#;
    assert_eq!(user_text(CHAT, text).as_deref(), Some("a\nb\u{fc}"));
}

#[test]
fn a_conversation_that_ends_otherwise_has_no_user_text() {
    let cases = [
        (
            CHAT,
            r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y"}]}"#,
        ),
        (CHAT, r#"{"messages":[]}"#),
        (CHAT, r#"{"messages":"x"}"#),
        (CHAT, "{}"),
        (
            Surface::Responses,
            r#"{"input":[{"role":"user","content":"x"},{"type":"reasoning","summary":[]}]}"#,
        ),
        (Surface::Responses, r#"{"previous_response_id":"resp_1"}"#),
        (Surface::Messages, r#"{"messages":"hello"}"#),
        (Surface::Completions, r#"{"prompt":["a","b"]}"#),
        (Surface::Completions, r#"{"prompt":[1,2]}"#),
        (Surface::Embeddings, r#"{"input":"hello"}"#),
    ];
    for (surface, text) in cases {
        let turn = turn(surface, text);
        assert_eq!((turn.user_text, turn.is_tool_turn), (None, false), "{text}");
    }
    assert_eq!(last_turn(CHAT, &Body::Empty), LastTurn::default());
}

#[test]
fn results_of_tools_are_tool_turns() {
    let cases = [
        (
            CHAT,
            r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[]},{"role":"tool","content":"42"}]}"#,
        ),
        (CHAT, r#"{"messages":[{"role":"function","name":"f","content":"42"}]}"#),
        (
            Surface::Responses,
            r#"{"input":[{"role":"user","content":"x"},{"type":"function_call","name":"f"},{"type":"function_call_output","output":"42"}]}"#,
        ),
        (Surface::Responses, r#"{"input":[{"type":"mcp_approval_response","approve":true}]}"#),
        (
            Surface::Messages,
            r#"{"messages":[{"role":"user","content":[{"type":"tool_result","content":"42"},{"type":"text","text":"and?"}]}]}"#,
        ),
    ];
    for (surface, text) in cases {
        let turn = turn(surface, text);
        assert_eq!((turn.user_text, turn.is_tool_turn), (None, true), "{text}");
    }
    let over =
        r#"{"messages":[{"role":"tool","content":"42"},{"role":"user","content":"thanks"}]}"#;
    assert!(!turn(CHAT, over).is_tool_turn, "the user spoke after it");
}

#[test]
fn a_demanded_tool_is_a_tool_turn() {
    let demands = [
        r#""required""#,
        r#""any""#,
        r#"{"type":"function","function":{"name":"f"}}"#,
        r#"{"type":"any"}"#,
        r#"{"type":"tool","name":"f"}"#,
        r#"{"type":"allowed_tools","mode":"required","tools":[]}"#,
        r#"{"type":"allowed_tools","allowed_tools":{"mode":"required"}}"#,
    ];
    let leaves = [
        r#""auto""#,
        r#""none""#,
        "null",
        r#"{"type":"auto"}"#,
        r#"{"type":"none"}"#,
        r#"{"type":"allowed_tools","mode":"auto","tools":[]}"#,
    ];
    let is_tool_turn = |choice: &str| {
        turn(CHAT, &format!(r#"{{"messages":[],"tool_choice":{choice}}}"#)).is_tool_turn
    };
    for choice in demands {
        assert!(is_tool_turn(choice), "{choice}");
    }
    for choice in leaves {
        assert!(!is_tool_turn(choice), "{choice}");
    }
    assert!(turn(CHAT, r#"{"function_call":{"name":"f"}}"#).is_tool_turn);
}

#[test]
fn the_form_and_the_schema_are_read_where_each_route_has_them() {
    let schema = Form::JsonSchema(r#"{"type": "object"}"#.to_owned());
    let cases = [
        (
            CHAT,
            r#"{"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type": "object"}}}}"#,
        ),
        (
            Surface::Responses,
            r#"{"text":{"format":{"type":"json_schema","name":"n","schema":{"type": "object"}}}}"#,
        ),
        (
            Surface::Messages,
            r#"{"output_config":{"format":{"type":"json_schema","schema":{"type": "object"}}}}"#,
        ),
        (
            Surface::Messages,
            r#"{"output_format":{"type":"json_schema","schema":{"type": "object"}}}"#,
        ),
    ];
    for (surface, text) in cases {
        assert_eq!(turn(surface, text).form, schema, "{text}");
        assert!(needs(surface, &body(text)).json_schema, "{text}");
    }
    assert_eq!(turn(CHAT, r#"{"response_format":{"type":"text"}}"#).form, Form::Text);
    assert_eq!(turn(Surface::Completions, cases[0].1).form, Form::Text);
    let object = r#"{"response_format":{"type":"json_object"}}"#;
    assert_eq!(turn(CHAT, object).form, Form::JsonObject);
    assert!(!needs(CHAT, &body(object)).json_schema);
    let without = r#"{"response_format":{"type":"json_schema"}}"#;
    assert_eq!(turn(CHAT, without).form, Form::JsonObject);
}

#[test]
fn tools_are_needed_when_there_are_some() {
    let tools = |text: &str| needs(CHAT, &body(text)).tools;
    assert!(tools(r#"{"tools":[{"type":"function"}]}"#));
    assert!(tools(r#"{"functions":[{}]}"#));
    assert!(!tools(r#"{"tools":[],"functions":null}"#));
    assert_eq!(needs(Surface::Embeddings, &body(r#"{"tools":[{}]}"#)), Needs::default());
}

#[test]
fn images_are_found_in_every_shape_and_not_in_text() {
    let images = [
        (
            CHAT,
            r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]},{"role":"user","content":"and?"}]}"#,
        ),
        (Surface::Responses, r#"{"input":[{"role":"user","content":[{"type":"input_image"}]}]}"#),
        (
            Surface::Responses,
            r#"{"input":[{"type":"function_call_output","output":[{"type":"input_image"}]}]}"#,
        ),
        (
            Surface::Responses,
            r#"{"input":[{"type":"computer_call_output","output":{"type":"computer_screenshot","image_url":"x"}}]}"#,
        ),
        (
            Surface::Messages,
            r#"{"messages":[{"role":"user","content":[{"type":"image","source":{}}]}]}"#,
        ),
        (
            Surface::Messages,
            r#"{"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"image"}]}]}]}"#,
        ),
    ];
    for (surface, text) in images {
        assert!(needs(surface, &body(text)).vision, "{text}");
    }
    let words = r#"{"messages":[{"role":"user","content":"draw an \"image_url\""},{"role":"user","content":[{"type":"text","text":"image"}]}]}"#;
    assert!(!needs(CHAT, &body(words)).vision);
}

#[test]
fn a_session_is_the_cache_key() {
    let session = |surface, text: &str| session(surface, &body(text));
    let given = r#"{"prompt_cache_key":"s-1"}"#;
    assert_eq!(session(CHAT, given).as_deref(), Some("s-1"));
    assert_eq!(session(Surface::Responses, given).as_deref(), Some("s-1"));
    assert_eq!(session(CHAT, r#"{"prompt_cache_key":""}"#), None);
    assert_eq!(session(Surface::Embeddings, given), None);
}

#[test]
fn no_text_of_a_request_is_shown() {
    let text = r#"{"messages":[{"role":"user","content":"canary"}],"response_format":{"type":"json_schema","json_schema":{"schema":{"title":"canary"}}}}"#;
    let shown = format!("{:?}", turn(CHAT, text));
    assert!(!shown.contains("canary") && shown.contains("JsonSchema"), "{shown}");
}
