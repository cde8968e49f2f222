//! `api_keys`: secrets by reference, with the referred text checked at load.

use tb_core::Secret;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::codes::Code;
use crate::reader::{Place, Section};
use crate::redact::is_variable_name;
use crate::snapshot::ContentLogSettings;
use crate::value::Written;

const HOW: &str = "write { env = \"NAME\" } or { file = \"PATH\" }";

/// The key beside a reference that is not one.
const WEIGHT: &str = "weight";

/// The largest `weight` of a key.
pub(crate) const MAX_WEIGHT: u32 = 1_000;

/// The secrets of a list with their weights, in the order of the file. `None` = the list is no
/// list, which was reported; faulty entries are reported and left out.
pub(crate) fn secrets(section: &Section<'_>, key: &str) -> Option<Vec<(Secret, u32)>> {
    let Some(place) = section.written_at(key) else {
        section.reader.effect(section.key_path(key), "[]".to_owned(), &Place::Default);
        return Some(Vec::new());
    };
    let items = section.array(key)?;
    let path = section.key_path(key);
    let mut secrets = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let weight = weight(section, item, &format!("{path}[{index}].weight"));
        secrets.extend(secret(section, item).zip(weight));
    }
    if secrets.len() == items.len() && !items.is_empty() && secrets.iter().all(|(_, w)| *w == 0) {
        section.reader.report(
            &place,
            Code::ZeroWeights,
            "all keys have weight 0, so none would be used",
            "give at least one key a weight above 0, or leave the weights out",
        );
    }
    let shown: Vec<_> = secrets.iter().map(|_| "\"[secret]\"").collect();
    section.reader.effect(path, format!("[{}]", shown.join(", ")), &place);
    Some(secrets)
}

/// The secret of a key that must be written: 32 bytes in base64 or hex. `None` was reported.
pub(super) fn master_key(section: &Section<'_>, key: &str) -> Option<Secret> {
    let Some(item) = section.node(key) else {
        section.missing(key);
        return None;
    };
    let place = Place::File(item.span());
    match item.get_ref() {
        DeValue::String(_) => {}
        DeValue::Table(table) if table.contains_key(WEIGHT) => {
            let message = format!("`{key}` is one key and has no `weight`");
            section.reader.report(&place, Code::BadSecretReference, message, HOW);
            return None;
        }
        DeValue::Table(_) => {}
        other => {
            section.wrong_type(key, "a reference to a secret", Written::Node(other), &place);
            return None;
        }
    }
    let secret = secret(section, item)?;
    if ContentLogSettings::key_bytes(&secret).is_none() {
        section.reader.report(
            &place,
            Code::BadMasterKey,
            format!("`{key}` is not 32 bytes in base64 or hex"),
            "make one with `openssl rand -base64 32`",
        );
        return None;
    }
    section.reader.effect(section.key_path(key), "\"[secret]\"".to_owned(), &place);
    Some(secret)
}

/// The `weight` beside a reference, 1 when it is not written. `None` was reported.
fn weight(section: &Section<'_>, item: &Spanned<DeValue<'_>>, path: &str) -> Option<u32> {
    let written = match item.get_ref() {
        DeValue::Table(table) => table.get(WEIGHT),
        _ => None,
    };
    let Some(written) = written else {
        section.reader.effect(path.to_owned(), "1".to_owned(), &Place::Default);
        return Some(1);
    };
    let place = Place::File(written.span());
    let number: Option<i64> = Written::Node(written.get_ref()).integer();
    let weight = number.and_then(|number| u32::try_from(number).ok());
    let Some(weight) = weight.filter(|weight| *weight <= MAX_WEIGHT) else {
        let code = if number.is_some() { Code::OutOfRange } else { Code::WrongType };
        let message = format!("the `weight` of a key is a whole number from 0 to {MAX_WEIGHT}");
        section.reader.report(&place, code, message, "choose a number within that range");
        return None;
    };
    section.reader.effect(path.to_owned(), weight.to_string(), &place);
    Some(weight)
}

fn secret(section: &Section<'_>, item: &Spanned<DeValue<'_>>) -> Option<Secret> {
    let place = Place::File(item.span());
    let report = |code, message: String, help: &str| {
        section.reader.report(&place, code, message, help);
        None
    };
    let (text, whose) = match item.get_ref() {
        DeValue::String(text) => {
            section.reader.report(
                &place,
                Code::InlineSecret,
                "the secret stands in the file itself",
                format!("move it out of the file: {HOW}"),
            );
            (text.to_string(), "the secret".to_owned())
        }
        DeValue::Table(table) => referred(section, table, &place)?,
        _ => return report(Code::BadSecretReference, "a secret is a reference".to_owned(), HOW),
    };
    let secret = text.trim();
    if secret.is_empty() {
        return report(Code::EmptySecret, format!("{whose} is empty"), "put the key there");
    }
    if !secret.bytes().all(|b| b.is_ascii_graphic()) {
        return report(
            Code::UnusableSecret,
            format!(
                "{whose} has characters that cannot be sent (blanks, line breaks, beyond ASCII)"
            ),
            "store the key alone, on one line",
        );
    }
    Some(Secret::new(secret.to_owned()))
}

/// The text that `{ env = … }` or `{ file = … }` refers to, and what messages call it.
fn referred(section: &Section<'_>, table: &DeTable<'_>, place: &Place) -> Option<(String, String)> {
    let reader = section.reader;
    let mut entries = table.iter().filter(|(key, _)| key.get_ref() != WEIGHT);
    let (Some((kind, value)), None) = (entries.next(), entries.next()) else {
        reader.report(place, Code::BadSecretReference, "a secret has one reference", HOW);
        return None;
    };
    let place = Place::File(value.span());
    let Some(name) = value.get_ref().as_str() else {
        reader.report(&place, Code::BadSecretReference, "the reference is not a string", HOW);
        return None;
    };
    match kind.get_ref().as_ref() {
        "env" => Some((variable(section, name, &place)?, format!("the variable {name}"))),
        "file" => Some((file(section, name, &place)?, "the secret file".to_owned())),
        _ => {
            let place = Place::File(kind.span());
            let message = "a secret refers to a variable or a file, nothing else";
            reader.report(&place, Code::BadSecretReference, message, HOW);
            None
        }
    }
}

fn variable(section: &Section<'_>, name: &str, place: &Place) -> Option<String> {
    // A key pasted in the place of a variable's name must not be repeated in a message.
    if !is_variable_name(name) {
        section.reader.report(
            place,
            Code::BadSecretReference,
            "`env` takes the name of a variable, such as OPENAI_API_KEY, not the key itself",
            HOW,
        );
        return None;
    }
    let value = section.reader.environment.var(name);
    if value.is_none() {
        section.reader.report(
            place,
            Code::VariableNotSet,
            format!("the environment variable {name} is not set"),
            format!("set it before the start: export {name}=…, or remove this entry"),
        );
    }
    value
}

fn file(section: &Section<'_>, name: &str, place: &Place) -> Option<String> {
    section.reader.watch(name);
    let read = section.reader.environment.read_file(&section.reader.resolve(name));
    read.inspect_err(|why| {
        section.reader.report(
            place,
            Code::UnreadableSecret,
            format!("the secret file cannot be read: {}", why.kind()),
            "check the path (relative to the folder of this file) and who may read it",
        );
    })
    .ok()
}
