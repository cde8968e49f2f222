//! Streams fall over silently before their first output, and never after it.

use std::time::Duration;

use crate::gateway::{Ask, Gateway, both, ms, one};

/// Both providers answer with words; `b` never fails.
#[tokio::test(start_paused = true)]
async fn a_failure_before_the_first_output_goes_on_silently() {
    for fault in ["early_error", "early_cut", "startup_hang", "hang", "reset", "garbage", "500"] {
        let gateway = Gateway::start(&both("first_byte_timeout = \"2s\"\nidle_timeout = \"3s\""));
        let ask = Ask::stream(&format!("[[faults:{fault},ok]] [[chunks:5]]"));
        let outcome = gateway.ask(ask).await;
        assert_eq!(outcome.status, 200, "{fault} {outcome:?}");
        assert_eq!(outcome.header("x-tollbar-provider"), "b", "{fault}");
        assert_eq!(outcome.text.matches("[DONE]").count(), 1, "{fault} {}", outcome.text);
        assert_eq!(outcome.text.matches(r#""role":"assistant""#).count(), 1, "{fault}");
        assert!(!outcome.text.contains("error"), "{fault} {}", outcome.text);
        assert_eq!(outcome.ladder().len(), 2, "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_it_is_an_error_event() {
    for fault in ["error_event", "cut", "truncate", "stall"] {
        let gateway = Gateway::start(&both("idle_timeout = \"3s\""));
        let ask = Ask::stream(&format!("[[faults:{fault},ok]] [[chunks:40]]"));
        let outcome = gateway.ask(ask).await;
        assert_eq!((outcome.status, outcome.attempts()), (200, "a/x=200"), "{fault}");
        assert!(outcome.text.contains(r#"data: {"error":"#), "{fault} {}", outcome.text);
        assert!(!outcome.text.contains("[DONE]"), "{fault}");
        assert!(outcome.rows[0].tokens.output() > 0, "what was produced is settled");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_before_the_first_output_is_accounted_like_one_after_it() {
    let gateway = Gateway::start(&one("retry = { attempts = 1 }"));
    let early = gateway.ask(Ask::stream("hello there [[fault:early_error]]")).await;
    let late = gateway.ask(Ask::stream("hello there [[fault:error_event]] [[chunks:9]]")).await;
    let [early, late] = [&early.rows[0], &late.rows[0]];
    assert_eq!((early.status, early.end_reason), (late.status, late.end_reason));
    assert_eq!(early.usage_source, late.usage_source);
    assert!(early.status == 200 && early.tokens.input() > 0, "{early:?}");
}

#[tokio::test(start_paused = true)]
async fn the_time_to_the_first_output_is_that_of_the_attempt() {
    let gateway = Gateway::start(&both(""));
    let outcome = gateway.ask(Ask::stream("[[faults:500,ok]] [[delay_ms:300]]")).await;
    let times: Vec<_> = outcome.rows.iter().map(|row| row.ttft_ms).collect();
    assert_eq!(times, [None, Some(300)]);
    let observed = r#"tollbar_time_to_first_token_seconds_sum{model="m",provider="b"}"#;
    assert_eq!(gateway.metric(observed).as_deref(), Some("0.3"));
}

#[tokio::test(start_paused = true)]
async fn a_slow_beginning_is_held_back_for_fifteen_seconds_at_most() {
    let gateway = Gateway::start(&one("idle_timeout = \"50s\"\nretry = { attempts = 1 }"));
    let outcome = gateway.ask(Ask::stream("[[fault:startup_hang]]")).await;
    assert_eq!((outcome.status, outcome.took), (200, Duration::from_secs(50)));
    assert!(outcome.text.contains(r#"data: {"error":"#), "{}", outcome.text);
    assert!(outcome.text.contains(": keep-alive"), "{}", outcome.text);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_while_the_beginning_is_held_back_is_settled() {
    let gateway = Gateway::start(&one(""));
    let rows = gateway.leave(Ask::stream("[[fault:startup_hang]]"), ms(700)).await;
    assert_eq!((rows.len(), rows[0].status), (1, 200));
    assert!(rows[0].tokens.input() > 0, "an accepted request is charged");
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_trouble_comes_whole() {
    let gateway = Gateway::start(&one(""));
    let outcome = gateway.ask(Ask::stream("one two three [[chunks:200]]")).await;
    assert_eq!((outcome.status, outcome.text.matches("[DONE]").count()), (200, 1));
    assert_eq!(outcome.rows.len(), 1);
}
