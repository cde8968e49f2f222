//! One record: a line of JSON whose members stand in a fixed order and whose numbers are whole,
//! so that the same record has the same bytes everywhere.

use std::io;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

use super::tree::{Hash, hex};
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
        match self.event {
            AuditEvent::Access { row, subject } => {
                let mut line = Line::begin(out);
                write_access(self, row, subject, &mut line);
                line.end();
            }
            AuditEvent::Act { number, act } => {
                let mut writer = Serializer::with_formatter(out, Ascii);
                // It has no map with keys that are no strings, and a vector takes everything, so
                // there is nothing that could fail.
                let _ = Act::of(self, number, act).serialize(&mut writer);
            }
        }
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

/// A flat object under way. Every attempt of every request gets one, so the usual texts and
/// numbers are written by hand; what needs an escape goes through serde.
struct Line<'o> {
    out: &'o mut Vec<u8>,
    next: u8,
}

impl<'o> Line<'o> {
    const fn begin(out: &'o mut Vec<u8>) -> Self {
        Self { out, next: b'{' }
    }

    /// Names are ours and need no escape.
    fn name(&mut self, name: &str) {
        self.out.push(self.next);
        self.next = b',';
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        let is_usual = |byte: u8| matches!(byte, b' '..=b'~') & (byte != b'"') & (byte != b'\\');
        // Without an early end, so that many bytes are looked at in one step.
        if text.bytes().fold(true, |all, byte| all & is_usual(byte)) {
            self.out.push(b'"');
            self.out.extend_from_slice(text.as_bytes());
            self.out.push(b'"');
        } else {
            // A text can be written, and a vector takes everything.
            let _ = text.serialize(&mut Serializer::with_formatter(&mut *self.out, Ascii));
        }
    }

    /// What does not apply is left out.
    fn text_of(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    fn number(&mut self, name: &str, number: impl Into<u64>) {
        self.name(name);
        self.digits(number.into());
    }

    fn number_of(&mut self, name: &str, number: Option<u32>) {
        if let Some(number) = number {
            self.number(name, number);
        }
    }

    fn amount(&mut self, name: &str, amount: i64) {
        self.name(name);
        if amount < 0 {
            self.out.push(b'-');
        }
        self.digits(amount.unsigned_abs());
    }

    fn digits(&mut self, number: u64) {
        if number >= 10 {
            self.digits(number / 10);
        }
        self.out.push(b'0' + u8::try_from(number % 10).unwrap_or(0));
    }

    fn flag(&mut self, name: &str, flag: bool) {
        self.name(name);
        self.out.extend_from_slice(if flag { b"true" } else { b"false" });
    }

    /// A flag that is left out when it does not fly.
    fn flag_if(&mut self, name: &str, flag: bool) {
        if flag {
            self.flag(name, flag);
        }
    }

    fn hash(&mut self, name: &str, hash: Option<&Hash>) {
        if let Some(hash) = hash {
            self.text(name, &hex(hash));
        }
    }

    fn end(self) {
        self.out.push(b'}');
    }
}

/// Writes the members of a model access, in their order.
fn write_access(
    record: &AuditRecord<'_>,
    row: &UsageRow,
    subject: Option<&str>,
    line: &mut Line<'_>,
) {
    line.number("schema_version", SCHEMA_VERSION);
    line.number("seq", record.seq);
    line.text("at", &row.started_at.to_rfc3339());
    line.text("written_at", record.written_at);
    line.text("node", record.node);
    line.text("kind", "access");
    line.text("request_id", &row.request_id.to_string());
    line.number("attempt", row.attempt);
    line.flag("is_final", row.is_final);
    write_caller(row, subject, line);
    write_use(row, line);
    line.number("status", row.status);
    line.text_of("error_code", row.error_code.as_deref());
    line.text("end_reason", row.end_reason.as_str());
    line.number("waited_ms", row.waited_ms);
    line.number_of("ttft_ms", row.ttft_ms);
    line.number("duration_ms", row.duration_ms);
    line.number("overhead_us", row.overhead_us);
    line.text("config_hash", &hex(&row.config_hash.to_be_bytes()));
    line.hash("request_hmac", row.request_hmac.as_ref());
    line.hash("answer_hmac", row.answer_hmac.as_ref());
}

/// Who asked, and for what.
fn write_caller(row: &UsageRow, subject: Option<&str>, line: &mut Line<'_>) {
    line.text("service", row.service.as_str());
    line.text_of("key_id", row.key_id.as_ref().map(crate::KeyId::as_str));
    line.number_of("secret_version", row.secret_version);
    line.text_of("workload", row.workload.as_deref());
    line.text_of("subject", subject);
    line.text_of("network", row.peer.map(network).as_deref());
    line.text("purpose", row.purpose.as_str());
    line.text("route", row.surface.label());
    line.flag("stream", row.stream);
    line.text("data_class", row.data_class.as_str());
    line.text_of("own_classes", row.own_classes.as_deref());
    line.text_of("guard", row.guard.as_deref());
    line.text_of("characters", row.characters.as_deref());
    line.text_of("prompt", row.prompt.as_deref());
}

/// Which model it was, and what that took.
fn write_use(row: &UsageRow, line: &mut Line<'_>) {
    line.text("model_requested", row.model_requested.as_str());
    line.text_of("model_resolved", row.model_resolved.as_ref().map(crate::ModelName::as_str));
    line.text_of("model_served", row.model_served.as_deref());
    line.text_of("system_fingerprint", row.fingerprint.as_deref());
    line.flag_if("drift", row.has_drifted);
    line.text_of("provider", row.provider.as_ref().map(crate::ProviderName::as_str));
    line.text_of("region", row.region.as_deref());
    line.text_of("agreement", row.agreement.as_deref());
    line.text("rung", row.rung.as_str());
    line.text("cause", row.cause.as_str());
    line.text_of("passed_over", row.passed_over.as_deref());
    line.number_of("key_index", row.key_index);
    let tokens = &row.tokens;
    line.number("input_tokens", tokens.input());
    line.number("cached_input_tokens", tokens.cache_read);
    line.number("cache_write_tokens", tokens.cache_write.saturating_add(tokens.cache_write_1h));
    line.number("output_tokens", tokens.output());
    line.number("reasoning_tokens", tokens.reasoning);
    line.text("usage_source", row.usage_source.as_str());
    let (cost_kind, cost_nano_usd) = match row.cost {
        Cost::Measured(amount) => ("measured", Some(amount.0)),
        Cost::Estimated(amount) => ("estimated", Some(amount.0)),
        Cost::Unpriced => ("unpriced", None),
        Cost::Free => ("free", Some(0)),
    };
    line.text("cost_kind", cost_kind);
    if let Some(amount) = cost_nano_usd {
        line.amount("cost_nano_usd", amount);
    }
    line.amount("saved_nano_usd", row.saved.0);
    line.text("price_version", &row.price_version);
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
