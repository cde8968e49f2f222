//! The metric series of one (model, provider), looked up once.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use tb_core::{Cost, EndReason, NanoUsd, Surface, TokenCounts};

use crate::metrics::{Labels, Metrics, MoneyCounter};

/// The metric series of one (model, provider), looked up once.
#[derive(Debug)]
pub(crate) struct Series {
    model: String,
    provider: String,
    metrics: Arc<Metrics>,
    requests: RwLock<HashMap<Outcome, (Counter, Histogram)>>,
    attempts_ok: Counter,
    cost_measured: MoneyCounter,
    tokens: [Counter; 5],
    pub(crate) time_to_first_token: Histogram,
    pub(crate) inter_token: Histogram,
}

/// What tells the series of `requests_total` apart within one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Outcome {
    pub(crate) surface: Surface,
    /// 2 for 200–299 and so on.
    pub(crate) status_class: u16,
    pub(crate) error_type: &'static str,
    pub(crate) stream: bool,
}

/// Direction and kind of [`Series::tokens`], in order.
const TOKEN_KINDS: [(&str, &str); 5] = [
    ("input", "fresh"),
    ("input", "cache_read"),
    ("input", "cache_write"),
    ("output", "visible"),
    ("output", "reasoning"),
];

impl Series {
    pub(super) fn new(model: &str, provider: &str, metrics: &Arc<Metrics>) -> Self {
        let target = labels(model, provider);
        Self {
            model: model.to_owned(),
            provider: provider.to_owned(),
            metrics: Arc::clone(metrics),
            requests: RwLock::default(),
            attempts_ok: metrics
                .upstream_attempts
                .get_or_create(&with(&target, &[("outcome", "ok")]))
                .clone(),
            cost_measured: metrics
                .cost_usd
                .get_or_create(&with(&target, &[("source", "provider_usage")]))
                .clone(),
            tokens: TOKEN_KINDS.map(|(direction, kind)| {
                let labels = with(&target, &[("direction", direction), ("kind", kind)]);
                metrics.tokens.get_or_create(&labels).clone()
            }),
            time_to_first_token: metrics.time_to_first_token.get_or_create(&target).clone(),
            inter_token: metrics.inter_token.get_or_create(&target).clone(),
        }
    }

    /// Counts the end of a request.
    pub(crate) fn count_request(&self, outcome: Outcome, seconds: f64) {
        if let Ok(known) = self.requests.read()
            && let Some((counter, histogram)) = known.get(&outcome)
        {
            counter.inc();
            histogram.observe(seconds);
            return;
        }
        let labels = with(
            &labels(&self.model, &self.provider),
            &[
                ("route", outcome.surface.label()),
                ("stream", if outcome.stream { "true" } else { "false" }),
            ],
        );
        let histogram = self.metrics.request_duration.get_or_create(&labels).clone();
        let status_class = format!("{}xx", outcome.status_class);
        let labels =
            with(&labels, &[("status_class", &status_class), ("error_type", outcome.error_type)]);
        let counter = self.metrics.requests.get_or_create(&labels).clone();
        counter.inc();
        histogram.observe(seconds);
        if let Ok(mut known) = self.requests.write() {
            known.insert(outcome, (counter, histogram));
        }
    }

    /// Another model than the pinned one answered.
    pub(crate) fn count_drift(&self) {
        let labels = vec![("model", self.model.clone())];
        self.metrics.served_model_drift.get_or_create(&labels).inc();
    }

    /// Servers answered that did not before.
    pub(crate) fn count_fingerprint(&self) {
        let labels = vec![("model", self.model.clone())];
        self.metrics.served_fingerprint_changes.get_or_create(&labels).inc();
    }

    /// Counts one attempt; `outcome` is `ok` or the label of an error class.
    pub(crate) fn count_attempt(&self, outcome: &'static str) {
        if outcome == "ok" {
            self.attempts_ok.inc();
            return;
        }
        let labels = with(&labels(&self.model, &self.provider), &[("outcome", outcome)]);
        self.metrics.upstream_attempts.get_or_create(&labels).inc();
    }

    /// Counts the end of a stream.
    pub(crate) fn count_stream_end(&self, reason: EndReason) {
        let labels = vec![("end_reason", reason.as_str().to_owned())];
        self.metrics.streams_ended.get_or_create(&labels).inc();
    }

    /// Counts tokens by kind.
    pub(crate) fn count_tokens(&self, tokens: &TokenCounts) {
        let counts = [
            tokens.input_fresh,
            tokens.cache_read,
            tokens.cache_write.saturating_add(tokens.cache_write_1h),
            tokens.output_visible,
            tokens.reasoning,
        ];
        for (counter, count) in self.tokens.iter().zip(counts) {
            if count > 0 {
                counter.inc_by(count);
            }
        }
    }

    /// Adds to the cost metrics.
    pub(crate) fn count_cost(&self, cost: Cost) {
        match cost {
            Cost::Measured(amount) => {
                self.cost_measured.inc_by(usd(amount));
            }
            Cost::Estimated(amount) => {
                let target = labels(&self.model, &self.provider);
                let labels = with(&target, &[("source", "estimated")]);
                self.metrics.cost_usd.get_or_create(&labels).inc_by(usd(amount));
            }
            Cost::Unpriced => {
                self.metrics.unpriced_requests.inc();
            }
            Cost::Free => {}
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "metrics show dollars, rows keep the integer")]
fn usd(amount: NanoUsd) -> f64 {
    amount.0 as f64 / 1e9
}

fn labels(model: &str, provider: &str) -> Labels {
    vec![("model", model.to_owned()), ("provider", provider.to_owned())]
}

fn with(labels: &Labels, more: &[(&'static str, &str)]) -> Labels {
    let mut all = labels.clone();
    all.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    all
}
