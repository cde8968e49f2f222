//! Where the name of a value does not stand right before it: `{"name": …, "value": …}`, pairs in
//! an array, and objects below a name.

use tb_api::json::Step;

use super::place::{Ground, Place};

/// The longest name of a value, in bytes.
const MOST_NAME_BYTES: usize = 64;
/// The longest value that waits for its name, in bytes.
const MOST_VALUE_BYTES: usize = 256;

/// What names say of values that stand beside them.
#[derive(Default)]
pub(super) struct Context<'d> {
    name: Option<Name<'d>>,
    /// A value before whose object's name was seen.
    waiting: Option<(Vec<Step<'d>>, Pending)>,
}

/// A text that says what the value beside it is.
struct Name<'d> {
    /// The object or array that both stand in.
    parent: Vec<Step<'d>>,
    /// Its number in an array of pairs.
    number: Option<usize>,
    text: String,
}

/// A value whose name comes behind it.
pub(super) struct Pending {
    pub(super) value: String,
    /// Its number among the items.
    pub(super) item: usize,
}

impl<'d> Context<'d> {
    /// Notes a text that may name a value; gives the value that waits for it.
    pub(super) fn name(
        &mut self,
        path: &[Step<'d>],
        text: &str,
        place: Place<'_>,
        ground: Ground,
    ) -> Option<Pending> {
        let (last, parent) = path.split_last()?;
        let number = match last {
            Step::Key(key) if is_of_names(key) => None,
            Step::Index(number) if number % 2 == 0 && is_of_pairs(place, ground) => Some(*number),
            _ => return None,
        };
        if !is_name(text) || !is_telling(text) {
            return None;
        }
        let (parent, text) = (parent.to_vec(), text.to_owned());
        let waits = number.is_none()
            && self.waiting.as_ref().is_some_and(|(waiting, _)| *waiting == parent);
        self.name = Some(Name { parent, number, text });
        if waits { self.waiting.take().map(|(_, pending)| pending) } else { None }
    }

    /// The name that stands beside the value at the end of this path.
    pub(super) fn name_of(&self, path: &[Step<'_>], place: Place<'_>) -> Option<String> {
        let name = self.name.as_ref()?;
        let (last, parent) = path.split_last()?;
        let is_named = match (last, name.number) {
            (Step::Key(key), None) => is_of_values(key, place),
            (Step::Index(number), Some(before)) => *number == before + 1,
            _ => false,
        };
        (is_named && name.parent == parent).then(|| name.text.clone())
    }

    /// Notes a value whose name may come behind it.
    pub(super) fn value(&mut self, path: &[Step<'d>], text: &str, place: Place<'_>, item: usize) {
        if let Some((Step::Key(key), parent)) = path.split_last()
            && text.len() <= MOST_VALUE_BYTES
            && is_of_values(key, place)
        {
            let pending = Pending { value: text.to_owned(), item };
            self.waiting = Some((parent.to_vec(), pending));
        }
    }
}

/// Keys whose text may name what stands beside it.
fn is_of_names(key: &str) -> bool {
    const NAMES: [&str; 20] = [
        "name",
        "key",
        "type",
        "kind",
        "field",
        "label",
        "id",
        "header",
        "variable",
        "var",
        "k",
        "property",
        "attribute",
        "param",
        "parameter",
        "setting",
        "option",
        "title",
        "question",
        "env",
    ];
    NAMES.iter().any(|name| name.eq_ignore_ascii_case(key))
}

/// Keys of a value that is named elsewhere. `content` is what the API calls its texts.
fn is_of_values(key: &str, place: Place<'_>) -> bool {
    match place {
        Place::Text => matches!(key, "text" | "content" | "value" | "data" | "input" | "body"),
        Place::Keyed(_) => is_generic(key),
        _ => false,
    }
}

/// Texts in pairs: rows of the caller's, and lists of texts.
fn is_of_pairs(place: Place<'_>, ground: Ground) -> bool {
    ground != Ground::Schema && matches!(place, Place::Keyed(_) | Place::Text)
}

/// Keys that say no more than that a value follows.
pub(super) fn is_generic(key: &str) -> bool {
    const VALUES: [&str; 27] = [
        "value",
        "values",
        "val",
        "v",
        "text",
        "content",
        "data",
        "raw",
        "plain",
        "plaintext",
        "current",
        "old",
        "new",
        "default",
        "example",
        "examples",
        "const",
        "enum",
        "string",
        "stringvalue",
        "string_value",
        "s",
        "n",
        "body",
        "payload",
        "input",
        "answer",
    ];
    VALUES.iter().any(|value| value.eq_ignore_ascii_case(key))
}

/// Keys beside a secret that describe it.
pub(super) fn is_description(key: &str) -> bool {
    const PARTS: [&str; 30] = [
        "type", "kind", "name", "id", "creat", "updat", "expir", "scope", "status", "format",
        "alg", "desc", "label", "hint", "issue", "min", "max", "len", "policy", "user", "login",
        "owner", "count", "url", "uri", "date", "time", "version", "enabled", "path",
    ];
    let key = key.to_ascii_lowercase();
    PARTS.iter().any(|part| key.contains(part))
}

/// One word, or a few, as names have them.
fn is_name(text: &str) -> bool {
    text.len() <= MOST_NAME_BYTES && text.split_ascii_whitespace().count() <= 4
}

/// What a name speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topic {
    Secret,
    Identifier,
}

/// Whether a name speaks of a secret or of an identifier.
pub(super) fn is_telling(name: &str) -> bool {
    speaks(name, |_| true)
}

/// Whether a name speaks of a secret.
pub(super) fn is_of_secrets(name: &str) -> bool {
    speaks(name, |topic| topic == Topic::Secret)
}

/// Whether a name has a part that speaks of such a topic.
fn speaks(name: &str, is_wanted: impl Fn(Topic) -> bool) -> bool {
    let bytes = name.as_bytes();
    let begins = |at: usize, part: &str, is_word: bool| {
        let place = bytes.get(at..at + part.len());
        place.is_some_and(|place| place.eq_ignore_ascii_case(part.as_bytes()))
            && (!is_word || (is_border(bytes, at) && is_border(bytes, at + part.len())))
    };
    let mut places = bytes.iter().enumerate().take(MOST_NAME_BYTES);
    places.any(|(at, byte)| {
        let parts = parts(byte.to_ascii_lowercase());
        parts.iter().any(|(part, topic, is_word)| is_wanted(*topic) && begins(at, part, *is_word))
    })
}

/// Parts of names by their first byte, with what they speak of and whether they do only as words
/// of their own.
#[rustfmt::skip]
const fn parts(first: u8) -> &'static [(&'static str, Topic, bool)] {
    use Topic::{Identifier, Secret};
    match first {
        b'a' => &[
            ("authorization", Secret, false), ("apikey", Secret, false), ("auth", Secret, true),
            ("account", Identifier, false), ("address", Identifier, false),
        ],
        b'b' => &[
            ("bearer", Secret, false), ("birth", Identifier, false), ("bank", Identifier, false),
        ],
        b'c' => &[
            ("credential", Secret, false), ("cookie", Secret, false),
            ("contraseñ", Secret, false), ("creds", Secret, true), ("credit", Identifier, false),
            ("cvv", Identifier, true), ("cvc", Identifier, true), ("card", Identifier, true),
        ],
        b'd' => &[("debit", Identifier, false), ("dob", Identifier, true)],
        b'e' => &[
            ("email", Identifier, false), ("e-mail", Identifier, false),
            ("ein", Identifier, true),
        ],
        b'i' => &[
            ("insurance", Identifier, false), ("itin", Identifier, true),
            ("iban", Identifier, true),
        ],
        b'k' => &[("kennwort", Secret, false), ("key", Secret, true), ("keys", Secret, true)],
        b'l' => &[("licen", Identifier, false)],
        b'm' => &[
            ("mot de passe", Secret, false), ("mdp", Secret, true),
            ("mobile", Identifier, false), ("medical", Identifier, false),
        ],
        b'n' => &[
            ("national", Identifier, false), ("nif", Identifier, true),
            ("nie", Identifier, true), ("nhs", Identifier, true),
        ],
        b'o' => &[("otp", Secret, true)],
        b'p' => &[
            ("password", Secret, false), ("passwd", Secret, false), ("passwort", Secret, false),
            ("passphrase", Secret, false), ("passcode", Secret, false),
            ("parola", Secret, false), ("pass", Secret, true), ("pwd", Secret, true),
            ("psw", Secret, true), ("pw", Secret, true), ("pin", Secret, true),
            ("phone", Identifier, false), ("passport", Identifier, false),
            ("pan", Identifier, true),
        ],
        b'r' => &[("routing", Identifier, false)],
        b's' => &[
            ("secret", Secret, false), ("senha", Secret, false), ("social", Identifier, false),
            ("steuer", Identifier, false), ("ssn", Identifier, true), ("sin", Identifier, true),
        ],
        b't' => &[("token", Secret, false), ("tax", Identifier, true)],
        b'v' => &[("vat", Identifier, true)],
        b'w' => &[("wachtwoord", Secret, false)],
        b'z' => &[("zip", Identifier, true)],
        128.. => &[("пароль", Secret, false), ("密码", Secret, false)],
        _ => &[],
    }
}

/// Whether a word begins or ends here: beside other signs than letters and digits, and between
/// the humps of camel case.
fn is_border(name: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| name.get(before));
    let (Some(before), Some(behind)) = (before, name.get(at)) else { return true };
    let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 128;
    !is_sign(before)
        || !is_sign(behind)
        || (before.is_ascii_lowercase() && behind.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_tell_and_names_of_other_things_do_not() {
        for name in ["DB_PASSWORD", "dbPass", "api key", "Authorization", "userPin", "x-api-key"] {
            assert!(is_of_secrets(name), "{name}");
        }
        for name in ["ssn", "customerSsn", "date_of_birth", "Phone number"] {
            assert!(is_telling(name) && !is_of_secrets(name), "{name}");
        }
        for name in ["compass", "keyboard", "spinner", "colour", "author", "companion", "text"] {
            assert!(!is_telling(name), "{name}");
        }
    }
}
