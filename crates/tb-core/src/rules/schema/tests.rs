//! Schemas with values that follow them and values that do not.

use serde_json::json;

use super::*;

fn follows(schema: &Value, value: &Value) -> bool {
    Schema::read(&schema.to_string()).unwrap().is_followed_by(value)
}

#[track_caller]
fn splits(schema: &Value, good: &[Value], bad: &[Value]) {
    for value in good {
        assert!(follows(schema, value), "{schema} refuses {value}");
    }
    for value in bad {
        assert!(!follows(schema, value), "{schema} takes {value}");
    }
}

#[test]
fn tells_types_apart() {
    splits(
        &json!({"type": "integer"}),
        &[json!(1), json!(1.0), json!(-3)],
        &[json!(1.5), json!("1")],
    );
    splits(&json!({"type": "number"}), &[json!(1), json!(1.5)], &[json!(null)]);
    splits(
        &json!({"type": ["string", "null"]}),
        &[json!("a"), json!(null)],
        &[json!(1), json!([])],
    );
    splits(&json!({"type": "boolean"}), &[json!(true)], &[json!(0)]);
    splits(&json!(true), &[json!(0)], &[]);
    splits(&json!(false), &[], &[json!(0)]);
}

#[test]
fn looks_at_members_required_named_and_additional() {
    let strict = json!({
        "type": "object",
        "properties": {"answer": {"type": "string"}, "sure": {"type": "boolean"}},
        "required": ["answer"],
        "additionalProperties": false,
    });
    splits(
        &strict,
        &[json!({"answer": "a"}), json!({"answer": "a", "sure": true})],
        &[json!({}), json!({"answer": 1}), json!({"answer": "a", "more": 1}), json!([])],
    );
    splits(
        &json!({"additionalProperties": {"type": "integer"}, "properties": {"a": true}}),
        &[json!({"a": "x", "b": 1}), json!("no object")],
        &[json!({"b": "x"})],
    );
}

#[test]
fn looks_at_items_and_sizes() {
    splits(
        &json!({"items": {"type": "integer"}, "minItems": 1, "maxItems": 2}),
        &[json!([1]), json!([1, 2]), json!("no list")],
        &[json!([]), json!([1, 2, 3]), json!(["a"])],
    );
    splits(
        &json!({"minLength": 2, "maxLength": 3}),
        &[json!("éé"), json!(7)],
        &[json!("é"), json!("abcd")],
    );
    splits(
        &json!({"minimum": 1, "maximum": 2.5}),
        &[json!(1), json!(2.5), json!("a")],
        &[json!(0), json!(3)],
    );
    splits(
        &json!({"exclusiveMinimum": 1, "exclusiveMaximum": 2}),
        &[json!(1.5)],
        &[json!(1), json!(2)],
    );
    splits(
        &json!({"prefixItems": [{"type": "string"}], "items": false}),
        &[json!(["a"])],
        &[json!(["a", "b"])],
    );
}

#[test]
fn compares_constants_as_json_does() {
    splits(&json!({"const": {"a": [1, "b"]}}), &[json!({"a": [1.0, "b"]})], &[json!({"a": [1]})]);
    splits(&json!({"enum": ["a", 2, null]}), &[json!("a"), json!(2.0), json!(null)], &[json!("b")]);
    splits(&json!({"const": 9007199254740993_u64}), &[], &[json!(9007199254740992_u64)]);
}

#[test]
fn combines_schemas() {
    let either = json!([{"type": "string"}, {"maximum": 5}]);
    splits(&json!({"anyOf": either}), &[json!("a"), json!(3)], &[json!(7)]);
    splits(&json!({"oneOf": either}), &[json!(3)], &[json!("a"), json!(7)]);
    splits(&json!({"allOf": either}), &[json!("a")], &[json!(3)]);
    splits(&json!({"not": {"type": "string"}}), &[json!(1)], &[json!("a")]);
}

#[test]
fn follows_references_even_recursive_ones() {
    let tree = json!({
        "$ref": "#/$defs/node",
        "$defs": {"node": {
            "type": "object",
            "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
            "required": ["next"],
        }},
    });
    splits(
        &tree,
        &[json!({"next": {"next": null}})],
        &[json!({"next": {"next": 1}}), json!({"next": {}})],
    );
    splits(
        &json!({"items": {"$ref": "#/definitions/word"}, "definitions": {"word": {"type": "string"}}}),
        &[json!(["a"])],
        &[json!([1])],
    );
}

#[test]
fn matches_patterns_anywhere() {
    splits(&json!({"pattern": "[0-9]{2}"}), &[json!("a12b"), json!(1)], &[json!("a1b")]);
}

#[test]
fn ignores_keywords_it_does_not_know() {
    splits(&json!({"title": "T", "format": "email", "x-y": 3}), &[json!("a")], &[]);
}

#[test]
fn a_schema_that_cannot_be_read_is_followed_by_nothing() {
    for schema in [
        json!("string"),
        json!({"type": "text"}),
        json!({"required": "a"}),
        json!({"required": [1]}),
        json!({"enum": "a"}),
        json!({"properties": []}),
        json!({"minimum": "1"}),
        json!({"maxLength": -1}),
        json!({"pattern": "(?=a)"}),
        json!({"pattern": "(?:\\w{200}){200}"}),
        json!({"$ref": "#/$defs/none"}),
        json!({"$ref": "https://example.org/schema"}),
        json!({"not": {"type": "text"}}),
    ] {
        assert!(!follows(&schema, &json!("a")), "{schema}");
        assert!(!follows(&json!({"not": schema}), &json!("a")), "not {schema}");
    }
    assert!(Schema::read("{").is_none());
    assert!(Schema::read(&" ".repeat(SCHEMA_BYTES)).is_none());
}

#[test]
fn circles_and_explosions_end() {
    splits(&json!({"$ref": "#"}), &[], &[json!(1)]);
    let twice = json!([{"$ref": "#"}, {"$ref": "#"}]);
    splits(&json!({"anyOf": twice}), &[], &[json!(1)]);
    let mut doubling = json!({"type": "integer"});
    for _ in 0..30 {
        doubling = json!({"$ref": "#/$defs/a", "allOf": [doubling]});
    }
    splits(&json!({"allOf": [doubling], "$defs": {"a": {"allOf": twice}}}), &[], &[json!(1)]);
}
