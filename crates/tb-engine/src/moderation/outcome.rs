//! What a judgement may come to, and what the client is told of it.

use http::HeaderValue;
use serde_json::{Map, Value};
use tb_core::EndReason;
use tb_core::breaker::Verdict;

use super::verdict::Category;
use crate::refusal::{Refusal, Refused};
use crate::settlement::AttemptEnd;

/// The code of what was judged harmful.
pub(crate) const BLOCKED: &str = "moderation_blocked";

/// The code of what nobody could judge.
pub(crate) const UNAVAILABLE: &str = "moderation_unavailable";

/// Why there is no judgement. The words stand in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failed {
    /// The configuration in use has no such model.
    NoModel,
    /// No target of the model may receive the text.
    NoTarget,
    /// No target answered in time.
    NoAnswer,
    /// The answer is no judgement.
    Unreadable,
    /// There is more text than one judgement may take.
    TooLong,
    /// What would be judged is no text.
    NoText,
    /// The guard could not look at an answer, so it goes to nobody else.
    Unseen,
}

/// What is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// What a caller sends.
    Before,
    /// What a model answers.
    After,
}

impl Stage {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }

    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::Before => "request",
            Self::After => "answer",
        }
    }
}

/// The end of an attempt whose answer the client does not get: the provider did its part.
pub(super) fn withheld(status: u16) -> AttemptEnd {
    let (reason, verdict) = (EndReason::Guard, Verdict::Success);
    AttemptEnd { reason, status, outcome: "ok", verdict }
}

/// What the client hears when these categories count.
pub(super) fn blocked(stage: Stage, counting: &[Category]) -> Refused {
    let told = |category: &Category| format!("{} ({:.2})", category.name, category.score);
    let categories: Vec<String> = counting.iter().map(told).collect();
    let message = format!(
        "The {} was judged harmful by this gateway's moderation: {}.",
        stage.noun(),
        categories.join(", ")
    );
    let mut refused = Refused::from(Refusal::Policy { status: 400, code: BLOCKED, message });
    let scores: Map<String, Value> =
        counting.iter().map(|category| (category.name.clone(), category.score.into())).collect();
    refused.guard.extra.push(("categories", scores.into()));
    // Another answer to the same request would cost as much and be judged alike.
    refused.retried = stage == Stage::After;
    refused
}

/// What the client hears when there is no judgement.
pub(super) fn unavailable(stage: Stage, why: Failed) -> Refused {
    let noun = stage.noun();
    let message = match why {
        Failed::TooLong => format!("The {noun} is too long for this gateway's moderation."),
        Failed::NoText | Failed::Unseen => {
            format!("The {noun} holds what this gateway's moderation cannot read.")
        }
        Failed::NoModel | Failed::NoTarget | Failed::NoAnswer | Failed::Unreadable => {
            format!("The {noun} could not be judged by this gateway's moderation. Try again later.")
        }
    };
    Refused::from(Refusal::Policy { status: 503, code: UNAVAILABLE, message })
}

/// The refusal in the place of an answer, with what the answer told of its attempts.
pub(super) fn after_attempts(
    mut refused: Refused,
    (attempts, retried): (Option<HeaderValue>, bool),
) -> Refused {
    refused.attempts = attempts.map(Box::new);
    refused.retried |= retried;
    refused
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_categories_are_told_with_their_scores() {
        let counting = [("hate", 0.5), ("violence", 1.0)]
            .map(|(name, score)| Category { name: name.to_owned(), score });
        let refused = blocked(Stage::After, &counting);
        assert_eq!(refused.guard.extra, [("categories", json!({"hate": 0.5, "violence": 1.0}))]);
        assert!(refused.refusal.api_error().message.ends_with("hate (0.50), violence (1.00)."));
        assert_eq!(refused.should_retry(), Some(false));
        assert_eq!(blocked(Stage::Before, &counting).should_retry(), None);
    }

    #[test]
    fn what_nobody_could_judge_may_be_sent_again() {
        let refused = unavailable(Stage::Before, Failed::NoAnswer);
        let error = refused.refusal.api_error();
        assert_eq!((error.status, error.origin), (503, "policy"));
        assert_eq!(refused.refusal.retry_after_ms(), Some(1_000));
    }
}
