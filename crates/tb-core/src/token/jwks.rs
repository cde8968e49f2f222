//! The public keys of an issuer, as it publishes them (RFC 7517).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

use super::{TokenAlgorithm, TokenFault};

/// The most keys of one issuer; the largest known sets have a dozen.
const MAX_KEYS: usize = 64;

/// A set of public keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Jwks {
    keys: Vec<Key>,
}

/// Why a set cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwksFault {
    /// It is not JSON with a list `keys`.
    #[error("it is not a JSON Web Key Set: {0}")]
    Malformed(String),
    /// None of its keys can be used here.
    #[error("none of its keys is an RSA, P-256 or Ed25519 key for signatures")]
    NoKeys,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    id: Option<String>,
    material: Material,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Written {
    kty: String,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

impl Jwks {
    /// Reads a set. Keys of kinds that are not used here (encryption, other curves, symmetric
    /// ones) are passed over.
    ///
    /// # Errors
    /// See [`JwksFault`].
    pub fn parse(bytes: &[u8]) -> Result<Self, JwksFault> {
        let set: Set = serde_json::from_slice(bytes)
            .map_err(|fault| JwksFault::Malformed(fault.to_string()))?;
        let written = set.keys.into_iter().take(MAX_KEYS);
        let keys: Vec<_> = written.filter_map(|key| serde_json::from_value(key).ok()).collect();
        let keys: Vec<_> = keys.into_iter().filter_map(Key::read).collect();
        if keys.is_empty() { Err(JwksFault::NoKeys) } else { Ok(Self { keys }) }
    }

    /// Whether it has a key with this id.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// Checks a signature with the key of that id, or with every fitting key where the token
    /// names none.
    pub(super) fn verify(
        &self,
        (id, algorithm): (Option<&str>, TokenAlgorithm),
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), TokenFault> {
        let named = |key: &&Key| id.is_none() || key.id.as_deref() == id;
        let mut candidates =
            self.keys.iter().filter(named).filter(|key| key.material.fits(algorithm)).peekable();
        if candidates.peek().is_none() {
            return Err(TokenFault::UnknownKey);
        }
        let fits = candidates.any(|key| key.material.verifies(signed, signature));
        if fits { Ok(()) } else { Err(TokenFault::Signature) }
    }
}

impl Key {
    fn read(written: Written) -> Option<Self> {
        if written.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        let material = match (written.kty.as_str(), written.crv.as_deref()) {
            ("RSA", _) => Material::Rsa { n: bytes(&written.n)?, e: bytes(&written.e)? },
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes(&written.x)?, bytes(&written.y)?);
                if x.len() != 32 || y.len() != 32 {
                    return None;
                }
                // The uncompressed form of SEC 1, 2.3.3.
                Material::P256([&[4], x.as_slice(), y.as_slice()].concat())
            }
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes(&written.x)?),
            _ => return None,
        };
        Some(Self { id: written.kid, material })
    }
}

impl Material {
    /// The kind of key decides, never the token alone: no key is used for another algorithm than
    /// its own.
    const fn fits(&self, algorithm: TokenAlgorithm) -> bool {
        matches!(
            (self, algorithm),
            (Self::Rsa { .. }, TokenAlgorithm::Rs256)
                | (Self::P256(_), TokenAlgorithm::Es256)
                | (Self::Ed25519(_), TokenAlgorithm::EdDsa)
        )
    }

    fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        let outcome = match self {
            Self::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                signed,
                signature,
            ),
            Self::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature)
            }
            Self::Ed25519(point) => {
                UnparsedPublicKey::new(&ED25519, point).verify(signed, signature)
            }
        };
        outcome.is_ok()
    }
}
