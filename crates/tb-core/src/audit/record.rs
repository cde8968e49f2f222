//! One record: a line of JSON whose members stand in a fixed order and whose numbers are whole,
//! so that the same record has the same bytes everywhere.

use std::io;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

use super::tree::hex;
use crate::prices::Cost;
use crate::{Actor, AdminAct, RequestId, Timestamp, UsageRow};

/// The version of the records.
pub const SCHEMA_VERSION: u32 = 1;

/// A record about to be written.
#[derive(Debug, Clone, Copy)]
pub struct AuditRecord<'a> {
    /// Its number, from 0 without gaps.
    pub seq: u64,
    /// When it is written, RFC 3339; never before the record before it.
    pub written_at: &'a str,
    /// The machine that writes.
    pub node: &'a str,
    /// What happened.
    pub event: AuditEvent<'a>,
}

/// What a record tells of.
#[derive(Debug, Clone, Copy)]
pub enum AuditEvent<'a> {
    /// An attempt at a model, or a request that was answered or refused without one.
    Access {
        /// The accounting record.
        row: &'a UsageRow,
        /// The pseudonym of the end user, where one was named.
        subject: Option<&'a str>,
    },
    /// An admin act.
    Act {
        /// Its number in the store.
        number: u64,
        /// The act.
        act: &'a AdminAct,
    },
}

impl AuditRecord<'_> {
    /// Appends the line, without a line end, to `out`.
    pub fn line(&self, out: &mut Vec<u8>) {
        let mut writer = Serializer::with_formatter(out, Ascii);
        // Neither has a map with keys that are no strings, and a vector takes everything, so
        // there is nothing that could fail.
        let _ = match self.event {
            AuditEvent::Access { row, subject } => {
                Access::of(self, row, subject).serialize(&mut writer)
            }
            AuditEvent::Act { number, act } => Act::of(self, number, act).serialize(&mut writer),
        };
    }
}

/// No blanks, and no characters but those of ASCII that are seen: others are `\uXXXX`. So a line
/// can be shown on any terminal, and has the same bytes whatever a tool thinks of encodings.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return writer.write_all(fragment.as_bytes());
        }
        for one in fragment.chars() {
            match one {
                ' '..='~' => write!(writer, "{one}")?,
                other => {
                    for unit in other.encode_utf16(&mut [0; 2]) {
                        write!(writer, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// The members of a model access, in their order. What does not apply is left out.
#[derive(Serialize)]
struct Access<'a> {
    schema_version: u32,
    seq: u64,
    at: String,
    written_at: &'a str,
    node: &'a str,
    kind: &'static str,
    request_id: RequestText,
    attempt: u32,
    is_final: bool,
    service: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workload: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    purpose: &'a str,
    route: &'static str,
    stream: bool,
    data_class: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    own_classes: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guard: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    characters: Option<&'a str>,
    model_requested: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_resolved: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_served: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agreement: Option<&'a str>,
    rung: &'static str,
    cause: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    passed_over: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_index: Option<u32>,
    input_tokens: u64,
    cached_input_tokens: u64,
    cache_write_tokens: u64,
    output_tokens: u64,
    reasoning_tokens: u64,
    usage_source: &'static str,
    cost_kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_nano_usd: Option<i64>,
    saved_nano_usd: i64,
    price_version: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'a str>,
    end_reason: &'static str,
    waited_ms: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttft_ms: Option<u32>,
    duration_ms: u32,
    overhead_us: u32,
    config_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_hmac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer_hmac: Option<String>,
}

/// Written as it is printed.
struct RequestText(RequestId);

impl Serialize for RequestText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'a> Access<'a> {
    #[expect(clippy::too_many_lines, reason = "one line for each member of a record")]
    fn of(record: &AuditRecord<'a>, row: &'a UsageRow, subject: Option<&'a str>) -> Self {
        let (cost_kind, cost_nano_usd) = match row.cost {
            Cost::Measured(amount) => ("measured", Some(amount.0)),
            Cost::Estimated(amount) => ("estimated", Some(amount.0)),
            Cost::Unpriced => ("unpriced", None),
            Cost::Free => ("free", Some(0)),
        };
        let tokens = &row.tokens;
        Self {
            schema_version: SCHEMA_VERSION,
            seq: record.seq,
            at: row.started_at.to_rfc3339(),
            written_at: record.written_at,
            node: record.node,
            kind: "access",
            request_id: RequestText(row.request_id),
            attempt: row.attempt,
            is_final: row.is_final,
            service: row.service.as_str(),
            key_id: row.key_id.as_ref().map(crate::KeyId::as_str),
            secret_version: row.secret_version,
            workload: row.workload.as_deref(),
            subject,
            network: row.peer.map(network),
            purpose: row.purpose.as_str(),
            route: row.surface.label(),
            stream: row.stream,
            data_class: row.data_class.as_str(),
            own_classes: row.own_classes.as_deref(),
            guard: row.guard.as_deref(),
            characters: row.characters.as_deref(),
            model_requested: row.model_requested.as_str(),
            model_resolved: row.model_resolved.as_ref().map(crate::ModelName::as_str),
            model_served: row.model_served.as_deref(),
            provider: row.provider.as_ref().map(crate::ProviderName::as_str),
            region: row.region.as_deref(),
            agreement: row.agreement.as_deref(),
            rung: row.rung.as_str(),
            cause: row.cause.as_str(),
            passed_over: row.passed_over.as_deref(),
            key_index: row.key_index,
            input_tokens: tokens.input(),
            cached_input_tokens: tokens.cache_read,
            cache_write_tokens: tokens.cache_write.saturating_add(tokens.cache_write_1h),
            output_tokens: tokens.output(),
            reasoning_tokens: tokens.reasoning,
            usage_source: row.usage_source.as_str(),
            cost_kind,
            cost_nano_usd,
            saved_nano_usd: row.saved.0,
            price_version: &row.price_version,
            status: row.status,
            error_code: row.error_code.as_deref(),
            end_reason: row.end_reason.as_str(),
            waited_ms: row.waited_ms,
            ttft_ms: row.ttft_ms,
            duration_ms: row.duration_ms,
            overhead_us: row.overhead_us,
            config_hash: hex(&row.config_hash.to_be_bytes()),
            request_hmac: row.request_hmac.as_ref().map(|hash| hex(hash)),
            answer_hmac: row.answer_hmac.as_ref().map(|hash| hex(hash)),
        }
    }
}

/// The network of a caller: rows keep 24 bits of IPv4 addresses and 48 of IPv6 ones.
fn network(peer: IpAddr) -> String {
    format!("{peer}/{}", if peer.is_ipv4() { 24 } else { 48 })
}

/// The members of an admin act, in their order.
#[derive(Serialize)]
struct Act<'a> {
    schema_version: u32,
    seq: u64,
    at: String,
    written_at: &'a str,
    node: &'a str,
    kind: &'static str,
    act_number: u64,
    act: &'a str,
    actor: String,
    object: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

impl<'a> Act<'a> {
    fn of(record: &AuditRecord<'a>, number: u64, act: &'a AdminAct) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            seq: record.seq,
            at: act.at.to_rfc3339(),
            written_at: record.written_at,
            node: record.node,
            kind: "act",
            act_number: number,
            act: &act.kind,
            actor: actor(&act.actor),
            object: &act.object,
            before: act.before.clone().map(without_floats),
            after: act.after.clone().map(without_floats),
        }
    }
}

/// `token:ID`, `command_line:NAME`, `anonymous` or `gateway`.
fn actor(actor: &Actor) -> String {
    match actor {
        Actor::Token(id) => format!("token:{id}"),
        Actor::CommandLine(name) => format!("command_line:{name}"),
        Actor::Anonymous => "anonymous".to_owned(),
        Actor::Gateway => "gateway".to_owned(),
    }
}

/// Programs do not agree on how to print numbers that are not whole: here they are texts. The
/// members of objects come in the order of their names.
fn without_floats(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => Value::String(number.to_string()),
        Value::Array(items) => items.into_iter().map(without_floats).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, without_floats(value))).collect()
        }
        other => other,
    }
}

/// What tells a record apart and says where it belongs, read without the rest of its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPlace {
    /// Its number.
    pub seq: u64,
    /// When it was written.
    pub written_at: Timestamp,
    /// What it is about.
    pub key: RecordKey,
}

/// What no two records are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordKey {
    /// An attempt, and whether it is said to be the one that the client saw.
    Access(RequestId, u32, bool),
    /// An act: its number in the store and its time. A store that was made anew counts anew.
    Act(u64, Timestamp),
}

impl RecordKey {
    /// The key of a row.
    #[must_use]
    pub const fn of_row(row: &UsageRow) -> Self {
        Self::Access(row.request_id, row.attempt, row.is_final)
    }
}

/// The members that a place is read from.
#[derive(Deserialize)]
struct PlaceMembers {
    seq: u64,
    at: String,
    written_at: String,
    request_id: Option<String>,
    attempt: Option<u32>,
    is_final: Option<bool>,
    act_number: Option<u64>,
}

impl RecordPlace {
    /// Reads it from a record's line; `None` when it is not one.
    #[must_use]
    pub fn of(line: &str) -> Option<Self> {
        let members: PlaceMembers = serde_json::from_str(line).ok()?;
        let key = match members.act_number {
            Some(number) => RecordKey::Act(number, moment(&members.at)?),
            None => RecordKey::Access(
                RequestId::parse(&members.request_id?)?,
                members.attempt?,
                members.is_final?,
            ),
        };
        Some(Self { seq: members.seq, written_at: moment(&members.written_at)?, key })
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp(moment.as_millisecond()))
}
