//! TLS on the public address, with and without certificates of clients. The certificates were
//! made for these tests alone.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use tb_config::{FixedEnvironment, TlsSettings};
use tb_core::Secret;
use tb_server::public::{Tls, TlsFault};
use tb_testkit::{TestApp, TestResponse};

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../fixtures/tls/", $name))
    };
}

const CA: &str = fixture!("ca.pem");
const SERVER: Pair = (fixture!("server.pem"), fixture!("server.key"));
const RENEWED: Pair = (fixture!("renewed.pem"), fixture!("renewed.key"));
const BOT: Pair = (fixture!("bot.pem"), fixture!("bot.key"));
const TWO_NAMES: Pair = (fixture!("two_names.pem"), fixture!("two_names.key"));
const UNLISTED: Pair = (fixture!("unlisted.pem"), fixture!("unlisted.key"));
const STRANGER: Pair = (fixture!("stranger.pem"), fixture!("stranger.key"));

const BOT_ID: &str = "spiffe://test.example/ns/web/bot";

/// Certificate and private key.
type Pair = (&'static str, &'static str);

const CONFIG: &str = r#"
    [server]
    max_body = "1KiB"
    [server.tls]
    certificate = "server.pem"
    key = "server.key"
    client_ca = "ca.pem"
    [providers.a]
    dialect = "simulated"
    [models.m]
    targets = [{ provider = "a", model = "x" }]
    [services.default]
    purposes = ["a"]
    [services.web]
    purposes = ["b"]
    workloads = ["spiffe://test.example/ns/web/*"]
"#;

fn environment((certificate, key): Pair) -> FixedEnvironment {
    FixedEnvironment::default()
        .with_file("/nonexistent/server.pem", certificate)
        .with_file("/nonexistent/server.key", key)
        .with_file("/nonexistent/ca.pem", CA)
}

fn app() -> TestApp {
    TestApp::start_in(CONFIG, &environment(SERVER))
}

fn chain(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect()
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

fn connect_by(
    app: &TestApp,
    client: Option<Pair>,
    versions: &[&'static SupportedProtocolVersion],
) -> Stream {
    let mut roots = RootCertStore::empty();
    roots.add(chain(CA).remove(0)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match client {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            config.with_client_auth_cert(chain(certificate), key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let tcp = TcpStream::connect(app.address).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    StreamOwned::new(connection, tcp)
}

fn connect(app: &TestApp, client: Option<Pair>) -> Stream {
    connect_by(app, client, rustls::DEFAULT_VERSIONS)
}

fn chat(headers: &[(&str, &str)], prompt: &str) -> String {
    let body = format!(
        "{{\"model\":\"m\",\"messages\":[{{\"role\":\"user\",\"content\":\"{prompt}\"}}]}}"
    );
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\n{headers}content-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )
}

fn send(mut stream: Stream, request: &str) -> TestResponse {
    // A refusal may come before all of it is sent.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    TestResponse::parse(&answer)
}

fn ask(app: &TestApp, client: Option<Pair>, headers: &[(&str, &str)]) -> TestResponse {
    send(connect(app, client), &chat(headers, "hello"))
}

#[test]
fn a_client_certificate_stands_in_for_a_key() {
    let app = app();
    let response = ask(&app, Some(BOT), &[]);
    assert_eq!(response.status, 200, "{}", response.text());
    let row = app.rows(&response).pop().unwrap();
    assert_eq!((row.service.as_str(), row.purpose.as_str()), ("web", "b"));
    assert_eq!((row.key_id, row.workload.as_deref()), (None, Some(BOT_ID)));

    let response = ask(&app, Some(UNLISTED), &[]);
    assert_eq!((response.status, response.error_code().as_str()), (403, "workload_not_allowed"));
    for nobody in [None, Some(TWO_NAMES)] {
        let response = ask(&app, nobody, &[]);
        assert_eq!((response.status, response.error_code().as_str()), (401, "invalid_api_key"));
    }
}

#[test]
fn a_key_decides_and_the_workload_is_written_down_beside_it() {
    let app = app();
    let key = format!("Bearer {}", app.key);
    for (client, workload) in [(Some(BOT), Some(BOT_ID)), (None, None)] {
        let response = ask(&app, client, &[("authorization", &key)]);
        assert_eq!(response.status, 200, "{}", response.text());
        let row = app.rows(&response).pop().unwrap();
        assert_eq!((row.service.as_str(), row.key_id.is_some()), ("default", true));
        assert_eq!(row.workload.as_deref(), workload);
    }
    let response = ask(&app, Some(BOT), &[("authorization", "Bearer tb_live_wrong")]);
    assert_eq!((response.status, response.error_code().as_str()), (401, "invalid_api_key"));
}

#[test]
fn certificates_in_headers_are_nobodys() {
    let app = app();
    let xfcc = format!("By=spiffe://test.example/gw;URI={BOT_ID}");
    let pem = BOT.0.replace('\n', "%0A");
    for (name, value) in [
        ("x-forwarded-client-cert", xfcc.as_str()),
        ("x-client-cert", &pem),
        ("client-cert", &pem),
        ("x-ssl-client-cert", &pem),
        ("x-ssl-client-verify", "SUCCESS"),
        ("x-spiffe-id", BOT_ID),
        ("x-tollbar-workload", BOT_ID),
        ("authorization", BOT_ID),
    ] {
        let response = ask(&app, None, &[(name, value)]);
        let outcome = (response.status, response.error_code());
        assert_eq!(outcome, (401, "invalid_api_key".to_owned()), "{name}");
    }
}

#[test]
fn a_certificate_of_other_authorities_ends_the_handshake() {
    let app = app();
    let mut stream = connect(&app, Some(STRANGER));
    let _ = stream.write_all(chat(&[], "hello").as_bytes());
    let mut answer = Vec::new();
    assert!(stream.read_to_end(&mut answer).is_err());
    assert!(answer.is_empty());
    assert!(app.all_rows().is_empty());
}

#[test]
fn both_versions_of_tls_speak_http_1_1_and_nothing_is_said_in_clear() {
    let app = app();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut stream = connect_by(&app, Some(BOT), &[version]);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).unwrap();
        }
        assert_eq!(stream.conn.alpn_protocol(), Some(b"http/1.1".as_slice()));
        assert_eq!(send(stream, &chat(&[], "hello")).status, 200);
    }
    let mut plain = TcpStream::connect(app.address).unwrap();
    plain.write_all(chat(&[], "hello").as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn a_client_that_does_not_shake_hands_keeps_nobody_out() {
    let app = app();
    let silent: Vec<_> = (0..20).map(|_| TcpStream::connect(app.address).unwrap()).collect();
    assert_eq!(ask(&app, Some(BOT), &[]).status, 200);
    // They are still there when the gateway stops, which does not wait for them.
    drop(app);
    drop(silent);
}

#[test]
fn a_renewed_certificate_is_shown_to_new_connections_and_open_ones_stay() {
    let app = app();
    let shown = |stream: &Stream| stream.conn.peer_certificates().unwrap()[0].clone();
    let request = chat(&[], "hello").replace("connection: close\r\n", "");
    let mut open = connect(&app, Some(BOT));
    let first = |stream: &mut Stream| {
        stream.write_all(request.as_bytes()).unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).unwrap();
        String::from_utf8_lossy(&start).into_owned()
    };
    assert_eq!(first(&mut open), "HTTP/1.1 200");
    assert_eq!(shown(&open), chain(SERVER.0)[0]);
    app.reload(CONFIG, &environment(RENEWED));
    let mut fresh = connect(&app, Some(BOT));
    assert_eq!(first(&mut fresh), "HTTP/1.1 200");
    assert_eq!(shown(&fresh), chain(RENEWED.0)[0]);
    // The rest of the first answer, and then another one on the connection of before.
    open.write_all(chat(&[], "again").as_bytes()).unwrap();
    let mut answers = Vec::new();
    open.read_to_end(&mut answers).unwrap();
    let answers = String::from_utf8_lossy(&answers);
    assert!(answers.contains("HTTP/1.1 200") && answers.contains("again"), "{answers}");
}

#[test]
fn a_refused_client_that_sends_everything_first_still_sees_why() {
    let app = app();
    let response = send(connect(&app, Some(BOT)), &chat(&[], &"x".repeat(300_000)));
    assert_eq!((response.status, response.error_code().as_str()), (413, "request_too_large"));
}

#[test]
fn a_stream_passes_through_tls_to_its_end() {
    let app = app();
    let request =
        chat(&[], "hello").replace("{\"model\":\"m\",", "{\"stream\":true,\"model\":\"m\",");
    let length = request.split_once("\r\n\r\n").unwrap().1.len();
    let old = chat(&[], "hello").split_once("\r\n\r\n").unwrap().1.len();
    let request =
        request.replace(&format!("content-length: {old}"), &format!("content-length: {length}"));
    let response = send(connect(&app, Some(BOT)), &request);
    assert!(response.status == 200 && response.complete, "{}", response.text());
    assert!(response.text().trim_end().ends_with("data: [DONE]"), "{}", response.text());
}

#[test]
fn files_that_do_not_fit_are_refused_before_anything_is_switched() {
    let settings = |certificate: &str, key: &str, client_ca: Option<&str>| TlsSettings {
        certificate: certificate.into(),
        key: Secret::new(key.to_owned()),
        client_ca: client_ca.map(Into::into),
    };
    let fault = |settings| Tls::new(&settings).unwrap_err();
    assert!(matches!(fault(settings(SERVER.0, RENEWED.1, None)), TlsFault::Pair(_)));
    assert!(matches!(fault(settings("", SERVER.1, None)), TlsFault::Certificate(_)));
    assert!(matches!(fault(settings(SERVER.0, "", None)), TlsFault::Key));
    assert!(matches!(fault(settings(SERVER.0, SERVER.1, Some(""))), TlsFault::Authorities(_)));
    assert!(Tls::new(&settings(SERVER.0, SERVER.1, Some(CA))).is_ok());
}
