//! Whether a model's name is pinned to one version, by the rules of the vendor that gives the
//! names. What the built-in table says of a name comes first.

use tb_core::versions::{Pin, facts, snapshot_of};

/// What a name promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// One version.
    Pinned,
    /// Whatever the vendor puts behind it; the version that it stands for, where that is known.
    Floating {
        /// A pinned name.
        snapshot: Option<String>,
    },
    /// Nobody said what such names promise: servers of one's own, small vendors.
    Unknown,
}

/// The standing of a vendor's model name.
#[must_use]
pub fn standing(vendor: &str, model: &str) -> Standing {
    match facts(vendor, model).map(|facts| facts.pin) {
        Some(Pin::Snapshot | Pin::StableName) => Standing::Pinned,
        Some(Pin::Floating | Pin::Preview) => {
            Standing::Floating { snapshot: snapshot_of(vendor, model).map(str::to_owned) }
        }
        // The table leaves open what embeddings and transcriptions promise, and so do the vendors.
        Some(Pin::Unknown) => by_name("", model),
        None => by_name(vendor, model),
    }
}

fn by_name(vendor: &str, model: &str) -> Standing {
    let floats = || Standing::Floating { snapshot: None };
    // Fine-tuned models are versions of their own, whatever they are made of.
    if model.starts_with("ft:") {
        return Standing::Pinned;
    }
    if model.split(['-', ':', '.', '/', '@']).any(|part| part == "latest") {
        return floats();
    }
    match vendor {
        // <https://platform.openai.com/docs/models>: undated names of models that write point to
        // the newest version.
        "openai" if is_writer(model) => {
            if is_dated(model) {
                Standing::Pinned
            } else {
                floats()
            }
        }
        // "Model IDs and versioning": from 4.6 on undated names are versions, before they are
        // aliases of dated ones.
        "anthropic" => match (is_dated(model), is_dateless_version(model)) {
            (true, _) | (_, true) => Standing::Pinned,
            _ => floats(),
        },
        // Stable names are fixed until they retire, previews change.
        "google" => {
            match model.contains("-preview") && !is_dated(model) || model.contains("-exp") {
                true => floats(),
                false => Standing::Pinned,
            }
        }
        // Previews and `labs-` are updated silently, names with the month (YYMM) are fixed.
        "mistral" => {
            match (model.starts_with("labs-") || model.contains("preview"), is_dated(model)) {
                (true, _) => floats(),
                (_, true) => Standing::Pinned,
                _ => Standing::Unknown,
            }
        }
        _ => {
            if is_dated(model) {
                Standing::Pinned
            } else {
                Standing::Unknown
            }
        }
    }
}

/// `gpt-…`, `chatgpt-…`, `o3`, `o3-mini`.
fn is_writer(model: &str) -> bool {
    let family = model.split('-').next().unwrap_or(model);
    let is_numbered =
        |family: &str| family.strip_prefix('o').is_some_and(|rest| rest.parse::<u32>().is_ok());
    matches!(family, "gpt" | "chatgpt") || is_numbered(family)
}

/// Whether the name ends in a date: `2024-07-18`, `20251001`, `0613`, `2508`, `09-2025`; with `-v1`,
/// `-001` and the like behind it too.
fn is_dated(model: &str) -> bool {
    let name = model.split(['@', ':']).next().unwrap_or(model);
    let is_date =
        |part: &str| matches!(part.len(), 4 | 8) && part.bytes().all(|b| b.is_ascii_digit());
    let mut parts = name.rsplit(['-', '_']).skip_while(|part| {
        let digits = part.strip_prefix('v').unwrap_or(part);
        digits.len() <= 3
            && !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit())
            && part.len() != 2
    });
    let two =
        |part: Option<&str>| part.is_some_and(|part| part.len() == 2 && part.parse::<u8>().is_ok());
    match parts.next() {
        Some(last) if is_date(last) => true,
        // `2024-07-18`: the day is last. `preview-09-2025` was found above.
        Some(last) if two(Some(last)) => two(parts.next()) && parts.next().is_some_and(is_date),
        _ => model.split_once('@').is_some_and(|(_, version)| is_date(version)),
    }
}

/// `claude-sonnet-5`, `claude-opus-4-6`: the family, then a version of 4.6 or later.
fn is_dateless_version(model: &str) -> bool {
    let mut parts = model.split('-').skip(1).skip_while(|part| part.parse::<u32>().is_err());
    // The older scheme has the version before the family: `claude-3-5-sonnet`.
    let is_new = model.split('-').nth(1).is_some_and(|part| part.parse::<u32>().is_err());
    let number = |part: Option<&str>| part.and_then(|part| part.parse::<u32>().ok());
    let (major, minor) = (number(parts.next()), number(parts.next()).unwrap_or(0));
    is_new && major.is_some_and(|major| (major, minor) >= (4, 6))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(vendor: &str, model: &str) -> &'static str {
        match standing(vendor, model) {
            Standing::Pinned => "pinned",
            Standing::Floating { .. } => "floating",
            Standing::Unknown => "unknown",
        }
    }

    #[test]
    fn undated_names_float_where_the_vendor_says_so() {
        for (vendor, model, want) in [
            ("openai", "gpt-9-turbo", "floating"),
            ("openai", "gpt-9-turbo-2031-02-03", "pinned"),
            ("openai", "gpt-4-0613", "pinned"),
            ("openai", "chatgpt-9-latest", "floating"),
            ("openai", "o9-mini", "floating"),
            ("openai", "text-embedding-9-small", "unknown"),
            ("openai", "text-embedding-3-small", "unknown"),
            ("openai", "ft:gpt-9-2031-02-03:acme::abc", "pinned"),
            ("anthropic", "claude-poem-9", "pinned"),
            ("anthropic", "claude-poem-4-6", "pinned"),
            ("anthropic", "claude-poem-4-5", "floating"),
            ("anthropic", "claude-poem-4", "floating"),
            ("anthropic", "claude-3-5-haiku", "floating"),
            ("anthropic", "claude-3-5-haiku-20241022", "pinned"),
            ("anthropic", "claude-3-5-haiku-latest", "floating"),
            ("google", "gemini-9-pro", "pinned"),
            ("google", "gemini-9-pro-preview", "floating"),
            ("google", "gemini-9-flash-preview-09-2031", "pinned"),
            ("google", "gemini-9-pro-latest", "floating"),
            ("google", "gemini-1.5-pro-002", "pinned"),
            ("mistral", "poem-large-3112", "pinned"),
            ("mistral", "poem-large-latest", "floating"),
            ("mistral", "labs-poem-2512", "floating"),
            ("mistral", "open-poem", "unknown"),
            ("local", "smollm2-135m-instruct", "unknown"),
            ("local", "llama9:latest", "floating"),
            ("local", "claude-poem-4-5@20310203", "pinned"),
        ] {
            assert_eq!(word(vendor, model), want, "{vendor}/{model}");
        }
    }

    #[test]
    fn the_table_comes_first_and_names_the_snapshot() {
        let Standing::Floating { snapshot } = standing("anthropic", "claude-sonnet-4-5") else {
            unreachable!("an alias")
        };
        assert_eq!(snapshot.as_deref(), Some("claude-sonnet-4-5-20250929"));
        assert_eq!(word("openai", "gpt-4o-mini"), "floating");
        assert_eq!(word("openai", "gpt-4o-mini-2024-07-18"), "pinned");
        assert_eq!(word("google", "gemini-2.5-pro"), "pinned");
        assert_eq!(word("google", "gemini-3.1-pro-preview"), "floating");
    }
}
