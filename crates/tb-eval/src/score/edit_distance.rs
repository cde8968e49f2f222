//! Levenshtein distance over code points.

use crate::score::ratio;

/// 1 − edits / length of the longer text; 1 for two empty texts.
pub(crate) fn similarity(answer: &str, text: &str) -> f64 {
    let longer = answer.chars().count().max(text.chars().count());
    if longer == 0 {
        return 1.0;
    }
    1.0 - ratio(distance(answer, text), longer)
}

/// Insertions, deletions and replacements that turn one text into the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (above, from) in a.chars().enumerate() {
        let mut left = above.saturating_add(1);
        let mut diagonal = above;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, to) in row.iter_mut().skip(1).zip(&b) {
            let replaced = diagonal.saturating_add(usize::from(from != *to));
            diagonal = *cell;
            left = replaced.min(left.saturating_add(1)).min(cell.saturating_add(1));
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// The candidate that a mistyped name probably meant: an edit for every three characters.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let most = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(edits, _)| *edits <= most)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits_over_code_points() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("é", "e"), 1);
        assert!((similarity("abcd", "abxd") - 0.75).abs() < 1e-12);
        assert!((similarity("", "") - 1.0).abs() < 1e-12);
    }
}
