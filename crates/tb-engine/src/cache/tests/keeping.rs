//! Which answers are kept, where, and how they are removed.

use std::sync::Arc;

use tb_core::ports::AnswerFilter;
use tb_core::{Cost, NanoUsd, Rung, Surface};

use super::gateway::{Ask, Gateway, config, on};

const CANARY: &str = "canary-7391-text";

#[tokio::test(start_paused = true)]
async fn answers_that_are_no_whole_ones_are_not_kept() {
    let gateway = Gateway::start(&on());
    for (text, more) in [
        ("[[fault:400]] bad", ""),
        ("[[fault:500]] failed", ""),
        ("[[fault:cut]] cut", ""),
        ("[[fault:truncate]] [[chunks:4]]", r#""stream":true,"#),
        ("[[fault:error_event]] [[chunks:4]]", r#""stream":true,"#),
        ("[[chunks:9]] too long for the limit", r#""max_tokens":2,"#),
        ("[[chunks:9]] too long for the limit", r#""max_tokens":2,"stream":true,"#),
        ("[[fault:filter]] filtered", ""),
    ] {
        let ask = Ask::chat(text, more);
        gateway.send(&ask).await;
        let only = gateway.send(&ask.control("only-if-cached")).await;
        assert_eq!((only.status, only.body.as_str()), (504, "cache_miss"), "{text}");
    }
    gateway.flush();
    assert!(gateway.written.answers.lock().unwrap().is_empty());
    assert_eq!(gateway.engine.cache_view().entries, 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_client_left_is_not_kept() {
    let gateway = Gateway::start(&on());
    let ask = Ask::chat("[[chunks:40]] x", r#""stream":true,"#);
    let reply = crate::serve(&gateway.engine, gateway.request(&ask)).await.unwrap();
    drop(reply);
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(gateway.send(&ask).await.cache(), "miss");
}

#[tokio::test(start_paused = true)]
async fn only_requests_that_depend_on_nothing_else_are_kept() {
    let gateway = Gateway::start(&on());
    let responses =
        |more: &str| Ask::new(Surface::Responses, format!(r#"{{"model":"m",{more}"input":"hi"}}"#));
    let bypassed = [
        responses(""),
        responses(r#""store":true,"#),
        Ask::chat("hi", r#""store":true,"#),
        Ask::new(Surface::ImagesGenerations, r#"{"model":"m","prompt":"a cat"}"#),
        Ask::chat("hi", "").header("x-tollbar-data-class", "personal"),
    ];
    for ask in &bypassed {
        let got = gateway.send(ask).await;
        assert_eq!((got.status, got.cache()), (200, "bypass"), "{}", got.body);
    }
    let kept = [
        responses(r#""store":false,"#),
        Ask::new(Surface::Completions, r#"{"model":"m","prompt":"hi"}"#),
        Ask::new(Surface::Embeddings, r#"{"model":"m","input":"hi"}"#),
        Ask::new(
            Surface::Messages,
            r#"{"model":"m","max_tokens":90,"messages":[{"role":"user","content":"hi"}]}"#,
        ),
    ];
    for ask in &kept {
        let first = gateway.send(ask).await;
        let second = gateway.send(ask).await;
        assert_eq!((first.cache(), second.cache()), ("miss", "hit"), "{}", first.body);
        assert_eq!(first.body, second.body);
    }
}

#[tokio::test(start_paused = true)]
async fn answers_outlive_the_process_and_the_store_sees_no_text() {
    let gateway = Gateway::start(&on());
    let ask = Ask::chat(CANARY, "");
    let stream = Ask::chat(CANARY, r#""stream":true,"top_p":0.5,"#);
    let first = gateway.send(&ask.clone().header("x-tollbar-cache-tag", "t1")).await;
    let streamed = gateway.send(&stream).await;
    let (written, clock) = (Arc::clone(&gateway.written), Arc::clone(&gateway.clock));
    // Its end waits until everything is in the store.
    drop(gateway);
    for kept in written.answers.lock().unwrap().values() {
        let text = String::from_utf8_lossy(&kept.sealed);
        assert!(!text.contains("canary") && !text.contains("choices"), "the seal shows text");
    }
    assert_eq!(written.answers.lock().unwrap().len(), 2);

    clock.advance_s(60);
    let restarted = Gateway::start_over(&on(), Arc::clone(&written), clock);
    restarted.flush();
    let second = restarted.send(&ask).await;
    assert_eq!(
        (second.cache(), second.header("age"), &second.body),
        ("hit", Some("60"), &first.body)
    );
    let second = restarted.send(&stream).await;
    assert_eq!((second.cache(), &second.body), ("hit", &streamed.body));
    drop(restarted);

    // What was changed, or moved to another key, does not open.
    let mut kept: Vec<_> = written.answers.lock().unwrap().drain().map(|(_, kept)| kept).collect();
    let other_key = kept[1].key;
    *kept[0].sealed.last_mut().unwrap() ^= 1;
    kept[1].key = kept[0].key;
    kept[0].key = other_key;
    let clock = Arc::default();
    for kept in kept {
        written.answers.lock().unwrap().insert(kept.key, kept);
    }
    let tampered = Gateway::start_over(&on(), written, clock);
    tampered.flush();
    assert_eq!(tampered.send(&ask).await.cache(), "miss");
    assert_eq!(tampered.send(&stream).await.cache(), "miss");
}

#[tokio::test(start_paused = true)]
async fn a_hit_needs_the_stored_request_to_be_the_same() {
    let gateway = Gateway::start(&on());
    let ask = Ask::chat("one question", "");
    gateway.send(&ask).await;
    gateway.send(&Ask::chat("another question", "")).await;
    gateway.flush();
    // As if both requests had the same hash.
    let shelf = &gateway.engine.shared.cache.core.shelf;
    let keys: Vec<_> = gateway.written.answers.lock().unwrap().keys().copied().collect();
    let now = tb_core::Clock::now(&*gateway.clock);
    let entries: Vec<_> = keys.iter().map(|key| shelf.memory.get(key, now).unwrap()).collect();
    shelf.memory.insert(keys[0], Arc::clone(&entries[1]), now);
    shelf.memory.insert(keys[1], Arc::clone(&entries[0]), now);
    assert_eq!(gateway.send(&ask).await.cache(), "miss");
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_not_kept() {
    let gateway = Gateway::start(&format!("[cache]\nmax_entry = \"4KiB\"\n{}", on()));
    for more in ["", r#""stream":true,"#] {
        let ask = Ask::chat(&format!("[[chunks:900]] {more}"), more);
        assert_eq!(gateway.send(&ask).await.status, 200);
        assert_eq!(gateway.send(&ask).await.cache(), "miss", "{more}");
    }
    let small = Ask::chat("[[chunks:3]]", "");
    gateway.send(&small).await;
    assert_eq!(gateway.send(&small).await.cache(), "hit");
}

#[tokio::test(start_paused = true)]
async fn purges_remove_what_fits_from_memory_and_store() {
    let gateway = Gateway::start(&on());
    let asks = [
        Ask::chat("a", "").header("x-tollbar-cache-tag", "red,blue"),
        Ask::chat("b", "").header("x-tollbar-cache-tag", "blue"),
        Ask::chat("c", ""),
        Ask::chat("d", "").of("two"),
    ];
    let fill = async || {
        for ask in &asks {
            assert_eq!(gateway.send(ask).await.status, 200);
        }
    };
    let left = async || {
        let mut left = Vec::new();
        for ask in &asks {
            left.push(gateway.send(&ask.clone().control("only-if-cached")).await.status == 200);
        }
        left
    };
    let purge = |filter: AnswerFilter| gateway.engine.purge_answers(&filter).unwrap();
    fill().await;
    assert_eq!(left().await, [true; 4]);
    assert_eq!(purge(AnswerFilter { tag: Some("red".to_owned()), ..Default::default() }), 1);
    assert_eq!(left().await, [false, true, true, true]);
    assert_eq!(purge(AnswerFilter { service: Some("two".into()), ..Default::default() }), 1);
    assert_eq!(left().await, [false, true, true, false]);
    assert_eq!(purge(AnswerFilter { model: Some("other".into()), ..Default::default() }), 0);
    let tag_of_another =
        AnswerFilter { service: Some("two".into()), tag: Some("blue".to_owned()), model: None };
    assert_eq!(purge(tag_of_another), 0);
    assert_eq!(purge(AnswerFilter { model: Some("m".into()), ..Default::default() }), 2);
    assert_eq!(left().await, [false; 4]);
    assert!(gateway.written.answers.lock().unwrap().is_empty());
    fill().await;
    assert_eq!(purge(AnswerFilter::default()), 4);
    assert_eq!(gateway.engine.cache_view().entries, 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_under_way_during_a_purge_is_not_kept() {
    let gateway = Gateway::start(&on());
    let ask = Ask::chat("[[delay_ms:1000]] slow", "");
    let purge = async {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        gateway.engine.purge_answers(&AnswerFilter::default()).unwrap();
    };
    let (first, ()) = tokio::join!(gateway.send(&ask), purge);
    assert_eq!((first.status, first.cache_status()), (200, "tollbar; fwd=miss"));
    gateway.flush();
    assert!(gateway.written.answers.lock().unwrap().is_empty());
    assert_eq!(gateway.send(&ask).await.cache(), "miss");
}

#[tokio::test(start_paused = true)]
async fn the_room_in_memory_is_bounded() {
    let gateway =
        Gateway::start(&format!("[cache]\nmemory = \"64KiB\"\nmax_entry = \"16KiB\"\n{}", on()));
    for number in 0..200 {
        gateway.send(&Ask::chat(&format!("[[chunks:50]] number {number}"), "")).await;
    }
    let view = gateway.engine.cache_view();
    assert!(view.bytes <= 64 * 1024 && view.entries > 10, "{view:?}");
}

#[tokio::test(start_paused = true)]
async fn without_room_on_disk_answers_are_in_memory_only() {
    let gateway = Gateway::start(&format!("[cache]\ndisk = \"0B\"\n{}", on()));
    let ask = Ask::chat("hello", "");
    gateway.send(&ask).await;
    assert_eq!(gateway.send(&ask).await.cache(), "hit");
    assert!(gateway.written.answers.lock().unwrap().is_empty());
    assert_eq!(gateway.engine.purge_answers(&AnswerFilter::default()).unwrap(), 1);
}

/// What the last rung is given, seen from the outside of the ladder.
#[tokio::test(start_paused = true)]
async fn an_answer_past_its_time_is_there_when_the_providers_are_not() {
    let cache = r#"{ mode = "on", ttl = "100s" }"#;
    let gateway = Gateway::start(&config(cache, "stale_if_error = \"1h\""));
    let ask = Ask::chat("hello", "");
    let first = gateway.send(&ask).await;
    gateway.flush();
    gateway.clock.advance_s(200);
    let shared = &gateway.engine.shared;
    for evicted in [false, true] {
        if evicted {
            shared.cache.core.shelf.memory.purge(&AnswerFilter::default());
        }
        let keeper = super::keeper_of(&gateway, &ask).await;
        let stale = shared.cache.stale(shared, &keeper).await.unwrap();
        assert_eq!((stale.body, stale.stream), (first.body.clone().into(), false));
        assert_eq!(stale.note.age.unwrap().as_secs(), 200);
        assert!(stale.note.ttl_seconds.unwrap() < -80);
        let streaming = Ask::chat("hello", r#""stream":true,"#);
        let keeper = super::keeper_of(&gateway, &streaming).await;
        let stale = shared.cache.stale(shared, &keeper).await.unwrap();
        assert!(stale.stream && stale.body.ends_with(b"data: [DONE]\n\n"));
    }
    for refusing in ["no-cache", "no-store", "max-age=10"] {
        let keeper = super::keeper_of(&gateway, &ask.clone().control(refusing)).await;
        assert!(shared.cache.stale(shared, &keeper).await.is_none(), "{refusing}");
    }
    gateway.clock.advance_s(3_600);
    let keeper = super::keeper_of(&gateway, &ask).await;
    assert!(shared.cache.stale(shared, &keeper).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_last_rung_serves_an_answer_past_its_time_to_the_leader_and_to_those_who_waited() {
    let more = "stale_if_error = \"1h\"\non_exhausted = [\"stale_cache\"]";
    let working = config(r#"{ mode = "on", ttl = "100s" }"#, more);
    let gateway = Gateway::start(&working);
    let ask = Ask::chat("hello", "");
    let first = gateway.send(&ask).await;
    gateway.clock.advance_s(300);
    gateway.apply(&working.replace(
        "dialect = \"simulated\"",
        "dialect = \"simulated\"\nfailures = [{ status = 500, share = 1.0 }]",
    ));
    let (one, two) = tokio::join!(gateway.send(&ask), gateway.send(&ask));
    for got in [one, two] {
        assert_eq!((got.status, got.cache()), (200, "stale"), "{got:?}");
        assert_eq!(got.header("x-tollbar-degraded"), Some("stale_cache"));
        assert!(got.body.contains("\"tollbar\"") && got.body != first.body);
    }
    let refused = gateway.send(&ask.control("no-cache")).await;
    assert!(refused.status >= 500, "{refused:?}");
    let rows = gateway.written.rows.lock().unwrap().clone();
    let stale: Vec<_> = rows.iter().filter(|row| row.rung == Rung::StaleCache).collect();
    assert_eq!(stale.len(), 2);
    assert!(stale.iter().all(|row| row.cost == Cost::Free && row.saved > NanoUsd(0)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_a_fallback_model_is_not_kept() {
    let gateway = Gateway::start(&format!(
        "{}\n[providers.broken]\ndialect = \"simulated\"\n\
         failures = [{{ status = 500, share = 1.0 }}]\n\
         [models.other]\ntargets = [{{ provider = \"sim\", model = \"simulated-1\" }}]\n",
        on().replace("provider = \"sim\"", "provider = \"broken\"")
            .replace("[prices", "fallbacks = [\"other\"]\n[prices"),
    ));
    let ask = Ask::chat("[[delay_ms:20]] hello", "");
    for _ in 0..2 {
        let (one, two) = tokio::join!(gateway.send(&ask), gateway.send(&ask));
        for got in [one, two] {
            assert_eq!((got.status, got.cache()), (200, "miss"), "{got:?}");
            assert_eq!(got.header("x-tollbar-degraded"), Some("fallback_model"));
        }
    }
    assert_eq!(gateway.engine.cache_view().entries, 0);
}

#[tokio::test]
#[expect(clippy::await_holding_lock, reason = "the lock is what keeps the store busy")]
async fn what_is_on_its_way_to_the_store_is_a_task_until_it_is_there() {
    let gateway = Gateway::start(&on());
    gateway.flush();
    let busy = gateway.written.answers.lock().unwrap();
    assert_eq!(gateway.send(&Ask::chat("hello", "")).await.status, 200);
    assert!(!gateway.engine.tasks().is_empty());
    drop(busy);
    assert!(gateway.engine.finish(std::time::Duration::from_secs(60)).await);
    assert_eq!(gateway.written.answers.lock().unwrap().len(), 1);
}
