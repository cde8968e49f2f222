//! Tokens of workloads: JSON Web Tokens (RFC 7519) signed with a public-key algorithm, checked
//! against the public keys of their issuer (RFC 7517). No clock and no network: both come in.

mod jwks;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::Timestamp;

pub use self::jwks::{Jwks, JwksFault};

/// The longest token that is looked at, in bytes: those of Kubernetes and of CI systems stay
/// below 2 KiB.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// How far the clocks of issuer and gateway may be apart, in milliseconds.
const LEEWAY_MS: i64 = 60_000;

/// How a token is signed. There is no symmetric algorithm and no `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenAlgorithm {
    /// RSA (PKCS #1 v1.5) with SHA-256, keys of 2,048 to 8,192 bits.
    Rs256,
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl TokenAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    /// The word of RFC 7518 and RFC 8037.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The claim `iss`, exactly.
    pub issuer: &'a str,
    /// What `aud` is, or has among its values.
    pub audience: &'a str,
    /// The algorithms that are taken.
    pub algorithms: &'a [TokenAlgorithm],
    /// The longest time from `iat` (else from now) to `exp`, in milliseconds.
    pub max_lifetime_ms: i64,
}

/// What a token says that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The claim `sub`.
    pub subject: String,
    /// The claim `exp`.
    pub expires_at: Timestamp,
}

/// Why a token is refused. Callers learn none of it: to them the credential is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// It is not a signed token of three parts, or too long.
    #[error("it is not a signed JSON Web Token")]
    Malformed,
    /// It is signed in a way that this issuer may not use.
    #[error("its algorithm is not among those of the issuer")]
    Algorithm,
    /// Its header asks for something that is not understood (`crit`).
    #[error("its header has critical members that are not understood")]
    Critical,
    /// No key of the issuer has its `kid`: the keys may have changed.
    #[error("no key of the issuer has its key id")]
    UnknownKey,
    /// The signature does not fit.
    #[error("its signature is wrong")]
    Signature,
    /// It is from another issuer.
    #[error("it is from another issuer")]
    Issuer,
    /// It is meant for somebody else.
    #[error("it is meant for another audience")]
    Audience,
    /// It has expired.
    #[error("it has expired")]
    Expired,
    /// It is from the future.
    #[error("it is not valid yet")]
    NotYet,
    /// It is valid for longer than tokens may be.
    #[error("it is valid for too long")]
    TooLong,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Body {
    iss: String,
    sub: String,
    aud: Audience,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    iat: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// What a token claims of itself, without any proof: only to choose whose keys to check with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The claim `iss`.
    pub issuer: String,
    /// `kid` of its header.
    pub key_id: Option<String>,
}

/// What a token claims; `None` when it is no signed token.
#[must_use]
pub fn claimed(token: &str) -> Option<Claimed> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: String,
    }
    let (header, body, _) = parts(token)?;
    let header: Header = decoded(header)?;
    let body: Issuer = decoded(body)?;
    Some(Claimed { issuer: body.iss, key_id: header.kid })
}

/// Checks a token: form, algorithm, signature, issuer, audience and times, in this order, so that
/// nothing that it says is believed before its signature.
///
/// # Errors
/// See [`TokenFault`].
pub fn verify(
    token: &str,
    expected: &Expected<'_>,
    keys: &Jwks,
    now: Timestamp,
) -> Result<Claims, TokenFault> {
    let (header, body, signature) = parts(token).ok_or(TokenFault::Malformed)?;
    let signed_bytes = header.len() + 1 + body.len();
    let signed = token.as_bytes().get(..signed_bytes).ok_or(TokenFault::Malformed)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenFault::Malformed)?;
    let header: Header = decoded(header).ok_or(TokenFault::Malformed)?;
    if header.crit.is_some() {
        return Err(TokenFault::Critical);
    }
    let algorithm = expected.algorithms.iter().find(|known| known.as_str() == header.alg);
    let algorithm = *algorithm.ok_or(TokenFault::Algorithm)?;
    keys.verify((header.kid.as_deref(), algorithm), signed, &signature)?;
    let body: Body = decoded(body).ok_or(TokenFault::Malformed)?;
    check(&body, expected, now)
}

fn check(body: &Body, expected: &Expected<'_>, now: Timestamp) -> Result<Claims, TokenFault> {
    if body.iss != expected.issuer {
        return Err(TokenFault::Issuer);
    }
    let is_ours = match &body.aud {
        Audience::One(name) => name == expected.audience,
        Audience::Several(names) => names.iter().any(|name| name == expected.audience),
    };
    if !is_ours {
        return Err(TokenFault::Audience);
    }
    let now = now.unix_ms();
    let ends = ms(body.exp).ok_or(TokenFault::Malformed)?;
    if now >= ends.saturating_add(LEEWAY_MS) {
        return Err(TokenFault::Expired);
    }
    let begins = [body.nbf, body.iat].map(|moment| moment.map(|at| ms(at).ok_or(())));
    for begin in begins.into_iter().flatten() {
        if begin.map_err(|()| TokenFault::Malformed)? > now.saturating_add(LEEWAY_MS) {
            return Err(TokenFault::NotYet);
        }
    }
    let issued = body.iat.and_then(ms).unwrap_or(now);
    if ends.saturating_sub(issued) > expected.max_lifetime_ms {
        return Err(TokenFault::TooLong);
    }
    if body.sub.is_empty() {
        return Err(TokenFault::Malformed);
    }
    Ok(Claims { subject: body.sub.clone(), expires_at: Timestamp::from_unix_ms(ends) })
}

fn parts(token: &str) -> Option<(&str, &str, &str)> {
    if token.len() > MAX_TOKEN_BYTES {
        return None;
    }
    let mut parts = token.split('.');
    let three = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then_some(three)
}

fn decoded<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Milliseconds out of a NumericDate; `None` outside of the years 1970 to 2286.
fn ms(seconds: f64) -> Option<i64> {
    if !(0.0..1e10).contains(&seconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most 1e13")]
    let ms = (seconds * 1_000.0) as i64;
    Some(ms)
}

#[cfg(test)]
mod tests;
