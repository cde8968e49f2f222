//! What `Debug` shows.

use bytes::Bytes;
use tb_core::rules::{AskedForm, Question, RuleAnswer};
use tb_core::{NanoUsd, Rung, Surface};
use tb_providers::local::Spoken;

use super::gateway::{Ask, Gateway, on};
use crate::cache::search::StaleAnswer;
use crate::cache::{CacheNote, Hit};
use crate::local::{LocalAnswer, Origin};
use crate::request::RequestBody;
use crate::stages::lookup::Found;

const CANARY: &str = "canary-7Q";

fn bytes() -> Bytes {
    Bytes::from_static(CANARY.as_bytes())
}

fn origin() -> Origin {
    Origin { provider: "p".to_owned(), resolved: "r".to_owned(), served: None }
}

fn local(gateway: &Gateway) -> LocalAnswer {
    LocalAnswer {
        rung: Rung::Cache,
        body: bytes(),
        stream: false,
        model: gateway.engine.runtime().model("m").unwrap(),
        origin: Some(origin()),
        saved: NanoUsd(0),
        note: CacheNote::default(),
        attempts: None,
        retried: false,
    }
}

#[tokio::test(start_paused = true)]
async fn shows_no_text_of_requests_and_answers() {
    let gateway = Gateway::start(&on());
    let (saved, note) = (NanoUsd(0), CacheNote::default());
    let hit = Hit { body: bytes(), origin: origin(), saved, note: note.clone() };
    let stale = StaleAnswer { body: bytes(), stream: false, origin: origin(), saved, note };
    let form = AskedForm::JsonSchema(CANARY);
    let question = Question { text: CANARY, form, variables: &[("model", CANARY)] };
    let spoken = Spoken {
        surface: Surface::ChatCompletions,
        id: "id",
        created: 0,
        model: CANARY,
        text: CANARY,
    };
    let rule = RuleAnswer { rule: "r".to_owned(), text: CANARY.to_owned() };
    let keeper = super::keeper_of(&gateway, &Ask::chat(CANARY, "")).await;
    let shown = [
        format!("{hit:?}"),
        format!("{stale:?}"),
        format!("{:?}", local(&gateway)),
        format!("{:?}", Found::Hit(Box::new(local(&gateway)))),
        format!("{:?}", RequestBody::from(bytes())),
        format!("{form:?}"),
        format!("{question:?}"),
        format!("{spoken:?}"),
        format!("{rule:?}"),
        format!("{keeper:?}"),
    ];
    let numbers = format!("{:?}", CANARY.as_bytes());
    for shown in shown {
        assert!(!shown.contains(CANARY) && !shown.contains(&numbers), "{shown}");
    }
}
