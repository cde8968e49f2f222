//! The audit log of a running gateway: what was done stands in it, and what was done to it is
//! found out.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::Value;

use crate::gateway::{CONFIG, Folder};

/// A second place of the checkpoints beside the log.
const WITNESSED: &str = "[audit]\ncheckpoint_to = [\"file:witness\", \"stdout\"]\n";

/// Serves a few requests and acts; gives what the server wrote to standard output.
fn serve_some(folder: &Folder) -> String {
    let made = folder.run(&["keys", "create", "--service", "app", "-o", "json"]).json();
    let serve = folder.serve();
    for _ in 0..5 {
        assert_eq!(serve.chat(made["key"].as_str().unwrap()).status, 200);
    }
    assert_eq!(folder.run(&["keys", "revoke", made["id"].as_str().unwrap()]).code(), Some(0));
    serve.signal(Signal::TERM);
    let (status, text) = serve.ended();
    assert_eq!(status.code(), Some(0));
    text
}

fn log_folder(folder: &Folder) -> PathBuf {
    let mut waiting = vec![folder.path().to_owned()];
    while let Some(one) = waiting.pop() {
        for entry in fs::read_dir(one).unwrap() {
            let path = entry.unwrap().path();
            if path.join("hashes").exists() {
                return path;
            }
            if path.is_dir() {
                waiting.push(path);
            }
        }
    }
    panic!("there is no audit log");
}

fn segment(folder: &Folder) -> PathBuf {
    let entries = fs::read_dir(log_folder(folder)).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths.find(|path| path.extension().is_some_and(|end| end == "jsonl")).unwrap()
}

#[test]
fn requests_and_acts_stand_in_the_log_and_it_verifies() {
    let folder = Folder::new(&format!("{CONFIG}{WITNESSED}"));
    let stdout = serve_some(&folder);
    let list = |kind: &str| -> Vec<Value> {
        let listed = folder.run(&["audit", "list", "--kind", kind, "-o", "json"]).json();
        listed["rows"].as_array().unwrap().clone()
    };
    let accesses = list("access");
    assert_eq!(accesses.len(), 5);
    for access in &accesses {
        assert_eq!((&access["service"], &access["status"]), (&"app".into(), &200.into()));
        assert_eq!(access["request_hmac"].as_str().unwrap().len(), 64);
        assert_eq!(access["answer_hmac"].as_str().unwrap().len(), 64);
    }
    assert!(list("act").iter().any(|act| act["act"] == "key.create"));
    assert_eq!(list("key.revoke").len(), 1);
    assert_eq!(list("gateway.stop").len(), 1);
    let found = folder.run(&["audit", "verify", "-o", "json"]).json();
    assert_eq!((&found["ok"], &found["first_bad"]), (&true.into(), &Value::Null));
    assert_eq!(found["records"], found["signed_records"]);

    folder.write("stdout", &stdout);
    let log = log_folder(&folder);
    let (copy, key) = (log.to_str().unwrap(), found["public_key"].as_str().unwrap());
    for witness in ["witness", "stdout"] {
        let arguments = ["audit", "verify", copy, "--checkpoints", witness, "--public-key", key];
        assert_eq!(folder.run(&arguments).code(), Some(0), "{witness}");
    }
    let proof = folder.run(&["audit", "prove", "--seq", "3"]);
    folder.write("proof.json", &proof.stdout());
    assert_eq!(folder.run(&["audit", "verify", "--proof", "proof.json"]).code(), Some(0));
    folder.write("proof.json", &proof.stdout().replace("\"seq\":3", "\"seq\":4"));
    assert_eq!(folder.run(&["audit", "verify", "--proof", "proof.json"]).code(), Some(1));
}

#[test]
fn reading_and_exporting_the_log_stand_in_it_afterwards() {
    let folder = Folder::new(CONFIG);
    serve_some(&folder);
    assert_eq!(folder.run(&["audit", "list"]).code(), Some(0));
    let exported = folder.run(&["audit", "export", "-o", "jsonl"]).stdout();
    assert_eq!(exported, fs::read_to_string(segment(&folder)).unwrap());
    let table = folder.run(&["audit", "export", "-o", "csv"]).stdout();
    assert_eq!(table.lines().count(), exported.lines().count() + 1);
    serve_some(&folder);
    let listed = folder.run(&["audit", "list", "--kind", "act", "-o", "json"]).json();
    let acts: Vec<&str> =
        listed["rows"].as_array().unwrap().iter().filter_map(|one| one["act"].as_str()).collect();
    assert!(acts.contains(&"audit.read"), "{acts:?}");
    assert_eq!(acts.iter().filter(|act| **act == "audit.export").count(), 2, "{acts:?}");
}

#[test]
fn tampering_is_found_out() {
    let folder = Folder::new(&format!("{CONFIG}{WITNESSED}"));
    serve_some(&folder);
    let path = segment(&folder);
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let with = |lines: &[&str]| lines.concat();
    let mut swapped = lines.clone();
    swapped.swap(2, 4);
    let cases = [
        (whole.replacen("\"app\"", "\"apq\"", 1), None),
        (with(&[&lines[..3], &lines[4..]].concat()), Some(3)),
        (with(&swapped), Some(2)),
        (with(&lines[..lines.len() - 1]), Some(lines.len() - 1)),
    ];
    for (text, first_bad) in cases {
        fs::write(&path, text).unwrap();
        let ran = folder.run(&["audit", "verify", "-o", "json"]);
        assert_eq!(ran.code(), Some(1), "{}", ran.stderr());
        let found: Value = serde_json::from_str(&ran.stdout()).unwrap();
        assert_eq!(found["ok"], false);
        if let Some(first_bad) = first_bad {
            assert_eq!(found["first_bad"], first_bad);
        }
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(folder.run(&["audit", "verify"]).code(), Some(0));
}

#[test]
fn a_kill_leaves_a_log_that_verifies_and_misses_nothing() {
    let folder = Folder::new(CONFIG);
    let made = folder.run(&["keys", "create", "--service", "app", "-o", "json"]).json();
    for _ in 0..3 {
        let serve = folder.serve();
        for _ in 0..20 {
            assert_eq!(serve.chat(made["key"].as_str().unwrap()).status, 200);
        }
        serve.signal(Signal::KILL);
        serve.ended();
    }
    let serve = folder.serve();
    serve.signal(Signal::TERM);
    serve.ended();
    let ran = folder.run(&["audit", "verify", "-o", "json"]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stdout());
    let listed = ["audit", "list", "--kind", "access", "--limit", "1000", "-o", "json"];
    assert_eq!(folder.run(&listed).json()["rows"].as_array().unwrap().len(), 60);
}
