//! What happens when the guard itself fails, and when nobody waits for it.

use std::sync::mpsc::sync_channel;
use std::task::{Context, Waker};

use tokio_util::task::TaskTracker;

use super::apart::Gone;
use super::*;
use crate::admission::Admission;

#[test]
fn a_panic_of_the_guard_ends_where_the_rules_say() {
    let outcome: Option<Done> = caught(|| panic!("no value in here"));
    assert!(outcome.is_none());
    let blocks = failed(&GuardPolicy::default());
    let Err(ended) = blocks.body else { panic!("it goes on") };
    let error = Refused::from(ended).refusal.api_error();
    assert_eq!((error.status, error.code.as_deref()), (500, Some("guard_failed")));
    assert_eq!(error.origin, "gateway");
    let lenient = GuardPolicy { on_error: OnTrouble::Allow, ..GuardPolicy::default() };
    let allows = failed(&lenient);
    assert!(matches!(allows.body, Ok(None)));
    assert_eq!(allows.tallies.row_note(&lenient).as_deref(), Some("failure=1:allow"));
}

/// Its client has gone, its look has not ended.
#[tokio::test]
async fn a_look_apart_holds_its_memory_until_it_ends() {
    let (admission, tasks, gone) = (Admission::default(), TaskTracker::new(), Gone::default());
    let mut memory = admission.hold(100);
    assert!(memory.grow(60));
    let (begins, begun) = sync_channel(1);
    let (end, ends) = sync_channel::<()>(1);
    let seen = gone.clone();
    let look = move || {
        begins.send(()).unwrap();
        ends.recv().unwrap();
        assert!(seen.is_set());
    };
    let mut waiting = Box::pin(apart(&tasks, (memory, &gone), look));
    let mut nobody = Context::from_waker(Waker::noop());
    assert!(waiting.as_mut().poll(&mut nobody).is_pending());
    begun.recv().unwrap();
    assert!(!gone.is_set() && !admission.hold(100).fits(41));
    drop(waiting);
    assert!(gone.is_set() && !admission.hold(100).fits(41), "it goes on");
    end.send(()).unwrap();
    tasks.close();
    tasks.wait().await;
    assert!(admission.hold(100).fits(100));
}

#[tokio::test]
async fn a_look_apart_gives_its_memory_back_to_the_request() {
    let (admission, tasks) = (Admission::default(), TaskTracker::new());
    let mut memory = admission.hold(100);
    assert!(memory.grow(60));
    let (found, memory) = apart(&tasks, (memory, &Gone::default()), || 7).await.unwrap();
    assert_eq!((found, memory.bytes()), (7, 60));
}

#[test]
fn nothing_more_is_looked_at_once_the_request_has_gone() {
    let guard = tb_config::GuardRules::standard().unwrap();
    let rules = Rules {
        guard: guard.guard,
        policy: guard.policy,
        key: ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &[7; 32]),
        surface: tb_core::Surface::ChatCompletions,
        knows_model: true,
        goes_on_from: None,
        gone: Gone::default(),
    };
    let body = r#"{"messages":[{"role":"user","content":"jo@example.com"}]}"#;
    let body = Body::Json(Document::parse(body.into()).unwrap());
    assert_eq!(run(&rules, &body, &[]).tallies.found.len(), 1);
    rules.gone.set();
    let done = run(&rules, &body, &[]);
    assert!(done.tallies.found.is_empty() && done.body.is_err());
}
