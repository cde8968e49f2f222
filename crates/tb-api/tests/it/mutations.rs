//! Valid inputs with random damage: no panic, and the promises hold for whatever is accepted.

use bytes::Bytes;
use tb_api::json::Document;
use tb_api::multipart::Form;

use crate::json::{agrees, below};
use crate::{multipart, sse};

#[expect(unreachable_pub, reason = "compiled from the file of the fuzz targets")]
#[path = "../../../../fuzz/src/walker.rs"]
mod walker;

const ROUNDS: usize = 5_000;

/// Damages `input` in one to four places: flipped, removed, repeated and swapped-in bytes.
fn damage(input: &[u8], tokens: &[&[u8]], seed: &mut u64) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=below(seed, 4) {
        let at = below(seed, bytes.len() + 1);
        let end = (at + below(seed, 9)).min(bytes.len());
        match below(seed, 5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << below(seed, 8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            3 => bytes.truncate(at.max(bytes.len() / 2)),
            _ => {
                let token = tokens[below(seed, tokens.len())];
                bytes.splice(at..end, token.iter().copied());
            }
        }
    }
    bytes
}

#[test]
fn damaged_documents_are_judged_as_serde_json_judges_them() {
    let inputs: [&[u8]; 2] = [
        br#"{"model":"gpt","messages":[{"role":"user","content":"Hi \ud83d\ude00 \"you\" there, long enough for the wide search"},{"role":"x","content":[{"type":"text","text":""}]}],"n":1,"t":-0.5e+3,"s":true,"z":null,"tools":[]}"#,
        "{ \"a\u{e9}\" : { \"b\" : [ 1 , 2.5 , { } ] } ,\n \"c\":{\"k0\":0,\"k1\":1,\"k2\":2,\"k3\":3,\"k4\":4,\"k5\":5,\"k6\":6,\"k7\":7,\"k8\":8,\"k9\":9,\"ka\":0,\"kb\":1,\"kc\":2,\"kd\":3,\"ke\":4,\"kf\":5,\"kg\":6} }".as_bytes(),
    ];
    let tokens: [&[u8]; 16] = [
        b"{", b"}", b"[", b"]", b",", b":", b"\"", b"\\", b"\\u00e9", b"\\ud800", b"1e9", b"null",
        b"\"k1\":", b"\xff", b"\0", b" ",
    ];
    let mut seed = 0x5EED_0001;
    let mut accepted = 0;
    for round in 0..ROUNDS {
        let damaged = damage(inputs[round % 2], &tokens, &mut seed);
        if let Ok(text) = std::str::from_utf8(&damaged) {
            agrees(text);
        }
        walker::document(&damaged);
        let Ok(document) = Document::parse(Bytes::from(damaged)) else { continue };
        accepted += 1;
        let mut edits = document.edit();
        edits.set(&["model"], "\"m\"").set(&["c", "k3"], "[]").remove(&["messages"]);
        let edited = Document::parse(edits.apply()).unwrap();
        assert_eq!(edited.get("model").unwrap().as_str().unwrap(), "m");
        assert!(edited.get("messages").is_none());
    }
    assert!((100..ROUNDS).contains(&accepted), "{accepted}");
}

#[test]
fn damaged_streams_give_the_same_events_for_every_cut() {
    let input = "\u{feff}: hi\r\n\r\nevent: delta\r\ndata: {\"a\":\"\u{e9}\"}\r\n\r\nid: 4\ndata: x\ndata: y\n\ndata: [DONE]\n\n".as_bytes();
    let tokens: [&[u8]; 8] =
        [b"\r", b"\n", b"\r\n", b"data:", b"event: ", b":", b"\xff", b"\xef\xbb\xbf"];
    let mut seed = 0x5EED_0002;
    for _ in 0..ROUNDS {
        let damaged = damage(input, &tokens, &mut seed);
        let limit = 16 + below(&mut seed, 100);
        let whole = sse::read(&[&damaged], limit);
        let size = 1 + below(&mut seed, 7);
        let pieces: Vec<&[u8]> = damaged.chunks(size).collect();
        assert_eq!(sse::read(&pieces, limit), whole);
    }
}

#[test]
fn damaged_forms_never_yield_overlapping_parts() {
    let input = b"pre\r\n--XyZ\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\\\"b\"; filename*=utf-8''a%20\r\nContent-Type: x/y\r\n\r\n\x00\xff\r\n--Xy\r\n--XyZ\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n--XyZ--\r\n";
    let tokens: [&[u8]; 9] =
        [b"\r\n", b"--", b"\r\n--XyZ", b"--XyZ--", b"\r\n\r\n", b"\"", b"\\", b";", b"name="];
    let mut seed = 0x5EED_0003;
    let mut accepted = 0;
    for _ in 0..ROUNDS {
        let damaged = damage(input, &tokens, &mut seed);
        let Ok(form) = multipart::parse(&damaged) else { continue };
        assert!(walker::form(&damaged));
        accepted += 1;
        let mut end = 0;
        for part in form.parts() {
            assert!(part.content.start >= end && part.content.end <= form.body().len());
            end = part.content.end;
            for (_, range) in part.file_name.iter().chain(&part.extended_file_name) {
                assert!(part.headers.start < range.start && range.end <= part.headers.end);
            }
        }
        if form.text("model").is_some() {
            let changed = Form::parse(multipart::TYPE, form.with_text("model", "m")).unwrap();
            assert_eq!(changed.text("model"), Some("m"));
            assert_eq!(changed.parts().len(), form.parts().len());
        }
    }
    assert!((100..ROUNDS).contains(&accepted), "{accepted}");
}
