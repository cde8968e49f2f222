//! The digits that a number means.

/// A number without exponent and fraction: the digits that it means before the point. Nothing
/// where it is written so already, or has more digits than any identifier.
pub(super) fn plain_digits(number: &str) -> Option<String> {
    const MOST_DIGITS: usize = 64;
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (number, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let whole = whole.trim_start_matches('-');
    if fraction.is_empty() && exponent == 0 {
        return None;
    }
    let point = i64::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let length = usize::try_from(point).ok().filter(|length| *length <= MOST_DIGITS)?;
    let digits: String =
        whole.chars().chain(fraction.chars()).chain(std::iter::repeat('0')).take(length).collect();
    Some(digits.trim_start_matches('0').to_owned())
}

#[cfg(test)]
mod tests {
    use super::plain_digits;

    #[test]
    fn every_writing_of_a_number_gives_its_digits() {
        for number in ["4.1e2", "410.0", "-4.1E+2", "0.41e3", "4100e-1", "410.00"] {
            assert_eq!(plain_digits(number).as_deref(), Some("410"), "{number}");
        }
        for number in ["410", "-410", "4.1e99999", "4.1e-9", "1e9223372036854775807"] {
            assert_eq!(plain_digits(number), None, "{number}");
        }
    }
}
