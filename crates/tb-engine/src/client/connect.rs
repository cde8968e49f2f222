//! New connections: TCP with `TCP_NODELAY`, then TLS where the base URL says so.

use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tb_providers::BaseUrl;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::SendFailure;
use super::pool::{HttpClient, Sender};

/// The most bytes of an answer's head, and of what is buffered of its body; hyper's own limit
/// is 100 headers, vendors send about 30.
const MAX_BUFFER_BYTES: usize = 128 * 1024;

impl HttpClient {
    pub(super) async fn connect(
        &self,
        base: &BaseUrl,
        timeout: Duration,
    ) -> Result<Sender, SendFailure> {
        tokio::time::timeout(timeout, self.handshake(base))
            .await
            .unwrap_or(Err(SendFailure::ConnectTimeout))
    }

    async fn handshake(&self, base: &BaseUrl) -> Result<Sender, SendFailure> {
        let tcp = TcpStream::connect((base.host.as_str(), base.port))
            .await
            .map_err(|_| SendFailure::Connect)?;
        // Without it the last piece of a request waits for an acknowledgement (40 ms).
        tcp.set_nodelay(true).map_err(|_| SendFailure::Connect)?;
        if !base.tls {
            return self.start(TokioIo::new(tcp)).await;
        }
        let name = ServerName::try_from(base.host.clone()).map_err(|_| SendFailure::Connect)?;
        let connector = self.tls.get_or_init(tls_connector);
        let tls = connector.connect(name, tcp).await.map_err(|_| SendFailure::Connect)?;
        self.start(TokioIo::new(tls)).await
    }

    async fn start<T>(&self, io: T) -> Result<Sender, SendFailure>
    where
        T: Read + Write + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_BUFFER_BYTES)
            .handshake(io)
            .await
            .map_err(|_| SendFailure::Connect)?;
        self.tasks.spawn(async move {
            // A broken connection shows up as a failed request or a cut body.
            let _ = connection.await;
        });
        Ok(sender)
    }
}

fn tls_connector() -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::DEFAULT_VERSIONS);
    #[expect(clippy::expect_used, reason = "ring implements the default protocol versions")]
    let builder = builder.expect("ring implements TLS 1.2 and 1.3");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsConnector::from(Arc::new(config))
}
