//! What is too old leaves every file, and so does a person who is to be erased.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use tb_core::ports::{
    ErasedStore, Journal, JournalRecord, KeptAnswer, Pseudonymisation, RecordKeeping,
    RetentionReport, Signature, UsageStore,
};
use tb_core::retention::{
    ClassTimes, GRACE_MS, Hold, RUN_EVERY_MS, RecordKind, RetentionTimes, SPAN_MS,
};
use tb_core::{Actor, Clock, DataClass, RequestId, Timestamp, UsageRow};
use tb_store::retention::{Retention, RetentionParts};
use tb_store::{
    Destination, Durability, JournalSettings, MmapJournal, StorageAddress, Stores, connect,
};

use crate::conformance::on_every_back_end;
use crate::support::{act, binding, files_in, photograph, row, segment_files};

on_every_back_end!(
    keeps_holds_until_they_are_lifted,
    forgets_old_bindings_that_nobody_holds,
    unlinks_the_rows_of_one_part_only,
    makes_a_pseudonym_of_a_user,
);

const HOUR: i64 = 3_600_000;

/// 2026-11-23T00:00:00Z
const START: i64 = 1_795_392_000_000;

/// A clock that a test sets.
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// A gateway's storage in a folder, as after a start.
struct House {
    stores: Stores,
    journal: Arc<MmapJournal>,
    retention: Retention,
    clock: Arc<SetClock>,
    ages: Arc<Mutex<Vec<(RecordKind, i64)>>>,
}

fn times() -> RetentionTimes {
    let hours = |hours: u64| std::time::Duration::from_secs(hours * 3_600);
    let health = ClassTimes { content: None, requests: Some(hours(2)) };
    RetentionTimes {
        content: hours(1),
        requests: Some(hours(6)),
        audit: None,
        responses: hours(3),
        classes: [(DataClass::Health, health)].into(),
    }
}

fn open(folder: &Path, now: i64) -> House {
    let address = StorageAddress::Sqlite(folder.join("tollbar.db"));
    let stores = connect(&address, Durability::Process).unwrap();
    let mut settings = JournalSettings::new(folder.join("journal"), Durability::Process);
    settings.segment_bytes = 1;
    let destination = Destination::unaudited(stores.usage.clone(), stores.responses.clone());
    let journal = Arc::new(MmapJournal::open(settings, destination).unwrap());
    let clock = Arc::new(SetClock(AtomicI64::new(now)));
    let ages = Arc::new(Mutex::new(Vec::new()));
    let (answers, noted) = (stores.answers.clone(), ages.clone());
    let retention = Retention::new(RetentionParts {
        shelves: vec![stores.usage_files.clone()],
        store: stores.retention.clone(),
        answers: stores.answers.clone(),
        acts: stores.acts.clone(),
        journal: journal.clone(),
        times: Box::new(times),
        clock: clock.clone(),
        // The length of what is signed stands for its signature.
        sign: Box::new(|bytes| {
            Some(Signature { key: "test".to_owned(), ed25519: bytes.len().to_string() })
        }),
        purge_answers: Box::new(move |filter| answers.purge(filter)),
        kept_names: Box::new(|subject, _| vec![subject.to_owned(), format!("hash-of-{subject}")]),
        subjects: vec![Box::new(|_| {
            Ok(ErasedStore {
                store: "content".to_owned(),
                action: "key_destroyed".to_owned(),
                count: 1,
                held: 0,
            })
        })],
        note_age: Box::new(move |kind, age| noted.lock().unwrap().push((kind, age))),
        reports: Some(folder.join("retention-reports")),
    });
    House { stores, journal, retention, clock, ages }
}

impl House {
    fn serve(&self, rows: &[UsageRow]) {
        for row in rows {
            self.journal.append((&JournalRecord::Begun(row.clone())).into()).unwrap();
            self.journal.append((&JournalRecord::Ended(row.clone())).into()).unwrap();
        }
    }

    fn run(&self) -> RetentionReport {
        let report = self.retention.run(false, Actor::Gateway).unwrap();
        assert_eq!(report.faults, [""; 0]);
        report
    }
}

/// A row of a request that arrived `at`, with a marker that is found in raw files.
fn marked(at: i64, class: DataClass) -> UsageRow {
    let name = format!("MARK-{at}-{}-", class.as_str());
    named(at, class, &name)
}

fn named(at: i64, class: DataClass, user: &str) -> UsageRow {
    let started_at = Timestamp(at);
    UsageRow {
        request_id: RequestId::new(started_at, u128::from(at.unsigned_abs()) * 7),
        started_at,
        data_class: class,
        user: Some(user.to_owned()),
        ..row(1, 1)
    }
}

/// The moments and classes of all markers in the raw files.
fn markers(folder: &Path) -> Vec<(i64, DataClass)> {
    let mut found = Vec::new();
    for path in files_in(folder) {
        // A spare segment of the journal may have been given its name since.
        let bytes = std::fs::read(&path).unwrap_or_default();
        for at in positions(&bytes, b"MARK-") {
            let rest: Vec<u8> = bytes[at + 5..].iter().copied().take(40).collect();
            let text = String::from_utf8_lossy(&rest);
            let mut parts = text.split('-');
            let (ms, class) = (parts.next().unwrap().parse(), parts.next().unwrap_or("").parse());
            if let (Ok(ms), Ok(class)) = (ms, class) {
                found.push((ms, class));
            }
        }
    }
    found
}

fn positions(bytes: &[u8], needle: &[u8]) -> Vec<usize> {
    let windows = bytes.windows(needle.len()).enumerate();
    windows.filter(|(_, window)| *window == needle).map(|(at, _)| at).collect()
}

fn hits(folder: &Path, needle: &str) -> usize {
    let count = |path: &std::path::PathBuf| {
        positions(&std::fs::read(path).unwrap_or_default(), needle.as_bytes()).len()
    };
    files_in(folder).iter().map(count).sum()
}

fn keep_ms(class: DataClass) -> i64 {
    if class == DataClass::Health { 2 * HOUR } else { 6 * HOUR }
}

/// Nothing is in any file that is more than an hour older than its time.
fn assert_nothing_outlives_its_time(folder: &Path, now: i64) {
    for (at, class) in markers(folder) {
        let age = now - at;
        assert!(age <= keep_ms(class) + GRACE_MS, "{class:?} of {at} is {} min old", age / 60_000);
    }
}

fn copy(from: &Path) -> tempfile::TempDir {
    let picture = tempfile::tempdir().unwrap();
    for path in files_in(from) {
        let to = picture.path().join(path.strip_prefix(from).unwrap());
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let _ = std::fs::copy(&path, &to);
    }
    picture
}

#[test]
fn nothing_in_raw_files_outlives_its_time_also_after_crash_and_restore() {
    let folder = tempfile::tempdir().unwrap();
    let house = open(folder.path(), START);
    let mut served = Vec::new();
    let mut pictures = Vec::new();
    for step in 0..60 {
        let now = START + step * RUN_EVERY_MS;
        house.clock.0.store(now, Ordering::Relaxed);
        let rows = [marked(now, DataClass::Internal), marked(now + 1, DataClass::Health)];
        house.serve(&rows);
        served.extend(rows);
        if step % 12 == 5 {
            // A process that dies here, with records in the journal and logs beside the files.
            pictures.push((now, copy(folder.path())));
        }
        house.run();
        assert_nothing_outlives_its_time(folder.path(), now);
        let young =
            served.iter().filter(|row| now - row.started_at.unix_ms() < keep_ms(row.data_class));
        for row in young {
            let found = house.stores.usage.request(row.request_id).unwrap();
            assert_eq!(found.len(), 1, "lost before its time");
        }
    }
    assert!(!markers(folder.path()).is_empty() && served.len() == 120);
    for (died_at, picture) in pictures {
        // The backup comes back later, and the first run is at the start.
        for later in [0, 3 * HOUR, 30 * HOUR] {
            let restored = copy(picture.path());
            let now = died_at + later;
            let house = open(restored.path(), now);
            house.run();
            assert_nothing_outlives_its_time(restored.path(), now);
            house.journal.flush().unwrap();
            assert_nothing_outlives_its_time(restored.path(), now);
            let left = house.stores.usage.recent(None, 1_000).unwrap().len();
            assert_eq!(left == 0, later == 30 * HOUR, "{left} rows after {later}");
        }
    }
}

#[test]
fn a_process_that_dies_while_it_unlinks_leaves_nothing_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let house = open(folder.path(), START);
    house.serve(&[marked(START, DataClass::Health), marked(START, DataClass::Internal)]);
    house.journal.flush().unwrap();
    let picture = copy(folder.path());
    let usage = picture.path().join("tollbar.usage");
    assert!(usage.join("2026-11-23T0000.health.db-wal").exists());
    // It died between the file and its log.
    std::fs::remove_file(usage.join("2026-11-23T0000.health.db")).unwrap();
    let now = START + 3 * HOUR;
    let house = open(picture.path(), now);
    house.run();
    assert_nothing_outlives_its_time(picture.path(), now);
    let health = |path: &std::path::PathBuf| path.to_string_lossy().contains("health");
    assert!(!files_in(&usage).iter().any(health));
    assert_eq!(house.stores.usage.recent(None, 9).unwrap().len(), 1);
}

#[test]
fn says_what_it_deletes_and_deletes_nothing_in_a_dry_run() {
    let folder = tempfile::tempdir().unwrap();
    let house = open(folder.path(), START);
    house.serve(&[marked(START, DataClass::Health), marked(START, DataClass::Internal)]);
    house.journal.flush().unwrap();
    house.clock.0.store(START + 2 * HOUR + SPAN_MS, Ordering::Relaxed);
    let dry = house.retention.run(true, Actor::Anonymous).unwrap();
    assert_eq!((dry.deleted.len(), dry.deleted[0].class), (1, Some(DataClass::Health)));
    assert_eq!(dry.signature, None);
    assert_eq!(house.stores.usage.recent(None, 9).unwrap().len(), 2);
    assert!(house.stores.acts.waiting_acts(9).unwrap().is_empty());

    let report = house.run();
    assert_eq!(report.deleted, dry.deleted);
    assert_eq!(house.stores.usage.recent(None, 9).unwrap().len(), 1);
    let acts = house.stores.acts.waiting_acts(9).unwrap();
    assert_eq!((acts.len(), acts[0].1.kind.as_str()), (1, "retention.run"));
    assert!(acts[0].1.after.as_ref().unwrap()["files"] == 1);
    let written = folder.path().join("retention-reports/2026-11-23.jsonl");
    let line = std::fs::read_to_string(written).unwrap();
    let read: RetentionReport = serde_json::from_str(&line).unwrap();
    assert_eq!(read, report);
    let unsigned = RetentionReport { signature: None, ..read };
    let length = serde_json::to_vec(&unsigned).unwrap().len().to_string();
    assert_eq!(report.signature.unwrap().ed25519, length, "all of it is signed");
    // What was deleted is the oldest no more.
    let ages = house.ages.lock().unwrap();
    let last = ages.iter().rev().find(|(kind, _)| *kind == RecordKind::Requests).unwrap();
    assert_eq!(last.1, 2 * HOUR + SPAN_MS, "the other class is of the same half hour");
    drop(ages);
    assert!(house.run().signature.is_none(), "a run that does nothing writes nothing");
}

#[test]
fn a_hold_keeps_files_until_it_is_lifted() {
    let folder = tempfile::tempdir().unwrap();
    let house = open(folder.path(), START);
    house.serve(&[marked(START, DataClass::Internal), marked(START + HOUR, DataClass::Internal)]);
    house.journal.flush().unwrap();
    let hold = house.retention.place_hold(hold(START, START + 1), Actor::Anonymous).unwrap();
    assert_eq!((hold.placed_at, hold.id.len()), (Timestamp(START), 21));
    house.clock.0.store(START + 20 * HOUR, Ordering::Relaxed);
    assert_eq!(house.run().deleted.len(), 1);
    let rows = house.run().rows;
    assert_eq!(rows.iter().map(|row| row.held).sum::<u64>(), 1);
    assert_eq!(house.stores.usage.recent(None, 9).unwrap().len(), 1);
    assert!(house.retention.lift_hold(&hold.id, Actor::Anonymous).unwrap());
    assert!(!house.retention.lift_hold(&hold.id, Actor::Anonymous).unwrap());
    assert_eq!(house.run().deleted.len(), 1);
    let acts = house.stores.acts.waiting_acts(9).unwrap();
    let kinds: Vec<_> = acts.iter().map(|(_, act)| act.kind.as_str()).collect();
    assert_eq!(kinds, ["hold.place", "retention.run", "hold.lift", "retention.run"]);
}

#[test]
fn an_erased_person_is_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let house = open(folder.path(), START);
    // Enough names that pages of the dictionary were split, and the person among them.
    let mut rows: Vec<UsageRow> = (0..3_000)
        .map(|number| {
            let user = format!("user-{:x}", number * 7_919_i64 % 65_537);
            named(START + number, DataClass::Internal, &user)
        })
        .collect();
    for number in 0..40 {
        let user = if number % 2 == 0 { "CANARY-person" } else { "hash-of-CANARY-person" };
        let at = START + number * SPAN_MS / 8 + 5_000;
        rows.push(named(at, DataClass::ALL[usize::try_from(number).unwrap() % 4], user));
    }
    rows.sort_by_key(|row| row.user.clone());
    house.serve(&rows);
    let answer = KeptAnswer {
        key: [1; 32],
        service: "bot".into(),
        model: "support".into(),
        tags: vec!["CANARY-person".to_owned()],
        stored_at: Timestamp(START),
        keep_until: Timestamp(START + 99 * HOUR),
        sealed: b"CANARY-person".repeat(900),
    };
    house.stores.answers.keep(&[answer]).unwrap();
    assert!(hits(folder.path(), "CANARY") > 0);

    let receipt = house.retention.erase("CANARY-person", None, Actor::Anonymous).unwrap();
    assert!(receipt.complete && receipt.signature.is_some());
    assert_eq!(hits(folder.path(), "CANARY"), 0);
    let count = |name: &str| receipt.stores.iter().find(|store| store.store == name).unwrap().count;
    assert_eq!((count("usage"), count("answers"), count("content")), (40, 1, 1));
    let sums = house.stores.usage.sum(&tb_core::ports::UsageQuery {
        by: vec![tb_core::ports::GroupBy::User],
        ..tb_core::ports::UsageQuery::default()
    });
    let erased = sums.unwrap().into_iter().find(|sum| sum.group == [receipt.pseudonym.clone()]);
    assert_eq!(erased.unwrap().requests, 40, "what they used is still counted");
    let acts = house.stores.acts.waiting_acts(9).unwrap();
    assert_eq!(acts[0].1.object, receipt.pseudonym);
    assert!(receipt.pseudonym.starts_with("erased:"));

    // Another call finds nothing, and the person may come again.
    let again = house.retention.erase("CANARY-person", None, Actor::Anonymous).unwrap();
    assert!(
        again
            .stores
            .iter()
            .all(|store| store.store == "content" || store.store == "journal" || store.count == 0)
    );
    house.serve(&[named(START + 3_500, DataClass::Internal, "CANARY-person")]);
    house.journal.flush().unwrap();
    assert_eq!(house.stores.usage.recent(None, 9_999).unwrap().len(), 3_041);
}

#[test]
fn an_erasure_leaves_held_files_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let house = open(folder.path(), START);
    let rows = [0, HOUR].map(|at| named(START + at, DataClass::Internal, "CANARY"));
    house.serve(&rows);
    house.retention.place_hold(hold(START, START + 1), Actor::Anonymous).unwrap();
    let receipt = house.retention.erase("CANARY", None, Actor::Anonymous).unwrap();
    let usage = receipt.stores.iter().find(|store| store.store == "usage").unwrap();
    assert_eq!((receipt.complete, usage.count, usage.held), (false, 1, 1));
    let users: Vec<_> = house.stores.usage.recent(None, 9).unwrap();
    assert_eq!(users[0].user.as_ref(), Some(&receipt.pseudonym));
    assert_eq!(users[1].user.as_deref(), Some("CANARY"));
}

#[test]
fn a_writer_of_another_process_notices_that_a_name_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let address = StorageAddress::Sqlite(folder.path().join("tollbar.db"));
    let (server, command) = (
        connect(&address, Durability::Process).unwrap(),
        connect(&address, Durability::Process).unwrap(),
    );
    let rows = [0, 1].map(|at| named(START + at, DataClass::Internal, "CANARY"));
    server.usage.append(&rows[..1], 1).unwrap();
    let done = command.retention.pseudonymise(&pseudonymisation("CANARY", None)).unwrap();
    assert_eq!((done.rows, done.files), (1, 1));
    server.usage.append(&rows[1..], 2).unwrap();
    let users: Vec<_> = server.usage.recent(None, 9).unwrap();
    assert_eq!(users[0].user.as_deref(), Some("CANARY"));
    assert_eq!(users[1].user.as_deref(), Some("erased:1"));
}

#[test]
fn a_journal_gives_old_records_away_and_keeps_what_runs() {
    let folder = tempfile::tempdir().unwrap();
    let house = open(folder.path(), START);
    let journal = folder.path().join("journal");
    let running = named(START, DataClass::Internal, "RUNNING");
    house.journal.append((&JournalRecord::Begun(running.clone())).into()).unwrap();
    let rows: Vec<_> = (1..2_000)
        .map(|at| named(START + at, DataClass::Internal, &format!("DONE-{at}")))
        .collect();
    house.serve(&rows);
    house.journal.flush().unwrap();
    assert!(house.journal.segment_count() > 2);
    let oldest = house.journal.oldest_record().unwrap();
    assert_eq!(oldest, Some(Timestamp(START)));

    house.journal.retire(Timestamp(START)).unwrap();
    let sealed = segment_files(&journal).len();
    house.journal.retire(Timestamp(START + HOUR)).unwrap();
    assert_eq!((house.journal.segment_count(), segment_files(&journal).len()), (1, 1));
    assert!(sealed >= 1);
    assert_eq!((hits(&journal, "DONE-"), hits(&journal, "RUNNING")), (0, 1));
    assert_eq!(house.stores.usage.recent(None, 9_999).unwrap().len(), 1_999);

    // It still is settled when the process dies now.
    let picture = photograph(&journal);
    let store = Arc::new(tb_store::MemoryStore::new());
    let destination = Destination::unaudited(store.clone(), store.clone());
    let settings = JournalSettings::new(picture.path().to_owned(), Durability::Process);
    let after = MmapJournal::open(settings, destination).unwrap();
    assert_eq!(after.settled_as_crash(), 1);
    after.flush().unwrap();
    assert_eq!(store.recent(None, 9).unwrap()[0].user.as_deref(), Some("RUNNING"));
    house.journal.append((&JournalRecord::Ended(running)).into()).unwrap();
    house.journal.retire(Timestamp(START + HOUR)).unwrap();
    assert_eq!(hits(&journal, "RUNNING"), 0);
    house.journal.close().unwrap();
    assert!(house.journal.retire(Timestamp(i64::MAX)).is_ok(), "nothing is left to retire");
}

fn hold(from: i64, until: i64) -> Hold {
    Hold {
        id: "hold_1".to_owned(),
        kind: None,
        service: None,
        from: Timestamp(from),
        until: Timestamp(until),
        reason: "case 7".to_owned(),
        placed_at: Timestamp(5),
    }
}

fn pseudonymisation(name: &str, service: Option<&str>) -> Pseudonymisation {
    Pseudonymisation {
        names: vec!["nobody".to_owned(), name.to_owned()],
        service: service.map(Into::into),
        pseudonym: "erased:1".to_owned(),
        holds: Vec::new(),
    }
}

fn keeps_holds_until_they_are_lifted(stores: &Stores) {
    let store = &stores.retention;
    let first = Hold { id: "hold_0".to_owned(), kind: Some(RecordKind::Audit), ..hold(1, 2) };
    let first = Hold { service: Some("bot".into()), placed_at: Timestamp(4), ..first };
    store.place_hold(&hold(3, 4), &act("hold.place")).unwrap();
    store.place_hold(&first, &act("hold.place")).unwrap();
    assert!(store.place_hold(&first, &act("hold.place")).is_err(), "its id is taken");
    assert_eq!(store.holds().unwrap(), [first, hold(3, 4)]);
    assert!(store.lift_hold("hold_0", &act("hold.lift")).unwrap());
    assert!(!store.lift_hold("hold_0", &act("hold.lift")).unwrap());
    assert_eq!(store.holds().unwrap(), [hold(3, 4)]);
    assert_eq!(stores.acts.waiting_acts(9).unwrap().len(), 3);
}

fn forgets_old_bindings_that_nobody_holds(stores: &Stores) {
    let made = |id: &str, service: &str, at| tb_core::ports::ResponseBinding {
        created_at: Timestamp(at),
        ..binding(id, service)
    };
    let mut bindings: Vec<_> = (0..2_500).map(|at| made(&format!("r{at:04}"), "bot", at)).collect();
    bindings.push(made("shop", "shop", 10));
    stores.responses.bind(&bindings).unwrap();
    let held = Hold { service: Some("shop".into()), ..hold(0, 50) };
    let forget = |before, holds: &[Hold]| {
        stores.retention.forget_responses(Timestamp(before), holds).unwrap()
    };
    assert_eq!(forget(0, &[]), 0);
    assert_eq!(forget(2_400, std::slice::from_ref(&held)), 2_400);
    assert_eq!(stores.retention.oldest(RecordKind::Responses).unwrap(), Some(Timestamp(10)));
    assert!(stores.responses.binding(&"shop".into(), "shop").unwrap().is_some());
    assert!(stores.responses.binding(&"bot".into(), "r2399").unwrap().is_none());
    assert!(stores.responses.binding(&"bot".into(), "r2400").unwrap().is_some());
    assert_eq!(forget(i64::MAX, &[]), 101);
    assert_eq!(stores.retention.oldest(RecordKind::Responses).unwrap(), None);
}

fn unlinks_the_rows_of_one_part_only(stores: &Stores) {
    let rows = [
        named(START, DataClass::Internal, "a"),
        named(START + SPAN_MS - 1, DataClass::Internal, "a"),
        named(START + 1, DataClass::Health, "a"),
        named(START + SPAN_MS, DataClass::Internal, "a"),
    ];
    stores.usage.append(&rows, 1).unwrap();
    let mut parts = stores.usage_files.list().unwrap();
    parts.sort_by_key(|part| (part.from, part.class));
    let found: Vec<_> = parts.iter().map(|part| (part.from.unix_ms(), part.class)).collect();
    let (internal, health) = (Some(DataClass::Internal), Some(DataClass::Health));
    assert_eq!(found, [(START, internal), (START, health), (START + SPAN_MS, internal)]);
    stores.usage_files.unlink(&parts[0]).unwrap();
    stores.usage_files.unlink(&parts[0]).unwrap();
    assert_eq!(stores.usage.recent(None, 9).unwrap(), [rows[3].clone(), rows[2].clone()]);
    // A row that comes late makes a new file, which the next run deletes.
    stores.usage.append(&rows[..1], 2).unwrap();
    assert_eq!(stores.usage_files.list().unwrap().len(), 3);
}

fn makes_a_pseudonym_of_a_user(stores: &Stores) {
    let shop = UsageRow { service: "shop".into(), ..named(START, DataClass::Internal, "bot") };
    let rows = [
        named(START + 1, DataClass::Internal, "bot"),
        shop,
        named(START + 2, DataClass::Internal, "other"),
        named(START + HOUR, DataClass::Health, "bot"),
    ];
    stores.usage.append(&rows, 1).unwrap();
    let of_bot = stores.retention.pseudonymise(&pseudonymisation("bot", Some("bot"))).unwrap();
    assert_eq!((of_bot.rows, of_bot.files, of_bot.held_files), (2, 2, 0));
    let users = || {
        let rows = stores.usage.recent(None, 9).unwrap();
        rows.into_iter().map(|row| (row.service.to_string(), row.user.unwrap())).collect::<Vec<_>>()
    };
    let expected = [("bot", "erased:1"), ("bot", "other"), ("bot", "erased:1"), ("shop", "bot")]
        .map(|(service, user)| (service.to_owned(), user.to_owned()));
    assert_eq!(users(), expected, "a service may have the name of a user");
    let rest = stores.retention.pseudonymise(&pseudonymisation("bot", None)).unwrap();
    assert_eq!(rest.rows, 1);
    assert_eq!(users()[3], ("shop".to_owned(), "erased:1".to_owned()));
    let nothing = stores.retention.pseudonymise(&pseudonymisation("bot", None)).unwrap();
    assert_eq!((nothing.rows, nothing.files), (0, 0));
}
