//! The stage between `compose` and `scrub`: the request counts in every scope that has limits,
//! and takes its place there.

use std::sync::Arc;

use tb_api::json::Value;
use tb_config::Service;
use tb_core::Surface;

use super::{Claim, Scopes};
use crate::engine::Engine;
use crate::refusal::Refusal;
use crate::settlement::Settlement;
use crate::stages::compose::{Body, Composed};

/// How long a client says that its answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stated {
    /// Output tokens of one answer; `None` where it does not say.
    pub(super) each: Option<u64>,
    /// Answers that it asks for.
    pub(super) answers: u64,
}

/// Takes the request's place in every scope, or refuses it. A request that is refused leaves no
/// row, as one that finds no place in admission leaves none: whoever floods must not fill the
/// journal.
///
/// # Errors
/// A limit on requests, or on requests at the same time, is reached.
pub(crate) fn claim(
    engine: &Engine,
    composed: &Composed,
    settlement: &mut Settlement,
) -> Result<(), Refusal> {
    let admitted = &composed.admitted;
    let now = settlement.now();
    let bound = Scopes::of(
        &engine.shared,
        (&admitted.runtime, &admitted.service),
        composed.model.as_ref(),
        (settlement.row(), now),
    );
    let Some(scopes) = bound else { return Ok(()) };
    let stated = Stated::read(settlement.row().surface, &composed.body);
    let mut claim = Claim::new(Arc::clone(&engine.shared.quotas), scopes, stated);
    let entered = claim.enter(now);
    settlement.take_claim(claim);
    entered.map_err(|reached| {
        settlement.turned_away();
        Refusal::LimitReached(reached)
    })
}

/// Accounts a question of the gateway's own on behalf of `service`: what it costs counts, but it
/// is not refused, since the request that it is about was let in.
pub(crate) fn claim_own(
    engine: &Engine,
    service: &Arc<Service>,
    composed: &Composed,
    settlement: &mut Settlement,
) {
    let now = settlement.now();
    let runtime = &composed.admitted.runtime;
    let model = composed.model.as_ref();
    let row = settlement.row();
    if let Some(scopes) = Scopes::of(&engine.shared, (runtime, service), model, (row, now)) {
        let stated = Stated::read(settlement.row().surface, &composed.body);
        let claim = Claim::new(Arc::clone(&engine.shared.quotas), scopes, stated);
        settlement.take_claim(claim.of_own());
    }
}

impl Stated {
    /// What the body says, in the words of its route.
    pub(super) fn read(surface: Surface, body: &Body) -> Self {
        let count = |key: &str| match body {
            Body::Json(document) => whole(document.get(key)?),
            Body::Form(form, _) => form.text(key)?.trim().parse().ok(),
            Body::Empty => None,
        };
        let (each, answers) = match surface {
            // Which of both a provider keeps to is its own affair.
            Surface::ChatCompletions => {
                (count("max_completion_tokens").max(count("max_tokens")), count("n"))
            }
            Surface::Completions => (count("max_tokens"), count("best_of").max(count("n"))),
            Surface::Messages => (count("max_tokens"), None),
            Surface::Responses => (count("max_output_tokens"), None),
            Surface::ImagesGenerations | Surface::ImagesEdits | Surface::ImagesVariations => {
                (None, count("n"))
            }
            _ => (None, None),
        };
        // Nothing is no bound: there are servers that take it for none.
        Self { each: each.filter(|each| *each > 0), answers: answers.unwrap_or(1).max(1) }
    }
}

/// A count in every form in which a lenient server may read one: `3`, `3.0`, `3e0`, `"3"`. One
/// below nothing is none, as servers take -1 for "no bound".
fn whole(value: Value<'_>) -> Option<u64> {
    let read = |value: &Value<'_>| value.as_str()?.trim().parse::<f64>().ok();
    let number = || value.as_f64().or_else(|| read(&value)).filter(|number| *number >= 0.0);
    // Beyond what can be counted is more than any limit.
    value.as_u64().or_else(|| Some(format!("{:.0}", number()?.ceil()).parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use tb_api::json::Document;

    use super::*;

    fn stated(surface: Surface, text: &'static str) -> (Option<u64>, u64) {
        let document = Document::parse(text.into()).unwrap();
        let Stated { each, answers } = Stated::read(surface, &Body::Json(document));
        (each, answers)
    }

    #[test]
    fn reads_how_long_an_answer_may_be() {
        use Surface::{ChatCompletions, Completions, Embeddings, Messages, Responses};
        assert_eq!(stated(ChatCompletions, r#"{"max_tokens":5}"#), (Some(5), 1));
        let both = r#"{"max_tokens":5,"max_completion_tokens":7,"n":3}"#;
        assert_eq!(stated(ChatCompletions, both), (Some(7), 3));
        assert_eq!(stated(Completions, r#"{"max_tokens":5,"n":2,"best_of":4}"#), (Some(5), 4));
        assert_eq!(stated(Responses, r#"{"max_output_tokens":9}"#), (Some(9), 1));
        assert_eq!(stated(Messages, r#"{"max_tokens":8,"n":9}"#), (Some(8), 1));
        assert_eq!(stated(Embeddings, r#"{"max_tokens":8}"#), (None, 1));
        assert_eq!(stated(ChatCompletions, r#"{"max_tokens":null,"n":0}"#), (None, 1));
    }

    #[test]
    fn no_form_of_a_count_makes_a_request_look_smaller() {
        use Surface::{ChatCompletions, Completions};
        for (body, expected) in [
            (r#"{"max_tokens":70,"max_completion_tokens":5}"#, (Some(70), 1)),
            (r#"{"max_tokens":5.0,"n":3.0}"#, (Some(5), 3)),
            (r#"{"max_tokens":"5","n":"3"}"#, (Some(5), 3)),
            (r#"{"max_tokens":5e2,"n":2.5}"#, (Some(500), 3)),
            (r#"{"max_tokens":0,"n":-4}"#, (None, 1)),
            (r#"{"max_tokens":-1}"#, (None, 1)),
            (r#"{"max_tokens":1e300,"n":99999999999999999999}"#, (Some(u64::MAX), u64::MAX)),
            (r#"{"max_tokens":[5],"n":{}}"#, (None, 1)),
        ] {
            assert_eq!(stated(ChatCompletions, body), expected, "{body}");
        }
        assert_eq!(stated(Completions, r#"{"best_of":"7","n":2.0}"#), (None, 7));
        assert_eq!(stated(Surface::ImagesGenerations, r#"{"n":4}"#), (None, 4));
    }
}
