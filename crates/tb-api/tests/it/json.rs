//! What the validator takes and refuses, and what the index finds.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value as Tree;
use tb_api::json::{Document, JsonError, Kind, MAX_DEPTH, Value, write_string};

pub(crate) fn parse(text: &str) -> Result<Document, JsonError> {
    Document::parse(Bytes::copy_from_slice(text.as_bytes()))
}

fn refused(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

/// Rebuilds a tree from the index alone.
pub(crate) fn rebuild(value: Value<'_>) -> Tree {
    match value.kind {
        Kind::Object => Tree::Object(
            value.members().map(|(key, value)| (key.into_owned(), rebuild(value))).collect(),
        ),
        Kind::Array => Tree::Array(value.elements().map(rebuild).collect()),
        Kind::String => Tree::from(value.as_str().unwrap()),
        Kind::Bool => Tree::from(value.as_bool().unwrap()),
        Kind::Null => Tree::Null,
        Kind::Number => serde_json::from_slice(value.raw).unwrap(),
    }
}

pub(crate) fn rebuild_document(document: &Document) -> Tree {
    Tree::Object(
        document.members().map(|(key, value)| (key.into_owned(), rebuild(value))).collect(),
    )
}

/// Trees of numbers that survive text, strings with escapes, arrays and objects.
pub(crate) fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::from),
        any::<i64>().prop_map(Tree::from),
        any::<u64>().prop_map(Tree::from),
        (-1e9..1e9f64).prop_map(Tree::from),
        any::<String>().prop_map(Tree::from),
        "[a-z\"\\\\\n\u{e9}\u{1F600}]{0,60}".prop_map(Tree::from),
    ];
    leaf.prop_recursive(5, 60, 24, |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 0..6).prop_map(Tree::from), object(inner),]
    })
}

fn object(inner: impl Strategy<Value = Tree>) -> impl Strategy<Value = Tree> {
    let key = prop_oneof![4 => "[a-f]{1,2}", 1 => any::<String>()];
    prop::collection::btree_map(key, inner, 0..24)
        .prop_map(|members| Tree::Object(members.into_iter().collect()))
}

pub(crate) fn root() -> impl Strategy<Value = Tree> {
    object(tree())
}

/// Writes a tree with white space and escapes drawn from `seed`.
pub(crate) fn write_oddly(tree: &Tree, seed: &mut u64, out: &mut String) {
    space(seed, out);
    match tree {
        Tree::Object(members) => {
            out.push('{');
            for (position, (key, value)) in members.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                space(seed, out);
                write_string_oddly(key, seed, out);
                space(seed, out);
                out.push(':');
                write_oddly(value, seed, out);
            }
            space(seed, out);
            out.push('}');
        }
        Tree::Array(elements) => {
            out.push('[');
            for (position, value) in elements.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_oddly(value, seed, out);
            }
            space(seed, out);
            out.push(']');
        }
        Tree::String(text) => write_string_oddly(text, seed, out),
        other => out.push_str(&other.to_string()),
    }
    space(seed, out);
}

/// The next number of a xorshift generator, below `bound`.
pub(crate) fn below(seed: &mut u64, bound: usize) -> usize {
    *seed = (*seed).max(1);
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    usize::try_from(*seed >> 33).unwrap() % bound
}

fn space(seed: &mut u64, out: &mut String) {
    if below(seed, 3) == 0 {
        out.push_str([" ", "\n", "\t", "\r\n", "  "][below(seed, 5)]);
    }
}

fn write_string_oddly(text: &str, seed: &mut u64, out: &mut String) {
    if below(seed, 2) == 0 {
        return write_string(text, out);
    }
    out.push('"');
    for unit in text.encode_utf16() {
        out.push_str(&format!("\\u{unit:04x}"));
    }
    out.push('"');
}

#[test]
fn finds_the_members_of_the_root() {
    let text = " {\"model\": \"gpt\", \"n\" : 3 ,\"stream\":true,\"a\":[1, [2],{\"b\":null}],\"x\":-0.5e1}\n";
    let document = parse(text).unwrap();
    let model = document.get("model").unwrap();
    assert_eq!((model.raw, model.start, model.kind), (&b"\"gpt\""[..], 11, Kind::String));
    assert_eq!(model.as_str().unwrap(), "gpt");
    assert_eq!(document.get("n").unwrap().as_u64(), Some(3));
    assert_eq!(document.get("stream").unwrap().as_bool(), Some(true));
    assert_eq!(document.get("x").unwrap().as_f64(), Some(-5.0));
    assert_eq!(document.get("x").unwrap().as_u64(), None);
    let inner = document.get("a").unwrap().elements().nth(2).unwrap().get("b").unwrap();
    assert!(inner.is_null());
    assert_eq!(&text.as_bytes()[inner.start..inner.start + inner.raw.len()], b"null");
    assert!(document.get("missing").is_none());
    assert_eq!(document.get("n").unwrap().elements().count(), 0);
    assert!(document.get("n").unwrap().get("a").is_none());
    assert_eq!(document.text_bytes(), 3);
}

#[test]
fn attachments_are_no_text() {
    let file = "iVBORw0KGgo".repeat(1_000);
    let text = format!(
        r#"{{"a":"four","b":[{{"url":"data:image/png;base64,AAAA"}},{{"data":"{file}"}}],"c":"more"}}"#
    );
    let document = parse(&text).unwrap();
    assert_eq!((document.text_bytes(), document.attachments()), (8, 2));
}

#[test]
fn a_key_that_stands_for_no_text_is_not_taken_for_the_empty_one() {
    assert!(refused(r#"{"\ud800":1}"#).contains("surrogate"));
    let raw = br#"{"\ud800":1}"#;
    let value = Value { raw, start: 0, kind: Kind::Object };
    let keys: Vec<_> = value.members().map(|(key, _)| key.into_owned()).collect();
    assert_eq!(keys, [r"\ud800"]);
    assert!(value.get("").is_none());
}

#[test]
fn compares_keys_decoded() {
    let document = parse(r#"{"\u006dodel":"a","k":{"\n":1}}"#).unwrap();
    assert_eq!(document.get("model").unwrap().as_str().unwrap(), "a");
    assert_eq!(document.get("k").unwrap().get("\n").unwrap().as_u64(), Some(1));
}

#[test]
fn takes_what_rfc_8259_takes() {
    for value in [
        "0",
        "-0",
        "1.0",
        "-1.5E+10",
        "1e-2",
        "10",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "[[],[]]",
        r#""""#,
        r#""\"\\\/\b\f\n\r\t\u0000""#,
        r#""\ud83d\ude00""#,
        r#""\uD83D\uDE00""#,
        "\"\u{7f}\"",
        "\"\u{2028}\"",
        "true",
        "false",
        "null",
        "1E400",
    ] {
        let text = format!("{{\"v\":{value}}}");
        assert!(parse(&text).is_ok(), "{text}");
    }
}

#[test]
fn refuses_what_rfc_8259_refuses() {
    for value in [
        "",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "Infinity",
        "-a",
        "00",
        "-01",
        "tru",
        "True",
        "nul",
        "falsey",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[",
        "]",
        "{",
        "}",
        r#"{"a":1,}"#,
        r#"{"a"}"#,
        r#"{"a":}"#,
        "{a:1}",
        "{'a':1}",
        r#"{"a":1 "b":2}"#,
        r#"{,"a":1}"#,
        "{1:2}",
        r#"[1}"#,
        r#"{"a":1]"#,
        r#"""#,
        r#""\x""#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\"#,
        "\"\n\"",
        "\"\t\"",
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\u{1}aaaaaaaaaaaaaaaa\"",
        "1,,2",
        "/**/1",
        "1//",
        "\u{a0}1",
        "\u{c}1",
        "\u{feff}1",
        "\0",
    ] {
        let text = format!("{{\"v\":{value}}}");
        assert!(parse(&text).is_err(), "{text}");
        assert!(serde_json::from_str::<Tree>(&text).is_err(), "{text}");
    }
    for text in ["", " ", "{}{}", "{} x", "{},", "{", "}", "{\"a\":1", "{}\0"] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn refuses_lone_surrogates() {
    for value in [r"\ud800", r"\udc00", r"\ud800\ud800", r"\ud800x", r"\ud83d\n", r"\ud83d\u0041"] {
        let message = refused(&format!("{{\"v\":\"{value}\"}}"));
        assert!(message.contains("surrogate"), "{message}");
    }
}

#[test]
fn refuses_roots_that_are_no_objects() {
    for text in ["[]", "1", "\"a\"", "null", "[{}]", "x"] {
        assert!(refused(text).starts_with("the document must be a JSON object"), "{text}");
    }
    assert!(refused("\u{feff}{}").contains("byte order mark"));
    assert!(refused("  ").starts_with("the document is empty"));
}

#[test]
fn refuses_a_key_that_occurs_twice() {
    let many: String = (0..40).map(|n| format!("\"k{n}\":1,")).collect();
    for text in [
        r#"{"a":1,"a":2}"#.to_owned(),
        r#"{"a":1,"\u0061":2}"#.to_owned(),
        r#"{"\u0061":1,"a":2}"#.to_owned(),
        r#"{"\u0061":1,"\u0061":2}"#.to_owned(),
        r#"{"a":1,"b":{"x":[{"c":1,"d":2,"c":3}]}}"#.to_owned(),
        r#"{"":1,"":2}"#.to_owned(),
        format!("{{{many}\"k3\":2}}"),
        format!("{{{many}\"k39\":2}}"),
        format!("{{{many}\"\\u006b7\":2}}"),
        format!("{{\"k7\":1,{many}\"z\":2}}"),
    ] {
        let message = refused(&text);
        assert!(message.starts_with("a key occurs twice"), "{message}");
    }
    for text in [
        r#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}"#.to_owned(),
        r#"{"\\u0061":1,"a":2,"A":3}"#.to_owned(),
        format!("{{{many}\"k\":{{{many}\"z\":1}}}}"),
    ] {
        assert!(parse(&text).is_ok(), "{text}");
    }
}

#[test]
fn points_at_the_second_of_two_equal_keys() {
    let error = parse("{\n \"a\":1,\n  \"a\":2}").unwrap_err();
    assert_eq!((error.offset, error.line, error.column), (12, 3, 3));
    let many: String = (0..40).map(|n| format!("\"k{n}\":1,\n")).collect();
    let error = parse(&format!("{{{many}\"k3\":2}}")).unwrap_err();
    assert_eq!((error.line, error.column), (41, 1));
}

#[test]
fn says_where_the_problem_is() {
    let error = parse("{\"a\": 1,\r\n \"b\": tru}").unwrap_err();
    assert_eq!((error.offset, error.line, error.column), (16, 2, 7));
    assert_eq!(error.to_string(), "expected a value at line 2, column 7 (byte 16)");
    let error = Document::parse(Bytes::from_static(b"{\"a\":\"\n\xff\"}")).unwrap_err();
    assert_eq!((error.problem, error.offset), ("the document is not UTF-8", 7));
    assert_eq!((error.line, error.column), (2, 1));
    assert!(refused("{\"a\":[1,").starts_with("the document ends too early at line 1, column 9"));
}

#[test]
fn accepts_the_deepest_nesting_and_refuses_one_more() {
    let nested =
        |depth: usize| format!("{{\"v\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(parse(&nested(MAX_DEPTH)).is_ok());
    assert!(refused(&nested(MAX_DEPTH + 1)).starts_with("nested too deep"));
    assert!(refused(&nested(100_000)).starts_with("nested too deep"));
    assert!(refused(&"{\"a\":".repeat(100_000)).starts_with("nested too deep"));
}

#[test]
fn takes_fifty_thousand_distinct_keys_and_finds_the_one_that_repeats() {
    let mut text = String::from("{\"v\":{");
    for n in 0..50_000 {
        text.push_str(&format!("\"{n:x}\":1,"));
    }
    let last = |key: &str| format!("{text}\"{key}\":1}}}}");
    assert!(parse(&last("x")).is_ok());
    assert!(refused(&last("ff")).starts_with("a key occurs twice"));
}

#[test]
fn debug_output_holds_no_text() {
    let document = parse(r#"{"canary-key":"canary-text"}"#).unwrap();
    let shown =
        format!("{document:?} {:?} {:?}", document.get("canary-key"), document.bytes().len());
    assert!(!shown.contains("canary"), "{shown}");
}

fn strings(tree: &Tree) -> usize {
    match tree {
        Tree::String(text) => text.len(),
        Tree::Array(elements) => elements.iter().map(strings).sum(),
        Tree::Object(members) => members.values().map(strings).sum(),
        _ => 0,
    }
}

proptest! {
    #[test]
    fn reads_what_serde_json_reads(tree in root(), seed in any::<u64>()) {
        let mut text = String::new();
        write_oddly(&tree, &mut seed.clone(), &mut text);
        let document = parse(&text).unwrap();
        prop_assert_eq!(rebuild_document(&document), serde_json::from_str::<Tree>(&text).unwrap());
        prop_assert_eq!(document.text_bytes(), strings(&tree) as u64);
        for (key, value) in document.members() {
            let place = value.start..value.start + value.raw.len();
            prop_assert_eq!(value.raw, &text.as_bytes()[place]);
            prop_assert_eq!(document.get(&key).unwrap().start, value.start);
        }
    }

    #[test]
    fn judges_arbitrary_values_as_serde_json_does(
        value in r#"[\[\]{}",:\\u0-9a-f.eE+\- \ntrlsn]{0,24}"#,
    ) {
        agrees(&format!("{{\"v\":{value}}}"));
    }

    #[test]
    fn judges_arbitrary_strings_as_serde_json_does(
        text in r#"([a-z]{0,40}|\\["\\/bfnrtux]|\\u[dD][89a-fA-F][0-9a-f]{2}|\\u[0-9a-f]{4}|[\x00-\x7f]){0,8}"#,
    ) {
        agrees(&format!("{{\"v\":\"{text}\"}}"));
    }

    #[test]
    fn written_strings_read_back(text in any::<String>()) {
        let mut out = String::from("{\"v\":");
        write_string(&text, &mut out);
        out.push('}');
        let document = parse(&out).unwrap();
        prop_assert_eq!(document.get("v").unwrap().as_str().unwrap(), text);
    }
}

/// Asserts that serde_json judges `text` alike, but for the rules that it does not have or that
/// only it has.
pub(crate) fn agrees(text: &str) {
    let ours = parse(text);
    let theirs = serde_json::from_str::<Tree>(text);
    match (&ours, &theirs) {
        (Ok(document), Ok(tree)) => assert_eq!(&rebuild_document(document), tree, "{text}"),
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) => {
            assert!(error.to_string().starts_with("number out of range"), "{error}: {text}");
        }
        (Err(error), Ok(tree)) => {
            let stricter = ["a key occurs twice", "nested too deep", "the document must be"];
            let allowed = stricter.iter().any(|rule| error.problem.starts_with(rule));
            assert!(allowed, "{error}: {text} is {tree}");
        }
    }
}
