//! Streams of the Responses API and of transcripts.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use tb_api::sse::SseEvent;
use tb_core::Surface;

use super::{
    Sums, json as parsed, on_the_wire, pass, pieces, read, restoration, restored, restored_json,
    texts,
};

/// Writes events as a provider does, numbered from 0.
#[derive(Default)]
struct Events(Vec<SseEvent>);

impl Events {
    fn push(&mut self, kind: &'static str, mut data: Value) {
        data["type"] = json!(kind);
        data["sequence_number"] = json!(self.0.len());
        self.0.push(SseEvent::named(kind, Bytes::from(data.to_string())));
    }
}

/// The type of an item's deltas, and the member of its end that has all of the text.
const ITEMS: [(&str, &str, &str); 4] = [
    ("response.output_text.delta", "response.output_text.done", "text"),
    ("response.refusal.delta", "response.refusal.done", "refusal"),
    (
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "arguments",
    ),
    ("response.reasoning_summary_text.delta", "response.reasoning_summary_text.done", "text"),
];

fn stream(items: &[(usize, String)], size: usize) -> Vec<SseEvent> {
    let mut events = Events::default();
    events.push("response.created", json!({"response": {"id": "resp_1", "output": []}}));
    let mut output = Vec::new();
    for (index, (item, text)) in items.iter().enumerate() {
        let (delta, done, member) = ITEMS[*item];
        let id = format!("item_{index}");
        let place = json!({"item_id": id, "output_index": index, "content_index": 0});
        for piece in pieces(text, size) {
            let mut data = place.clone();
            data["delta"] = json!(piece);
            data["logprobs"] = json!([{"token": "x"}]);
            data["obfuscation"] = json!("abc");
            events.push(delta, data);
        }
        let mut data = place.clone();
        data[member] = json!(text);
        events.push(done, data);
        let whole = json!({"id": id, "type": "message", "content": [{member: text}]});
        events.push("response.output_item.done", json!({"output_index": index, "item": whole}));
        output.push(whole);
    }
    events.push("response.completed", json!({"response": {"id": "resp_1", "output": output}}));
    events.0
}

fn sums(events: &[SseEvent]) -> Sums {
    let mut sums = Sums::default();
    for event in events.iter().map(parsed) {
        if let Some(text) = event["delta"].as_str() {
            sums.add(format!("{} {}", event["type"].as_str().unwrap(), event["item_id"]), text);
        }
    }
    sums
}

proptest! {
    #[test]
    fn every_cut_gives_what_the_whole_text_gives(
        items in prop::collection::vec((0_usize..4, texts()), 1..4),
        size in 1_usize..20,
        style in 0_u8..4,
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let arrived = read(&on_the_wire(&stream(&items, size), style, &cuts));
        let given = pass(&mut restoration(Surface::Responses), arrived).unwrap();
        let sums = sums(&given);
        let last = parsed(given.last().unwrap());
        for (index, (item, text)) in items.iter().enumerate() {
            let (delta, done, member) = ITEMS[*item];
            let want = if member == "arguments" { restored_json(text) } else { restored(text) };
            prop_assert_eq!(sums.of(&format!("{delta} \"item_{index}\"")), &want);
            let ended = given.iter().map(parsed).find(|event| {
                event["type"] == done && event["output_index"] == index
            });
            prop_assert_eq!(&ended.unwrap()[member], &json!(want));
            let output = &last["response"]["output"][index];
            prop_assert_eq!(&output["content"][0][member], &json!(want));
        }
        for (number, event) in given.iter().map(parsed).enumerate() {
            prop_assert_eq!(&event["sequence_number"], &json!(number));
        }
    }
}

#[test]
fn a_held_piece_goes_out_before_its_end_and_numbers_go_on() {
    let events = stream(&[(0, "to <EMAIL_7f3a_".to_owned()), (0, "and on".to_owned())], 100);
    let given = pass(&mut restoration(Surface::Responses), events).unwrap();
    let inserted = parsed(&given[2]);
    assert_eq!(
        inserted,
        json!({
            "type": "response.output_text.delta", "sequence_number": 2, "item_id": "item_0",
            "output_index": 0, "content_index": 0, "delta": "<EMAIL_7f3a_", "logprobs": [],
        })
    );
    assert_eq!(parsed(&given[3])["type"], "response.output_text.done");
    let numbers: Vec<u64> =
        given.iter().map(|event| parsed(event)["sequence_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..9).collect::<Vec<u64>>());
}

#[test]
fn an_annotation_in_the_middle_of_a_text_does_not_end_it() {
    let mut events = Events::default();
    let place = json!({"item_id": "i", "output_index": 0, "content_index": 0});
    let with = |key: &str, value: Value| {
        let mut data = place.clone();
        data[key] = value;
        data
    };
    events.push("response.output_text.delta", with("delta", json!("<EMAIL_7f")));
    let kind = "response.output_text.annotation.added";
    events.push(kind, with("annotation", json!({"title": "<EMAIL_7f3a_1>"})));
    events.push("response.output_text.delta", with("delta", json!("3a_1>")));
    let given = pass(&mut restoration(Surface::Responses), events.0).unwrap();
    let sums = sums(&given);
    assert_eq!(sums.of("response.output_text.delta \"i\""), "jo@example.com");
    assert_eq!(parsed(&given[1])["annotation"]["title"], "jo@example.com");
}

#[test]
fn transcripts_are_restored() {
    let event = |kind: &'static str, member: &str, text: &str| {
        let mut data = json!({"type": kind});
        data[member] = json!(text);
        SseEvent::data(Bytes::from(data.to_string()))
    };
    let events = vec![
        event("transcript.text.delta", "delta", "write <EMAIL"),
        event("transcript.text.delta", "delta", "_7f3a_1> or <EMAIL_"),
        event("transcript.text.done", "text", "write <EMAIL_7f3a_1> or <EMAIL_"),
    ];
    let given = pass(&mut restoration(Surface::AudioTranscriptions), events).unwrap();
    let want = "write jo@example.com or <EMAIL_";
    assert_eq!(sums(&given).of("transcript.text.delta null"), want);
    assert_eq!(parsed(given.last().unwrap())["text"], want);
}
