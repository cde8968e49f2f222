//! Stage 2: the body is indexed once, and what the gateway needs of it is read. No network.

mod prompt;
mod unsupported;

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use tb_api::json::{Document, JsonError, Kind};
use tb_api::multipart::{Form, MultipartError};
use tb_core::{ModelName, Surface};
use tb_guard::CharacterCounts;
use tb_providers::CallBody;

pub(crate) use self::prompt::PromptNote;
pub use self::prompt::clean_variable;
use super::admit::Admitted;
use crate::engine::Engine;
use crate::estimate;
use crate::guarded::is_sensitive;
use crate::refusal::Refusal;
use crate::request::RequestHead;
use crate::runtime::RunningModel;
use crate::settlement::Settlement;

/// A request that is understood.
#[derive(Debug)]
pub(crate) struct Composed {
    pub(crate) admitted: Admitted,
    pub(crate) body: Body,
    /// The model, but for routes that name a stored response.
    pub(crate) model: Option<Arc<RunningModel>>,
    pub(crate) stream: bool,
    /// The client asked for usage in the stream.
    pub(crate) stream_usage: bool,
    /// The client asked for embeddings in base64.
    pub(crate) base64_embeddings: bool,
    /// `previous_response_id`, which ties the request to the provider that keeps it.
    pub(crate) previous_response_id: Option<String>,
    /// The estimate of what it sends.
    pub(crate) input_tokens: u64,
    /// What was taken out of the variables of its prompt.
    pub(crate) characters: CharacterCounts,
}

/// A body, indexed. A clone shares its bytes.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Empty,
    Json(Document),
    Form(Form, String),
}

impl Body {
    /// How many bytes it has.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Json(document) => document.bytes().len(),
            Self::Form(form, _) => form.body().len(),
        }
    }

    /// The body as dialects take it.
    pub(crate) fn as_call(&self) -> CallBody<'_> {
        match self {
            Self::Empty => CallBody::Empty,
            Self::Json(document) => CallBody::Json(document),
            Self::Form(form, content_type) => CallBody::Form(form, content_type),
        }
    }
}

/// Indexes the body, puts a prompt in its place and finds the model.
pub(crate) fn compose(
    engine: &Engine,
    head: &RequestHead,
    admitted: Admitted,
    bytes: Bytes,
    settlement: &mut Settlement,
) -> Result<Composed, Refusal> {
    let body = (head.surface, index(head, bytes)?);
    let prompt::Filled { body, characters } = prompt::fill(engine, body, &admitted, settlement)?;
    let wishes = Wishes::read(head.surface, &body)?;
    if let (Surface::Responses, Body::Json(document)) = (head.surface, &body) {
        unsupported::check_responses(document)?;
    }
    let row = settlement.row();
    row.stream = wishes.stream;
    if row.user.is_none()
        && let Some(user) = &wishes.user
    {
        settlement.note_user(user, &admitted.service.guard);
    }
    let names_model = !matches!(
        head.surface,
        Surface::ResponsesGet | Surface::ResponsesDelete | Surface::ResponsesCancel
    );
    let model = if names_model { Some(find_model(&admitted, &body, settlement)?) } else { None };
    let input_tokens = estimate::input_tokens(head.surface, &body);
    settlement.expect_input_tokens(input_tokens);
    Ok(Composed {
        admitted,
        body,
        model,
        stream: wishes.stream,
        stream_usage: wishes.stream_usage,
        base64_embeddings: wishes.base64_embeddings,
        previous_response_id: wishes.previous_response_id,
        input_tokens,
        characters,
    })
}

/// What the body asks of the gateway.
#[derive(Default)]
struct Wishes {
    stream: bool,
    stream_usage: bool,
    base64_embeddings: bool,
    user: Option<String>,
    previous_response_id: Option<String>,
}

impl Wishes {
    fn read(surface: Surface, body: &Body) -> Result<Self, Refusal> {
        let document = match body {
            Body::Json(document) => document,
            Body::Form(form, _) => {
                let stream = form.text("stream") == Some("true");
                return Ok(Self { stream, ..Self::default() });
            }
            Body::Empty => return Ok(Self::default()),
        };
        let stream = match document.get("stream") {
            None => false,
            Some(value) if value.kind == Kind::Null => false,
            Some(value) => value.as_bool().ok_or_else(|| wrong("stream", "a boolean"))?,
        };
        // Speech has a word of its own for it.
        let stream = stream
            || (surface == Surface::AudioSpeech
                && text(document, "stream_format").as_deref() == Some("sse"));
        let stream_usage = document
            .get("stream_options")
            .and_then(|options| options.get("include_usage"))
            .and_then(|value| value.as_bool())
            .unwrap_or(false);
        let base64_embeddings = text(document, "encoding_format").as_deref() == Some("base64");
        let user =
            text(document, "user").or_else(|| document.get("metadata")?.get("user_id")?.as_str());
        Ok(Self {
            stream,
            stream_usage,
            base64_embeddings,
            user: user.map(Cow::into_owned),
            previous_response_id: text(document, "previous_response_id").map(Cow::into_owned),
        })
    }
}

fn text<'d>(document: &'d Document, key: &str) -> Option<Cow<'d, str>> {
    document.get(key)?.as_str()
}

fn wrong(param: &str, right: &str) -> Refusal {
    Refusal::caller(400, "invalid_request", param, format!("`{param}` must be {right}."))
}

fn index(head: &RequestHead, bytes: Bytes) -> Result<Body, Refusal> {
    let surface = head.surface;
    if matches!(
        surface,
        Surface::ResponsesGet | Surface::ResponsesDelete | Surface::ResponsesCancel
    ) {
        return Ok(Body::Empty);
    }
    let content_type =
        head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let takes_form = matches!(
        surface,
        Surface::ImagesEdits
            | Surface::ImagesVariations
            | Surface::AudioTranscriptions
            | Surface::AudioTranslations
    );
    if takes_form && content_type.starts_with("multipart/form-data") {
        let form = Form::parse(content_type, bytes).map_err(|error| invalid_form(&error))?;
        return Ok(Body::Form(form, content_type.to_owned()));
    }
    Document::parse(bytes).map(Body::Json).map_err(|error| invalid_json(&error))
}

fn invalid_json(error: &JsonError) -> Refusal {
    Refusal::caller(400, "invalid_json", "", format!("The request body is not valid: {error}."))
}

fn invalid_form(error: &MultipartError) -> Refusal {
    Refusal::caller(400, "invalid_form", "", error.to_string())
}

/// The model that the body names. A name that the configuration does not know never reaches
/// a metric or a row.
fn find_model(
    admitted: &Admitted,
    body: &Body,
    settlement: &mut Settlement,
) -> Result<Arc<RunningModel>, Refusal> {
    let name = match body {
        Body::Json(document) => text(document, "model"),
        Body::Form(form, _) => form.text("model").map(Cow::Borrowed),
        Body::Empty => None,
    };
    let name = name.filter(|name| !name.is_empty()).ok_or_else(|| {
        Refusal::caller(
            400,
            "invalid_request",
            "model",
            "You must provide a `model` parameter (a string).".to_owned(),
        )
    })?;
    let Some(model) = admitted.runtime.model(&name) else {
        return Err(Refusal::caller(
            404,
            "model_not_found",
            "model",
            "There is no such model here. `GET /v1/models` lists those that this key may call."
                .to_owned(),
        ));
    };
    if !admitted.may_call(&name) {
        return Err(Refusal::Policy {
            status: 403,
            code: "model_not_allowed",
            message: format!(
                "This key of the service `{}` may not call this model. `GET /v1/models` lists \
                 those that it may.",
                admitted.service.name
            ),
        });
    }
    settlement.check_pins(&model)?;
    if model.configured {
        settlement.row().model_requested = model.model.name.clone();
    } else if !is_sensitive(&admitted.service.guard, || {
        admitted.runtime.snapshot.guard.guard.scan_structured(&name)
    }) {
        settlement.row().model_requested = ModelName::from(name.as_ref());
    }
    Ok(model)
}
