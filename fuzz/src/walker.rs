//! The walk over documents and the places in forms: what is found lies in order, and putting
//! back what was there changes nothing.

use std::ops::Range;

use bytes::Bytes;
use tb_api::json::{Document, LeafKind, write_string};
use tb_api::multipart::Form;

/// A leaf: its kind, its text, its place and how many steps lead to it.
type Seen = (LeafKind, String, Range<usize>, usize);

fn leaves(document: &Document) -> Vec<Seen> {
    let mut seen = Vec::new();
    document.leaves(|leaf| {
        seen.push((leaf.kind, leaf.text.to_string(), leaf.range.clone(), leaf.path.len()));
    });
    seen
}

/// Walks any document; true when the bytes are one.
///
/// # Panics
/// When a promise is broken.
pub fn document(bytes: &[u8]) -> bool {
    let Ok(document) = Document::parse_value(Bytes::copy_from_slice(bytes)) else { return false };
    let found = leaves(&document);
    let mut end = 0;
    for (_, _, range, depth) in &found {
        assert!(range.start >= end && range.end > range.start, "leaves lie in order");
        assert!(*depth <= tb_api::json::MAX_DEPTH, "no way is longer than documents are deep");
        end = range.end;
    }
    assert!(end <= bytes.len(), "leaves lie in the document");

    let token = |range: &Range<usize>| {
        String::from_utf8(bytes.get(range.clone()).unwrap_or_default().to_vec()).unwrap()
    };
    let same: Vec<_> = found.iter().map(|(_, _, range, _)| (range.clone(), token(range))).collect();
    assert_eq!(document.spliced(&same), bytes, "putting back what was there changes nothing");

    let mut rewritten = Vec::new();
    for (kind, text, range, _) in &found {
        let mut token = text.clone();
        if *kind != LeafKind::Number {
            token.clear();
            write_string(text, &mut token);
        }
        rewritten.push((range.clone(), token));
    }
    let rewritten = Document::parse_value(document.spliced(&rewritten)).unwrap();
    let texts = |leaves: Vec<Seen>| -> Vec<_> {
        leaves.into_iter().map(|(kind, text, _, depth)| (kind, text, depth)).collect()
    };
    assert_eq!(texts(leaves(&rewritten)), texts(found), "written anew, the texts are the same");
    true
}

/// Locates the parts of any form with the boundary `XyZ`; true when the bytes are one.
///
/// # Panics
/// When a promise is broken.
pub fn form(bytes: &[u8]) -> bool {
    let content_type = "multipart/form-data; boundary=XyZ";
    let Ok(form) = Form::parse(content_type, Bytes::copy_from_slice(bytes)) else { return false };
    let body = form.body();
    let mut end = 0;
    let mut same = Vec::new();
    for part in form.parts() {
        assert!(part.headers.start >= end && part.headers.end < part.content.start);
        let names = part.file_name.iter().chain(&part.extended_file_name);
        let mut ranges: Vec<_> = names.map(|(_, range)| range.clone()).collect();
        ranges.sort_by_key(|range| range.start);
        ranges.push(part.content.clone());
        for range in ranges {
            assert!(range.start >= end && range.end <= body.len(), "places lie in order");
            end = range.end;
            same.push((range.clone(), body.get(range).unwrap().to_vec()));
        }
    }
    assert_eq!(form.spliced(&same), body, "putting back what was there changes nothing");
    let again = Form::parse(content_type, body.clone()).unwrap();
    assert_eq!(again.parts(), form.parts(), "what is forwarded is what was read");
    true
}
