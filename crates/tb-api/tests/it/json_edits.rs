//! Edits change what they name and nothing else.

use proptest::prelude::*;
use serde_json::{Map, Value as Tree};
use tb_api::json::Document;

use crate::json::{parse, rebuild_document, root, tree, write_oddly};

/// A path and the new value, or `None` for a removal.
type Edit = (Vec<String>, Option<Tree>);

fn edited(text: &str, edits: &[(&[&str], Option<&str>)]) -> String {
    let document = parse(text).unwrap();
    let mut list = document.edit();
    for (path, raw) in edits {
        match raw {
            Some(raw) => list.set(path, raw),
            None => list.remove(path),
        };
    }
    String::from_utf8(list.apply().to_vec()).unwrap()
}

#[test]
fn replaces_a_value_and_keeps_every_other_byte() {
    let text = " { \"model\" : \"a\" , \"x\":1.0e0, \"y\" :\t[ ] } \n";
    assert_eq!(
        edited(text, &[(&["model"], Some("\"longer\""))]),
        " { \"model\" : \"longer\" , \"x\":1.0e0, \"y\" :\t[ ] } \n"
    );
}

#[test]
fn removes_first_middle_last_and_only_members() {
    let text = r#"{ "a":1 , "b" : 2 ,"c":3 }"#;
    assert_eq!(edited(text, &[(&["a"], None)]), r#"{ "b" : 2 ,"c":3 }"#);
    assert_eq!(edited(text, &[(&["b"], None)]), r#"{ "a":1 ,"c":3 }"#);
    assert_eq!(edited(text, &[(&["c"], None)]), r#"{ "a":1 , "b" : 2 }"#);
    assert_eq!(edited(text, &[(&["a"], None), (&["b"], None)]), r#"{ "c":3 }"#);
    assert_eq!(edited(text, &[(&["c"], None), (&["b"], None)]), r#"{ "a":1 }"#);
    assert_eq!(edited(text, &[(&["a"], None), (&["c"], None)]), r#"{ "b" : 2 }"#);
    assert_eq!(edited(r#"{ "a":1 }"#, &[(&["a"], None)]), r#"{  }"#);
    let all: [(&[&str], _); 3] = [(&["a"], None), (&["b"], None), (&["c"], None)];
    assert_eq!(edited(text, &all), r#"{  }"#);
}

#[test]
fn adds_members_at_the_end() {
    assert_eq!(edited("{}", &[(&["a"], Some("1"))]), r#"{"a":1}"#);
    assert_eq!(edited("{ }", &[(&["a"], Some("1")), (&["b"], Some("2"))]), r#"{"a":1,"b":2 }"#);
    assert_eq!(edited(r#"{"z":0 }"#, &[(&["a\n"], Some("1"))]), r#"{"z":0,"a\n":1 }"#);
    assert_eq!(edited(r#"{"z":0}"#, &[(&["z"], None), (&["a"], Some("1"))]), r#"{"a":1}"#);
    assert_eq!(
        edited(r#"{"y":1,"z":0}"#, &[(&["z"], None), (&["a"], Some("1"))]),
        r#"{"y":1,"a":1}"#
    );
}

#[test]
fn creates_and_replaces_parents_for_set_only() {
    let path: &[&str] = &["stream_options", "include_usage"];
    assert_eq!(
        edited("{}", &[(path, Some("true"))]),
        r#"{"stream_options":{"include_usage":true}}"#
    );
    assert_eq!(
        edited(r#"{"stream_options":null,"b":1}"#, &[(path, Some("true"))]),
        r#"{"stream_options":{"include_usage":true},"b":1}"#
    );
    assert_eq!(
        edited(r#"{"stream_options":{ "x":1 }}"#, &[(path, Some("true"))]),
        r#"{"stream_options":{ "x":1,"include_usage":true }}"#
    );
    assert_eq!(edited(r#"{"stream_options":null}"#, &[(path, None)]), r#"{"stream_options":null}"#);
    assert_eq!(edited(r#"{"a":1}"#, &[(path, None)]), r#"{"a":1}"#);
}

#[test]
fn later_edits_win() {
    let text = r#"{"a":{"b":1},"c":2}"#;
    assert_eq!(edited(text, &[(&["c"], Some("3")), (&["c"], Some("4"))]), r#"{"a":{"b":1},"c":4}"#);
    assert_eq!(edited(text, &[(&["a", "b"], Some("9")), (&["a"], Some("0"))]), r#"{"a":0,"c":2}"#);
    assert_eq!(
        edited(text, &[(&["a"], Some(r#"{"x": [1]}"#)), (&["a", "b"], Some("9"))]),
        r#"{"a":{"x": [1],"b":9},"c":2}"#
    );
    assert_eq!(edited(text, &[(&["a"], None), (&["a", "z"], Some("9"))]), r#"{"a":{"z":9},"c":2}"#);
    assert_eq!(edited(text, &[(&["c"], Some("3")), (&["c"], None)]), r#"{"a":{"b":1}}"#);
}

#[test]
fn returns_the_original_bytes_when_nothing_changes() {
    let document = parse(r#"{"a": 1, "b": {"c": 2}}"#).unwrap();
    let mut edits = document.edit();
    edits.set(&["a"], "1").set(&["b", "c"], "2").remove(&["x"]).remove(&["a", "y"]).set(&[], "1");
    assert_eq!(edits.apply().as_ptr(), document.bytes().as_ptr());
}

/// The meaning of an edit, on a tree.
fn apply(tree: &mut Tree, (path, value): &Edit) {
    let (last, parents) = path.split_last().unwrap();
    let mut at = tree;
    for key in parents {
        if value.is_none() && at.get(key).is_none() {
            return;
        }
        if !at.is_object() {
            *at = Tree::Object(Map::new());
        }
        at = at.as_object_mut().unwrap().entry(key.clone()).or_insert(Tree::Null);
    }
    match value {
        Some(value) => {
            if !at.is_object() {
                *at = Tree::Object(Map::new());
            }
            at.as_object_mut().unwrap().insert(last.clone(), value.clone());
        }
        None => {
            if let Some(members) = at.as_object_mut() {
                members.remove(last);
            }
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    (prop::collection::vec("[a-f]{1,2}", 1..4), prop::option::weighted(0.6, tree()))
}

/// The raw members of the root that no edit names.
fn untouched(document: &Document, edits: &[Edit]) -> Vec<(String, Vec<u8>)> {
    let named = |key: &str| edits.iter().any(|(path, _)| path[0] == key);
    let kept = document.members().filter(|(key, _)| !named(key));
    kept.map(|(key, value)| (key.into_owned(), value.raw.to_vec())).collect()
}

proptest! {
    #[test]
    fn edits_do_to_the_text_what_they_do_to_the_tree(
        tree in root(),
        edits in prop::collection::vec(edit(), 0..7),
        seed in any::<u64>(),
    ) {
        let mut seed = seed;
        let mut text = String::new();
        write_oddly(&tree, &mut seed, &mut text);
        let document = parse(&text).unwrap();
        // Numbers as text has them, so that both sides lose the same digits.
        let mut expected: Tree = serde_json::from_str(&text).unwrap();
        let mut list = document.edit();
        for edit in &edits {
            let path: Vec<&str> = edit.0.iter().map(String::as_str).collect();
            match &edit.1 {
                Some(value) => {
                    let mut raw = String::new();
                    write_oddly(value, &mut seed, &mut raw);
                    list.set(&path, &raw);
                    apply(&mut expected, &(edit.0.clone(), Some(serde_json::from_str(&raw).unwrap())));
                }
                None => {
                    list.remove(&path);
                    apply(&mut expected, edit);
                }
            }
        }
        let result = Document::parse(list.apply()).unwrap();
        prop_assert_eq!(rebuild_document(&result), expected);
        prop_assert_eq!(untouched(&result, &edits), untouched(&document, &edits));
    }
}
