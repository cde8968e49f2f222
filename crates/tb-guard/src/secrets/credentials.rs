//! A user's name and password side by side: "credentials: anna / Gr33n!".

use super::hit::Hit;
use super::password::is_password_like;
use super::placeholder::is_placeholder;
use super::prose::{WINDOW, is_technical};
use super::randomness::Makeup;
use super::value;

/// How far the pair may stand from the word.
const REACH: usize = 96;

/// The password of the pair after the word that ends at `end`.
pub(super) fn find(text: &str, end: usize) -> Option<Hit> {
    let rest = text.as_bytes().get(end..)?;
    let window = rest.get(..rest.len().min(REACH))?;
    let line = memchr::memchr(b'\n', window).unwrap_or(window.len());
    let mut at = 0;
    let mut last: &[u8] = b"";
    let mut has_user = false;
    for word in window.get(..line)?.split(|byte| *byte == b' ').take(8) {
        // `anna:Gr33n!`, `anna/Gr33n!`
        let split = word
            .iter()
            .rposition(|byte| b":/".contains(byte))
            .filter(|split| *split > 1 && split + 1 < word.len());
        let is_joined = has_user && matches!(last, b"/" | b":" | b"|" | b"and" | b"with");
        let start = match split {
            Some(split) => at + split + 1,
            _ if is_joined => at,
            _ => {
                has_user |= word.len() > 1;
                last = word;
                at += word.len() + 1;
                continue;
            }
        };
        let found = value::read(text, end + start)?;
        let value = text.as_bytes().get(found.place.clone())?;
        let makeup = Makeup::of(value);
        let is_password = value.len() >= 6
            && makeup.digits > 0
            && makeup.letters() > 1
            && !value.contains(&b' ')
            && is_password_like(value)
            && !is_placeholder(value)
            && !value.contains(&b'/');
        return is_password.then_some(Hit {
            rule: "password_prose",
            start: found.place.start,
            end: found.place.end,
            score: 0.6,
        });
    }
    None
}

/// Whether a name of a user stands before the word: "user x and pass y", "login x password y".
/// Then what follows may be a plain word.
pub(super) fn with_user(text: &str, start: usize, end: usize) -> Option<Hit> {
    const USER: &[&[u8]] = &[
        b"user",
        b"username",
        b"login",
        b"account",
        b"utilisateur",
        b"usuario",
        b"benutzer",
        b"nutzer",
        b"identifiant",
        b"benutzername",
        b"user:",
        b"username:",
        b"login:",
        b"as",
        b"-u",
        b"user=",
        b"email",
    ];
    const JOINS: &[&[u8]] = &[
        b"and", b"with", b"/", b"&", b"und", b"et", b"y", b"e", b"mit", b"con", b"avec", b"the",
        b"using", b"|", b"-", b"dem",
    ];
    let head = text.as_bytes().get(start.saturating_sub(WINDOW)..start)?;
    let words: Vec<&[u8]> = head
        .rsplit(|byte| byte.is_ascii_whitespace())
        .map(|word| word.trim_ascii())
        .filter(|word| !word.is_empty())
        .skip_while(|word| JOINS.contains(&word.to_ascii_lowercase().as_slice()))
        .take(2)
        .collect();
    let [_, user] = words.as_slice() else { return None };
    if !USER.contains(&user.to_ascii_lowercase().as_slice()) {
        return None;
    }
    let rest = text.as_bytes().get(end..)?;
    let gap = rest.iter().take(4).take_while(|byte| b" :=".contains(byte)).count();
    let found = value::read(text, end + gap).filter(|_| gap > 0)?;
    let value = text.as_bytes().get(found.place.clone())?;
    const PLAIN: &[&[u8]] =
        &[b"through", b"over", b"along", b"reset", b"field", b"fields", b"manager"];
    let is_secret = value.len() >= 4
        && !is_placeholder(value)
        && !is_technical(value)
        && !PLAIN.contains(&value)
        && (found.is_quoted
            || is_password_like(value)
            || value.len() >= 5 && !value.contains(&b'('));
    is_secret.then_some(Hit {
        rule: "password_prose",
        start: found.place.start,
        end: found.place.end,
        score: 0.7,
    })
}
