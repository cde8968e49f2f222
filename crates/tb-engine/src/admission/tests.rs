use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use tb_core::ServiceName;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn settings(max_concurrent: usize) -> ServerSettings {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    ServerSettings {
        listen,
        admin_listen: listen,
        max_body_bytes: 1 << 20,
        drain_timeout: SECOND,
        authentication: true,
        workers: 1,
        max_concurrent,
        max_queued: 64,
        queue_timeout: SECOND,
        memory_budget_bytes: 1 << 20,
        tls: None,
    }
}

fn service(max_concurrent: Option<usize>) -> Arc<Service> {
    Arc::new(Service { max_concurrent, ..Service::bare(ServiceName::from("bot")) })
}

fn paused<T>(test: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
}

fn reached(refused: Result<Permit, Refusal>) -> LimitReached {
    match refused {
        Err(Refusal::LimitReached(reached)) => *reached,
        other => panic!("no limit: {other:?}"),
    }
}

#[test]
fn a_wait_ends_at_the_queue_time_out() {
    paused(async {
        let admission = Admission::default();
        let (limits, bot) = (settings(1), service(None));
        let _inside = admission.enter(&limits, &bot, None).await.unwrap();
        let began = Instant::now();
        let reached = reached(admission.enter(&limits, &bot, None).await);
        assert_eq!(began.elapsed().as_secs(), 1);
        assert_eq!((reached.code(), reached.used, reached.limit), ("overloaded", 1, 1));
    });
}

#[test]
fn a_wait_ends_at_the_deadline_of_the_request() {
    paused(async {
        let admission = Admission::default();
        let (limits, bot) = (settings(8), service(Some(1)));
        let _inside = admission.enter(&limits, &bot, None).await.unwrap();
        let began = Instant::now();
        let refused = admission.enter(&limits, &bot, Some(SECOND / 4)).await;
        assert!(matches!(refused, Err(Refusal::Deadline(_))), "{refused:?}");
        assert_eq!(began.elapsed().as_millis() / 10, 25);
        let refused = admission.enter(&limits, &bot, Some(SECOND * 9)).await;
        assert_eq!(reached(refused).code(), "concurrency_limit_exceeded");
    });
}

#[test]
fn a_place_that_becomes_free_in_time_is_taken() {
    paused(async {
        let admission = Admission::default();
        let (limits, bot) = (settings(1), service(None));
        let inside = admission.enter(&limits, &bot, None).await.unwrap();
        let leaving = async {
            tokio::time::sleep(SECOND / 2).await;
            drop(inside);
        };
        let (permit, ()) = tokio::join!(admission.enter(&limits, &bot, None), leaving);
        assert!(permit.is_ok());
    });
}

#[test]
fn a_waiter_that_is_dropped_leaves_no_trace() {
    paused(async {
        let admission = Admission::default();
        let (limits, bot) = (settings(1), service(None));
        let inside = admission.enter(&limits, &bot, None).await.unwrap();
        for _ in 0..200 {
            let waits = admission.enter(&limits, &bot, None);
            assert!(tokio::time::timeout(SECOND / 100, waits).await.is_err(), "the line has room");
        }
        drop(inside);
        assert!(admission.enter(&limits, &bot, None).await.is_ok());
    });
}

#[test]
fn requests_hold_memory_and_give_it_back() {
    paused(async {
        let admission = Admission::default();
        let (mut limits, bot) = (settings(8), service(None));
        limits.memory_budget_bytes = 2 * REQUEST_BYTES;
        let mut one = admission.enter(&limits, &bot, None).await.unwrap();
        let mut body = admission.hold(limits.memory_budget_bytes);
        assert!(body.grow(REQUEST_BYTES) && !body.grow(1));
        one.keep(body);
        let reached = reached(admission.enter(&limits, &bot, None).await);
        assert_eq!((reached.kind, reached.code()), (LimitKind::Memory, "overloaded"));
        assert_eq!((reached.used, reached.limit), (131_072, 131_072));
        drop(one);
        assert_eq!(admission.memory.bytes(), 0);
        assert!(admission.enter(&limits, &bot, None).await.is_ok(), "the place came back too");
    });
}

#[test]
fn the_wait_that_is_told_follows_the_departures() {
    paused(async {
        let admission = Admission::default();
        let (limits, bot) = (settings(1), service(None));
        for _ in 0..10 {
            let permit = admission.enter(&limits, &bot, None).await.unwrap();
            tokio::time::sleep(SECOND * 4).await;
            drop(permit);
        }
        let _inside = admission.enter(&limits, &bot, None).await.unwrap();
        let told = reached(admission.enter(&limits, &bot, None).await).retry_after_ms;
        assert!((3_000..=12_000).contains(&told), "{told}");
    });
}

#[test]
fn who_joins_a_line_that_stands_hears_of_it_soon() {
    paused(async {
        let admission = Admission::default();
        let (limits, bot) = (settings(1), service(None));
        let inside = admission.enter(&limits, &bot, None).await.unwrap();
        let refused_after = async || {
            let began = Instant::now();
            assert!(admission.enter(&limits, &bot, None).await.is_err());
            began.elapsed().as_millis() / 10
        };
        assert_eq!(refused_after().await, 100, "nothing is known of the line");
        assert_eq!(refused_after().await, 100, "it has been standing for a moment only");
        assert_eq!(refused_after().await, 10);
        assert_eq!(refused_after().await, 10);
        drop(inside);
        let _inside = admission.enter(&limits, &bot, None).await.unwrap();
        assert_eq!(refused_after().await, 100, "it moves again");
    });
}

#[test]
fn nobody_waits_where_the_time_out_is_zero() {
    paused(async {
        let admission = Admission::default();
        let (mut limits, bot) = (settings(1), service(None));
        limits.queue_timeout = Duration::ZERO;
        let _inside = admission.enter(&limits, &bot, None).await.unwrap();
        let mut refused = std::pin::pin!(admission.enter(&limits, &bot, None));
        let polled = std::future::poll_fn(|cx| Poll::Ready(refused.as_mut().poll(cx))).await;
        assert!(matches!(polled, Poll::Ready(Err(_))));
    });
}

#[test]
fn threads_share_the_limit() {
    let admission = Admission::default();
    let (mut limits, bot) = (settings(3), service(Some(2)));
    limits.queue_timeout = SECOND * 60;
    let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            for _ in 0..500 {
                let permit = admission.enter(&limits, &bot, None).await.unwrap();
                most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                inside.fetch_sub(1, Ordering::SeqCst);
                drop(permit);
            }
        });
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(work);
        }
    });
    assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
    assert_eq!(admission.memory.bytes(), 0);
}
