//! A usage row as columns, both ways.

use rusqlite::{CachedStatement, Connection, Row, params};
use tb_core::{
    Cause, Cost, EndReason, KeyId, NanoUsd, RequestId, Rung, Surface, Timestamp, TokenCounts,
    UsageRow, UsageSource,
};

use super::names::{Names, Texts};

/// All columns, in the order of `insert` and `read`.
pub(super) const COLUMNS: &str = "request_id, attempt, is_final, stream, started_ms, service, \
     key_id, purpose, user, surface, provider, model_requested, model_resolved, model_served, \
     status, error_code, end_reason, usage_source, input_fresh, cache_read, cache_write, \
     cache_write_1h, output_visible, reasoning, cost_kind, cost_nano_usd, price_version, ttft_ms, \
     duration_ms, overhead_us, config_hash, ladder, waited_ms, passed_over, saved_nano_usd, guard, \
     characters";

/// The statement for [`insert`].
pub(super) const INSERT: &str = "INSERT OR REPLACE INTO usage VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, \
     ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, \
     ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37)";

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
    ])?;
    Ok(())
}

/// Reads one row of [`COLUMNS`].
pub(super) fn read(row: &Row<'_>, texts: &mut Texts<'_>) -> rusqlite::Result<UsageRow> {
    let tokens = TokenCounts {
        input_fresh: count(row, 18)?,
        cache_read: count(row, 19)?,
        cache_write: count(row, 20)?,
        cache_write_1h: count(row, 21)?,
        output_visible: count(row, 22)?,
        reasoning: count(row, 23)?,
    };
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
        tokens,
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
    })
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
