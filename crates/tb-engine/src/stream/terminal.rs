//! How the public stream shapes, and the Responses API's objects, say that they are over.

use bytes::Bytes;
use tb_api::json::{Document, Value};
use tb_api::sse::SseEvent;
use tb_providers::UpstreamError;
use tb_providers::error::from_stream;

/// The end that an answer itself tells.
#[derive(Debug)]
pub(crate) enum Terminal {
    /// All of it came, be it cut at a limit of tokens.
    Complete,
    /// The provider failed and says so in a proper answer, which the client gets as it is.
    Failed(Box<UpstreamError>),
}

/// Whether an event is the last one of a stream of chunks or of messages.
pub(crate) fn is_terminal(event: &SseEvent) -> bool {
    match event.event.as_deref() {
        None => event.data.as_ref() == b"[DONE]",
        Some(name) => name == b"message_stop",
    }
}

/// What the last event of a Responses stream says; some servers leave its name to its data.
pub(crate) fn of_response_event(event: &SseEvent) -> Terminal {
    match event.event.as_deref() {
        Some(name) if name != b"response.failed" => Terminal::Complete,
        _ => of_document(&event.data, |root| {
            (root.get("type")?.as_str()? == "response.failed").then(|| root.get("response"))?
        }),
    }
}

/// What a whole answer of the Responses API says. The word is looked for first: nearly all
/// answers are without it, and reading one again costs more.
pub(crate) fn of_response(body: &Bytes) -> Terminal {
    const WORD: &[u8] = b"\"failed\"";
    if memchr::memmem::find(body, WORD).is_none() {
        return Terminal::Complete;
    }
    let Ok(document) = Document::parse(body.clone()) else {
        return Terminal::Complete;
    };
    let failed = document.get("status").and_then(|status| status.as_str());
    if failed.as_deref() == Some("failed") {
        return Terminal::Failed(failure(document.get("error")));
    }
    Terminal::Complete
}

fn of_document(
    data: &Bytes,
    response: impl for<'d> Fn(&'d Document) -> Option<Value<'d>>,
) -> Terminal {
    let Ok(document) = Document::parse(data.clone()) else {
        return Terminal::Complete;
    };
    match response(&document) {
        Some(response) => Terminal::Failed(failure(response.get("error"))),
        None => Terminal::Complete,
    }
}

fn failure(error: Option<Value<'_>>) -> Box<UpstreamError> {
    Box::new(from_stream(error.map_or(b"{}", |error| error.raw)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: &str = r#"{"type":"response.failed","response":{"id":"r","status":"failed","error":{"code":"rate_limit_exceeded","message":"slow"}}}"#;

    fn code(terminal: &Terminal) -> Option<&str> {
        match terminal {
            Terminal::Complete => None,
            Terminal::Failed(error) => error.code.as_deref(),
        }
    }

    #[test]
    fn a_failed_response_is_told_from_one_that_ended() {
        let data = Bytes::from_static(FAILED.as_bytes());
        let named = SseEvent::named("response.failed", data.clone());
        assert_eq!(code(&of_response_event(&named)), Some("rate_limit_exceeded"));
        assert_eq!(code(&of_response_event(&SseEvent::data(data))), Some("rate_limit_exceeded"));
        for kind in ["response.completed", "response.incomplete"] {
            let data = Bytes::from(FAILED.replace("response.failed", kind));
            assert!(matches!(of_response_event(&SseEvent::data(data)), Terminal::Complete));
        }
    }

    #[test]
    fn a_whole_answer_fails_by_its_status_only() {
        let failed = r#"{"status": "failed","error":{"code":"server_error","message":"m"}}"#;
        assert_eq!(
            code(&of_response(&Bytes::from_static(failed.as_bytes()))),
            Some("server_error")
        );
        let talk = r#"{"status":"completed","output":[{"status":"failed"}]}"#;
        assert!(matches!(of_response(&Bytes::from_static(talk.as_bytes())), Terminal::Complete));
    }
}
