//! Formats known by a mark in their middle, with a run before and after it.

use super::class::{ALNUM, ANY64, Class, DIGIT, HEX, TOKEN68, URL64};
use super::hit::Hit;
use super::randomness::is_plausible_body;

/// A format with its mark.
#[derive(Debug)]
pub(super) struct Marked {
    rule: &'static str,
    pub(super) mark: &'static str,
    before: (Class, usize, usize),
    after: (Class, usize, usize),
}

const fn marked(
    rule: &'static str,
    mark: &'static str,
    before: (Class, usize, usize),
    after: (Class, usize, usize),
) -> Marked {
    Marked { rule, mark, before, after }
}

/// All of them.
pub(super) const MARKED: &[Marked] = &[
    marked("telegram_bot_token", ":AA", (DIGIT, 8, 10), (URL64, 32, 34)),
    marked("terraform_cloud_token", ".atlasv1.", (ALNUM, 14, 14), (ANY64, 60, 70)),
    marked("entra_client_secret", "Q~", (TOKEN68, 4, 4), (TOKEN68, 31, 34)),
    marked("mailchimp_key", "-us", (HEX, 32, 32), (DIGIT, 1, 2)),
    marked("openai_legacy_key", "T3BlbkFJ", (URL64, 20, 120), (URL64, 20, 120)),
    marked("discord_webhook", "/api/webhooks/", (URL, 15, 60), (WEBHOOK, 60, 110)),
    marked("slack_webhook", "hooks.slack.com/", (URL, 0, 8), (WEBHOOK, 30, 120)),
    marked("teams_webhook", ".webhook.office.com/webhookb2/", (URL, 5, 60), (URL_REST, 60, 250)),
    marked("zapier_webhook", "hooks.zapier.com/hooks/catch/", (URL, 0, 8), (WEBHOOK, 10, 60)),
    marked(
        "google_chat_webhook",
        "chat.googleapis.com/v1/spaces/",
        (URL, 0, 8),
        (URL_REST, 60, 300),
    ),
    marked("make_webhook", ".make.com/", (URL, 8, 30), (WEBHOOK, 24, 48)),
    marked("grafana_oncall_webhook", "/integrations/v1/webhook/", (URL, 8, 90), (WEBHOOK, 20, 60)),
    marked("sentry_dsn", "@o", (HEX, 32, 32), (URL_REST, 20, 80)),
];

const URL: Class = URL64.and(b":/.");
const WEBHOOK: Class = URL64.and(b"/");
const URL_REST: Class = URL64.and(b"/?=&.@%~");

/// The secret around the mark that ends at `end`.
pub(super) fn find(text: &[u8], end: usize, marked: &Marked) -> Option<Hit> {
    let at = end.checked_sub(marked.mark.len())?;
    if text.get(at..end)? != marked.mark.as_bytes() {
        return None;
    }
    let (class, least, most) = marked.before;
    let head = text.get(..at)?;
    let before = head.iter().rev().take(most + 1).take_while(|byte| class.has(**byte)).count();
    let (class, least_after, most_after) = marked.after;
    let after = class.run(text.get(end..)?, most_after);
    let before = before.min(most);
    if before < least || after < least_after {
        return None;
    }
    let (start, end) = (at - before, end + after);
    let is_inside = ALNUM.has(*text.get(start)?)
        && start.checked_sub(1).and_then(|at| text.get(at)).is_some_and(|byte| ALNUM.has(*byte));
    let goes_on = text.get(end).is_some_and(|byte| ALNUM.has(*byte));
    let token = text.get(start..end)?;
    (!is_inside && !goes_on && is_plausible_body(token) && token.iter().any(u8::is_ascii_digit))
        .then_some(Hit { rule: marked.rule, start, end, score: 0.95 })
}
