//! What a model can do, as far as it is known.
//!
//! The built-in table is `data/models.json`: models that answer in text, in the words of
//! [`Abilities`]; what it leaves out is unknown. It says that a model lacks an ability only where
//! its sources list what the model has.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// Abilities that a request may need. Unknown ones are taken to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abilities {
    /// Function calling.
    pub tools: Option<bool>,
    /// Answers that follow a JSON Schema.
    pub json_schema: Option<bool>,
    /// Images in the input.
    pub vision: Option<bool>,
    /// The longest input in tokens.
    pub context_tokens: Option<u64>,
}

impl Abilities {
    /// These, and those of `fallback` where nothing is known: what an operator states comes
    /// before what the built-in table says.
    #[must_use]
    pub fn or(self, fallback: Self) -> Self {
        Self {
            tools: self.tools.or(fallback.tools),
            json_schema: self.json_schema.or(fallback.json_schema),
            vision: self.vision.or(fallback.vision),
            context_tokens: self.context_tokens.or(fallback.context_tokens),
        }
    }
}

/// What Tollbar knows of a vendor's model: its own entry, else nothing. The vendor is named as
/// in the built-in price table, and as there nothing is guessed from similar names. The first
/// call reads the table, in a fraction of a millisecond.
#[must_use]
pub fn builtin(vendor: &str, model: &str) -> Abilities {
    BUILTIN.get(&(vendor, model)).copied().unwrap_or_default()
}

/// By vendor and model, both of them pieces of the file.
type Table = HashMap<(&'static str, &'static str), Abilities>;

static BUILTIN: LazyLock<Table> = LazyLock::new(|| {
    // A file that cannot be read leaves everything unknown; a test reads the committed one.
    read_table(include_str!("../data/models.json")).unwrap_or_default()
});

/// `data/models.json`, but for its version and sources, which are for its readers.
#[derive(Deserialize)]
struct ModelFile {
    #[serde(borrow)]
    models: HashMap<&'static str, Abilities>,
}

fn read_table(json: &'static str) -> Option<Table> {
    let file: ModelFile = serde_json::from_str(json).ok()?;
    // Cut at the first slash: model names may hold more of them.
    let cut =
        |(name, abilities): (&'static str, Abilities)| Some((name.split_once('/')?, abilities));
    file.models.into_iter().map(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_whole_built_in_table() {
        let table = read_table(include_str!("../data/models.json")).unwrap();
        assert!(table.len() > 200);
        for (name, abilities) in &table {
            assert_ne!(*abilities, Abilities::default(), "{name:?} says nothing");
            assert!(abilities.context_tokens.is_none_or(|tokens| tokens > 0), "{name:?}");
        }
    }

    #[test]
    fn knows_what_models_can_do() {
        let everything = |context_tokens| Abilities {
            tools: Some(true),
            json_schema: Some(true),
            vision: Some(true),
            context_tokens: Some(context_tokens),
        };
        assert_eq!(builtin("openai", "gpt-4o-mini-2024-07-18"), everything(128_000));
        assert_eq!(builtin("anthropic", "claude-haiku-4-5"), everything(200_000));
        assert_eq!(builtin("google", "gemini-2.5-pro"), everything(1_048_576));
        let text_only = builtin("openai", "o3-mini");
        assert_eq!((text_only.tools, text_only.vision), (Some(true), Some(false)));
        assert_eq!(builtin("openai", "gpt-4o-2024-05-13").json_schema, Some(false));
    }

    #[test]
    fn finds_models_with_slashes_in_their_names() {
        assert_eq!(builtin("groq", "openai/gpt-oss-120b").context_tokens, Some(131_072));
    }

    #[test]
    fn guesses_nothing_about_unknown_models() {
        assert_eq!(builtin("openai", "gpt-4o-mini-2024-07-19"), Abilities::default());
        assert_eq!(builtin("example", "gpt-4o-mini"), Abilities::default());
        assert_eq!(builtin("", ""), Abilities::default());
        // A context length alone says nothing of what the model lacks.
        let listed_without_abilities = builtin("cohere", "c4ai-aya-expanse-32b");
        assert_eq!(
            listed_without_abilities,
            Abilities { context_tokens: Some(128_000), ..Abilities::default() }
        );
    }

    #[test]
    fn prefers_its_own_fields_to_those_of_the_fallback() {
        let stated = Abilities { tools: Some(false), ..Abilities::default() };
        let known = Abilities {
            tools: Some(true),
            json_schema: Some(false),
            vision: None,
            context_tokens: Some(8_192),
        };
        assert_eq!(stated.or(known), Abilities { tools: Some(false), ..known });
        assert_eq!(Abilities::default().or(known), known);
        assert_eq!(known.or(Abilities { vision: Some(true), ..stated }).vision, Some(true));
    }
}
