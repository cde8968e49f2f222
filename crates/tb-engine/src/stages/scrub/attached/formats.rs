//! How formats begin that are no text.

/// How formats begin that the guard cannot read (images, sound, documents, archives). No text
/// begins so.
const MAGIC: [&[u8]; 11] = [
    b"\x89PNG",
    b"\xFF\xD8\xFF",
    b"II*\0",
    b"MM\0*",
    b"%PDF-",
    b"PK\x03\x04",
    b"\xFF\xFB",
    b"\xFF\xF3",
    b"\x1A\x45\xDF\xA3",
    b"\x1F\x8B",
    b"\xD0\xCF\x11\xE0",
];

/// The same for formats that begin with letters: a text may begin so too, but has no zero byte
/// near them.
const LETTERS: [&[u8]; 6] = [b"GIF8", b"RIFF", b"BM", b"ID3", b"OggS", b"fLaC"];
/// So near the zero byte is.
const LETTERS_REACH: usize = 16;

/// Whether a format that the guard cannot read begins so.
pub(super) fn is_of_format(begin: &[u8]) -> bool {
    let near = begin.get(..LETTERS_REACH).unwrap_or(begin);
    MAGIC.iter().any(|magic| begin.starts_with(magic))
        || is_film(begin)
        || (near.contains(&0) && LETTERS.iter().any(|magic| begin.starts_with(magic)))
}

/// ISO media (MP4, HEIC, AVIF) name themselves behind a length.
fn is_film(begin: &[u8]) -> bool {
    begin.get(4..8) == Some(b"ftyp")
}
