//! The member `prompt` of a request.

use serde_json::Map;
use tb_api::json::{Kind, Value};
use tb_core::prompt::Chosen;

use crate::refusal::Refusal;

/// Which prompt, and what it is filled with.
pub(super) struct Named {
    pub(super) id: String,
    version: Option<u32>,
    label: Option<String>,
    pub(super) variables: Map<String, serde_json::Value>,
}

impl Named {
    /// Reads `{"id", "version" | "label", "variables"}`. A version is a number or its digits, as
    /// stored prompts have it; a label is a word of its own member, so that neither is ever taken
    /// for the other.
    pub(super) fn read(prompt: &Value<'_>) -> Result<Self, Refusal> {
        if prompt.kind != Kind::Object {
            return Err(wrong("prompt", "an object with an `id`"));
        }
        let known = ["id", "version", "label", "variables"];
        if prompt.members().any(|(name, _)| !known.contains(&name.as_ref())) {
            return Err(wrong("prompt", "made of `id`, `version` or `label`, and `variables`"));
        }
        let member = |name| prompt.get(name).filter(|value| value.kind != Kind::Null);
        let id = member("id").and_then(|id| id.as_str()).filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| wrong("prompt.id", "the name of a prompt"))?.into_owned();
        let version = member("version").map(|version| {
            let number = match version.as_str() {
                Some(digits) => digits.parse().ok(),
                None => version.as_u64().and_then(|number| u32::try_from(number).ok()),
            };
            number.ok_or_else(|| {
                wrong(
                    "prompt.version",
                    "the number of a version; a label has its own member, `label`",
                )
            })
        });
        let label = member("label").map(|label| {
            let word = label.as_str().ok_or_else(|| wrong("prompt.label", "a string"))?;
            Ok::<_, Refusal>(word.into_owned())
        });
        let (version, label) = (version.transpose()?, label.transpose()?);
        if version.is_some() && label.is_some() {
            return Err(wrong("prompt", "with a `version` or a `label`, not both"));
        }
        let variables = match member("variables") {
            None => Map::new(),
            Some(variables) => serde_json::from_slice(variables.raw)
                .map_err(|_| wrong("prompt.variables", "an object"))?,
        };
        Ok(Self { id, version, label, variables })
    }

    pub(super) fn chosen(&self) -> Chosen<'_> {
        match (self.version, &self.label) {
            (Some(number), _) => Chosen::Number(number),
            (None, Some(label)) => Chosen::Label(label),
            (None, None) => Chosen::Usual,
        }
    }
}

fn wrong(param: &str, right: &str) -> Refusal {
    Refusal::caller(400, "invalid_request", param, format!("`{param}` must be {right}."))
}
