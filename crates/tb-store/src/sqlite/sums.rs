//! Sums over usage rows: computed by SQLite over dictionary ids in each file, then added up.

use std::collections::HashMap;

use rusqlite::{Connection, Row, params};
use tb_core::ports::{GroupBy, UsageQuery, UsageSum};
use tb_core::{DataClass, NanoUsd, Timestamp};

use super::names::Texts;
use super::partitions::Place;
use super::row::{COMPLETE, ESTIMATED, MEASURED, UNPRICED, class_code};
use super::usage::request_bound;
use crate::sums::rank;

/// An attempt begins at most this long after its request: far more than any deadline.
const LONGEST_REQUEST_MS: i64 = 24 * 60 * 60 * 1_000;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Sums over files, which add up to one answer.
pub(super) struct Sums<'q> {
    query: &'q UsageQuery,
    statement: String,
    groups: HashMap<Vec<String>, Group>,
}

/// Sums wider than what is asked for: they are cut to size once, at the end.
#[derive(Default)]
struct Group {
    counts: [u64; COUNTS],
    amounts: [i128; AMOUNTS],
}

/// Columns of counts, in the order of the statement.
const COUNTS: usize = 4;

/// Columns of tokens and money behind them.
const AMOUNTS: usize = 9;

impl<'q> Sums<'q> {
    /// No sums yet.
    pub(super) fn new(query: &'q UsageQuery) -> Self {
        let mut groups = HashMap::new();
        if query.by.is_empty() {
            groups.insert(Vec::new(), Group::default());
        }
        Self { query, statement: statement(&query.by), groups }
    }

    /// Whether a file may have rows that were asked for.
    pub(super) fn touch(&self, place: Place) -> bool {
        let (since, until) = self.moments();
        since.plus_ms(-LONGEST_REQUEST_MS) < place.span.end() && place.span.start() < until
    }

    fn moments(&self) -> (Timestamp, Timestamp) {
        let UsageQuery { since, until, .. } = self.query;
        (since.unwrap_or(Timestamp(i64::MIN)), until.unwrap_or(Timestamp(i64::MAX)))
    }

    /// Adds the rows of one file.
    pub(super) fn add(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let (since, until) = self.moments();
        let mut statement = connection.prepare(&self.statement)?;
        let mut texts = Texts::new(connection);
        let mut rows = statement.query(params![
            request_bound(since.plus_ms(-LONGEST_REQUEST_MS)),
            request_bound(until),
            since.unix_ms(),
            until.unix_ms(),
        ])?;
        while let Some(row) = rows.next()? {
            let names = group(row, &self.query.by, &mut texts)?;
            self.groups.entry(names).or_default().add(row, self.query.by.len())?;
        }
        Ok(())
    }

    /// The sums, in the order of the port.
    pub(super) fn ranked(self) -> Vec<UsageSum> {
        let mut sums: Vec<UsageSum> =
            self.groups.into_iter().map(|(names, group)| group.cut(names)).collect();
        rank(&mut sums, &self.query.by);
        sums
    }
}

impl Group {
    /// Adds the columns from `first` on.
    fn add(&mut self, row: &Row<'_>, first: usize) -> rusqlite::Result<()> {
        for (index, count) in self.counts.iter_mut().enumerate() {
            let more = u64::try_from(row.get::<_, i64>(first + index)?).unwrap_or(0);
            *count = count.saturating_add(more);
        }
        for (index, amount) in self.amounts.iter_mut().enumerate() {
            // Two halves, see `wide_sum`.
            let at = first + COUNTS + 2 * index;
            let (high, low) = (row.get::<_, i64>(at)?, row.get::<_, i64>(at + 1)?);
            let more = (i128::from(high) << 32) + i128::from(low);
            *amount = amount.saturating_add(more);
        }
        Ok(())
    }

    fn cut(self, group: Vec<String>) -> UsageSum {
        let tokens = |amount: i128| u64::try_from(amount).unwrap_or(u64::MAX);
        let money = |amount: i128| NanoUsd(i64::try_from(amount).unwrap_or(i64::MAX));
        let [requests, attempts, errors, unpriced_requests] = self.counts;
        let [fresh, read, write, write_1h, visible, reasoning, cost, estimated, saved] =
            self.amounts;
        UsageSum {
            group,
            requests,
            attempts,
            errors,
            unpriced_requests,
            input_tokens: [fresh, read, write, write_1h]
                .into_iter()
                .fold(0, |sum, amount| tokens(amount).saturating_add(sum)),
            cached_input_tokens: tokens(read),
            output_tokens: tokens(visible).saturating_add(tokens(reasoning)),
            reasoning_tokens: tokens(reasoning),
            cost: money(cost),
            estimated_cost: money(estimated),
            saved: money(saved),
        }
    }
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
        GroupBy::Provider => "provider",
        GroupBy::DataClass => "data_class",
    }
}

/// The word for a class by its code.
fn class_of(code: Option<i64>) -> String {
    let known = DataClass::ALL.into_iter().find(|class| Some(class_code(*class)) == code);
    known.map_or_else(String::new, |class| class.as_str().to_owned())
}

/// The values of the grouping columns.
fn group(row: &Row<'_>, by: &[GroupBy], texts: &mut Texts<'_>) -> rusqlite::Result<Vec<String>> {
    let mut group = Vec::with_capacity(by.len());
    for (index, column) in by.iter().enumerate() {
        let value: Option<i64> = row.get(index)?;
        group.push(match column {
            GroupBy::Day => Timestamp(value.unwrap_or(0).saturating_mul(DAY_MS)).utc_day(),
            GroupBy::DataClass => class_of(value),
            _ => texts.optional(value)?.map(|text| text.as_ref().to_owned()).unwrap_or_default(),
        });
    }
    Ok(group)
}
