//! A configuration snapshot made ready to serve: targets with their metric series and header
//! values made once, so that a request allocates none of them.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use http::HeaderValue;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use tb_config::{Model, Provider, Snapshot, Target};
use tb_core::{Cost, EndReason, ModelName, NanoUsd, Price, PriceTable, Surface, TokenCounts};

use crate::metrics::{Labels, Metrics, MoneyCounter};

/// The label value for everything that the configuration does not name.
const OTHER: &str = "other";

/// A snapshot with what serving adds to it.
#[derive(Debug)]
pub(crate) struct Runtime {
    pub(crate) snapshot: Arc<Snapshot>,
    models: HashMap<ModelName, Arc<RunningModel>>,
    /// The series of requests that never reached a target.
    pub(crate) no_target: Arc<Series>,
    metrics: Arc<Metrics>,
    /// `overhead_seconds` by route, in the order of [`Surface::ALL`].
    overhead: Vec<Histogram>,
}

/// A model with its targets ready.
#[derive(Debug)]
pub(crate) struct RunningModel {
    pub(crate) model: Arc<Model>,
    pub(crate) targets: Vec<Arc<RunningTarget>>,
    pub(crate) name_header: HeaderValue,
    /// Whether the configuration names it (else it was called as `provider/model`).
    pub(crate) configured: bool,
}

/// A target with its series and header values.
#[derive(Debug)]
pub(crate) struct RunningTarget {
    pub(crate) provider: Arc<Provider>,
    pub(crate) model: ModelName,
    pub(crate) weight: u32,
    pub(crate) series: Arc<Series>,
    pub(crate) provider_header: HeaderValue,
    pub(crate) model_header: HeaderValue,
    /// The `host` header of the provider.
    pub(crate) host_header: HeaderValue,
    /// The price of its model.
    pub(crate) price: Option<Price>,
}

impl Runtime {
    pub(crate) fn new(snapshot: Arc<Snapshot>, metrics: &Arc<Metrics>) -> Self {
        let models = snapshot
            .models
            .iter()
            .map(|(name, model)| {
                (
                    name.clone(),
                    Arc::new(running_model(Arc::clone(model), true, &snapshot.prices, metrics)),
                )
            })
            .collect();
        let no_target = Arc::new(Series::new(OTHER, OTHER, metrics));
        let overhead = Surface::ALL
            .iter()
            .map(|surface| {
                let labels = vec![("route", surface.label().to_owned())];
                metrics.overhead.get_or_create(&labels).clone()
            })
            .collect();
        Self { snapshot, models, no_target, metrics: Arc::clone(metrics), overhead }
    }

    /// Records what the gateway itself added to a request.
    pub(crate) fn count_overhead(&self, surface: Surface, added: Duration) {
        if let Some(histogram) = self.overhead.get(surface as usize) {
            histogram.observe(added.as_secs_f64());
        }
    }

    /// The model that a client names, `provider/model` included where the snapshot allows it.
    pub(crate) fn model(&self, name: &str) -> Option<Arc<RunningModel>> {
        if let Some(running) = self.models.get(name) {
            return Some(Arc::clone(running));
        }
        let model = self.snapshot.model(name)?;
        Some(Arc::new(running_model(model, false, &self.snapshot.prices, &self.metrics)))
    }
}

fn running_model(
    model: Arc<Model>,
    configured: bool,
    prices: &PriceTable,
    metrics: &Arc<Metrics>,
) -> RunningModel {
    let label = if configured { model.name.as_str() } else { OTHER };
    let targets = model
        .targets
        .iter()
        .map(|target| Arc::new(running_target(target, label, prices, metrics)))
        .collect();
    let name_header = header(model.name.as_str());
    RunningModel { model, targets, name_header, configured }
}

fn running_target(
    target: &Target,
    model_label: &str,
    prices: &PriceTable,
    metrics: &Arc<Metrics>,
) -> RunningTarget {
    RunningTarget {
        provider: Arc::clone(&target.provider),
        model: target.model.clone(),
        weight: target.weight,
        series: Arc::new(Series::new(model_label, target.provider.name.as_str(), metrics)),
        provider_header: header(target.provider.name.as_str()),
        model_header: header(target.model.as_str()),
        host_header: header(&target.provider.base_url.authority()),
        price: prices.price(&target.provider.vendor, target.model.as_str()).cloned(),
    }
}

/// A header value; names outside visible ASCII are shown as `other`.
fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(OTHER))
}

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
    fn new(model: &str, provider: &str, metrics: &Arc<Metrics>) -> Self {
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
