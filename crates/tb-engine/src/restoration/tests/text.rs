//! Answers that are text.

use bytes::Bytes;
use proptest::prelude::*;
use tb_core::Surface;

use super::{cut, restoration, restored, texts};

fn passed(pieces: &[&[u8]]) -> Vec<u8> {
    let mut restoration = restoration(Surface::AudioTranscriptions);
    let mut out = Vec::new();
    for piece in pieces {
        out.extend(restoration.text(&Bytes::copy_from_slice(piece)).unwrap());
    }
    out.extend(restoration.text_end().unwrap());
    out
}

proptest! {
    #[test]
    fn every_cut_gives_the_same(
        text in texts(),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        prop_assert_eq!(passed(&cut(text.as_bytes(), &cuts)), restored(&text).into_bytes());
    }
}

#[test]
fn what_is_no_utf_8_passes() {
    let bytes = [b"<EMAIL_7f3a_1> \xff\xfe <EMAIL_7f3a_1>".as_slice(), b"\xe9 <EMAIL_7f3a_1>"];
    let want = [b"jo@example.com \xff\xfe <EMAIL_7f3a_1>".as_slice(), b"\xe9 <EMAIL_7f3a_1>"];
    assert_eq!(passed(&bytes), want.concat());
    assert_eq!(passed(&[b"caf\xc3"]), b"caf\xc3");
}
