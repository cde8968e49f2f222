//! Retries: how often, when, and what is told.

use std::sync::Arc;
use std::time::Duration;

use tb_core::EndReason;
use tokio::time::Instant;

use crate::gateway::{Ask, Gateway, all, both, failing, ms, one};

#[tokio::test(start_paused = true)]
async fn a_failed_target_is_asked_again_after_a_wait() {
    let gateway = Gateway::start(&one(""));
    let outcome = gateway.ask(Ask::whole("[[faults:500,503:0,ok]] [[delay_ms:40]]")).await;
    assert_eq!((outcome.status, outcome.attempts()), (200, "a/x=500;a/x=503;a/x=200"));
    assert_eq!(outcome.header("x-tollbar-degraded"), "none");
    assert!(outcome.took <= ms(120 + 250 + 500), "{:?}", outcome.took);
    let causes = [("first", false), ("retry", false), ("retry", true)];
    let expected = causes.map(|(cause, last)| (cause, "a".to_owned(), last));
    assert_eq!(outcome.ladder(), expected);
    let waited: u64 = outcome.rows.iter().map(|row| u64::from(row.waited_ms)).sum();
    assert!(outcome.took >= ms(120 + waited) && waited > 0);
    for row in &outcome.rows {
        assert!((40..45).contains(&row.duration_ms), "an attempt does not contain the wait");
    }
    assert_eq!(outcome.rows[0].error_code.as_deref(), Some("provider_server_error"));
}

#[tokio::test(start_paused = true)]
async fn every_passing_failure_is_worth_another_attempt() {
    for fault in ["500", "502", "503:0", "408", "429:0", "reset", "garbage", "html", "early_cut"] {
        for ask in [Ask::whole, Ask::stream] {
            let gateway = Gateway::start(&one("idle_timeout = \"1s\""));
            let outcome = gateway.ask(ask(&format!("[[faults:{fault},ok]]"))).await;
            assert_eq!((outcome.status, outcome.rows.len()), (200, 2), "{fault} {outcome:?}");
            assert!(!outcome.text.contains("error"), "{fault} {}", outcome.text);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_the_callers_fault_or_a_spent_quota_is_not_asked_again() {
    for (fault, status, code) in [
        ("400", 400, "provider_400"),
        ("context", 400, "context_length_exceeded"),
        ("filter", 400, "content_filter"),
        ("404", 404, "model_not_found"),
        ("quota", 429, "insufficient_quota"),
        ("401", 502, "upstream_credentials_exhausted"),
    ] {
        let gateway = Gateway::start(&one(""));
        let outcome = gateway.ask(Ask::whole(&format!("[[fault:{fault}]]"))).await;
        assert_eq!((outcome.status, outcome.code.as_str()), (status, code), "{fault}");
        assert_eq!((outcome.rows.len(), outcome.took), (1, Duration::ZERO), "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_providers_wait_is_honoured_and_a_long_one_passed_over() {
    let gateway = Gateway::start(&one(""));
    let outcome = gateway.ask(Ask::whole("[[faults:503:2000,ok]]")).await;
    assert_eq!((outcome.status, outcome.rows.len()), (200, 2));
    assert!((ms(2_000)..=ms(2_250)).contains(&outcome.took), "{:?}", outcome.took);

    let gateway = Gateway::start(&one(""));
    let outcome = gateway.ask(Ask::whole("[[faults:429:7000,ok]]")).await;
    assert_eq!((outcome.status, outcome.rows.len(), outcome.took), (429, 1, Duration::ZERO));
    assert_eq!((outcome.retry_after_ms, outcome.should_retry), (Some(7_000), None));

    let gateway = Gateway::start(&both(""));
    let outcome = gateway.ask(Ask::whole("[[faults:429:7000,ok]]")).await;
    assert_eq!(outcome.attempts(), "a/x=429;b/y=200");
    assert_eq!((outcome.took, outcome.rows[1].cause.as_str()), (Duration::ZERO, "next_target"));
}

#[tokio::test(start_paused = true)]
async fn attempts_count_over_all_targets_and_the_client_is_told_not_to_retry() {
    let gateway = Gateway::start(&both(""));
    let outcome = gateway.ask(Ask::whole("[[fault:500]]")).await;
    assert_eq!((outcome.status, outcome.code.as_str()), (502, "upstream_exhausted"));
    assert_eq!(outcome.rows.len(), 3);
    assert!(outcome.attempts().starts_with("a/x=500;b/y=500;"), "{}", outcome.attempts());
    assert_eq!(outcome.should_retry, Some(false));
    let last = outcome.rows.last().unwrap();
    assert_eq!((last.status, last.end_reason), (500, EndReason::UpstreamError));
    assert_eq!(last.error_code.as_deref(), Some("upstream_exhausted"));
    assert!(last.passed_over.as_ref().is_some_and(|text| text.contains("=attempts_spent")));
}

#[tokio::test(start_paused = true)]
async fn one_attempt_is_one_attempt() {
    let gateway = Gateway::start(&one("retry = { attempts = 1 }"));
    let outcome = gateway.ask(Ask::whole("[[fault:500]]")).await;
    assert_eq!((outcome.rows.len(), outcome.should_retry), (1, Some(false)));
    for fault in ["400", "context", "filter"] {
        let outcome = gateway.ask(Ask::whole(&format!("[[fault:{fault}]]"))).await;
        assert_eq!((outcome.rows.len(), outcome.should_retry), (1, None), "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_passed_over_before_an_attempt_and_after_it_is_kept_apart() {
    let gateway = Gateway::start(&both("retry = { attempts = 1 }"));
    let outcome = gateway.ask(Ask::whole("[[fault:500]]")).await;
    let expected = "|b/y=attempts_spent;a/x=attempts_spent";
    assert_eq!(outcome.rows[0].passed_over.as_deref(), Some(expected));
    let gateway = Gateway::start(&both(""));
    let outcome = gateway.ask(Ask::whole("[[faults:429:9000,ok]]")).await;
    assert_eq!(outcome.rows[1].passed_over, None);
    let outcome = gateway.ask(Ask::whole("[[faults:503:9000,ok]]")).await;
    let expected = "a/x=rate_limited|a/x=rate_limited;b/y=rate_limited";
    assert_eq!(outcome.rows[0].passed_over.as_deref(), Some(expected), "b/y was asked");
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_refusals_is_not_multiplied() {
    for fault in ["429:200", "429", "500"] {
        let gateway = Arc::new(Gateway::start(&one("")));
        let requests = (0..1_000u64).map(|number| {
            let gateway = Arc::clone(&gateway);
            async move {
                tokio::time::sleep(ms(number * 10)).await;
                let ask = Ask::whole(&format!("[[fault:{fault}]]"));
                gateway.ask_among_others(ask).await.rows.len()
            }
        });
        let attempts: usize = all(requests).await.into_iter().sum();
        // A tenth of the requests, 3 a second, and what is saved up at the beginning.
        assert!(attempts <= 1_100 + 30 + 3 * 17, "{fault}: {attempts} attempts");
        assert!(fault == "500" || attempts > 1_030, "{fault}: there are retries, {attempts}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_refused_during_a_wait_is_not_used_after_it() {
    let config = r#"
        [providers.a]
        dialect = "simulated"
        api_keys = ["sk-first", "sk-second"]
        [models.m]
        targets = [{ provider = "a", model = "x" }]
        retry = { attempts = 5 }
        [models.n]
        targets = [{ provider = "a", model = "other" }]
    "#;
    let gateway = Gateway::start(config);
    let waits = gateway.ask_among_others(Ask::whole("[[faults:429:2000,429:2000,ok]]"));
    let meanwhile = async {
        tokio::time::sleep(ms(500)).await;
        gateway.ask_among_others(Ask::whole("[[fault:401]]").with("model", "n".into())).await
    };
    let (outcome, other) = tokio::join!(waits, meanwhile);
    assert_eq!(other.rows.len(), 2, "both keys are refused");
    assert_eq!((outcome.status, outcome.attempts()), (429, "a/x=429;a/x=429"));
    let last = outcome.rows[1].passed_over.as_deref().unwrap();
    assert!(last.ends_with("a/x=keys_dead"), "{last}");
}

#[tokio::test(start_paused = true)]
async fn a_retry_budget_stops_amplification() {
    let config = one("retry = { attempts = 10, backoff = \"1ms\", max_backoff = \"1ms\" }");
    let a = failing("a", 500).replace("1.0", "0.4");
    let gateway = Gateway::start(&config.replace("[providers.a]\n    dialect = \"simulated\"", &a));
    let (mut attempts, mut told) = (0, false);
    let began = Instant::now();
    for _ in 0..1_000 {
        let outcome = gateway.ask(Ask::whole("hi")).await;
        attempts += outcome.rows.len();
        told |= outcome.rows.len() == 1 && outcome.should_retry == Some(false);
    }
    // A tenth of the requests, and 3 a second beside those of 10 seconds.
    let floor = 3 * (usize::try_from(began.elapsed().as_secs()).unwrap() + 11);
    assert!(attempts <= 1_100 + floor, "{attempts} attempts, {floor}");
    assert!(attempts > 1_050, "there are retries: {attempts}");
    assert!(told, "a retry that the budget stopped is the client's no more");
}

#[tokio::test(start_paused = true)]
async fn who_leaves_while_the_gateway_waits_leaves_the_failed_attempt() {
    let gateway = Gateway::start(&one(""));
    let rows = gateway.leave(Ask::whole("[[faults:503:3000,ok]] [[delay_ms:10]]"), ms(500)).await;
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.status, row.error_code.as_deref()), (503, Some("client_gone")));
    assert!(row.duration_ms < 20, "the wait is not the attempt's");
    assert_eq!(row.tokens.input(), 0, "what was refused costs nothing");
}
