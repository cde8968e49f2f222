//! Forms: parts found, plain fields replaced, ambiguity refused.

use bytes::Bytes;
use proptest::prelude::*;
use tb_api::multipart::{Form, MultipartError, file_name_text};

pub(crate) const TYPE: &str = "multipart/form-data; boundary=XyZ";

pub(crate) fn parse(body: &[u8]) -> Result<Form, MultipartError> {
    Form::parse(TYPE, Bytes::copy_from_slice(body))
}

fn part(disposition: &str, content: &str) -> String {
    format!("--XyZ\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n")
}

fn refusal(body: &str) -> &'static str {
    parse(body.as_bytes()).expect_err(body).0
}

#[test]
fn finds_fields_and_files() {
    let body = [
        part("name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav", "\r\n--Xy\r\n\0"),
        part("name=\"model\"", "whisper-1"),
        part("name=empty", ""),
        "--XyZ--\r\n".to_owned(),
    ]
    .concat();
    let form = parse(body.as_bytes()).unwrap();
    let names: Vec<_> = form.parts().iter().map(|p| (p.name.as_str(), p.is_file)).collect();
    assert_eq!(names, [("file", true), ("model", false), ("empty", false)]);
    assert_eq!(&form.body()[form.parts()[0].content.clone()], b"\r\n--Xy\r\n\0");
    assert_eq!(form.text("model"), Some("whisper-1"));
    assert_eq!(form.text("empty"), Some(""));
    assert_eq!(form.text("file"), None);
    assert_eq!(form.text("none"), None);
    let changed = form.with_text("model", "m");
    assert_eq!(changed, body.replace("whisper-1", "m"));
    assert_eq!(form.with_text("file", "m").as_ptr(), form.body().as_ptr());
}

#[test]
fn reads_names_in_every_notation() {
    for (disposition, name, is_file) in [
        (r#"name="a b;c""#, "a b;c", false),
        (r#"name="a\"b\\c""#, "a\"b\\c", false),
        (r#"NAME=x ; FileName="C:\dir\f.txt""#, "x", true),
        (r#"name=x; filename*=UTF-8''%e2%82%ac.txt"#, "x", true),
        (r#"filename="a;name=\"y\""; name=x"#, "x", true),
        ("name=\"h\u{e9}\";", "h\u{e9}", false),
        (r#"name="images[]""#, "images[]", false),
    ] {
        let body = part(disposition, "v") + "--XyZ--";
        let form = parse(body.as_bytes()).expect(disposition);
        let found = &form.parts()[0];
        assert_eq!((found.name.as_str(), found.is_file), (name, is_file), "{disposition}");
    }
}

#[test]
fn shows_file_names_and_content_types_where_they_lie() {
    for (disposition, plain, extended) in [
        (r#"name=f; filename="a b.txt""#, Some("a b.txt"), None),
        ("name=f; filename=a.txt ; x=y", Some("a.txt"), None),
        (r#"filename="a\"b\\c"; name=f"#, Some(r#"a"b\c"#), None),
        (r#"name=f; filename="""#, Some(""), None),
        ("name=f; filename*=UTF-8''%e2%82%ac%4.txt", None, Some("\u{20ac}%4.txt")),
        (r#"name=f; filename="a"; filename*=utf-8'en'b"#, Some("a"), Some("b")),
        ("name=f; filename*=odd", None, Some("odd")),
    ] {
        let body = part(&format!("{disposition}\r\nContent-Type:  Text/Plain ;charset=x"), "v")
            + &part("name=other; filename=z", "w")
            + "--XyZ--";
        let form = parse(body.as_bytes()).expect(disposition);
        let found = &form.parts()[0];
        let text = |name: &Option<(String, _)>| name.as_ref().map(|name| name.0.clone());
        assert_eq!(text(&found.file_name).as_deref(), plain, "{disposition}");
        assert_eq!(text(&found.extended_file_name).as_deref(), extended, "{disposition}");
        assert_eq!(found.content_type.as_deref(), Some("text/plain"));
        assert_eq!(form.parts()[1].content_type, None);
        let head = body.get(found.headers.clone()).unwrap();
        assert!(head.starts_with("Content-D") && head.ends_with("charset=x"), "{head}");

        let new = file_name_text("n \"\u{e9}\".txt");
        assert_eq!(new, "n%20%22%C3%A9%22.txt");
        let names = [&found.file_name, &found.extended_file_name];
        let splices: Vec<_> = names
            .into_iter()
            .flatten()
            .map(|(_, range)| (range.clone(), new.clone().into_bytes()))
            .collect();
        let changed = parse(&form.spliced(&splices)).expect(disposition);
        let found = &changed.parts()[0];
        assert_eq!(text(&found.file_name), plain.map(|_| new.clone()), "{disposition}");
        let decoded = extended.map(|_| "n \"\u{e9}\".txt");
        assert_eq!(text(&found.extended_file_name).as_deref(), decoded, "{disposition}");
        assert_eq!(changed.parts()[1].name, "other");
        assert_eq!(changed.body()[found.content.clone()], b"v"[..]);
    }
}

#[test]
fn splices_fields_and_files_and_keeps_every_other_byte() {
    let body = part("name=a", "1") + &part("name=f; filename=x", "\0\u{e9}") + "--XyZ--\r\nend";
    let form = parse(body.as_bytes()).unwrap();
    let splices: Vec<_> =
        form.parts().iter().map(|part| (part.content.clone(), b"longer".to_vec())).collect();
    let expected = part("name=a", "longer") + &part("name=f; filename=x", "longer");
    assert_eq!(form.spliced(&splices), expected + "--XyZ--");
    assert_eq!(form.spliced(&[]).as_ptr(), form.body().as_ptr());
}

#[test]
fn tolerates_padding_and_leaves_out_what_is_around_the_parts() {
    let parts = part("name=a", "1").replacen("--XyZ\r\n", "--XyZ \t\r\n", 1) + "--XyZ--";
    for (before, behind, end) in [
        ("preamble\r\n", "\r\nepilogue\r\n", ""),
        ("\r\n", "\r\n", "\r\n"),
        ("", "", ""),
        ("", "\n", ""),
    ] {
        let form = parse(format!("{before}{parts}{behind}").as_bytes()).unwrap();
        assert_eq!(form.text("a"), Some("1"));
        assert_eq!(form.body(), &format!("{parts}{end}"));
    }
    assert_eq!(parse(b"--XyZ--").unwrap().parts(), []);
}

#[test]
fn reads_the_boundary_of_the_content_type() {
    let parts = |content_type: &str, boundary: &str| {
        let body = (part("name=a", "1") + "--XyZ--").replace("XyZ", boundary);
        Form::parse(content_type, Bytes::from(body)).map(|form| form.parts().len())
    };
    assert_eq!(parts("multipart/form-data; boundary=XyZ", "XyZ"), Ok(1));
    assert_eq!(parts("Multipart/Form-Data;charset=utf-8; Boundary=\"a b:c\"", "a b:c"), Ok(1));
    assert_eq!(
        parts("multipart/form-data; boundary=----WebKitFormBoundary7M", "----WebKitFormBoundary7M"),
        Ok(1)
    );
    let long = "b".repeat(71);
    for content_type in [
        "",
        "multipart/form-data",
        "multipart/mixed; boundary=XyZ",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"XyZ",
        "multipart/form-data; boundary=XyZ; boundary=other",
        "multipart/form-data boundary=XyZ",
        "multipart/form-data; boundary=X\u{e9}",
        &format!("multipart/form-data; boundary={long}"),
    ] {
        assert!(parts(content_type, "XyZ").is_err(), "{content_type}");
    }
}

#[test]
fn refuses_what_can_be_read_in_two_ways() {
    let end = "--XyZ--";
    let model = part("name=model", "a");
    let twice = model.clone() + &part("name=\"model\"", "b") + end;
    assert_eq!(refusal(&twice), "a plain field occurs twice");
    let file_too = model.clone() + &part("name=model; filename=x", "b") + end;
    assert_eq!(refusal(&file_too), "a plain field occurs twice");
    for disposition in [
        "name=a; name=b",
        "name*=utf-8''model",
        "name=x; name*=utf-8''model",
        "name=file; name*0*=utf-8''model",
        "name=file; name*0=model",
        r#"name="mo\del""#,
        "name=x\r\nContent-Disposition: form-data; name=model",
        "name=x\r\n name=y",
        "name=x\r\nContent-Transfer-Encoding: base64",
        "name=\"a",
        "name=a b",
        "name",
        "=a",
        "name=x\nfoo: bar",
        "name=x\r\nno colon",
        "filename=x",
        "name=x; filename=a; filename=b",
        "name=x; filename*=a; filename*=b",
        "name=x\r\nContent-Type: a/b\r\nContent-Type: text/plain",
        "name=\"\"",
    ] {
        let body = part(disposition, "v") + end;
        assert!(parse(body.as_bytes()).is_err(), "{disposition}");
    }
    assert!(parse((part("name=a", "1\r\n--XyZw") + end).as_bytes()).is_err());
    assert!(parse((model.clone() + "--XyZ--\r\n" + &model + end).as_bytes()).is_err());
    let no_header = "--XyZ\r\n\r\nv\r\n--XyZ--";
    assert_eq!(refusal(no_header), "a part has no name");
    let not_form = "--XyZ\r\nContent-Disposition: attachment; name=a\r\n\r\nv\r\n--XyZ--";
    assert_eq!(refusal(not_form), "a part is not form-data");
}

#[test]
fn takes_repeated_arrays_and_files() {
    let body = part("name=\"a[]\"", "1")
        + &part("name=\"a[]\"", "2")
        + &part("name=image; filename=1", "x")
        + &part("name=image; filename=2", "y")
        + "--XyZ--";
    let form = parse(body.as_bytes()).unwrap();
    assert_eq!(form.parts().len(), 4);
    assert_eq!(form.text("a[]"), Some("1"));
}

#[test]
fn refuses_forms_that_do_not_end() {
    let whole = part("name=a", "1") + "--XyZ--";
    for cut in 0..whole.len() {
        assert!(parse(&whole.as_bytes()[..cut]).is_err(), "{cut}");
    }
    assert!(parse(b"no boundary at all").is_err());
}

#[test]
fn bounds_parts_and_headers() {
    let parts = |count: usize| {
        let parts: String = (0..count).map(|n| part(&format!("name=p{n}"), "")).collect();
        parts + "--XyZ--"
    };
    assert_eq!(parse(parts(256).as_bytes()).unwrap().parts().len(), 256);
    assert_eq!(refusal(&parts(257)), "more than 256 parts");
    let padded =
        |bytes: usize| part(&format!("name=a\r\nX: {}", "x".repeat(bytes)), "") + "--XyZ--";
    assert!(parse(padded(8_000).as_bytes()).is_ok());
    assert!(parse(padded(8_192).as_bytes()).is_err());
}

#[test]
fn debug_output_holds_no_content() {
    let form = parse((part("name=a", "canary") + "--XyZ--").as_bytes()).unwrap();
    assert!(!format!("{form:?}").contains("canary"));
}

/// Content of arbitrary bytes and of what resembles the boundary but is not.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        Just(b"\r\n--Xy".to_vec()),
        Just(b"\r\n--".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\n--XyZ".to_vec()),
        Just(b"\r--XyZ--".to_vec()),
        Just(b"\r\n-XyZ".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
    ];
    prop::collection::vec(piece, 0..8)
        .prop_map(|pieces| pieces.concat())
        .prop_filter("holds the boundary", |content| {
            !content.windows(7).any(|window| window == b"\r\n--XyZ")
        })
}

proptest! {
    #[test]
    fn forms_read_back(
        parts in prop::collection::btree_map("[a-z\"\\\\ ;=\u{e9}]{1,8}", (any::<bool>(), content()), 0..6),
        model in "[a-z0-9/:-]{0,20}",
        other in "[a-z0-9/:-]{0,20}",
    ) {
        let mut body = Vec::new();
        let mut add = |name: &str, is_file: bool, content: &[u8]| {
            let name = name.replace('\\', "\\\\").replace('"', "\\\"");
            let file = if is_file { "; filename=\"f\"" } else { "" };
            body.extend_from_slice(part(&format!("name=\"{name}\"{file}"), "").trim_end_matches("\r\n").as_bytes());
            body.extend_from_slice(b"\r\n\r\n");
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        };
        for (name, (is_file, content)) in &parts {
            add(name, *is_file, content);
        }
        add("MODEL", false, model.as_bytes());
        body.extend_from_slice(b"--XyZ--\r\n");
        let form = parse(&body).unwrap();
        let found: Vec<_> = form.parts().iter()
            .map(|part| (part.name.clone(), (part.is_file, form.body()[part.content.clone()].to_vec())))
            .collect();
        let mut expected: Vec<_> = parts.into_iter().collect();
        expected.push(("MODEL".to_owned(), (false, model.clone().into_bytes())));
        prop_assert_eq!(found, expected);
        let changed = Form::parse(TYPE, form.with_text("MODEL", &other)).unwrap();
        prop_assert_eq!(changed.text("MODEL"), Some(other.as_str()));
        prop_assert_eq!(changed.with_text("MODEL", &model), form.body().clone());
    }
}

#[test]
fn refuses_boundaries_that_readers_understand_differently() {
    let body = Bytes::from_static(
        b"--AA\r\ncontent-disposition: form-data; name=x\r\n\r\ny\r\n--AA--\r\n",
    );
    assert!(Form::parse("multipart/form-data; boundary=AA", body.clone()).is_ok());
    for more in ["boundary*=utf-8''BB", "boundary*0=BB", "boundary*0*=utf-8''BB", "charset*=x"] {
        let content_type = format!("multipart/form-data; boundary=AA; {more}");
        assert!(Form::parse(&content_type, body.clone()).is_err(), "{more}");
    }
}
