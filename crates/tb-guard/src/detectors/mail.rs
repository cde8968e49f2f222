//! E-mail addresses: around each `@`, with a plausible domain.

use memchr::memchr_iter;

use crate::Kind;

use super::hits::{Certainty, Hits};
use super::runs::{at, before};

/// The longest local part (RFC 5321) with room for what is not counted.
const LONGEST_LOCAL: usize = 128;
/// The longest domain (RFC 1035), in bytes with room for other scripts.
const LONGEST_DOMAIN: usize = 255;

/// What looks like a top-level domain and is the end of a file name.
const FILE_ENDINGS: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "svg", "webp", "js", "mjs", "css", "html", "htm", "json", "xml",
    "yaml", "yml", "toml", "pdf", "txt", "exe", "dll", "jar", "tgz", "lock", "whl", "tsx", "jsx",
];

/// Finds all addresses of a text.
pub(super) fn find(text: &str, hits: &mut Hits) {
    let bytes = text.as_bytes();
    let mut cursor = 0;
    for place in memchr_iter(b'@', bytes) {
        let Some(start) = local_start(text, place, cursor) else { continue };
        let Some(end) = domain_end(text, place + 1) else { continue };
        if is_user_of_url(bytes, start) || is_remote_repository(bytes, start, place, end) {
            continue;
        }
        hits.add(Kind::EMAIL, start, end, Certainty::Checked);
        cursor = end;
    }
}

/// Letters of the scripts of Europe; of others a word may stand before an address without a space.
fn is_letter(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || ('\u{c0}'..'\u{590}').contains(&character) && character.is_alphabetic()
}

fn local_start(text: &str, at_sign: usize, cursor: usize) -> Option<usize> {
    let head = text.get(cursor..at_sign)?;
    if let Some(length) = quoted(head) {
        return Some(at_sign - length);
    }
    let mut start = at_sign;
    for (offset, character) in head.char_indices().rev() {
        let is_part = is_letter(character) || "._%+-'!#$&*/=?^`{|}~".contains(character);
        if !is_part || at_sign - cursor - offset > LONGEST_LOCAL {
            break;
        }
        start = cursor + offset;
    }
    // Marks that an address may have inside, but that rather belong to the text around it.
    let local = text.get(start..at_sign)?;
    let cut = local.rfind(|character| "'!#$&*/=?^`{|}~%".contains(character));
    let kept = cut.map_or(local, |cut| local.get(cut + 1..).unwrap_or_default());
    let kept = kept.trim_start_matches(['.', '+', '-']);
    let is_local = !kept.is_empty() && kept.len() <= 64 && !kept.ends_with('.');
    is_local.then_some(at_sign - kept.len())
}

/// The length of the quoted local part at the end of a text (RFC 5321, 4.1.2), with its quotes,
/// which JSON escapes.
fn quoted(head: &str) -> Option<usize> {
    let inside = head.strip_suffix('"')?;
    let inside = inside.strip_suffix('\\').unwrap_or(inside);
    let from = crate::view::ceil(inside, inside.len().saturating_sub(LONGEST_LOCAL));
    let near = inside.get(from..)?;
    let line = near.rfind('\n').map_or(0, |line| line + 1);
    let open = line + near.get(line..)?.rfind('"')?;
    let is_escaped = near.get(..open).is_some_and(|before| before.ends_with('\\'));
    let is_local = near.get(open + 1..).is_some_and(|local| !local.trim().is_empty());
    is_local.then(|| head.len() - from - open + usize::from(is_escaped))
}

/// The place after the domain that begins here.
fn domain_end(text: &str, start: usize) -> Option<usize> {
    let tail = text.get(start..)?;
    let length = tail
        .char_indices()
        .find(|(offset, character)| {
            !(is_letter(*character) || matches!(character, '.' | '-')) || *offset > LONGEST_DOMAIN
        })
        .map_or(tail.len(), |(offset, _)| offset);
    let mut domain = tail.get(..length)?;
    if let Some(double) = domain.find("..") {
        domain = domain.get(..double)?;
    }
    let domain = domain.trim_end_matches(['.', '-']);
    if at(text.as_bytes(), start + domain.len()) == b'@' || !is_domain(domain) {
        return None;
    }
    Some(start + domain.len())
}

/// Two or more labels, the last one a plausible top-level domain.
fn is_domain(domain: &str) -> bool {
    let mut labels = domain.split('.');
    let Some(last) = domain.rsplit('.').next() else { return false };
    let is_top = last.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("xn--"))
        || last.chars().count() >= 2 && last.len() <= 48 && last.chars().all(char::is_alphabetic);
    let is_file = FILE_ENDINGS.iter().any(|ending| ending.eq_ignore_ascii_case(last));
    let is_version = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_digit());
    let is_version = {
        let mut head = domain.split('.').take(2);
        head.next().is_some_and(is_version) && head.next().is_some_and(is_version)
    };
    let is_labels = labels.all(|label| {
        !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
    });
    domain.contains('.') && is_top && !is_file && !is_version && is_labels
}

/// `scheme://user:password@host` is a URL with credentials, not an address.
fn is_user_of_url(bytes: &[u8], start: usize) -> bool {
    let head = bytes.get(start.saturating_sub(LONGEST_LOCAL)..start).unwrap_or_default();
    // An address in the path stands behind a single slash.
    let Some(slash) = head.iter().rposition(|byte| *byte == b'/') else { return false };
    let ends_url = |byte: &u8| byte.is_ascii_whitespace() || b"\"'<>?@".contains(byte);
    let is_host = head.get(..slash).is_some_and(|scheme| scheme.ends_with(b":/"));
    is_host && !head.get(slash..).unwrap_or_default().iter().any(ends_url)
}

/// `git@host:path`: the user is the service's own.
fn is_remote_repository(bytes: &[u8], start: usize, at_sign: usize, end: usize) -> bool {
    bytes.get(start..at_sign) == Some(b"git")
        && (at(bytes, end) == b':' || before(bytes, start) == b'/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::hits_of;

    fn found(text: &str) -> Vec<&str> {
        hits_of(text, |_, _, _, hits| find(text, hits)).into_iter().map(|(_, hit)| hit).collect()
    }

    #[test]
    fn finds_addresses_in_prose_and_code() {
        for (text, address) in [
            ("write to a.b+c_d@mail.example.org.", "a.b+c_d@mail.example.org"),
            ("<a@b.example>", "a@b.example"),
            ("q=x&mail='jo-e@x.co.uk'", "jo-e@x.co.uk"),
            ("請寄jo@xn--bcher-kva.example謝", "jo@xn--bcher-kva.example"),
            ("jörg@müller.de!", "jörg@müller.de"),
            ("mailto:x@y.io?subject=1", "x@y.io"),
            ("to \"john doe\"@example.com now", "\"john doe\"@example.com"),
            (r#"{"to": "\"john, doe\"@example.com"}"#, r#"\"john, doe\"@example.com"#),
        ] {
            assert_eq!(found(text), [address]);
        }
        assert_eq!(found("a@b.com,c@d.org;e@f.net"), ["a@b.com", "c@d.org", "e@f.net"]);
    }

    #[test]
    fn versions_files_handles_and_credentials_are_no_addresses() {
        for text in [
            "npm i left-pad@1.9.9",
            "icon@2x.png",
            "@app.route",
            "me@localhost",
            "a@b",
            "x@1.2.3-beta.rc",
            "postgres://u:p4ss@db.example.com/x",
            "git@code.example.com:a/b",
            "a@@b.com.",
            "@",
            "a@.com",
            "\"\"@example.com",
            "say \"hi\" @example.com",
            "\"\n\"@example.com",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
