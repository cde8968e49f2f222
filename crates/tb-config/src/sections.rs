//! From the sections of the file to the [`Snapshot`]. Each function reads all keys of its table
//! before it gives up on any, so that every fault is found.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tb_core::{ModelName, ProviderName, ServiceName};

use self::classes::Classes;
use self::providers::Surroundings;
use crate::codes::Code;
use crate::reader::{Place, Section};
use crate::snapshot::{GuardRules, Model, Pinning, Provider, ServerSettings, Service, Snapshot};
use crate::vendors;

mod classes;
mod guard;
mod identity;
mod listeners;
mod models;
mod named_file;
mod pinning;
mod prices;
mod prompts;
mod providers;
mod quotas;
mod records;
mod rules_file;
mod secrets;
mod services;
mod tls;
mod workloads;

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
    let pinning = pinning::pinning(root.always("pinning").as_ref());
    let prompts = prompts::prompts(root);

    let records = records::Records::read(root);
    let organisation = quotas::organisation(root);
    let classes = Classes::read(root);
    let (issuer_names, issuers) = identity::issuers(root);
    let around = Surroundings { classes: &classes, environment: environment.as_deref() };
    let (provider_names, providers) = providers(root, &around);
    let offered = Offered {
        provider_names: &provider_names,
        providers: &providers,
        classes: &classes,
        pinning: pinning.as_ref(),
        templates_only: prompts.as_ref().is_some_and(|(_, templates_only)| *templates_only),
        workloads: workloads::Known {
            issuers: &issuer_names,
            client_certificates: server.as_ref().is_none_or(asks_for_certificates),
        },
    };
    let callers = callers(root, &offered);
    Some(Snapshot {
        hash: 0,
        server: server?,
        storage: storage?,
        journal: journal?,
        providers,
        models: callers.models,
        services: callers.services,
        prices: prices?,
        direct_models: callers.direct_models,
        environment,
        log_format: log_format?,
        cache: cache?,
        guard: callers.guard?,
        organisation,
        keys: records.keys,
        audit: records.audit?,
        content_log: records.content_log,
        retention: records.retention?,
        classes: classes.rules,
        issuers,
        pinning: pinning?,
        prompts: prompts?.0,
    })
}

/// What models and services may refer to.
struct Offered<'a> {
    provider_names: &'a [String],
    providers: &'a BTreeMap<ProviderName, Arc<Provider>>,
    classes: &'a Classes,
    /// `None` was reported.
    pinning: Option<&'a Pinning>,
    /// For services that say nothing of their own.
    templates_only: bool,
    workloads: workloads::Known<'a>,
}

/// Models and services, which refer to each other by way of the guard.
struct Callers {
    models: BTreeMap<ModelName, Arc<Model>>,
    services: HashMap<ServiceName, Arc<Service>>,
    direct_models: bool,
    /// `None` was reported.
    guard: Option<GuardRules>,
}

fn callers(root: &Section<'_>, offered: &Offered<'_>) -> Callers {
    let (model_names, models) = models(root, offered);
    let service_sections = service_sections(root);
    let service_names: Vec<_> = service_sections.iter().map(|(name, _)| name.clone()).collect();
    let guard_names = guard::Names { models: &model_names, services: &service_names };
    let guard = guard::GuardSection::read(root.always("guard").as_ref(), &guard_names);
    let known = services::Known {
        providers: offered.provider_names,
        models: &model_names,
        guard: &guard,
        usable_providers: offered.providers,
        classes: offered.classes,
        workloads: &workloads::by_service(&service_sections, &offered.workloads),
        content_log: root.written_at("content_log").is_some(),
        templates_only: offered.templates_only,
    };
    let services = services(service_sections, &known);
    let direct_models = services.values().any(|service| known.reaches_providers(service));
    Callers { models, services, direct_models, guard: guard.rules() }
}

fn asks_for_certificates(server: &ServerSettings) -> bool {
    server.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some())
}

/// The names of all providers, and those without a fault.
fn providers(
    root: &Section<'_>,
    around: &Surroundings<'_>,
) -> (Vec<String>, BTreeMap<ProviderName, Arc<Provider>>) {
    let sections = root.named("providers");
    let names: Vec<String> = sections.iter().map(|(name, _)| name.clone()).collect();
    if names.is_empty() {
        no_provider(root);
    }
    let provider =
        |(name, section): (String, Section<'_>)| providers::provider(&name, &section, around);
    let providers = sections
        .into_iter()
        .filter_map(provider)
        .map(|provider| (provider.name.clone(), Arc::new(provider)))
        .collect();
    (names, providers)
}

/// The names of all models, and those without a fault.
fn models(
    root: &Section<'_>,
    offered: &Offered<'_>,
) -> (Vec<String>, BTreeMap<ModelName, Arc<Model>>) {
    let sections = root.named("models");
    let names: Vec<String> = sections.iter().map(|(name, _)| name.clone()).collect();
    let known = models::Known {
        provider_names: offered.provider_names,
        providers: offered.providers,
        models: &names,
        pinning: offered.pinning,
    };
    let model = |(name, section): (String, Section<'_>)| models::model(&name, &section, &known);
    let models = sections
        .into_iter()
        .filter_map(model)
        .map(|model| (model.name.clone(), Arc::new(model)))
        .collect();
    (names, models)
}

/// The services with their names; the one `default` when none is written.
fn service_sections<'a>(root: &Section<'a>) -> Vec<(String, Section<'a>)> {
    let mut sections = root.named("services");
    if sections.is_empty() {
        let default = root.unwritten("services", "default");
        sections.extend(default.map(|section| ("default".to_owned(), section)));
    }
    sections
}

fn services(
    sections: Vec<(String, Section<'_>)>,
    known: &services::Known<'_>,
) -> HashMap<ServiceName, Arc<Service>> {
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
