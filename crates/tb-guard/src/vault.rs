//! What was hidden behind placeholders, for one request.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use ring::hmac;
use zeroize::Zeroizing;

use crate::Kind;

/// Bytes of a keyed hash that are kept: 128 bits.
const HASH_BYTES: usize = 16;
/// The symbols that write them: 26 of 5 bits.
const HASH_SYMBOLS: usize = 26;
/// RFC 4648, section 6, in lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The kind of what only looks like a placeholder: it stands for itself.
const LOOK_ALIKE: Kind = Kind::fixed("text");

/// What tells one hidden value from others, without being it.
type Fingerprint = [u8; HASH_BYTES];

/// One value, perhaps in several spellings (mail addresses in upper and lower case).
struct Entity {
    number: usize,
    spellings: usize,
}

/// The values of one request's placeholders. Printed, it shows nothing; dropped, it is wiped.
///
/// A placeholder is `<EMAIL_7f3a_1>`: the kind, the request's tag, a number that counts through
/// the request. The same value of a kind has the same placeholder. A mail address that occurs in
/// other capitals is the same entity but must come back as it was written: `<EMAIL_7f3a_1_2>`.
pub struct Vault {
    tag: String,
    key: hmac::Key,
    entities: HashMap<Fingerprint, Entity>,
    /// The placeholder's inner text of each spelling.
    spellings: HashMap<Fingerprint, String>,
    /// By inner text in lower case, in order, so that beginnings can be looked up.
    values: BTreeMap<String, Zeroizing<String>>,
}

impl Vault {
    /// An empty vault. `tag` is random and new for each request (its last 16 bits are shown);
    /// `tenant_key` makes hashes.
    #[must_use]
    pub fn new(tag: u64, tenant_key: &[u8; 32]) -> Self {
        Self::keyed(tag, hmac::Key::new(hmac::HMAC_SHA256, tenant_key))
    }

    /// The same with a key that is ready to sign with (HMAC-SHA-256).
    #[must_use]
    pub fn keyed(tag: u64, key: hmac::Key) -> Self {
        Self {
            tag: format!("{:04x}", tag & 0xFFFF),
            key,
            entities: HashMap::new(),
            spellings: HashMap::new(),
            values: BTreeMap::new(),
        }
    }

    /// How many placeholders it has given.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The placeholder of a value.
    pub(crate) fn placeholder(&mut self, kind: &Kind, value: &str) -> String {
        let exact = self.fingerprint("exact", kind, value);
        if let Some(inner) = self.spellings.get(&exact) {
            return format!("<{inner}>");
        }
        let entity = if *kind == Kind::EMAIL {
            self.fingerprint("folded", kind, &Zeroizing::new(value.to_lowercase()))
        } else {
            exact
        };
        let next = self.entities.len() + 1;
        let entity = self.entities.entry(entity).or_insert(Entity { number: next, spellings: 0 });
        entity.spellings += 1;
        let (name, tag, number) = (shown(kind), &self.tag, entity.number);
        let inner = match entity.spellings {
            1 => format!("{name}_{tag}_{number}"),
            spelling => format!("{name}_{tag}_{number}_{spelling}"),
        };
        self.values.insert(inner.to_ascii_lowercase(), Zeroizing::new(value.to_owned()));
        let placeholder = format!("<{inner}>");
        self.spellings.insert(exact, inner);
        placeholder
    }

    /// The placeholder of a text that looks like a placeholder of this request.
    pub(crate) fn escape(&mut self, look_alike: &str) -> String {
        self.placeholder(&LOOK_ALIKE, look_alike)
    }

    /// A keyed hash, the same for the same value and tenant: `email_` and 26 characters.
    pub(crate) fn hash(&self, kind: &Kind, value: &str) -> String {
        let folded = if *kind == Kind::EMAIL { value.to_lowercase() } else { value.to_owned() };
        let hash = self.fingerprint("hash", kind, &Zeroizing::new(folded));
        let name = shown(kind).to_ascii_lowercase();
        let mut out = format!("{name}_");
        let mut held: u32 = 0;
        let mut bits = 0;
        for byte in hash.into_iter().map(u32::from).chain([0]) {
            held = (held << 8) | byte;
            bits += 8;
            while bits >= 5 && out.len() <= name.len() + HASH_SYMBOLS {
                bits -= 5;
                let digit = usize::try_from((held >> bits) & 31).unwrap_or_default();
                out.push(char::from(BASE32.get(digit).copied().unwrap_or(b'a')));
            }
            held &= (1 << bits) - 1;
        }
        out
    }

    /// What stands behind an inner text (lower case).
    pub(crate) fn value(&self, inner: &str) -> Option<&str> {
        self.values.get(inner).map(|value| value.as_str())
    }

    /// Whether some inner text begins so.
    pub(crate) fn has_beginning(&self, beginning: &str) -> bool {
        let from: (Bound<&str>, Bound<&str>) = (Bound::Included(beginning), Bound::Unbounded);
        let next = self.values.range::<str, _>(from).next();
        next.is_some_and(|(inner, _)| inner.starts_with(beginning))
    }

    /// Whether an inner text (lower case) has the form of this request's: words, the tag, one or
    /// two numbers.
    pub(crate) fn has_form(&self, inner: &str) -> bool {
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let Some((rest, number)) = inner.rsplit_once('_') else { return false };
        let (before, last) = rest.rsplit_once('_').unwrap_or(("", rest));
        let is_simple = last == self.tag && !before.is_empty();
        let is_spelling = || {
            is_number(last)
                && before
                    .rsplit_once('_')
                    .is_some_and(|(kind, tag)| tag == self.tag && !kind.is_empty())
        };
        is_number(number) && (is_simple || is_spelling())
    }

    fn fingerprint(&self, purpose: &str, kind: &Kind, value: &str) -> Fingerprint {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [purpose, "\0", kind.as_str(), "\0", value] {
            context.update(part.as_bytes());
        }
        let signed = context.sign();
        signed.as_ref().first_chunk().copied().unwrap_or_default()
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[vault]")
    }
}

/// Whether a text has the form of a [hash](Vault::hash) of this or a known kind. Nobody's secret
/// has it by chance: the name of a kind, then 26 symbols of base 32.
pub(crate) fn is_hash(kind: &Kind, text: &str) -> bool {
    let Some((name, symbols)) = text.rsplit_once('_') else { return false };
    let is_kind = |kind: &Kind| shown(kind).eq_ignore_ascii_case(name);
    symbols.len() == HASH_SYMBOLS
        && symbols.bytes().all(|symbol| BASE32.contains(&symbol))
        && (is_kind(kind) || Kind::KNOWN.iter().any(is_kind))
}

/// A kind as placeholders show it: capitals, digits and `_`.
pub(crate) fn shown(kind: &Kind) -> String {
    let allowed = |symbol: char| if symbol.is_ascii_alphanumeric() { symbol } else { '_' };
    // Placeholders have a greatest length, so that little is ever held back.
    kind.as_str().chars().take(48).map(allowed).collect::<String>().to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> Vault {
        Vault::new(0x7f3a, &[7; 32])
    }

    #[test]
    fn the_same_value_has_the_same_placeholder() {
        let mut vault = vault();
        assert_eq!(vault.placeholder(&Kind::EMAIL, "jo@example.com"), "<EMAIL_7f3a_1>");
        assert_eq!(vault.placeholder(&Kind::PERSON, "Jo"), "<PERSON_7f3a_2>");
        assert_eq!(vault.placeholder(&Kind::EMAIL, "jo@example.com"), "<EMAIL_7f3a_1>");
        assert_eq!(vault.placeholder(&Kind::EMAIL, "Jo@Example.com"), "<EMAIL_7f3a_1_2>");
        assert_eq!(vault.placeholder(&Kind::LOCATION, "Jo"), "<LOCATION_7f3a_3>");
        assert_eq!(vault.value("email_7f3a_1_2"), Some("Jo@Example.com"));
        assert_eq!(vault.len(), 4);
    }

    #[test]
    fn hashes_join_and_depend_on_the_tenant() {
        let hash = vault().hash(&Kind::EMAIL, "Jo@example.com");
        assert_eq!(hash, vault().hash(&Kind::EMAIL, "jo@example.com"));
        assert_eq!(hash.len(), "email_".len() + 26);
        assert!(is_hash(&Kind::EMAIL, &hash) && is_hash(&Kind::SECRET, &hash));
        for other in ["mail_", "email_a", "email_1"] {
            assert!(!is_hash(&Kind::EMAIL, &hash.replacen("email_", other, 1)), "{other}");
        }
        assert!(!is_hash(&Kind::EMAIL, hash.trim_start_matches("email_")));
        assert_ne!(hash, Vault::new(1, &[8; 32]).hash(&Kind::EMAIL, "jo@example.com"));
        assert_ne!(hash, vault().hash(&Kind::EMAIL, "jo@example.org"));
    }

    #[test]
    fn knows_its_form() {
        let vault = vault();
        for inner in ["email_7f3a_1", "us_ssn_7f3a_12", "email_7f3a_1_2", "x_7f3a_999"] {
            assert!(vault.has_form(inner), "{inner}");
        }
        for inner in ["email_7f3b_1", "7f3a_1", "email_7f3a_", "email_7f3a", "email_7f3a_x"] {
            assert!(!vault.has_form(inner), "{inner}");
        }
    }

    #[test]
    fn prints_nothing() {
        let mut vault = vault();
        vault.placeholder(&Kind::PERSON, "canary");
        assert!(!format!("{vault:?}").contains("canary"));
    }
}
