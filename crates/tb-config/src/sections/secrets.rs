//! `api_keys`: secrets by reference, with the referred text checked at load.

use tb_core::Secret;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::codes::Code;
use crate::reader::{Place, Section};
use crate::redact::is_variable_name;

const HOW: &str = "write { env = \"NAME\" } or { file = \"PATH\" }";

/// The secrets of a list, in the order of the file. `None` = the list is no list, which was
/// reported; faulty entries are reported and left out.
pub(crate) fn secrets(section: &Section<'_>, key: &str) -> Option<Vec<Secret>> {
    let Some(place) = section.written_at(key) else {
        section.reader.effect(section.key_path(key), "[]".to_owned(), &Place::Default);
        return Some(Vec::new());
    };
    let items = section.array(key)?;
    let secrets: Vec<_> = items.iter().filter_map(|item| secret(section, item)).collect();
    let shown: Vec<_> = secrets.iter().map(|_| "\"[secret]\"").collect();
    section.reader.effect(section.key_path(key), format!("[{}]", shown.join(", ")), &place);
    Some(secrets)
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
    let mut entries = table.iter();
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
