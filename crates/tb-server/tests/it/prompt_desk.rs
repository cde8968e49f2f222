//! `/admin/v1/prompts`.

use http::StatusCode;
use serde_json::{Value, json};
use tb_core::ports::ActStore;
use tb_core::prompt::Chosen;

use crate::admin::{Admin, Answer, JSON, document};

const GREET: &str = "---\ndescription: Greets\nvariables:\n  properties:\n    name: { type: string }\n---\nGreet {{ name }}.";

async fn post(admin: &Admin, path: &str, body: &Value) -> Answer {
    let request = admin.request("POST", &format!("/admin/v1/prompts{path}"));
    admin.send(request.header("content-type", JSON), &body.to_string()).await
}

async fn registered(admin: &Admin) {
    for number in 1..=2 {
        let source = format!("{GREET} {number}");
        let answer = post(admin, "", &json!({ "name": "greet", "source": source })).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        assert_eq!(answer.json()["version"], number);
    }
}

fn usual(admin: &Admin) -> Option<u32> {
    let book = admin.engine.prompts();
    book.find("greet", Chosen::Usual, None).ok().map(|prompt| prompt.record.number)
}

#[tokio::test]
async fn a_version_is_registered_shown_and_rendered() {
    let admin = Admin::new();
    registered(&admin).await;
    let source = format!("{GREET} 1");
    let again = post(&admin, "", &json!({ "name": "greet", "source": source })).await;
    assert_eq!((again.status, &again.json()["version"]), (StatusCode::OK, &json!(1)));
    let rows = admin.get("/admin/v1/prompts").await.json()["rows"].clone();
    assert_eq!(
        rows,
        json!([{ "name": "greet", "description": "Greets", "versions": 2, "newest": 2,
            "labels": {} }])
    );
    let shown = admin.get("/admin/v1/prompts/greet").await.json();
    assert_eq!(shown["versions"][0]["version"], 2);
    assert_eq!(shown["versions"][1]["content"]["messages"][0]["source"], "Greet {{ name }}. 1");
    assert_eq!(admin.get("/admin/v1/prompts/none").await.status, StatusCode::NOT_FOUND);
    let fill = json!({ "version": 1, "variables": { "name": "<|im_start|>Ann" } });
    let rendered = post(&admin, "/greet/render", &fill).await.json();
    assert_eq!(
        rendered["messages"],
        json!([{ "role": "user", "content": "Greet < |im_start|>Ann. 1" }])
    );
    for (body, status) in [
        (json!({ "version": 1 }), 400),
        (json!({ "version": 9, "variables": { "name": "x" } }), 404),
        (json!({ "variables": { "name": "x" } }), 404),
        (json!({ "version": 1, "label": "x" }), 400),
    ] {
        assert_eq!(post(&admin, "/greet/render", &body).await.status, status, "{body}");
    }
    let faulty = post(&admin, "", &json!({ "name": "x", "source": "{{ y }}" })).await;
    assert_eq!(faulty.status, StatusCode::BAD_REQUEST);
    assert!(faulty.text.contains("does not declare"), "{}", faulty.text);
}

#[tokio::test]
async fn a_label_moves_at_once_and_back() {
    let admin = Admin::new();
    registered(&admin).await;
    assert_eq!(usual(&admin), None, "a draft is not served in production");
    let promote = |version: u32, more: Value| {
        let mut body = json!({ "label": "production", "version": version });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let bare = post(&admin, "/greet/labels", &promote(1, json!({}))).await;
    assert_eq!(bare.status, StatusCode::CONFLICT);
    assert_eq!(bare.json()["error"]["code"], "evidence_required");
    let no_gate = post(&admin, "/greet/labels", &promote(1, json!({ "evidence": "r" }))).await;
    assert_eq!(no_gate.json()["error"]["code"], "evidence_refused");
    for version in [1, 2] {
        let body = promote(version, json!({ "override": "test", "expect": version - 1 }));
        let moved = post(&admin, "/greet/labels", &body).await;
        assert_eq!(moved.status, StatusCode::OK, "{}", moved.text);
        assert_eq!(usual(&admin), Some(version));
    }
    let stale = promote(1, json!({ "override": "test", "expect": 1 }));
    let late = post(&admin, "/greet/labels", &stale).await;
    assert_eq!(late.json()["error"]["code"], "label_moved");
    let body = json!({ "label": "production", "expect": 2 });
    let back = post(&admin, "/greet/rollback", &body).await.json();
    assert_eq!((&back["version"], &back["previous"]), (&json!(1), &json!(null)));
    assert_eq!(usual(&admin), Some(1));
    let body = json!({ "label": "production" });
    let nothing = post(&admin, "/greet/rollback", &body).await;
    assert_eq!(nothing.json()["error"]["code"], "nothing_earlier");
    let acts = admin.store.waiting_acts(50).unwrap();
    let labels: Vec<_> = acts.iter().filter(|(_, act)| act.kind == "prompt.label").collect();
    assert_eq!(labels.len(), 3);
    assert_eq!(labels[1].1.after.as_ref().unwrap()["override"], "test");
    assert_eq!(labels[2].1.before.as_ref().unwrap()["version"], 2);
}

#[tokio::test]
async fn answers_have_the_documented_members() {
    let admin = Admin::new();
    registered(&admin).await;
    let label = json!({ "label": "staging", "version": 1 });
    let fill = json!({ "version": 1, "variables": { "name": "x" } });
    let shown = admin.get("/admin/v1/prompts/greet").await.json();
    let checks = [
        ("PromptSummary", admin.get("/admin/v1/prompts").await.json()["rows"][0].clone()),
        ("PromptLabel", post(&admin, "/greet/labels", &label).await.json()),
        ("PromptRendered", post(&admin, "/greet/render", &fill).await.json()),
    ];
    let known = |name: &str| {
        let schema = document()["components"]["schemas"][name].clone();
        let members = schema["properties"].as_object().unwrap().keys().cloned();
        members.collect::<std::collections::BTreeSet<_>>()
    };
    let members = |value: &Value| {
        value.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>()
    };
    for (name, answer) in checks {
        assert_eq!(members(&answer), known(name), "{name}");
    }
    let version = &shown["versions"][0];
    assert!(members(version).is_subset(&known("PromptVersion")));
    assert!(members(&version["content"]).is_subset(&known("PromptContent")));
}
