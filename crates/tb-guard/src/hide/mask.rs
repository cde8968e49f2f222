//! What stands in the place of masked values.

use crate::Kind;

/// Digits of a card that may be shown (PCI DSS 3.4.1 allows the last four).
const SHOWN_DIGITS: usize = 4;
/// What has fewer digits is no whole card: nothing of it is shown.
const LEAST_CARD_DIGITS: usize = 12;
/// A secret is as long as others when masked.
const SECRET: &str = "********";

/// The masked form: cards keep the last four digits and their grouping, the others only what
/// separates their parts. Nothing of an encoded value is kept.
pub(super) fn mask(kind: &Kind, value: &str, is_encoded: bool) -> String {
    if *kind == Kind::SECRET {
        return SECRET.to_owned();
    }
    let digits = value.chars().filter(|symbol| symbol.is_numeric()).count();
    let shows_end = *kind == Kind::CREDIT_CARD && digits >= LEAST_CARD_DIGITS && !is_encoded;
    let hidden_digits = if shows_end { digits - SHOWN_DIGITS } else { digits };
    let mut seen = 0;
    let mut out = String::with_capacity(value.len());
    for symbol in value.chars() {
        if symbol.is_numeric() {
            seen += 1;
            out.push(if seen > hidden_digits { symbol } else { '*' });
        } else if !is_encoded && (symbol == ' ' || "@.-/".contains(symbol)) {
            out.push(symbol);
        } else if symbol.is_ascii() || symbol.is_alphanumeric() {
            out.push('*');
        }
    }
    // Something must tell that something was there.
    if out.contains('*') { out } else { SECRET.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_end_of_cards_only() {
        let masked = |kind, value| mask(&kind, value, false);
        assert_eq!(masked(Kind::CREDIT_CARD, "4111 1111 1111 1234"), "**** **** **** 1234");
        assert_eq!(masked(Kind::CREDIT_CARD, "4111111111111234"), "************1234");
        assert_eq!(masked(Kind::CREDIT_CARD, "four one one"), "**** *** ***");
        assert_eq!(masked(Kind::EMAIL, "jo@example.com"), "**@*******.***");
        assert_eq!(masked(Kind::SECRET, "a-b.c"), "********");
        assert_eq!(masked(Kind::PERSON, "--"), "********");
        assert_eq!(mask(&Kind::CREDIT_CARD, "%34%31%31%31%31%31", true).trim_matches('*'), "");
    }
}
