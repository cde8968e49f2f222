//! A place in the text, before overlaps are settled.

/// A credential found by one rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hit {
    /// The rule's name.
    pub(crate) rule: &'static str,
    /// First byte.
    pub(crate) start: usize,
    /// Byte after the last one.
    pub(crate) end: usize,
    /// How sure, 0 to 1.
    pub(crate) score: f32,
}

/// Puts hits in the order of the text; of those that overlap, the surest (then the longest)
/// keeps its rule and covers what the others did, so that nothing of a secret stays visible.
pub(crate) fn settle(hits: &mut Vec<Hit>) {
    hits.sort_unstable_by_key(|hit| (hit.start, hit.end));
    let mut settled: Vec<Hit> = Vec::with_capacity(hits.len());
    for hit in hits.drain(..) {
        match settled.last_mut() {
            Some(last) if hit.start < last.end => {
                let is_better = hit.score > last.score
                    || hit.score >= last.score && hit.end - hit.start > last.end - last.start;
                if is_better {
                    last.rule = hit.rule;
                    last.score = hit.score;
                }
                last.end = last.end.max(hit.end);
            }
            _ => settled.push(hit),
        }
    }
    *hits = settled;
}
