//! A moderation model judges requests and answers, through the same ladder and account.

use serde_json::json;
use tb_core::{EndReason, Surface, UsageRow};

use crate::gateway::{Ask, Gateway, Outcome, TWO, all, failing, ms};

/// The model `m`, judged by the model `judge` at the provider `guard`, which is as described.
fn judged(guard: &str, moderation: &str) -> String {
    format!(
        r#"{TWO}
        [providers.guard]
        dialect = "simulated"
        {guard}
        [models.m]
        targets = [{{ provider = "a", model = "x" }}]
        [models.judge]
        targets = [{{ provider = "guard", model = "judge-1" }}]
        retry = {{ attempts = 1 }}
        [guard.moderation]
        model = "judge"
        {moderation}
        "#
    )
}

/// The same with a chat model that always says this.
fn by_chat(says: &str, moderation: &str) -> String {
    let says = json!(says);
    judged(&format!("answers = {{ \"*\" = {says} }}"), &format!("form = \"chat\"\n{moderation}"))
}

fn counted(gateway: &Gateway, stage: &str, result: &str) -> u32 {
    let line = format!("tollbar_guard_moderation_total{{stage=\"{stage}\",result=\"{result}\"}}");
    gateway.metric(&line).map_or(0, |count| count.parse().unwrap())
}

/// The rows of the calls of the moderation model; each of them ended once.
fn calls(gateway: &Gateway) -> Vec<UsageRow> {
    let rows = gateway.rows_for("moderation");
    assert!(rows.iter().all(|row| row.is_final && row.end_reason != EndReason::Crash), "{rows:?}");
    rows
}

fn refused(outcome: &Outcome) -> (u16, &str) {
    (outcome.status, outcome.code.as_str())
}

const BLOCKED: (u16, &str) = (400, "moderation_blocked");
const UNAVAILABLE: (u16, &str) = (503, "moderation_unavailable");

#[tokio::test(start_paused = true)]
async fn a_harmless_request_passes_and_the_call_has_its_own_account() {
    let gateway = Gateway::start(&judged("latency = \"200ms\"", ""));
    let outcome = gateway.ask(Ask::whole("hello there").with("user", json!("ann"))).await;
    assert_eq!((outcome.status, outcome.attempts()), (200, "a/x=200"));
    assert_eq!(counted(&gateway, "before", "passed"), 1);
    let [row] = outcome.rows.as_slice() else { panic!("{outcome:?}") };
    assert_eq!(row.model_requested.as_str(), "m");
    assert_eq!(row.guard.as_deref(), Some("moderation_before=passed"));
    assert!(row.overhead_us < 200_000, "the judgement is not the gateway's time");
    let calls = calls(&gateway);
    let [call] = calls.as_slice() else { panic!("{calls:?}") };
    assert_ne!(call.request_id, row.request_id);
    assert_eq!((call.service.as_str(), call.user.as_deref()), ("default", Some("ann")));
    assert_eq!((call.model_requested.as_str(), call.surface.label()), ("judge", "moderations"));
    assert_eq!((call.status, call.end_reason), (200, EndReason::Complete));
    let parent = format!("moderation_of={}", row.request_id);
    assert_eq!(call.guard.as_deref(), Some(parent.as_str()));
}

#[tokio::test(start_paused = true)]
async fn a_harmful_request_goes_nowhere() {
    let gateway = Gateway::start(&judged("", ""));
    let outcome = gateway.ask(Ask::whole("how do I build a bomb to kill")).await;
    assert_eq!(refused(&outcome), BLOCKED);
    assert!(outcome.text.contains("illicit/violent (0.99), violence (0.99)"), "{}", outcome.text);
    assert!(!outcome.text.contains("build"), "{}", outcome.text);
    let [row] = outcome.rows.as_slice() else { panic!("{outcome:?}") };
    assert_eq!((row.attempt, row.end_reason), (0, EndReason::Guard), "nothing was sent");
    assert_eq!(row.error_code.as_deref(), Some("moderation_blocked"));
    assert_eq!((counted(&gateway, "before", "flagged"), calls(&gateway).len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_report_lets_it_go_on() {
    let gateway = Gateway::start(&judged("", "reaction = \"report\""));
    let outcome = gateway.ask(Ask::whole("I hate it")).await;
    assert_eq!((outcome.status, counted(&gateway, "before", "flagged")), (200, 1));
}

#[tokio::test(start_paused = true)]
async fn categories_have_thresholds_of_their_own() {
    let thresholds = "threshold = 1.0\nthresholds = { violence = 0.9 }";
    let gateway = Gateway::start(&judged("", thresholds));
    assert_eq!(gateway.ask(Ask::whole("I hate it")).await.status, 200);
    assert_eq!(refused(&gateway.ask(Ask::whole("I kill it")).await), BLOCKED);
}

#[tokio::test(start_paused = true)]
async fn a_service_may_have_a_judge_or_none() {
    let config = format!(
        "{}\n[services.default]\npurposes = [\"general\"]\nmodels = [\"m\"]\n\
         guard = {{ moderation = {{ before = false }} }}",
        judged("", "")
    );
    let gateway = Gateway::start(&config);
    assert_eq!(gateway.ask(Ask::whole("I hate it")).await.status, 200);
    assert_eq!(calls(&gateway), []);
    let own = config.replace("before = false", "threshold = 0.9");
    gateway.apply(&own);
    let outcome = gateway.ask(Ask::whole("I hate it")).await;
    assert_eq!(refused(&outcome), BLOCKED, "the caller itself may not name that model");
}

#[tokio::test(start_paused = true)]
async fn all_that_people_say_is_judged_instructions_are_not() {
    let gateway = Gateway::start(&judged("", ""));
    let conversation = |first: &str, role: &str| {
        Ask::whole("").with(
            "messages",
            json!([
            {"role": role, "content": first}, {"role": "assistant", "content": "yes"},
            {"role": "user", "content": [{"type": "text", "text": "go on"}]}]),
        )
    };
    assert_eq!(refused(&gateway.ask(conversation("I hate it", "user")).await), BLOCKED);
    assert_eq!(refused(&gateway.ask(conversation("I hate it", "tool")).await), BLOCKED);
    assert_eq!(gateway.ask(conversation("never hate", "system")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_long_conversation_takes_several_calls_and_too_long_a_one_none() {
    let gateway = Gateway::start(&judged("", ""));
    let words = |count: usize| "word ".repeat(count);
    let outcome = gateway.ask(Ask::whole(&format!("kill {}", words(20_000)))).await;
    assert_eq!((refused(&outcome), calls(&gateway).len()), (BLOCKED, 2));
    let outcome = gateway.ask(Ask::whole(&words(110_000))).await;
    assert_eq!((refused(&outcome), calls(&gateway).len()), (UNAVAILABLE, 2));
    assert_eq!(counted(&gateway, "before", "failed"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_chat_model_judges_in_two_lines() {
    let gateway = Gateway::start(&by_chat("safe", ""));
    assert_eq!(gateway.ask(Ask::whole("hi")).await.status, 200);
    let [call] = calls(&gateway).try_into().unwrap();
    assert_eq!(call.surface.label(), "chat_completions");
    assert!(call.tokens.input() > 0 && call.tokens.output() > 0);
    let gateway = Gateway::start(&by_chat("\n\nUnsafe\nS1, S9", ""));
    let outcome = gateway.ask(Ask::whole("hi")).await;
    assert_eq!(refused(&outcome), BLOCKED);
    assert!(outcome.text.contains("S1 (1.00), S9 (1.00)"), "{}", outcome.text);
}

#[tokio::test(start_paused = true)]
async fn whatever_else_a_model_says_is_no_judgement() {
    for says in ["I cannot help with that.", "safe to say that it is fine", "", "{}"] {
        let gateway = Gateway::start(&by_chat(says, ""));
        assert_eq!(refused(&gateway.ask(Ask::whole("hi")).await), UNAVAILABLE, "{says}");
        let [call] = calls(&gateway).try_into().unwrap();
        assert_eq!(call.error_code.as_deref(), Some("moderation_unreadable"));
        assert!(call.tokens.input() > 0, "it is paid for");
        let gateway = Gateway::start(&by_chat(says, "on_failure = \"allow\""));
        assert_eq!(gateway.ask(Ask::whole("hi")).await.status, 200, "{says}");
        assert_eq!(counted(&gateway, "before", "failed"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn no_judgement_in_time_is_a_failure() {
    let gateway = Gateway::start(&judged("latency = \"10s\"", "timeout = \"1s\""));
    let outcome = gateway.ask(Ask::whole("hi")).await;
    assert_eq!((refused(&outcome), outcome.took), (UNAVAILABLE, ms(1_000)));
    assert_eq!(outcome.retry_after_ms, Some(1_000));
    assert_eq!(outcome.rows[0].end_reason, EndReason::Guard);
    let [call] = calls(&gateway).try_into().unwrap();
    assert_eq!(call.end_reason, EndReason::Timeout);
}

#[tokio::test(start_paused = true)]
async fn a_caller_in_a_hurry_waits_no_longer_for_a_judgement() {
    let gateway = Gateway::start(&judged("latency = \"10s\"", ""));
    let outcome = gateway.ask(Ask::whole("hi").header("x-tollbar-timeout-ms", "300")).await;
    assert_eq!((outcome.status, outcome.took), (503, ms(300)));
}

#[tokio::test(start_paused = true)]
async fn a_judge_that_is_down_follows_the_policy_and_the_ladder() {
    let down = "failures = [{ status = 500, share = 1.0 }]";
    let gateway = Gateway::start(&judged(down, ""));
    assert_eq!(refused(&gateway.ask(Ask::whole("hi")).await), UNAVAILABLE);
    let gateway = Gateway::start(&judged(down, "on_failure = \"allow\""));
    assert_eq!(gateway.ask(Ask::whole("hi")).await.status, 200);
    let spare = judged(down, "").replace(
        r#"[{ provider = "guard", model = "judge-1" }]"#,
        r#"[{ provider = "guard", model = "judge-1", weight = 9 }, { provider = "b", model = "spare", weight = 0 }]"#,
    );
    let spare = spare.replace("attempts = 1", "attempts = 2");
    let gateway = Gateway::start(&spare);
    assert_eq!(refused(&gateway.ask(Ask::whole("I hate it")).await), BLOCKED);
    let rows = gateway.rows_for("moderation");
    let tried: Vec<_> = rows.iter().map(|row| (row.attempt, row.status, row.is_final)).collect();
    assert_eq!(tried, [(1, 500, false), (2, 200, true)]);
}

#[tokio::test(start_paused = true)]
async fn fallback_models_of_the_judge_serve_whatever_the_caller_may_name() {
    let config = format!(
        "{}\n[models.spare]\ntargets = [{{ provider = \"b\", model = \"s\" }}]\n\
         [services.default]\npurposes = [\"general\"]\nmodels = [\"m\"]\n",
        judged("failures = [{ status = 500, share = 1.0 }]", "").replace(
            "retry = { attempts = 1 }",
            "fallbacks = [\"spare\"]\nretry = { attempts = 1 }"
        )
    );
    let gateway = Gateway::start(&config);
    assert_eq!(gateway.ask(Ask::whole("hi")).await.status, 200);
    assert_eq!(gateway.rows_for("moderation").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_judge_that_may_not_receive_the_data_gets_nothing() {
    let config = format!(
        "{}\n[services.default]\npurposes = [\"general\"]\ndata_classes = [\"internal\", \"personal\"]\n",
        judged("data_classes = [\"public\", \"internal\"]", "")
    );
    let config = config.replacen(
        "[providers.a]\n    dialect = \"simulated\"",
        "[providers.a]\ndialect = \"simulated\"\ndata_classes = [\"internal\", \"personal\"]",
        1,
    );
    let gateway = Gateway::start(&config);
    assert_eq!(gateway.ask(Ask::whole("hi")).await.status, 200);
    let personal = Ask::whole("hi").header("x-tollbar-data-class", "personal");
    assert_eq!(refused(&gateway.ask(personal).await), UNAVAILABLE);
    let calls = calls(&gateway);
    assert_eq!((calls[1].attempt, calls[1].provider.as_ref()), (0, None), "nothing was sent");
    assert_eq!(calls[1].error_code.as_deref(), Some("no_eligible_provider"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_takes_the_judgement_along() {
    let gateway = Gateway::start(&judged("latency = \"3s\"", ""));
    gateway.leave(Ask::whole("hi"), ms(1_000)).await;
    let [call] = calls(&gateway).try_into().unwrap();
    assert_eq!((call.attempt, call.end_reason), (1, EndReason::ClientGone));
    let gateway = Gateway::start(&judged("latency = \"3s\"", "before = false\nafter = true"));
    let rows = gateway.leave(Ask::whole("hi there"), ms(1_000)).await;
    assert_eq!(
        (rows[0].status, rows[0].tokens.output()),
        (200, 2),
        "what was answered is paid for"
    );
    let [call] = calls(&gateway).try_into().unwrap();
    assert_eq!(call.end_reason, EndReason::ClientGone);
    let ask = Ask::stream("hi there");
    let rows = gateway.leave(ask, ms(1_000)).await;
    assert_eq!((rows[0].status, rows[0].tokens.output()), (200, 2));
}

#[tokio::test(start_paused = true)]
async fn a_judgement_takes_no_place_in_the_queue() {
    let limits = "max_concurrent = 2\nqueue_timeout = \"60s\"\n";
    let config = format!("{limits}{}", judged("latency = \"1s\"", "after = true"));
    let gateway = std::sync::Arc::new(Gateway::start(&config));
    let asks = (0..6).map(|_| {
        let gateway = std::sync::Arc::clone(&gateway);
        async move { gateway.ask_among_others(Ask::whole("hi")).await.status }
    });
    assert_eq!(all(asks).await, [200; 6]);
    assert_eq!((gateway.engine.inflight(), calls(&gateway).len()), (0, 12));
}

const AFTER: &str = "before = false\nafter = true";

#[tokio::test(start_paused = true)]
async fn a_harmful_answer_is_paid_for_and_not_given() {
    let gateway = Gateway::start(&judged("", AFTER));
    for ask in [Ask::whole("I hate it"), Ask::stream("I hate it")] {
        let outcome = gateway.ask(ask).await;
        assert_eq!((refused(&outcome), outcome.attempts()), (BLOCKED, "a/x=200"));
        assert!(outcome.text.starts_with("The answer"), "{}", outcome.text);
        assert_eq!(outcome.should_retry, Some(false));
        let [row] = outcome.rows.as_slice() else { panic!("{outcome:?}") };
        assert_eq!((row.status, row.end_reason), (200, EndReason::Guard));
        assert!(row.tokens.output() > 0);
        assert_eq!(row.error_code.as_deref(), Some("moderation_blocked"));
        assert_eq!(row.guard.as_deref(), Some("moderation_after=flagged"));
    }
    assert_eq!(counted(&gateway, "after", "flagged"), 2);
    let outcome = gateway.ask(Ask::whole("[[faults:400]] kill")).await;
    assert_eq!((outcome.status, calls(&gateway).len()), (400, 2), "an error is no answer");
}

#[tokio::test(start_paused = true)]
async fn a_stream_comes_late_and_whole() {
    let plain = Gateway::start(&judged("", "before = false"));
    let gateway = Gateway::start(&judged("latency = \"1s\"", AFTER));
    let ask = Ask::stream("[[chunks:40]]").with("stream_options", json!({"include_usage": true}));
    let expected = plain.ask(ask.clone()).await;
    let outcome = gateway.ask(ask).await;
    let without_ids = |text: &str| -> Vec<String> {
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let strip =
            |line: &str| line.split_once(",\"model\"").map_or(line, |(_, rest)| rest).to_owned();
        data.map(strip).collect()
    };
    assert_eq!((outcome.status, outcome.took), (200, ms(1_000)));
    assert!(outcome.text.ends_with("data: [DONE]\n\n"));
    assert_eq!(without_ids(&outcome.text), without_ids(&expected.text));
    assert_eq!(outcome.rows[0].tokens, expected.rows[0].tokens);
    assert_eq!(
        outcome.rows[0].ttft_ms, expected.rows[0].ttft_ms,
        "the provider's, not the client's"
    );
    assert_eq!(counted(&gateway, "after", "passed"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_fails_before_it_is_judged_is_an_error() {
    for fault in ["error_event", "cut", "truncate", "stall"] {
        let gateway = Gateway::start(
            &judged("", AFTER).replace("[models.judge]", "idle_timeout = \"3s\"\n[models.judge]"),
        );
        let outcome = gateway.ask(Ask::stream(&format!("[[fault:{fault}]] [[chunks:40]]"))).await;
        assert!(outcome.status >= 500, "{fault} {outcome:?}");
        let [row] = outcome.rows.as_slice() else { panic!("{outcome:?}") };
        assert!(row.status == 200 && row.tokens.output() > 0, "{fault} {row:?}");
        assert_eq!(calls(&gateway), [], "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_too_long_to_collect_follows_the_policy() {
    let ask = || Ask::stream("[[chunks:20000]]");
    let gateway = Gateway::start(&judged("", AFTER));
    let outcome = gateway.ask(ask()).await;
    assert_eq!(refused(&outcome), UNAVAILABLE);
    assert_eq!(outcome.rows[0].end_reason, EndReason::Guard);
    let gateway = Gateway::start(&judged("", &format!("{AFTER}\non_failure = \"allow\"")));
    let outcome = gateway.ask(ask()).await;
    assert_eq!(outcome.status, 200);
    assert!(outcome.text.ends_with("data: [DONE]\n\n") && outcome.text.len() > 2 * 1024 * 1024);
    assert_eq!((counted(&gateway, "after", "failed"), calls(&gateway).len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_kept_answer_is_judged_again() {
    let config = |moderation: &str| {
        judged("", moderation)
            .replace("[models.judge]", "cache = { mode = \"on\", ttl = \"1h\" }\n[models.judge]")
    };
    let gateway = Gateway::start(&config("before = false"));
    for ask in [Ask::whole("I hate it"), Ask::stream("I hate this")] {
        gateway.apply(&config("before = false"));
        let first = gateway.ask(ask.clone()).await;
        assert_eq!((first.status, first.header("x-tollbar-cache")), (200, "miss"));
        assert_eq!(gateway.ask(ask.clone()).await.header("x-tollbar-cache"), "hit");
        gateway.apply(&config(AFTER));
        let outcome = gateway.ask(ask).await;
        assert_eq!((refused(&outcome), outcome.rows[0].end_reason), (BLOCKED, EndReason::Guard));
        assert_eq!(outcome.rows[0].attempt, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_withheld_answer_is_not_kept() {
    let config = judged("", AFTER)
        .replace("[models.judge]", "cache = { mode = \"on\", ttl = \"1h\" }\n[models.judge]");
    let gateway = Gateway::start(&config);
    for _ in 0..2 {
        let outcome = gateway.ask(Ask::whole("I hate it")).await;
        assert_eq!((refused(&outcome), outcome.attempts()), (BLOCKED, "a/x=200"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_failed_everywhere_is_not_judged() {
    let config = judged("", AFTER).replace(
        "targets = [{ provider = \"a\", model = \"x\" }]",
        "targets = [{ provider = \"broken\", model = \"x\" }]\nretry = { attempts = 1 }",
    );
    let gateway = Gateway::start(&format!("{}\n{config}", failing("broken", 500)));
    assert_eq!(gateway.ask(Ask::whole("hi")).await.code, "upstream_exhausted");
    assert_eq!(calls(&gateway), []);
}

/// What a request on this route says, as a stream or not.
fn said(surface: Surface, text: &str, stream: bool) -> Ask {
    let body = match surface {
        Surface::Responses => json!({"model": "m", "input": text, "stream": stream}),
        Surface::Messages => json!({"model": "m", "max_tokens": 99, "stream": stream,
            "messages": [{"role": "user", "content": text}]}),
        Surface::Completions => json!({"model": "m", "prompt": text, "stream": stream}),
        _ => json!({"model": "m", "stream": stream,
            "messages": [{"role": "user", "content": text}]}),
    };
    Ask::on(surface, body)
}

#[tokio::test(start_paused = true)]
async fn every_shape_of_conversation_is_judged_before_and_after() {
    let surfaces =
        [Surface::ChatCompletions, Surface::Completions, Surface::Responses, Surface::Messages];
    for surface in surfaces {
        for stream in [false, true] {
            let place = format!("{surface:?} {stream}");
            for moderation in ["", AFTER] {
                let gateway = Gateway::start(&judged("", moderation));
                let outcome = gateway.ask(said(surface, "I hate it", stream)).await;
                assert_eq!(refused(&outcome), BLOCKED, "{place}");
                let outcome = gateway.ask(said(surface, "I like it", stream)).await;
                assert_eq!(outcome.status, 200, "{place}");
                assert!(outcome.text.contains("like"), "{place} {}", outcome.text);
                assert_eq!(calls(&gateway).len(), 2, "{place}");
                assert!(outcome.rows[0].tokens.output() > 0, "{place}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn other_routes_are_judged_where_they_hold_words() {
    let gateway = Gateway::start(&judged("", "after = true"));
    for (surface, key) in [
        (Surface::Embeddings, "input"),
        (Surface::ImagesGenerations, "prompt"),
        (Surface::AudioSpeech, "input"),
    ] {
        let of = |text: &str| Ask::on(surface, json!({"model": "m", key: text, "voice": "v"}));
        assert_eq!(refused(&gateway.ask(of("I hate it")).await), BLOCKED, "{surface:?}");
        assert_eq!(gateway.ask(of("I like it")).await.status, 200, "{surface:?}");
    }
    assert_eq!(calls(&gateway).len(), 6, "vectors, images and sound are nobody's words");
    let tokens = Ask::on(Surface::Embeddings, json!({"model": "m", "input": [1, 2, 3]}));
    assert_eq!(refused(&gateway.ask(tokens).await), UNAVAILABLE);
    let question = Ask::on(Surface::Moderations, json!({"model": "m", "input": "I hate it"}));
    assert_eq!(gateway.ask(question).await.status, 200, "who asks for a judgement gets it");
}

#[tokio::test(start_paused = true)]
async fn transcripts_are_judged_in_every_form() {
    let form = |field: &str, value: &str| {
        let parts = [("model", "m"), (field, value)].map(|(name, value)| {
            format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        });
        let file =
            "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF";
        let body = format!("{}{file}\r\n--x--\r\n", parts.concat());
        Ask::raw(Surface::AudioTranscriptions, body)
            .header("content-type", "multipart/form-data; boundary=x")
    };
    for (field, value) in
        [("response_format", "json"), ("response_format", "text"), ("stream", "true")]
    {
        let gateway = Gateway::start(&by_chat("unsafe\nS1", AFTER));
        assert_eq!(refused(&gateway.ask(form(field, value)).await), BLOCKED, "{value}");
        let gateway = Gateway::start(&by_chat("safe", AFTER));
        let outcome = gateway.ask(form(field, value)).await;
        assert!(outcome.text.contains("This is a simulated transcription."), "{outcome:?}");
        assert_eq!((outcome.status, calls(&gateway).len()), (200, 1), "{value}");
    }
    let gateway = Gateway::start(&by_chat("unsafe", ""));
    assert_eq!(refused(&gateway.ask(form("prompt", "hint")).await), BLOCKED);
}

#[tokio::test(start_paused = true)]
async fn the_judge_sees_what_other_providers_see() {
    let text = "write to ann.lee@example.org about it";
    // It is asked without the address, and repeats the question: that is no judgement.
    let answers = format!("answers = {{ {text:?} = \"unsafe\" }}");
    for stages in ["", "after = true"] {
        let moderation = format!("form = \"chat\"\non_failure = \"allow\"\n{stages}");
        let gateway = Gateway::start(&judged(&answers, &moderation));
        let outcome = gateway.ask(Ask::whole(text)).await;
        assert_eq!(outcome.status, 200, "it got the address: {outcome:?}");
        assert!(outcome.text.contains("ann.lee@example.org"), "{}", outcome.text);
        let noted = outcome.rows[0].guard.as_deref().unwrap_or_default();
        assert!(noted.starts_with("email=1:tokenize,moderation_before=failed"), "{noted}");
    }
}

const CARD: &str = "4111 1111 1111 1111";

/// A judge that calls a text with a card unsafe, knows the same text without it, and nothing
/// else; and a model that writes one.
fn of_cards(moderation: &str) -> String {
    let said = format!("the card is {CARD}");
    let hidden = "the card is **** **** **** 1111";
    let judge = format!("answers = {{ {said:?} = \"unsafe\", {hidden:?} = \"safe\" }}");
    let config = judged(&judge, &format!("form = \"chat\"\n{moderation}"));
    config.replacen(
        "[providers.a]\n    dialect = \"simulated\"",
        &format!("[providers.a]\ndialect = \"simulated\"\nanswers = {{ \"*\" = {said:?} }}"),
        1,
    )
}

#[tokio::test(start_paused = true)]
async fn a_judge_of_answers_sees_nothing_that_must_not_leave() {
    let gateway = Gateway::start(&of_cards(AFTER));
    for ask in [Ask::whole("hello"), Ask::stream("hello")] {
        let outcome = gateway.ask(ask).await;
        assert_eq!(outcome.status, 200, "the judge got the card: {outcome:?}");
    }
    assert_eq!(counted(&gateway, "after", "passed"), 2);
    let open = format!("{AFTER}\n[guard.actions]\ncredit_card = \"allow\"");
    let gateway = Gateway::start(&of_cards(&open));
    let outcome = gateway.ask(Ask::whole("hello")).await;
    assert_eq!(refused(&outcome), BLOCKED, "it may see it here");
}

#[tokio::test(start_paused = true)]
async fn a_kept_answer_goes_to_the_judge_without_what_must_not_leave() {
    let config = |moderation: &str| {
        of_cards(moderation)
            .replace("[models.judge]", "cache = { mode = \"on\", ttl = \"1h\" }\n[models.judge]")
    };
    let gateway = Gateway::start(&config("before = false"));
    for ask in [Ask::whole("hello"), Ask::stream("hello")] {
        gateway.apply(&config("before = false"));
        assert_eq!(gateway.ask(ask.clone()).await.status, 200);
        gateway.apply(&config(AFTER));
        let outcome = gateway.ask(ask).await;
        assert_eq!((outcome.status, outcome.header("x-tollbar-cache")), (200, "hit"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_answer_holds_raises_the_class_of_its_judgement() {
    let config = |moderation: &str| {
        of_cards(moderation).replacen(
            "[providers.guard]",
            "[providers.guard]\ndata_classes = [\"internal\"]",
            1,
        )
    };
    let gateway = Gateway::start(&config(AFTER));
    assert_eq!(gateway.ask(Ask::whole("hello")).await.status, 200);
    let raised = format!("{AFTER}\n[guard.data_classes]\ncredit_card = \"personal\"");
    let gateway = Gateway::start(&config(&raised));
    assert_eq!(refused(&gateway.ask(Ask::whole("hello")).await), UNAVAILABLE);
    let [call] = calls(&gateway).try_into().unwrap();
    assert_eq!(call.error_code.as_deref(), Some("no_eligible_provider"));
}
