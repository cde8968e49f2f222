//! What lies beside the database.

use std::path::PathBuf;

use crate::gateway::{CONFIG, Folder};

fn with_storage() -> Folder {
    Folder::new(&format!("[storage]\nurl = \"sqlite:kept.db\"\n{CONFIG}"))
}

fn pepper(folder: &Folder) -> PathBuf {
    folder.path().join("kept.pepper")
}

#[test]
fn a_lost_pepper_is_not_replaced_while_there_are_keys() {
    let folder = with_storage();
    assert_eq!(folder.run(&["keys", "create", "--service", "app"]).code(), Some(0));
    let saved = folder.path().join("saved");
    std::fs::rename(pepper(&folder), &saved).unwrap();
    for command in [["serve"].as_slice(), &["keys", "create", "--service", "app"]] {
        let ran = folder.run(command);
        assert_eq!(ran.code(), Some(78), "{command:?}: {}", ran.stderr());
        for told in ["kept.pepper", "backup", "keys create"] {
            assert!(ran.stderr().contains(told), "{told}: {}", ran.stderr());
        }
        assert!(!pepper(&folder).exists(), "{command:?} made a new pepper");
    }
    std::fs::rename(&saved, pepper(&folder)).unwrap();
    assert_eq!(folder.run(&["keys", "list"]).code(), Some(0));
}

#[test]
fn a_database_without_keys_gets_a_pepper() {
    let folder = with_storage();
    assert_eq!(folder.run(&["keys", "create", "--service", "app"]).code(), Some(0));
    for file in ["kept.db", "kept.db-wal", "kept.db-shm", "kept.pepper"] {
        let _ = std::fs::remove_file(folder.path().join(file));
    }
    folder.write("kept.db", "");
    assert_eq!(folder.run(&["keys", "create", "--service", "app"]).code(), Some(0));
    assert!(pepper(&folder).exists());
}

/// The same folder, used as the named environment.
fn as_environment(folder: &Folder, name: &str) {
    let section =
        if name.is_empty() { String::new() } else { format!("[environment]\nname = \"{name}\"\n") };
    folder
        .write("tollbar.toml", &format!("[storage]\nurl = \"sqlite:kept.db\"\n{section}{CONFIG}"));
}

#[test]
fn what_one_environment_stored_serves_no_other() {
    let folder = with_storage();
    as_environment(&folder, "");
    assert_eq!(folder.run(&["keys", "create", "--service", "app"]).code(), Some(0));
    as_environment(&folder, "staging");
    assert_eq!(folder.run(&["keys", "list"]).code(), Some(0), "looking makes it nobody's");
    as_environment(&folder, "production");
    assert_eq!(folder.run(&["keys", "create", "--service", "app"]).code(), Some(0));
    for other in ["staging", ""] {
        as_environment(&folder, other);
        let commands: [&[&str]; 4] =
            [&["serve"], &["keys", "list"], &["keys", "create", "--service", "app"], &["usage"]];
        for command in commands {
            let ran = folder.run(command);
            assert_eq!(ran.code(), Some(78), "{other} {command:?}: {}", ran.stderr());
            assert!(ran.stderr().contains("environment `production`"), "{}", ran.stderr());
        }
    }
    as_environment(&folder, "production");
    assert_eq!(folder.run(&["keys", "list"]).code(), Some(0));
}

#[test]
fn a_journal_of_another_environment_is_not_drained_into_a_new_database() {
    let folder = with_storage();
    as_environment(&folder, "staging");
    drop(folder.serve());
    for file in ["kept.db", "kept.db-wal", "kept.db-shm", "kept.pepper"] {
        let _ = std::fs::remove_file(folder.path().join(file));
    }
    as_environment(&folder, "production");
    let ran = folder.run(&["serve"]);
    assert_eq!(ran.code(), Some(78), "{}", ran.stderr());
    assert!(ran.stderr().contains("the journal"), "{}", ran.stderr());
    assert!(ran.stderr().contains("environment `staging`"), "{}", ran.stderr());
}
