//! Texts made to be slow.

/// Their names, and what is repeated in them.
const PATTERNS: &[(&str, &str)] = &[
    ("digits", "7"),
    ("digits and blanks", "4 "),
    ("dots and digits", "1."),
    ("a@", "a@"),
    ("a.", "a."),
    ("quotes", "\""),
    ("open brackets", "<"),
    ("backslashes", "\\"),
    ("password=", "password="),
    ("password is", "the password is "),
    ("a prefix of keys", "AKIA"),
    ("Bearer", "Bearer "),
    ("://", "://"),
    ("begin of keys", "-----BEGIN PRIVATE KEY-----"),
    ("percent of percent", "%25"),
    ("entities", "&#38;"),
    ("unicode escapes", "\\u0041"),
    ("base64", "QUtJQQ=="),
    ("hexadecimal", "deadbeef"),
    ("invisible characters", "a\u{200b}"),
    ("combining characters", "e\u{301}"),
    ("full-width digits", "４"),
    ("capitalised words", "Miller Smith "),
    ("spoken digits", "four one "),
    ("placeholders", "<EMAIL_7f3a_1>"),
    ("date of birth", "born on 01.01."),
];

/// Each with a text of about so many bytes.
pub(crate) fn texts(bytes: usize) -> impl Iterator<Item = (&'static str, String)> {
    PATTERNS.iter().map(move |(name, pattern)| (*name, pattern.repeat(bytes / pattern.len())))
}
