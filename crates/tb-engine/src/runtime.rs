//! A configuration snapshot made ready to serve: targets with their metric series and header
//! values made once, so that a request allocates none of them.

mod series;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::HeaderValue;
use prometheus_client::metrics::histogram::Histogram;
use tb_config::{Model, Provider, Snapshot, Target};
use tb_core::{ModelName, Price, PriceTable, ProviderName, Secret, Surface};

pub(crate) use self::series::{Outcome, Series};
use crate::metrics::Metrics;

/// The label value for everything that the configuration does not name.
const OTHER: &str = "other";

/// A snapshot with what serving adds to it.
#[derive(Debug)]
pub(crate) struct Runtime {
    pub(crate) snapshot: Arc<Snapshot>,
    models: HashMap<ModelName, Arc<RunningModel>>,
    /// The series of requests that never reached a target.
    pub(crate) no_target: Arc<Series>,
    /// The series of models called as `provider/model`, by provider, made when first needed.
    direct: RwLock<HashMap<ProviderName, Arc<Series>>>,
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

impl RunningTarget {
    /// The provider's key at this place, the first one by default; `None` for servers without
    /// keys.
    pub(crate) fn api_key(&self, index: Option<u32>) -> Option<&Secret> {
        let index = usize::try_from(index.unwrap_or(0)).ok()?;
        self.provider.api_keys.get(index)
    }

    /// Whether the provider still has the key at this place.
    pub(crate) fn has_key(&self, index: u32) -> bool {
        let unkeyed = self.provider.api_keys.is_empty() && index == 0;
        unkeyed || self.api_key(Some(index)).is_some()
    }
}

impl Runtime {
    pub(crate) fn new(snapshot: Arc<Snapshot>, metrics: &Arc<Metrics>) -> Self {
        let models = snapshot
            .models
            .iter()
            .map(|(name, model)| {
                let series = |provider: &Provider| {
                    Arc::new(Series::new(name.as_str(), provider.name.as_str(), metrics))
                };
                let model = Arc::clone(model);
                (name.clone(), Arc::new(running_model(model, true, &snapshot.prices, series)))
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
        let (direct, metrics) = (RwLock::default(), Arc::clone(metrics));
        Self { snapshot, models, no_target, direct, metrics, overhead }
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
        let series = |provider: &Provider| self.direct_series(&provider.name);
        Some(Arc::new(running_model(model, false, &self.snapshot.prices, series)))
    }

    fn direct_series(&self, provider: &ProviderName) -> Arc<Series> {
        let known =
            self.direct.read().unwrap_or_else(PoisonError::into_inner).get(provider).cloned();
        known.unwrap_or_else(|| {
            let mut direct = self.direct.write().unwrap_or_else(PoisonError::into_inner);
            let made = direct.entry(provider.clone());
            let series = || Arc::new(Series::new(OTHER, provider.as_str(), &self.metrics));
            Arc::clone(made.or_insert_with(series))
        })
    }
}

fn running_model(
    model: Arc<Model>,
    configured: bool,
    prices: &PriceTable,
    series: impl Fn(&Provider) -> Arc<Series>,
) -> RunningModel {
    let targets = model
        .targets
        .iter()
        .map(|target| Arc::new(running_target(target, prices, series(&target.provider))))
        .collect();
    let name_header = header(model.name.as_str());
    RunningModel { model, targets, name_header, configured }
}

fn running_target(target: &Target, prices: &PriceTable, series: Arc<Series>) -> RunningTarget {
    RunningTarget {
        provider: Arc::clone(&target.provider),
        model: target.model.clone(),
        weight: target.weight,
        series,
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
