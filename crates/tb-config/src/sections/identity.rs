//! `[identity.NAME]`: issuers of tokens.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tb_core::token::{Jwks, JwksFault};

use super::named_file;
use super::providers::check_name;
use crate::codes::Code;
use crate::reader::{At, Section};
use crate::snapshot::{TokenAlgorithm, TokenIssuer, TokenKeys};
use crate::value::{Url, Word, is_safe};

/// The names of all issuers, and those without a fault.
pub(super) fn issuers(root: &Section<'_>) -> (Vec<String>, Vec<TokenIssuer>) {
    let sections = root.named("identity");
    let names = sections.iter().map(|(name, _)| name.clone()).collect();
    let mut seen: HashMap<(String, String), String> = HashMap::new();
    let mut issuers = Vec::new();
    for (name, section) in sections {
        let Some(issuer) = issuer(&name, &section) else { continue };
        let pair = (issuer.issuer.to_string(), issuer.audience.to_string());
        if let Some(before) = seen.insert(pair, name.clone()) {
            section.reader.report(
                &section.place,
                Code::BadIssuer,
                format!("[identity.{before}] has the same `issuer` and `audience`"),
                "give each its own audience, or join them",
            );
        }
        issuers.push(issuer);
    }
    (names, issuers)
}

fn issuer(name: &str, section: &Section<'_>) -> Option<TokenIssuer> {
    check_name(name, section);
    let issuer = not_empty(section, "issuer");
    let audience = not_empty(section, "audience");
    let algorithms = section.list::<Word<TokenAlgorithm>>("algorithms");
    if let (Some(0), Some(place)) =
        (section.array_len("algorithms"), section.written_at("algorithms"))
    {
        let help = "list the ones that the issuer signs with, such as [\"RS256\"]";
        section.reader.report(&place, Code::BadIssuer, "`algorithms` is empty", help);
    }
    let keys = keys(section);
    let max_lifetime = section.value::<Duration>("max_lifetime");
    Some(TokenIssuer {
        name: name.into(),
        issuer: issuer?.into(),
        audience: audience?.into(),
        algorithms: algorithms?.into_iter().map(|word| word.value.0).collect(),
        keys: keys?,
        max_lifetime: max_lifetime?.value,
    })
}

fn not_empty(section: &Section<'_>, key: &str) -> Option<String> {
    let text = section.value::<String>(key)?;
    if text.value.trim().is_empty() {
        let message = format!("`{key}` is empty");
        let help = "write what the tokens have there, exactly";
        section.reader.report(&text.place, Code::BadIssuer, message, help);
    }
    Some(text.value)
}

/// Where its public keys are; `None` was reported.
fn keys(section: &Section<'_>) -> Option<TokenKeys> {
    let file = section.optional::<String>("jwks_file");
    let url = section.optional::<Url>("jwks_url");
    let written = ["jwks_file", "jwks_url"].map(|key| section.written_at(key));
    match written {
        [Some(_), Some(place)] => {
            let message = "an issuer has `jwks_file` or `jwks_url`, not both";
            section.reader.report(&place, Code::BadIssuer, message, "remove one of them");
            None
        }
        [None, None] => {
            let message = "an issuer needs `jwks_file` or `jwks_url`";
            let help = "say where its public keys are: jwks_url = \"https://host/jwks.json\"";
            section.reader.report(&section.place, Code::BadIssuer, message, help);
            None
        }
        _ => file.and_then(|path| from_file(section, &path)).or_else(|| from_url(section, &url?)),
    }
}

fn from_file(section: &Section<'_>, path: &At<String>) -> Option<TokenKeys> {
    let text = named_file::watched(section.reader, path, "key set", Code::BadAccessFile)?;
    match Jwks::parse(text.as_bytes()) {
        Ok(set) => Some(TokenKeys::File(Arc::new(set))),
        Err(why) => {
            // What the reader of JSON says may quote the file, which may be the wrong one.
            let message = match why {
                JwksFault::Malformed(_) => "the file is not a JSON Web Key Set".to_owned(),
                other @ JwksFault::NoKeys => format!("the key set cannot be used: {other}"),
            };
            let help = "it is a JSON object with a list `keys` of public keys";
            section.reader.report(&path.place, Code::BadAccessFile, message, help);
            None
        }
    }
}

fn from_url(section: &Section<'_>, url: &At<Url>) -> Option<TokenKeys> {
    if !is_safe(&url.value.base) {
        section.reader.report(
            &url.place,
            Code::BadIssuer,
            "keys that are fetched over plain HTTP could be anybody's",
            "use https://, or a file",
        );
        return None;
    }
    Some(TokenKeys::Url(url.value.base.clone()))
}
