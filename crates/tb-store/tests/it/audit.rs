//! The audit log in a folder: what is written is found again, what was changed is found out, and
//! no crash takes away what a checkpoint vouches for.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use tb_core::audit::{AuditFilter, AuditTrail, NoteVerifier, Subjects, Verification};
use tb_core::ports::{ActStore, AuditLog, StoreError};
use tb_core::{Actor, AdminAct, Clock, Timestamp};
use tb_store::{
    AuditParts, FileAuditLog, MemoryStore, Witness, open_audit_key, read_public_key, verify,
};

use crate::support::row;

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
        verify(&self.log_folder(), &self.key(), None).unwrap()
    }

    fn verify_with_witness(&self) -> Verification {
        verify(&self.log_folder(), &self.key(), Some(&self.told.lock().unwrap())).unwrap()
    }

    fn segment(&self) -> PathBuf {
        self.log_folder().join("2026-11-23.jsonl")
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

#[test]
fn each_day_has_a_segment_and_a_clock_set_back_tears_none() {
    let fixture = Fixture::new();
    let log = fixture.open();
    for (number, passes) in [DAY, DAY, -3 * DAY, 0].into_iter().enumerate() {
        log.append(&[row(number as u64, 1)]).unwrap();
        fixture.pass(passes);
    }
    log.close().unwrap();
    let days: Vec<String> = log.segments().unwrap().into_iter().map(|one| one.day).collect();
    assert_eq!(days, ["2026-11-23", "2026-11-24", "2026-11-25"]);
    assert!(fixture.verify().ok, "{:?}", fixture.verify());
    drop(log);
    assert_eq!(fixture.open().records(), 4);
}

#[test]
fn a_retired_day_is_gone_its_proofs_are_not() {
    let fixture = Fixture::new();
    let log = fixture.open();
    for number in 0..9 {
        log.append(&[row(number, 1)]).unwrap();
        fixture.pass(DAY / 3 + 1);
    }
    assert_eq!(log.retire("2026-11-20").unwrap(), None);
    let before = log.segments().unwrap();
    let gone = log.retire("2026-11-24").unwrap().unwrap();
    assert_eq!((gone.first, gone.end), (before[1].first, before[2].first));
    log.close().unwrap();
    assert_eq!(log.retire(&log.now().utc_day()).unwrap(), None, "it is being written");
    let rest = log.segments().unwrap();
    assert_eq!(rest.iter().map(|one| (one.first, one.end)).collect::<Vec<_>>(), {
        let kept = before.iter().enumerate().filter(|(place, _)| *place != 1);
        kept.map(|(_, one)| (one.first, one.end)).collect::<Vec<_>>()
    });
    let found = fixture.verify_with_witness();
    assert!(found.ok, "{found:?}");
    assert_eq!(found.retired_records, gone.end - gone.first);
    let proof = log.reader().prove(0).unwrap().unwrap();
    assert!(proof.verify(&fixture.key()).is_ok());
    // A backup brings the day back, and the next start deletes it again.
    drop(log);
    let path = fixture.log_folder().join("2026-11-24.jsonl");
    fs::write(&path, "old\n").unwrap();
    let log = fixture.open();
    assert!(!path.exists());
    assert_eq!(log.records(), 9);
    for segment in log.segments().unwrap() {
        log.retire(&segment.day).unwrap();
    }
    drop(log);
    assert_eq!(fixture.open().records(), 9);
    // Nobody signed that this day may go.
    fs::remove_file(fixture.log_folder().join("retired")).unwrap();
    assert!(!fixture.verify().ok);
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
    let found = verify(&forged.log_folder(), &honest.key(), None).unwrap();
    assert!(!found.ok, "{found:?}");
    assert_eq!(found.first_bad, Some(0));
    let told = honest.told.lock().unwrap().clone();
    let own_key = read_public_key(&forged.log_folder()).unwrap();
    assert!(!verify(&forged.log_folder(), &own_key, Some(&told)).unwrap().ok);
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
    assert!(verify(copy.path(), &fixture.key(), None).unwrap().ok, "it was a good one");
    let told = fixture.told.lock().unwrap().clone();
    let found = verify(copy.path(), &fixture.key(), Some(&told)).unwrap();
    assert!(!found.ok);
    assert_eq!(found.first_bad, Some(15));
}

#[test]
fn the_checkpoints_among_the_lines_of_a_server_are_found() {
    let fixture = Fixture::filled(15);
    let note = fixture.told.lock().unwrap().clone();
    let output = format!("{{\"level\":\"INFO\"}}\n{note}{{\"level\":\"WARN\"}}\n");
    let found = verify(&fixture.log_folder(), &fixture.key(), Some(&output)).unwrap();
    assert!(found.ok, "{found:?}");
    assert!(!verify(&fixture.log_folder(), &fixture.key(), Some("{}\n")).unwrap().ok);
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
    // The next day's segment cannot be made: a folder has its name.
    fixture.pass(DAY);
    let blocked = fixture.log_folder().join("2026-11-24.jsonl");
    fs::create_dir(&blocked).unwrap();
    assert!(log.append(&[row(2, 1)]).is_err());
    fs::remove_dir(&blocked).unwrap();
    log.append(&[row(2, 1)]).unwrap();
    assert_eq!(log.records(), 2);
    log.close().unwrap();
    assert!(fixture.verify().ok, "{:?}", fixture.verify());
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
            all.iter().flat_map(|line| tb_core::audit::leaf_hash(line.as_bytes())).collect();
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
        let whole_lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count() as u64;
        prop_assert_eq!(log.records(), whole_lines);
        log.append(&rest).unwrap();
        prop_assert_eq!(log.records(), 12);
        log.close().unwrap();
        prop_assert!(fixture.verify().ok, "{:?}", fixture.verify());
    }
}
