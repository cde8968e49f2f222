//! `[providers.NAME]`

use std::net::IpAddr;
use std::time::Duration;

use jiff::civil::Date;
use tb_core::Timestamp;
use tb_providers::simulated::{Failure, Fault, SimulatedSettings};
use tb_providers::{BaseUrl, DialectName, Quirks};

use super::classes::Classes;
use super::secrets::secrets;
use crate::codes::Code;
use crate::reader::{At, Section};
use crate::snapshot::{Baa, DataHandling, OnDisconnect, Provider};
use crate::value::{Disconnect, Share, Url, Word};

/// How long and how much is read on after a client left, with `drain`: enough for the end of
/// an ordinary answer, bounded against one that never ends.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
const DRAIN_MAX_BYTES: usize = 4 << 20;

/// The keys that only `dialect = "simulated"` has.
const SIMULATED_ONLY: [&str; 4] = ["latency", "tokens_per_second", "failures", "answers"];

/// What providers are read with.
pub(super) struct Surroundings<'a> {
    pub(super) classes: &'a Classes,
    /// `[environment] name`.
    pub(super) environment: Option<&'a str>,
}

pub(super) fn provider(
    name: &str,
    section: &Section<'_>,
    around: &Surroundings<'_>,
) -> Option<Provider> {
    check_name(name, section);
    check_environment(section, around.environment);
    let classes = around.classes;
    let dialect = section.value::<Word<DialectName>>("dialect").map(|word| word.value.0);
    let base_url = section.optional::<Url>("base_url");
    let api_keys = secrets(section, "api_keys");
    let data_classes = classes.list(section);
    let quirks = quirks(section);
    let handling = handling(section);
    let connect_timeout = section.value::<Duration>("connect_timeout");
    let disconnect = section.value::<Word<Disconnect>>("on_client_disconnect");
    let simulated = simulated(section, dialect);
    let vendor = match dialect {
        Some(dialect) => section.value_or::<String>("vendor", usual_vendor(dialect, name)),
        None => section.optional::<String>("vendor"),
    };

    let dialect = dialect?;
    check_simulated(section, dialect == DialectName::Simulated);
    let base_url = address(section, dialect, base_url);
    let (api_keys, key_weights): (Vec<_>, _) = api_keys?.into_iter().unzip();
    let (base_url, data_classes) = (base_url?, data_classes?);
    if !api_keys.is_empty() {
        check_clear_text(section, &base_url);
    }
    let on_client_disconnect = match disconnect?.value.0 {
        Disconnect::Cancel => OnDisconnect::Cancel,
        Disconnect::Drain => {
            OnDisconnect::Drain { timeout: DRAIN_TIMEOUT, max_bytes: DRAIN_MAX_BYTES }
        }
    };
    Some(Provider {
        name: name.into(),
        dialect,
        base_url,
        api_keys,
        key_weights,
        quirks: quirks?,
        data_classes: data_classes.built_in,
        vendor: vendor?.value,
        on_client_disconnect,
        connect_timeout: connect_timeout?.value,
        simulated: if dialect == DialectName::Simulated { Some(simulated?) } else { None },
        handling: DataHandling { own_classes: data_classes.own, ..handling? },
    })
}

/// Who tries things out must not spend what production pays for.
fn check_environment(section: &Section<'_>, ours: Option<&str>) {
    let Some(theirs) = section.optional::<String>("environment").map(|at| at.value) else { return };
    if ours == Some(theirs.as_str()) {
        return;
    }
    let we = ours.map_or_else(
        || "this configuration names none".to_owned(),
        |name| format!("this configuration is of `{name}`"),
    );
    let message = format!("the keys of this provider belong to the environment `{theirs}`, {we}");
    if let Some(place) = section.written_at("environment") {
        let remedy = format!(
            "use a provider with keys of its own here, or start with `[environment] name = \"{theirs}\"`"
        );
        section.reader.report(&place, Code::ForeignProvider, message, remedy);
    }
}

/// Names of providers and services go into headers, logs and `provider/model`.
pub(super) fn check_name(name: &str, section: &Section<'_>) {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !(1..=64).contains(&name.len()) || !name.bytes().all(fits) {
        section.reader.report(
            &section.place,
            Code::BadName,
            "the name has characters that names do not have, or is too long",
            "use 1 to 64 letters, digits, `-`, `_` and `.`",
        );
    }
}

/// Whose prices hold: those of the vendor that the dialect belongs to; an OpenAI-compatible
/// provider is named by its own name.
const fn usual_vendor(dialect: DialectName, name: &str) -> &str {
    match dialect {
        DialectName::Azure => "azure",
        DialectName::Anthropic => "anthropic",
        DialectName::Gemini => "google",
        DialectName::OpenAi | DialectName::Simulated => name,
    }
}

fn address(section: &Section<'_>, dialect: DialectName, url: Option<At<Url>>) -> Option<BaseUrl> {
    if dialect == DialectName::Simulated {
        // `.invalid` never resolves (RFC 2606), should anybody try to connect to it.
        let host = "simulated.invalid".to_owned();
        return Some(BaseUrl { tls: false, host, port: 80, path: String::new() });
    }
    if url.is_none() && section.written_at("base_url").is_none() {
        section.reader.report(
            &section.place,
            Code::MissingBaseUrl,
            "the provider needs a `base_url`",
            "add the address with the path up to the version: base_url = \"https://host/v1\"",
        );
    }
    url.map(|url| url.value.base)
}

fn check_simulated(section: &Section<'_>, is_simulated: bool) {
    let without_effect: &[&str] = if is_simulated { &["base_url"] } else { &SIMULATED_ONLY };
    for key in without_effect {
        if let Some(place) = section.written_at(key) {
            let message = if is_simulated {
                format!("`{key}` has no effect: the simulated provider has no address")
            } else {
                format!(
                    "`{key}` has no effect: only a provider with `dialect = \"simulated\"` has it"
                )
            };
            section.reader.report(&place, Code::NoEffect, message, "remove it");
        }
    }
}

fn check_clear_text(section: &Section<'_>, url: &BaseUrl) {
    let local = url.host == "localhost"
        || url.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if let Some(place) = section.written_at("base_url").filter(|_| !url.tls && !local) {
        section.reader.report(
            &place,
            Code::ClearText,
            "the keys of this provider are sent unencrypted",
            "use https://, unless the network between is your own",
        );
    }
}

fn quirks(section: &Section<'_>) -> Option<Quirks> {
    let Some(below) = section.table("quirks") else {
        // A faulty one was reported, so the defaults cannot be served with.
        return Some(Quirks::default());
    };
    let stream_options = below.value::<bool>("stream_options");
    let max_completion_tokens = below.value::<bool>("max_completion_tokens");
    let base64_embeddings = below.value::<bool>("base64_embeddings");
    let developer_role = below.value::<bool>("developer_role");
    let api_version = below.optional::<String>("api_version");
    Some(Quirks {
        stream_options: stream_options?.value,
        max_completion_tokens: max_completion_tokens?.value,
        base64_embeddings: base64_embeddings?.value,
        developer_role: developer_role?.value,
        api_version: api_version.map(|version| version.value),
    })
}

fn handling(section: &Section<'_>) -> Option<DataHandling> {
    let region = section.optional::<String>("region");
    let on_premises = section.value::<bool>("on_premises");
    let zero_retention = section.value::<bool>("zero_retention");
    let retention = section.optional::<Duration>("retention");
    let training_use = section.optional::<bool>("training_use");
    check_retention(section, zero_retention.as_ref(), retention.as_ref());
    let baa = section.table("baa").and_then(|below| {
        let reference = below.value::<String>("reference");
        let expires = below.value::<Date>("expires");
        let midnight = expires?.value.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        let expires_at = Timestamp::from_unix_ms(midnight.timestamp().as_millisecond());
        Some(Baa { reference: reference?.value, expires_at })
    });
    Some(DataHandling {
        region: region.map(|region| region.value),
        on_premises: on_premises?.value,
        zero_retention: zero_retention?.value,
        baa,
        retention: retention.map(|retention| retention.value),
        training_use: training_use.map(|training| training.value),
        own_classes: 0,
    })
}

fn check_retention(section: &Section<'_>, zero: Option<&At<bool>>, kept: Option<&At<Duration>>) {
    if let (Some(At { value: true, .. }), Some(kept)) = (zero, kept)
        && !kept.value.is_zero()
    {
        section.reader.report(
            &kept.place,
            Code::Contradiction,
            "`retention` is more than nothing, and `zero_retention` says that nothing is kept",
            "remove one of them",
        );
    }
}

/// `None` when a part of it is faulty, or when it is not simulated and has none of it.
fn simulated(section: &Section<'_>, dialect: Option<DialectName>) -> Option<SimulatedSettings> {
    let (latency, tokens_per_second) = if dialect == Some(DialectName::Simulated) {
        (section.value_or::<Duration>("latency", "0s"), section.value_or("tokens_per_second", "0"))
    } else {
        (section.optional("latency"), section.optional::<i64>("tokens_per_second"))
    };
    let failures: Vec<_> = section.tables("failures").iter().filter_map(failure).collect();
    let answers = section.text_map("answers");
    let total: f64 = failures.iter().map(|failure| failure.share).sum();
    // Shares such as 0.1 are not exact in binary; ten of them may come out a little above 1.
    if total > 1.0 + 1e-9
        && let Some(place) = section.written_at("failures")
    {
        section.reader.report(
            &place,
            Code::SharesExceedOne,
            format!("the shares add up to {total}, more than all requests"),
            "lower them to a sum of at most 1",
        );
    }
    Some(SimulatedSettings {
        latency: latency?.value,
        tokens_per_second: u32::try_from(tokens_per_second?.value).ok()?,
        failures,
        answers,
    })
}

fn failure(section: &Section<'_>) -> Option<Failure> {
    let status = section.optional::<i64>("status");
    let kind = section.optional::<Word<Fault>>("kind");
    let share = section.value::<Share>("share");
    let retry_after = section.optional::<Duration>("retry_after");
    let has_status = section.written_at("status").is_some();
    if has_status == section.written_at("kind").is_some() {
        section.reader.report(
            &section.place,
            Code::BadFailure,
            "a failure has either a `status` or a `kind`",
            "write { status = 429, share = 0.1 } or { kind = \"cut\", share = 0.1 }",
        );
    }
    let fault = match (status, kind) {
        (Some(status), None) => Fault::Status(u16::try_from(status.value).ok()?),
        (None, Some(kind)) => kind.value.0,
        _ => return None,
    };
    Some(Failure { fault, share: share?.value.0, retry_after: retry_after.map(|wait| wait.value) })
}
