use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{Fault, FaultPlan, FaultProxy, Proxied};
use crate::{FakeProvider, FakeReply, TestRequest, TestResponse};

const JSON: &str = r#"{"id":"a","text":"forty bytes of an answer, or some"}"#;
const EVENTS: [&str; 5] = ["one", "two", "three", "four", "[DONE]"];

/// A proxy with this fault for its first request, before a provider of one answer.
struct Scene {
    provider: FakeProvider,
    proxy: FaultProxy,
}

impl Scene {
    fn new(fault: Fault) -> Self {
        Self::with(fault, FakeReply::json(200, JSON))
    }

    fn with(fault: Fault, reply: FakeReply) -> Self {
        let provider = FakeProvider::start(move |_| reply.clone());
        let proxy = FaultProxy::start(provider.address(), FaultPlan::script([fault]));
        Self { provider, proxy }
    }

    fn streaming(fault: Fault) -> Self {
        Self::with(fault, FakeReply::events(&EVENTS))
    }

    /// The bytes that come before the connection ends, and whether it was reset.
    fn ask(&self) -> (Vec<u8>, bool) {
        let mut stream = TestRequest::post("/v1/x", "question").start(self.proxy.address());
        read(&mut stream)
    }

    fn answer(&self) -> TestResponse {
        TestResponse::parse(&self.ask().0)
    }

    fn record(&self) -> Proxied {
        self.proxy.records().remove(0)
    }
}

fn read(stream: &mut TcpStream) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let outcome = stream.read_to_end(&mut bytes);
    let reset = outcome.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
    (bytes, reset)
}

#[test]
fn passes_on_what_the_upstream_says_and_records_it() {
    let scene = Scene::new(Fault::Pass);
    let answer = scene.answer();
    assert_eq!((answer.status, answer.text().as_str(), answer.complete), (200, JSON, true));
    let record = scene.record();
    assert_eq!((record.fault, record.connection, record.finished), (Fault::Pass, 0, true));
    assert_eq!(
        (record.request.body.as_slice(), record.sent_bytes),
        (b"question".as_slice(), record.upstream_bytes)
    );
    let asked = scene.provider.requests().remove(0);
    assert_eq!(
        (asked.request_line.as_str(), asked.body.as_slice()),
        ("POST /v1/x", b"question".as_slice())
    );
    let streamed = Scene::streaming(Fault::Latency(Duration::from_millis(1))).answer();
    assert_eq!((streamed.text().matches("data: ").count(), streamed.complete), (5, true));
}

#[test]
fn serves_one_connection_again_and_again() {
    let scene = Scene::new(Fault::Status(500));
    let mut stream = TcpStream::connect(scene.proxy.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    for expected in [500, 200] {
        stream.write_all(b"POST /a HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi").unwrap();
        let mut bytes = vec![0; 1];
        while bytes.len() == 1 || !TestResponse::parse(&bytes[1..]).complete {
            stream.read_exact(&mut bytes[..1]).unwrap();
            bytes.push(bytes[0]);
            while !bytes[1..].windows(4).any(|window| window == b"\r\n\r\n") {
                stream.read_exact(&mut bytes[..1]).unwrap();
                bytes.push(bytes[0]);
            }
        }
        assert_eq!(TestResponse::parse(&bytes[1..]).status, expected);
    }
    let connections: Vec<usize> = scene.proxy.records().iter().map(|r| r.connection).collect();
    assert_eq!(connections, [0, 0]);
}

#[test]
fn resets_where_it_is_told_to() {
    let (bytes, reset) = Scene::new(Fault::ResetBeforeHead).ask();
    assert!(bytes.is_empty() && reset);
    let (bytes, reset) = Scene::new(Fault::ResetAfterHead).ask();
    assert!(bytes.ends_with(b"\r\n\r\n") && reset);
    let (bytes, reset) = Scene::streaming(Fault::ResetInBody).ask();
    let text = String::from_utf8(bytes).unwrap();
    assert!(reset && text.contains("data: one\n\n") && !text.contains("[DONE]"), "{text}");
}

#[test]
fn half_open_peers_say_nothing_and_hold_the_connection() {
    for fault in [Fault::NeverAnswers, Fault::StopsReading] {
        let asks = fault.asks_upstream();
        let scene = Scene::new(fault);
        let mut stream = TestRequest::post("/v1/x", "question").start(scene.proxy.address());
        stream.set_read_timeout(Some(Duration::from_millis(30))).unwrap();
        let error = stream.read(&mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
        assert!(!asks && scene.provider.requests().is_empty());
        assert_eq!(scene.record().sent_bytes, 0);
    }
}

#[test]
fn a_stall_keeps_the_connection_in_the_middle() {
    let scene = Scene::streaming(Fault::Stall);
    let mut stream = TestRequest::post("/v1/x", "").start(scene.proxy.address());
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut bytes = Vec::new();
    let error = stream.read_to_end(&mut bytes).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("data: two\n\n") && !text.contains("[DONE]"), "{text}");
}

#[test]
fn dripped_answers_are_whole() {
    let drip = Fault::Drip { bytes: 3, pause: Duration::ZERO };
    assert!(drip.is_harmless());
    let answer = Scene::new(drip.clone()).answer();
    assert_eq!((answer.text().as_str(), answer.complete), (JSON, true));
    assert!(Scene::streaming(drip).answer().text().ends_with("data: [DONE]\n\n"));
}

#[test]
fn truncated_answers_look_complete() {
    let answer = Scene::streaming(Fault::Truncated).answer();
    assert!(answer.complete && answer.text().ends_with("\n\n"), "{}", answer.text());
    assert!(!answer.text().contains("[DONE]"));
    let answer = Scene::new(Fault::Truncated).answer();
    assert!(answer.complete && JSON.starts_with(&answer.text()) && answer.body.len() < JSON.len());
}

#[test]
fn garbage_is_no_answer() {
    let (bytes, _) = Scene::new(Fault::Garbage).ask();
    assert!(!bytes.is_empty() && !bytes.starts_with(b"HTTP"));
    let answer = Scene::new(Fault::GarbageBody).answer();
    assert_eq!((answer.status, answer.complete), (200, true));
    assert!(serde_json::from_slice::<serde_json::Value>(&answer.body).is_err());
}

#[test]
fn throttles_with_a_wait() {
    let scene = Scene::new(Fault::Throttled(Duration::from_millis(70)));
    let answer = scene.answer();
    assert_eq!((answer.status, answer.header("retry-after-ms")), (429, Some("70")));
    assert!(scene.provider.requests().is_empty());
}

#[test]
fn lengths_are_wrong_in_both_directions() {
    let answer = Scene::new(Fault::LengthTooLong).answer();
    assert_eq!((answer.text().as_str(), answer.complete), (JSON, false));
    let scene = Scene::new(Fault::LengthTooShort);
    let mut stream = TestRequest::post("/v1/x", "").start(scene.proxy.address());
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let answer = TestResponse::parse(&bytes);
    let promised: usize = answer.header("content-length").unwrap().parse().unwrap();
    assert!(promised < answer.body.len(), "{promised}");
}

#[test]
fn a_chunk_comes_twice() {
    let text = Scene::streaming(Fault::DuplicatedChunk).answer().text();
    assert_eq!(text.matches("data: ").count(), 6, "{text}");
    let answer = Scene::new(Fault::DuplicatedChunk).answer();
    assert!(answer.complete && answer.body.len() > JSON.len());
}

#[test]
fn a_seed_gives_the_same_plan_again() {
    let drawn = |seed| {
        let mut plan = FaultPlan::seeded(seed, 700);
        (0..200).map(|_| plan.draw()).collect::<Vec<_>>()
    };
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7), drawn(8));
    let harmed = drawn(7).iter().filter(|fault| **fault != Fault::Pass).count();
    assert!((120..180).contains(&harmed), "{harmed}");
    let mut none = FaultPlan::seeded(1, 0);
    assert!((0..100).all(|_| none.draw() == Fault::Pass));
}

#[test]
fn a_new_plan_begins_a_new_record() {
    let scene = Scene::new(Fault::Status(503));
    assert_eq!(scene.answer().status, 503);
    scene.proxy.set_plan(FaultPlan::none());
    assert!(scene.proxy.records().is_empty());
    assert_eq!((scene.answer().status, scene.proxy.records().len()), (200, 1));
}
