//! Streams of Anthropic's shape.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use tb_api::sse::SseEvent;
use tb_core::Surface;

use super::{
    Sums, json as parsed, on_the_wire, pass, pieces, read, restoration, restored, restored_json,
    texts,
};

fn event(name: &'static str, mut data: Value) -> SseEvent {
    data["type"] = json!(name);
    SseEvent::named(name, Bytes::from(data.to_string()))
}

/// The type of a block, of its deltas, and the member with the text.
const BLOCKS: [(&str, &str, &str); 3] = [
    ("text", "text_delta", "text"),
    ("thinking", "thinking_delta", "thinking"),
    ("tool_use", "input_json_delta", "partial_json"),
];

/// One block after the other.
fn stream(blocks: &[(usize, String)], size: usize) -> Vec<SseEvent> {
    let mut events = vec![event("message_start", json!({"message": {"content": []}}))];
    for (index, (block, text)) in blocks.iter().enumerate() {
        let (kind, delta, member) = BLOCKS[*block];
        let start = json!({"index": index, "content_block": {"type": kind, "text": ""}});
        events.push(event("content_block_start", start));
        for piece in pieces(text, size) {
            let data = json!({"index": index, "delta": {"type": delta, member: piece}});
            events.push(event("content_block_delta", data));
        }
        events.push(event("content_block_stop", json!({"index": index})));
    }
    events.push(event("message_delta", json!({"delta": {"stop_reason": "end_turn"}})));
    events.push(event("message_stop", json!({})));
    events
}

fn sums(events: &[SseEvent]) -> Sums {
    let mut sums = Sums::default();
    let mut open = None;
    for event in events {
        let data = parsed(event);
        assert_eq!(event.event.as_deref(), data["type"].as_str().map(str::as_bytes));
        match data["type"].as_str().unwrap() {
            "content_block_start" => open = data["index"].as_u64(),
            "content_block_stop" => open = None,
            "content_block_delta" => {
                assert_eq!(data["index"].as_u64(), open, "a delta outside of its block");
                let kind = data["delta"]["type"].as_str().unwrap();
                let (_, _, member) = BLOCKS.iter().find(|(_, delta, _)| *delta == kind).unwrap();
                let text = data["delta"][member].as_str().unwrap();
                sums.add(data["index"].to_string(), text);
            }
            _ => {}
        }
    }
    sums
}

proptest! {
    #[test]
    fn every_cut_gives_what_the_whole_text_gives(
        blocks in prop::collection::vec((0_usize..3, texts()), 1..4),
        size in 1_usize..20,
        style in 0_u8..4,
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let events = stream(&blocks, size);
        let arrived = read(&on_the_wire(&events, style, &cuts));
        let given = pass(&mut restoration(Surface::Messages), arrived).unwrap();
        let sums = sums(&given);
        for (index, (block, text)) in blocks.iter().enumerate() {
            let want = if *block == 2 { restored_json(text) } else { restored(text) };
            prop_assert_eq!(sums.of(&index.to_string()), want);
        }
        prop_assert_eq!(&parsed(given.last().unwrap())["type"], "message_stop");
    }
}

#[test]
fn held_text_goes_out_before_the_block_ends() {
    let events = stream(&[(0, "mail <EMAIL_7f3a_".to_owned())], 100);
    let given = pass(&mut restoration(Surface::Messages), events).unwrap();
    let kinds: Vec<String> =
        given.iter().map(|event| parsed(event)["type"].as_str().unwrap().to_owned()).collect();
    let deltas = kinds.iter().filter(|kind| *kind == "content_block_delta").count();
    assert_eq!((deltas, kinds.len()), (2, 7));
    assert_eq!(sums(&given).of("0"), "mail <EMAIL_7f3a_");
}

#[test]
fn deltas_that_are_not_known_are_put_together_too() {
    let delta = |text: &str| {
        let data = serde_json::json!({"type": "content_block_delta", "index": 2,
            "delta": {"type": "summary_delta", "summary": text}});
        SseEvent::named("content_block_delta", Bytes::from(data.to_string()))
    };
    let text = "to <EMAIL_7f3a_1> or <EMAIL";
    let mut events: Vec<SseEvent> = pieces(text, 3).iter().map(|it| delta(it)).collect();
    let stop = r#"{"type":"content_block_stop","index":2}"#;
    events.push(SseEvent::named("content_block_stop", Bytes::from(stop)));
    let given = pass(&mut restoration(Surface::Messages), events).unwrap();
    let summary =
        |event: &SseEvent| Some(parsed(event).pointer("/delta/summary")?.as_str()?.to_owned());
    assert_eq!(given.iter().filter_map(summary).collect::<String>(), restored(text));
}
