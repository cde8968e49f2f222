//! Pins: names that float, models that are retired, answers of another model.

use tb_config::FixedEnvironment;
use tb_core::Timestamp;
use tb_testkit::{FakeProvider, FakeReply, TestApp, TestRequest, TestResponse};

const PATH: &str = "/v1/chat/completions";

/// A provider whose models are named by a vendor of the built-in table, and the section given.
fn config(url: &str, pinning: &str) -> String {
    format!(
        r#"
        [pinning]
        {pinning}
        [providers.up]
        dialect = "openai"
        vendor = "openai"
        base_url = "{url}/v1"
        api_keys = ["sk-upstream"]
        [models.floating]
        targets = [{{ provider = "up", model = "gpt-4o-mini" }}]
        [models.pinned]
        targets = [{{ provider = "up", model = "gpt-4o-mini-2024-07-18" }}]
        [models.gone]
        targets = [{{ provider = "up", model = "gpt-4-0613" }}]
        [models.gone_but_one]
        targets = [
          {{ provider = "up", model = "gpt-4-0613" }},
          {{ provider = "up", model = "gpt-4o-mini-2024-07-18" }},
        ]
        [services.default]
        purposes = ["general"]
        models = ["*"]
        "#
    )
}

/// 2026-11-24, when some versions are retired and others are not yet.
const TODAY: Timestamp = Timestamp(1_795_478_400_000);

fn start(config: &str) -> TestApp {
    TestApp::start_at(config, &FixedEnvironment::default(), TODAY)
}

fn ask(app: &TestApp, model: &str) -> TestResponse {
    let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]}}"#);
    TestRequest::post(PATH, body).key(&app.key).send(app.address)
}

/// A provider that says that it served `model`, or what was asked for.
fn serving(model: Option<&'static str>) -> FakeProvider {
    FakeProvider::start(move |request| {
        let asked = request.json()["model"].as_str().unwrap().to_owned();
        let served = model.unwrap_or(&asked);
        FakeReply::json(
            200,
            &format!(
                r#"{{"id":"c","object":"chat.completion","created":1,"model":"{served}","choices":[{{"index":0,"message":{{"role":"assistant","content":"Hi"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":1,"completion_tokens":1}}}}"#
            ),
        )
    })
}

fn metric(app: &TestApp, line: &str) -> bool {
    app.engine.metrics().prometheus_text(0).lines().any(|found| found == line)
}

#[test]
fn a_floating_name_is_refused_with_the_snapshot_to_use() {
    let provider = serving(None);
    let app = start(&config(&provider.url(), "policy = \"refuse\""));
    for model in ["floating", "up/gpt-4o-mini", "up/chatgpt-4o-latest", "up/gpt-99"] {
        let refused = ask(&app, model);
        assert_eq!((refused.status, refused.error_code().as_str()), (422, "model_not_pinned"));
        assert_eq!(refused.json()["error"]["param"], "model");
    }
    assert!(ask(&app, "floating").text().contains("`gpt-4o-mini-2024-07-18`"));
    assert_eq!(provider.requests().len(), 0);
    for model in ["pinned", "up/gpt-4o-mini-2024-07-18"] {
        let answer = ask(&app, model);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-tollbar-model-resolved"), Some("gpt-4o-mini-2024-07-18"));
    }
    assert!(metric(&app, "tollbar_pin_violations_total 5"));
}

#[test]
fn a_retired_model_is_refused_but_not_its_other_targets() {
    let provider = serving(None);
    let app = start(&config(&provider.url(), "policy = \"refuse\""));
    let refused = ask(&app, "gone");
    assert_eq!((refused.status, refused.error_code().as_str()), (422, "model_retired"));
    assert!(refused.text().contains("2026-10-23"), "{}", refused.text());
    for _ in 0..4 {
        let answer = ask(&app, "gone_but_one");
        assert_eq!(answer.header("x-tollbar-model-resolved"), Some("gpt-4o-mini-2024-07-18"));
    }
}

#[test]
fn the_lock_file_says_what_a_floating_name_means() {
    let provider = serving(None);
    let lock = "[models.\"up/gpt-4o-mini\"]\nsnapshot = \"gpt-4o-mini-2024-07-18\"\nevidence = \"run_1\"\n\
                [models.\"up/gpt-4-0613\"]\nsnapshot = \"gpt-6.1-sol-2026-09-29\"\n";
    let environment = FixedEnvironment::default().with_file("/etc/tollbar/models.lock", lock);
    let pinning = "policy = \"resolve\"\non_retired = \"successor\"\nlock_file = \"/etc/tollbar/models.lock\"";
    let app = TestApp::start_at(&config(&provider.url(), pinning), &environment, TODAY);
    for (model, resolved) in [
        ("floating", "gpt-4o-mini-2024-07-18"),
        ("up/gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
        ("gone", "gpt-6.1-sol-2026-09-29"),
    ] {
        let answer = ask(&app, model);
        assert_eq!(answer.status, 200, "{model}: {}", answer.text());
        assert_eq!(answer.header("x-tollbar-model-resolved"), Some(resolved));
    }
    assert_eq!(ask(&app, "up/gpt-4o").error_code(), "model_not_pinned");
    let sent: Vec<String> = provider
        .requests()
        .iter()
        .map(|request| request.json()["model"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(sent.len(), 3);
    assert!(!sent.iter().any(|model| model == "gpt-4o-mini" || model == "gpt-4-0613"), "{sent:?}");
}

#[test]
fn a_warning_says_what_floats_and_off_says_nothing() {
    let provider = serving(None);
    let app = start(&config(&provider.url(), "policy = \"warn\""));
    let answer = ask(&app, "floating");
    assert_eq!(answer.status, 200);
    let note = answer.header("x-tollbar-pin").unwrap();
    assert!(note.starts_with("floating;snapshot=gpt-4o-mini-2024-07-18"), "{note}");
    assert_eq!(ask(&app, "gone").header("x-tollbar-pin"), Some("retires=2026-10-23"));
    assert!(metric(&app, "tollbar_pin_violations_total 2"));
    let app = start(&config(&provider.url(), "policy = \"off\""));
    assert_eq!(ask(&app, "floating").header("x-tollbar-pin"), None);
}

#[test]
fn an_answer_of_another_model_is_told_and_may_freeze_the_target() {
    let provider = serving(Some("gpt-4o-mini-2025-01-01"));
    let frozen = "policy = \"warn\"\nfreeze_on_drift = true";
    let app = start(&config(&provider.url(), frozen));
    let answer = ask(&app, "pinned");
    assert_eq!((answer.status, answer.header("x-tollbar-pin")), (200, Some("drift")));
    assert_eq!(answer.header("x-tollbar-model-served"), Some("gpt-4o-mini-2025-01-01"));
    assert!(metric(&app, "tollbar_served_model_drift_total{model=\"pinned\"} 1"));
    let refused = ask(&app, "pinned");
    assert_eq!((refused.status, refused.error_code().as_str()), (422, "model_not_pinned"));
    app.reload(&config(&provider.url(), "policy = \"warn\""), &FixedEnvironment::default());
    assert_eq!(ask(&app, "pinned").status, 200);
}

#[test]
fn an_answer_of_servers_not_seen_before_is_told_and_written_down() {
    let number = std::sync::atomic::AtomicU64::new(0);
    let provider = FakeProvider::start(move |_| {
        let found = match number.fetch_add(1, std::sync::atomic::Ordering::AcqRel) {
            0 | 2 => "fp_a",
            _ => "fp_b",
        };
        FakeReply::json(
            200,
            &format!(
                r#"{{"id":"c","object":"chat.completion","created":1,"model":"gpt-4o-mini-2024-07-18","system_fingerprint":"{found}","choices":[{{"index":0,"message":{{"role":"assistant","content":"Hi"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":1,"completion_tokens":1}}}}"#
            ),
        )
    });
    let app = start(&config(&provider.url(), "policy = \"warn\"\nfreeze_on_drift = true"));
    let found: Vec<(bool, String)> = (0..4)
        .map(|_| {
            let answer = ask(&app, "pinned");
            let row = app.rows(&answer).remove(0);
            assert!(!row.has_drifted);
            let note = answer.header("x-tollbar-pin");
            (note == Some("new_fingerprint"), row.fingerprint.unwrap())
        })
        .collect();
    assert_eq!(
        found.iter().map(|(note, _)| *note).collect::<Vec<_>>(),
        [false, true, false, false]
    );
    assert_eq!(
        found.iter().map(|(_, found)| found.as_str()).collect::<Vec<_>>(),
        ["fp_a", "fp_b", "fp_a", "fp_b"]
    );
    assert!(metric(&app, "tollbar_served_fingerprint_changes_total{model=\"pinned\"} 1"));
}

#[test]
fn a_floating_name_drifts_when_what_it_stands_for_changes() {
    let first = std::sync::atomic::AtomicU64::new(0);
    let provider = FakeProvider::start(move |_| {
        let number = first.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
        let served = if number < 2 { "gpt-99-2026-01-01" } else { "gpt-99-2026-06-01" };
        FakeReply::json(
            200,
            &format!(
                r#"{{"id":"c","object":"chat.completion","created":1,"model":"{served}","choices":[{{"index":0,"message":{{"role":"assistant","content":"Hi"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":1,"completion_tokens":1}}}}"#
            ),
        )
    });
    let app = start(&config(&provider.url(), "policy = \"warn\""));
    let notes: Vec<bool> =
        (0..4).map(|_| ask(&app, "floating").header("x-tollbar-pin") == Some("drift")).collect();
    assert_eq!(notes, [false, false, true, false]);
}
