//! Values that are cut into neighbouring places.

use serde_json::{Value, json};

use super::{Rig, chat};

async fn sent_of(rig: &Rig, metadata: Value) -> Value {
    let mut body = chat("hi");
    body["metadata"] = metadata;
    let mut sent = rig.sent(body).await;
    sent["metadata"].take()
}

#[tokio::test]
async fn cards_in_elements_and_members_are_hidden() {
    let rig = Rig::start("").await;
    for card in [
        json!(["4111", "1111", "1111", "1111"]),
        json!([4111, 1111, 1111, 1111]),
        json!(["4111", 1111, "1111", 1111]),
        json!({"a": "4111 1111", "b": "1111 1111"}),
        json!({"card1": "4111 1111", "card2": "1111 1111"}),
        json!({"first": "4111", "second": "1111", "third": "1111", "fourth": "1111"}),
        json!({"first": 41_111_111, "rest": 11_111_111}),
    ] {
        let sent = sent_of(&rig, json!({"x": card})).await.to_string();
        assert!(!sent.contains("4111") && !sent.contains("1111"), "{sent}");
    }
}

#[tokio::test]
async fn words_in_elements_and_counted_members_go_on() {
    let rig = Rig::start("").await;
    for mail in [json!(["jo.doe@exam", "ple.com"]), json!({"a": "jo.doe@exam", "b": "ple.com"})] {
        let sent = sent_of(&rig, json!({"x": mail})).await.to_string();
        assert!(!sent.contains("jo.doe") && !sent.contains("ple.com"), "{sent}");
    }
}

#[tokio::test]
async fn figures_beside_each_other_are_no_card() {
    let rig = Rig::start("").await;
    for figures in [
        json!([4111, 1111, 1111, 1111, 17, 23, 4711, 12, 99, 100]),
        json!({"zip": "94103", "count": "4111", "sum": "11111111111"}),
        json!({"a": ["4111 1111"], "b": ["1111 1111"]}),
        json!([123, 45, 6789]),
        json!({"width": 4_000, "height": 3_000}),
    ] {
        let figures = json!({"x": figures});
        assert_eq!(sent_of(&rig, figures.clone()).await, figures);
    }
}

#[tokio::test]
async fn an_image_does_not_part_two_texts() {
    let rig = Rig::start("").await;
    let text = |text: &str| json!({"type": "text", "text": text});
    for url in ["https://example.com/a.png", "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="] {
        let image = json!({"type": "image_url", "image_url": {"url": url}});
        let parts = json!([text("card 4111 1111 "), image, text("1111 1111 please")]);
        let sent =
            rig.sent(json!({"model": "m", "messages": [{"role": "user", "content": parts}]}));
        let sent = sent.await.to_string();
        assert!(!sent.contains("4111 1111") && !sent.contains("1111 1111"), "{sent}");
        assert!(sent.contains(url) && sent.contains(" please"), "{sent}");
    }
}

#[tokio::test]
async fn an_answer_does_not_part_what_a_user_says() {
    let rig = Rig::start("").await;
    let say = |role: &str, text: &str| json!({"role": role, "content": text});
    let turns = json!([
        say("user", "my card is 4111 1111"), say("assistant", "And the rest of it?"),
        say("user", "1111 1111, thanks"), say("assistant", "Thank you."),
        say("user", "my mail is jo.doe@exam"), say("assistant", "Yes?"),
        {"role": "user", "content": [{"type": "text", "text": "ple.com and that is all"}]}]);
    let sent = rig.sent(json!({"model": "m", "messages": turns})).await.to_string();
    for hidden in ["4111 1111", "1111 1111", "jo.doe@exam", "ple.com"] {
        assert!(!sent.contains(hidden), "{hidden}: {sent}");
    }
    assert!(sent.contains("And the rest of it?") && sent.contains(", thanks"), "{sent}");
}
