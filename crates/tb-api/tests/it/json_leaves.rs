//! The walk finds every string, number and key, and only what is spliced changes.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value as Tree;
use tb_api::json::{Document, LeafKind, Step};

use crate::json::{below, parse, root, tree, write_oddly};

/// A leaf without its range: kind, text and path.
type Found = (LeafKind, String, Vec<Step<'static>>);

fn leaves(document: &Document) -> Vec<(Found, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    document.leaves(|leaf| {
        let path = leaf.path.iter().map(owned).collect();
        found.push(((leaf.kind, leaf.text.clone().into_owned(), path), leaf.range.clone()));
    });
    found
}

fn owned(step: &Step<'_>) -> Step<'static> {
    match step {
        Step::Key(key) => Step::Key(key.clone().into_owned().into()),
        Step::Index(index) => Step::Index(*index),
    }
}

/// What the walk should find in `tree`, in its order.
fn expected(tree: &Tree, path: &mut Vec<Step<'static>>, out: &mut Vec<Found>) {
    match tree {
        Tree::Object(members) => {
            for (key, value) in members {
                path.push(Step::Key(key.clone().into()));
                out.push((LeafKind::Key, key.clone(), path.clone()));
                expected(value, path, out);
                path.pop();
            }
        }
        Tree::Array(elements) => {
            for (index, value) in elements.iter().enumerate() {
                path.push(Step::Index(index));
                expected(value, path, out);
                path.pop();
            }
        }
        Tree::String(text) => out.push((LeafKind::String, text.clone(), path.clone())),
        Tree::Number(number) => out.push((LeafKind::Number, number.to_string(), path.clone())),
        Tree::Bool(_) | Tree::Null => {}
    }
}

/// `tree` with every string and number replaced by its position in the walk.
fn numbered(tree: &Tree, position: &mut usize) -> Tree {
    match tree {
        Tree::Object(members) => {
            let mut renamed = serde_json::Map::new();
            for value in members.values() {
                let key = format!("#{position}");
                *position += 1;
                renamed.insert(key, numbered(value, position));
            }
            Tree::Object(renamed)
        }
        Tree::Array(elements) => {
            Tree::Array(elements.iter().map(|value| numbered(value, position)).collect())
        }
        Tree::String(_) | Tree::Number(_) => {
            let value = serde_json::json!({ "was": position });
            *position += 1;
            value
        }
        other => other.clone(),
    }
}

fn oddly(tree: &Tree, mut seed: u64) -> String {
    let mut text = String::new();
    write_oddly(tree, &mut seed, &mut text);
    text
}

#[test]
fn visits_keys_before_values_in_the_order_of_the_text() {
    let text =
        r#" { "a" : [ "x" , -1.50e+3, true, {} , [ ] , { "b\n" : "" } , null, "y" ] ,"c":0 } "#;
    let document = parse(text).unwrap();
    let seen: Vec<String> = leaves(&document)
        .into_iter()
        .map(|((kind, text, path), _)| format!("{kind:?} {text:?} {}", path.len()))
        .collect();
    assert_eq!(
        seen,
        [
            r#"Key "a" 1"#,
            r#"String "x" 2"#,
            r#"Number "-1.50e+3" 2"#,
            r#"Key "b\n" 3"#,
            r#"String "" 3"#,
            r#"String "y" 2"#,
            r#"Key "c" 1"#,
            r#"Number "0" 1"#,
        ]
    );
    let last = leaves(&document).swap_remove(5).0;
    assert_eq!(last.2, [Step::Key("a".into()), Step::Index(7)]);
}

#[test]
fn lends_text_without_escapes_from_the_document() {
    let document = parse(r#"{"a":"plain \u00e9","b":"plain","n":12}"#).unwrap();
    let mut borrowed = Vec::new();
    document.leaves(|leaf| borrowed.push(matches!(leaf.text, std::borrow::Cow::Borrowed(_))));
    assert_eq!(borrowed, [true, false, true, true, true, true]);
    // The text outlives the visit.
    let mut texts = Vec::new();
    document.leaves(|leaf| texts.push(leaf.text.clone()));
    assert_eq!(texts.concat(), "aplain \u{e9}bplainn12");
}

#[test]
fn an_array_at_the_root_is_walked_and_spliced_and_not_edited() {
    let text = r#" [ "a", {"b":1}, [2] ] "#;
    assert!(parse(text).is_err());
    let document = Document::parse_value(Bytes::from(text)).unwrap();
    let found = leaves(&document);
    assert_eq!(found.len(), 4);
    assert_eq!(document.members().count(), 0);
    let spliced = document.spliced(&[(found[2].1.clone(), "\"one\"".to_owned())]);
    assert_eq!(spliced, r#" [ "a", {"b":"one"}, [2] ] "#);
    assert_eq!(document.edit().set(&["a"], "1").apply(), text);
    let refused = Document::parse_value(Bytes::from("\"a\"")).unwrap_err();
    assert_eq!(refused.problem, "the document must be a JSON object or array");
    assert!(Document::parse_value(Bytes::from("[1,]")).is_err());
}

#[test]
fn the_deepest_and_the_widest_documents_are_walked() {
    let depth = tb_api::json::MAX_DEPTH;
    let text = format!("{}\"x\"{}", "[".repeat(depth), "]".repeat(depth));
    let document = Document::parse_value(Bytes::from(text)).unwrap();
    let found = leaves(&document);
    assert_eq!((found.len(), found[0].0.2.len()), (1, depth));
    let wide = format!("[{}0]", "0,".repeat(100_000));
    let mut count = 0;
    Document::parse_value(Bytes::from(wide)).unwrap().leaves(|_| count += 1);
    assert_eq!(count, 100_001);
}

proptest! {
    #[test]
    fn finds_exactly_the_strings_numbers_and_keys(tree in root(), seed: u64) {
        let text = oddly(&tree, seed);
        let document = parse(&text).unwrap();
        let found = leaves(&document);
        let mut wanted = Vec::new();
        expected(&tree, &mut Vec::new(), &mut wanted);
        let kinds: Vec<Found> = found.iter().map(|(found, _)| found.clone()).collect();
        prop_assert_eq!(kinds, wanted);
        let mut end = 0;
        for ((kind, text_of_leaf, _), range) in found {
            prop_assert!(range.start >= end && range.end > range.start);
            end = range.end;
            let token = text.get(range).unwrap();
            if kind == LeafKind::Number {
                prop_assert_eq!(token, text_of_leaf);
            } else {
                prop_assert_eq!(serde_json::from_str::<String>(token).unwrap(), text_of_leaf);
            }
        }
    }

    #[test]
    fn splicing_every_leaf_gives_the_tree_with_every_leaf_replaced(tree in root(), seed: u64) {
        let document = parse(&oddly(&tree, seed)).unwrap();
        let splices: Vec<_> = leaves(&document)
            .into_iter()
            .enumerate()
            .map(|(position, ((kind, _, _), range))| {
                let key = kind == LeafKind::Key;
                let text = if key {
                    format!("\"#{position}\"")
                } else {
                    format!("{{\"was\":{position}}}")
                };
                (range, text)
            })
            .collect();
        let spliced: Tree = serde_json::from_slice(&document.spliced(&splices)).unwrap();
        prop_assert_eq!(spliced, numbered(&tree, &mut 0));
    }

    #[test]
    fn splicing_some_leaves_keeps_every_other_byte(tree in tree(), mut seed: u64) {
        let text = oddly(&Tree::from(vec![tree]), seed);
        let document = Document::parse_value(Bytes::from(text.clone())).unwrap();
        prop_assert_eq!(document.spliced(&[]).as_ptr(), document.bytes().as_ptr());
        let all = leaves(&document);
        let same: Vec<_> =
            all.iter().map(|(_, range)| (range.clone(), text.get(range.clone()).unwrap().to_owned())).collect();
        prop_assert_eq!(document.spliced(&same), text.as_bytes());
        let some: Vec<_> = all
            .into_iter()
            .filter(|_| below(&mut seed, 3) == 0)
            .map(|(_, range)| (range, "\"new\"".to_owned()))
            .collect();
        let spliced = document.spliced(&some);
        let mut rest = &spliced[..];
        let mut at = 0;
        for (range, new) in &some {
            let kept = &text.as_bytes()[at..range.start];
            prop_assert_eq!(&rest[..kept.len()], kept);
            prop_assert_eq!(&rest[kept.len()..kept.len() + new.len()], new.as_bytes());
            rest = &rest[kept.len() + new.len()..];
            at = range.end;
        }
        prop_assert_eq!(rest, &text.as_bytes()[at..]);
    }
}
