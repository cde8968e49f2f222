//! Who receives data: services with their providers, and providers with their terms.

use std::collections::BTreeSet;
use std::sync::Arc;

use tb_config::{AuditPolicy, Model, Provider, Service, Snapshot};
use tb_core::{ClassSet, Classes, ModelName, ProviderName, Timestamp};
use tb_engine::lacking;

use super::{Agreement, Processing, Recipient, Share, days, named_classes};

/// Every service, by name.
pub(super) fn services(snapshot: &Snapshot, now: Timestamp) -> Vec<Processing> {
    let mut services: Vec<&Arc<Service>> = snapshot.services.values().collect();
    services.sort_by(|one, other| one.name.cmp(&other.name));
    services.into_iter().map(|service| processing(snapshot, service, now)).collect()
}

fn processing(snapshot: &Snapshot, service: &Service, now: Timestamp) -> Processing {
    let may_send = ClassSet::new(&service.data_classes, service.own_classes);
    let may_send = may_send.with(service.data_class);
    let sent: Vec<(&str, Classes)> =
        named_classes(snapshot).filter(|(_, classes)| may_send.contains(*classes)).collect();
    let share = |provider: &Arc<Provider>| Share {
        provider: provider.name.to_string(),
        data_classes: sent
            .iter()
            .filter(|(_, classes)| lacking(provider, *classes, &snapshot.classes, now).is_none())
            .map(|(name, _)| (*name).to_owned())
            .collect(),
    };
    let guard = &service.guard;
    let actions = guard.actions.by_kind.keys();
    Processing {
        service: service.name.to_string(),
        purposes: service.purposes.iter().map(ToString::to_string).collect(),
        data_classes: sent.iter().map(|(name, _)| (*name).to_owned()).collect(),
        default_class: service.data_class.as_str(),
        models: service.models.iter().map(ToString::to_string).collect(),
        recipients: within_reach(snapshot, service).into_iter().map(share).collect(),
        guard_actions: actions
            .map(|kind| (kind.to_string(), guard.actions.of(kind).as_str()))
            .collect(),
        guard_enabled: guard.enabled,
        networks: service.networks.iter().map(ToString::to_string).collect(),
        audit: match service.audit {
            AuditPolicy::Required => "required",
            AuditPolicy::BestEffort => "best_effort",
        },
        content_log: service.content_log,
    }
}

/// The providers that a service's requests may come to, fallback models and the moderation
/// model included.
fn within_reach<'s>(snapshot: &'s Snapshot, service: &Service) -> Vec<&'s Arc<Provider>> {
    let mut names: BTreeSet<&ProviderName> = BTreeSet::new();
    let named = snapshot.models.values().filter(|model| service.may_call(model.name.as_str()));
    for model in named {
        names.extend(providers_of(model));
    }
    // The operator's own calls need no leave of the service.
    if let Some(moderation) = &service.guard.moderation {
        for model in with_fallbacks(snapshot, &moderation.model) {
            names.extend(providers_of(model));
        }
    }
    let called_directly = |provider: &ProviderName| {
        let prefix = format!("{provider}/");
        snapshot.direct_models
            && service.models.iter().any(|pattern| {
                let stem = pattern.as_str().strip_suffix('*');
                pattern.as_str().starts_with(&prefix)
                    || stem.is_some_and(|stem| prefix.starts_with(stem))
            })
    };
    let reached = |(name, _): &(&ProviderName, _)| names.contains(name) || called_directly(name);
    snapshot.providers.iter().filter(reached).map(|(_, provider)| provider).collect()
}

fn providers_of(model: &Model) -> impl Iterator<Item = &ProviderName> {
    model.targets.iter().map(|target| &target.provider.name)
}

fn with_fallbacks<'s>(snapshot: &'s Snapshot, name: &ModelName) -> Vec<&'s Model> {
    let Some(model) = snapshot.models.get(name) else { return Vec::new() };
    let lists = &model.fallbacks;
    let below = lists.default.iter().chain(&lists.context_too_long).chain(&lists.content_policy);
    let below = below.filter_map(|name| snapshot.models.get(name)).map(|model| &**model);
    std::iter::once(&**model).chain(below).collect()
}

/// Every provider, by name.
pub(super) fn all(snapshot: &Snapshot, now: Timestamp) -> Vec<Recipient> {
    snapshot.providers.values().map(|provider| recipient(snapshot, provider, now)).collect()
}

fn recipient(snapshot: &Snapshot, provider: &Provider, now: Timestamp) -> Recipient {
    let handling = &provider.handling;
    let may = ClassSet::new(&provider.data_classes, handling.own_classes);
    let listed: Vec<_> =
        named_classes(snapshot).filter(|(_, classes)| may.contains(*classes)).collect();
    let lack = |(name, classes): &(&str, Classes)| {
        let word = lacking(provider, *classes, &snapshot.classes, now)?;
        Some(((*name).to_owned(), word))
    };
    let serves = |model: &&Arc<Model>| providers_of(model).any(|name| *name == provider.name);
    Recipient {
        provider: provider.name.to_string(),
        vendor: provider.vendor.clone(),
        host: provider.base_url.host.clone(),
        region: handling.region.clone(),
        on_premises: handling.on_premises,
        zero_retention: handling.zero_retention,
        retention_seconds: handling.retention.map(|period| period.as_secs()),
        training_use: handling.training_use,
        data_classes: listed.iter().map(|(name, _)| (*name).to_owned()).collect(),
        lacking: listed.iter().filter_map(lack).collect(),
        agreement: handling.baa.as_ref().map(|baa| Agreement {
            reference: baa.reference.clone(),
            expires_at: baa.expires_at.to_rfc3339(),
            days_left: days(now, baa.expires_at),
            holds: now < baa.expires_at,
        }),
        models: snapshot
            .models
            .values()
            .filter(serves)
            .map(|model| model.name.to_string())
            .collect(),
    }
}
