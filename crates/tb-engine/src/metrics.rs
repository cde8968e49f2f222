//! What is counted, under the names of the contract. Label values come from the
//! configuration only; anything else is `other`.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::health::{Health, KeyHealth};
use crate::quota::Ledger;

/// Label names and values.
pub(crate) type Labels = Vec<(&'static str, String)>;

type HistogramFamily = Family<Labels, Histogram, fn() -> Histogram>;
pub(crate) type MoneyCounter = Counter<f64, AtomicU64>;

/// Every metric, registered once.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pub(crate) requests: Family<Labels, Counter>,
    pub(crate) request_duration: HistogramFamily,
    pub(crate) time_to_first_token: HistogramFamily,
    pub(crate) inter_token: HistogramFamily,
    pub(crate) overhead: HistogramFamily,
    pub(crate) tokens: Family<Labels, Counter>,
    pub(crate) cost_usd: Family<Labels, MoneyCounter>,
    pub(crate) unpriced_requests: Counter,
    pub(crate) streams_ended: Family<Labels, Counter>,
    pub(crate) upstream_attempts: Family<Labels, Counter>,
    pub(crate) fallbacks: Family<Labels, Counter>,
    pub(crate) pin_violations: Counter,
    /// By model.
    pub(crate) served_model_drift: Family<Labels, Counter>,
    pub(crate) served_fingerprint_changes: Family<Labels, Counter>,
    pub(crate) degraded: Family<Labels, Counter>,
    pub(crate) cache_requests: Family<Labels, Counter>,
    pub(crate) cache_saved_usd: MoneyCounter,
    pub(crate) limit_rejections: Family<Labels, Counter>,
    pub(crate) guard_findings: Family<Labels, Counter>,
    pub(crate) guard_signals: Family<Labels, Counter>,
    /// By outcome: `issued`, and in answers `restored` and `unknown`.
    pub(crate) placeholders: Family<Labels, Counter>,
    pub(crate) guard_seconds: Histogram,
    pub(crate) guard_moderation: Family<Labels, Counter>,
    /// What was given up for lack of room or of time, where that loses no request.
    pub(crate) dropped: Family<Labels, Counter>,
    /// Written when the page is made: breakers and keys change by themselves as time passes.
    breaker_state: Family<Labels, Gauge>,
    provider_keys: Family<Labels, Gauge>,
    budget_used_ratio: Family<Labels, Gauge<f64, AtomicU64>>,
    health: OnceLock<Weak<Health>>,
    quotas: OnceLock<Weak<Ledger>>,
    /// One page at a time: what is written for one of them is not what another one clears.
    page: Mutex<()>,
    /// Requests between admission and settlement.
    pub(crate) inflight_requests: Gauge,
    journal_lag_seconds: Gauge<f64, AtomicU64>,
    config_last_reload_successful: Gauge,
    oldest_record_age_seconds: Family<Labels, Gauge<f64, AtomicU64>>,
}

impl Metrics {
    /// All metrics, at zero.
    #[must_use]
    pub fn new(version: &str) -> Self {
        let mut metrics = Self::unregistered();
        metrics.register(version);
        metrics.config_last_reload_successful.set(1);
        metrics
    }

    fn unregistered() -> Self {
        Self {
            registry: Registry::with_prefix("tollbar"),
            requests: Family::default(),
            request_duration: Family::new_with_constructor(duration_histogram),
            time_to_first_token: Family::new_with_constructor(duration_histogram),
            inter_token: Family::new_with_constructor(inter_token_histogram),
            overhead: Family::new_with_constructor(overhead_histogram),
            tokens: Family::default(),
            cost_usd: Family::default(),
            unpriced_requests: Counter::default(),
            streams_ended: Family::default(),
            upstream_attempts: Family::default(),
            fallbacks: Family::default(),
            pin_violations: Counter::default(),
            served_model_drift: Family::default(),
            served_fingerprint_changes: Family::default(),
            degraded: Family::default(),
            cache_requests: Family::default(),
            cache_saved_usd: MoneyCounter::default(),
            limit_rejections: Family::default(),
            guard_findings: Family::default(),
            guard_signals: Family::default(),
            placeholders: Family::default(),
            guard_seconds: overhead_histogram(),
            guard_moderation: Family::default(),
            dropped: Family::default(),
            breaker_state: Family::default(),
            provider_keys: Family::default(),
            budget_used_ratio: Family::default(),
            health: OnceLock::new(),
            quotas: OnceLock::new(),
            page: Mutex::default(),
            inflight_requests: Gauge::default(),
            journal_lag_seconds: Gauge::default(),
            config_last_reload_successful: Gauge::default(),
            oldest_record_age_seconds: Family::default(),
        }
    }

    fn register(&mut self, version: &str) {
        let registry = &mut self.registry;
        registry.register("requests", "Requests by outcome", self.requests.clone());
        registry.register_with_unit(
            "request_duration",
            "Time from the request's head to the end of its answer",
            Unit::Seconds,
            self.request_duration.clone(),
        );
        registry.register_with_unit(
            "time_to_first_token",
            "Time to the first output of a stream, from the request's head or a later attempt",
            Unit::Seconds,
            self.time_to_first_token.clone(),
        );
        registry.register_with_unit(
            "inter_token",
            "Mean time between pieces of a stream after the first",
            Unit::Seconds,
            self.inter_token.clone(),
        );
        registry.register_with_unit(
            "overhead",
            "Time that the gateway itself added before sending",
            Unit::Seconds,
            self.overhead.clone(),
        );
        registry.register("tokens", "Tokens by direction and kind", self.tokens.clone());
        registry.register("cost_usd", "Cost in dollars", self.cost_usd.clone());
        registry.register(
            "unpriced_requests",
            "Attempts that used tokens of a model without a price",
            self.unpriced_requests.clone(),
        );
        self.register_ladder();
        self.register_rest(version);
    }

    fn register_ladder(&mut self) {
        let registry = &mut self.registry;
        let mut family = |name, help, family: &Family<Labels, Counter>| {
            registry.register(name, help, family.clone());
        };
        family("upstream_attempts", "Attempts at providers by outcome", &self.upstream_attempts);
        family("fallbacks", "Requests that went on to a fallback model", &self.fallbacks);
        family("degraded", "Answers below what was asked, by level", &self.degraded);
        family("cache_requests", "Requests by what the cache did", &self.cache_requests);
        family("limit_rejections", "Requests refused by a limit", &self.limit_rejections);
        family("guard_findings", "What the guard found, by type and action", &self.guard_findings);
        family("guard_signals", "Signals that are no findings", &self.guard_signals);
        family("placeholders", "Placeholders by what became of them", &self.placeholders);
        family("guard_moderation", "Judgements of moderation models", &self.guard_moderation);
        family("served_model_drift", "Answers of another model", &self.served_model_drift);
        let fingerprints = &self.served_fingerprint_changes;
        family("served_fingerprint_changes", "Answers of servers not seen before", fingerprints);
        family("dropped", "What was given up for lack of room, by kind", &self.dropped);
        registry.register(
            "pin_violations",
            "Requests for models that are not pinned or are retired, refused or not",
            self.pin_violations.clone(),
        );
        let saved = self.cache_saved_usd.clone();
        registry.register("cache_saved_usd", "Dollars that cached answers saved", saved);
        registry.register(
            "breaker_state",
            "Circuit breakers: 0 closed, 1 half-open, 2 open",
            self.breaker_state.clone(),
        );
        registry.register(
            "provider_keys",
            "Keys at providers by state: live, cooling, disabled",
            self.provider_keys.clone(),
        );
        registry.register(
            "budget_used_ratio",
            "The share of a service's budget that is spent in the present period",
            self.budget_used_ratio.clone(),
        );
    }

    fn register_rest(&mut self, version: &str) {
        let registry = &mut self.registry;
        registry.register_with_unit(
            "guard",
            "Time that looking at a request took",
            Unit::Seconds,
            self.guard_seconds.clone(),
        );
        registry.register("streams_ended", "Streams by end reason", self.streams_ended.clone());
        registry.register(
            "inflight_requests",
            "Requests between admission and settlement",
            self.inflight_requests.clone(),
        );
        registry.register_with_unit(
            "journal_lag",
            "How far the store lags behind the journal",
            Unit::Seconds,
            self.journal_lag_seconds.clone(),
        );
        registry.register(
            "config_last_reload_successful",
            "1 when the last reload of the configuration was applied",
            self.config_last_reload_successful.clone(),
        );
        registry.register_with_unit(
            "oldest_record_age",
            "Age of the oldest record that is kept, by kind; 0 where there is none",
            Unit::Seconds,
            self.oldest_record_age_seconds.clone(),
        );
        let build_info: Family<Labels, Gauge> = Family::default();
        build_info.get_or_create(&vec![("version", version.to_owned())]).set(1);
        registry.register("build_info", "The version that runs", build_info);
    }

    /// Says how old the oldest record of a kind is, in milliseconds; 0 where there is none.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of centuries fit")]
    pub fn set_oldest_record_age(&self, kind: &'static str, age_ms: i64) {
        let labels = vec![("kind", kind.to_owned())];
        self.oldest_record_age_seconds.get_or_create(&labels).set(age_ms as f64 / 1_000.0);
    }

    /// Says whether the last reload of the configuration was applied.
    pub fn set_reload_outcome(&self, applied: bool) {
        self.config_last_reload_successful.set(i64::from(applied));
    }

    /// Where the states of breakers, keys and budgets are read; the first engine's stay.
    pub(crate) fn watch(&self, health: &Arc<Health>, quotas: &Arc<Ledger>) {
        let _ = self.health.set(Arc::downgrade(health));
        let _ = self.quotas.set(Arc::downgrade(quotas));
    }

    /// The budgets of the configured services at this moment.
    fn write_budgets(&self) {
        let Some(quotas) = self.quotas.get().and_then(Weak::upgrade) else { return };
        self.budget_used_ratio.clear();
        for (service, ratio) in quotas.used_ratios() {
            let labels = vec![("service", service.to_string())];
            self.budget_used_ratio.get_or_create(&labels).set(ratio);
        }
    }

    /// The states of breakers and keys at this moment. Those of targets that the configuration
    /// no longer has are gone.
    fn write_health(&self) {
        let Some(health) = self.health.get().and_then(Weak::upgrade) else { return };
        self.breaker_state.clear();
        for target in health.targets() {
            let labels = vec![("provider", target.provider), ("model", target.model)];
            self.breaker_state.get_or_create(&labels).set(target.state.level());
        }
        self.provider_keys.clear();
        for key in health.provider_keys() {
            for state in KeyHealth::ALL {
                let labels =
                    vec![("provider", key.provider.clone()), ("state", state.as_str().to_owned())];
                let here = i64::from(state == key.state);
                self.provider_keys.get_or_create(&labels).inc_by(here);
            }
        }
    }

    /// The page in OpenMetrics 1.0 text form.
    #[must_use]
    pub fn openmetrics(&self, journal_lag_ms: u64) -> String {
        #[expect(clippy::cast_precision_loss, reason = "a lag of 2^53 ms does not occur")]
        self.journal_lag_seconds.set(journal_lag_ms as f64 / 1_000.0);
        let _page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        self.write_health();
        self.write_budgets();
        let mut page = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut page, &self.registry);
        page
    }

    /// The page in the Prometheus text form 0.0.4: counters carry their `_total` in `HELP`
    /// and `TYPE` too, and there are no `UNIT` and `EOF` lines and no exemplars.
    #[must_use]
    pub fn prometheus_text(&self, journal_lag_ms: u64) -> String {
        let openmetrics = self.openmetrics(journal_lag_ms);
        let counters: Vec<&str> = openmetrics
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
            .collect();
        let mut page = String::with_capacity(openmetrics.len());
        for line in openmetrics.lines() {
            push_prometheus_line(line, &counters, &mut page);
        }
        page
    }
}

fn push_prometheus_line(line: &str, counters: &[&str], page: &mut String) {
    if line == "# EOF" || line.starts_with("# UNIT ") {
        return;
    }
    let comment = line
        .strip_prefix("# HELP ")
        .map(|rest| ("# HELP ", rest))
        .or_else(|| line.strip_prefix("# TYPE ").map(|rest| ("# TYPE ", rest)));
    if let Some((marker, rest)) = comment
        && let Some((name, text)) = rest.split_once(' ')
    {
        page.push_str(marker);
        page.push_str(name);
        if counters.contains(&name) {
            page.push_str("_total");
        }
        page.push(' ');
        page.push_str(text);
    } else {
        page.push_str(line.split(" # {").next().unwrap_or(line));
    }
    page.push('\n');
}

/// 0.05 s to 600 s in steps of about 1.5, as measured to give percentiles within 7 %.
fn duration_histogram() -> Histogram {
    Histogram::new([
        0.05, 0.075, 0.11, 0.17, 0.25, 0.38, 0.57, 0.85, 1.3, 1.9, 2.9, 4.3, 6.5, 9.7, 14.6, 21.9,
        32.8, 49.3, 73.9, 111.0, 166.0, 249.0, 374.0, 600.0,
    ])
}

/// OpenTelemetry's buckets of `gen_ai.server.time_per_output_token`.
fn inter_token_histogram() -> Histogram {
    Histogram::new([0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5])
}

/// 10 µs to 100 ms.
fn overhead_histogram() -> Histogram {
    Histogram::new([
        0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01,
        0.025, 0.1,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_keep_their_suffix_in_prometheus_text() {
        let metrics = Metrics::new("1.2.3");
        metrics.requests.get_or_create(&vec![("route", "models".to_owned())]).inc();
        let page = metrics.prometheus_text(1_500);
        assert!(page.contains("# TYPE tollbar_requests_total counter\n"), "{page}");
        assert!(page.contains("tollbar_requests_total{route=\"models\"} 1\n"));
        assert!(page.contains("tollbar_journal_lag_seconds 1.5\n"));
        assert!(!page.contains("# EOF") && !page.contains("# UNIT"));
        assert!(metrics.openmetrics(0).ends_with("# EOF\n"));
    }
}
