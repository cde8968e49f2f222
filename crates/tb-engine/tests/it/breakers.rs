//! Targets that fail are left alone for a while.

use std::sync::Arc;
use std::time::Duration;

use tb_engine::TargetState;

use crate::gateway::{Ask, Gateway, all, both, ms, one};

fn state(gateway: &Gateway, model: &str) -> TargetState {
    gateway.engine.targets().iter().find(|view| view.model == model).unwrap().state
}

async fn open(gateway: &Gateway) {
    for _ in 0..5 {
        let _ = gateway.ask(Ask::whole("[[faults:500,ok]]")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn five_failures_open_it_and_probes_close_it() {
    let gateway = Gateway::start(&both(""));
    open(&gateway).await;
    assert_eq!(
        (state(&gateway, "x"), state(&gateway, "y")),
        (TargetState::Open, TargetState::Closed)
    );
    let gauge = r#"tollbar_breaker_state{provider="a",model="x"}"#;
    assert_eq!(gateway.metric(gauge).as_deref(), Some("2"));
    let outcome = gateway.ask(Ask::whole("hi")).await;
    assert_eq!((outcome.attempts(), outcome.took), ("b/y=200", Duration::ZERO));
    assert_eq!(outcome.rows[0].passed_over.as_deref(), Some("a/x=breaker_open"));

    tokio::time::advance(ms(6_500)).await;
    assert_eq!(gateway.metric(gauge).as_deref(), Some("1"));
    let outcome = gateway.ask(Ask::whole("[[faults:500,ok]]")).await;
    assert_eq!(outcome.attempts(), "a/x=500;b/y=200", "the probe failed");
    assert_eq!(state(&gateway, "x"), TargetState::Open);

    tokio::time::advance(ms(13_000)).await;
    for _ in 0..3 {
        assert_eq!(gateway.ask(Ask::whole("hi")).await.attempts(), "a/x=200");
    }
    assert_eq!(gateway.metric(gauge).as_deref(), Some("0"));
}

#[tokio::test(start_paused = true)]
async fn rate_limits_and_callers_faults_do_not_open_it() {
    let gateway = Gateway::start(&one("retry = { attempts = 1 }"));
    for fault in ["429:0", "400", "context", "filter"] {
        for _ in 0..10 {
            let _ = gateway.ask(Ask::whole(&format!("[[fault:{fault}]]"))).await;
        }
        assert_eq!(state(&gateway, "x"), TargetState::Closed, "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_request_cannot_open_it() {
    let gateway = Gateway::start(&one("retry = { attempts = 10 }"));
    for number in 1..=4 {
        let outcome = gateway.ask(Ask::whole("[[fault:500]]")).await;
        assert!(outcome.rows.len() > 1, "{outcome:?}");
        assert_eq!(state(&gateway, "x"), TargetState::Closed);
        let targets = gateway.engine.targets();
        let view = targets.iter().find(|view| view.model == "x").unwrap();
        assert_eq!(view.attempts_in_window, number, "each request once");
    }
    let _ = gateway.ask(Ask::whole("[[fault:500]]")).await;
    assert_eq!(state(&gateway, "x"), TargetState::Open);
}

#[tokio::test(start_paused = true)]
async fn an_impatient_caller_does_not_open_it() {
    let gateway = Gateway::start(&one(""));
    for _ in 0..10 {
        let ask = Ask::whole("[[delay_ms:900]]").header("x-tollbar-timeout-ms", "100");
        assert_eq!(gateway.ask(ask).await.status, 504);
    }
    assert_eq!(state(&gateway, "x"), TargetState::Closed);
}

#[tokio::test(start_paused = true)]
async fn streams_that_fail_in_the_middle_open_it() {
    let gateway = Gateway::start(&one(""));
    for _ in 0..5 {
        let outcome = gateway.ask(Ask::stream("[[fault:cut]] [[chunks:10]]")).await;
        assert_eq!((outcome.status, outcome.rows.len()), (200, 1));
    }
    assert_eq!(state(&gateway, "x"), TargetState::Open);
}

#[tokio::test(start_paused = true)]
async fn if_all_are_open_all_are_used() {
    let gateway = Gateway::start(&one("retry = { attempts = 1 }"));
    for _ in 0..5 {
        let _ = gateway.ask(Ask::whole("[[fault:500]]")).await;
    }
    assert_eq!(state(&gateway, "x"), TargetState::Open);
    let outcome = gateway.ask(Ask::whole("hi")).await;
    assert_eq!((outcome.status, outcome.rows[0].cause.as_str()), (200, "all_unhealthy"));
    assert_eq!(outcome.rows[0].passed_over, None);
    assert!(outcome.took <= ms(5_000), "{:?}", outcome.took);
}

#[tokio::test(start_paused = true)]
async fn a_probe_whose_client_leaves_is_given_back() {
    let gateway = Gateway::start(&both(""));
    open(&gateway).await;
    tokio::time::advance(ms(6_500)).await;
    for _ in 0..6 {
        let rows = gateway.leave(Ask::whole("[[delay_ms:900]]"), ms(10)).await;
        assert_eq!(rows[0].provider.as_ref().map(|name| name.as_str()), Some("a"));
    }
}

#[tokio::test(start_paused = true)]
async fn health_outlives_a_reload() {
    let gateway = Gateway::start(&both(""));
    open(&gateway).await;
    gateway.engine.apply(gateway.engine.snapshot());
    assert_eq!(state(&gateway, "x"), TargetState::Open);
    assert_eq!(gateway.ask(Ask::whole("hi")).await.attempts(), "b/y=200");
}

#[tokio::test(start_paused = true)]
async fn another_key_does_not_pass_an_open_breaker() {
    let config = r#"
        [providers.a]
        dialect = "simulated"
        api_keys = ["sk-first", "sk-second"]
        [models.m]
        targets = [{ provider = "a", model = "x" }]
        retry = { attempts = 3 }
        [models.n]
        targets = [{ provider = "a", model = "x" }]
        retry = { attempts = 1 }
    "#;
    let gateway = Gateway::start(config);
    let slow = gateway.ask_among_others(Ask::whole("[[delay_ms:1000]] [[faults:429:60000,ok]]"));
    let others = async {
        for _ in 0..5 {
            let ask = Ask::whole("[[fault:500]]").with("model", "n".into());
            assert_eq!(gateway.ask_among_others(ask).await.status, 502);
        }
    };
    let (outcome, ()) = tokio::join!(slow, others);
    assert_eq!((outcome.status, outcome.attempts(), outcome.took), (429, "a/x=429", ms(1_000)));
    assert_eq!(outcome.rows[0].passed_over.as_deref(), Some("|a/x=breaker_open"));
}

#[tokio::test(start_paused = true)]
async fn streams_from_before_an_outage_do_not_end_it() {
    let gateway = Gateway::start(&one("retry = { attempts = 1 }\nidle_timeout = \"60s\""));
    let old = |number: u64| {
        let prompt = format!("[[delay_ms:{}]] [[chunks:3]]", 1_000 + number * 1_000);
        gateway.ask_among_others(Ask::stream(&prompt))
    };
    let outage = async {
        tokio::time::sleep(ms(10)).await;
        for _ in 0..5 {
            let _ = gateway.ask_among_others(Ask::whole("[[fault:503]]")).await;
        }
        for _ in 0..35 {
            assert_eq!(state(&gateway, "x"), TargetState::Open);
            tokio::time::sleep(ms(100)).await;
        }
    };
    tokio::join!(old(0), old(1), old(2), outage);
}

#[tokio::test(start_paused = true)]
async fn streams_that_have_opened_end_an_outage() {
    let slow = "dialect = \"simulated\"\ntokens_per_second = 1";
    let config = both("deadline = \"300s\"").replacen("dialect = \"simulated\"", slow, 1);
    let gateway = Gateway::start(&config);
    open(&gateway).await;
    tokio::time::advance(ms(7_000)).await;
    let gateway = Arc::new(gateway);
    let asked = all((0..20u64).map(|number| {
        let gateway = Arc::clone(&gateway);
        async move {
            tokio::time::sleep(ms(number * 1_000)).await;
            let outcome = gateway.ask_among_others(Ask::stream("[[chunks:60]]")).await;
            outcome.attempts().starts_with("a/x=200")
        }
    }))
    .await;
    assert!(asked[5..].iter().all(|asked| *asked), "none waits for the end of another: {asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_the_journal_refuses_is_given_back() {
    let gateway = Gateway::start(&both(""));
    open(&gateway).await;
    tokio::time::advance(ms(6_500)).await;
    gateway.refuse_records(true);
    for _ in 0..5 {
        let outcome = gateway.ask(Ask::whole("hi")).await;
        assert_eq!((outcome.status, outcome.code.as_str()), (503, "audit_unavailable"));
    }
    gateway.refuse_records(false);
    assert_eq!(gateway.ask(Ask::whole("hi")).await.attempts(), "a/x=200");
}
