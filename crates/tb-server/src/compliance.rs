//! What a data-protection officer asks: which data goes to whom, for what purpose, under which
//! agreement, and how long it is kept.
//!
//! One function, [`report`], makes a value out of a configuration and records; nothing in it is
//! read from anywhere else. [`Report`] is JSON by itself, and [`markdown()`] is the same for
//! people. No text of a request, no secret and no end user is in it.

mod attention;
mod keepers;
mod markdown;
mod recipients;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use tb_config::{Demands, Snapshot};
use tb_core::ports::{GroupBy, UsageQuery, UsageSum};
use tb_core::{AdminTokenRecord, Classes, DataClass, KeyId, KeyRecord, Timestamp};

pub use self::markdown::markdown;

/// So far back goes the usage in the report.
pub const USAGE_DAYS: i64 = 90;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// What the report is made of beside the configuration.
#[derive(Debug)]
pub struct Records<'r> {
    /// The moment of the report.
    pub now: Timestamp,
    /// Every virtual key.
    pub keys: &'r [KeyRecord],
    /// Every admin token.
    pub tokens: &'r [AdminTokenRecord],
    /// When keys and tokens were used last, as far as that is known.
    pub last_used: &'r HashMap<KeyId, Timestamp>,
    /// The answer to [`usage_query`].
    pub usage: &'r [UsageSum],
}

/// What a store is asked for [`Records::usage`].
#[must_use]
pub fn usage_query(now: Timestamp) -> UsageQuery {
    let by = vec![GroupBy::Purpose, GroupBy::Provider, GroupBy::DataClass];
    UsageQuery { by, since: Some(now.plus_ms(-USAGE_DAYS * DAY_MS)), until: None }
}

/// The report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Always 1.
    pub schema_version: u32,
    /// RFC 3339.
    pub generated_at: String,
    /// `[environment] name`
    pub environment: Option<String>,
    /// Of the configuration that the report was made of, 16 hexadecimal digits.
    pub config_hash: String,
    /// Whether callers need a key.
    pub authentication: bool,
    /// Processing, one entry for each service.
    pub services: Vec<Processing>,
    /// Providers: who receives data.
    pub recipients: Vec<Recipient>,
    /// The classes of data and what they ask of a recipient.
    pub data_classes: Vec<ClassTerms>,
    /// How long what is kept.
    pub retention: Vec<Kept>,
    /// Virtual keys that are not revoked.
    pub keys: Vec<KeyAge>,
    /// Admin tokens that are not revoked.
    pub access: Vec<Access>,
    /// What was sent in the last [`USAGE_DAYS`] days.
    pub usage: Vec<Used>,
    /// What somebody should look at, the most urgent first.
    pub attention: Vec<Attention>,
}

/// What one service does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Processing {
    /// Its name.
    pub service: String,
    /// The closed list of its purposes.
    pub purposes: Vec<String>,
    /// The classes of data that it may send.
    pub data_classes: Vec<String>,
    /// The class of its requests that state none.
    pub default_class: &'static str,
    /// The models that it may call.
    pub models: Vec<String>,
    /// Who may receive its data, and which classes of it at this moment.
    pub recipients: Vec<Share>,
    /// What the guard does, by type; types that are not listed are treated as the guard's
    /// standard is.
    pub guard_actions: BTreeMap<String, &'static str>,
    /// Whether the guard looks at its texts.
    pub guard_enabled: bool,
    /// Where its calls may come from; empty = anywhere.
    pub networks: Vec<String>,
    /// `required` or `best_effort`.
    pub audit: &'static str,
    /// Whether its masked texts are kept.
    pub content_log: bool,
}

/// A provider that may receive a service's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Share {
    /// The provider.
    pub provider: String,
    /// The classes of the service that it may receive now.
    pub data_classes: Vec<String>,
}

/// A provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recipient {
    /// Its name in the configuration.
    pub provider: String,
    /// Whose it is.
    pub vendor: String,
    /// The host that is connected to.
    pub host: String,
    /// Where it processes data; null = not stated.
    pub region: Option<String>,
    /// It runs in the company's own rooms.
    pub on_premises: bool,
    /// It keeps nothing of what it is sent.
    pub zero_retention: bool,
    /// How long it keeps what it is sent; null = not stated.
    pub retention_seconds: Option<u64>,
    /// Whether it may train on what it is sent; null = not stated.
    pub training_use: Option<bool>,
    /// The classes of data that it is listed for.
    pub data_classes: Vec<String>,
    /// The classes among them that it may not receive at this moment, each with the word for
    /// what it lacks.
    pub lacking: BTreeMap<String, &'static str>,
    /// The agreement with it.
    pub agreement: Option<Agreement>,
    /// The configured models that it serves.
    pub models: Vec<String>,
}

/// A business associate agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Agreement {
    /// Its number or name.
    pub reference: String,
    /// RFC 3339.
    pub expires_at: String,
    /// Whole days until then; negative when it is past.
    pub days_left: i64,
    /// Whether it counts.
    pub holds: bool,
}

/// A class of data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassTerms {
    /// Its name.
    pub name: String,
    /// The built-in class of an own one.
    pub level: &'static str,
    /// What a recipient must have: `agreement`, `zero_retention`, `no_training`.
    pub demands: Vec<&'static str>,
    /// Where it may be processed; empty = anywhere.
    pub regions: Vec<String>,
}

/// How long one kind of record is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// What.
    pub kind: String,
    /// Of this class only.
    pub data_class: Option<&'static str>,
    /// How long; null = for ever.
    pub seconds: Option<u64>,
}

/// A virtual key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyAge {
    /// The public half.
    pub id: String,
    /// Its service.
    pub service: String,
    /// A label for people.
    pub name: Option<String>,
    /// Whole days since its newest secret was made.
    pub secret_age_days: i64,
    /// How many secrets it has that still work.
    pub secrets: usize,
    /// When its newest secret is refused for its age, RFC 3339; null = never.
    pub rotation_due_at: Option<String>,
    /// RFC 3339; null = never.
    pub expires_at: Option<String>,
    /// RFC 3339; null = not known, or never.
    pub last_used_at: Option<String>,
}

/// An admin token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Access {
    /// The public half.
    pub id: String,
    /// A label for people.
    pub name: Option<String>,
    /// What it may do.
    pub role: &'static str,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339; null = never.
    pub expires_at: Option<String>,
    /// RFC 3339; null = not known, or never.
    pub last_used_at: Option<String>,
}

/// What was sent where, for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Used {
    /// The declared purpose.
    pub purpose: String,
    /// The provider; empty for requests that reached none.
    pub provider: String,
    /// The built-in class of the data.
    pub data_class: String,
    /// Requests with an end there.
    pub requests: u64,
    /// Attempts at the provider.
    pub attempts: u64,
    /// Input tokens.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
}

/// Something that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attention {
    /// How soon.
    pub urgency: Urgency,
    /// The thing: `provider openai`, `key abcdEF12`.
    pub object: String,
    /// What is the matter.
    pub matter: String,
}

/// How soon something is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// It has happened.
    Overdue,
    /// It will within 30 days.
    Soon,
    /// It is not wrong, but somebody should know.
    Note,
}

/// Makes the report.
#[must_use]
pub fn report(snapshot: &Snapshot, records: &Records<'_>) -> Report {
    let now = records.now;
    let recipients = recipients::all(snapshot, now);
    let keys = keepers::keys(snapshot, records);
    let access = keepers::access(records);
    let services = recipients::services(snapshot, now);
    let attention = attention::all(snapshot, records, &services);
    Report {
        schema_version: 1,
        generated_at: now.to_rfc3339(),
        environment: snapshot.environment.clone(),
        config_hash: format!("{:016x}", snapshot.hash),
        authentication: snapshot.server.authentication,
        services,
        recipients,
        data_classes: classes(snapshot),
        retention: keepers::retention(snapshot),
        keys,
        access,
        usage: records.usage.iter().map(used).collect(),
        attention,
    }
}

fn used(sum: &UsageSum) -> Used {
    let word = |place: usize| sum.group.get(place).cloned().unwrap_or_default();
    Used {
        purpose: word(0),
        provider: word(1),
        data_class: word(2),
        requests: sum.requests,
        attempts: sum.attempts,
        input_tokens: sum.input_tokens,
        output_tokens: sum.output_tokens,
    }
}

fn classes(snapshot: &Snapshot) -> Vec<ClassTerms> {
    let rules = &snapshot.classes;
    let needs_agreement = Demands { agreement: true, ..Demands::default() };
    let nothing = Demands::default();
    let built_in = DataClass::ALL.into_iter().map(|level| {
        let usual = if level == DataClass::Health { &needs_agreement } else { &nothing };
        terms(level.as_str(), level, rules.demands.get(&level).unwrap_or(usual))
    });
    let own = rules.own.iter().map(|own| terms(&own.name, own.level, &own.demands));
    built_in.chain(own).collect()
}

fn terms(name: &str, level: DataClass, demands: &Demands) -> ClassTerms {
    let words = [
        (demands.agreement, "agreement"),
        (demands.zero_retention, "zero_retention"),
        (demands.no_training, "no_training"),
    ];
    ClassTerms {
        name: name.to_owned(),
        level: level.as_str(),
        demands: words.iter().filter(|(asked, _)| *asked).map(|(_, word)| *word).collect(),
        regions: demands.regions.clone(),
    }
}

/// Every class with its name: the built-in ones, then the operator's.
fn named_classes(snapshot: &Snapshot) -> impl Iterator<Item = (&str, Classes)> {
    let built_in = DataClass::ALL.into_iter().map(|level| (level.as_str(), Classes::of(level)));
    let own = snapshot
        .classes
        .own
        .iter()
        .zip(0u32..32)
        .map(|(own, place)| (&*own.name, Classes { level: own.level, own: 1 << place }));
    built_in.chain(own)
}

/// Whole days from one moment to another.
const fn days(from: Timestamp, to: Timestamp) -> i64 {
    to.unix_ms().saturating_sub(from.unix_ms()).div_euclid(DAY_MS)
}
