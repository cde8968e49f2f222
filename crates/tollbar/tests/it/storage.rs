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
