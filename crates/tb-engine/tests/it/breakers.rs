//! Targets that fail are left alone for a while.

use std::time::Duration;

use tb_engine::TargetState;

use crate::gateway::{Ask, Gateway, both, ms, one};

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
