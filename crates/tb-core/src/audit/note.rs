//! Signed notes (C2SP `signed-note`): a text, a blank line, and lines
//! `— NAME base64(key hash ‖ signature)`. The signature is Ed25519 over the text with its last
//! line end.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use super::tree::hex;

/// The type of an Ed25519 key in signed notes.
const ED25519_TYPE: u8 = 1;

/// What lines of signatures begin with: an em dash and a blank.
const DASH: &str = "\u{2014} ";

/// Why a note or a key is not one, or not by this key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteFault {
    /// It does not have the form of a signed note.
    #[error("it is not a signed note")]
    Form,
    /// It has no signature of the expected key.
    #[error("it is not signed by {0}")]
    OtherKey(String),
    /// The signature does not fit the text.
    #[error("its signature does not fit its text")]
    Signature,
    /// The text of a public key is none.
    #[error("it is not a public key like `NAME+HASH+BASE64`")]
    Key,
}

/// The key that checkpoints are verified with.
#[derive(Clone, PartialEq, Eq)]
pub struct NoteVerifier {
    name: String,
    key: [u8; 32],
}

impl NoteVerifier {
    /// The key under the name that belongs to it: `tollbar-audit/` and 16 hexadecimal digits of
    /// its SHA-256. Names must differ between logs, and so do these.
    #[must_use]
    pub fn of_key(key: [u8; 32]) -> Self {
        let hash = digest(&SHA256, &key);
        let short = hash.as_ref().get(..8).unwrap_or_default();
        Self { name: format!("tollbar-audit/{}", hex(short)), key }
    }

    /// Reads `NAME+HASH+BASE64`.
    ///
    /// # Errors
    /// [`NoteFault::Key`]
    pub fn parse(text: &str) -> Result<Self, NoteFault> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(hash), Some(encoded)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(NoteFault::Key);
        };
        let bytes = STANDARD.decode(encoded).map_err(|_| NoteFault::Key)?;
        let Some((&ED25519_TYPE, key)) = bytes.split_first() else { return Err(NoteFault::Key) };
        let key = key.try_into().map_err(|_| NoteFault::Key)?;
        let verifier = Self { name: name.to_owned(), key };
        let fits = !name.is_empty() && !name.contains(char::is_whitespace);
        if fits && hex(&verifier.key_hash()) == hash { Ok(verifier) } else { Err(NoteFault::Key) }
    }

    /// The name, which is the origin of the log's checkpoints.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of SHA-256 over the name, a line end, the type and the key.
    fn key_hash(&self) -> [u8; 4] {
        let key = [self.name.as_bytes(), b"\n", &[ED25519_TYPE], &self.key].concat();
        let hash = digest(&SHA256, &key);
        hash.as_ref().first_chunk().copied().unwrap_or_default()
    }

    /// The text of a note that this key signed, its last line end included.
    ///
    /// # Errors
    /// When it is not a note, not by this key, or was changed.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, NoteFault> {
        let blank = note.rfind("\n\n").ok_or(NoteFault::Form)?;
        let (text, rest) = note.split_at_checked(blank + 1).ok_or(NoteFault::Form)?;
        let prefix = format!("{DASH}{} ", self.name);
        let mut fault = NoteFault::OtherKey(self.name.clone());
        for line in rest.lines().skip(1) {
            if !line.starts_with(DASH) {
                return Err(NoteFault::Form);
            }
            let Some(encoded) = line.strip_prefix(&prefix) else { continue };
            let bytes = STANDARD.decode(encoded).map_err(|_| NoteFault::Form)?;
            let Some((hash, signature)) = bytes.split_first_chunk::<4>() else { continue };
            if *hash != self.key_hash() {
                continue;
            }
            let key = UnparsedPublicKey::new(&ED25519, &self.key);
            if key.verify(text.as_bytes(), signature).is_ok() {
                return Ok(text);
            }
            fault = NoteFault::Signature;
        }
        Err(fault)
    }
}

/// `NAME+HASH+BASE64`, as tools for signed notes read it.
impl fmt::Display for NoteVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[ED25519_TYPE], self.key.as_slice()].concat());
        write!(f, "{}+{}+{key}", self.name, hex(&self.key_hash()))
    }
}

impl fmt::Debug for NoteVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The key that checkpoints are signed with. `Debug` shows the public half.
pub struct NoteSigner {
    pair: Ed25519KeyPair,
    verifier: NoteVerifier,
}

impl NoteSigner {
    /// Reads a private key (PKCS#8, DER).
    ///
    /// # Errors
    /// [`NoteFault::Key`]
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, NoteFault> {
        let pair = Ed25519KeyPair::from_pkcs8(der).map_err(|_| NoteFault::Key)?;
        let key = pair.public_key().as_ref().try_into().map_err(|_| NoteFault::Key)?;
        Ok(Self { pair, verifier: NoteVerifier::of_key(key) })
    }

    /// The public half.
    #[must_use]
    pub const fn verifier(&self) -> &NoteVerifier {
        &self.verifier
    }

    /// The note with this text, which ends with a line end.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        let signature = self.pair.sign(text.as_bytes());
        let signed = [self.verifier.key_hash().as_slice(), signature.as_ref()].concat();
        format!("{text}\n{DASH}{} {}\n", self.verifier.name, STANDARD.encode(signed))
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.verifier, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of C2SP's `signed-note` (its key and its note).
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn signer() -> NoteSigner {
        let random = ring::rand::SystemRandom::new();
        NoteSigner::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&random).unwrap().as_ref()).unwrap()
    }

    #[test]
    fn opens_the_published_note() {
        let key = NoteVerifier::parse(KEY).unwrap();
        assert_eq!(key.to_string(), KEY);
        let text = key.open(NOTE).unwrap();
        assert!(text.starts_with("If you") && text.ends_with("problem is.\n"));
        let changed = NOTE.replace("cryptography", "Cryptography");
        assert_eq!(key.open(&changed), Err(NoteFault::Signature));
    }

    #[test]
    fn opens_its_own_notes_and_no_others() {
        let (signer, other) = (signer(), signer());
        let note = signer.sign("one\n\ntwo\n");
        let key = NoteVerifier::parse(&signer.verifier().to_string()).unwrap();
        assert_eq!(key.open(&note), Ok("one\n\ntwo\n"));
        assert!(matches!(other.verifier().open(&note), Err(NoteFault::OtherKey(_))));
        assert_eq!(key.open("one\n"), Err(NoteFault::Form));
        assert_eq!(key.open(&note.replace("two", "2")), Err(NoteFault::Signature));
    }

    #[test]
    fn refuses_keys_whose_hash_does_not_fit() {
        assert!(NoteVerifier::parse(&KEY.replace("c74f", "c74e")).is_err());
        assert!(NoteVerifier::parse("a+b").is_err());
        assert!(NoteVerifier::parse("").is_err());
    }
}
