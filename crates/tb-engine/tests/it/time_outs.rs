//! The deadline and the time-outs of attempts.

use tb_core::EndReason;

use crate::gateway::{Ask, Gateway, both, ms, one};

#[tokio::test(start_paused = true)]
async fn one_deadline_is_shared_by_all_attempts() {
    let gateway = Gateway::start(&both("deadline = \"5s\"\nfirst_byte_timeout = \"2s\""));
    let outcome = gateway.ask(Ask::stream("[[fault:hang]]")).await;
    assert_eq!((outcome.status, outcome.code.as_str()), (504, "deadline_exceeded"));
    assert!(outcome.took <= ms(5_000), "{:?}", outcome.took);
    assert!(
        outcome.attempts().starts_with("a/x=first_byte_timeout;b/y=first_byte_timeout"),
        "{}",
        outcome.attempts()
    );
}

#[tokio::test(start_paused = true)]
async fn the_callers_deadline_is_the_shorter_one() {
    let gateway = Gateway::start(&one("deadline = \"5s\""));
    let ask = Ask::whole("[[fault:hang]]").header("x-tollbar-timeout-ms", "700");
    let outcome = gateway.ask(ask).await;
    assert_eq!((outcome.code.as_str(), outcome.took), ("deadline_exceeded", ms(700)));
    assert_eq!(outcome.attempts(), "a/x=deadline");
    let ask = Ask::whole("[[fault:hang]]").header("x-tollbar-timeout-ms", "70000");
    assert_eq!(gateway.ask(ask).await.took, ms(5_000));
    let views = gateway.engine.targets();
    let failed = views.iter().find(|view| view.model == "x").unwrap();
    assert_eq!((failed.attempts_in_window, failed.failure_permille), (1, 1_000), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn no_attempt_follows_that_cannot_finish() {
    let gateway = Gateway::start(&one("deadline = \"2s\""));
    for _ in 0..3 {
        assert_eq!(gateway.ask(Ask::whole("[[delay_ms:1500]]")).await.status, 200);
    }
    let outcome = gateway.ask(Ask::whole("[[faults:500,ok]] [[delay_ms:600]]")).await;
    assert_eq!((outcome.rows.len(), outcome.took), (1, ms(600)));
    assert_eq!(outcome.rows[0].passed_over.as_deref(), Some("|a/x=deadline"));
}

#[tokio::test(start_paused = true)]
async fn what_another_attempt_took_is_not_the_last_targets_fault() {
    let limits = "deadline = \"30s\"\nfirst_byte_timeout = \"28s\"\nretry = { attempts = 2 }";
    let gateway = Gateway::start(&both(limits));
    let outcome = gateway.ask(Ask::stream("[[faults:hang,ok]] [[delay_ms:3000]]")).await;
    assert_eq!(outcome.attempts(), "a/x=first_byte_timeout;b/y=deadline");
    let failed = |model: &str| {
        let views = gateway.engine.targets();
        let view = views.iter().find(|view| view.model == model).unwrap();
        (view.attempts_in_window, view.failure_permille)
    };
    assert_eq!((failed("x"), failed("y")), ((1, 1_000), (0, 0)));
    // Much more than it usually needs is enough to blame it.
    for _ in 0..2 {
        assert_eq!(gateway.ask(Ask::stream("[[faults:500,ok]]")).await.status, 200);
    }
    let slow = Ask::stream("[[faults:hang,ok]] [[delay_ms:3000]]");
    assert_eq!(gateway.ask(slow).await.attempts(), "a/x=first_byte_timeout;b/y=deadline");
    assert_eq!(failed("y").1, 1_000);
}

#[tokio::test(start_paused = true)]
async fn each_time_out_has_its_word() {
    let limits = "deadline = \"60s\"\nfirst_byte_timeout = \"2s\"\nidle_timeout = \"3s\"\n\
                  retry = { attempts = 1 }";
    for (ask, word, took) in [
        (Ask::stream("[[fault:hang]]"), "first_byte_timeout", 2_000),
        (Ask::whole("[[fault:hang]]"), "first_byte_timeout", 2_000),
        (Ask::stream("[[fault:startup_hang]]"), "idle_timeout", 3_000),
        (Ask::whole("[[fault:stall]]"), "idle_timeout", 3_000),
    ] {
        let gateway = Gateway::start(&one(limits));
        let outcome = gateway.ask(ask).await;
        assert_eq!((outcome.attempts(), outcome.took), (format!("a/x={word}").as_str(), ms(took)));
        assert_eq!((outcome.status, outcome.code.as_str()), (504, "deadline_exceeded"));
        assert_eq!(outcome.rows[0].end_reason, EndReason::Timeout);
        let line = format!(
            r#"tollbar_upstream_attempts_total{{model="m",provider="a",outcome="{word}"}}"#
        );
        assert_eq!(gateway.metric(&line).as_deref(), Some("1"), "{word}");
    }
}

#[tokio::test(start_paused = true)]
async fn whole_answers_have_the_deadline_alone_where_nothing_else_is_written() {
    let gateway = Gateway::start(&one("deadline = \"200s\""));
    let outcome = gateway.ask(Ask::whole("[[delay_ms:150000]]")).await;
    assert_eq!((outcome.status, outcome.took), (200, ms(150_000)));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_is_a_reset() {
    let gateway = Gateway::start(&one("retry = { attempts = 1 }"));
    let outcome = gateway.ask(Ask::whole("[[fault:cut]]")).await;
    assert_eq!((outcome.attempts(), outcome.status), ("a/x=reset", 502));
    let outcome = gateway.ask(Ask::stream("[[fault:early_cut]]")).await;
    assert_eq!((outcome.attempts(), outcome.status), ("a/x=reset", 502));
}
