//! Identical requests at the same time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tb_core::Timestamp;
use tokio::task::JoinSet;

use super::gateway::{Ask, Gateway, Got, on};
use crate::cache::flights::{Flights, Lead, Place, Turn};

/// Sends all at once; each is polled in its turn.
async fn all(gateway: &Gateway, asks: &[Ask]) -> Vec<Got> {
    let mut waiting: Vec<_> = asks.iter().map(|ask| Some(Box::pin(gateway.send(ask)))).collect();
    let mut got: Vec<Option<Got>> = asks.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (place, request) in waiting.iter_mut().enumerate() {
            if let Some(own) = request
                && let std::task::Poll::Ready(answer) = own.as_mut().poll(cx)
            {
                got[place] = Some(answer);
                *request = None;
            }
        }
        if got.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    got.into_iter().flatten().collect()
}

#[tokio::test(start_paused = true)]
async fn identical_requests_share_one_answer() {
    let gateway = Gateway::start(&on());
    for more in ["", r#""stream":true,"#] {
        let ask = Ask::chat(&format!("[[delay_ms:900]] [[chunks:5]] {more}"), more);
        let before = gateway.sent();
        let got = all(&gateway, &vec![ask; 8]).await;
        assert_eq!(gateway.sent() - before, 1);
        assert_eq!(got[0].cache(), "miss");
        for follower in &got[1..] {
            assert_eq!((follower.cache(), &follower.body), ("hit", &got[0].body));
            assert!(follower.cache_status().contains("; collapsed"), "{follower:?}");
        }
    }
    assert!(gateway.metric(r#"tollbar_cache_requests_total{result="coalesced"} 14"#));
    let rows = gateway.written.rows.lock().unwrap().clone();
    let mut ids: Vec<_> = rows.iter().map(|row| row.request_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((rows.len(), ids.len()), (16, 16), "each has its own id and settlement");
}

#[tokio::test(start_paused = true)]
async fn another_waiter_asks_when_the_leader_leaves() {
    let gateway = Gateway::start(&on());
    for more in ["", r#""stream":true,"#] {
        let ask = Ask::chat(&format!("[[delay_ms:900]] {more}"), more);
        let before = gateway.sent();
        let leaver = tokio::time::timeout(Duration::from_millis(400), gateway.send(&ask));
        let stay = vec![ask.clone(); 3];
        let (left, stayed) = tokio::join!(leaver, all(&gateway, &stay));
        assert!(left.is_err());
        assert_eq!(gateway.sent() - before, 2, "the leaver and one of those who stayed");
        assert!(stayed.iter().all(|got| got.status == 200));
        assert_eq!(stayed.iter().filter(|got| got.cache() == "hit").count(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_leaves_is_passed_over() {
    let gateway = Gateway::start(&on());
    let ask = Ask::chat("[[delay_ms:900]] hello", "");
    let leader = tokio::time::timeout(Duration::from_millis(500), gateway.send(&ask));
    let waiter = tokio::time::timeout(Duration::from_millis(400), gateway.send(&ask));
    let (leader, waiter, last) = tokio::join!(leader, waiter, gateway.send(&ask));
    assert!(leader.is_err() && waiter.is_err());
    assert_eq!((last.status, gateway.sent()), (200, 2));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_fails_hands_over_and_each_gets_its_own_error() {
    let gateway = Gateway::start(&on());
    let got = all(&gateway, &vec![Ask::chat("[[fault:400]] [[delay_ms:50]]", ""); 4]).await;
    assert!(got.iter().all(|got| got.status == 400), "{got:?}");
    assert_eq!(gateway.sent(), 4);
}

#[tokio::test(start_paused = true)]
async fn after_an_answer_that_cannot_be_shared_all_ask_at_once() {
    let gateway = Gateway::start(&on());
    let ask = Ask::chat("[[delay_ms:1000]] [[chunks:9]]", r#""max_tokens":2,"#);
    let began = tokio::time::Instant::now();
    let got = all(&gateway, &vec![ask; 6]).await;
    assert!(got.iter().all(|got| got.status == 200 && got.cache() == "miss"));
    assert_eq!(gateway.sent(), 6);
    let took = began.elapsed();
    assert!(took < Duration::from_millis(2_500), "one after another: {took:?}");
}

/// Thirty seconds for everything; the provider answers after `latency`.
fn patient(latency: &str) -> String {
    on().replace("[models.m]", "[models.m]\ndeadline = \"30s\"\nfirst_byte_timeout = \"29s\"")
        .replace("[providers.sim]", &format!("[providers.sim]\nlatency = \"{latency}\""))
}

/// Sends; also how long it took, in seconds.
async fn timed(gateway: &Gateway, ask: &Ask) -> (Got, u64) {
    let began = tokio::time::Instant::now();
    let got = gateway.send(ask).await;
    (got, began.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_asks_too_takes_the_answer_that_comes_first() {
    let gateway = Gateway::start(&patient("20s"));
    let ask = Ask::chat("hello", "");
    let (leader, waiter) = tokio::join!(timed(&gateway, &ask), timed(&gateway, &ask));
    assert_eq!((leader.0.status, leader.1), (200, 20));
    assert_eq!((waiter.0.status, waiter.1, waiter.0.cache()), (200, 20, "hit"));
    assert_eq!(gateway.sent(), 2, "nothing was known of the provider: it asked after 7.5 s");
    let rows = gateway.written.rows.lock().unwrap().clone();
    let asked = rows.iter().find(|row| !row.is_final).unwrap();
    assert_eq!(asked.error_code.as_deref(), Some("overtaken"));
    assert!(asked.waited_ms >= 7_500 && asked.overhead_us < 1_000_000, "{asked:?}");
    let own: Vec<_> = rows.iter().filter(|row| row.request_id == asked.request_id).collect();
    assert_eq!((own.len(), own[1].rung, own[1].is_final), (2, tb_core::Rung::Cache, true));
    assert!(gateway.metric(r#"tollbar_cache_requests_total{result="coalesced"} 1"#));
    assert!(gateway.metric(r#"tollbar_cache_requests_total{result="miss"} 1"#));
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_not_silent_until_anothers_end() {
    let gateway = Gateway::start(&patient("20s"));
    let ask = Ask::chat("[[chunks:5]]", r#""stream":true,"#);
    let (leader, waiter) = tokio::join!(timed(&gateway, &ask), timed(&gateway, &ask));
    assert_eq!((leader.0.status, waiter.0.status), (200, 200));
    assert!(leader.1 == 20 && waiter.1 <= 22, "{waiter:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_hangs_is_not_waited_for() {
    // Where nothing is usual yet a quarter of the time is; then three times the usual.
    for (known, expected_s) in [(false, 8), (true, 3)] {
        let gateway = Gateway::start(&patient("1s"));
        if known {
            gateway.send(&Ask::chat("something else", "")).await;
        }
        gateway.apply(&patient("1h"));
        let ask = Ask::chat("hello", "");
        let later = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            gateway.apply(&patient("1s"));
            let waiters = tokio::join!(timed(&gateway, &ask), timed(&gateway, &ask));
            (waiters, gateway.sent())
        };
        let (leader, ((one, two), sent)) = tokio::join!(gateway.send(&ask), later);
        assert_eq!((leader.status, one.0.status, two.0.status), (504, 200, 200));
        assert_eq!((one.1, two.1), (expected_s, expected_s));
        assert_eq!(sent - usize::from(known), 2, "the leader and one of the waiters");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_reaches_all_who_wait_for_one_that_hangs() {
    let gateway = Gateway::start(&patient("1h"));
    let ask = Ask::chat("hello", "");
    let after = |ms| {
        let (gateway, ask) = (&gateway, &ask);
        async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            gateway.apply(&patient("1s"));
            timed(gateway, ask).await
        }
    };
    let (leader, first, second) = tokio::join!(gateway.send(&ask), after(1), after(4_000));
    assert_eq!((leader.status, first.1), (504, 8));
    assert_eq!((second.0.cache(), second.1), ("hit", 4), "it did not ask");
    assert_eq!(gateway.sent(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_has_time_left_when_the_leader_leaves_late() {
    let gateway = Gateway::start(&patient("12s"));
    gateway.send(&Ask::chat("something else", "")).await;
    let ask = Ask::chat("hello", "");
    let leader = tokio::time::timeout(Duration::from_secs(11), gateway.send(&ask));
    let (left, waiter) = tokio::join!(leader, timed(&gateway, &ask));
    assert!(left.is_err());
    assert_eq!((waiter.0.status, waiter.1), (200, 23));
}

#[tokio::test(start_paused = true)]
async fn requests_of_others_do_not_wait() {
    let gateway = Gateway::start(&on());
    let ask = Ask::chat("[[delay_ms:900]] hello", "");
    let asks = [ask.clone(), ask.clone().of("two"), ask.clone().control("no-cache")];
    let got = all(&gateway, &asks).await;
    assert!(got.iter().all(|got| got.status == 200 && got.cache() != "hit"));
    assert_eq!(gateway.sent(), 3);
}

/// What a request does once it leads.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Fails,
    Panics,
    Shares,
    Releases,
}

/// One request: when it comes, how long its turn takes, how long it would wait, its fate.
#[derive(Debug, Clone, Copy)]
struct Plan {
    comes: u64,
    takes: u64,
    patience: u64,
    fate: Fate,
}

fn plan() -> impl Strategy<Value = Plan> {
    let fate = prop_oneof![
        Just(Fate::Fails),
        Just(Fate::Panics),
        Just(Fate::Shares),
        Just(Fate::Releases)
    ];
    (0..8_u64, 0..8_u64, 0..30_u64, fate).prop_map(|(comes, takes, patience, fate)| Plan {
        comes,
        takes,
        patience,
        fate,
    })
}

async fn run(flights: Arc<Flights>, key: [u8; 32], plan: Plan) {
    tokio::time::sleep(Duration::from_millis(plan.comes)).await;
    let lead = match flights.join(key) {
        Place::Leads(lead) => Some(lead),
        Place::Waits(turn, _) => {
            match tokio::time::timeout(Duration::from_millis(plan.patience), turn).await {
                Ok(Ok(Turn::Lead(lead))) => Some(lead),
                Ok(Ok(Turn::Kept(_) | Turn::Alone)) | Err(_) => None,
                Ok(Err(_)) => panic!("a waiter was forgotten"),
            }
        }
    };
    let Some(lead) = lead else { return };
    tokio::time::sleep(Duration::from_millis(plan.takes)).await;
    match plan.fate {
        Fate::Fails => drop(lead),
        Fate::Panics => {
            let _held: Lead = lead;
            panic!("as planned");
        }
        Fate::Shares => lead.share(&super::entry(Timestamp::from_unix_ms(0))),
        Fate::Releases => lead.release(),
    }
}

proptest! {
    /// However requests come, wait, fail, panic and leave: nobody is forgotten and nothing
    /// is left in the map.
    #[test]
    fn no_waiter_is_forgotten_and_no_flight_is_left(
        plans in proptest::collection::vec((plan(), 0..2_u8), 1..24),
    ) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let flights = Arc::new(Flights::default());
            let mut requests = JoinSet::new();
            for (plan, key) in plans {
                requests.spawn(run(Arc::clone(&flights), [key; 32], plan));
            }
            while let Some(ended) = requests.join_next().await {
                let planned = match ended {
                    Ok(()) => true,
                    Err(error) => {
                        let panic = error.into_panic();
                        panic.downcast_ref::<&str>() == Some(&"as planned")
                    }
                };
                assert!(planned, "a waiter was forgotten");
            }
            assert!(flights.is_empty());
        });
    }
}

/// The same on many threads, where leads and leaving waiters meet.
#[test]
fn leads_survive_races_between_threads() {
    let flights = Arc::new(Flights::default());
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let flights = Arc::clone(&flights);
            scope.spawn(move || {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                runtime.block_on(async {
                    for round in 0..400_u64 {
                        match flights.join([0; 32]) {
                            Place::Leads(lead) if round % 3 == 0 => lead.release(),
                            Place::Leads(lead) => drop(lead),
                            // Leaves at once, or waits for as long as it takes.
                            Place::Waits(turn, _) if (round + thread) % 2 == 0 => drop(turn),
                            Place::Waits(turn, _) => {
                                turn.await.expect("a waiter was forgotten");
                            }
                        }
                    }
                });
            });
        }
    });
    assert!(flights.is_empty());
}
