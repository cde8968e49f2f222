//! What requests share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use tb_config::Snapshot;
use tb_core::ports::{AnswerStore, Journal, ResponseStore};
use tb_core::prompt::PromptBook;
use tb_core::{Clock, KeyRing, RequestId};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admission::Admission;
use crate::bindings::Bindings;
use crate::cache::{AnswerCache, Backing};
use crate::client::HttpClient;
use crate::content::ContentSink;
use crate::guarded::TenantKeys;
use crate::health::Health;
use crate::identity::Identity;
use crate::metrics::Metrics;
use crate::quota::{BudgetWarning, Ledger};
use crate::runtime::Runtime;

/// What an engine is made of.
pub struct Parts {
    /// The configuration to start with.
    pub snapshot: Arc<Snapshot>,
    /// The keys to start with.
    pub keys: Arc<KeyRing>,
    /// Where requests are written down.
    pub journal: Arc<dyn Journal>,
    /// Where bindings of response ids are read.
    pub responses: Arc<dyn ResponseStore>,
    /// Where kept answers outlive the process.
    pub answers: Arc<dyn AnswerStore>,
    /// The key of the hashes and of the encryption of kept answers; it must outlive the process
    /// where `answers` does.
    pub cache_secret: [u8; 32],
    /// The key from which each tenant's key of placeholders and hashes is derived; it must
    /// outlive the process, or the same value hashes to another one after a restart.
    pub guard_secret: [u8; 32],
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Seeds request ids and dice; random.
    pub seed: [u64; 2],
}

/// The engine. Each worker thread has its own value, with its own connections; everything
/// else is shared.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    pub(crate) client: Arc<HttpClient>,
}

pub(crate) struct Shared {
    pub(crate) runtime: ArcSwap<Runtime>,
    pub(crate) keys: ArcSwap<KeyRing>,
    pub(crate) prompts: ArcSwap<PromptBook>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) bindings: Bindings,
    pub(crate) cache: AnswerCache,
    pub(crate) health: Arc<Health>,
    pub(crate) identity: Identity,
    pub(crate) admission: Admission,
    pub(crate) quotas: Arc<Ledger>,
    pub(crate) guard_keys: TenantKeys,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    /// Where masked requests and answers are kept, of services that say so.
    pub(crate) content: OnceLock<Arc<dyn ContentSink>>,
    pub(crate) tasks: TaskTracker,
    draining: AtomicBool,
    aborting: AtomicBool,
    /// Wakes what waits for `aborting`.
    aborted: CancellationToken,
    dice: AtomicU64,
    id_salt: u64,
}

impl Engine {
    /// An engine with no connections yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let tasks = TaskTracker::new();
        let health = Arc::new(Health::default());
        let quotas = Arc::new(Ledger::new(&parts.snapshot, Arc::clone(&parts.clock)));
        parts.metrics.watch(&health, &quotas);
        let backing = Backing { store: parts.answers, secret: &parts.cache_secret };
        let clock = Arc::clone(&parts.clock);
        let dropped =
            parts.metrics.dropped.get_or_create(&vec![("what", "kept_answer".to_owned())]).clone();
        let watched = (tasks.clone(), dropped);
        let cache = AnswerCache::new(parts.snapshot.cache, backing, clock, watched);
        cache.prepare(&parts.snapshot);
        let identity = Identity::default();
        let runtime = Runtime::new(parts.snapshot, &parts.metrics, &health, &identity);
        let [high, low] = parts.seed;
        let shared = Shared {
            runtime: ArcSwap::from_pointee(runtime),
            keys: ArcSwap::from(parts.keys),
            prompts: ArcSwap::default(),
            journal: parts.journal,
            bindings: Bindings::new(parts.responses),
            cache,
            health,
            identity,
            admission: Admission::default(),
            quotas,
            guard_keys: TenantKeys::new(&parts.guard_secret),
            clock: parts.clock,
            metrics: parts.metrics,
            content: OnceLock::new(),
            tasks: tasks.clone(),
            draining: AtomicBool::new(false),
            aborting: AtomicBool::new(false),
            aborted: CancellationToken::new(),
            dice: AtomicU64::new(low),
            id_salt: high,
        };
        Self { shared: Arc::new(shared), client: Arc::new(HttpClient::new(tasks)) }
    }

    /// The same engine with connections of its own, for another worker thread.
    #[must_use]
    pub fn for_worker(&self) -> Self {
        let client = HttpClient::new(self.shared.tasks.clone());
        Self { shared: Arc::clone(&self.shared), client: Arc::new(client) }
    }

    /// Serves from now on with another configuration. Running requests finish on theirs.
    pub fn apply(&self, snapshot: Arc<Snapshot>) {
        let shared = &self.shared;
        shared.cache.prepare(&snapshot);
        shared.quotas.configure(&snapshot);
        let (metrics, health) = (&shared.metrics, &shared.health);
        let runtime = Runtime::new(snapshot, metrics, health, &shared.identity);
        shared.runtime.store(Arc::new(runtime));
        shared.health.forget_unused();
    }

    /// The configuration that new requests are served with.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.shared.runtime.load().snapshot)
    }

    /// Authenticates from now on against these keys.
    pub fn set_keys(&self, keys: Arc<KeyRing>) {
        self.shared.keys.store(keys);
    }

    /// Serves these prompts from now on; an engine begins with none.
    pub fn set_prompts(&self, prompts: Arc<PromptBook>) {
        self.shared.prompts.store(prompts);
    }

    /// The prompts that are served.
    #[must_use]
    pub fn prompts(&self) -> Arc<PromptBook> {
        self.shared.prompts.load_full()
    }

    /// Tells `callback` of every budget that passes 50, 80, 95 or 100 %, once in each period. It
    /// is called while a request is settled, so it must not wait. False when there is one already.
    pub fn on_budget_warning(
        &self,
        callback: impl Fn(&BudgetWarning) + Send + Sync + 'static,
    ) -> bool {
        self.shared.quotas.on_warning(Box::new(callback))
    }

    /// What is counted.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.shared.metrics
    }

    /// The journal.
    #[must_use]
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.shared.journal
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// Every task of this engine; the binary awaits it at shutdown.
    #[must_use]
    pub fn tasks(&self) -> &TaskTracker {
        &self.shared.tasks
    }

    /// Closes this worker's idle connections and waits until no task of the engine is left,
    /// at most `limit`; false when some are.
    pub async fn finish(&self, limit: Duration) -> bool {
        self.client.close_idle();
        self.shared.tasks.close();
        tokio::time::timeout(limit, self.shared.tasks.wait()).await.is_ok()
    }

    /// From now on `readyz` is false and keep-alive connections are closed after an answer.
    pub fn start_draining(&self) {
        self.shared.draining.store(true, Ordering::Release);
    }

    /// Ends every running stream with an error event (`gateway_stopping`): for the end of the
    /// drain time-out. A stream that begins later ends the same way.
    pub fn abort_streams(&self) {
        self.shared.aborting.store(true, Ordering::Release);
        self.shared.aborted.cancel();
    }

    /// Whether the process is about to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::Acquire)
    }

    /// How many requests are between admission and settlement.
    #[must_use]
    pub fn inflight(&self) -> i64 {
        self.shared.metrics.inflight_requests.get()
    }

    /// A new request id.
    #[must_use]
    pub fn new_request_id(&self) -> RequestId {
        let high = u128::from(self.shared.random() ^ self.shared.id_salt);
        let random = (high << 64) | u128::from(self.shared.random());
        RequestId::new(self.shared.clock.now(), random)
    }

    /// The models of the running configuration, by name.
    pub(crate) fn runtime(&self) -> Arc<Runtime> {
        self.shared.runtime.load_full()
    }
}

impl Shared {
    /// Whether running streams must end now.
    pub(crate) fn is_aborting(&self) -> bool {
        self.aborting.load(Ordering::Acquire)
    }

    /// What becomes cancelled when running streams must end.
    pub(crate) fn aborted(&self) -> &CancellationToken {
        &self.aborted
    }

    /// 64 uniformly distributed bits (splitmix64; ids and dice, nothing secret).
    pub(crate) fn random(&self) -> u64 {
        let mut z = self.dice.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A uniform number in 0..1.
    pub(crate) fn roll(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
        let numerator = (self.random() >> 11) as f64;
        numerator / 9_007_199_254_740_992.0
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
