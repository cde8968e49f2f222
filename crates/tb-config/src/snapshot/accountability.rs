//! Who may ask, what is written down of it, and how long it is kept.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use tb_core::token::Jwks;
pub use tb_core::token::TokenAlgorithm;
use tb_core::{DataClass, Secret};
use tb_providers::BaseUrl;
use zeroize::Zeroizing;

/// `[keys]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyRules {
    /// `max_age`: a secret older than this is refused; warnings come 30, 7 and 1 days before.
    pub max_age: Option<Duration>,
}

/// `[audit]`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditSettings {
    /// `path`: the folder of the log, absolute; empty = beside the database (`memory:` storage: a
    /// temporary folder).
    pub path: PathBuf,
    /// `checkpoint_to`: where signed checkpoints go beside the log.
    pub checkpoint_to: Vec<CheckpointPlace>,
}

/// One entry of `checkpoint_to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckpointPlace {
    /// `"stdout"`
    Stdout,
    /// `"file:PATH"`: appended to, absolute.
    File(PathBuf),
    /// `"https://…"`: posted to.
    Webhook(Arc<str>),
}

/// `audit` of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuditPolicy {
    /// No record, no answer.
    #[default]
    Required,
    /// A request that cannot be written down is served, and counted as dropped.
    BestEffort,
}

/// `[content_log]`: masked requests and answers, encrypted. There is none unless a service has
/// `content_log = true`.
#[derive(Debug, Clone)]
pub struct ContentLogSettings {
    /// `path`: the folder, absolute.
    pub path: PathBuf,
    /// `master_key`: 32 bytes in base64 or hex, which wraps the keys of subjects and days.
    pub master_key: Secret,
}

impl ContentLogSettings {
    /// The 32 bytes of a master key: 64 digits of hex, or base64 of either alphabet with or
    /// without padding. `None` when it is neither.
    #[must_use]
    pub fn key_bytes(key: &Secret) -> Option<Zeroizing<[u8; 32]>> {
        let text = key.expose();
        let mut bytes = Zeroizing::new([0; 32]);
        if text.len() == 64 {
            for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
                let digits = std::str::from_utf8(digits).ok()?;
                let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
                *byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
            }
            return Some(bytes);
        }
        let unpadded = text.trim_end_matches('=');
        let alphabet =
            if unpadded.contains(['-', '_']) { URL_SAFE_NO_PAD } else { STANDARD_NO_PAD };
        let fits = text.len().saturating_sub(unpadded.len()) <= 1;
        let length = alphabet.decode_slice(unpadded, bytes.as_mut_slice()).ok()?;
        (fits && length == bytes.len()).then_some(bytes)
    }
}

/// `[retention]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRules {
    /// `content`: the content log.
    pub content: Duration,
    /// `requests`: usage rows; `None` = for ever.
    pub requests: Option<Duration>,
    /// `audit`: `None` = for ever.
    pub audit: Option<Duration>,
    /// `responses`: which provider keeps which stored response.
    pub responses: Duration,
    /// `classes.NAME`: shorter or longer for requests of this class.
    pub classes: BTreeMap<DataClass, ClassRetention>,
}

impl Default for RetentionRules {
    fn default() -> Self {
        let day = Duration::from_secs(86_400);
        Self {
            content: day * 7,
            requests: Some(day * 90),
            audit: Some(day * 400),
            responses: day * 30,
            classes: BTreeMap::new(),
        }
    }
}

/// What `[retention.classes.NAME]` says; `None` = as for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassRetention {
    /// `content`
    pub content: Option<Duration>,
    /// `requests`
    pub requests: Option<Duration>,
}

/// `[data_classes]`: the operator's own classes, and what each class asks of a provider.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClassRules {
    /// The operator's own ones, at most 32, in the order of their names.
    pub own: Vec<OwnClass>,
    /// What providers must be, by built-in class. `health` asks for an agreement unless the file
    /// says otherwise.
    pub demands: BTreeMap<DataClass, Demands>,
}

/// `[data_classes.NAME]` with a name of the operator's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnClass {
    /// Its name.
    pub name: Arc<str>,
    /// `level`: the built-in class that a request of it has at least.
    pub level: DataClass,
    /// What providers must be.
    pub demands: Demands,
}

/// What a class asks of a provider, beside that it is listed in its `data_classes`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Demands {
    /// `agreement`: a business associate agreement that has not expired, or on premises.
    pub agreement: bool,
    /// `zero_retention`: nothing is kept, or on premises.
    pub zero_retention: bool,
    /// `no_training`: nothing is trained on, or on premises.
    pub no_training: bool,
    /// `regions`: one of these; empty = anywhere.
    pub regions: Vec<String>,
}

/// `[identity.NAME]`: an issuer of tokens (JWT, OpenID Connect) that workloads may present in the
/// place of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenIssuer {
    /// Its name in this file.
    pub name: Arc<str>,
    /// `issuer`: the claim `iss`, exactly.
    pub issuer: Arc<str>,
    /// `audience`: what the claim `aud` must hold.
    pub audience: Arc<str>,
    /// `algorithms`
    pub algorithms: Vec<TokenAlgorithm>,
    /// `jwks_file` or `jwks_url`
    pub keys: TokenKeys,
    /// `max_lifetime`: from `iat` to `exp`.
    pub max_lifetime: Duration,
}

/// Where the public keys of an issuer are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenKeys {
    /// The keys of a file; it is read again with the configuration, which happens when it
    /// changes.
    File(Arc<Jwks>),
    /// An address, fetched when needed and kept.
    Url(BaseUrl),
}

/// One entry of a service's `workloads`: who may call without a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Workload {
    /// `"spiffe://trust-domain/path"`: the URI in a client certificate; a trailing `*` fits any
    /// ending.
    Spiffe(Arc<str>),
    /// `"NAME:SUBJECT"`: a token of the issuer `[identity.NAME]` with this `sub`; a trailing `*`
    /// fits any ending.
    Token {
        /// The issuer.
        issuer: Arc<str>,
        /// The subject or its beginning with `*`.
        subject: Arc<str>,
    },
}

/// `[server.tls]`: TLS on the public address. The texts of the files, which are read again with
/// the configuration; that happens when one of them changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// `certificate`: the chain, PEM.
    pub certificate: Arc<str>,
    /// `key`: the private key, PEM.
    pub key: Secret,
    /// `client_ca`: the authorities of client certificates, PEM; `None` = none are asked for.
    pub client_ca: Option<Arc<str>>,
}
