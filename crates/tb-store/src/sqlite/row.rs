//! A usage row as columns, both ways.

use std::net::IpAddr;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, Row, params};
use tb_core::{
    Cause, Cost, DataClass, EndReason, KeyId, NanoUsd, RequestId, Rung, Surface, Timestamp,
    TokenCounts, UsageRow, UsageSource,
};

use super::names::{Names, Texts};

/// All columns, in the order of `insert` and `read`.
pub(super) const COLUMNS: &str = "request_id, attempt, is_final, stream, started_ms, service, \
     key_id, purpose, user, surface, provider, model_requested, model_resolved, model_served, \
     status, error_code, end_reason, usage_source, input_fresh, cache_read, cache_write, \
     cache_write_1h, output_visible, reasoning, cost_kind, cost_nano_usd, price_version, ttft_ms, \
     duration_ms, overhead_us, config_hash, ladder, waited_ms, passed_over, saved_nano_usd, guard, \
     characters, secret_version, workload, peer, data_class, own_classes, region, agreement, \
     request_hmac, answer_hmac, prompt, fingerprint, has_drifted";

/// The same of a table of schema version 4, which had fewer; 1 is the code of
/// [`DataClass::Internal`], the class of a request that states none.
pub(super) const COLUMNS_4: &str = "request_id, attempt, is_final, stream, started_ms, service, \
     key_id, purpose, user, surface, provider, model_requested, model_resolved, model_served, \
     status, error_code, end_reason, usage_source, input_fresh, cache_read, cache_write, \
     cache_write_1h, output_visible, reasoning, cost_kind, cost_nano_usd, price_version, ttft_ms, \
     duration_ms, overhead_us, config_hash, ladder, waited_ms, passed_over, saved_nano_usd, guard, \
     characters, NULL, NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0";

/// The statement for [`insert`].
pub(super) const INSERT: &str = "INSERT OR REPLACE INTO usage VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, \
     ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, \
     ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40, ?41, ?42, \
     ?43, ?44, ?45, ?46, ?47, ?48, ?49)";

/// The codes of `cost_kind`, as the sums use them too.
pub(super) const MEASURED: i64 = 0;
pub(super) const ESTIMATED: i64 = 1;
pub(super) const UNPRICED: i64 = 2;
pub(super) const FREE: i64 = 3;

/// The code of [`EndReason::Complete`].
pub(super) const COMPLETE: i64 = 0;

/// Inserts one row with the prepared [`INSERT`].
pub(super) fn insert(
    statement: &mut CachedStatement<'_>,
    connection: &Connection,
    names: &mut Names,
    row: &UsageRow,
) -> rusqlite::Result<()> {
    let (cost_kind, cost_nano_usd) = cost_columns(row.cost);
    let mut names = names.row(connection);
    statement.execute(params![
        row.request_id.0.to_be_bytes(),
        row.attempt,
        row.is_final,
        row.stream,
        row.started_at.unix_ms(),
        names.id(row.service.as_str())?,
        names.optional_id(row.key_id.as_ref().map(KeyId::as_str))?,
        names.id(row.purpose.as_str())?,
        names.optional_id(row.user.as_deref())?,
        names.id(row.surface.label())?,
        names.optional_id(row.provider.as_ref().map(|name| name.as_str()))?,
        names.id(row.model_requested.as_str())?,
        names.optional_id(row.model_resolved.as_ref().map(|name| name.as_str()))?,
        names.optional_id(row.model_served.as_deref())?,
        row.status,
        names.optional_id(row.error_code.as_deref())?,
        end_reason_code(row.end_reason),
        usage_source_code(row.usage_source),
        bounded(row.tokens.input_fresh),
        bounded(row.tokens.cache_read),
        bounded(row.tokens.cache_write),
        bounded(row.tokens.cache_write_1h),
        bounded(row.tokens.output_visible),
        bounded(row.tokens.reasoning),
        cost_kind,
        cost_nano_usd,
        names.id(&row.price_version)?,
        row.ttft_ms,
        row.duration_ms,
        row.overhead_us,
        row.config_hash.cast_signed(),
        ladder_code(row.rung, row.cause, row.key_index),
        row.waited_ms,
        names.optional_id(row.passed_over.as_deref())?,
        row.saved.0,
        row.guard,
        row.characters,
        row.secret_version,
        names.optional_id(row.workload.as_deref())?,
        row.peer.map(Octets::from),
        class_code(row.data_class),
        names.optional_id(row.own_classes.as_deref())?,
        names.optional_id(row.region.as_deref())?,
        names.optional_id(row.agreement.as_deref())?,
        row.request_hmac,
        row.answer_hmac,
        names.optional_id(row.prompt.as_deref())?,
        names.optional_id(row.fingerprint.as_deref())?,
        row.has_drifted,
    ])?;
    Ok(())
}

/// Reads one row of [`COLUMNS`].
pub(super) fn read(row: &Row<'_>, texts: &mut Texts<'_>) -> rusqlite::Result<UsageRow> {
    let key_id = texts.optional(row.get(6)?)?;
    let (rung, cause, key_index) = ladder_of(row.get(31)?)?;
    let surface = texts.text(row.get(9)?)?;
    Ok(UsageRow {
        request_id: RequestId(u128::from_be_bytes(row.get(0)?)),
        attempt: row.get(1)?,
        is_final: row.get(2)?,
        stream: row.get(3)?,
        started_at: Timestamp(row.get(4)?),
        service: texts.text(row.get(5)?)?.as_ref().into(),
        key_id: key_id.and_then(|text| KeyId::parse(&text)),
        purpose: texts.text(row.get(7)?)?.as_ref().into(),
        user: texts.optional(row.get(8)?)?.map(|text| text.as_ref().to_owned()),
        surface: Surface::ALL
            .into_iter()
            .find(|known| known.label() == surface.as_ref())
            .ok_or_else(|| unknown(9, "surface"))?,
        provider: texts.optional(row.get(10)?)?.map(|text| text.as_ref().into()),
        model_requested: texts.text(row.get(11)?)?.as_ref().into(),
        model_resolved: texts.optional(row.get(12)?)?.map(|text| text.as_ref().into()),
        model_served: texts.optional(row.get(13)?)?.map(|text| text.as_ref().to_owned()),
        status: row.get(14)?,
        error_code: texts.optional(row.get(15)?)?.map(|text| text.as_ref().to_owned()),
        end_reason: coded(row, 16, end_reason_code, EndReason::ALL)?,
        usage_source: coded(row, 17, usage_source_code, UsageSource::ALL)?,
        tokens: tokens_of(row)?,
        cost: cost_of(row.get(24)?, row.get(25)?)?,
        price_version: texts.text(row.get(26)?)?.as_ref().into(),
        ttft_ms: row.get(27)?,
        duration_ms: row.get(28)?,
        overhead_us: row.get(29)?,
        config_hash: row.get::<_, i64>(30)?.cast_unsigned(),
        rung,
        cause,
        waited_ms: row.get(32)?,
        key_index,
        passed_over: texts.optional(row.get(33)?)?.map(|text| text.as_ref().to_owned()),
        saved: NanoUsd(row.get(34)?),
        guard: row.get(35)?,
        characters: row.get(36)?,
        secret_version: row.get(37)?,
        workload: texts.optional(row.get(38)?)?,
        peer: row.get::<_, Option<Octets>>(39)?.map(IpAddr::from),
        data_class: coded(row, 40, class_code, DataClass::ALL)?,
        own_classes: texts.optional(row.get(41)?)?,
        region: texts.optional(row.get(42)?)?,
        agreement: texts.optional(row.get(43)?)?,
        request_hmac: row.get(44)?,
        answer_hmac: row.get(45)?,
        prompt: texts.optional(row.get(46)?)?,
        fingerprint: texts.optional(row.get(47)?)?.map(|text| text.as_ref().to_owned()),
        has_drifted: row.get(48)?,
    })
}

fn tokens_of(row: &Row<'_>) -> rusqlite::Result<TokenCounts> {
    Ok(TokenCounts {
        input_fresh: count(row, 18)?,
        cache_read: count(row, 19)?,
        cache_write: count(row, 20)?,
        cache_write_1h: count(row, 21)?,
        output_visible: count(row, 22)?,
        reasoning: count(row, 23)?,
    })
}

/// The octets of an address: 4 or 16.
enum Octets {
    V4([u8; 4]),
    V6([u8; 16]),
}

impl From<IpAddr> for Octets {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => Self::V6(address.octets()),
        }
    }
}

impl From<Octets> for IpAddr {
    fn from(octets: Octets) -> Self {
        match octets {
            Octets::V4(octets) => octets.into(),
            Octets::V6(octets) => octets.into(),
        }
    }
}

impl ToSql for Octets {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::V4(octets) => octets.as_slice().into(),
            Self::V6(octets) => octets.as_slice().into(),
        })
    }
}

impl FromSql for Octets {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        let v4 = bytes.try_into().map(Self::V4);
        let size = || FromSqlError::InvalidBlobSize { expected_size: 16, blob_size: bytes.len() };
        v4.or_else(|_| bytes.try_into().map(Self::V6)).map_err(|_| size())
    }
}

/// A count as SQLite's signed integer; nothing real comes near the end of its range.
pub(super) fn bounded(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

const fn cost_columns(cost: Cost) -> (i64, i64) {
    match cost {
        Cost::Measured(NanoUsd(amount)) => (MEASURED, amount),
        Cost::Estimated(NanoUsd(amount)) => (ESTIMATED, amount),
        Cost::Unpriced => (UNPRICED, 0),
        Cost::Free => (FREE, 0),
    }
}

fn cost_of(kind: i64, amount: i64) -> rusqlite::Result<Cost> {
    match kind {
        MEASURED => Ok(Cost::Measured(NanoUsd(amount))),
        ESTIMATED => Ok(Cost::Estimated(NanoUsd(amount))),
        UNPRICED => Ok(Cost::Unpriced),
        FREE => Ok(Cost::Free),
        _ => Err(unknown(24, "cost_kind")),
    }
}

/// The place on the ladder in one column, which costs a third of three: the rung in bits 0 to
/// 3, the cause in bits 4 to 7, and one more than the index of the key above them.
fn ladder_code(rung: Rung, cause: Cause, key_index: Option<u32>) -> i64 {
    let key = key_index.map_or(0, |index| i64::from(index) + 1);
    key << 8 | cause_code(cause) << 4 | rung_code(rung)
}

fn ladder_of(code: i64) -> rusqlite::Result<(Rung, Cause, Option<u32>)> {
    let rung = Rung::ALL.into_iter().find(|rung| rung_code(*rung) == code & 15);
    let cause = Cause::ALL.into_iter().find(|cause| cause_code(*cause) == code >> 4 & 15);
    match (rung, cause, code >> 8) {
        (Some(rung), Some(cause), 0) => Ok((rung, cause, None)),
        (Some(rung), Some(cause), key) => match u32::try_from(key - 1) {
            Ok(index) => Ok((rung, cause, Some(index))),
            Err(_) => Err(unknown(31, "ladder")),
        },
        _ => Err(unknown(31, "ladder")),
    }
}

/// Codes are for ever, like those of causes and reasons below: a new one takes the next number.
const fn rung_code(rung: Rung) -> i64 {
    match rung {
        Rung::Target => 0,
        Rung::FallbackModel => 1,
        Rung::Cache => 2,
        Rung::StaleCache => 3,
        Rung::Rules => 4,
    }
}

const fn cause_code(cause: Cause) -> i64 {
    match cause {
        Cause::First => 0,
        Cause::NextTarget => 1,
        Cause::Retry => 2,
        Cause::NextKey => 3,
        Cause::FallbackModel => 4,
        Cause::AllUnhealthy => 5,
    }
}

const fn end_reason_code(reason: EndReason) -> i64 {
    match reason {
        EndReason::Complete => COMPLETE,
        EndReason::ClientGone => 1,
        EndReason::UpstreamError => 2,
        EndReason::Timeout => 3,
        EndReason::Limit => 4,
        EndReason::Guard => 5,
        EndReason::Crash => 6,
    }
}

pub(super) const fn class_code(class: DataClass) -> i64 {
    match class {
        DataClass::Public => 0,
        DataClass::Internal => 1,
        DataClass::Personal => 2,
        DataClass::Health => 3,
    }
}

const fn usage_source_code(source: UsageSource) -> i64 {
    match source {
        UsageSource::Provider => 0,
        UsageSource::ProviderPartial => 1,
        UsageSource::Estimate => 2,
        UsageSource::None => 3,
    }
}

fn coded<T: Copy, const N: usize>(
    row: &Row<'_>,
    column: usize,
    code: fn(T) -> i64,
    all: [T; N],
) -> rusqlite::Result<T> {
    let found: i64 = row.get(column)?;
    all.into_iter().find(|value| code(*value) == found).ok_or_else(|| unknown(column, "code"))
}

fn unknown(column: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(column, what.to_owned(), rusqlite::types::Type::Integer)
}
