//! Classes of data on every way out: who may not receive a request is never asked.

use std::sync::Arc;

use serde_json::{Value, json};
use tb_core::{Clock, DataClass, Surface, Timestamp};
use tokio::time::Instant;

use crate::gateway::{Ask, Gateway, Outcome, TWO, ms};

/// The last half of a second of 2026, as it begins; it goes on with the paused time.
const NEW_YEAR_MS: i64 = 1_798_761_600_000;

struct SinceThen {
    start_ms: i64,
    began: Instant,
}

impl Clock for SinceThen {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.began.elapsed().as_millis()).unwrap();
        Timestamp::from_unix_ms(self.start_ms + passed)
    }
}

fn starting(before_new_year_ms: i64) -> Arc<dyn Clock> {
    Arc::new(SinceThen { start_ms: NEW_YEAR_MS - before_new_year_ms, began: Instant::now() })
}

const ALL: &str = r#"data_classes = ["public", "internal", "personal", "health"]"#;

fn refused(outcome: &Outcome) -> (u16, &str) {
    (outcome.status, outcome.code.as_str())
}

const NOBODY: (u16, &str) = (403, "no_eligible_provider");

/// `bare` has no agreement, `sworn` has one until the new year, `home` is on premises. `bare`
/// comes first everywhere; `m` falls back to a model of `bare` alone.
fn three(more: &str) -> String {
    format!(
        r#"
        [providers.bare]
        dialect = "simulated"
        {ALL}
        [providers.sworn]
        dialect = "simulated"
        {ALL}
        baa = {{ reference = "BAA-7", expires = "2027-01-01" }}
        region = "eu"
        {more}
        [providers.home]
        dialect = "simulated"
        {ALL}
        on_premises = true
        [models.m]
        targets = [
            {{ provider = "bare", model = "x", weight = 1000 }},
            {{ provider = "sworn", model = "y", weight = 0 }},
        ]
        fallbacks = ["n"]
        retry = {{ attempts = 4, backoff = "1s" }}
        [models.n]
        targets = [{{ provider = "bare", model = "z" }}]
        [services.default]
        purposes = ["general"]
        models = ["*"]
        {ALL}
        [guard]
        data_classes = {{ email = "health" }}
        "#
    )
}

type Change = fn(Ask) -> Ask;

/// Each source of the class `health` in a request, as a change of it.
fn sources() -> [(&'static str, Change); 2] {
    [
        ("header", |ask| ask.header("x-tollbar-data-class", "health")),
        ("guard", |ask| {
            let found = "write to ann@example.org";
            match ask.surface() {
                Surface::Embeddings | Surface::Moderations => ask.with("input", json!(found)),
                Surface::Completions => ask.with("prompt", json!(found)),
                Surface::Responses => ask.with("input", json!(found)),
                _ => ask.with("messages", json!([{"role": "user", "content": found}])),
            }
        }),
    ]
}

/// A request on each route that carries text.
fn routes() -> Vec<Ask> {
    let on = |surface, body: Value| Ask::on(surface, body);
    vec![
        Ask::whole("hi"),
        Ask::stream("hi"),
        on(Surface::Completions, json!({"model": "m", "prompt": "hi"})),
        on(Surface::Embeddings, json!({"model": "m", "input": "hi"})),
        on(Surface::Moderations, json!({"model": "m", "input": "hi"})),
        on(Surface::Responses, json!({"model": "m", "input": "hi"})),
        on(
            Surface::Messages,
            json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn whoever_has_no_agreement_is_asked_on_no_route_whatever_says_that_it_is_health() {
    let faults = [
        "",
        "failures = [{ status = 500, share = 1.0 }]",
        "failures = [{ status = 429, share = 1.0, retry_after = \"1s\" }]",
        "failures = [{ kind = \"reset\", share = 1.0 }]",
    ];
    for fault in faults {
        let gateway = Gateway::start_at(&three(fault), starting(3_600_000));
        for ask in routes() {
            let outcome = gateway.ask(ask.clone()).await;
            assert_eq!(outcome.rows[0].data_class, DataClass::Internal);
            assert_eq!(outcome.rows[0].provider.as_ref().unwrap().as_str(), "bare");
            for (source, with) in sources() {
                let outcome = gateway.ask(with(ask.clone())).await;
                let said = format!("{source} {:?} {fault}: {outcome:?}", ask.surface());
                assert!(!outcome.rows.is_empty(), "{said}");
                for row in &outcome.rows {
                    assert_eq!(row.data_class, DataClass::Health, "{said}");
                    assert_eq!(row.provider.as_ref().unwrap().as_str(), "sworn", "{said}");
                    assert_eq!(row.agreement.as_deref(), Some("BAA-7"), "{said}");
                    assert_eq!(row.region.as_deref(), Some("eu"), "{said}");
                }
                assert_eq!(outcome.status == 200, fault.is_empty(), "{said}");
                let passed_over = outcome.rows[0].passed_over.as_deref().unwrap_or_default();
                assert!(passed_over.contains("bare/x=agreement"), "{said}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_may_have_a_default_and_a_class_of_the_operators_its_own_demands() {
    let clinic = three("")
        .replace("purposes = [\"general\"]", "purposes = [\"general\"]\ndata_class = \"health\"");
    let gateway = Gateway::start_at(&clinic, starting(3_600_000));
    for ask in routes() {
        // Nothing that a header says makes it less.
        for ask in [ask.clone(), ask.header("x-tollbar-data-class", "public")] {
            let outcome = gateway.ask(ask).await;
            let row = &outcome.rows[0];
            assert_eq!(row.provider.as_ref().unwrap().as_str(), "sworn", "{outcome:?}");
            assert_eq!(row.data_class, DataClass::Health);
        }
    }
    let own = three("").replace(
        "[models.m]",
        "[data_classes.trade_secret]\nlevel = \"personal\"\nregions = [\"eu\"]\n[models.m]",
    );
    let listed = own.replace(r#""health"]"#, r#""health", "trade_secret"]"#);
    let gateway = Gateway::start_at(&listed, starting(3_600_000));
    let outcome =
        gateway.ask(Ask::whole("hi").header("x-tollbar-data-class", "trade_secret")).await;
    assert_eq!((outcome.status, outcome.attempts()), (200, "sworn/y=200"));
    let row = &outcome.rows[0];
    assert_eq!(
        (row.data_class, row.own_classes.as_deref()),
        (DataClass::Personal, Some("trade_secret"))
    );
    assert_eq!(row.passed_over.as_deref(), Some("bare/x=region"));
}

#[tokio::test(start_paused = true)]
async fn a_moderation_model_is_a_recipient_like_others() {
    let judged = |provider: &str, stage: &str| {
        three("")
            + &format!(
                "\n[models.judge]\ntargets = [{{ provider = \"{provider}\", model = \"j\" }}]\n\
                 [guard.moderation]\nmodel = \"judge\"\n{stage}\n"
            )
    };
    for stage in ["before = true", "before = false\nafter = true"] {
        let gateway = Gateway::start_at(&judged("bare", stage), starting(3_600_000));
        for (source, with) in sources() {
            let outcome = gateway.ask(with(Ask::whole("hi"))).await;
            assert_eq!(refused(&outcome), (503, "moderation_unavailable"), "{source} {stage}");
        }
        let rows = gateway.rows_for("moderation");
        assert!(!rows.is_empty() && rows.iter().all(|row| row.provider.is_none()), "{rows:?}");
        let gateway = Gateway::start_at(&judged("sworn", stage), starting(3_600_000));
        for (source, with) in sources() {
            assert_eq!(gateway.ask(with(Ask::whole("hi"))).await.status, 200, "{source} {stage}");
        }
        let rows = gateway.rows_for("moderation");
        assert!(rows.iter().all(|row| row.data_class == DataClass::Health), "{rows:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_agreement_that_expires_during_a_request_stops_its_retries() {
    let failing = three("failures = [{ status = 500, share = 1.0 }]");
    let gateway = Gateway::start_at(&failing, starting(300));
    let health = Ask::whole("hi").header("x-tollbar-data-class", "health");
    let outcome = gateway.ask(health.clone()).await;
    let [row] = outcome.rows.as_slice() else { panic!("one attempt: {outcome:?}") };
    assert_eq!((row.provider.as_ref().unwrap().as_str(), row.status), ("sworn", 500));
    assert!(row.passed_over.as_deref().unwrap().contains("sworn/y=agreement"), "{row:?}");
    assert!(outcome.took >= ms(300), "{:?}", outcome.took);
    // From now on nobody is left.
    let outcome = gateway.ask(health).await;
    assert_eq!(refused(&outcome), NOBODY);
    assert!(outcome.rows.iter().all(|row| row.provider.is_none()), "{outcome:?}");
    for part in ["`health`", "agreement", "Nothing was sent"] {
        assert!(outcome.text.contains(part), "{}", outcome.text);
    }
    assert_eq!(gateway.ask(Ask::whole("hi")).await.status, 200, "others go on");
}

#[tokio::test(start_paused = true)]
async fn what_a_reload_takes_from_a_provider_stops_the_retries_of_requests_under_way() {
    let failing = three("failures = [{ status = 500, share = 1.0 }]");
    let agreement = "baa = { reference = \"BAA-7\", expires = \"2027-01-01\" }";
    let expired = "baa = { reference = \"BAA-7\", expires = \"2026-01-01\" }";
    let health = || Ask::whole("hi").header("x-tollbar-data-class", "health");
    let after = |change: &str| {
        let (from, to, lack) = match change {
            "nothing" => ("sworn", "sworn", ""),
            "no agreement" => (agreement, "", "agreement"),
            "expired" => (agreement, expired, "agreement"),
            _ => ("sworn", "other", "data_class"),
        };
        (failing.replace(from, to), lack)
    };
    for change in ["nothing", "no agreement", "expired", "gone"] {
        let gateway = Gateway::start_at(&failing, starting(3_600_000));
        let (config, lack) = after(change);
        let reload = async {
            tokio::time::sleep(ms(1)).await;
            gateway.apply(&config);
        };
        let (outcome, ()) = tokio::join!(gateway.ask(health()), reload);
        if change == "nothing" {
            assert!(outcome.rows.len() > 1, "it is asked again: {outcome:?}");
            continue;
        }
        let [row] = outcome.rows.as_slice() else { panic!("{change}: {outcome:?}") };
        assert_eq!((row.provider.as_ref().unwrap().as_str(), row.status), ("sworn", 500));
        let passed_over = row.passed_over.as_deref().unwrap();
        assert!(passed_over.contains(&format!("sworn/y={lack}")), "{change}: {passed_over}");
    }
}

#[tokio::test(start_paused = true)]
async fn labels_keep_their_meaning_when_a_reload_moves_their_places() {
    let labelled = |first: &str| {
        let failing = "failures = [{ status = 500, share = 1.0 }]";
        three(failing).replace(ALL, "data_classes = [\"internal\", \"secret\"]")
            + &format!("\n{first}\n[data_classes.secret]\nlevel = \"internal\"\n")
    };
    let before = labelled("");
    for (reloaded, again) in [
        (labelled("[data_classes.aaa]\nlevel = \"health\"\n"), true),
        (labelled("").replace("[providers.bare]", "[providers.bare]\non_premises = false"), true),
        (labelled("").replace("level = \"internal\"", "level = \"personal\""), false),
    ] {
        let gateway = Gateway::start_at(&before, starting(3_600_000));
        let reload = async {
            tokio::time::sleep(ms(1)).await;
            gateway.apply(&reloaded);
        };
        let ask = Ask::whole("hi").header("x-tollbar-data-class", "secret");
        let ask = ask.with("model", json!("sworn/y"));
        let (outcome, ()) = tokio::join!(gateway.ask(ask), reload);
        assert_eq!(outcome.rows.len() > 1, again, "{reloaded}: {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_agreement_that_expires_between_route_and_sending_sends_nothing() {
    // The judgement takes until the new year; the request was let in before.
    let config = three("")
        .replace("provider = \"bare\", model = \"x\"", "provider = \"sworn\", model = \"x\"")
        + "\n[providers.slow]\ndialect = \"simulated\"\nlatency = \"1s\"\n\
           data_classes = [\"health\"]\non_premises = true\n\
           [models.judge]\ntargets = [{ provider = \"slow\", model = \"j\" }]\n\
           [guard.moderation]\nmodel = \"judge\"\nbefore = true\n";
    let gateway = Gateway::start_at(&config, starting(500));
    let health = Ask::whole("hi").header("x-tollbar-data-class", "health");
    let outcome = gateway.ask(health).await;
    assert_eq!(refused(&outcome), NOBODY);
    assert!(outcome.rows.iter().all(|row| row.provider.is_none()), "{outcome:?}");
    let passed_over = outcome.rows[0].passed_over.as_deref().unwrap_or_default();
    assert!(passed_over.contains("sworn/x=agreement"), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn on_premises_needs_no_agreement() {
    let config = three("").replace("provider = \"bare\"", "provider = \"home\"");
    let gateway = Gateway::start_at(&config, starting(-1));
    let outcome = gateway.ask(Ask::whole("hi").header("x-tollbar-data-class", "health")).await;
    assert_eq!((outcome.status, outcome.attempts()), (200, "home/x=200"));
    assert_eq!(outcome.rows[0].agreement, None);
}

#[tokio::test(start_paused = true)]
async fn a_header_only_tightens_and_names_what_there_is() {
    let gateway = Gateway::start(&three(""));
    let class = |value: &str| Ask::whole("hi").header("x-tollbar-data-class", value);
    for (value, level) in [
        ("public", DataClass::Internal),
        ("personal", DataClass::Personal),
        ("personal, public", DataClass::Personal),
    ] {
        let outcome = gateway.ask(class(value)).await;
        assert_eq!((outcome.status, outcome.rows[0].data_class), (200, level), "{value}");
    }
    for value in ["", "secret", "personal,", "personal;public", "Personal"] {
        let refused = gateway.refused(class(value)).await;
        assert_eq!(refused, (400, "invalid_request".to_owned()), "{value}");
    }
    let narrow = three("").replace(
        &format!("models = [\"*\"]\n        {ALL}"),
        "models = [\"*\"]\ndata_classes = [\"internal\"]",
    );
    let gateway = Gateway::start(&narrow);
    let refused = gateway.refused(class("personal")).await;
    assert_eq!(refused, (403, "data_class_not_allowed".to_owned()));
}

/// A provider that keeps nothing, and one that states nothing of it.
fn zero() -> String {
    format!(
        r#"{TWO}
        [providers.zero]
        dialect = "simulated"
        zero_retention = true
        [models.m]
        targets = [
            {{ provider = "zero", model = "x", weight = 1000 }},
            {{ provider = "a", model = "y", weight = 0 }},
        ]
        [models.z]
        targets = [{{ provider = "zero", model = "x" }}]
        "#
    )
}

#[tokio::test(start_paused = true)]
async fn what_zero_retention_does_not_cover_goes_elsewhere_or_nowhere() {
    let gateway = Gateway::start(&zero());
    let covered = Ask::on(Surface::Responses, json!({"model": "m", "input": "hi"}));
    assert_eq!(gateway.ask(covered.clone()).await.attempts(), "zero/x=200");
    for (member, value) in [
        ("background", json!(true)),
        ("prompt_cache_retention", json!("24h")),
        ("tools", json!([{"type": "code_interpreter", "container": {"type": "auto"}}])),
        ("tools", json!([{"type": "mcp", "server_label": "s", "server_url": "https://s"}])),
    ] {
        let ask = covered.clone().with(member, value);
        let outcome = gateway.ask(ask.clone()).await;
        assert_eq!(outcome.attempts(), "a/y=200", "{member}");
        let passed_over = outcome.rows[0].passed_over.as_deref();
        assert_eq!(passed_over, Some("zero/x=not_covered"), "{member}");
        let outcome = gateway.ask(ask.with("model", json!("z"))).await;
        assert_eq!(refused(&outcome), NOBODY, "{member}");
        assert!(outcome.text.contains("do not cover"), "{}", outcome.text);
    }
}
