//! The pepper file.

use std::os::unix::fs::PermissionsExt;

use tb_store::open_pepper;

#[test]
fn makes_a_private_pepper_once_and_reads_it_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data/pepper");
    let first = open_pepper(&path).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(path.metadata().unwrap().len(), 32);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    let second = open_pepper(&path).unwrap();
    assert_eq!(first.digest("secret"), second.digest("secret"));
    let other = open_pepper(&directory.path().join("other")).unwrap();
    assert_ne!(first.digest("secret"), other.digest("secret"));
}

#[test]
fn gives_one_pepper_to_all_who_start_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pepper");
    let digests: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> =
            (0..8).map(|_| scope.spawn(|| open_pepper(&path).unwrap().digest("x"))).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn refuses_a_pepper_of_the_wrong_size() {
    let directory = tempfile::tempdir().unwrap();
    for length in [0, 31, 33] {
        let path = directory.path().join(length.to_string());
        std::fs::write(&path, vec![1; length]).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        let fault = open_pepper(&path).err().unwrap().to_string();
        assert!(fault.contains(&format!("{length} bytes in place of 32")), "{fault}");
    }
}

#[test]
fn refuses_a_pepper_that_others_may_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pepper");
    open_pepper(&path).unwrap();
    for mode in [0o640, 0o604, 0o660] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let fault = open_pepper(&path).err().unwrap().to_string();
        assert!(fault.contains("chmod 600"), "{fault}");
    }
}
