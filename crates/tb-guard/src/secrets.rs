//! Credentials: documented token formats, keys, connection strings, passwords.
//!
//! One automaton finds every prefix and every word that may announce a secret; at each of its
//! hits a small matcher looks around, never further than a fixed distance. So a text is read
//! once, and hostile texts cost a fixed factor more.

mod block;
mod budget;
mod checksum;
mod class;
mod command;
mod credentials;
mod formats;
mod header;
mod hit;
mod jwt;
mod keyword;
mod marked;
mod nearby;
mod password;
mod placeholder;
mod prose;
mod randomness;
mod setting;
mod token;
mod url;
mod value;
mod vendor;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use self::budget::Budget;
use self::command::Command;
use self::formats::Format;
use self::hit::Hit;
use self::keyword::Keyword;
use self::marked::Marked;
use self::vendor::Vendor;
use crate::{Found, Kind};

static RULES: LazyLock<Rules> = LazyLock::new(Rules::compile);

/// Compiles the rules, if they are not yet.
pub(crate) fn warm() {
    LazyLock::force(&RULES);
    password::warm();
    randomness::warm();
}

/// Finds every credential of a text.
pub(crate) fn find(text: &str, out: &mut Vec<Found>) {
    RULES.find(text, out);
}

/// The compiled rules.
struct Rules {
    /// `None` only if the automaton could not be built, which a test rules out.
    automaton: Option<AhoCorasick>,
    /// By the automaton's pattern.
    triggers: Vec<Trigger>,
}

/// What a pattern of the automaton leads to.
#[derive(Clone, Copy)]
enum Trigger {
    Format(&'static Format),
    Marked(&'static Marked),
    Vendor(&'static Vendor),
    Command(&'static Command),
    Keyword(Keyword),
}

impl Rules {
    fn compile() -> Self {
        let rules: Vec<(&str, Trigger)> = formats::all()
            .map(|format| (format.prefix, Trigger::Format(format)))
            .chain(marked::MARKED.iter().map(|marked| (marked.mark, Trigger::Marked(marked))))
            .chain(vendor::VENDORS.iter().map(|vendor| (vendor.name, Trigger::Vendor(vendor))))
            .chain(command::COMMANDS.iter().map(|one| (one.name, Trigger::Command(one))))
            .chain(
                keyword::KEYWORDS.iter().map(|(word, keyword)| (*word, Trigger::Keyword(*keyword))),
            )
            .collect();
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(rules.iter().map(|(pattern, _)| pattern))
            .ok();
        Self { automaton, triggers: rules.into_iter().map(|(_, trigger)| trigger).collect() }
    }

    fn find(&self, text: &str, out: &mut Vec<Found>) {
        let Some(automaton) = &self.automaton else { return };
        let mut scan = Scan::new(text);
        for found in automaton.find_overlapping_iter(text) {
            if let Some(trigger) = self.triggers.get(found.pattern().as_usize()) {
                scan.look(*trigger, found.start(), found.end());
            }
        }
        hit::settle(&mut scan.hits);
        out.extend(scan.hits.iter().map(|hit| Found {
            kind: Kind::SECRET,
            rule: Some(Cow::Borrowed(hit.rule)),
            start: hit.start,
            end: hit.end,
            score: hit.score,
        }));
    }
}

/// One text.
struct Scan<'t> {
    text: &'t str,
    hits: Vec<Hit>,
    /// What long matches (blocks, JWTs, URLs) cover so far: not looked at again by their kind.
    covered: usize,
    /// Ids of a cloud were looked around up to here.
    nearby: usize,
    /// How often tokens, settings and sentences may still be read around here.
    tokens: Budget,
    settings: Budget,
    sentences: Budget,
}

impl<'t> Scan<'t> {
    const fn new(text: &'t str) -> Self {
        Self {
            text,
            hits: Vec::new(),
            covered: 0,
            nearby: 0,
            tokens: Budget::new(16),
            settings: Budget::new(10),
            sentences: Budget::new(6),
        }
    }

    fn look(&mut self, trigger: Trigger, start: usize, end: usize) {
        let bytes = self.text.as_bytes();
        match trigger {
            Trigger::Format(format) => {
                if !token::begins(bytes, start, format) || !self.tokens.allows(start) {
                    return;
                }
                let hit = token::find(bytes, start, format);
                if let Some(hit) = hit.filter(|_| format.rule.starts_with("aws_")) {
                    self.nearby = nearby::secret_keys(bytes, hit, self.nearby, &mut self.hits);
                }
                self.hits.extend(hit);
            }
            Trigger::Marked(marked) => self.hits.extend(marked::find(bytes, end, marked)),
            Trigger::Vendor(vendor) => self.hits.extend(vendor::find(bytes, end, vendor)),
            Trigger::Command(command) => self.hits.extend(command::find(self.text, end, command)),
            Trigger::Keyword(keyword) => self.keyword(keyword, start, end),
        }
    }

    fn keyword(&mut self, keyword: Keyword, start: usize, end: usize) {
        let (text, bytes) = (self.text, self.text.as_bytes());
        match keyword {
            Keyword::Password | Keyword::ShortPassword => self.password(keyword, start, end),
            Keyword::Secret | Keyword::Key => {
                let name = setting::name(bytes, start..end);
                let is_key = !self.is_inside_word(start, end, end - start <= 4)
                    && setting::is_tied(bytes, name.end)
                    && self.settings.allows(start)
                    && !bytes.get(name.clone()).is_some_and(password::is_about);
                let setting = Some(name).filter(|_| is_key).and_then(|n| setting::read(text, n));
                let is_vague = keyword == Keyword::Key;
                self.hits.extend(setting.and_then(|one| password::key(bytes, &one, is_vague)));
            }
            Keyword::Authorization => self.hits.extend(header::authorization(bytes, end)),
            Keyword::Bearer => self.hits.extend(header::bearer(bytes, end)),
            Keyword::Basic => self.hits.extend(header::basic(bytes, end)),
            Keyword::Credentials => self.hits.extend(credentials::find(text, end)),
            Keyword::Pem | Keyword::Putty | Keyword::Jwt | Keyword::Url => {
                if start < self.covered {
                    return;
                }
                let hit = match keyword {
                    Keyword::Pem => block::pem(bytes, start),
                    Keyword::Putty => block::putty(bytes, start),
                    Keyword::Jwt => jwt::find(bytes, start),
                    _ => url::find(bytes, end),
                };
                self.covered = hit.map_or(self.covered, |hit| hit.end);
                self.hits.extend(hit);
            }
        }
    }

    fn password(&mut self, keyword: Keyword, start: usize, end: usize) {
        let (text, bytes) = (self.text, self.text.as_bytes());
        let is_short = keyword == Keyword::ShortPassword;
        if self.is_inside_word(start, end, is_short || end - start <= 4) {
            return;
        }
        let name = setting::name(bytes, start..end);
        if bytes.get(name.clone()).is_some_and(password::is_about) {
            return;
        }
        let may_set = self.settings.allows(start);
        let setting = Some(name.clone()).filter(|_| may_set).and_then(|n| setting::read(text, n));
        let hit = setting.and_then(|setting| password::password(bytes, &setting));
        if hit.is_some() || !self.sentences.allows(start) {
            self.hits.extend(hit);
            return;
        }
        let hit = credentials::with_user(text, name.start, end)
            .or_else(|| prose::after(text, end, is_short).filter(|_| name.end == end))
            .or_else(|| prose::before(text, name.start).filter(|_| !is_short));
        self.hits.extend(hit);
    }

    /// Whether the word is only a part of another (`secretary`, `compass`): letters of the same
    /// case go on at its end, or before a word that `is_short`.
    fn is_inside_word(&self, start: usize, end: usize, is_short: bool) -> bool {
        let bytes = self.text.as_bytes();
        let at = |at: Option<usize>| at.and_then(|at| bytes.get(at)).copied().unwrap_or(b' ');
        let (first, last) = (at(Some(start)), at(end.checked_sub(1)));
        let (before, after) = (at(start.checked_sub(1)), at(Some(end)));
        let goes_on =
            after.is_ascii_lowercase() || after.is_ascii_uppercase() && last.is_ascii_uppercase();
        let is_same_case = before.is_ascii_lowercase() && first.is_ascii_lowercase()
            || before.is_ascii_uppercase() && first.is_ascii_uppercase();
        let is_escape = before == b'n' && at(start.checked_sub(2)) == b'\\';
        goes_on || is_short && is_same_case && !is_escape
    }
}
