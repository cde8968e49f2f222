//! The valid name that a mistyped one was probably meant to be.

/// The candidate nearest to `word`, if it is near enough to be meant: at most one edit for
/// every three characters, and at least one.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let length = word.chars().count();
    // A word this long is not a mistyped name, and the table below would grow with it.
    if length > 128 {
        return None;
    }
    let limit = (length / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(edits, _)| *edits <= limit)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate.to_owned())
}

/// Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`: the optimal
/// string alignment distance, row by row.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous_char = None;
    for (row, from) in a.chars().enumerate() {
        let mut line = vec![row.saturating_add(1)];
        for (column, to) in b.iter().enumerate() {
            let at =
                |cells: &[usize], index: usize| cells.get(index).copied().unwrap_or(usize::MAX);
            let replaced = at(&last, column).saturating_add(usize::from(from != *to));
            let removed = at(&last, column.saturating_add(1)).saturating_add(1);
            let inserted = at(&line, column).saturating_add(1);
            let swap = column > 0
                && previous_char == Some(*to)
                && b.get(column.wrapping_sub(1)) == Some(&from);
            let swapped = if swap {
                at(&before, column.wrapping_sub(1)).saturating_add(1)
            } else {
                usize::MAX
            };
            line.push(replaced.min(removed).min(inserted).min(swapped));
        }
        before = std::mem::replace(&mut last, line);
        previous_char = Some(from);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_insertions_deletions_replacements_and_swaps() {
        assert_eq!(distance("listen", "listen"), 0);
        assert_eq!(distance("listn", "listen"), 1);
        assert_eq!(distance("lsiten", "listen"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
    }

    #[test]
    fn offers_only_what_is_near() {
        assert_eq!(nearest("api_key", ["base_url", "api_keys"]), Some("api_keys".to_owned()));
        assert_eq!(nearest("OpenAI", ["openai", "azure"]), Some("openai".to_owned()));
        assert_eq!(nearest("zzz", ["openai", "azure"]), None);
    }
}
