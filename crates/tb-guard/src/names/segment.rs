//! Cuts a run of tokens into segments that are tagged one by one, so that the work and the
//! memory of a long text stay even.

use super::token::{Make, Token};

/// A segment of at least this many tokens ends at the next end of a sentence or line.
const ENOUGH: usize = 80;

/// No segment has more tokens.
const MOST: usize = 240;

/// The segments of a text, in order; together they are all its tokens.
pub(crate) fn cut<'t>(text: &'t str, tokens: &'t [Token]) -> impl Iterator<Item = &'t [Token]> {
    let mut rest = tokens;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let late = rest.iter().enumerate().skip(ENOUGH).take(MOST - ENOUGH);
        let end = late
            .filter(|(_, token)| ends_sentence(text, token))
            .map(|(at, _)| at.saturating_add(1))
            .next()
            .unwrap_or(MOST)
            .min(rest.len());
        let (segment, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(segment)
    })
}

fn ends_sentence(text: &str, token: &Token) -> bool {
    match token.make {
        Make::Line => true,
        Make::Mark => {
            let next = text.get(token.end..).and_then(|rest| rest.chars().next());
            matches!(text.get(token.start..token.end), Some("." | "!" | "?" | "。"))
                && next.is_some_and(char::is_whitespace)
        }
        _ => false,
    }
}
