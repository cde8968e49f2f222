//! Sums over usage rows, computed by SQLite over dictionary ids.

use rusqlite::{Connection, Row, params};
use tb_core::ports::{GroupBy, UsageQuery, UsageSum};
use tb_core::{NanoUsd, Timestamp};

use super::names::Texts;
use super::row::{COMPLETE, ESTIMATED, MEASURED, UNPRICED};
use super::usage::request_bound;
use crate::sums::rank;

/// An attempt begins at most this long after its request: far more than any deadline.
const LONGEST_REQUEST_MS: i64 = 24 * 60 * 60 * 1_000;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Answers a query.
pub(super) fn sum(connection: &Connection, query: &UsageQuery) -> rusqlite::Result<Vec<UsageSum>> {
    let since = query.since.unwrap_or(Timestamp(i64::MIN));
    let until = query.until.unwrap_or(Timestamp(i64::MAX));
    let mut statement = connection.prepare_cached(&statement(&query.by))?;
    let mut texts = Texts::new(connection);
    let mut rows = statement.query(params![
        request_bound(since.plus_ms(-LONGEST_REQUEST_MS)),
        request_bound(until),
        since.unix_ms(),
        until.unix_ms(),
    ])?;
    let mut sums = Vec::new();
    while let Some(row) = rows.next()? {
        sums.push(read(row, &query.by, &mut texts)?);
    }
    rank(&mut sums, &query.by);
    Ok(sums)
}

fn statement(by: &[GroupBy]) -> String {
    let columns: Vec<&str> = by.iter().map(|column| column_of(*column)).collect();
    let measured = format!("CASE cost_kind WHEN {MEASURED} THEN cost_nano_usd ELSE 0 END");
    let estimated = format!("CASE cost_kind WHEN {ESTIMATED} THEN cost_nano_usd ELSE 0 END");
    let sums = [
        "COALESCE(SUM(is_final), 0)".to_owned(),
        "COALESCE(SUM(provider IS NOT NULL), 0)".to_owned(),
        format!("COALESCE(SUM(is_final AND (status >= 400 OR end_reason <> {COMPLETE})), 0)"),
        format!("COALESCE(SUM(cost_kind = {UNPRICED}), 0)"),
        wide_sum("input_fresh"),
        wide_sum("cache_read"),
        wide_sum("cache_write"),
        wide_sum("cache_write_1h"),
        wide_sum("output_visible"),
        wide_sum("reasoning"),
        wide_sum(&measured),
        wide_sum(&estimated),
        wide_sum("saved_nano_usd"),
    ];
    let selected: Vec<&str> =
        columns.iter().copied().chain(sums.iter().map(String::as_str)).collect();
    let grouping =
        if columns.is_empty() { String::new() } else { format!("GROUP BY {}", columns.join(", ")) };
    format!(
        "SELECT {} FROM usage
         WHERE request_id >= ?1 AND request_id < ?2 AND started_ms >= ?3 AND started_ms < ?4
         {grouping}",
        selected.join(", ")
    )
}

/// A sum in two halves of 32 bits: one hostile count must not make every later sum overflow.
fn wide_sum(expression: &str) -> String {
    format!("COALESCE(SUM(({expression}) >> 32), 0), COALESCE(SUM(({expression}) & 4294967295), 0)")
}

const fn column_of(by: GroupBy) -> &'static str {
    match by {
        GroupBy::Key => "key_id",
        GroupBy::Model => "model_requested",
        GroupBy::Service => "service",
        GroupBy::User => "user",
        GroupBy::Purpose => "purpose",
        GroupBy::Day => "started_ms / 86400000",
    }
}

fn read(row: &Row<'_>, by: &[GroupBy], texts: &mut Texts<'_>) -> rusqlite::Result<UsageSum> {
    let mut group = Vec::with_capacity(by.len());
    for (index, column) in by.iter().enumerate() {
        let value: Option<i64> = row.get(index)?;
        group.push(match column {
            GroupBy::Day => Timestamp(value.unwrap_or(0).saturating_mul(DAY_MS)).utc_day(),
            _ => texts.optional(value)?.map(|text| text.as_ref().to_owned()).unwrap_or_default(),
        });
    }
    let first = by.len();
    let count = |index: usize| -> rusqlite::Result<u64> {
        Ok(u64::try_from(row.get::<_, i64>(first + index)?).unwrap_or(0))
    };
    let wide = |index: usize| wide_value(row, first + 4 + 2 * index);
    let tokens = |index: usize| -> rusqlite::Result<u64> {
        Ok(u64::try_from(wide(index)?).unwrap_or(u64::MAX))
    };
    let amount = |index: usize| -> rusqlite::Result<NanoUsd> {
        Ok(NanoUsd(i64::try_from(wide(index)?).unwrap_or(i64::MAX)))
    };
    Ok(UsageSum {
        group,
        requests: count(0)?,
        attempts: count(1)?,
        errors: count(2)?,
        unpriced_requests: count(3)?,
        input_tokens: [tokens(0)?, tokens(1)?, tokens(2)?, tokens(3)?]
            .into_iter()
            .fold(0, u64::saturating_add),
        cached_input_tokens: tokens(1)?,
        output_tokens: tokens(4)?.saturating_add(tokens(5)?),
        reasoning_tokens: tokens(5)?,
        cost: amount(6)?,
        estimated_cost: amount(7)?,
        saved: amount(8)?,
    })
}

fn wide_value(row: &Row<'_>, index: usize) -> rusqlite::Result<i128> {
    let high: i64 = row.get(index)?;
    let low: i64 = row.get(index + 1)?;
    Ok((i128::from(high) << 32) + i128::from(low))
}
