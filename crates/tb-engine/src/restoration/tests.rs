//! Whole answers and streams in all shapes, against the restorer of whole texts.

mod answers;
mod blocks;
mod chunks;
mod named;
mod text;
mod whole;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use serde_json::Value;
use tb_api::sse::{SseEvent, SseParser};
use tb_config::GuardPolicy;
use tb_core::Surface;
use tb_guard::{
    Action, Actions, CharacterCounts, Finding, Guard, GuardSettings, Kind, Restorer, Vault,
};

use super::{AnswerBlocked, Restoration};
use crate::guarded::Guarded;

/// The values of the tests' request: the first has the placeholder `<EMAIL_7f3a_1>`, and so on.
pub(super) const VALUES: [&str; 4] =
    ["jo@example.com", "\"Jo\" \\ 😀\nO'Neil", "<EMAIL_7f3a_1>", "zoë@example.org"];

static GUARD: LazyLock<Arc<Guard>> = LazyLock::new(|| {
    let settings = GuardSettings { without_names: true, ..GuardSettings::default() };
    Arc::new(Guard::new(&settings).unwrap())
});

pub(super) fn vault() -> Vault {
    let mut vault = Vault::new(0x7f3a, &[3; 32]);
    let actions = Actions { by_kind: [(Kind::EMAIL, Action::Tokenize)].into() };
    for value in VALUES {
        let finding = Finding {
            kind: Kind::EMAIL,
            rule: None,
            start: 0,
            end: value.len(),
            score: 1.0,
            is_encoded: false,
        };
        let _ = actions.hide(value, &[finding], &mut vault);
    }
    vault
}

pub(super) fn guarded(answers: &[(Kind, Action)], wants_json: bool) -> Arc<Guarded> {
    let policy =
        GuardPolicy { answers: answers.iter().cloned().collect(), ..GuardPolicy::default() };
    Arc::new(Guarded {
        guard: Arc::clone(&GUARD),
        policy: Arc::new(policy),
        vault: vault(),
        wants_json,
        found: BTreeMap::new(),
        characters: CharacterCounts::default(),
    })
}

pub(super) fn restoration(surface: Surface) -> Restoration {
    Restoration::of(&guarded(&[], false), surface).unwrap()
}

/// What a text becomes.
pub(super) fn restored(text: &str) -> String {
    let vault = vault();
    let mut restorer = Restorer::new(&vault);
    restorer.push(text) + &restorer.finish()
}

/// What a JSON text becomes.
pub(super) fn restored_json(text: &str) -> String {
    let vault = vault();
    let mut restorer = Restorer::for_json(&vault);
    restorer.push(text) + &restorer.finish()
}

/// The events of a stream, passed through the restoration and read again.
pub(super) fn pass(
    restoration: &mut Restoration,
    events: Vec<SseEvent>,
) -> Result<Vec<SseEvent>, AnswerBlocked> {
    let mut out = Vec::new();
    for event in events {
        restoration.event(event, &mut out)?;
    }
    restoration.finish(&mut out)?;
    let mut bytes = BytesMut::new();
    out.iter().for_each(|event| event.write(&mut bytes));
    Ok(read(&[bytes.freeze()]))
}

/// The events in these bytes.
pub(super) fn read(pieces: &[Bytes]) -> Vec<SseEvent> {
    let (mut parser, mut events) = (SseParser::new(1 << 20), Vec::new());
    for piece in pieces {
        parser.push(piece, &mut events).unwrap();
    }
    parser.finish(&mut events).unwrap();
    events
}

pub(super) fn json(event: &SseEvent) -> Value {
    serde_json::from_slice(&event.data).unwrap()
}

/// The bytes of a stream as a provider may send them: line ends of any sort, comments, cut
/// anywhere.
pub(super) fn on_the_wire(events: &[SseEvent], style: u8, cuts: &[usize]) -> Vec<Bytes> {
    let mut bytes = BytesMut::new();
    events.iter().for_each(|event| event.write(&mut bytes));
    let mut text = String::from_utf8(bytes.to_vec()).unwrap();
    if style & 1 == 1 {
        text = text.replace('\n', "\r\n");
    }
    if style & 2 == 2 {
        let end = if style & 1 == 1 { "\r\n\r\n" } else { "\n\n" };
        text = text.replace(end, &format!("{end}: keep-alive{end}"));
    }
    cut(text.as_bytes(), cuts).into_iter().map(Bytes::copy_from_slice).collect()
}

/// The bytes cut at these places, wherever they lie.
pub(super) fn cut<'b>(bytes: &'b [u8], cuts: &[usize]) -> Vec<&'b [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

/// A text in pieces of at most so many characters.
pub(super) fn pieces(text: &str, size: usize) -> Vec<String> {
    let symbols: Vec<char> = text.chars().collect();
    symbols.chunks(size.max(1)).map(|piece| piece.iter().collect()).collect()
}

/// Texts with everything that matters to restoring.
pub(super) fn texts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => prop::sample::select(vec![
            "<EMAIL_7f3a_1>", "<EMAIL_7f3a_2>", "<EMAIL_7f3a_3>", "<email_7f3a_4>",
            "[EMAIL_7f3a_1]", "&lt;EMAIL_7f3a_2&gt;", r"\<EMAIL\_7f3a\_1\>",
        ])
        .prop_map(str::to_owned),
        2 => prop::sample::select(vec![
            "<EMAIL_7f3a_9>", "<EMAIL_7f3b_1>", "<EMAIL_7f", "<EMAIL_7f3a_1", "<", "[", "&l", "\\",
            "<b>", "\"", "\n", "😀", "ü",
        ])
        .prop_map(str::to_owned),
        1 => "[ -~]{0,12}",
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

/// The texts of each field, added up as clients do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sums(pub(super) HashMap<String, String>);

impl Sums {
    pub(super) fn add(&mut self, field: String, text: &str) {
        self.0.entry(field).or_default().push_str(text);
    }

    pub(super) fn of(&self, field: &str) -> &str {
        self.0.get(field).map_or("", String::as_str)
    }
}
