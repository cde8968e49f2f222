//! Makes a provider's message safe to show: no credentials, no control characters, bounded.

/// The longest message shown, in characters.
const MAX_CHARS: usize = 2_000;

/// Shown instead of a credential.
const MARK: &str = "[redacted]";

/// How the keys of vendors and ours begin.
const PREFIXES: [&str; 14] = [
    "sk-",
    "sk_",
    "pk-",
    "rk_",
    "tb_live_",
    "tb_admin_",
    "AIza",
    "xai-",
    "gsk_",
    "hf_",
    "ghp_",
    "nvapi-",
    "eyJ",
    "AKIA",
];

/// Shorter words than this with a key's prefix are words.
const MIN_PREFIXED: usize = 10;

/// A run of letters and digits mixed, of at least this length, is taken for a key.
const MIN_RUN: usize = 20;

/// The message without credentials and control characters, cut after 2,000 characters.
#[must_use]
pub fn safe_message(message: &str) -> String {
    let mut out = String::with_capacity(message.len().min(MAX_CHARS));
    let mut token = String::new();
    let mut after_bearer = false;
    let mut end = |token: &mut String, out: &mut String| {
        if token.is_empty() {
            return;
        }
        if is_key(token, after_bearer) {
            out.push_str(MARK);
        } else {
            out.push_str(token);
        }
        after_bearer = token.eq_ignore_ascii_case("bearer");
        token.clear();
    };
    // Twice the limit is enough to find the end of a token that straddles it.
    for letter in message.chars().take(2 * MAX_CHARS) {
        if is_token_char(letter) {
            token.push(letter);
            continue;
        }
        end(&mut token, &mut out);
        match letter {
            '\n' | '\r' | '\t' => out.push(' '),
            letter if letter.is_control() || is_bidi(letter) => {}
            letter => out.push(letter),
        }
    }
    end(&mut token, &mut out);
    if let Some((cut, _)) = out.char_indices().nth(MAX_CHARS) {
        out.truncate(cut);
    }
    out
}

fn is_token_char(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '+' | '/' | '~' | '*')
}

/// Characters that reorder the text around them (Unicode bidirectional controls).
fn is_bidi(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_key(token: &str, after_bearer: bool) -> bool {
    let prefixed = PREFIXES.iter().any(|prefix| token.starts_with(prefix));
    if prefixed && (token.len() >= MIN_PREFIXED || token.contains('*')) {
        return true;
    }
    if after_bearer && token.len() >= MIN_PREFIXED {
        return true;
    }
    token.split(['-', '_', '.', '/', '~']).any(|run| {
        run.len() >= MIN_RUN
            && run.bytes().any(|b| b.is_ascii_digit())
            && run.bytes().any(|b| b.is_ascii_alphabetic())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_credentials() {
        for secret in [
            "sk-proj-abcdef1234567890",
            "sk-abc***************wxyz",
            "tb_live_ab12cd34_0123456789abcdefghij",
            "AIzaSyA-1234567890abcdef",
            "0123456789abcdef0123456789abcdef",
            "eyJhbGciOi.eyJzdWIi.c2ln",
        ] {
            for around in ["key {}.", "Bearer {}", "api_key={}", "\"{}\"", "?key={}&x"] {
                let shown = safe_message(&around.replace("{}", secret));
                assert!(!shown.contains(secret.trim_end_matches('.')), "{shown}");
                assert!(shown.contains(MARK), "{shown}");
            }
        }
        assert_eq!(
            safe_message("Authorization: bearer hunter2hunter2"),
            "Authorization: bearer [redacted]"
        );
    }

    #[test]
    fn leaves_words_and_model_names() {
        for text in [
            "The model `claude-haiku-4-5-20251001` does not exist",
            "gpt-4o-mini-2024-07-18 is busy; try meta-llama/Llama-3.3-70B-Instruct-Turbo",
            "the bearer of bad news",
            "Größe überschritten: 4096 > 2048",
        ] {
            assert_eq!(safe_message(text), text);
        }
    }

    #[test]
    fn removes_control_characters_and_cuts() {
        assert_eq!(safe_message("a\r\nb\u{1b}[31mc\u{0}"), "a  b[31mc");
        assert_eq!(safe_message(&"é ".repeat(3_000)).chars().count(), MAX_CHARS);
    }
}
