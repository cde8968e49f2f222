//! Values that stand for a secret but are none: variables, calls, stars, example words.

use super::randomness::is_example;

/// Words that people write where a secret would stand, names of types among them. In lower
/// case, sorted.
const WORDS: &[&str] = &[
    "abc123",
    "admin",
    "any",
    "apikey",
    "asterisks",
    "auth",
    "bearer",
    "bool",
    "boolean",
    "byte",
    "bytes",
    "case",
    "changed",
    "changeit",
    "characters",
    "client",
    "compromised",
    "config",
    "correct",
    "credential",
    "credentials",
    "default",
    "disabled",
    "email",
    "empty",
    "enabled",
    "encrypted",
    "env",
    "environment",
    "expired",
    "false",
    "field",
    "file",
    "float",
    "foo",
    "foobar",
    "for",
    "forgotten",
    "from",
    "hashed",
    "hidden",
    "identifier",
    "in",
    "incorrect",
    "input",
    "int",
    "integer",
    "invalid",
    "is",
    "key",
    "kwargs",
    "length",
    "localhost",
    "login",
    "long",
    "mandatory",
    "missing",
    "mypassword",
    "mysecret",
    "mytoken",
    "name",
    "nil",
    "no",
    "none",
    "not",
    "null",
    "number",
    "object",
    "option",
    "optional",
    "or",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "passwort",
    "private",
    "prompt",
    "protected",
    "public",
    "pw",
    "pwd",
    "query",
    "read",
    "readonly",
    "request",
    "required",
    "reset",
    "response",
    "root",
    "safe",
    "secret",
    "secretstr",
    "secure",
    "self",
    "shown",
    "special",
    "state",
    "stdin",
    "str",
    "string",
    "strong",
    "table",
    "test",
    "text",
    "that",
    "the",
    "this",
    "token",
    "true",
    "type",
    "undefined",
    "unknown",
    "unset",
    "user",
    "username",
    "utf-8",
    "valid",
    "value",
    "varchar",
    "vault",
    "void",
    "weak",
    "with",
    "word",
    "write",
    "wrong",
    "yes",
    "your",
];

/// Whether a value stands for a secret but is none.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    is_reference(value) || is_word(&lower) || is_filler(value) || is_marked(&lower)
}

/// `$NAME`, `${…}`, `{{ … }}`, `%NAME%`, `<…>`, `[…]`, `#{…}`, `@name`, `!Ref`, `&name`.
fn is_reference(value: &[u8]) -> bool {
    let is_name = |bytes: &[u8]| {
        !bytes.is_empty()
            && bytes.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.->:[]'".contains(byte))
    };
    match value {
        [b'$', b'{' | b'(' | b'[', ..] | [b'{', ..] | [b'<', ..] | [b'[', ..] => true,
        [b'#' | b'@', b'{', ..] | [b'%', b'(' | b'{', ..] => true,
        [b'%', b's' | b'd' | b'v' | b'q' | b'r' | b'@'] => true,
        [b'%', name @ .., b'%'] | [b'$' | b'&' | b':', name @ ..] => {
            is_name(name) && !name.iter().any(u8::is_ascii_digit)
        }
        [b'!', rest @ ..] => [&b"Ref"[..], b"Sub", b"GetAtt", b"vault", b"secret", b"env"]
            .iter()
            .any(|word| rest.starts_with(word)),
        [b'*', ..] | [b'.', b'.', ..] => {
            value.iter().all(|byte| b"*.[]".contains(byte) || byte.is_ascii_whitespace())
        }
        _ => {
            let has = |needle: &[u8]| memchr::memmem::find(value, needle).is_some();
            has(b"${") || has(b"{{") || has(b"$(") || has(b"<%") || has(b"***")
        }
    }
}

/// One of the words, digits at its end apart (`password1`, `secret123`).
fn is_word(lower: &[u8]) -> bool {
    let name = lower.trim_ascii_end();
    let known = |word: &[u8]| WORDS.binary_search_by(|known| known.as_bytes().cmp(word)).is_ok();
    let is_code = |word: &[u8]| {
        let mut parts = word.split(|byte| b"_-. ".contains(byte));
        parts.all(|part| {
            part.is_empty() || known(part) || matches!(part, b"my" | b"db" | b"a" | b"new" | b"old")
        })
    };
    is_code(name)
}

/// The same character, or dots, dashes and stars only.
fn is_filler(value: &[u8]) -> bool {
    let Some(first) = value.first() else { return true };
    value.iter().all(|byte| byte == first)
        || value.iter().all(|byte| !byte.is_ascii_alphanumeric() && byte.is_ascii())
        || value.starts_with("•".as_bytes())
        || value.starts_with("…".as_bytes())
}

fn is_marked(lower: &[u8]) -> bool {
    const STARTS: &[&[u8]] = &[
        b"os.environ",
        b"os.getenv",
        b"process.env",
        b"getenv",
        b"env.",
        b"env(",
        b"env[",
        b"env:",
        b"vault:",
        b"file:",
        b"ssm:",
        b"arn:",
        b"secrets.",
        b"secretsmanager",
        b"config.",
        b"settings.",
        b"self.",
        b"this.",
        b"request.",
        b"req.",
        b"args.",
        b"params.",
        b"var.",
        b"local.",
        b"data.",
        b"module.",
        b"system.getenv",
        b"std::env",
        b"credentials(",
        b"/run/",
        b"/etc/",
        b"/var/",
        b"op://",
        b"keyring",
        b"projects/",
        b"aws-sm:",
        b"http://",
        b"https://",
        b"data:",
    ];
    STARTS.iter().any(|start| lower.starts_with(start)) || is_example(lower) && !is_chosen(lower)
}

/// Whether digits or symbols beside the mark of an example show that somebody chose the value
/// (`changeme123`, `Sample#42`). Words that ask to be replaced stay marks whatever follows them.
fn is_chosen(lower: &[u8]) -> bool {
    const ALWAYS: &[&[u8]] = &[
        b"your",
        b"xxxx",
        b"****",
        b"....",
        b"${",
        b"{{",
        b"_here",
        b"-here",
        b"placeholder",
        b"redacted",
        b"replace",
        b"insert",
        b"my_key",
        b"my-key",
        b"<",
        b"0000000000",
        b"123456789012",
        b"example",
    ];
    let has = |mark: &&[u8]| memchr::memmem::find(lower, mark).is_some();
    let digits = lower.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = lower.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    digits >= 2 && letters >= 4 && !ALWAYS.iter().any(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_its_words_sorted() {
        assert!(WORDS.is_sorted());
    }

    #[test]
    fn knows_variables_from_passwords() {
        for value in ["${VAR}", "$DB_PASS", "%PASSWORD%", "<password>", "********", "{{ pw }}"] {
            assert!(is_placeholder(value.as_bytes()), "{value}");
        }
        for value in ["%I1Pwo6w", "$ecr3tPa5s", "*isksdImd", "!8%HnC", "hunter2"] {
            assert!(!is_placeholder(value.as_bytes()), "{value}");
        }
    }
}
