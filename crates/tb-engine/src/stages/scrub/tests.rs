//! What happens when the guard itself fails.

use super::*;

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
