//! From the sections of the file to the [`Snapshot`]. Each function reads all keys of its table
//! before it gives up on any, so that every fault is found.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tb_core::ServiceName;

use crate::codes::Code;
use crate::reader::{Place, Section};
use crate::snapshot::Snapshot;
use crate::vendors;

mod guard;
mod listeners;
mod models;
mod prices;
mod providers;
mod rules_file;
mod secrets;
mod services;

pub(crate) use secrets::MAX_WEIGHT;

/// The whole configuration; `None` when a part of it is faulty. The hash is not yet set.
pub(crate) fn snapshot(root: &Section<'_>) -> Option<Snapshot> {
    let server = listeners::server(&root.always("server"));
    let storage = listeners::storage(&root.always("storage"));
    let journal = listeners::journal(&root.always("journal"));
    let cache = listeners::cache(&root.always("cache"));
    let log_format = listeners::log_format(&root.always("telemetry"));
    let environment = listeners::environment_name(&root.always("environment"));
    let prices = prices::table(root.named("prices"));

    let provider_sections = root.named("providers");
    let provider_names: Vec<String> =
        provider_sections.iter().map(|(name, _)| name.clone()).collect();
    if provider_names.is_empty() {
        no_provider(root);
    }
    let mut providers = BTreeMap::new();
    for (name, section) in provider_sections {
        if let Some(provider) = providers::provider(&name, &section) {
            providers.insert(provider.name.clone(), Arc::new(provider));
        }
    }

    let model_sections = root.named("models");
    let model_names: Vec<String> = model_sections.iter().map(|(name, _)| name.clone()).collect();
    let mut models = BTreeMap::new();
    for (name, section) in model_sections {
        let known = models::Known {
            provider_names: &provider_names,
            providers: &providers,
            models: &model_names,
        };
        if let Some(model) = models::model(&name, &section, &known) {
            models.insert(model.name.clone(), Arc::new(model));
        }
    }

    let known = services::Known { providers: &provider_names, models: &model_names };
    let services = services(root, &known);
    let direct_models = services.values().any(|service| known.reaches_providers(service));
    Some(Snapshot {
        hash: 0,
        server: server?,
        storage: storage?,
        journal: journal?,
        providers,
        models,
        services,
        prices: prices?,
        direct_models,
        environment,
        log_format: log_format?,
        cache: cache?,
        guard: guard::rules()?,
    })
}

fn services(
    root: &Section<'_>,
    known: &services::Known<'_>,
) -> HashMap<ServiceName, Arc<crate::snapshot::Service>> {
    let mut sections = root.named("services");
    if sections.is_empty() {
        let default = root.unwritten("services", "default");
        sections.extend(default.map(|section| ("default".to_owned(), section)));
    }
    let service =
        |(name, section): (String, Section<'_>)| services::service(&name, &section, known);
    sections
        .into_iter()
        .filter_map(service)
        .map(|service| (service.name.clone(), Arc::new(service)))
        .collect()
}

fn no_provider(root: &Section<'_>) {
    root.reader.report(
        &Place::Default,
        Code::NoProvider,
        "no provider is configured, so no model can be called",
        format!(
            "add [providers.NAME], or start without a file with one of {} set",
            vendors::key_variables().join(", ")
        ),
    );
}
