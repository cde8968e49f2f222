//! Passwords that do not stand in the sentence of their cue, or without a blank between: in the
//! next line, after a particle, further on in an enumeration.

use super::hit::Hit;
use super::password::is_code;
use super::placeholder::is_placeholder;
use super::prose::{hit, is_technical, looks_chosen};
use super::randomness::Makeup;
use super::value;

/// The value alone in the line after the break at `at`; one line between may be empty or open a
/// block of code.
pub(super) fn next_line(text: &str, at: usize) -> Option<Hit> {
    let window = text.get(at..)?;
    let mut start = at;
    for (index, line) in window.split_inclusive('\n').take(4).enumerate() {
        let plain = line.trim();
        let is_between = plain.is_empty() || plain.starts_with("```");
        if index == 0 || is_between && index < 3 {
            start += line.len();
            continue;
        }
        if plain.is_empty() {
            return None;
        }
        let indent = line.len() - line.trim_start().len();
        let found = value::read(text, start + indent)?;
        let value = text.as_bytes().get(found.place.clone())?;
        let around = plain.len().saturating_sub(value.len());
        let makeup = Makeup::of(value);
        let is_secret = around <= 4
            && value.len() >= 5
            && !value.contains(&b' ')
            && (looks_chosen(value) || makeup.digits == value.len() && value.len() >= 6)
            && !is_technical(value)
            && !is_code(value)
            && !is_placeholder(value);
        return is_secret.then(|| hit(found.place.start, found.place.end, 0.6));
    }
    None
}

/// The value after a particle that stands at the word without a blank: 密码是…, パスワードは….
pub(super) fn particle(text: &str, end: usize) -> Option<Hit> {
    const PARTICLES: &[&str] =
        &["是", "为", "為", "は", "が", "는", "은", "이", "가", ":", "：", "是:", "是：", "は:"];
    let rest = text.get(end..).filter(|rest| !rest.starts_with(|c: char| c.is_ascii()))?;
    let particle = PARTICLES.iter().rev().find(|particle| rest.starts_with(**particle))?;
    let rest = rest.get(particle.len()..)?;
    let blanks = rest.len() - rest.trim_start_matches(' ').len();
    let start = end + particle.len() + blanks;
    let found = value::read(text, start)?;
    let value = text.as_bytes().get(found.place.clone())?;
    let length = value.iter().take_while(|byte| byte.is_ascii()).count();
    let value = value.get(..length)?;
    let is_secret = looks_chosen(value) && !is_placeholder(value) && !is_technical(value);
    is_secret.then(|| hit(found.place.start, found.place.start + length, 0.75))
}

/// Adds the passwords that an enumeration goes on with: "…, … and …".
pub(super) fn others(text: &str, end: usize, hits: &mut Vec<Hit>) {
    const JOINS: &[&str] = &[", and ", " and ", ", ", " or ", " und ", " et ", " y ", " e ", " / "];
    let mut at = end;
    for _ in 0..16 {
        let Some(rest) = text.get(at..) else { return };
        let rest = rest.trim_start_matches(['"', '\'', '`']);
        let Some(join) = JOINS.iter().find(|join| rest.starts_with(**join)) else { return };
        let start = text.len() - rest.len() + join.len();
        let Some(found) = value::read(text, start) else { return };
        let value = text.as_bytes().get(found.place.clone()).unwrap_or_default();
        if !looks_chosen(value) || is_placeholder(value) || is_technical(value) {
            return;
        }
        hits.push(hit(found.place.start, found.place.end, 0.6));
        at = found.place.end;
    }
}
