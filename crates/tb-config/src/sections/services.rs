//! `[services.NAME]`

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tb_core::{DataClass, Limits, Network, ProviderName};

use super::classes::{Classes, Listed};
use super::guard::GuardSection;
use super::providers::check_name;
use super::quotas::{limits_and_budget, user_limits};
use crate::codes::Code;
use crate::nearest::nearest;
use crate::reader::{At, Place, Section};
use crate::redact::quoted;
use crate::snapshot::{AuditPolicy, Provider, Service, Workload, matches_pattern};
use crate::value::{Mistake, Word};

/// The purpose of the service `default`, which exists when no service is configured.
const DEFAULT_PURPOSE: &str = "general";

/// What a service may refer to.
pub(crate) struct Known<'a> {
    pub(crate) providers: &'a [String],
    pub(crate) models: &'a [String],
    pub(super) guard: &'a GuardSection<'a>,
    /// Those without a fault.
    pub(super) usable_providers: &'a BTreeMap<ProviderName, Arc<Provider>>,
    pub(super) classes: &'a Classes,
    pub(super) workloads: &'a HashMap<String, Vec<Workload>>,
    /// `[content_log]` is written, or was reported.
    pub(super) content_log: bool,
    /// `templates_only` of `[prompts]`.
    pub(super) templates_only: bool,
}

pub(crate) fn service(name: &str, section: &Section<'_>, known: &Known<'_>) -> Option<Service> {
    check_name(name, section);
    let purposes = purposes(section);
    let models = section.list::<String>("models");
    let data_classes = known.classes.list(section);
    let data_class = data_class(section, data_classes.as_ref());
    let audit = section.value::<Word<AuditPolicy>>("audit");
    let content_log = content_log(section, known);
    let networks = section.list::<Network>("networks");
    let templates_only = section.optional::<bool>("templates_only");
    let limits = limits_and_budget(section);
    let user_limits = user_limits(section);
    let guard = known.guard.of_service(name, section);
    for model in models.iter().flatten() {
        known.check(section, model);
    }
    check_not_empty(section, "models", models.as_deref());
    check_not_empty(section, "data_classes", data_classes.as_ref().map(|l| l.written.as_slice()));
    known.check_providers(section, data_classes.as_ref());
    let data_classes = data_classes?;
    Some(Service {
        name: name.into(),
        purposes: purposes?.into_iter().map(|purpose| purpose.value.into()).collect(),
        models: models?.into_iter().map(|model| model.value.into()).collect(),
        data_classes: data_classes.built_in,
        networks: networks?.into_iter().map(|network| network.value).collect(),
        max_concurrent: limits.concurrent.and_then(|limit| usize::try_from(limit).ok()),
        guard,
        limits: Limits { concurrent: None, ..limits },
        user_limits,
        audit: audit?.value.0,
        content_log: content_log?,
        workloads: known.workloads.get(name).cloned().unwrap_or_default(),
        own_classes: data_classes.own,
        data_class: data_class?,
        templates_only: templates_only.map_or(known.templates_only, |own| own.value),
    })
}

/// The class of requests that state none. One that the service may not declare was reported.
fn data_class(section: &Section<'_>, listed: Option<&Listed>) -> Option<DataClass> {
    let class = section.value::<Word<DataClass>>("data_class")?;
    let listed = listed?;
    // Where an entry was reported, or all are missing, that is the fault.
    let whole = section.array_len("data_classes") == Some(listed.written.len());
    if whole && !listed.written.is_empty() && !listed.built_in.contains(&class.value.0) {
        let words: Vec<_> = listed.built_in.iter().map(|class| class.as_str()).collect();
        let place = if class.place == Place::Default {
            section.value_at("data_classes").unwrap_or(Place::Default)
        } else {
            class.place
        };
        section.reader.report(
            &place,
            Code::ClassNotListed,
            format!(
                "the `data_class` of requests that state none is `{}`, which is not in `data_classes`",
                class.value.0.as_str()
            ),
            format!("list it, or set `data_class` to one of those listed: {}", words.join(", ")),
        );
    }
    Some(class.value.0)
}

fn content_log(section: &Section<'_>, known: &Known<'_>) -> Option<bool> {
    let on = section.value::<bool>("content_log")?;
    if on.value && !known.content_log {
        section.reader.report(
            &on.place,
            Code::MissingKey,
            "`content_log` needs [content_log] with a `master_key`",
            "add [content_log] with master_key = { env = \"NAME\" }",
        );
    }
    Some(on.value)
}

fn purposes(section: &Section<'_>) -> Option<Vec<At<String>>> {
    if !section.is_written() {
        let shown = format!("[{}]", quoted(DEFAULT_PURPOSE));
        section.reader.effect(section.key_path("purposes"), shown, &Place::Default);
        return Some(vec![At { value: DEFAULT_PURPOSE.to_owned(), place: Place::Default }]);
    }
    let purposes = section.list::<String>("purposes");
    check_not_empty(section, "purposes", purposes.as_deref());
    for purpose in purposes.iter().flatten() {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if !(1..=64).contains(&purpose.value.len()) || !purpose.value.bytes().all(fits) {
            section.reader.report(
                &purpose.place,
                Code::BadName,
                "a purpose has characters that it cannot have, or is too long",
                "use 1 to 64 letters, digits, `-`, `_` and `.`",
            );
        }
    }
    purposes
}

/// An empty list would refuse every call of the service, which nobody writes on purpose.
fn check_not_empty<T>(section: &Section<'_>, key: &str, list: Option<&[At<T>]>) {
    let written_empty = section.array_len(key) == Some(0);
    if let (true, Some(place), Some([])) = (written_empty, section.written_at(key), list) {
        section.reader.report(
            &place,
            Code::NoPurposes,
            format!("`{key}` is empty, so the service could call nothing"),
            format!("list at least one entry in `{key}`"),
        );
    }
}

impl Known<'_> {
    /// A class that somebody listed should have a provider. Faulty providers might be one.
    fn check_providers(&self, section: &Section<'_>, listed: Option<&Listed>) {
        if self.providers.is_empty() || self.usable_providers.len() != self.providers.len() {
            return;
        }
        for class in listed.iter().flat_map(|listed| &listed.written) {
            let mut providers = self.usable_providers.values();
            if class.place == Place::Default
                || providers.any(|provider| self.classes.may_receive(provider, &class.value))
            {
                continue;
            }
            section.reader.report(
                &class.place,
                Code::NoProviderForClass,
                format!("no provider may receive the class {}", quoted(&class.value)),
                "list it in `data_classes` of a provider that is what [data_classes] asks for (`health` asks for a `baa` or `on_premises`), or remove it here",
            );
        }
    }

    /// Whether the service may call `provider/model` without a name in `[models]`.
    pub(crate) fn reaches_providers(&self, service: &Service) -> bool {
        service.models.iter().any(|pattern| {
            let pattern = pattern.as_str();
            match pattern.strip_suffix('*') {
                Some(prefix) => match prefix.split_once('/') {
                    Some((provider, _)) => self.has_provider(provider),
                    None => self.providers.iter().any(|provider| provider.starts_with(prefix)),
                },
                None => {
                    !self.models.iter().any(|model| model == pattern)
                        && pattern.split_once('/').is_some_and(|(own, _)| self.has_provider(own))
                }
            }
        })
    }

    fn has_provider(&self, name: &str) -> bool {
        self.providers.iter().any(|provider| provider == name)
    }

    /// A name or pattern must be able to fit something.
    fn check(&self, section: &Section<'_>, model: &At<String>) {
        let text = model.value.as_str();
        if text == "*" || self.models.iter().any(|name| matches_pattern(text, name)) {
            return;
        }
        let prefix = text.strip_suffix('*').unwrap_or(text);
        if prefix.contains('*') {
            section.reader.report(
                &model.place,
                Code::BadName,
                "a pattern has its `*` at the end",
                "write `support-*`, `provider/*`, or a whole name",
            );
            return;
        }
        let mistake = match prefix.split_once('/') {
            Some((provider, _)) if self.has_provider(provider) => return,
            Some((provider, _)) => Mistake::new(
                Code::UnknownProvider,
                format!("there is no provider {}", quoted(provider)),
                "write `provider/model` with a provider of [providers]",
            )
            .with_nearest(nearest(provider, self.providers.iter().map(String::as_str))),
            None if prefix != text && self.providers.iter().any(|p| p.starts_with(prefix)) => {
                return;
            }
            None => Mistake::new(
                Code::UnknownModel,
                format!("there is no model {}", quoted(text)),
                "name one of [models], or `provider/model`, or a pattern such as `support-*`",
            )
            .with_nearest(nearest(text, self.models.iter().map(String::as_str))),
        };
        section.reader.fault(&model.place, mistake);
    }
}
