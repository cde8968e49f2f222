//! TLS on the public address, and who a client is by its certificate.
//!
//! A client need not have a certificate: it may send a key or a token instead. One that it has
//! must lead to the configured authorities, or the handshake fails. What proxies say in headers
//! of the certificates of others is not looked at.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use tb_config::TlsSettings;
use tb_core::Timestamp;
use tb_engine::WorkloadId;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A handshake may take so long.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// On a connection that stays open a certificate is looked at again after this time, so that one
/// which has expired, or whose authority was taken out, counts no longer.
const RECHECK_MS: i64 = 60_000;

/// Why TLS cannot be spoken with these files.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// The file of the certificate.
    #[error("the certificate cannot be read: {0}")]
    Certificate(String),
    /// The file of the private key.
    #[error("the private key cannot be read, or is of a kind that is not supported")]
    Key,
    /// Certificate and key are not of one pair, or cannot be used.
    #[error("certificate and private key cannot be used together: {0}")]
    Pair(String),
    /// The file of the authorities of client certificates.
    #[error("the authorities of client certificates cannot be used: {0}")]
    Authorities(String),
}

/// TLS, ready to be spoken.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("asks_clients", &self.clients.is_some()).finish_non_exhaustive()
    }
}

impl Tls {
    /// TLS 1.2 and 1.3 with this certificate.
    ///
    /// # Errors
    /// See [`TlsFault`].
    pub fn new(settings: &TlsSettings) -> Result<Self, TlsFault> {
        let chain = certificates(&settings.certificate).map_err(TlsFault::Certificate)?;
        let key = PrivateKeyDer::from_pem_slice(settings.key.expose().as_bytes())
            .map_err(|_| TlsFault::Key)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients = settings.client_ca.as_deref().map(client_verifier).transpose()?;
        let pair = |fault: rustls::Error| TlsFault::Pair(fault.to_string());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(pair)?;
        let builder = match &clients {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(pair)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if clients.is_some() {
            // A resumed session would bring back a certificate that is not checked again.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), clients })
    }

    /// Shakes hands; `None` when the client fails to, or takes too long.
    pub(super) async fn accept<S>(&self, stream: S) -> Option<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let handshake = self.acceptor.accept(stream);
        tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await.ok()?.ok()
    }
}

fn client_verifier(pem: &str) -> Result<Arc<dyn ClientCertVerifier>, TlsFault> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem).map_err(TlsFault::Authorities)? {
        roots.add(certificate).map_err(|fault| TlsFault::Authorities(fault.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build();
    verifier.map_err(|fault| TlsFault::Authorities(fault.to_string()))
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let all = all.map_err(|fault| fault.to_string())?;
    if all.is_empty() { Err("there is none in the file".to_owned()) } else { Ok(all) }
}

/// How new connections are taken, on all workers: with TLS or without.
#[derive(Debug, Clone, Default)]
pub(super) struct Door(Arc<ArcSwapOption<Tls>>);

impl Door {
    pub(super) fn new(tls: Option<Tls>) -> Self {
        let door = Self::default();
        door.set(tls);
        door
    }

    pub(super) fn set(&self, tls: Option<Tls>) {
        self.0.store(tls.map(Arc::new));
    }

    pub(super) fn tls(&self) -> Option<Arc<Tls>> {
        self.0.load_full()
    }
}

/// A client that proved to have a certificate.
#[derive(Debug, Clone)]
pub(super) struct Certified(Arc<Certificate>);

#[derive(Debug)]
struct Certificate {
    id: WorkloadId,
    chain: Vec<CertificateDer<'static>>,
    /// When it was last found good; `None` once it was not.
    good_at: Mutex<Option<Timestamp>>,
}

impl Certified {
    /// The client at the other end, when its certificate names a workload.
    pub(super) fn of(connection: &ServerConnection, now: Timestamp) -> Option<Self> {
        let chain = connection.peer_certificates()?;
        let id = spiffe_id(chain.first()?)?;
        let chain = chain.iter().map(|one| one.clone().into_owned()).collect();
        Some(Self(Arc::new(Certificate { id, chain, good_at: Mutex::new(Some(now)) })))
    }

    /// Who it is, as long as its certificate holds and leads to the present authorities.
    pub(super) fn workload(&self, door: &Door, now: Timestamp) -> Option<WorkloadId> {
        let certificate = &*self.0;
        let mut good_at = certificate.good_at.lock().unwrap_or_else(PoisonError::into_inner);
        let since = (*good_at)?;
        if now.unix_ms().saturating_sub(since.unix_ms()) > RECHECK_MS {
            *good_at = certificate.holds(door, now).then_some(now);
        }
        good_at.map(|_| certificate.id.clone())
    }
}

impl Certificate {
    fn holds(&self, door: &Door, now: Timestamp) -> bool {
        let tls = door.tls();
        let verifier = tls.as_ref().and_then(|tls| tls.clients.as_ref());
        let (Some(verifier), Some((leaf, rest))) = (verifier, self.chain.split_first()) else {
            return false;
        };
        let since_epoch = Duration::from_millis(u64::try_from(now.unix_ms()).unwrap_or(0));
        let now = UnixTime::since_unix_epoch(since_epoch);
        verifier.verify_client_cert(leaf, rest, now).is_ok()
    }
}

/// The one URI among the names of a certificate, when it is a SPIFFE ID (X509-SVID, section 2: a
/// certificate with more than one is not to be taken).
fn spiffe_id(leaf: &CertificateDer<'_>) -> Option<WorkloadId> {
    let certificate = webpki::EndEntityCert::try_from(leaf).ok()?;
    let mut uris = certificate.valid_uri_names();
    let only = uris.next()?;
    if uris.next().is_some() {
        return None;
    }
    WorkloadId::spiffe(only)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tb_core::Secret;

    const CA: &str = include_str!("../../tests/fixtures/tls/ca.pem");
    const OTHER_CA: &str = include_str!("../../tests/fixtures/tls/other_ca.pem");
    const BOT: &str = include_str!("../../tests/fixtures/tls/bot.pem");

    fn tls(client_ca: Option<&str>) -> Tls {
        Tls::new(&TlsSettings {
            certificate: include_str!("../../tests/fixtures/tls/server.pem").into(),
            key: Secret::new(include_str!("../../tests/fixtures/tls/server.key").to_owned()),
            client_ca: client_ca.map(Into::into),
        })
        .unwrap()
    }

    #[test]
    fn a_certificate_counts_on_an_open_connection_as_long_as_it_would_be_taken_anew() {
        // 2030-01-01 and 2200-01-01.
        let (now, later) = (1_893_456_000_000, 7_258_118_400_000);
        let client = || {
            let chain = certificates(BOT).unwrap();
            let id = spiffe_id(&chain[0]).unwrap();
            let good_at = Mutex::new(Some(Timestamp::from_unix_ms(now)));
            Certified(Arc::new(Certificate { id, chain, good_at }))
        };
        let door = Door::new(Some(tls(Some(CA))));
        let is_known = |client: &Certified, at_ms: i64| {
            client.workload(&door, Timestamp::from_unix_ms(at_ms)).is_some()
        };
        let bot = client();
        assert!(is_known(&bot, now) && is_known(&bot, now + 61_000));
        assert!(!is_known(&bot, later), "it has expired");
        assert!(!is_known(&bot, now + 62_000), "it does not come back");
        let bot = client();
        for other in [Some(tls(Some(OTHER_CA))), Some(tls(None)), None] {
            door.set(other);
            assert!(is_known(&bot, now + 59_000), "it was looked at a moment ago");
            assert!(!is_known(&client(), now + 61_000));
        }
    }

    #[test]
    fn a_handshake_that_takes_too_long_is_given_up() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (ours, _theirs) = tokio::io::duplex(1024);
            let began = tokio::time::Instant::now();
            assert!(tls(None).accept(ours).await.is_none());
            assert_eq!(began.elapsed().as_secs(), HANDSHAKE_TIMEOUT.as_secs());
        });
    }
}
