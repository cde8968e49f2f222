//! Keys on their way from the store into memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tb_core::ports::{KeyStore, StoreError};
use tb_core::{AdminAct, AdminTokenRecord, KeyRecord, KeyRing, Pepper};
use tb_engine::{Engine, Metrics, Parts, SystemClock};
use tb_server::admin::KeyDirectory;
use tb_store::{Destination, MemoryStore, MmapJournal};

/// A key store that notices when two readings of everything overlap.
struct Watched {
    inner: Arc<MemoryStore>,
    is_read: AtomicBool,
    overlapped: AtomicBool,
}

impl KeyStore for Watched {
    fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let keys = self.inner.keys();
        std::thread::yield_now();
        keys
    }

    fn put_key(&self, key: &KeyRecord, act: &AdminAct) -> Result<(), StoreError> {
        self.inner.put_key(key, act)
    }

    /// The last question of a reading.
    fn admin_tokens(&self) -> Result<Vec<AdminTokenRecord>, StoreError> {
        let tokens = self.inner.admin_tokens();
        self.is_read.store(false, Ordering::SeqCst);
        tokens
    }

    fn put_admin_token(&self, token: &AdminTokenRecord, act: &AdminAct) -> Result<(), StoreError> {
        self.inner.put_admin_token(token, act)
    }

    /// The first question of a reading.
    fn change_counter(&self) -> Result<u64, StoreError> {
        if self.is_read.swap(true, Ordering::SeqCst) {
            self.overlapped.store(true, Ordering::SeqCst);
        }
        std::thread::yield_now();
        self.inner.change_counter()
    }
}

#[test]
fn readings_never_overlap_so_a_revoked_key_cannot_come_back() {
    let loaded = crate::admin::loaded(crate::admin::CONFIG);
    let inner = Arc::new(MemoryStore::new());
    let journal =
        MmapJournal::open_temporary(Destination::unaudited(inner.clone(), inner.clone())).unwrap();
    let pepper = Pepper::from_bytes(&[7; 32]);
    let engine = Engine::new(Parts {
        snapshot: loaded.snapshot,
        keys: Arc::new(KeyRing::new(Vec::new(), pepper.clone())),
        journal: Arc::new(journal),
        responses: inner.clone(),
        answers: inner.clone(),
        cache_secret: [9; 32],
        guard_secret: [9; 32],
        clock: Arc::new(SystemClock),
        metrics: Arc::new(Metrics::new("test")),
        seed: [1, 2],
    });
    let store = Arc::new(Watched {
        inner,
        is_read: AtomicBool::new(false),
        overlapped: AtomicBool::new(false),
    });
    let directory = KeyDirectory::open(store.clone(), pepper, engine).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    directory.reload().unwrap();
                }
            });
        }
    });
    assert!(!store.overlapped.load(Ordering::SeqCst));
}
