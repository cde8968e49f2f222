//! The public routes, by what a client asks on them.

use serde::{Deserialize, Serialize};

/// One public route. Its [`Surface::label`] is the `route` label of metrics and usage rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Surface {
    /// `POST /v1/chat/completions`
    ChatCompletions,
    /// `POST /v1/completions`
    Completions,
    /// `POST /v1/responses`
    Responses,
    /// `GET /v1/responses/{id}`
    ResponsesGet,
    /// `DELETE /v1/responses/{id}`
    ResponsesDelete,
    /// `POST /v1/responses/{id}/cancel`
    ResponsesCancel,
    /// `POST /v1/embeddings`
    Embeddings,
    /// `POST /v1/moderations`
    Moderations,
    /// `POST /v1/images/generations`
    ImagesGenerations,
    /// `POST /v1/images/edits`
    ImagesEdits,
    /// `POST /v1/images/variations`
    ImagesVariations,
    /// `POST /v1/audio/speech`
    AudioSpeech,
    /// `POST /v1/audio/transcriptions`
    AudioTranscriptions,
    /// `POST /v1/audio/translations`
    AudioTranslations,
    /// `POST /v1/messages` (Anthropic's shape)
    Messages,
    /// `POST /v1/messages/count_tokens` (Anthropic's shape)
    CountTokens,
    /// `GET /v1/models` and `GET /v1/models/{id}`
    Models,
}

impl Surface {
    /// Every surface, for tables and metrics.
    pub const ALL: [Self; 17] = [
        Self::ChatCompletions,
        Self::Completions,
        Self::Responses,
        Self::ResponsesGet,
        Self::ResponsesDelete,
        Self::ResponsesCancel,
        Self::Embeddings,
        Self::Moderations,
        Self::ImagesGenerations,
        Self::ImagesEdits,
        Self::ImagesVariations,
        Self::AudioSpeech,
        Self::AudioTranscriptions,
        Self::AudioTranslations,
        Self::Messages,
        Self::CountTokens,
        Self::Models,
    ];

    /// The word for this route in metrics, usage rows and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Completions => "completions",
            Self::Responses => "responses",
            Self::ResponsesGet => "responses_get",
            Self::ResponsesDelete => "responses_delete",
            Self::ResponsesCancel => "responses_cancel",
            Self::Embeddings => "embeddings",
            Self::Moderations => "moderations",
            Self::ImagesGenerations => "images_generations",
            Self::ImagesEdits => "images_edits",
            Self::ImagesVariations => "images_variations",
            Self::AudioSpeech => "audio_speech",
            Self::AudioTranscriptions => "audio_transcriptions",
            Self::AudioTranslations => "audio_translations",
            Self::Messages => "messages",
            Self::CountTokens => "count_tokens",
            Self::Models => "models",
        }
    }

    /// The route of that label.
    #[must_use]
    pub fn of_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|surface| surface.label() == label)
    }

    /// The path below `/v1` as OpenAI-compatible vendors serve it; for Anthropic's two routes
    /// the path below `/v1` of Anthropic. Routes with an id give the part before the id.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/chat/completions",
            Self::Completions => "/completions",
            Self::Responses
            | Self::ResponsesGet
            | Self::ResponsesDelete
            | Self::ResponsesCancel => "/responses",
            Self::Embeddings => "/embeddings",
            Self::Moderations => "/moderations",
            Self::ImagesGenerations => "/images/generations",
            Self::ImagesEdits => "/images/edits",
            Self::ImagesVariations => "/images/variations",
            Self::AudioSpeech => "/audio/speech",
            Self::AudioTranscriptions => "/audio/transcriptions",
            Self::AudioTranslations => "/audio/translations",
            Self::Messages => "/messages",
            Self::CountTokens => "/messages/count_tokens",
            Self::Models => "/models",
        }
    }

    /// Whether the client speaks Anthropic's shapes here (errors and streams included).
    #[must_use]
    pub const fn is_anthropic(self) -> bool {
        matches!(self, Self::Messages | Self::CountTokens)
    }
}
