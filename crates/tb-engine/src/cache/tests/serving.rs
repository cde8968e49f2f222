//! Which answers serve which requests.

use std::collections::HashSet;

use proptest::prelude::*;
use tb_core::{Cost, NanoUsd, Rung, Surface};

use super::gateway::{Ask, Gateway, config, on};

#[tokio::test(start_paused = true)]
async fn the_same_request_is_answered_once_by_the_provider() {
    let gateway = Gateway::start(&on());
    let ask = Ask::chat("hello", r#""temperature":1.0,"#);
    let first = gateway.send(&ask).await;
    assert_eq!((first.status, first.cache()), (200, "miss"));
    assert_eq!(first.cache_status(), "tollbar; fwd=miss; stored");
    gateway.clock.advance_s(7);
    let same = Ask::new(
        Surface::ChatCompletions,
        r#"{"messages":[{ "role":"user","content":"h\u0065llo"}],"user":"x","model":"m","temperature":1}"#,
    );
    let second = gateway.send(&same).await;
    assert_eq!((second.status, second.cache(), &second.body), (200, "hit", &first.body));
    assert_eq!((second.header("age"), second.header("x-tollbar-cost-usd")), (Some("7"), Some("0")));
    assert!(second.cache_status().starts_with("tollbar; hit; ttl="), "{}", second.cache_status());
    assert_eq!(second.header("x-tollbar-provider"), Some("sim"));
    assert_eq!(second.header("x-tollbar-degraded"), Some("none"));
    assert_eq!(gateway.sent(), 1);
    let rows = gateway.written.rows.lock().unwrap().clone();
    let Cost::Measured(cost) = rows[0].cost else { panic!("{:?}", rows[0].cost) };
    assert!(cost > NanoUsd(0));
    assert_eq!((rows[1].cost, rows[1].saved, rows[1].rung), (Cost::Free, cost, Rung::Cache));
    assert!(gateway.metric(r#"tollbar_cache_requests_total{result="hit"} 1"#));
    assert!(gateway.metric(r#"tollbar_cache_requests_total{result="miss"} 1"#));
}

#[tokio::test(start_paused = true)]
async fn what_affects_the_answer_separates_requests() {
    let gateway = Gateway::start(&on());
    let asks = [
        Ask::chat("hello", ""),
        Ask::chat("hello!", ""),
        Ask::chat("hello", r#""temperature":0.5,"#),
        Ask::chat("hello", r#""novel_field":null,"#),
        Ask::chat("hello", "").header("openai-beta", "x"),
        Ask::chat("hello", "").header("openai-beta", "y"),
        Ask::chat("hello", "").of("two"),
    ];
    for _ in 0..2 {
        for ask in &asks {
            assert_eq!(gateway.send(ask).await.status, 200);
        }
    }
    assert_eq!(gateway.sent(), asks.len(), "each once, and the second time from the cache");
}

#[tokio::test(start_paused = true)]
async fn another_set_of_targets_is_another_request() {
    let gateway = Gateway::start(&on());
    let ask = Ask::chat("hello", "");
    assert_eq!(gateway.send(&ask).await.cache(), "miss");
    gateway.flush();
    let other = on().replace("simulated-1", "simulated-2");
    let (written, clock) = (gateway.written.clone(), gateway.clock.clone());
    let changed = Gateway::start_over(&other, written, clock);
    changed.flush();
    assert_eq!(changed.send(&ask).await.cache(), "miss");
}

#[tokio::test(start_paused = true)]
async fn streams_and_plain_answers_serve_each_other_where_they_can() {
    let gateway = Gateway::start(&on());
    let plain = Ask::chat("[[chunks:3]] plain first", "");
    let stream = Ask::chat("[[chunks:3]] plain first", r#""stream":true,"#);
    let whole = gateway.send(&plain).await;
    let replayed = gateway.send(&stream).await;
    assert_eq!((whole.cache(), replayed.cache()), ("miss", "hit"));
    assert_eq!(replayed.header("content-type"), Some("text/event-stream"));
    assert!(replayed.body.ends_with("data: [DONE]\n\n"), "{}", replayed.body);
    assert!(!replayed.body.contains("\"prompt_tokens\""), "usage was not asked for");

    let stream = Ask::chat("[[chunks:3]] stream first", r#""stream":true,"#);
    let live = gateway.send(&stream).await;
    let again = gateway.send(&stream).await;
    assert_eq!((live.cache(), again.cache(), &again.body), ("miss", "hit", &live.body));
    let plain = Ask::chat("[[chunks:3]] stream first", "");
    assert_eq!(gateway.send(&plain).await.cache(), "miss");
    let with_usage = r#""stream":true,"stream_options":{"include_usage":true},"#;
    let with_usage = gateway.send(&Ask::chat("[[chunks:3]] stream first", with_usage)).await;
    assert_eq!(with_usage.cache(), "hit", "of the plain answer, with usage");
    assert!(with_usage.body.contains("\"prompt_tokens\""), "{}", with_usage.body);
    assert_eq!(gateway.sent(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_past_its_time_is_asked_for_again() {
    let gateway =
        Gateway::start(&config(r#"{ mode = "on", ttl = "100s" }"#, "stale_if_error = \"1h\""));
    let ask = Ask::chat("hello", "");
    assert_eq!(gateway.send(&ask).await.cache(), "miss");
    // The time to live is drawn from 90 to 110 s.
    gateway.clock.advance_s(89);
    assert_eq!(gateway.send(&ask).await.cache(), "hit");
    gateway.clock.advance_s(22);
    let late = gateway.send(&ask.clone().control("max-stale=60")).await;
    assert_eq!((late.cache(), late.header("x-tollbar-degraded")), ("stale", Some("none")));
    assert!(late.cache_status().starts_with("tollbar; hit; ttl=-"), "{}", late.cache_status());
    assert!(gateway.metric(r#"tollbar_cache_requests_total{result="stale"} 1"#));
    let renewed = gateway.send(&ask).await;
    assert_eq!((renewed.cache(), renewed.cache_status()), ("miss", "tollbar; fwd=stale; stored"));
    assert_eq!(gateway.send(&ask).await.cache(), "hit");
    assert_eq!(gateway.sent(), 2);
    gateway.clock.advance_s(3_800);
    let forgotten = gateway.send(&ask.control("max-stale, only-if-cached")).await;
    assert_eq!(forgotten.status, 504, "nothing is kept past stale_if_error");
}

#[tokio::test(start_paused = true)]
async fn requests_say_whether_a_kept_answer_will_do() {
    let gateway = Gateway::start(&on());
    let ask = || Ask::chat("hello", "");
    let missing = gateway.send(&ask().control("only-if-cached")).await;
    assert_eq!((missing.status, missing.body.as_str()), (504, "cache_miss"));
    assert_eq!(gateway.send(&ask().header("x-tollbar-cache", "off")).await.cache(), "bypass");
    assert_eq!(gateway.send(&ask().control("no-store")).await.cache(), "bypass");
    let reading = ask().header("x-tollbar-cache", "read_only");
    assert_eq!(gateway.send(&reading).await.cache_status(), "tollbar; fwd=miss");
    assert_eq!(gateway.send(&reading).await.cache(), "miss", "nothing was kept so far");
    let writing = gateway.send(&ask().header("x-tollbar-cache", "write_only")).await;
    assert_eq!(writing.cache_status(), "tollbar; fwd=request; stored");
    gateway.clock.advance_s(30);
    assert_eq!(gateway.send(&reading).await.cache(), "hit");
    assert_eq!(gateway.send(&ask().control("only-if-cached")).await.cache(), "hit");
    assert_eq!(gateway.send(&ask().control("no-store")).await.cache(), "bypass");
    let sent = gateway.sent();
    let aged = gateway.send(&ask().header("x-tollbar-cache-max-age", "29")).await;
    assert_eq!(aged.cache_status(), "tollbar; fwd=request; stored");
    let renewed = gateway.send(&ask().control("no-cache")).await;
    assert_eq!((renewed.cache(), gateway.sent()), ("bypass", sent + 2));
    let impatient = ask().control("max-age=0, only-if-cached");
    gateway.clock.advance_s(1);
    assert_eq!(gateway.send(&impatient).await.status, 504);
    for (name, value) in [
        ("x-tollbar-cache", "maybe"),
        ("x-tollbar-cache-max-age", "soon"),
        ("x-tollbar-cache-tag", "a b"),
    ] {
        assert_eq!(gateway.send(&ask().header(name, value)).await.status, 400);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_cache_the_headers_are_read_all_the_same() {
    let gateway = Gateway::start(&config(r#"{ mode = "off" }"#, ""));
    let ask = || Ask::chat("hello", "");
    for _ in 0..2 {
        let got = gateway.send(&ask().header("x-tollbar-cache", "on")).await;
        assert_eq!((got.cache(), got.cache_status()), ("bypass", "none"));
    }
    assert_eq!(gateway.send(&ask().header("x-tollbar-cache", "maybe")).await.status, 400);
    assert_eq!(gateway.send(&ask().control("only-if-cached")).await.status, 504);
    assert_eq!(gateway.sent(), 2);
}

#[tokio::test(start_paused = true)]
async fn opting_in_takes_a_header() {
    let gateway = Gateway::start(&config(r#"{ mode = "opt_in" }"#, ""));
    let ask = || Ask::chat("hello", "");
    let unasked = gateway.send(&ask()).await;
    assert_eq!((unasked.cache(), unasked.cache_status()), ("bypass", "tollbar; fwd=bypass"));
    let opted = ask().header("x-tollbar-cache", "on");
    assert_eq!(gateway.send(&opted).await.cache(), "miss");
    assert_eq!(gateway.send(&opted).await.cache(), "hit");
    assert_eq!(gateway.send(&ask()).await.cache(), "bypass");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the order of requests: an answer comes from the cache if and only if the same
    /// tenant asked the same before, in a form that can serve. Never from another tenant.
    #[test]
    fn a_hit_needs_the_same_tenant_and_the_same_question(
        requests in proptest::collection::vec((0..2_u8, 0..3_u8, 0..2_u8, any::<bool>()), 1..24),
    ) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let gateway = Gateway::start(&on());
            let mut seen = HashSet::new();
            for (tenant, text, top_p, stream) in requests {
                let more = format!(r#""top_p":0.{top_p},"stream":{stream},"#);
                let service = if tenant == 0 { "one" } else { "two" };
                let got = gateway.send(&Ask::chat(&format!("text {text}"), &more).of(service)).await;
                let asked = (tenant, text, top_p);
                let expected = seen.contains(&(asked, stream)) || seen.contains(&(asked, false));
                assert_eq!(got.cache(), if expected { "hit" } else { "miss" });
                if !expected {
                    seen.insert((asked, stream));
                }
            }
            assert_eq!(gateway.sent(), seen.len());
        });
    }
}
