//! Rows, stores that fail on demand, and pictures of a journal as a killed process leaves it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tb_core::ports::{ResponseBinding, StoreError, UsageQuery, UsageStore, UsageSum};
use tb_core::{
    Actor, AdminAct, Cause, Cost, DataClass, EndReason, NanoUsd, RequestId, Rung, Surface,
    Timestamp, TokenCounts, UsageRow, UsageSource,
};
use tb_store::MemoryStore;

/// A complete row of the `number`-th request, which began `number` ms after the epoch.
pub(crate) fn row(number: u64, attempt: u32) -> UsageRow {
    let started_at = Timestamp(i64::try_from(number).unwrap());
    UsageRow {
        request_id: RequestId::new(started_at, u128::from(number) * 7),
        attempt,
        is_final: true,
        started_at,
        service: "bot".into(),
        key_id: tb_core::KeyId::parse("abcdEF12"),
        purpose: "general".into(),
        user: Some(format!("user-{}", number % 3)),
        surface: Surface::ChatCompletions,
        stream: number.is_multiple_of(2),
        provider: Some("openai".into()),
        model_requested: "support".into(),
        model_resolved: Some("gpt-4o-mini-2024-07-18".into()),
        model_served: Some("gpt-4o-mini-2024-07-18".to_owned()),
        status: 200,
        error_code: None,
        end_reason: EndReason::Complete,
        usage_source: UsageSource::Provider,
        tokens: TokenCounts {
            input_fresh: 100,
            cache_read: 20,
            cache_write: 3,
            cache_write_1h: 4,
            output_visible: 50,
            reasoning: 6,
        },
        cost: Cost::Measured(NanoUsd(1_000)),
        price_version: "2026-11-23".into(),
        ttft_ms: Some(12),
        duration_ms: 345,
        overhead_us: 67,
        config_hash: u64::MAX - number,
        rung: Rung::Target,
        cause: Cause::First,
        waited_ms: 0,
        key_index: Some(0),
        passed_over: None,
        saved: NanoUsd(0),
        guard: None,
        characters: None,
        secret_version: Some(1),
        workload: Some("spiffe://corp/bot".into()),
        peer: Some([10, 1, 2, 0].into()),
        data_class: DataClass::Internal,
        own_classes: None,
        region: Some("eu".into()),
        agreement: None,
        request_hmac: Some([3; 32]),
        answer_hmac: None,
        prompt: Some("greet@2".into()),
        fingerprint: Some("fp_44709d6fcb".to_owned()),
        has_drifted: true,
    }
}

/// The row of an attempt that has just begun.
pub(crate) fn begun(number: u64, attempt: u32) -> UsageRow {
    UsageRow {
        status: 0,
        end_reason: EndReason::Crash,
        usage_source: UsageSource::Estimate,
        cost: Cost::Estimated(NanoUsd(500)),
        model_served: None,
        ttft_ms: None,
        duration_ms: 0,
        ..row(number, attempt)
    }
}

pub(crate) fn binding(id: &str, service: &str) -> ResponseBinding {
    ResponseBinding {
        response_id: id.to_owned(),
        service: service.into(),
        provider: "openai".into(),
        model: "support".into(),
        key_index: 1,
        created_at: Timestamp(5),
    }
}

/// An act that somebody did.
pub(crate) fn act(kind: &str) -> AdminAct {
    AdminAct {
        at: Timestamp(7),
        actor: Actor::Anonymous,
        kind: kind.to_owned(),
        object: "object".to_owned(),
        before: None,
        after: None,
    }
}

/// A usage store that refuses while told to, and counts how often it was asked.
pub(crate) struct Stubborn {
    pub(crate) inner: Arc<MemoryStore>,
    pub(crate) refuses: AtomicBool,
    pub(crate) batches: AtomicU32,
}

impl Stubborn {
    pub(crate) fn new(inner: Arc<MemoryStore>) -> Arc<Self> {
        Arc::new(Self { inner, refuses: AtomicBool::new(true), batches: AtomicU32::new(0) })
    }
}

impl UsageStore for Stubborn {
    fn append(&self, rows: &[UsageRow], checkpoint: u64) -> Result<(), StoreError> {
        self.batches.fetch_add(1, Ordering::Relaxed);
        if self.refuses.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("the test says so".to_owned()));
        }
        self.inner.append(rows, checkpoint)
    }

    fn checkpoint(&self) -> Result<u64, StoreError> {
        self.inner.checkpoint()
    }

    fn sum(&self, query: &UsageQuery) -> Result<Vec<UsageSum>, StoreError> {
        self.inner.sum(query)
    }

    fn request(&self, id: RequestId) -> Result<Vec<UsageRow>, StoreError> {
        self.inner.request(id)
    }

    fn recent(&self, before: Option<Timestamp>, limit: u32) -> Result<Vec<UsageRow>, StoreError> {
        self.inner.recent(before, limit)
    }
}

/// Copies the segments of a live journal: what a process killed now would leave behind.
pub(crate) fn photograph(journal: &Path) -> tempfile::TempDir {
    let picture = tempfile::tempdir().unwrap();
    for path in segment_files(journal) {
        std::fs::copy(&path, picture.path().join(path.file_name().unwrap())).unwrap();
    }
    picture
}

/// The segment files, oldest first.
pub(crate) fn segment_files(journal: &Path) -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(journal)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tbj"))
        .collect();
    paths.sort();
    paths
}

/// Every file below a folder.
pub(crate) fn files_in(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_in(&path)) } else { files.push(path) }
    }
    files
}
