//! What an attempt used and cost: the provider's own counts, else estimates.

use tb_core::{Cost, Price, Surface, TokenCounts, UsageSource};
use tb_providers::AnswerFacts;

use crate::ask;
use crate::settlement::AttemptEnd;
use crate::stages::compose::Body;

/// Bytes of UTF-8 text per token: 4 is what vendors state for English text. Estimates are
/// marked as such wherever they are shown.
const BYTES_PER_TOKEN: u64 = 4;

/// Tokens of an image, or of another attachment, whatever its size: vendors cut images to
/// tiles, and state from 85 tokens to 1,600.
const ATTACHMENT_TOKENS: u64 = 1_000;

/// The estimate for `bytes` of text, rounded up.
#[must_use]
pub const fn tokens(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

/// The estimate for what a request sends: its text, and each image or other attachment at a
/// flat rate. The bytes of attachments are no text and say nothing of tokens.
pub(crate) fn input_tokens(surface: Surface, body: &Body) -> u64 {
    let Body::Json(document) = body else { return 0 };
    // Images by address are no attachments, and attachments need not be images.
    let pieces = document.attachments().max(ask::images(surface, body));
    tokens(document.text_bytes()).saturating_add(pieces.saturating_mul(ATTACHMENT_TOKENS))
}

/// The estimate for the texts of a form, which no price is derived from.
pub(crate) fn form_tokens(body: &Body) -> u64 {
    let Body::Form(form, _) = body else { return 0 };
    let texts = form.parts().iter().filter(|part| !part.is_file);
    tokens(texts.map(|part| part.content.len() as u64).sum())
}

/// Whether an estimate is so far beyond a limit that the prompt can hardly fit: half of it may
/// be wrong (code, tables and other languages have fewer or more bytes per token).
pub(crate) const fn surely_exceeds(estimated_tokens: u64, most_tokens: u64) -> bool {
    estimated_tokens > most_tokens.saturating_mul(2)
}

/// Counts out of the bytes that went and came.
fn counts(input_tokens: u64, output_bytes: u64) -> TokenCounts {
    TokenCounts {
        input_fresh: input_tokens,
        output_visible: tokens(output_bytes),
        ..TokenCounts::default()
    }
}

/// What an attempt used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) tokens: TokenCounts,
    pub(crate) source: UsageSource,
    /// The counts are the provider's, raised by what was seen to come.
    raised: bool,
    /// The provider may charge for the attempt, whether or not it tells tokens.
    charged: bool,
}

impl Used {
    const fn nothing(charged: bool) -> Self {
        let tokens = TokenCounts {
            input_fresh: 0,
            cache_read: 0,
            cache_write: 0,
            cache_write_1h: 0,
            output_visible: 0,
            reasoning: 0,
        };
        Self { tokens, source: UsageSource::None, raised: false, charged }
    }

    /// What stands for an attempt whose end nobody saw.
    pub(crate) fn before(surface: Surface, input_tokens: u64) -> Self {
        let unseen = AttemptEnd {
            reason: tb_core::EndReason::Crash,
            status: 0,
            outcome: "crash",
            verdict: tb_core::breaker::Verdict::Neutral,
        };
        Self::after(surface, input_tokens, &AnswerFacts::default(), unseen)
    }

    /// The provider's counts where there are any; otherwise estimates, if the provider may
    /// charge for the attempt.
    pub(crate) fn after(
        surface: Surface,
        input_tokens: u64,
        facts: &AnswerFacts,
        end: AttemptEnd,
    ) -> Self {
        if repeats_an_account(surface) {
            return Self::nothing(false);
        }
        let charged = may_be_charged(end);
        let estimated = counts(input_tokens, facts.output_bytes);
        match facts.tokens {
            Some(tokens) if facts.tokens_final => {
                Self { tokens, source: UsageSource::Provider, raised: false, charged }
            }
            Some(mut tokens) => {
                // A running total may lag behind what was already delivered.
                let seen = estimated.output_visible.saturating_sub(tokens.reasoning);
                let raised = seen > tokens.output_visible;
                tokens.output_visible = tokens.output_visible.max(seen);
                Self { tokens, source: UsageSource::ProviderPartial, raised, charged }
            }
            None if charged && charges_text(surface) => {
                Self { tokens: estimated, source: UsageSource::Estimate, raised: false, charged }
            }
            None => Self::nothing(charged),
        }
    }

    /// What a background response used beyond what was estimated when it was made.
    pub(crate) const fn told_late(mut tokens: TokenCounts, estimated: u64) -> Self {
        tokens.input_fresh = tokens.input_fresh.saturating_sub(estimated);
        Self { tokens, source: UsageSource::Provider, raised: false, charged: true }
    }

    /// What it cost. Pieces (images, sound) have no price here, so they are unpriced and never
    /// free, unless the provider told tokens.
    pub(crate) fn cost(&self, surface: Surface, price: Option<&Price>) -> Cost {
        let source = if self.raised { UsageSource::Estimate } else { self.source };
        match Cost::of(price, &self.tokens, source) {
            Cost::Free if self.charged && is_charged_by_piece(surface) => Cost::Unpriced,
            cost => cost,
        }
    }
}

/// Whether the provider may charge: it accepted the request (2xx), or no status came back
/// although the bytes were sent and it may have taken them or not.
fn may_be_charged(end: AttemptEnd) -> bool {
    match end.status {
        0 => !matches!(end.outcome, "connect" | "connect_timeout"),
        status => (200..300).contains(&status),
    }
}

/// Routes on which providers charge tokens of text, so that an estimate makes sense where no
/// count came. The others are free or charged by the piece, unless the answer says otherwise.
const fn charges_text(surface: Surface) -> bool {
    matches!(
        surface,
        Surface::ChatCompletions
            | Surface::Completions
            | Surface::Responses
            | Surface::Embeddings
            | Surface::Messages
    )
}

/// Routes on which providers charge images, seconds or characters.
pub(crate) const fn is_charged_by_piece(surface: Surface) -> bool {
    matches!(
        surface,
        Surface::ImagesGenerations
            | Surface::ImagesEdits
            | Surface::ImagesVariations
            | Surface::AudioSpeech
            | Surface::AudioTranscriptions
            | Surface::AudioTranslations
    )
}

/// Routes whose answers show the counts of an earlier request, or of none.
const fn repeats_an_account(surface: Surface) -> bool {
    matches!(
        surface,
        Surface::ResponsesGet
            | Surface::ResponsesDelete
            | Surface::ResponsesCancel
            | Surface::CountTokens
    )
}

#[cfg(test)]
mod tests {
    use tb_core::EndReason;

    use super::*;

    fn end(status: u16, outcome: &'static str) -> AttemptEnd {
        let verdict = tb_core::breaker::Verdict::Failure;
        AttemptEnd { reason: EndReason::UpstreamError, status, outcome, verdict }
    }

    fn used(surface: Surface, facts: &AnswerFacts, end: AttemptEnd) -> Used {
        Used::after(surface, 10, facts, end)
    }

    #[test]
    fn what_a_provider_may_have_taken_is_never_zero() {
        let nothing = AnswerFacts::default();
        for (status, outcome) in [(200, "provider_malformed"), (0, "reset"), (0, "client_gone")] {
            let used = used(Surface::ChatCompletions, &nothing, end(status, outcome));
            assert_eq!((used.source, used.tokens.input()), (UsageSource::Estimate, 10));
            assert_eq!(used.cost(Surface::ChatCompletions, None), Cost::Unpriced);
        }
        for (status, outcome) in
            [(0, "connect"), (0, "connect_timeout"), (429, "provider_rate_limit"), (302, "x")]
        {
            let used = used(Surface::ChatCompletions, &nothing, end(status, outcome));
            assert_eq!((used.source, used.tokens.input()), (UsageSource::None, 0));
        }
    }

    #[test]
    fn pieces_are_unpriced_and_never_free() {
        let nothing = AnswerFacts::default();
        for surface in [Surface::ImagesGenerations, Surface::AudioSpeech] {
            assert_eq!(Used::before(surface, 10).cost(surface, None), Cost::Unpriced);
            assert_eq!(used(surface, &nothing, end(200, "ok")).cost(surface, None), Cost::Unpriced);
            let refused = used(surface, &nothing, end(400, "provider_bad_request"));
            assert_eq!(refused.cost(surface, None), Cost::Free);
        }
        let free = used(Surface::Moderations, &nothing, end(200, "ok"));
        assert_eq!(free.cost(Surface::Moderations, None), Cost::Free);
    }

    #[test]
    fn attachments_count_at_a_flat_rate_and_not_as_text() {
        let data = "iVBORw0K".repeat(100_000);
        let tokens = |surface, parts: &str| {
            let text = format!(r#"{{"messages":[{{"role":"user","content":[{parts}]}}]}}"#);
            let document = tb_api::json::Document::parse(text.into()).unwrap();
            input_tokens(surface, &Body::Json(document))
        };
        let chat = |parts: &str| tokens(Surface::ChatCompletions, parts);
        let image = |url: &str| format!(r#"{{"type":"image_url","image_url":{{"url":"{url}"}}}}"#);
        let inline = image(&format!("data:image/png;base64,{data}"));
        let by_address = image("https://example.com/a.png");
        assert!((1_000..1_020).contains(&chat(&inline)));
        assert!((1_000..1_020).contains(&chat(&by_address)));
        assert!((2_000..2_030).contains(&chat(&format!("{inline},{by_address}"))));
        let file = format!(r#"{{"type":"file","file":{{"file_data":"{data}"}}}}"#);
        assert!((1_000..1_020).contains(&chat(&file)));
        let block = format!(r#"{{"type":"image","source":{{"type":"base64","data":"{data}"}}}}"#);
        assert!((1_000..1_020).contains(&tokens(Surface::Messages, &block)));
        let prose = format!(r#"{{"type":"text","text":"{}"}}"#, "four five ".repeat(1_000));
        assert!((2_500..2_520).contains(&chat(&prose)));
    }

    #[test]
    fn a_limit_is_exceeded_for_sure_from_twice_its_size_on() {
        assert!(!surely_exceeds(200, 100) && surely_exceeds(201, 100));
        assert!(!surely_exceeds(u64::MAX, u64::MAX));
    }

    #[test]
    fn a_count_that_was_raised_costs_an_estimate() {
        let price = Price {
            input: 1_000_000,
            cached_input: None,
            cache_write: None,
            cache_write_1h: None,
            output: 1_000_000,
            tiers: Vec::new(),
        };
        let told = TokenCounts { input_fresh: 4, output_visible: 2, ..TokenCounts::default() };
        let mut facts =
            AnswerFacts { tokens: Some(told), output_bytes: 8, ..AnswerFacts::default() };
        let surface = Surface::ChatCompletions;
        let lagging_not = used(surface, &facts, end(200, "ok"));
        assert!(matches!(lagging_not.cost(surface, Some(&price)), Cost::Measured(_)));
        facts.output_bytes = 400;
        let raised = used(surface, &facts, end(200, "ok"));
        assert_eq!((raised.source, raised.tokens.output()), (UsageSource::ProviderPartial, 100));
        assert!(matches!(raised.cost(surface, Some(&price)), Cost::Estimated(_)));
    }
}
