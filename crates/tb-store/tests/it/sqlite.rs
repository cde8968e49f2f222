//! What only a database file can do or suffer.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::Connection;
use tb_core::ports::{
    AnswerStore, KeptAnswer, KeyStore, ResponseStore, StoreError, UsageQuery, UsageStore,
};
use tb_core::{
    Cause, DataClass, KeyId, KeyRecord, KeyScope, NanoUsd, RequestId, Rung, Timestamp, UsageRow,
};
use tb_store::{Durability, SqliteStore};

use crate::support::{act, binding, files_in, row};

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, Durability::Process).unwrap()
}

#[test]
fn keeps_everything_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data/tollbar.db");
    let store = open(&path);
    store.append(&[row(1, 1), row(2, 1)], 42).unwrap();
    store.bind(&[binding("r", "bot")]).unwrap();
    let answer = KeptAnswer {
        key: [1; 32],
        service: "bot".into(),
        model: "support".into(),
        tags: vec!["faq".to_owned()],
        stored_at: Timestamp(1),
        keep_until: Timestamp(2),
        sealed: vec![0, 255],
    };
    store.keep(std::slice::from_ref(&answer)).unwrap();
    drop(store);
    let store = open(&path);
    assert_eq!(store.checkpoint().unwrap(), 42);
    assert_eq!(store.recent(None, 9).unwrap(), [row(2, 1), row(1, 1)]);
    assert!(store.binding(&"bot".into(), "r").unwrap().is_some());
    assert_eq!(store.newest(Timestamp(1), None, 2).unwrap(), [answer]);
}

#[test]
fn takes_over_a_database_of_the_version_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tollbar.db");
    let before = Connection::open(&path).unwrap();
    before.execute_batch(include_str!("../../migrations/sqlite/0001_init.sql")).unwrap();
    before
        .execute_batch(
            "INSERT INTO names VALUES (1, 'bot'), (2, 'general'), (3, 'messages'),
                 (4, 'vendor'), (5, 'support');
             INSERT INTO usage VALUES (x'00000000000000000000000000000007', 1, 1, 0, 0, 1, NULL, 2,
                 NULL, 3, 4, 5, NULL, NULL, 200, NULL, 0, 0, 10, 0, 0, 0, 20, 0, 0, 900, 5, NULL,
                 30, 40, 50);
             UPDATE meta SET value = 77 WHERE name = 'checkpoint';
             PRAGMA user_version = 1;",
        )
        .unwrap();
    drop(before);
    let store = open(&path);
    assert_eq!(store.checkpoint().unwrap(), 77);
    let found = store.request(RequestId(7)).unwrap();
    assert_eq!((found[0].rung, found[0].cause), (Rung::Target, Cause::First));
    assert_eq!((found[0].waited_ms, found[0].key_index), (0, None));
    assert_eq!((&found[0].passed_over, found[0].saved), (&None, NanoUsd(0)));
    assert_eq!((&found[0].guard, &found[0].characters), (&None, &None));
    assert_eq!((found[0].data_class, found[0].peer), (DataClass::Internal, None));
    assert_eq!((found[0].tokens.output(), found[0].config_hash), (20, 50));
    store.append(&[row(1, 1)], 78).unwrap();
    drop(store);
    assert_eq!(open(&path).sum(&UsageQuery::default()).unwrap()[0].attempts, 2);
}

#[test]
fn goes_on_with_a_move_of_rows_that_was_interrupted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tollbar.db");
    let before = Connection::open(&path).unwrap();
    before.execute_batch(include_str!("../../migrations/sqlite/0001_init.sql")).unwrap();
    before
        .execute_batch(
            "INSERT INTO names VALUES (1, 'CANARY-NAME'), (3, 'messages');
             WITH RECURSIVE at(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM at WHERE n < 12000)
             INSERT INTO usage SELECT unhex(printf('%012x%020x', n * 1000, n)), 1, 1, 0, n * 1000,
                 1, NULL, 1, 1, 3, 1, 1, NULL, NULL, 200, NULL, 0, 0, 10, 0, 0, 0, 20, 0, 0, 900, 1,
                 NULL, 30, 40, 50 FROM at;
             PRAGMA user_version = 1;",
        )
        .unwrap();
    drop(before);
    // The third step cannot be written.
    let folder = path.with_file_name("tollbar.usage");
    let obstacle = folder.join("1970-01-01T0300.internal.db");
    std::fs::create_dir_all(&obstacle).unwrap();
    assert!(SqliteStore::open(&path, Durability::Process).is_err());
    assert!(folder.join("1970-01-01T0000.internal.db").exists(), "some are there already");
    std::fs::remove_dir(&obstacle).unwrap();
    let store = open(&path);
    assert_eq!(store.sum(&UsageQuery::default()).unwrap()[0].requests, 12_000);
    assert_eq!(store.request(RequestId((11_999_000 << 80) | 11_999)).unwrap().len(), 1);
    drop(store);
    let bytes = std::fs::read(&path).unwrap();
    assert!(!bytes.windows(11).any(|window| window == b"CANARY-NAME"), "the old table is gone");
    assert!(bytes.len() < 300_000, "and its room is given back: {}", bytes.len());
}

#[test]
fn reads_and_writes_partitions_of_the_version_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tollbar.db");
    open(&path).append(&[row(1, 1)], 1).unwrap();
    let partition = path.with_file_name("tollbar.usage").join("1970-01-01T0000.internal.db");
    let make_old = || {
        let old = Connection::open(&partition).unwrap();
        old.execute_batch(
            "ALTER TABLE usage DROP COLUMN prompt;
             ALTER TABLE usage DROP COLUMN fingerprint;
             ALTER TABLE usage DROP COLUMN has_drifted;
             PRAGMA user_version = 1;",
        )
        .unwrap();
    };
    let bare = |n| UsageRow { prompt: None, fingerprint: None, has_drifted: false, ..row(n, 1) };
    make_old();
    assert_eq!(open(&path).recent(None, 9).unwrap(), [bare(1)], "read first");
    make_old();
    open(&path).append(&[row(2, 1)], 2).unwrap();
    assert_eq!(open(&path).recent(None, 9).unwrap(), [row(2, 1), bare(1)], "written first");
}

#[test]
fn keeps_its_files_private() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("tollbar.db"));
    store.append(&[row(1, 1)], 1).unwrap();
    let mut files = 0;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let folder = directory.path().join("tollbar.usage");
    assert_eq!(mode(&folder), 0o700);
    for path in files_in(directory.path()) {
        assert_eq!(mode(&path), 0o600, "{path:?}");
        files += 1;
    }
    assert!(files >= 4, "the database, the rows, and their logs");
}

#[test]
fn shows_other_processes_a_change_of_keys() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tollbar.db");
    let server = open(&path);
    let command = open(&path);
    let before = server.change_counter().unwrap();
    let scope = KeyScope::of_service("bot".into(), Timestamp(1));
    let id = KeyId::parse("aaaaaaaa").unwrap();
    let key = KeyRecord { id, secrets: Vec::new(), scope, revoked_at: None, revision: 0 };
    command.put_key(&key, &act("key.create")).unwrap();
    assert_ne!(server.change_counter().unwrap(), before);
    assert_eq!(server.keys().unwrap(), [key]);
}

#[test]
fn shares_names_with_other_processes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tollbar.db");
    let (one, two) = (open(&path), open(&path));
    let named = |number, user: &str| UsageRow { user: Some(user.to_owned()), ..row(number, 1) };
    one.append(&[named(1, "first")], 1).unwrap();
    two.append(&[named(2, "second"), named(3, "first")], 1).unwrap();
    one.append(&[named(4, "second")], 1).unwrap();
    let users: Vec<_> =
        two.recent(None, 9).unwrap().into_iter().filter_map(|row| row.user).collect();
    assert_eq!(users, ["second", "first", "second", "first"]);
}

#[test]
fn refuses_a_database_of_a_newer_version() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tollbar.db");
    drop(open(&path));
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
    let fault = SqliteStore::open(&path, Durability::Process).err().unwrap();
    assert!(matches!(fault, StoreError::Failed(_)));
    assert!(fault.to_string().contains("schema version 999"), "{fault}");
}

#[test]
fn refuses_a_file_that_is_no_database() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tollbar.db");
    std::fs::write(&path, "not a database at all, but long enough to have a header".repeat(30))
        .unwrap();
    let fault = SqliteStore::open(&path, Durability::Process).err().unwrap();
    assert!(matches!(fault, StoreError::Failed(_)), "{fault}");
}

#[test]
fn leaves_nothing_of_a_batch_that_fails() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tollbar.db");
    let store = open(&path);
    // Both rows are in the file of the first half hour of 1970.
    store.append(&[row(9, 1)], 8).unwrap();
    let connection =
        Connection::open(path.with_file_name("tollbar.usage/1970-01-01T0000.internal.db")).unwrap();
    connection
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON usage WHEN NEW.attempt = 7
             BEGIN SELECT RAISE(ABORT, 'no'); END;",
        )
        .unwrap();
    let fresh = UsageRow { user: Some("new in the failed batch".to_owned()), ..row(1, 1) };
    assert!(store.append(&[fresh.clone(), row(2, 7)], 9).is_err());
    assert_eq!(store.recent(None, 9).unwrap(), [row(9, 1)]);
    assert_eq!(store.checkpoint().unwrap(), 8);
    store.append(std::slice::from_ref(&fresh), 10).unwrap();
    assert_eq!(store.recent(None, 9).unwrap(), [row(9, 1), fresh]);
}
