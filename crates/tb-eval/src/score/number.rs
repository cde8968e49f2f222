//! The last number in the answer is near a number.

use std::sync::LazyLock;

use regex::Regex;

use super::Finding;

static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?").ok()
});

pub(super) fn find(text: &str, value: f64, tolerance: f64) -> Finding {
    match last(text) {
        None => Finding::Score(0.0, "number: there is none".to_owned()),
        Some(found) => {
            // One part in 10^12 for what decimals do in binary.
            let near = (found - value).abs() <= tolerance + value.abs() * 1e-12;
            Finding::holds(near, || "number: another one".to_owned())
        }
    }
}

fn last(text: &str) -> Option<f64> {
    let all = NUMBER.as_ref()?.find_iter(text);
    all.filter(|found| found.as_str().contains(|c: char| c.is_ascii_digit()))
        .filter_map(|found| {
            // In `a-3` and `10-3` the dash is no sign.
            let before = text.get(..found.start()).and_then(|before| before.chars().last());
            let part = before.is_some_and(char::is_alphanumeric);
            let digits = found.as_str().replace(',', "").replace('−', "-");
            let digits = if part { digits.trim_start_matches(['-', '+']) } else { &digits };
            digits.parse::<f64>().ok()
        })
        .last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_last_number() {
        for (text, number) in [
            ("So 3 + 4 = 7.", Some(7.0)),
            ("#### 1,234.50", Some(1234.5)),
            ("$-12", Some(-12.0)),
            ("−5 degrees", Some(-5.0)),
            ("from 10-3", Some(3.0)),
            ("1e3", Some(1000.0)),
            ("1, 2, 3", Some(3.0)),
            ("none, really.", None),
        ] {
            assert_eq!(last(text), number, "{text}");
        }
    }
}
