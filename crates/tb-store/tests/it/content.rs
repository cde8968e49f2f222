//! The content log: what lies in its folder, who can read it, and what is gone when it is gone.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tb_core::content::{ContentEntry, ContentFilter, ContentTrail, MAX_TEXT_BYTES, MasterKey};
use tb_core::ports::{Shelf, StoreError};
use tb_core::retention::{Hold, RecordKind};
use tb_core::{DataClass, RequestId, Timestamp};
use tb_store::{ContentFiles, ContentParts, ContentReader};
use tempfile::TempDir;

/// 2026-11-23T14:35:00Z
const NOW: i64 = 1_795_444_500_000;
const HOUR: i64 = 3_600_000;
const CANARY: &str = "canary-5f1d2c";

struct Log {
    folder: TempDir,
    files: ContentFiles,
    lost: Arc<AtomicU64>,
}

fn master(byte: u8) -> Arc<MasterKey> {
    Arc::new(MasterKey::from_bytes(&[byte; 32]))
}

fn open_in(folder: &Path, key: u8) -> (Result<ContentFiles, StoreError>, Arc<AtomicU64>) {
    let lost = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&lost);
    let files = ContentFiles::open(ContentParts {
        folder: folder.join("content"),
        master: master(key),
        note_lost: Box::new(move |count| {
            counted.fetch_add(count, Ordering::Relaxed);
        }),
    });
    (files, lost)
}

fn open() -> Log {
    let folder = tempfile::tempdir().unwrap();
    let (files, lost) = open_in(folder.path(), 7);
    Log { files: files.unwrap(), folder, lost }
}

impl Log {
    fn path(&self) -> PathBuf {
        self.folder.path().join("content")
    }

    fn write(&self, entries: &[ContentEntry]) {
        for entry in entries {
            self.files.offer(entry.clone());
        }
        self.files.flush();
    }

    fn users(&self) -> Vec<String> {
        let all = self.files.reader().list(&ContentFilter::default(), 1_000).unwrap();
        all.into_iter().map(|entry| entry.user.unwrap_or_default()).collect()
    }
}

/// An entry of a moment after [`NOW`].
fn entry(after_ms: i64, service: &str, user: &str) -> ContentEntry {
    let at = Timestamp(NOW + after_ms);
    ContentEntry {
        request_id: RequestId::new(at, u128::from(after_ms.unsigned_abs()) + 1),
        at,
        service: service.into(),
        user: Some(user.to_owned()).filter(|user| !user.is_empty()),
        purpose: "support".into(),
        data_class: DataClass::Personal,
        route: "chat_completions".to_owned(),
        model: "m".into(),
        request: format!("{CANARY} asked").into_bytes(),
        answer: format!("{CANARY} answered").into_bytes(),
        is_cut: false,
    }
}

fn files_of(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn gives_back_what_was_kept_and_shows_nothing_of_it_in_any_file() {
    let log = open();
    let kept = [entry(0, "bot", CANARY), entry(1, "bot", "")];
    log.write(&kept);
    for one in &kept {
        assert_eq!(log.files.reader().read(one.request_id).unwrap().as_ref(), Some(one));
    }
    assert!(log.files.reader().read(RequestId::new(Timestamp(NOW), 99)).unwrap().is_none());
    log.files.close();
    let names = files_of(&log.path());
    assert_eq!(names, ["2026-11-23T1430.personal.content", "keys.db", "lock"]);
    for name in names {
        let bytes = std::fs::read(log.path().join(&name)).unwrap();
        let found = bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes());
        assert!(!found, "{name} shows text");
    }
    assert_eq!(log.lost.load(Ordering::Relaxed), 0);
}

#[test]
fn lists_newest_first_and_exports_oldest_first_of_a_service_and_time() {
    let log = open();
    let health = ContentEntry { data_class: DataClass::Health, ..entry(1, "bot", "b") };
    let kept = [entry(0, "bot", "a"), health, entry(2, "other", "c"), entry(2 * HOUR, "bot", "d")];
    log.write(&kept);
    assert_eq!(log.users(), ["d", "c", "b", "a"]);
    let reader = ContentReader::open(&log.path(), &master(7)).unwrap();
    let listed = |filter: ContentFilter, limit| {
        let entries = reader.list(&filter, limit).unwrap();
        entries.into_iter().filter_map(|entry| entry.user).collect::<Vec<_>>()
    };
    let of = |service: &str| Some(service.into());
    assert_eq!(listed(ContentFilter { service: of("bot"), ..Default::default() }, 2), ["d", "b"]);
    let since = Some(Timestamp(NOW + 1));
    let until = Some(Timestamp(NOW + 3));
    assert_eq!(listed(ContentFilter { since, until, service: None }, 9), ["c", "b"]);
    let mut exported = Vec::new();
    reader
        .export(&ContentFilter { service: of("bot"), ..Default::default() }, &mut |entry| {
            exported.extend(entry.user);
            Ok(())
        })
        .unwrap();
    assert_eq!(exported, ["a", "b", "d"]);
}

#[test]
fn what_was_kept_of_a_person_is_gone_with_the_keys_and_the_rest_is_not() {
    let log = open();
    log.write(&[
        entry(0, "bot", "anna"),
        entry(1, "bot", "user_9x"),
        entry(2, "bot", "ben"),
        entry(3, "other", "anna"),
        entry(24 * HOUR, "bot", "anna"),
    ]);
    // Not written yet when the keys are destroyed.
    log.files.offer(entry(4, "bot", "anna"));
    let names = ["anna".to_owned(), "user_9x".to_owned()];
    let shredded = log.files.shred(&names, Some(&"bot".into()), &[]).unwrap();
    assert_eq!((shredded.keys, shredded.held), (3, 0));
    let left = log.files.reader().list(&ContentFilter::default(), 9).unwrap();
    let left: Vec<_> =
        left.iter().map(|entry| (entry.service.as_str(), entry.user.as_deref())).collect();
    assert_eq!(left, [("other", Some("anna")), ("bot", Some("ben"))]);
    assert!(log.files.reader().read(entry(0, "", "").request_id).unwrap().is_none());
    // The person may come again.
    log.write(&[entry(5, "bot", "anna")]);
    assert!(log.files.reader().read(entry(5, "", "").request_id).unwrap().is_some());
    let shredded = log.files.shred(&names, None, &[]).unwrap();
    assert_eq!(shredded.keys, 2);
    assert_eq!(log.users(), ["ben"]);
}

#[test]
fn a_legal_hold_keeps_the_keys_of_its_days() {
    let log = open();
    log.write(&[entry(0, "bot", "anna"), entry(24 * HOUR, "bot", "anna")]);
    let hold = Hold {
        id: "hold_1".to_owned(),
        kind: Some(RecordKind::Content),
        service: None,
        from: Timestamp(NOW),
        until: Timestamp(NOW + HOUR),
        reason: "case".to_owned(),
        placed_at: Timestamp(NOW),
    };
    let shredded = log.files.shred(&["anna".to_owned()], None, &[hold]).unwrap();
    assert_eq!((shredded.keys, shredded.held), (1, 1));
    assert!(log.files.reader().read(entry(0, "", "").request_id).unwrap().is_some());
    assert_eq!(log.users().len(), 1);
}

#[test]
fn a_key_that_another_process_destroyed_is_used_no_more() {
    let log = open();
    log.write(&[entry(0, "bot", "anna")]);
    let other = ContentReader::open(&log.path(), &master(7)).unwrap();
    assert_eq!(other.shred(&["anna".to_owned()], None, &[]).unwrap().keys, 1);
    assert!(log.users().is_empty());
    log.write(&[entry(1, "bot", "anna")]);
    assert_eq!(log.users(), ["anna"]);
}

#[test]
fn retention_takes_files_and_the_keys_of_days_that_are_empty() {
    let log = open();
    log.write(&[
        entry(0, "bot", "anna"),
        entry(HOUR, "bot", "anna"),
        entry(24 * HOUR, "bot", "anna"),
    ]);
    let mut parts = Shelf::list(&log.files).unwrap();
    parts.sort_by_key(|part| part.from);
    assert_eq!(parts.len(), 3);
    let first = &parts[0];
    assert_eq!((first.kind, first.class), (RecordKind::Content, Some(DataClass::Personal)));
    assert!(first.from.unix_ms() <= NOW && NOW < first.until.unix_ms() && first.bytes > 0);
    let keys = || {
        let connection = rusqlite::Connection::open(log.path().join("keys.db")).unwrap();
        let count = "SELECT count(*) FROM keys";
        connection.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    for (part, left) in parts.iter().zip([2, 1, 0]) {
        log.files.unlink(part).unwrap();
        log.files.unlink(part).unwrap();
        assert_eq!(keys(), left);
        assert!(!log.path().join(&part.name).exists());
    }
    log.write(&[entry(1, "bot", "anna")]);
    assert_eq!(log.users(), ["anna"]);
}

#[test]
fn keys_without_files_are_gone_after_a_start() {
    let log = open();
    log.write(&[entry(0, "bot", "anna")]);
    log.files.close();
    let Log { folder, files, .. } = log;
    drop(files);
    std::fs::remove_file(folder.path().join("content/2026-11-23T1430.personal.content")).unwrap();
    let (files, _) = open_in(folder.path(), 7);
    assert_eq!(files.unwrap().shred(&["anna".to_owned()], None, &[]).unwrap().keys, 0);
}

#[test]
fn a_torn_entry_is_cut_and_the_whole_ones_stay() {
    let Log { folder, files, .. } = open();
    files.offer(entry(0, "bot", "anna"));
    drop(files);
    let path = folder.path().join("content/2026-11-23T1430.personal.content");
    let whole = std::fs::read(&path).unwrap();
    for torn in [1, 31, 32, 33, whole.len() - 1] {
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&whole[..torn]).unwrap();
        let (files, _) = open_in(folder.path(), 7);
        let files = files.unwrap();
        let count = || files.reader().list(&ContentFilter::default(), 9).unwrap().len();
        assert_eq!(count(), 1);
        files.offer(entry(1, "bot", "ben"));
        files.flush();
        assert_eq!(count(), 2, "{torn}");
        drop(files);
        File::options().write(true).open(&path).unwrap().set_len(whole.len() as u64).unwrap();
    }
}

#[test]
fn a_damaged_entry_is_passed_over() {
    let log = open();
    log.write(&[entry(0, "bot", "anna")]);
    let path = log.path().join("2026-11-23T1430.personal.content");
    let first = std::fs::metadata(&path).unwrap().len();
    log.write(&[entry(1, "bot", "ben")]);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[usize::try_from(first).unwrap() - 1] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(log.users(), ["ben"]);
}

#[test]
fn refuses_a_wrong_master_key_and_a_second_writer() {
    let log = open();
    let (second, _) = open_in(log.folder.path(), 7);
    assert!(matches!(second, Err(StoreError::Unavailable(_))));
    let Log { folder, files, .. } = log;
    drop(files);
    let (wrong, _) = open_in(folder.path(), 8);
    let fault = wrong.err().unwrap().to_string();
    assert!(fault.contains("master_key"), "{fault}");
    assert!(ContentReader::open(&folder.path().join("content"), &master(8)).is_err());
    assert!(open_in(folder.path(), 7).0.is_ok());
}

#[test]
fn another_master_key_can_take_over() {
    let log = open();
    log.write(&[entry(0, "bot", "anna"), entry(1, "bot", "ben")]);
    let Log { folder, files, .. } = log;
    drop(files);
    let path = folder.path().join("content");
    let reader = ContentReader::open(&path, &master(7)).unwrap();
    assert_eq!(reader.rewrap(&master(8)).unwrap(), 2);
    assert!(open_in(folder.path(), 7).0.is_err());
    let (files, _) = open_in(folder.path(), 8);
    let files = files.unwrap();
    assert_eq!(files.reader().list(&ContentFilter::default(), 9).unwrap().len(), 2);
    assert_eq!(files.shred(&["anna".to_owned()], None, &[]).unwrap().keys, 1);
    assert_eq!(files.reader().list(&ContentFilter::default(), 9).unwrap().len(), 1);
}

#[test]
fn what_does_not_fit_is_given_up_and_counted_and_nobody_waits() {
    let log = open();
    let long = || ContentEntry {
        request: vec![b'x'; MAX_TEXT_BYTES],
        answer: vec![b'y'; MAX_TEXT_BYTES],
        ..entry(0, "bot", "anna")
    };
    // The writer cannot make its keys while the file of keys is locked, so nothing leaves the queue.
    let connection = rusqlite::Connection::open(log.path().join("keys.db")).unwrap();
    connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for _ in 0..80 {
        log.files.offer(long());
    }
    // 32 MiB have room for 63 of them.
    assert_eq!(log.lost.load(Ordering::Relaxed), 17);
    connection.execute_batch("COMMIT").unwrap();
    log.files.flush();
    let lost = log.lost.load(Ordering::Relaxed);
    assert_eq!(log.users().len() as u64 + lost, 80);
    log.files.close();
    log.files.offer(long());
    assert_eq!(log.lost.load(Ordering::Relaxed), lost + 1);
}
