//! No record, no answer, unless the service says that it can do without.

use crate::gateway::{Ask, Gateway, one};

fn under(policy: &str) -> Gateway {
    let service = "[services.default]\npurposes = [\"general\"]\nmodels = [\"*\"]\n";
    Gateway::start(&one(&format!("{service}{policy}")))
}

const UNRECORDED: &str = "tollbar_dropped_total{what=\"audit\"}";

#[tokio::test(start_paused = true)]
async fn a_service_without_a_record_gets_no_answer_and_nothing_is_sent() {
    for policy in ["", "audit = \"required\""] {
        let gateway = under(policy);
        gateway.refuse_records(true);
        for ask in [Ask::whole("hi"), Ask::stream("hi")] {
            let outcome = gateway.ask(ask).await;
            assert_eq!((outcome.status, outcome.code.as_str()), (503, "audit_unavailable"));
            assert_eq!(outcome.attempts(), "", "nothing is sent");
            assert!(outcome.rows.iter().all(|row| row.provider.is_none()), "{:?}", outcome.rows);
        }
        assert_eq!(gateway.metric(UNRECORDED), None);
        gateway.refuse_records(false);
        assert_eq!(gateway.ask(Ask::whole("hi")).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_can_do_without_is_served_and_it_is_counted() {
    let gateway = under("audit = \"best_effort\"");
    assert_eq!(gateway.ask(Ask::whole("hi")).await.status, 200);
    assert_eq!(gateway.metric(UNRECORDED), None);
    gateway.refuse_records(true);
    for (ask, counted) in [(Ask::whole("hi"), "1"), (Ask::stream("hi"), "2")] {
        let outcome = gateway.ask(ask).await;
        assert_eq!((outcome.status, outcome.attempts()), (200, "a/x=200"));
        assert_eq!(gateway.metric(UNRECORDED).as_deref(), Some(counted));
    }
}
