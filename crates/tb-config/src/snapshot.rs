//! The checked, immutable configuration that requests are served with.

mod accountability;
mod guard;
mod pinning;
mod prompts;
mod provider_keys;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tb_core::abilities::builtin;
use tb_core::rules::Rules;
use tb_core::{
    Abilities, Backoff, DataClass, Limits, ModelName, Network, PriceTable, ProviderName, Purpose,
    Secret, ServiceName, Timestamp,
};
use tb_providers::simulated::SimulatedSettings;
use tb_providers::{BaseUrl, DialectName, Quirks};

pub use self::accountability::{
    AuditPolicy, AuditSettings, CheckpointPlace, ClassRetention, ClassRules, ContentLogSettings,
    Demands, KeyRules, OwnClass, RetentionRules, TlsSettings, TokenAlgorithm, TokenIssuer,
    TokenKeys, Workload,
};
pub use self::guard::{
    GuardPolicy, GuardRules, InjectionPolicy, InputLimits, KeywordFilter, Moderation,
    ModerationForm, OnTrouble, Reaction, TextLimits,
};
pub use self::pinning::{Locked, OnRetired, PinPolicy, Pinning, TargetVersion};
pub use self::prompts::PromptRules;

/// One configuration, applied whole or not at all.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// A hash over the effective values (secrets left out) and the texts of the rules files and
    /// files of words, in every usage row.
    pub hash: u64,
    /// Listeners and HTTP limits. A change needs a restart, but for `drain_timeout`.
    pub server: ServerSettings,
    /// Where keys and usage are kept. A change needs a restart.
    pub storage: StorageSettings,
    /// The journal. A change needs a restart.
    pub journal: JournalSettings,
    /// Providers by name.
    pub providers: BTreeMap<ProviderName, Arc<Provider>>,
    /// Models by the name that clients send.
    pub models: BTreeMap<ModelName, Arc<Model>>,
    /// Services by name.
    pub services: HashMap<ServiceName, Arc<Service>>,
    /// Prices: built-in, overlaid with `[prices]`.
    pub prices: PriceTable,
    /// Whether some service may call `provider/model` beside the names of `models`: one of its
    /// `models` is `*`, or reaches into a provider (`openai/*`). So it is when no file was given.
    /// Whether a given service may is for [`Service::may_call`].
    pub direct_models: bool,
    /// `[environment] name`, for people and records.
    pub environment: Option<String>,
    /// Logs.
    pub log_format: LogFormat,
    /// `[cache]`
    pub cache: CacheLimits,
    /// `[guard]`
    pub guard: GuardRules,
    /// `[organisation]`: limits of all services together.
    pub organisation: Limits,
    /// `[keys]`
    pub keys: KeyRules,
    /// `[audit]`
    pub audit: AuditSettings,
    /// `[content_log]`
    pub content_log: Option<ContentLogSettings>,
    /// `[retention]`
    pub retention: RetentionRules,
    /// `[data_classes]`
    pub classes: ClassRules,
    /// `[identity]`
    pub issuers: Vec<TokenIssuer>,
    /// Which versions of models may be called.
    pub pinning: Pinning,
    /// `[prompts]`
    pub prompts: PromptRules,
}

/// `[cache]`: the room of the response cache of all models together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// Bytes in memory.
    pub memory_bytes: u64,
    /// Bytes in the database.
    pub disk_bytes: u64,
    /// The largest answer that is kept, with its request.
    pub entry_bytes: usize,
}

/// `[server]`
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// The public API.
    pub listen: SocketAddr,
    /// Admin API, dashboard, metrics, health.
    pub admin_listen: SocketAddr,
    /// Largest request body in bytes.
    pub max_body_bytes: usize,
    /// How long running requests may go on after SIGTERM.
    pub drain_timeout: Duration,
    /// Whether callers need a key.
    pub authentication: bool,
    /// Threads that serve the public API; default: one for each core.
    pub workers: usize,
    /// Requests served at the same time; more wait in a queue.
    pub max_concurrent: usize,
    /// Requests that may wait for their turn.
    pub max_queued: usize,
    /// How long one of them may wait.
    pub queue_timeout: Duration,
    /// Bytes of request bodies and running streams held at the same time.
    pub memory_budget_bytes: usize,
    /// `tls`: the public address speaks TLS.
    pub tls: Option<TlsSettings>,
}

/// `[storage] url`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageSettings {
    /// `memory:`
    Memory,
    /// `sqlite:PATH`, made absolute against the folder of the file.
    Sqlite(PathBuf),
}

/// `[journal]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalSettings {
    /// The folder of the segments, absolute.
    pub path: PathBuf,
    /// `power`: on disk before the answer is complete; otherwise in the kernel's hands.
    pub durable_on_power_loss: bool,
}

/// `log_format` of `[telemetry]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// `[providers.NAME]`
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name.
    pub name: ProviderName,
    /// Its wire format.
    pub dialect: DialectName,
    /// Where it is; of no use for the simulated one.
    pub base_url: BaseUrl,
    /// Its keys, in the order of the file; empty for local servers without one.
    pub api_keys: Vec<Secret>,
    /// The share of each of `api_keys` among the requests.
    pub key_weights: Vec<u32>,
    /// What it does differently.
    pub quirks: Quirks,
    /// Which classes it may receive.
    pub data_classes: Vec<DataClass>,
    /// The key of `[prices]` and of the built-in table: the vendor's name.
    pub vendor: String,
    /// When the client leaves in mid-stream.
    pub on_client_disconnect: OnDisconnect,
    /// How long a TCP and TLS handshake may take.
    pub connect_timeout: Duration,
    /// Settings of `dialect = "simulated"`.
    pub simulated: Option<SimulatedSettings>,
    /// What is known of how it treats data, for routing by data class.
    pub handling: DataHandling,
}

/// How a provider treats the data that it is sent, as the operator states it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DataHandling {
    /// Where it processes data.
    pub region: Option<String>,
    /// It runs in the company's own rooms.
    pub on_premises: bool,
    /// It keeps nothing of what it is sent.
    pub zero_retention: bool,
    /// The business associate agreement with it.
    pub baa: Option<Baa>,
    /// `retention`: how long it keeps what it is sent, as it says; `None` = unknown.
    pub retention: Option<Duration>,
    /// `training_use`: whether it may train on what it is sent; `None` = unknown, which counts as
    /// yes where it matters.
    pub training_use: Option<bool>,
    /// The operator's own classes that it may receive, a bit for each of [`ClassRules::own`].
    pub own_classes: u32,
}

/// A business associate agreement. An expired one counts as none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baa {
    /// Its number or name.
    pub reference: String,
    /// From this moment (midnight UTC) it counts no longer.
    pub expires_at: Timestamp,
}

/// `on_client_disconnect`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDisconnect {
    /// Close the upstream connection at once.
    Cancel,
    /// Read on, at most this long and this many bytes, to learn the real usage.
    Drain {
        /// At most this long.
        timeout: Duration,
        /// At most this much.
        max_bytes: usize,
    },
}

/// `[models.NAME]`
#[derive(Debug, Clone)]
pub struct Model {
    /// What clients send.
    pub name: ModelName,
    /// Where it is served, with weights.
    pub targets: Vec<Target>,
    /// The whole request.
    pub deadline: Duration,
    /// From sending to the first byte of the answer, of streams.
    pub first_byte_timeout: Duration,
    /// The same for whole answers, whose first byte comes when all of it is ready: only when
    /// `first_byte_timeout` is written, otherwise they have the deadline alone.
    pub whole_answer_timeout: Option<Duration>,
    /// Between two pieces of a stream.
    pub idle_timeout: Duration,
    /// How failed attempts are repeated.
    pub retry: Retry,
    /// Which other models answer when this one cannot.
    pub fallbacks: Fallbacks,
    /// What answers when no provider does, in order.
    pub on_exhausted: Vec<LastRung>,
    /// How long past its time to live a cached answer serves as `stale_cache`.
    pub stale_if_error: Duration,
    /// The answers of `rules`.
    pub rules: Option<Arc<Rules>>,
    /// The classes of data for which `on_exhausted` answers.
    pub on_exhausted_data_classes: Vec<DataClass>,
    /// The response cache.
    pub cache: CacheSettings,
    /// `limits` and `budget`: of all its callers together.
    pub limits: Limits,
}

/// `retry`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts of one request over all targets and fallback models. Each fallback model has
    /// one in any case.
    pub attempts: u32,
    /// The waits between attempts at the same target.
    pub backoff: Backoff,
}

impl Default for Retry {
    fn default() -> Self {
        let (base, cap) = (Duration::from_millis(250), Duration::from_secs(8));
        Self { attempts: 3, backoff: Backoff { base, cap } }
    }
}

/// `fallbacks`: other names of `[models]`, in order, by what went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fallbacks {
    /// The targets failed.
    pub default: Vec<ModelName>,
    /// The prompt does not fit the model.
    pub context_too_long: Vec<ModelName>,
    /// The provider's content policy refused it.
    pub content_policy: Vec<ModelName>,
}

/// One entry of `on_exhausted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastRung {
    /// A cached answer past its time to live.
    StaleCache,
    /// An answer by rule.
    Rules,
}

/// `cache`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSettings {
    /// Whether answers are kept.
    pub mode: CacheMode,
    /// For how long they are fresh.
    pub ttl: Duration,
    /// The classes of data whose answers may be kept.
    pub data_classes: Vec<DataClass>,
}

impl Default for CacheSettings {
    fn default() -> Self {
        let data_classes = vec![DataClass::Public, DataClass::Internal];
        Self { mode: CacheMode::Off, ttl: Duration::from_secs(3_600), data_classes }
    }
}

/// `mode` of `cache`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheMode {
    /// Never, whatever a request asks.
    Off,
    /// For requests that ask for it with `x-tollbar-cache`.
    OptIn,
    /// For all requests but those that ask not to.
    On,
}

/// One place where a model is served.
#[derive(Debug, Clone)]
pub struct Target {
    /// The provider.
    pub provider: Arc<Provider>,
    /// The provider's model id.
    pub model: ModelName,
    /// Its share among the targets.
    pub weight: u32,
    /// What it can do: as written, else from the built-in table of models.
    pub abilities: Abilities,
    /// What is known of the version that it names.
    pub version: TargetVersion,
}

/// `[services.NAME]`
#[derive(Debug)]
pub struct Service {
    /// Its name: the tenant.
    pub name: ServiceName,
    /// The closed list of purposes.
    pub purposes: Vec<Purpose>,
    /// The models it may call: names, or patterns with a trailing `*`; `["*"]` = all.
    pub models: Vec<ModelName>,
    /// The classes it may declare.
    pub data_classes: Vec<DataClass>,
    /// Where its keys may be used from; empty = anywhere.
    pub networks: Vec<Network>,
    /// Its requests served at the same time (`limits.concurrent`).
    pub max_concurrent: Option<usize>,
    /// What the guard does for it.
    pub guard: Arc<GuardPolicy>,
    /// `limits` and `budget`. `concurrent` is [`Self::max_concurrent`] and stands not in here.
    pub limits: Limits,
    /// `user_limits`: each of its end users.
    pub user_limits: Limits,
    /// `audit`
    pub audit: AuditPolicy,
    /// `content_log`
    pub content_log: bool,
    /// `workloads`: who may call for it without a key.
    pub workloads: Vec<Workload>,
    /// The operator's own classes that it may declare, a bit for each of [`ClassRules::own`].
    pub own_classes: u32,
    /// `data_class`: the class of its requests that state none.
    pub data_class: DataClass,
    /// `templates_only`: its requests must name a prompt.
    pub templates_only: bool,
}

/// Time-outs of a model that is called as `provider/model`: the defaults of `[models]`.
const DIRECT_DEADLINE: Duration = Duration::from_secs(600);
const DIRECT_PAUSE: Duration = Duration::from_secs(60);

impl Snapshot {
    /// The model that a client names: one of `models`, or else, where [`Self::direct_models`]
    /// says so, `provider/model` with a configured provider. It says nothing of who may call it.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<Arc<Model>> {
        if let Some(model) = self.models.get(name) {
            return Some(Arc::clone(model));
        }
        let (provider, model) = name.split_once('/').filter(|_| self.direct_models)?;
        let provider = self.providers.get(provider)?;
        is_model_name(model).then(|| {
            let (called, version) = self.pinning.version(provider, model);
            Arc::new(Model {
                name: name.into(),
                targets: vec![Target {
                    provider: Arc::clone(provider),
                    abilities: builtin(&provider.vendor, called.as_str()),
                    model: called,
                    weight: 1,
                    version,
                }],
                deadline: DIRECT_DEADLINE,
                first_byte_timeout: DIRECT_PAUSE,
                whole_answer_timeout: None,
                idle_timeout: DIRECT_PAUSE,
                retry: Retry::default(),
                fallbacks: Fallbacks::default(),
                on_exhausted: Vec::new(),
                stale_if_error: Duration::ZERO,
                rules: None,
                on_exhausted_data_classes: Vec::new(),
                cache: CacheSettings::default(),
                limits: Limits::default(),
            })
        })
    }
}

impl Service {
    /// A service of that name that may call nothing and has no limits.
    #[must_use]
    pub fn bare(name: ServiceName) -> Self {
        Self {
            name,
            purposes: Vec::new(),
            models: Vec::new(),
            data_classes: Vec::new(),
            networks: Vec::new(),
            max_concurrent: None,
            guard: Arc::default(),
            limits: Limits::default(),
            user_limits: Limits::default(),
            audit: AuditPolicy::default(),
            content_log: false,
            workloads: Vec::new(),
            own_classes: 0,
            data_class: DataClass::default(),
            templates_only: false,
        }
    }

    /// Whether it may call the model of that name.
    #[must_use]
    pub fn may_call(&self, model: &str) -> bool {
        self.models.iter().any(|pattern| matches_pattern(pattern.as_str(), model))
    }
}

/// Whether `name` is `pattern`, or begins with what stands before its trailing `*`. The same
/// rule holds for the models of services and of keys.
#[must_use]
pub fn matches_pattern(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    }
}

/// Whether this can be a model's name: at most 200 visible ASCII characters without those that
/// have a meaning in response headers, paths or patterns.
pub(crate) fn is_model_name(name: &str) -> bool {
    (1..=200).contains(&name.len())
        && name.bytes().all(|b| {
            b.is_ascii_graphic()
                && !matches!(b, b'=' | b';' | b',' | b'*' | b'"' | b'?' | b'#' | b'%' | b'\\')
        })
        && !name.split('/').any(|part| part.is_empty() || part == "." || part == "..")
}
