//! The audit log in a folder: what is written is found again, what was changed is found out, and
//! no crash takes away what a checkpoint vouches for.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use tb_core::audit::{AuditFilter, AuditTrail, NoteVerifier, Subjects, Verification};
use tb_core::audit::{Checkpoint, Frontier, leaf_hash, signed_checkpoint, signed_end};
use tb_core::ports::{ActStore, AuditLog, Shelf, StoreError};
use tb_core::retention::{
    GRACE_MS, RUN_EVERY_MS, RecordKind, RetentionTimes, SPAN_MS, Span, Verdict, verdict,
};
use tb_core::{Actor, AdminAct, Clock, RequestId, Timestamp, UsageRow};
use tb_store::retention::AuditShelf;
use tb_store::{
    AuditParts, FileAuditLog, MemoryStore, Witness, open_audit_key, read_public_key, verify,
};

use crate::support::{files_in, row};

/// 2026-11-23T12:00:00Z
const NOON: i64 = 1_795_435_200_000;
const DAY: i64 = 86_400_000;

#[derive(Debug)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// A log with everything that it needs.
struct Fixture {
    folder: tempfile::TempDir,
    store: Arc<MemoryStore>,
    clock: Arc<Hand>,
    told: Arc<Mutex<String>>,
}

impl Fixture {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            store: Arc::new(MemoryStore::new()),
            clock: Arc::new(Hand(AtomicI64::new(NOON))),
            told: Arc::default(),
        }
    }

    fn log_folder(&self) -> PathBuf {
        self.folder.path().join("audit")
    }

    fn subjects(&self) -> Subjects {
        Subjects::new(self.store.clone(), &[5; 32])
    }

    fn try_open(&self) -> Result<FileAuditLog, StoreError> {
        let told = Arc::clone(&self.told);
        let witness = Witness {
            name: "test".to_owned(),
            write: Box::new(move |note| {
                told.lock().unwrap().push_str(note);
                Ok(())
            }),
        };
        FileAuditLog::open(AuditParts {
            folder: self.log_folder(),
            node: "node-1".to_owned(),
            is_durable_on_power_loss: false,
            signer: open_audit_key(&self.folder.path().join("key")).unwrap(),
            acts: self.store.clone(),
            subjects: self.subjects(),
            clock: self.clock.clone(),
            witnesses: vec![witness],
        })
    }

    fn open(&self) -> FileAuditLog {
        self.try_open().unwrap()
    }

    fn pass(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
    }

    fn key(&self) -> NoteVerifier {
        open_audit_key(&self.folder.path().join("key")).unwrap().verifier().clone()
    }

    fn verify(&self) -> Verification {
        verify(&self.log_folder(), &self.key(), &[]).unwrap()
    }

    fn verify_with_witness(&self) -> Verification {
        verify(&self.log_folder(), &self.key(), &[self.told.lock().unwrap().as_str()]).unwrap()
    }

    fn segment(&self) -> PathBuf {
        self.log_folder().join("2026-11-23T1200.jsonl")
    }

    /// `count` records under a checkpoint each ten.
    fn filled(count: u64) -> Self {
        let fixture = Self::new();
        let log = fixture.open();
        for number in 0..count {
            log.append(&[row(number, 1)]).unwrap();
            fixture.pass(1_000);
        }
        log.close().unwrap();
        fixture
    }
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

fn write_lines(path: &Path, lines: &[String]) {
    fs::write(path, lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>())
        .unwrap();
}

fn act(number: i64) -> AdminAct {
    AdminAct::new(Timestamp(NOON + number), Actor::Gateway, "key.create", format!("k{number}"))
}

#[test]
fn what_was_written_is_found_again_and_verifies() {
    let fixture = Fixture::new();
    let log = fixture.open();
    fixture.store.note_act(&act(1)).unwrap();
    log.append(&[row(1, 1), row(2, 1)]).unwrap();
    log.append(&[]).unwrap();
    assert!(fixture.store.waiting_acts(9).unwrap().is_empty(), "it is acknowledged");
    log.close().unwrap();
    let page = log.reader().page(&AuditFilter::default(), 10).unwrap();
    let kinds: Vec<&str> = page.records.iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["act", "access", "access"]);
    assert_eq!(page.records[0]["object"], "k1");
    assert_eq!(page.records[1]["service"], "bot");
    let found = fixture.verify_with_witness();
    assert!(found.ok, "{found:?}");
    assert_eq!((found.records, found.signed_records), (3, 3));
}

#[test]
fn a_line_is_canonical_and_names_no_end_user() {
    let fixture = Fixture::filled(1);
    let line = lines(&fixture.segment()).remove(0);
    let begins = "{\"schema_version\":1,\"seq\":0,\"at\":\"1970-01-01T00:00:00.000Z\",\
        \"written_at\":\"2026-11-23T12:00:00.000Z\",\"node\":\"node-1\",\"kind\":\"access\",";
    assert!(line.starts_with(begins), "{line}");
    assert!(!line.contains("user-0") && line.contains("\"subject\":\"sub_"), "{line}");
    let known = fixture.subjects().pseudonym(&"bot".into(), "user-0").unwrap().unwrap();
    assert!(line.contains(&known));
}

#[test]
fn rows_and_acts_that_come_again_are_left_out_also_after_a_start() {
    let fixture = Fixture::new();
    let log = fixture.open();
    let rows = [row(1, 1), row(2, 1), row(1, 1)];
    log.append(&rows).unwrap();
    log.append(&rows).unwrap();
    assert_eq!(log.records(), 2);
    fixture.store.note_act(&act(1)).unwrap();
    log.append(&[]).unwrap();
    drop(log);
    let log = fixture.open();
    log.append(&rows).unwrap();
    let mut other = row(1, 1);
    other.is_final = !other.is_final;
    log.append(&[other, row(3, 1)]).unwrap();
    assert_eq!(log.records(), 5);
    log.close().unwrap();
    assert!(fixture.verify().ok);
}

fn spans(log: &FileAuditLog) -> Vec<String> {
    log.segments().unwrap().into_iter().map(|one| one.span.to_string()).collect()
}

#[test]
fn each_half_hour_has_a_segment_and_a_clock_set_back_tears_none() {
    let fixture = Fixture::new();
    let log = fixture.open();
    for (number, passes) in [SPAN_MS, DAY, -3 * DAY, 0].into_iter().enumerate() {
        log.append(&[row(number as u64, 1)]).unwrap();
        fixture.pass(passes);
    }
    log.close().unwrap();
    assert_eq!(spans(&log), ["2026-11-23T1200", "2026-11-23T1230", "2026-11-24T1230"]);
    assert!(fixture.verify().ok, "{:?}", fixture.verify());
    drop(log);
    assert_eq!(fixture.open().records(), 4);
}

/// Nine records in five segments, two in each but the last.
fn in_five_segments() -> (Fixture, FileAuditLog) {
    let fixture = Fixture::new();
    let log = fixture.open();
    for number in 0..9 {
        log.append(&[row(number, 1)]).unwrap();
        fixture.pass(SPAN_MS / 2);
    }
    log.close().unwrap();
    assert_eq!(log.segments().unwrap().len(), 5);
    (fixture, log)
}

#[test]
fn a_retired_segment_is_gone_its_proofs_are_not() {
    let (fixture, log) = in_five_segments();
    let all = log.segments().unwrap();
    let retire = |place: usize| log.retire(all[place].span).unwrap();
    let path = fixture.log_folder().join(format!("{}.jsonl", all[2].span));
    let backup = fs::read(&path).unwrap();
    assert_eq!(log.retire(Span::of(Timestamp(NOON - DAY))).unwrap(), None);
    assert_eq!((retire(2), retire(2)), (Some(4..6), None));
    assert_eq!(fixture.verify_with_witness().retired_records, 2);
    assert_eq!((retire(0), retire(1)), (Some(0..2), Some(2..4)));
    let notes = fs::read_to_string(fixture.log_folder().join("retired")).unwrap();
    assert_eq!(Checkpoint::notes(&notes).count(), 1, "neighbours are one note");
    let found = fixture.verify_with_witness();
    assert!(found.ok, "{found:?}");
    assert_eq!((found.records, found.retired_records), (9, 6));
    for seq in 0..9 {
        let proof = log.reader().prove(seq).unwrap().unwrap();
        assert!(proof.verify(&fixture.key()).is_ok());
        assert_eq!(proof.record.is_some(), seq >= 6, "{seq}");
    }
    // A backup brings one back, and the next start deletes it again.
    drop(log);
    fs::write(&path, backup).unwrap();
    let log = fixture.open();
    assert!(!path.exists());
    fixture.clock.0.store(NOON + 4 * SPAN_MS, Ordering::Relaxed);
    assert_eq!(log.retire(all[4].span).unwrap(), None, "it is being written");
    fixture.pass(SPAN_MS);
    assert_eq!(log.retire(all[4].span).unwrap(), Some(8..9));
    assert_eq!(log.retire(all[3].span).unwrap(), Some(6..8));
    log.append(&[row(9, 1)]).unwrap();
    drop(log);
    assert_eq!(fixture.open().records(), 10);
    assert!(fixture.verify_with_witness().ok, "{:?}", fixture.verify_with_witness());
    // Nobody signed that these may go.
    fs::remove_file(fixture.log_folder().join("retired")).unwrap();
    assert_eq!(fixture.verify().first_bad, Some(0));
}

fn marked(at: i64) -> UsageRow {
    let service = format!("MARK-{at}-");
    let request_id = RequestId::new(Timestamp(at), 7);
    UsageRow { request_id, service: service.as_str().into(), ..row(1, 1) }
}

/// The moments of all markers in raw files.
fn markers(folder: &Path) -> Vec<i64> {
    let mut found = Vec::new();
    for path in files_in(folder) {
        let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let after = text.split("MARK-").skip(1);
        found.extend(after.map(|rest| rest.split('-').next().unwrap().parse::<i64>().unwrap()));
    }
    found
}

fn run_retention(log: &Arc<FileAuditLog>, keep_ms: i64) {
    let keep = std::time::Duration::from_millis(keep_ms.unsigned_abs());
    let times = RetentionTimes {
        content: keep,
        requests: None,
        audit: Some(keep),
        responses: keep,
        classes: [].into(),
    };
    let shelf = AuditShelf(Arc::clone(log));
    assert_eq!(shelf.kind(), RecordKind::Audit);
    for part in shelf.list().unwrap() {
        if verdict(&part, &times, &[], log.now()) == Verdict::Due {
            shelf.unlink(&part).unwrap();
        }
    }
}

#[test]
fn no_record_outlives_its_time_and_an_hour_also_after_crash_and_restore() {
    let keep = 6 * 3_600_000;
    let fixture = Fixture::new();
    let log = Arc::new(fixture.open());
    let fresh = |now: i64| {
        let oldest = markers(&fixture.log_folder()).into_iter().min().unwrap();
        assert!(now - oldest <= keep + GRACE_MS, "{} min", (now - oldest) / 60_000);
    };
    let mut backup = None;
    for step in 0..60 {
        let now = NOON + step * RUN_EVERY_MS;
        fixture.clock.0.store(now, Ordering::Relaxed);
        log.append(&[marked(now)]).unwrap();
        run_retention(&log, keep);
        fresh(now);
        let young = markers(&fixture.log_folder()).into_iter().filter(|at| now - at < keep);
        let expected = (step + 1).min(keep / RUN_EVERY_MS);
        assert_eq!(i64::try_from(young.count()).unwrap(), expected, "none goes early");
        if step == 20 {
            backup = Some(
                files_in(&fixture.log_folder())
                    .into_iter()
                    .map(|path| {
                        let bytes = fs::read(&path).unwrap();
                        (path, bytes)
                    })
                    .collect::<Vec<_>>(),
            );
        }
    }
    let found = fixture.verify_with_witness();
    assert!(found.ok && found.retired_records > 0, "{found:?}");
    drop(log);
    // The segments of long ago come back beside what is there.
    for (path, bytes) in backup.unwrap() {
        if path.extension().is_some_and(|end| end == "jsonl") {
            fs::write(path, bytes).unwrap();
        }
    }
    let log = Arc::new(fixture.open());
    run_retention(&log, keep);
    fresh(log.now().unix_ms());
    assert!(fixture.verify_with_witness().ok);
    fixture.pass(DAY);
    log.append(&[]).unwrap();
    run_retention(&log, keep);
    assert!(markers(&fixture.log_folder()).is_empty(), "a log at rest is deleted as well");
}

#[test]
fn erasing_a_subject_leaves_the_lines_and_breaks_the_link() {
    let fixture = Fixture::new();
    let log = fixture.open();
    log.append(&[row(1, 1)]).unwrap();
    let (service, user) = ("bot".into(), row(1, 1).user.unwrap());
    let before = fixture.subjects().forget(&service, &user).unwrap().unwrap();
    assert_eq!(fixture.subjects().pseudonym(&service, &user).unwrap(), None);
    log.append(&[row(4, 1)]).unwrap();
    log.close().unwrap();
    let now = fixture.subjects().pseudonym(&service, &user).unwrap().unwrap();
    let page = log.reader().page(&AuditFilter::default(), 10).unwrap();
    let named: Vec<&str> =
        page.records.iter().map(|one| one["subject"].as_str().unwrap()).collect();
    assert_eq!(named, [now.as_str(), before.as_str()]);
    assert_ne!(now, before);
    assert!(fixture.verify().ok);
}

#[test]
fn pages_follow_each_other() {
    let fixture = Fixture::filled(25);
    let log = fixture.open().reader();
    let mut filter = AuditFilter { service: Some("bot".into()), ..AuditFilter::default() };
    let mut seen = Vec::new();
    loop {
        let page = log.page(&filter, 10).unwrap();
        seen.extend(page.records.iter().map(|one| one["seq"].as_u64().unwrap()));
        filter.before = page.next_before;
        if filter.before.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..25).rev().collect::<Vec<_>>());
    let since = AuditFilter { since: Some(Timestamp(NOON + 20_000)), ..AuditFilter::default() };
    assert_eq!(log.page(&since, 100).unwrap().records.len(), 5);
    let other = AuditFilter { service: Some("lab".into()), ..AuditFilter::default() };
    assert!(log.page(&other, 100).unwrap().records.is_empty());
    let request = AuditFilter { request: Some(row(7, 1).request_id), ..AuditFilter::default() };
    assert_eq!(log.page(&request, 100).unwrap().records[0]["seq"], 7);
}

#[test]
fn a_log_is_one_process_and_one_key() {
    let fixture = Fixture::filled(3);
    let log = fixture.open();
    assert!(matches!(fixture.try_open(), Err(StoreError::Unavailable(_))));
    drop(log);
    fs::remove_file(fixture.folder.path().join("key")).unwrap();
    assert!(matches!(fixture.try_open(), Err(StoreError::Failed(_))));
}

#[test]
fn a_log_rewritten_under_another_key_is_found_out() {
    let honest = Fixture::filled(20);
    let forged = Fixture::filled(20);
    let found = verify(&forged.log_folder(), &honest.key(), &[]).unwrap();
    assert!(!found.ok, "{found:?}");
    assert_eq!(found.first_bad, Some(0));
    let told = honest.told.lock().unwrap().clone();
    let own_key = read_public_key(&forged.log_folder()).unwrap();
    assert!(!verify(&forged.log_folder(), &own_key, &[told.as_str()]).unwrap().ok);
}

#[test]
fn an_old_copy_is_found_out_by_the_second_place() {
    let fixture = Fixture::filled(15);
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixture.log_folder()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let log = fixture.open();
    log.append(&[row(100, 1)]).unwrap();
    log.close().unwrap();
    assert!(verify(copy.path(), &fixture.key(), &[]).unwrap().ok, "it was a good one");
    let told = fixture.told.lock().unwrap().clone();
    let found = verify(copy.path(), &fixture.key(), &[told.as_str()]).unwrap();
    assert!(!found.ok);
    assert_eq!(found.first_bad, Some(15));
}

#[test]
fn the_checkpoints_among_the_lines_of_a_server_are_found() {
    let fixture = Fixture::filled(15);
    let note = fixture.told.lock().unwrap().clone();
    let output = format!("{{\"level\":\"INFO\"}}\n{note}{{\"level\":\"WARN\"}}\n");
    let found = verify(&fixture.log_folder(), &fixture.key(), &[output.as_str()]).unwrap();
    assert!(found.ok, "{found:?}");
    assert!(!verify(&fixture.log_folder(), &fixture.key(), &["{}\n"]).unwrap().ok);
}

#[test]
fn a_log_without_checkpoints_is_nobodys() {
    let fixture = Fixture::filled(5);
    fs::remove_file(fixture.log_folder().join("checkpoints")).unwrap();
    assert!(!fixture.verify().ok);
}

#[test]
fn every_record_is_proven_and_no_changed_one() {
    let fixture = Fixture::filled(23);
    let log = fixture.open().reader();
    for seq in 0..23 {
        let proof = log.prove(seq).unwrap().unwrap();
        assert!(proof.verify(&fixture.key()).is_ok(), "{seq}");
        assert!(proof.record.as_ref().unwrap().contains(&format!("\"seq\":{seq},")));
        let mut forged = proof.clone();
        forged.record = proof.record.map(|line| line.replace("\"status\":200", "\"status\":500"));
        assert!(forged.verify(&fixture.key()).is_err(), "{seq}");
    }
    assert_eq!(log.prove(23).unwrap(), None);
}

#[test]
fn a_failure_to_write_leaves_the_log_as_it_was() {
    let fixture = Fixture::new();
    let log = fixture.open();
    log.append(&[row(1, 1)]).unwrap();
    // The next segment cannot be made: a folder has its name.
    fixture.pass(SPAN_MS);
    let blocked = fixture.log_folder().join("2026-11-23T1230.jsonl");
    fs::create_dir(&blocked).unwrap();
    assert!(log.append(&[row(2, 1)]).is_err());
    fs::remove_dir(&blocked).unwrap();
    log.append(&[row(2, 1)]).unwrap();
    assert_eq!(log.records(), 2);
    log.close().unwrap();
    assert!(fixture.verify().ok, "{:?}", fixture.verify());
}

/// What the log's files are, to be put back.
fn photograph(fixture: &Fixture) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = files_in(&fixture.log_folder()).into_iter();
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn put_back(files: &[(PathBuf, Vec<u8>)], only: &[&str]) {
    for (path, bytes) in files {
        if only.contains(&path.file_name().unwrap().to_str().unwrap()) {
            fs::write(path, bytes).unwrap();
        }
    }
}

/// Makes hashes and frontier fit the lines of the one segment, as anybody can.
fn fit(fixture: &Fixture) {
    let all = lines(&fixture.segment());
    let hashes: Vec<u8> = all.iter().flat_map(|line| leaf_hash(line.as_bytes())).collect();
    fs::write(fixture.log_folder().join("hashes"), hashes).unwrap();
    let _ = fs::remove_file(fixture.log_folder().join("frontier"));
}

#[test]
fn a_start_signs_nothing_that_somebody_else_rewrote() {
    for keeps_first_checkpoint in [false, true] {
        let fixture = Fixture::filled(30);
        let forged: Vec<String> = lines(&fixture.segment())
            .iter()
            .enumerate()
            .map(|(at, line)| if at < 5 { line.clone() } else { line.replace("bot", "lab") })
            .collect();
        write_lines(&fixture.segment(), &forged);
        fit(&fixture);
        let path = fixture.log_folder().join("checkpoints");
        let notes = fs::read_to_string(&path).unwrap();
        match keeps_first_checkpoint {
            true => fs::write(&path, Checkpoint::notes(&notes).next().unwrap()).unwrap(),
            false => fs::remove_file(&path).unwrap(),
        }
        assert!(!fixture.verify().ok);
        assert!(matches!(fixture.try_open(), Err(StoreError::Failed(_))));
        fs::remove_file(fixture.log_folder().join("end")).unwrap();
        let verdict = fixture.verify();
        assert!(!verdict.ok, "{verdict:?}");
        match fixture.try_open() {
            Ok(log) => assert_eq!((keeps_first_checkpoint, log.records()), (true, 1)),
            Err(_) => assert!(!keeps_first_checkpoint),
        }
    }
}

#[test]
fn a_record_that_somebody_adds_is_found_and_never_signed() {
    let fixture = Fixture::filled(5);
    let mut all = lines(&fixture.segment());
    all.push(all[4].replace("\"seq\":4", "\"seq\":5").replace("\"attempt\":1", "\"attempt\":2"));
    write_lines(&fixture.segment(), &all);
    fit(&fixture);
    // Its number is behind everything that is signed for.
    assert_eq!(fixture.verify().signed_records, 5);
    let log = fixture.open();
    assert_eq!(log.records(), 5);
    log.append(&[row(9, 1)]).unwrap();
    log.close().unwrap();
    assert!(fixture.verify_with_witness().ok);
    assert!(!lines(&fixture.segment()).iter().any(|line| line.contains("\"attempt\":2")));
}

#[test]
fn a_log_cut_exactly_at_a_checkpoint_is_found_out_without_a_second_place() {
    let fixture = Fixture::new();
    let log = fixture.open();
    log.append(&[row(0, 1), row(1, 1)]).unwrap();
    let earlier = photograph(&fixture);
    fixture.pass(20_000);
    log.append(&[row(2, 1)]).unwrap();
    drop(log);
    let segment = "2026-11-23T1200.jsonl";
    put_back(&earlier, &[segment, "hashes", "checkpoints", "frontier"]);
    let found = fixture.verify();
    assert_eq!((found.ok, found.first_bad), (false, Some(2)));
    // A checkpoint does not pass for the note of the end.
    let notes = fs::read_to_string(fixture.log_folder().join("checkpoints")).unwrap();
    fs::write(fixture.log_folder().join("end"), notes).unwrap();
    assert!(!fixture.verify().ok);
    fs::remove_file(fixture.log_folder().join("end")).unwrap();
    assert_eq!(fixture.verify().first_bad, Some(2));
    // Who kept the note as well has an old copy; the second place knows.
    put_back(&earlier, &["end"]);
    assert!(fixture.verify().ok);
    assert_eq!(fixture.verify_with_witness().first_bad, Some(2));
}

#[test]
fn an_old_checkpoint_put_behind_newer_ones_is_found_out() {
    let fixture = Fixture::filled(30);
    let path = fixture.log_folder().join("checkpoints");
    let text = fs::read_to_string(&path).unwrap();
    let old = Checkpoint::notes(&text).nth(1).unwrap();
    let (_, Checkpoint { size, .. }) = Checkpoint::unverified(old).unwrap();
    fs::write(&path, format!("{text}{old}")).unwrap();
    let found = fixture.verify();
    assert_eq!((found.ok, found.first_bad), (false, Some(size)));
}

#[test]
fn segments_that_are_swapped_missing_or_named_anew_are_found_out() {
    let (fixture, log) = in_five_segments();
    let path = |place: usize| {
        fixture.log_folder().join(format!("{}.jsonl", log.segments().unwrap()[place].span))
    };
    let (first, second, last) = (path(0), path(1), path(4));
    let whole = photograph(&fixture);
    let put_all_back = || {
        for (path, bytes) in &whole {
            fs::write(path, bytes).unwrap();
        }
        assert!(fixture.verify_with_witness().ok);
    };
    let (one, two) = (fs::read(&first).unwrap(), fs::read(&second).unwrap());
    fs::write(&first, &two).unwrap();
    fs::write(&second, &one).unwrap();
    assert_eq!(fixture.verify().first_bad, Some(0));
    put_all_back();
    fs::remove_file(&second).unwrap();
    assert_eq!(fixture.verify().first_bad, Some(2));
    put_all_back();
    fs::remove_file(&last).unwrap();
    assert_eq!(fixture.verify().first_bad, Some(8));
    put_all_back();
    fs::rename(&last, fixture.log_folder().join("2026-12-01T0000.jsonl")).unwrap();
    assert_eq!(fixture.verify().first_bad, Some(8));
}

#[test]
fn a_doubled_record_is_found_where_it_is() {
    let fixture = Fixture::filled(9);
    let mut all = lines(&fixture.segment());
    all.insert(4, all[3].clone());
    write_lines(&fixture.segment(), &all);
    assert_eq!(fixture.verify().first_bad, Some(4));
    fit(&fixture);
    assert_eq!(fixture.verify().first_bad, Some(4));
}

/// Whoever has the key can make everything in the folder fit, but not what left it.
#[test]
fn who_has_the_key_is_found_out_by_the_second_place_alone() {
    let fixture = Fixture::filled(30);
    let forged: Vec<String> =
        lines(&fixture.segment()).iter().map(|line| line.replace("bot", "lab")).collect();
    write_lines(&fixture.segment(), &forged);
    fit(&fixture);
    let signer = open_audit_key(&fixture.folder.path().join("key")).unwrap();
    let mut tree = Frontier::default();
    tree.extend(forged.iter().map(|line| leaf_hash(line.as_bytes())));
    let all = Checkpoint { size: 30, root: tree.root() };
    fs::write(fixture.log_folder().join("checkpoints"), signed_checkpoint(&signer, &all)).unwrap();
    fs::write(fixture.log_folder().join("end"), signed_end(&signer, &all)).unwrap();
    assert!(fixture.verify().ok, "{:?}", fixture.verify());
    let found = fixture.verify_with_witness();
    assert_eq!((found.ok, found.first_bad), (false, Some(0)));
}

#[test]
fn a_second_place_that_was_shortened_or_changed_shows() {
    let fixture = Fixture::filled(30);
    let found = fixture.verify_with_witness();
    assert_eq!(found.witnessed_records, Some(30));
    assert_eq!(fixture.verify().witnessed_records, None);
    let told = fixture.told.lock().unwrap().clone();
    let notes: Vec<&str> = Checkpoint::notes(&told).collect();
    let with = |places: &[&str]| verify(&fixture.log_folder(), &fixture.key(), places).unwrap();
    let short = with(&[&told, notes[0]]);
    assert_eq!((short.ok, short.witnessed_records), (true, Some(1)));
    let changed = told.replace("\n30\n", "\n31\n");
    assert!(changed != told && !with(&[&changed]).ok);
    assert!(!with(&[&told, ""]).ok, "each place must know something");
}

#[test]
fn what_a_dying_process_told_nobody_is_written_once() {
    let fixture = Fixture::new();
    let log = fixture.open();
    log.append(&[row(0, 1)]).unwrap();
    let noted = photograph(&fixture);
    let rest: Vec<_> = (1..9).map(|number| row(number, 1)).collect();
    log.append(&rest).unwrap();
    drop(log);
    // It died behind the lines and before the note: the journal brings them again.
    put_back(&noted, &["end", "checkpoints", "frontier"]);
    let log = fixture.open();
    assert_eq!(log.records(), 1);
    log.append(&rest).unwrap();
    log.close().unwrap();
    assert_eq!(lines(&fixture.segment()).len(), 9);
    assert!(fixture.verify_with_witness().ok, "{:?}", fixture.verify_with_witness());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_flipped_bit_is_found_where_it_is(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let fixture = Fixture::filled(30);
        let mut bytes = fs::read(fixture.segment()).unwrap();
        let at = at.index(bytes.len());
        let seq = bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64;
        bytes[at] ^= 1 << bit;
        fs::write(fixture.segment(), bytes).unwrap();
        let found = fixture.verify();
        prop_assert!(!found.ok);
        prop_assert_eq!(found.first_bad, Some(seq));
    }

    #[test]
    fn a_dropped_record_is_found_where_it_was(at in 0_usize..30, with_hash in any::<bool>()) {
        let fixture = Fixture::filled(30);
        let mut all = lines(&fixture.segment());
        all.remove(at);
        write_lines(&fixture.segment(), &all);
        if with_hash {
            let path = fixture.log_folder().join("hashes");
            let mut hashes = fs::read(&path).unwrap();
            hashes.drain(at * 32..(at + 1) * 32);
            fs::write(path, hashes).unwrap();
        }
        let found = fixture.verify();
        prop_assert!(!found.ok);
        prop_assert_eq!(found.first_bad, Some(at as u64));
    }

    #[test]
    fn reordered_records_are_found_at_the_first(a in 0_usize..30, b in 0_usize..30) {
        prop_assume!(a != b);
        let fixture = Fixture::filled(30);
        let mut all = lines(&fixture.segment());
        all.swap(a, b);
        write_lines(&fixture.segment(), &all);
        prop_assert_eq!(fixture.verify().first_bad, Some(a.min(b) as u64));
    }

    /// Whoever can write to the folder can make hashes fit, but not checkpoints.
    #[test]
    fn a_forgery_with_fitting_hashes_is_found_by_the_checkpoints(at in 0_usize..30) {
        let fixture = Fixture::filled(30);
        let mut all = lines(&fixture.segment());
        all[at] = all[at].replace("\"status\":200", "\"status\":500");
        write_lines(&fixture.segment(), &all);
        let hashes: Vec<u8> =
            all.iter().flat_map(|line| leaf_hash(line.as_bytes())).collect();
        fs::write(fixture.log_folder().join("hashes"), hashes).unwrap();
        let found = fixture.verify();
        prop_assert!(!found.ok);
        let first = found.first_bad.unwrap();
        prop_assert!(first <= at as u64 && first + 10 >= at as u64, "{} for {}", first, at);
        prop_assert!(fixture.try_open().is_err() || !fixture.verify().ok);
    }

    #[test]
    fn a_truncated_tail_is_found_and_refused(keep in 0_usize..30, with_hashes in any::<bool>()) {
        let fixture = Fixture::filled(30);
        let all = lines(&fixture.segment());
        write_lines(&fixture.segment(), &all[..keep]);
        if with_hashes {
            let path = fixture.log_folder().join("hashes");
            let hashes = fs::read(&path).unwrap();
            fs::write(&path, &hashes[..keep * 32]).unwrap();
        }
        let found = fixture.verify();
        prop_assert!(!found.ok);
        prop_assert_eq!(found.first_bad, Some(keep as u64));
        prop_assert!(fixture.try_open().is_err(), "a log that lost signed records goes on");
        prop_assert_eq!(lines(&fixture.segment()).len(), keep, "the evidence stays");
    }

    /// A process that dies in the middle of a write leaves the files cut anywhere behind the
    /// newest checkpoint; the rows come again.
    #[test]
    fn a_torn_tail_is_cut_off_and_written_again(
        cut in any::<prop::sample::Index>(),
        hash_cut in any::<prop::sample::Index>(),
    ) {
        let fixture = Fixture::new();
        let log = fixture.open();
        log.append(&[row(0, 1)]).unwrap();
        let signed = fs::read(fixture.segment()).unwrap().len();
        let rest: Vec<_> = (1..12).map(|number| row(number, 1)).collect();
        log.append(&rest).unwrap();
        let whole = fs::read(fixture.segment()).unwrap();
        let hashes = fs::read(fixture.log_folder().join("hashes")).unwrap();
        let checkpoints = fs::read(fixture.log_folder().join("checkpoints")).unwrap();
        drop(log);
        let cut = signed + cut.index(whole.len() - signed + 1);
        fs::write(fixture.segment(), &whole[..cut]).unwrap();
        let hash_cut = 32 + hash_cut.index(hashes.len() - 31);
        fs::write(fixture.log_folder().join("hashes"), &hashes[..hash_cut]).unwrap();
        fs::write(fixture.log_folder().join("checkpoints"), checkpoints).unwrap();
        let log = fixture.open();
        // The note of the end vouches for all or, after a power cut, for what is not there.
        let is_whole = cut == whole.len();
        prop_assert_eq!(log.records(), if is_whole { 12 } else { 1 });
        log.append(&rest).unwrap();
        prop_assert_eq!(log.records(), 12);
        log.close().unwrap();
        let filter = AuditFilter { kind: Some("audit.cut".to_owned()), ..AuditFilter::default() };
        let acts = log.reader().page(&filter, 9).unwrap().records;
        prop_assert_eq!(acts.len(), usize::from(!is_whole), "{:?}", acts);
        prop_assert!(fixture.verify().ok, "{:?}", fixture.verify());
    }
}
