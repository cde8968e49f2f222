//! A configuration snapshot made ready to serve: targets with their metric series and header
//! values made once, so that a request allocates none of them.

mod series;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use prometheus_client::metrics::histogram::Histogram;
use tb_config::{Model, Provider, Snapshot, Target, TargetVersion};
use tb_core::{Abilities, ModelName, Price, ProviderName, Secret, Surface, Timestamp};

pub(crate) use self::series::{Outcome, Series};
use crate::clearance::agreement;
use crate::health::{Health, ProviderKeys, TargetHealth};
use crate::identity::{Identity, Issuer};
use crate::metrics::Metrics;
use crate::pins::RunningPin;

/// The label value for everything that the configuration does not name.
const OTHER: &str = "other";

/// A snapshot with what serving adds to it.
#[derive(Debug)]
pub(crate) struct Runtime {
    pub(crate) snapshot: Arc<Snapshot>,
    models: HashMap<ModelName, Arc<RunningModel>>,
    /// The series of requests that never reached a target.
    pub(crate) no_target: Arc<Series>,
    /// What models called as `provider/model` share, by provider: clients choose their names,
    /// so nothing is kept for each. Empty where they may not be called so.
    direct: HashMap<ProviderName, Shared>,
    /// Who may vouch for callers without a key.
    pub(crate) issuers: Vec<Issuer>,
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

/// What targets of one name share.
#[derive(Debug, Clone)]
struct Shared {
    series: Arc<Series>,
    health: Arc<TargetHealth>,
    keys: Arc<ProviderKeys>,
}

/// A target with its series and header values.
#[derive(Debug)]
pub(crate) struct RunningTarget {
    pub(crate) provider: Arc<Provider>,
    pub(crate) model: ModelName,
    pub(crate) weight: u32,
    pub(crate) abilities: Abilities,
    pub(crate) pin: RunningPin,
    pub(crate) series: Arc<Series>,
    pub(crate) health: Arc<TargetHealth>,
    pub(crate) keys: Arc<ProviderKeys>,
    pub(crate) provider_header: HeaderValue,
    pub(crate) model_header: HeaderValue,
    /// The `host` header of the provider.
    pub(crate) host_header: HeaderValue,
    /// The price of its model.
    pub(crate) price: Option<Price>,
    /// Where its provider processes data.
    pub(crate) region: Option<Arc<str>>,
    /// The agreement with its provider, expired or not.
    agreement: Option<Arc<str>>,
}

impl RunningTarget {
    /// The agreement with its provider that holds at this moment.
    pub(crate) fn agreement_at(&self, moment: Timestamp) -> Option<Arc<str>> {
        agreement(&self.provider.handling, moment).and_then(|_| self.agreement.clone())
    }

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
    pub(crate) fn new(
        snapshot: Arc<Snapshot>,
        metrics: &Arc<Metrics>,
        health: &Health,
        identity: &Identity,
    ) -> Self {
        let shared = |name: &str, provider: &Provider, known_as: &ModelName| Shared {
            series: Arc::new(Series::new(name, provider.name.as_str(), metrics)),
            health: health.target(&provider.name, known_as),
            keys: health.keys(provider),
        };
        let models = snapshot
            .models
            .iter()
            .map(|(name, model)| {
                let of = |target: &Target| shared(name.as_str(), &target.provider, &target.model);
                let running = running_model(Arc::clone(model), true, &snapshot, of);
                (name.clone(), Arc::new(running))
            })
            .collect();
        let direct =
            snapshot.providers.values().filter(|_| snapshot.direct_models).map(|provider| {
                (provider.name.clone(), shared(OTHER, provider, &ModelName::from(OTHER)))
            });
        let direct = direct.collect();
        let no_target = Arc::new(Series::new(OTHER, OTHER, metrics));
        let overhead = Surface::ALL
            .iter()
            .map(|surface| {
                let labels = vec![("route", surface.label().to_owned())];
                metrics.overhead.get_or_create(&labels).clone()
            })
            .collect();
        let issuers = identity.issuers(&snapshot);
        Self { snapshot, models, no_target, direct, issuers, overhead }
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
        let provider = &model.targets.first()?.provider.name;
        let shared = self.direct.get(provider)?.clone();
        let of = |_: &Target| shared.clone();
        Some(Arc::new(running_model(Arc::clone(&model), false, &self.snapshot, of)))
    }
}

fn running_model(
    model: Arc<Model>,
    configured: bool,
    snapshot: &Snapshot,
    shared: impl Fn(&Target) -> Shared,
) -> RunningModel {
    let targets = model
        .targets
        .iter()
        .map(|target| Arc::new(running_target(target, snapshot, shared(target))))
        .collect();
    let name_header = header(model.name.as_str());
    RunningModel { model, targets, name_header, configured }
}

fn running_target(target: &Target, snapshot: &Snapshot, shared: Shared) -> RunningTarget {
    let successor = target.version.successor.as_ref().map(|model| {
        let (model, version) = snapshot.pinning.version(&target.provider, model.as_str());
        let version = TargetVersion { successor: None, ..version };
        let next = Target { model, version, ..target.clone() };
        Arc::new(running_target(&next, snapshot, shared.clone()))
    });
    let Shared { series, health, keys } = shared;
    let provider = &target.provider;
    RunningTarget {
        provider: Arc::clone(provider),
        model: target.model.clone(),
        weight: target.weight,
        abilities: target.abilities,
        pin: RunningPin::new(target.version.clone(), successor),
        series,
        health,
        keys,
        provider_header: header(provider.name.as_str()),
        model_header: header(target.model.as_str()),
        host_header: header(&provider.base_url.authority()),
        price: snapshot.prices.price(&provider.vendor, target.model.as_str()).cloned(),
        region: provider.handling.region.as_deref().map(Arc::from),
        agreement: provider.handling.baa.as_ref().map(|baa| baa.reference.as_str().into()),
    }
}

/// A header value; names outside visible ASCII are shown as `other`.
fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(OTHER))
}
