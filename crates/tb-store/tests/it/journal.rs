//! The journal: nothing appended is lost, nothing is stored twice.

use std::collections::HashSet;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use tb_core::ports::{Journal, JournalRecord, ResponseStore, StoreError, UsageQuery, UsageStore};
use tb_core::{Cost, EndReason, NanoUsd, RequestId, Rung, TokenCounts, UsageRow, UsageSource};
use tb_store::{Destination, Durability, JournalSettings, MemoryStore, MmapJournal};

use crate::support::{Stubborn, begun, binding, photograph, row, segment_files};

/// Bytes before the first record of a segment.
const SEGMENT_HEADER: u64 = 32;

fn settings(path: &Path) -> JournalSettings {
    let mut settings = JournalSettings::new(path.to_owned(), Durability::Process);
    settings.segment_bytes = 1;
    settings
}

fn open(path: &Path, store: &Arc<MemoryStore>) -> MmapJournal {
    MmapJournal::open(settings(path), Destination::unaudited(store.clone(), store.clone())).unwrap()
}

/// All rows, oldest first.
fn rows(store: &MemoryStore) -> Vec<UsageRow> {
    let mut rows = store.recent(None, u32::MAX).unwrap();
    rows.reverse();
    rows
}

/// A picture of a journal whose store never took anything.
fn journal_killed_after(records: &[JournalRecord]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::new());
    let stubborn = Stubborn::new(store.clone());
    let journal = MmapJournal::open(
        settings(directory.path()),
        Destination::unaudited(stubborn.clone(), store),
    )
    .unwrap();
    for record in records {
        journal.append(record.into()).unwrap();
    }
    let picture = photograph(directory.path());
    stubborn.refuses.store(false, Ordering::Relaxed);
    picture
}

/// What a start after that finds.
fn rows_after_a_start(directory: &Path) -> Vec<UsageRow> {
    let store = Arc::new(MemoryStore::new());
    open(directory, &store).close().unwrap();
    rows(&store)
}

/// The bytes that each record in a segment takes, without its padding and with it.
fn frames(path: &Path) -> Vec<(u64, u64, u64)> {
    let bytes = std::fs::read(path).unwrap();
    let mut found = Vec::new();
    let mut at = usize::try_from(SEGMENT_HEADER).unwrap();
    loop {
        let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        if length == 0 {
            return found;
        }
        let next = at + (8 + length).next_multiple_of(8);
        found.push((at as u64, (at + 8 + length) as u64, next as u64));
        at = next;
    }
}

#[test]
fn stores_what_was_appended_before_a_flush() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::new());
    let journal = open(directory.path(), &store);
    journal.append((&JournalRecord::Begun(begun(1, 1))).into()).unwrap();
    journal.append((&JournalRecord::Ended(row(1, 1))).into()).unwrap();
    journal.append((&JournalRecord::Bound(binding("resp_1", "bot"))).into()).unwrap();
    journal.flush().unwrap();
    assert_eq!(rows(&store), [row(1, 1)]);
    assert!(store.binding(&"bot".into(), "resp_1").unwrap().is_some());
    assert_eq!(journal.lag_ms(), 0);
}

#[test]
fn a_deleted_response_stays_unbound_after_its_binding_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::new());
    let journal = open(directory.path(), &store);
    for id in ["resp_1", "resp_2"] {
        journal.append((&JournalRecord::Bound(binding(id, "bot"))).into()).unwrap();
    }
    journal.append((&JournalRecord::Unbound("bot".into(), "resp_1".to_owned())).into()).unwrap();
    journal.flush().unwrap();
    assert!(store.binding(&"bot".into(), "resp_1").unwrap().is_none());
    assert!(store.binding(&"bot".into(), "resp_2").unwrap().is_some());
}

#[test]
fn keeps_files_to_itself() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/journal");
    let journal = open(&path, &Arc::new(MemoryStore::new()));
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&segment_files(&path)[0]), 0o600);
    assert_eq!(mode(&path.join("lock")), 0o600);
    drop(journal);
}

#[test]
fn refuses_a_second_process_and_names_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::new());
    let first = open(directory.path(), &store);
    let second = MmapJournal::open(
        settings(directory.path()),
        Destination::unaudited(store.clone(), store.clone()),
    );
    let fault = second.err().unwrap().to_string();
    assert!(fault.contains(&format!("process {}", std::process::id())), "{fault}");
    drop(first);
    drop(open(directory.path(), &store));
}

#[test]
fn refuses_appends_after_closing() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path(), &Arc::new(MemoryStore::new()));
    journal.close().unwrap();
    let refused = journal.append((&JournalRecord::Ended(row(1, 1))).into());
    assert!(matches!(refused, Err(StoreError::Failed(_))));
    journal.close().unwrap();
}

#[test]
fn refuses_a_record_that_is_too_large() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path(), &Arc::new(MemoryStore::new()));
    let endless = UsageRow { user: Some("u".repeat(70_000)), ..row(1, 1) };
    let refused = journal.append((&JournalRecord::Ended(endless)).into());
    assert!(matches!(refused, Err(StoreError::Failed(_))));
    journal.append((&JournalRecord::Ended(row(1, 1))).into()).unwrap();
}

#[test]
fn leaves_no_segment_behind_after_a_clean_end() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::new());
    let journal = open(directory.path(), &store);
    journal.append((&JournalRecord::Begun(begun(1, 1))).into()).unwrap();
    journal.append((&JournalRecord::Ended(row(1, 1))).into()).unwrap();
    journal.close().unwrap();
    assert!(segment_files(directory.path()).is_empty());
    drop(journal);
    let journal = open(directory.path(), &store);
    journal.append((&JournalRecord::Ended(row(2, 1))).into()).unwrap();
    journal.close().unwrap();
    assert_eq!(rows(&store), [row(1, 1), row(2, 1)]);
}

#[test]
fn settles_open_attempts_as_crash_once() {
    let picture = journal_killed_after(&[
        JournalRecord::Begun(begun(1, 1)),
        JournalRecord::Ended(row(1, 1)),
        JournalRecord::Begun(begun(2, 1)),
        JournalRecord::Begun(begun(2, 2)),
        JournalRecord::Begun(begun(3, 1)),
    ]);
    let store = Arc::new(MemoryStore::new());
    let journal = open(picture.path(), &store);
    assert_eq!(journal.settled_as_crash(), 3);
    journal.flush().unwrap();
    let second_picture = photograph(picture.path());
    drop(journal);

    let crashed = |number, attempt, is_final| UsageRow {
        is_final,
        end_reason: EndReason::Crash,
        usage_source: UsageSource::Estimate,
        ..begun(number, attempt)
    };
    let expected = [row(1, 1), crashed(2, 1, false), crashed(2, 2, true), crashed(3, 1, true)];
    assert_eq!(rows(&store), expected);

    // Killed again right after the settlement: there is nothing left to settle.
    let journal = open(second_picture.path(), &store);
    assert_eq!(journal.settled_as_crash(), 0);
    drop(journal);
    assert_eq!(rows(&store), expected);
    assert_eq!(rows_after_a_start(picture.path()), []);
}

#[test]
fn reads_a_journal_again_that_the_store_has_no_checkpoint_of() {
    let picture = journal_killed_after(&[JournalRecord::Ended(row(1, 1))]);
    let store = Arc::new(MemoryStore::new());
    store.append(&[row(9, 1)], 1 << 40).unwrap();
    open(picture.path(), &store).close().unwrap();
    assert_eq!(rows(&store), [row(1, 1), row(9, 1)]);
}

#[test]
fn is_not_misled_by_the_checkpoint_of_another_journal() {
    let picture = journal_killed_after(&[JournalRecord::Ended(row(1, 1))]);
    let store = Arc::new(MemoryStore::new());
    let other = tempfile::tempdir().unwrap();
    let journal = open(other.path(), &store);
    for number in 2..=9 {
        journal.append((&JournalRecord::Ended(row(number, 1))).into()).unwrap();
    }
    journal.close().unwrap();
    open(picture.path(), &store).close().unwrap();
    assert_eq!(store.request(row(1, 1).request_id).unwrap(), [row(1, 1)]);
    assert_eq!(rows(&store).len(), 9);
}

#[test]
fn survives_a_segment_that_was_never_finished() {
    let picture = journal_killed_after(&[JournalRecord::Ended(row(1, 1))]);
    std::fs::write(picture.path().join("00000000ffff0000.tbj"), [0; 4096]).unwrap();
    std::fs::write(picture.path().join("00000000ffff8000.tbj"), []).unwrap();
    assert_eq!(rows_after_a_start(picture.path()), [row(1, 1)]);
}

#[test]
fn refuses_a_file_that_is_no_segment_of_its_version() {
    let picture = journal_killed_after(&[JournalRecord::Ended(row(1, 1))]);
    let file =
        std::fs::File::options().write(true).open(&segment_files(picture.path())[0]).unwrap();
    file.write_all_at(&[9], 8).unwrap();
    let store = Arc::new(MemoryStore::new());
    let fault =
        MmapJournal::open(settings(picture.path()), Destination::unaudited(store.clone(), store))
            .err()
            .unwrap();
    assert!(fault.to_string().contains("not a journal segment of this version"));
}

#[test]
fn cuts_a_torn_tail_at_every_byte() {
    let records: Vec<_> = (1..=3).map(|number| JournalRecord::Ended(row(number, 1))).collect();
    let picture = journal_killed_after(&records);
    let (last_start, last_end, _) = frames(&segment_files(picture.path())[0])[2];
    for length in last_start..=last_end {
        let torn = photograph(picture.path());
        let segment = &segment_files(torn.path())[0];
        std::fs::File::options().write(true).open(segment).unwrap().set_len(length).unwrap();
        let kept = if length == last_end { 3 } else { 2 };
        // Padding does not count: the last record is whole as soon as its payload is.
        let found = rows_after_a_start(torn.path());
        let expected: Vec<_> = (1..=kept).map(|number| row(number, 1)).collect();
        assert_eq!(found, expected, "cut at {length}");
    }
}

#[test]
fn refuses_new_work_when_full_but_takes_the_end_of_old_work() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::new());
    let stubborn = Stubborn::new(store.clone());
    let mut settings = settings(directory.path());
    settings.max_segments = 2;
    let journal =
        MmapJournal::open(settings, Destination::unaudited(stubborn.clone(), store.clone()))
            .unwrap();
    let mut begun_rows = 0;
    let refused = loop {
        match journal.append((&JournalRecord::Begun(begun(begun_rows, 1))).into()) {
            Ok(()) => begun_rows += 1,
            Err(fault) => break fault,
        }
    };
    assert!(matches!(refused, StoreError::Full(_)), "{refused}");
    for number in 0..begun_rows / 2 {
        journal.append((&JournalRecord::Ended(row(number, 1))).into()).unwrap();
    }
    let refused_request = JournalRecord::Ended(row(begun_rows, 0));
    assert!(matches!(journal.append((&refused_request).into()), Err(StoreError::Full(_))));
    assert!(matches!(
        journal.append((&JournalRecord::Begun(begun(begun_rows, 1))).into()),
        Err(StoreError::Full(_))
    ));
    stubborn.refuses.store(false, Ordering::Relaxed);
    while journal.flush().is_err() {}
    journal.close().unwrap();
    assert_eq!(rows(&store).len() as u64, begun_rows / 2);
}

#[test]
fn tries_again_until_the_store_takes_the_rows() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::new());
    let stubborn = Stubborn::new(store.clone());
    let journal = MmapJournal::open(
        settings(directory.path()),
        Destination::unaudited(stubborn.clone(), store.clone()),
    )
    .unwrap();
    journal.append((&JournalRecord::Ended(row(1, 1))).into()).unwrap();
    assert!(matches!(journal.flush(), Err(StoreError::Unavailable(_))));
    stubborn.refuses.store(false, Ordering::Relaxed);
    while journal.flush().is_err() {}
    assert!(stubborn.batches.load(Ordering::Relaxed) >= 2);
    assert_eq!(rows(&store), [row(1, 1)]);
}

#[test]
fn deletes_stored_segments_while_a_long_attempt_is_open() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::new());
    let mut settings = settings(directory.path());
    settings.max_segments = 4;
    let journal =
        MmapJournal::open(settings, Destination::unaudited(store.clone(), store.clone())).unwrap();
    let first = segment_files(directory.path()).remove(0);
    journal.append((&JournalRecord::Begun(begun(0, 1))).into()).unwrap();
    for number in 1..=4_000 {
        journal.append((&JournalRecord::Ended(row(number, 1))).into()).unwrap();
        if number % 250 == 0 {
            journal.flush().unwrap();
        }
    }
    journal.flush().unwrap();
    assert!(!first.exists());
    // The attempt is still known to be open, and still only once.
    let picture = photograph(directory.path());
    let after = Arc::new(MemoryStore::new());
    let second = open(picture.path(), &after);
    assert_eq!(second.settled_as_crash(), 1);
    drop(second);
    assert_eq!(after.request(row(0, 1).request_id).unwrap().len(), 1);
    journal.append((&JournalRecord::Ended(row(0, 1))).into()).unwrap();
    journal.close().unwrap();
    assert_eq!(rows(&store).len(), 4_001);
    assert!(segment_files(directory.path()).is_empty());
}

#[test]
fn keeps_the_segments_of_attempts_that_nobody_ended() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::new());
    let journal = open(directory.path(), &store);
    journal.append((&JournalRecord::Begun(begun(1, 1))).into()).unwrap();
    journal.close().unwrap();
    drop(journal);
    let journal = open(directory.path(), &store);
    assert_eq!(journal.settled_as_crash(), 1);
    drop(journal);
    assert_eq!(rows(&store)[0].end_reason, EndReason::Crash);
}

/// The row that settles a request after its attempt before.
fn crash_after(row: &UsageRow) -> UsageRow {
    UsageRow {
        attempt: row.attempt + 1,
        is_final: true,
        started_at: row.started_at.plus_ms(i64::from(row.duration_ms)),
        provider: None,
        model_resolved: None,
        model_served: None,
        status: 0,
        error_code: None,
        end_reason: EndReason::Crash,
        usage_source: UsageSource::None,
        tokens: TokenCounts::default(),
        cost: Cost::Free,
        ttft_ms: None,
        duration_ms: 0,
        overhead_us: 0,
        key_index: None,
        passed_over: None,
        ..row.clone()
    }
}

fn failed(number: u64, attempt: u32) -> UsageRow {
    UsageRow {
        is_final: false,
        status: 503,
        end_reason: EndReason::UpstreamError,
        key_index: Some(1),
        passed_over: Some("openai/small=breaker_open".to_owned()),
        ..row(number, attempt)
    }
}

/// The last word of a request that the gateway answered itself.
fn own_answer(number: u64, attempt: u32) -> UsageRow {
    UsageRow {
        provider: None,
        model_resolved: None,
        model_served: None,
        rung: Rung::StaleCache,
        cost: Cost::Free,
        usage_source: UsageSource::None,
        tokens: TokenCounts::default(),
        saved: NanoUsd(1_000),
        ..row(number, attempt)
    }
}

#[test]
fn a_request_that_died_between_two_attempts_gets_one_last_word() {
    let picture = journal_killed_after(&[
        JournalRecord::Begun(begun(1, 1)),
        JournalRecord::Ended(failed(1, 1)),
        JournalRecord::Begun(begun(2, 1)),
        JournalRecord::Ended(failed(2, 1)),
        JournalRecord::Begun(begun(2, 2)),
        JournalRecord::Begun(begun(3, 1)),
        JournalRecord::Ended(failed(3, 1)),
        JournalRecord::Ended(UsageRow { is_final: true, ..failed(3, 1) }),
    ]);
    let store = Arc::new(MemoryStore::new());
    let journal = open(picture.path(), &store);
    assert_eq!(journal.settled_as_crash(), 2);
    journal.flush().unwrap();
    let second_picture = photograph(picture.path());
    drop(journal);
    let expected = [
        failed(1, 1),
        crash_after(&failed(1, 1)),
        failed(2, 1),
        begun(2, 2),
        UsageRow { is_final: true, ..failed(3, 1) },
    ];
    assert_eq!(rows(&store), expected);
    assert_eq!(store.sum(&UsageQuery::default()).unwrap()[0].requests, 3);

    // Killed again right after the settlement: there is nothing left to settle.
    let journal = open(second_picture.path(), &store);
    assert_eq!(journal.settled_as_crash(), 0);
    drop(journal);
    assert_eq!(rows(&store), expected);
}

#[test]
fn an_own_answer_ends_a_request_with_and_without_attempts_before() {
    let story = [
        JournalRecord::Ended(own_answer(1, 1)),
        JournalRecord::Begun(begun(2, 1)),
        JournalRecord::Ended(failed(2, 1)),
        JournalRecord::Begun(begun(2, 2)),
        JournalRecord::Ended(failed(2, 2)),
        JournalRecord::Ended(own_answer(2, 3)),
        JournalRecord::Ended(own_answer(3, 0)),
    ];
    let whole = [own_answer(1, 1), failed(2, 1), failed(2, 2), own_answer(2, 3), own_answer(3, 0)];
    assert_eq!(rows_after_a_start(journal_killed_after(&story).path()), whole);
    // Wherever it dies, each request that is known at all has exactly one last word.
    for length in 1..story.len() {
        let found = rows_after_a_start(journal_killed_after(&story[..length]).path());
        let requests: HashSet<_> = found.iter().map(|row| row.request_id).collect();
        let last_words: Vec<_> =
            found.iter().filter(|row| row.is_final).map(|row| row.request_id).collect();
        assert_eq!(last_words.len(), requests.len(), "killed after {length}: {found:?}");
        assert_eq!(last_words.iter().copied().collect::<HashSet<_>>(), requests);
    }
}

#[test]
fn an_own_answer_takes_no_room_that_is_kept_for_running_requests() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::new());
    let stubborn = Stubborn::new(store.clone());
    let mut settings = settings(directory.path());
    settings.max_segments = 1;
    let journal =
        MmapJournal::open(settings, Destination::unaudited(stubborn.clone(), store)).unwrap();
    journal.append((&JournalRecord::Begun(begun(0, 1))).into()).unwrap();
    let refused = (1..10_000).find_map(|number| {
        journal.append((&JournalRecord::Ended(own_answer(number, 1))).into()).err()
    });
    assert!(matches!(refused, Some(StoreError::Full(_))));
    journal.append((&JournalRecord::Ended(failed(0, 1))).into()).unwrap();
    journal.append((&JournalRecord::Ended(own_answer(0, 2))).into()).unwrap();
    stubborn.refuses.store(false, Ordering::Relaxed);
}

/// A payload as the version before wrote it: a beginning of `small-1` for `bot`.
const BEGUN_IN_VERSION_1: &[u8] = b"\x01\x00\x90\x9e\xb8\xe8\xc0\xe1\x82\x85\x89\x90\x9c\xb0\
    \xd0\x80\xc1\x81\x82\x02\x02\x01\xf6\xf9\xb2\xe5\xbd\x68\x03bot\x01\x08abcdEF12\x07general\
    \x01\x06user-1\x00\x01\x01\x06vendor\x07support\x01\x07small-1\x01\x07small-1\xad\x03\x01\
    \x0arate_limit\x02\x02\x64\x14\x03\x04\xf4\x03\x06\x01\x0d\x0a2026-11-23\x01\x78\xc1\x0a\x43\
    \xe7\x8a\x8d\x89\xf0\xdd\xef\xd6\xde\x01";

#[test]
fn settles_what_the_version_before_left_open() {
    let picture = journal_killed_after(&[JournalRecord::Ended(row(1, 1))]);
    let segment = &segment_files(picture.path())[0];
    let (_, _, end) = frames(segment)[0];
    let length = u32::try_from(BEGUN_IN_VERSION_1.len()).unwrap();
    let mut frame = length.to_le_bytes().to_vec();
    frame.extend(crc32c::crc32c(BEGUN_IN_VERSION_1).to_le_bytes());
    frame.extend(BEGUN_IN_VERSION_1);
    std::fs::File::options().write(true).open(segment).unwrap().write_all_at(&frame, end).unwrap();

    let store = Arc::new(MemoryStore::new());
    let journal = open(picture.path(), &store);
    assert_eq!(journal.settled_as_crash(), 1);
    journal.close().unwrap();
    let found = rows(&store);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], row(1, 1));
    let id = RequestId(0x0102_0304_0506_0708_090A_0B0C_0D0E_0F10);
    let settled = &found[1];
    assert_eq!((settled.request_id, settled.attempt, settled.is_final), (id, 2, true));
    assert_eq!(settled.end_reason, EndReason::Crash);
    assert_eq!((settled.key_index, settled.tokens.input()), (None, 127));
}

#[test]
fn an_end_that_is_not_the_last_word_is_not_deleted_with_its_segment() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::new());
    let mut settings = settings(directory.path());
    settings.max_segments = 4;
    let journal =
        MmapJournal::open(settings, Destination::unaudited(store.clone(), store)).unwrap();
    let first = segment_files(directory.path()).remove(0);
    journal.append((&JournalRecord::Begun(begun(0, 1))).into()).unwrap();
    journal.append((&JournalRecord::Ended(failed(0, 1))).into()).unwrap();
    for number in 1..=4_000 {
        journal.append((&JournalRecord::Ended(row(number, 1))).into()).unwrap();
        if number % 250 == 0 {
            journal.flush().unwrap();
        }
    }
    journal.flush().unwrap();
    assert!(!first.exists());
    let picture = photograph(directory.path());
    let after = Arc::new(MemoryStore::new());
    open(picture.path(), &after).close().unwrap();
    let expected = [failed(0, 1), crash_after(&failed(0, 1))];
    assert_eq!(after.request(row(0, 1).request_id).unwrap(), expected);
}

#[test]
fn a_crash_keeps_that_an_attempt_costs_nothing() {
    let free = UsageRow { usage_source: UsageSource::None, ..begun(1, 1) };
    let picture = journal_killed_after(&[JournalRecord::Begun(free.clone())]);
    assert_eq!(rows_after_a_start(picture.path()), [free]);
}

/// Whether [`a_disk`] has no block left.
static IS_FULL: AtomicBool = AtomicBool::new(false);

fn a_disk(file: &std::fs::File, bytes: u64) -> std::io::Result<()> {
    if IS_FULL.load(Ordering::Relaxed) {
        return Err(std::io::ErrorKind::StorageFull.into());
    }
    file.set_len(bytes)
}

#[test]
fn a_full_disk_refuses_new_work_and_takes_the_end_of_everything_that_runs() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::new());
    let stubborn = Stubborn::new(store.clone());
    let mut settings = settings(directory.path());
    settings.allocate = a_disk;
    let journal =
        MmapJournal::open(settings, Destination::unaudited(stubborn.clone(), store.clone()))
            .unwrap();
    let mut running = 0;
    let refused = loop {
        // The disk fills up while requests run; what was prepared by then must do.
        IS_FULL.store(running >= 20, Ordering::Relaxed);
        match journal.append((&JournalRecord::Begun(begun(running, 1))).into()) {
            Ok(()) => running += 1,
            Err(fault) => break fault,
        }
    };
    assert!(matches!(refused, StoreError::Full(_)), "{refused}");
    let refusal = JournalRecord::Ended(row(running + 1, 0));
    while journal.append((&refusal).into()).is_ok() {}
    // The longest story of a request: it fails, nothing more can begin, and that is its end.
    for number in 0..running {
        let failed = UsageRow { is_final: false, ..row(number, 1) };
        journal.append((&JournalRecord::Ended(failed)).into()).unwrap();
        let id = format!("resp_{number}");
        journal.append((&JournalRecord::Bound(binding(&id, "bot"))).into()).unwrap();
        journal.append((&JournalRecord::Ended(row(number, 1))).into()).unwrap();
    }
    IS_FULL.store(false, Ordering::Relaxed);
    journal.append((&JournalRecord::Begun(begun(running, 1))).into()).unwrap();
    journal.append((&JournalRecord::Ended(row(running, 1))).into()).unwrap();
    stubborn.refuses.store(false, Ordering::Relaxed);
    while journal.flush().is_err() {}
    journal.close().unwrap();
    let mut found = rows(&store);
    found.retain(|row| row.attempt > 0);
    let expected: Vec<_> = (0..=running).map(|number| row(number, 1)).collect();
    assert_eq!(found, expected);
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "only the lock stays: {left:?}");
}

#[test]
fn deletes_the_spare_segments_of_a_killed_process() {
    let directory = tempfile::tempdir().unwrap();
    let spare = directory.path().join("spare00000000005.new");
    std::fs::write(&spare, [0; 4096]).unwrap();
    let journal = open(directory.path(), &Arc::new(MemoryStore::new()));
    assert!(!spare.exists());
    drop(journal);
}

#[test]
fn flushes_to_disk_on_demand_from_many_threads() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::new());
    let mut settings = settings(directory.path());
    settings.durability = Durability::Power;
    let journal =
        MmapJournal::open(settings, Destination::unaudited(store.clone(), store.clone())).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let journal = &journal;
            scope.spawn(move || {
                for number in 0..200 {
                    let row = row(thread * 1_000 + number, 1);
                    journal.append((&JournalRecord::Begun(row.clone())).into()).unwrap();
                    journal.append((&JournalRecord::Ended(row)).into()).unwrap();
                    if number % 50 == 0 {
                        journal.sync().unwrap();
                    }
                }
            });
        }
    });
    journal.close().unwrap();
    assert_eq!(rows(&store).len(), 800);
}

#[test]
fn removes_a_temporary_journal() {
    let store = Arc::new(MemoryStore::new());
    let journal =
        MmapJournal::open_temporary(Destination::unaudited(store.clone(), store.clone())).unwrap();
    journal.append((&JournalRecord::Ended(row(1, 1))).into()).unwrap();
    journal.close().unwrap();
    assert_eq!(rows(&store), [row(1, 1)]);
}

fn records() -> impl Strategy<Value = Vec<JournalRecord>> {
    let one =
        (0_u64..50, 1_u32..3, 0_usize..400, 0_u8..3).prop_map(|(number, attempt, length, kind)| {
            match kind {
                0 => JournalRecord::Begun(begun(number, attempt)),
                1 => JournalRecord::Ended(UsageRow {
                    user: Some("u".repeat(length)),
                    ..row(number, attempt)
                }),
                _ => JournalRecord::Bound(binding(&number.to_string(), "bot")),
            }
        });
    prop::collection::vec(one, 1..40)
}

/// What a store holds after these records and a settled crash.
fn model(records: &[JournalRecord]) -> Vec<UsageRow> {
    let mut open = std::collections::BTreeMap::new();
    let mut ended = std::collections::BTreeMap::new();
    for record in records {
        match record {
            JournalRecord::Begun(row) => {
                open.insert((row.request_id, row.attempt), row.clone());
            }
            JournalRecord::Ended(row) => {
                open.remove(&(row.request_id, row.attempt));
                ended.insert((row.request_id, row.attempt), row.clone());
            }
            JournalRecord::Bound(_) | JournalRecord::Unbound(..) => {}
        }
    }
    let requests: Vec<_> = open.keys().copied().collect();
    for (key, mut row) in open {
        row.is_final = !requests.contains(&(key.0, key.1 + 1));
        ended.insert(key, row);
    }
    ended.into_values().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn recovers_exactly_what_was_whole(
        records in records(),
        damage in any::<prop::sample::Index>(),
        bit in 0_u8..8,
        cut: bool,
    ) {
        let picture = journal_killed_after(&records);
        let segment = &segment_files(picture.path())[0];
        let frames = frames(segment);
        let from = usize::try_from(SEGMENT_HEADER).unwrap();
        let until = usize::try_from(frames.last().unwrap().2).unwrap();
        let at = u64::try_from(from + damage.index(until - from)).unwrap();
        let file = std::fs::File::options().read(true).write(true).open(segment).unwrap();
        if cut {
            file.set_len(at).unwrap();
        } else {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ (1 << bit)], at).unwrap();
        }
        // Damage in the padding behind a record does not touch it.
        let whole = frames.iter().take_while(|(_, payload_end, _)| *payload_end <= at).count();
        let hit_payload = frames.get(whole).is_some_and(|(start, end, _)| (*start..*end).contains(&at));
        let kept = if cut || hit_payload { whole } else { records.len() };
        prop_assert_eq!(rows_after_a_start(picture.path()), model(&records[..kept]));
    }
}
