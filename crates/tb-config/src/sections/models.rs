//! `[models.NAME]`

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tb_core::abilities::builtin;
use tb_core::{Abilities, ProviderName};
use tb_providers::Standing;

use super::quotas::limits_and_budget;
use crate::codes::Code;
use crate::nearest::nearest;
use crate::reader::{At, Section};
use crate::redact::quoted;
use crate::snapshot::{Model, PinPolicy, Pinning, Provider, Target, TargetVersion, is_model_name};
use crate::value::Mistake;

mod ladder;
mod last_rungs;

/// What models may name. Faulty providers have a name and nothing else.
pub(crate) struct Known<'a> {
    pub(crate) provider_names: &'a [String],
    pub(crate) providers: &'a BTreeMap<ProviderName, Arc<Provider>>,
    pub(crate) models: &'a [String],
    /// `None` was reported.
    pub(crate) pinning: Option<&'a Pinning>,
}

pub(crate) fn model(name: &str, section: &Section<'_>, known: &Known<'_>) -> Option<Model> {
    if !is_model_name(name) {
        bad_name(section, &At { value: name.to_owned(), place: section.place.clone() });
    }
    let deadline = section.value::<Duration>("deadline");
    let first_byte_timeout = section.value::<Duration>("first_byte_timeout");
    let idle_timeout = section.value::<Duration>("idle_timeout");
    let whole_answer_timeout = whole_answer_timeout(section, first_byte_timeout.as_ref());
    let targets = targets(section, known);
    let retry = ladder::retry(section);
    let fallbacks = ladder::fallbacks(section, name, known.models);
    let cache = ladder::cache(section);
    let limits = limits_and_budget(section);
    let last = last_rungs::last_rungs(section, cache.as_ref())?;
    Some(Model {
        name: name.into(),
        targets: targets?,
        deadline: deadline?.value,
        first_byte_timeout: first_byte_timeout?.value,
        whole_answer_timeout,
        idle_timeout: idle_timeout?.value,
        retry: retry?,
        fallbacks: fallbacks?,
        on_exhausted: last.order,
        stale_if_error: last.stale_if_error,
        rules: last.rules,
        on_exhausted_data_classes: last.data_classes,
        cache: cache?,
        limits,
    })
}

/// The first byte of a whole answer comes when all of it is ready, which takes longer than the
/// default allows. So it matters whether the key is written, and the hash follows that.
fn whole_answer_timeout(
    section: &Section<'_>,
    first_byte: Option<&At<Duration>>,
) -> Option<Duration> {
    let written = first_byte.filter(|_| section.written_at("first_byte_timeout").is_some())?;
    section.reader.hash_too(format!("{} is written", section.key_path("first_byte_timeout")));
    Some(written.value)
}

fn bad_name(section: &Section<'_>, name: &At<String>) {
    section.reader.report(
        &name.place,
        Code::BadName,
        "the name of a model has characters that it cannot have, or is too long",
        "use 1 to 200 visible ASCII characters without = ; , * \" ? # % \\ and empty parts of a path",
    );
}

fn targets(section: &Section<'_>, known: &Known<'_>) -> Option<Vec<Target>> {
    let Some(place) = section.written_at("targets") else {
        section.missing("targets");
        return None;
    };
    let written = section.array("targets")?;
    if written.is_empty() {
        section.reader.report(
            &place,
            Code::NoTargets,
            "the model has no targets",
            "add { provider = \"NAME\", model = \"MODEL\" }",
        );
    }
    let count = written.len();
    let targets: Vec<_> =
        section.tables("targets").iter().filter_map(|below| target(below, known)).collect();
    if targets.len() == count && count > 0 && targets.iter().all(|target| target.weight == 0) {
        section.reader.report(
            &place,
            Code::ZeroWeights,
            "all targets have weight 0, so none would be chosen",
            "give at least one target a weight above 0, or leave the weights out",
        );
    }
    Some(targets)
}

fn target(section: &Section<'_>, known: &Known<'_>) -> Option<Target> {
    let provider = section.value::<String>("provider");
    let model = section.value::<String>("model");
    let weight = section.value::<i64>("weight");
    let abilities = section.table("abilities").map(|below| abilities(&below)).unwrap_or_default();
    if let Some(provider) = &provider
        && !known.provider_names.contains(&provider.value)
    {
        let names = known.provider_names.iter().map(String::as_str);
        let message = format!("there is no provider {}", quoted(&provider.value));
        let help = "name one of [providers], or add it there";
        let mistake = Mistake::new(Code::UnknownProvider, message, help);
        section
            .reader
            .fault(&provider.place, mistake.with_nearest(nearest(&provider.value, names)));
    }
    let model = model?;
    if !is_model_name(&model.value) {
        bad_name(section, &model);
    }
    let provider = Arc::clone(known.providers.get(provider?.value.as_str())?);
    let pinning = known.pinning?;
    let (called, version) = pinning.version(&provider, &model.value);
    warn_of_floating((section, &model), &provider, (pinning.policy, &version));
    Some(Target {
        abilities: abilities.or(builtin(&provider.vendor, called.as_str())),
        provider,
        model: called,
        version,
        weight: u32::try_from(weight?.value).ok()?,
    })
}

fn warn_of_floating(
    (section, model): (&Section<'_>, &At<String>),
    provider: &Provider,
    (policy, version): (PinPolicy, &TargetVersion),
) {
    let Standing::Floating { snapshot } = &version.standing else { return };
    let message = format!("{} stands for whatever is newest", quoted(&model.value));
    let lock = format!("tollbar models lock {}/{}", provider.name, model.value);
    let help = match (policy, snapshot) {
        (PinPolicy::Off, _) => return,
        (PinPolicy::Resolve, _) => {
            format!("requests are refused until `{lock} --to SNAPSHOT` was run")
        }
        (_, Some(snapshot)) => format!("at present it is `{snapshot}`: name that"),
        (_, None) => "name a version with a date".to_owned(),
    };
    section.reader.report(&model.place, Code::FloatingModel, message, help);
}

/// What is written of them; faulty ones were reported.
fn abilities(section: &Section<'_>) -> Abilities {
    let flag = |name: &str| section.optional::<bool>(name).map(|flag| flag.value);
    let context_tokens = section.optional::<i64>("context_tokens");
    Abilities {
        tools: flag("tools"),
        json_schema: flag("json_schema"),
        vision: flag("vision"),
        context_tokens: context_tokens.and_then(|tokens| u64::try_from(tokens.value).ok()),
    }
}
