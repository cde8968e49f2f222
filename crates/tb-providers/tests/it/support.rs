//! A request through a dialect, the simulated provider, and back.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tb_api::json::Document;
use tb_api::sse::SseEvent;
use tb_core::{Secret, Surface};
use tb_providers::simulated::{Ending, Script, SimulatedSettings, Turn, play};
use tb_providers::{
    AnswerFacts, AnswerShape, BaseUrl, Call, CallBody, DialectName, EncodeError, Endpoint, Quirks,
    UpstreamError, WireRequest, dialect,
};

pub(crate) const KEY: &str = "sk-upstream-canary-0123456789";

pub(crate) fn document(json: &str) -> Document {
    Document::parse(Bytes::copy_from_slice(json.as_bytes())).unwrap()
}

pub(crate) struct Sent<'a> {
    pub(crate) surface: Surface,
    pub(crate) stream: bool,
    pub(crate) body: CallBody<'a>,
    pub(crate) quirks: Quirks,
    pub(crate) headers: HeaderMap,
    pub(crate) response_id: Option<&'a str>,
}

impl<'a> Sent<'a> {
    pub(crate) fn new(surface: Surface, body: CallBody<'a>) -> Self {
        Self {
            surface,
            stream: false,
            body,
            quirks: Quirks::default(),
            headers: HeaderMap::new(),
            response_id: None,
        }
    }

    pub(crate) fn encode(&self) -> Result<WireRequest, EncodeError> {
        let base_url = BaseUrl::parse("https://api.example.com/v1").unwrap();
        let key = Secret::new(KEY.to_owned());
        let endpoint = Endpoint {
            base_url: &base_url,
            api_key: Some(&key),
            quirks: &self.quirks,
            zero_retention: false,
        };
        let call = Call {
            surface: self.surface,
            model: "upstream-model",
            stream: self.stream,
            body: self.body,
            headers: &self.headers,
            response_id: self.response_id,
        };
        dialect(DialectName::OpenAi).encode(&call, &endpoint)
    }
}

/// The wire request for a JSON body.
pub(crate) fn wire(surface: Surface, json: &str) -> WireRequest {
    let document = document(json);
    let mut sent = Sent::new(surface, CallBody::Json(&document));
    sent.stream = json.contains(r#""stream":true"#);
    sent.encode().unwrap()
}

/// The first attempt, with dice that few shares reach.
pub(crate) const TURN: Turn = Turn { roll: 0.99, id: 7, attempt: 1 };

pub(crate) fn played(surface: Surface, json: &str) -> Script {
    play(&SimulatedSettings::default(), &wire(surface, json), TURN)
}

/// The bytes of a script that ends properly and at once.
pub(crate) fn body(script: &Script) -> Bytes {
    assert_eq!(script.ending, Ending::Clean);
    assert!(script.pieces.iter().all(|(pause, _)| *pause == Duration::ZERO));
    Bytes::from(script.pieces.iter().flat_map(|(_, piece)| piece.to_vec()).collect::<Vec<u8>>())
}

pub(crate) fn shape(surface: Surface, stream_usage: bool) -> AnswerShape {
    AnswerShape { surface, stream_usage, base64_embeddings: false, created: 0 }
}

pub(crate) struct Streamed {
    pub(crate) events: Vec<SseEvent>,
    pub(crate) outcome: Result<(), UpstreamError>,
    pub(crate) facts: AnswerFacts,
}

impl Streamed {
    pub(crate) fn data(&self) -> Vec<&str> {
        self.events.iter().map(|event| std::str::from_utf8(&event.data).unwrap()).collect()
    }
}

/// Feeds the pieces to a decoder of the `openai` dialect.
pub(crate) fn streamed(shape: AnswerShape, pieces: &[Bytes]) -> Streamed {
    let mut decoder = dialect(DialectName::OpenAi).stream(shape, "named");
    let mut events = Vec::new();
    let mut outcome = Ok(());
    for piece in pieces {
        outcome = decoder.push(piece, &mut events);
        if outcome.is_err() {
            break;
        }
    }
    if outcome.is_ok() {
        outcome = decoder.finish(&mut events);
    }
    Streamed { events, outcome, facts: decoder.facts().clone() }
}
