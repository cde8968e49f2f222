//! Measures what docs/retention.md states: rows appended in a second, sums, unlinking.
//!
//! `cargo run --release -p tb-store --example retention_figures [-- ROWS]`

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "figures for a person, who sees a fault"
)]

use std::time::Instant;

use tb_core::ports::{GroupBy, Shelf, UsageQuery, UsageStore};
use tb_core::retention::SPAN_MS;
use tb_core::{
    Cause, Cost, DataClass, EndReason, NanoUsd, RequestId, Rung, Surface, Timestamp, TokenCounts,
    UsageRow, UsageSource,
};
use tb_store::{Durability, SqliteStore};

/// 2026-11-23T00:00:00Z
const DAY: i64 = 1_795_392_000_000;

/// Rows in one batch, as the storer makes them.
const BATCH: u64 = 2_000;

fn row(number: u64, ms: i64) -> UsageRow {
    let started_at = Timestamp(DAY + ms);
    let random = u128::from(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    UsageRow {
        request_id: RequestId::new(started_at, random << 16 | u128::from(number)),
        attempt: 1,
        is_final: true,
        started_at,
        service: ["bot", "shop", "search"][usize::try_from(number % 3).unwrap()].into(),
        key_id: tb_core::KeyId::parse("abcdEF12"),
        purpose: "general".into(),
        user: Some(format!("user-{}", number * 7919 % 5_000)),
        surface: Surface::ChatCompletions,
        stream: number.is_multiple_of(2),
        provider: Some("simulated".into()),
        model_requested: "support".into(),
        model_resolved: Some("gpt-4o-mini-2024-07-18".into()),
        model_served: Some("gpt-4o-mini-2024-07-18".to_owned()),
        status: 200,
        error_code: None,
        end_reason: EndReason::Complete,
        usage_source: UsageSource::Provider,
        tokens: TokenCounts {
            input_fresh: 100 + number % 900,
            output_visible: 50,
            ..TokenCounts::default()
        },
        cost: Cost::Measured(NanoUsd(1_000)),
        price_version: "2026-11-23".into(),
        ttft_ms: Some(12),
        duration_ms: 345,
        overhead_us: 67,
        config_hash: 7,
        rung: Rung::Target,
        cause: Cause::First,
        waited_ms: 0,
        key_index: Some(0),
        passed_over: None,
        saved: NanoUsd(0),
        guard: None,
        characters: None,
        secret_version: Some(1),
        workload: None,
        peer: Some([10, 1, 2, 0].into()),
        data_class: DataClass::Internal,
        own_classes: None,
        region: Some("us".into()),
        agreement: None,
        request_hmac: Some([7; 32]),
        answer_hmac: Some([9; 32]),
        prompt: None,
        fingerprint: Some("fp_44709d6fcb".to_owned()),
        has_drifted: false,
    }
}

fn main() {
    let rows: u64 = std::env::args().nth(1).map_or(400_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir_in(".").unwrap();
    let store = SqliteStore::open(&folder.path().join("tollbar.db"), Durability::Process).unwrap();
    append(&store, rows);
    sum(&store);
    drop(store);
    let store = SqliteStore::open(&folder.path().join("many.db"), Durability::Process).unwrap();
    ninety_days(&store);
    unlink(&store);
}

/// 90 days of one class with 100 rows in each file.
fn ninety_days(store: &SqliteStore) {
    let files = 90 * 24 * 2;
    for file in 0..files {
        let rows: Vec<_> = (0..100)
            .map(|number| {
                let ms = i64::try_from(file).unwrap() * SPAN_MS + i64::try_from(number).unwrap();
                row(file * 100 + number, ms)
            })
            .collect();
        store.append(&rows, 1).unwrap();
    }
    println!("90 days: {files} files of 100 rows");
    sum(store);
}

fn unlink(store: &SqliteStore) {
    let parts = store.list().unwrap();
    let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
    let began = Instant::now();
    for part in &parts {
        store.unlink(part).unwrap();
    }
    println!("unlink: {} files, {bytes} bytes in {:?}", parts.len(), began.elapsed());
}

/// As many rows as 500 requests a second leave, in batches.
fn append(store: &SqliteStore, rows: u64) {
    let mut spent = std::time::Duration::ZERO;
    let mut worst = std::time::Duration::ZERO;
    for batch in 0..rows / BATCH {
        let numbers = batch * BATCH..(batch + 1) * BATCH;
        let batch: Vec<_> =
            numbers.map(|number| row(number, i64::try_from(number * 2).unwrap())).collect();
        let began = Instant::now();
        store.append(&batch, 1).unwrap();
        spent += began.elapsed();
        worst = worst.max(began.elapsed());
    }
    let per_second = u128::from(rows) * 1_000_000 / spent.as_micros().max(1);
    println!("append: {rows} rows, {per_second} rows/s, worst batch {worst:?}");
}

fn sum(store: &SqliteStore) {
    for by in [vec![], vec![GroupBy::Model], vec![GroupBy::User, GroupBy::Day]] {
        let began = Instant::now();
        let sums = store.sum(&UsageQuery { by: by.clone(), ..UsageQuery::default() }).unwrap();
        println!("sum by {by:?}: {} groups in {:?}", sums.len(), began.elapsed());
    }
}
