//! What a word that announces a password leads to, the likeliest way of writing first.

use super::hit::Hit;
use super::keyword::Keyword;
use super::{Scan, beyond, credentials, list, password, prose, record, setting};

impl Scan<'_> {
    /// Adds the passwords that the word from `start` to `end` announces.
    pub(super) fn password(&mut self, keyword: Keyword, start: usize, end: usize) {
        let (text, bytes) = (self.text, self.text.as_bytes());
        let is_short = keyword == Keyword::ShortPassword;
        if self.is_inside_word(start, end, is_short || end - start <= 4) {
            return;
        }
        let name = setting::name(bytes, start..end);
        if bytes.get(name.clone()).is_some_and(password::is_about) {
            return;
        }
        if self.settings.allows(start) {
            let set = setting::read(text, name.clone());
            let hit = set.and_then(|setting| password::password(bytes, &setting));
            let hit = hit.or_else(|| record::find(text, &name));
            let known = self.hits.len();
            if hit.is_none() && name.end >= self.listed {
                self.listed = list::find(text, name.end, &mut self.hits).unwrap_or(self.listed);
            }
            self.hits.extend(hit);
            if self.hits.len() > known {
                return;
            }
        }
        if !self.sentences.allows(start) {
            return;
        }
        let hit = credentials::with_user(text, name.start, end)
            .or_else(|| prose::after(text, end, is_short).filter(|_| name.end == end))
            .or_else(|| prose::before(text, name.start).filter(|_| !is_short));
        self.hits.extend(hit);
        if let Some(Hit { end, .. }) = hit.filter(|_| keyword == Keyword::Passwords) {
            beyond::others(text, end, &mut self.hits);
        }
    }
}
