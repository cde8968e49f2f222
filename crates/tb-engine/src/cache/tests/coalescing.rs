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

#[tokio::test(start_paused = true)]
async fn a_waiter_goes_alone_after_half_of_its_time() {
    let gateway = Gateway::start(&on());
    let slow = Ask::chat("[[delay_ms:3000]] hello", "");
    let hasty = slow.clone().header("x-tollbar-timeout-ms", "4000");
    let (first, second) = tokio::join!(gateway.send(&slow), gateway.send(&hasty));
    assert_eq!((first.status, gateway.sent()), (200, 2));
    assert_ne!(second.cache(), "hit");
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
        Place::Waits(turn) => {
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
                            Place::Waits(turn) if (round + thread) % 2 == 0 => drop(turn),
                            Place::Waits(turn) => {
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
