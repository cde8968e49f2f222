//! Paths and methods of the public API. What is not here is 404, never forwarded.

use http::Method;
use tb_core::Surface;

/// What a path and method mean.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// A route, with the id in its path.
    Found(Surface, Option<String>),
    /// The path is known, the method is another.
    WrongMethod(Method),
    /// Nothing.
    Unknown,
}

/// The longest id in a path.
const MAX_ID_BYTES: usize = 256;

/// Finds the route of a request.
pub(super) fn find(method: &Method, path: &str) -> Route {
    let Some(rest) = path.strip_prefix("/v1/") else {
        return Route::Unknown;
    };
    if let Some(surface) = posted(rest) {
        return require(method, &Method::POST, surface, None);
    }
    if rest == "models" {
        return require(method, &Method::GET, Surface::Models, None);
    }
    if let Some(id) = rest.strip_prefix("models/") {
        return match id_of(id, b"-_.:/@") {
            Some(id) => require(method, &Method::GET, Surface::Models, Some(id)),
            None => Route::Unknown,
        };
    }
    rest.strip_prefix("responses/").map_or(Route::Unknown, |rest| response(method, rest))
}

fn posted(rest: &str) -> Option<Surface> {
    Some(match rest {
        "chat/completions" => Surface::ChatCompletions,
        "completions" => Surface::Completions,
        "responses" => Surface::Responses,
        "embeddings" => Surface::Embeddings,
        "moderations" => Surface::Moderations,
        "images/generations" => Surface::ImagesGenerations,
        "images/edits" => Surface::ImagesEdits,
        "images/variations" => Surface::ImagesVariations,
        "audio/speech" => Surface::AudioSpeech,
        "audio/transcriptions" => Surface::AudioTranscriptions,
        "audio/translations" => Surface::AudioTranslations,
        "messages" => Surface::Messages,
        "messages/count_tokens" => Surface::CountTokens,
        _ => return None,
    })
}

fn response(method: &Method, rest: &str) -> Route {
    if let Some(id) = rest.strip_suffix("/cancel") {
        return match id_of(id, b"-_") {
            Some(id) => require(method, &Method::POST, Surface::ResponsesCancel, Some(id)),
            None => Route::Unknown,
        };
    }
    match (id_of(rest, b"-_"), method) {
        (Some(id), &Method::GET) => Route::Found(Surface::ResponsesGet, Some(id)),
        (Some(id), &Method::DELETE) => Route::Found(Surface::ResponsesDelete, Some(id)),
        (Some(_), _) => Route::WrongMethod(Method::GET),
        (None, _) => Route::Unknown,
    }
}

fn require(method: &Method, allowed: &Method, surface: Surface, id: Option<String>) -> Route {
    if method == allowed { Route::Found(surface, id) } else { Route::WrongMethod(allowed.clone()) }
}

/// An id of letters, digits and `more`; anything else (`..`, `%2e`, `;`) is no id.
fn id_of(text: &str, more: &[u8]) -> Option<String> {
    let fits = !text.is_empty()
        && text.len() <= MAX_ID_BYTES
        && !text.contains("..")
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte));
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_each_route_by_its_method() {
        let found = find(&Method::POST, "/v1/chat/completions");
        assert_eq!(found, Route::Found(Surface::ChatCompletions, None));
        let found = find(&Method::DELETE, "/v1/responses/resp_1");
        assert_eq!(found, Route::Found(Surface::ResponsesDelete, Some("resp_1".to_owned())));
        let found = find(&Method::GET, "/v1/models/openai/gpt:4");
        assert_eq!(found, Route::Found(Surface::Models, Some("openai/gpt:4".to_owned())));
        let found = find(&Method::GET, "/v1/chat/completions");
        assert_eq!(found, Route::WrongMethod(Method::POST));
    }

    #[test]
    fn refuses_what_only_looks_like_a_route() {
        for path in [
            "/v1/chat/completions/",
            "/v1//chat/completions",
            "/v1/responses/../admin",
            "/v1/responses/a%2f..%2fb",
            "/v1/responses/a;b",
            "/v1/models/..",
            "/admin/v1/keys",
            "/metrics",
            "/",
            "",
        ] {
            assert_eq!(find(&Method::POST, path), Route::Unknown, "{path}");
        }
    }
}
