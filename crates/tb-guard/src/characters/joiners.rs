//! Where writing needs what is not seen: joiners and variation selectors of scripts and emoji, and
//! the tags of flags. By blocks of Unicode 16; a character in its place is neither counted nor
//! taken out.

/// Whether a non-joiner (U+200C) or joiner (U+200D) stands where a script or an emoji needs it:
/// behind a virama, between letters of one cursive or Indic script (as RFC 5892, appendix A, has
/// it for domain names, without the joining types), or between the parts of an emoji.
pub(super) fn is_joiner_needed(joiner: char, before: &str, after: &str) -> bool {
    let mut back = before.chars().rev();
    let (Some(last), next) = (back.next(), after.chars().next()) else { return false };
    if is_virama(last) {
        return true;
    }
    let Some(next) = next else { return false };
    let script = joining_script(last);
    if script.is_some() && script == joining_script(next) {
        return true;
    }
    let is_of_emoji = match last {
        // The selector of emoji style, or a skin tone, stands behind the picture.
        '\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}' => back.next().is_some_and(is_picture),
        picture => is_picture(picture),
    };
    joiner == '\u{200D}' && is_of_emoji && is_picture(next)
}

/// Whether a variation selector stands behind something that has variants: emoji and symbols
/// (U+FE0E, U+FE0F), keycaps, mathematics, CJK, and the few scripts with standard variants.
pub(super) fn is_selector_needed(selector: char, before: &str, after: &str) -> bool {
    let Some(last) = before.chars().next_back() else { return false };
    match selector {
        '\u{FE0E}' | '\u{FE0F}' => {
            is_picture(last)
                || matches!(last, '\u{1F1E6}'..='\u{1F1FF}' | '\u{1F3FB}'..='\u{1F3FF}')
                || matches!(last, '0'..='9' | '#' | '*') && after.starts_with('\u{20E3}')
        }
        '\u{FE00}'..='\u{FE02}' => {
            is_ideograph(last)
                || matches!(last, '\u{2200}'..='\u{22FF}' | '\u{2A00}'..='\u{2AFF}')
                || matches!(last, '\u{3000}'..='\u{303F}' | '\u{FF01}'..='\u{FF60}')
                || matches!(last, '\u{1000}'..='\u{109F}' | '\u{A840}'..='\u{A87F}')
        }
        '\u{E0100}'..='\u{E01EF}' => is_ideograph(last),
        _ => false,
    }
}

/// The bytes of the tags of a flag (UTS #51, ED-14a: a black flag, the code of a country's
/// part in tags, the end tag) at the start of `tags`.
pub(super) fn flag_bytes(before: &str, tags: &str) -> Option<usize> {
    /// Two letters for the country, one to four letters or digits for its part.
    const CODE: std::ops::RangeInclusive<usize> = 3..=6;
    if !before.ends_with('\u{1F3F4}') {
        return None;
    }
    let is_of_code = |(place, tag): &(usize, char)| match tag {
        '\u{E0061}'..='\u{E007A}' => true,
        '\u{E0030}'..='\u{E0039}' => *place >= 2,
        _ => false,
    };
    let length = tags.chars().enumerate().take_while(is_of_code).take(*CODE.end() + 1).count();
    let is_flag = CODE.contains(&length) && tags.chars().nth(length) == Some('\u{E007F}');
    is_flag.then(|| tags.chars().take(length + 1).map(char::len_utf8).sum())
}

/// Signs that take the vowel from a consonant (`Indic_Syllabic_Category` virama, pure killer and
/// invisible stacker) in the scripts that are written with joiners.
const fn is_virama(symbol: char) -> bool {
    matches!(
        symbol,
        '\u{94D}'
            | '\u{9CD}'
            | '\u{A4D}'
            | '\u{ACD}'
            | '\u{B4D}'
            | '\u{BCD}'
            | '\u{C4D}'
            | '\u{CCD}'
            | '\u{D3B}'
            | '\u{D3C}'
            | '\u{D4D}'
            | '\u{DCA}'
            | '\u{1039}'
            | '\u{103A}'
            | '\u{17D2}'
            | '\u{1A60}'
            | '\u{1B44}'
            | '\u{A9C0}'
    )
}

/// The script of a letter or sign of a script that is written with joiners; digits and
/// punctuation need none.
fn joining_script(symbol: char) -> Option<u8> {
    let script = match symbol {
        '\u{60C}' | '\u{61B}' | '\u{61F}' | '\u{66A}'..='\u{66D}' | '\u{6D4}' => return None,
        '\u{964}' | '\u{965}' | '\u{970}' => return None,
        '\u{610}'..='\u{6FF}'
        | '\u{750}'..='\u{77F}'
        | '\u{870}'..='\u{8FF}'
        | '\u{FB50}'..='\u{FDFF}'
        | '\u{FE70}'..='\u{FEFC}' => 1,
        '\u{710}'..='\u{74F}' | '\u{860}'..='\u{86F}' => 2,
        '\u{7C0}'..='\u{7FF}' => 3,
        '\u{1820}'..='\u{18AF}' => 4,
        '\u{1000}'..='\u{1049}' => 5,
        '\u{1780}'..='\u{17D3}' => 6,
        // Nine Indic scripts of 128 characters each, then Sinhala: Devanagari is 16.
        '\u{900}'..='\u{DFF}' => u8::try_from(u32::from(symbol) >> 7).unwrap_or(u8::MAX),
        '\u{A8E0}'..='\u{A8FF}' => 18,
        _ => return None,
    };
    (!symbol.is_numeric()).then_some(script)
}

/// A picture, as `Extended_Pictographic` has it, rounded to blocks of symbols.
const fn is_picture(symbol: char) -> bool {
    matches!(
        symbol,
        '\u{A9}'
            | '\u{AE}'
            | '\u{203C}'
            | '\u{2049}'
            | '\u{2122}'
            | '\u{2139}'
            | '\u{2190}'..='\u{21FF}'
            | '\u{2300}'..='\u{23FF}'
            | '\u{24C2}'
            | '\u{25A0}'..='\u{27BF}'
            | '\u{2900}'..='\u{297F}'
            | '\u{2B00}'..='\u{2BFF}'
            | '\u{3030}'
            | '\u{303D}'
            | '\u{3297}'
            | '\u{3299}'
            | '\u{1F000}'..='\u{1F1E5}'
            | '\u{1F200}'..='\u{1F3FA}'
            | '\u{1F400}'..='\u{1FAFF}'
    )
}

const fn is_ideograph(symbol: char) -> bool {
    matches!(
        symbol,
        '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}'
    )
}
