//! Whether the value of a setting is a key: by the name of the setting, and random enough.

use super::class::{BASE64, HEX, is_uuid};
use super::hit::Hit;
use super::password::{hit, is_code, is_type};
use super::placeholder::is_placeholder;
use super::randomness::{Makeup, entropy, looks_random};
use super::setting::{Form, Setting};
use super::value::LONGEST;

/// The key of a setting whose name says secret, token or key.
pub(super) fn key(text: &[u8], setting: &Setting, is_vague: bool) -> Option<Hit> {
    let value = text.get(setting.value.place.clone())?;
    if value.len() >= LONGEST || value.contains(&b' ') || is_uuid(value) || is_type(text, setting) {
        return None;
    }
    if !looks_random(value) || is_placeholder(value) {
        return None;
    }
    let makeup = Makeup::of(value);
    let is_name = makeup.digits == 0 && makeup.changes * 3 < value.len();
    if !setting.value.is_quoted && (is_name || is_code(value) || value.contains(&b'(')) {
        return None;
    }
    let lower = value.get(..value.len().min(8))?.to_ascii_lowercase();
    if lower.starts_with(b"sha") || lower.starts_with(b"md5") || lower.starts_with(b"0x") {
        return None;
    }
    let is_hex = HEX.run(value, value.len()) == value.len();
    let least = if is_vague { 20 } else { 12 };
    let is_secret = value.len() >= least
        && !(is_vague && (is_hex || entropy(value) < 3.7 || setting.form == Form::Weak));
    if !is_secret {
        return None;
    }
    let is_aws = value.len() == 40 && BASE64.run(value, 40) == 40 && is_cloud_name(text, setting);
    Some(match is_aws {
        true => hit("aws_secret_access_key", setting, 0.9),
        false => hit("generic_secret", setting, if is_vague { 0.5 } else { 0.6 }),
    })
}

fn is_cloud_name(text: &[u8], setting: &Setting) -> bool {
    let name = text.get(setting.name.clone()).unwrap_or_default();
    let letters: Vec<u8> = name.iter().filter(|b| b.is_ascii_alphabetic()).copied().collect();
    let lower = letters.to_ascii_lowercase();
    memchr::memmem::find(&lower, b"aws").is_some()
        || memchr::memmem::find(&lower, b"secretaccesskey").is_some()
}
