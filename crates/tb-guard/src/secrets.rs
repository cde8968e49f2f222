//! Credentials: documented token formats, keys, connection strings, passwords.
//!
//! One automaton finds every prefix and every word that may announce a secret; at each of its
//! hits a small matcher looks around, never further than a fixed distance. So a text is read
//! once, and hostile texts cost a fixed factor more.

mod beyond;
mod block;
mod budget;
mod checksum;
mod class;
mod command;
mod credentials;
mod cue;
mod cut;
mod disguised;
mod formats;
mod generic;
mod header;
mod hit;
mod jwt;
mod keyword;
mod list;
mod marked;
mod nearby;
mod passphrase;
mod password;
mod pin;
mod placeholder;
mod prose;
mod randomness;
mod record;
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
    disguised::warm();
    passphrase::warm();
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
    /// The prefix with the backslashes of markdown.
    Escaped(&'static Format),
    Marked(&'static Marked),
    Vendor(&'static Vendor),
    Command(&'static Command),
    Keyword(Keyword),
}

impl Rules {
    fn compile() -> Self {
        let escaped = formats::all().filter(|format| format.prefix.contains('_'));
        let escaped = escaped
            .map(|format| (with_backslashes(format.prefix).into(), Trigger::Escaped(format)));
        let rules: Vec<(Cow<'_, str>, Trigger)> = formats::all()
            .map(|format| (format.prefix, Trigger::Format(format)))
            .chain(marked::MARKED.iter().map(|marked| (marked.mark, Trigger::Marked(marked))))
            .chain(vendor::VENDORS.iter().map(|vendor| (vendor.name, Trigger::Vendor(vendor))))
            .chain(command::COMMANDS.iter().map(|one| (one.name, Trigger::Command(one))))
            .chain(
                keyword::KEYWORDS.iter().map(|(word, keyword)| (*word, Trigger::Keyword(*keyword))),
            )
            .map(|(pattern, trigger)| (Cow::Borrowed(pattern), trigger))
            .chain(escaped)
            .collect();
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(rules.iter().map(|(pattern, _)| pattern.as_bytes()))
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
        if !text.is_ascii() {
            scan.disguised();
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

fn with_backslashes(prefix: &str) -> String {
    prefix.replace('_', "\\_")
}

/// One text.
struct Scan<'t> {
    text: &'t str,
    hits: Vec<Hit>,
    /// What long matches (blocks, JWTs, URLs) cover so far: not looked at again by their kind.
    covered: usize,
    /// Ids of a cloud were looked around up to here.
    nearby: usize,
    /// Lists were read up to here.
    listed: usize,
    /// How often tokens, settings and sentences may still be read around here.
    tokens: Budget,
    settings: Budget,
    sentences: Budget,
    /// How often what is cut may still be put together around here.
    cuts: Budget,
}

impl<'t> Scan<'t> {
    const fn new(text: &'t str) -> Self {
        Self {
            text,
            hits: Vec::new(),
            covered: 0,
            nearby: 0,
            listed: 0,
            tokens: Budget::new(16),
            settings: Budget::new(10),
            sentences: Budget::new(6),
            cuts: Budget::new(3),
        }
    }

    fn look(&mut self, trigger: Trigger, start: usize, end: usize) {
        let bytes = self.text.as_bytes();
        match trigger {
            Trigger::Format(format) => self.token(format, start),
            Trigger::Escaped(format) => self.escaped(format, start),
            Trigger::Marked(marked) => self.hits.extend(marked::find(bytes, end, marked)),
            Trigger::Vendor(vendor) => self.hits.extend(vendor::find(bytes, end, vendor)),
            Trigger::Command(command) => self.hits.extend(command::find(self.text, end, command)),
            Trigger::Keyword(keyword) => self.keyword(keyword, start, end),
        }
    }

    fn token(&mut self, format: &'static Format, start: usize) {
        let bytes = self.text.as_bytes();
        if !token::begins(bytes, start, format) || !self.tokens.allows(start) {
            return;
        }
        let mut hit = token::find(bytes, start, format);
        if token::may_be_cut(bytes, start, format, hit) && self.cuts.allows(start) {
            let find = |joined: &[u8]| token::find_joined(joined, format);
            hit = cut::find(bytes, start, token::LONGEST, hit, find).or(hit);
        }
        if let Some(hit) = hit.filter(|_| format.rule.starts_with("aws_")) {
            self.nearby = nearby::secret_keys(bytes, hit, self.nearby, &mut self.hits);
        }
        self.hits.extend(hit);
    }

    fn escaped(&mut self, format: &'static Format, start: usize) {
        let bytes = self.text.as_bytes();
        if token::is_boundary(bytes, start, format) && self.cuts.allows(start) {
            let find = |joined: &[u8]| token::find_joined(joined, format);
            self.hits.extend(cut::find(bytes, start, token::LONGEST, None, find));
        }
    }

    /// Looks behind cues in letters of other scripts, which the automaton does not know.
    fn disguised(&mut self) {
        (self.settings, self.sentences) = (Budget::new(10), Budget::new(6));
        disguised::each(self.text, |keyword, start, end| self.keyword(keyword, start, end));
    }

    fn keyword(&mut self, keyword: Keyword, start: usize, end: usize) {
        let (text, bytes) = (self.text, self.text.as_bytes());
        match keyword {
            Keyword::Password | Keyword::Passwords | Keyword::ShortPassword => {
                self.password(keyword, start, end);
            }
            Keyword::Pin => self.hits.extend(pin::find(bytes, start, end)),
            Keyword::Secret | Keyword::Key => {
                let name = setting::name(bytes, start..end);
                let is_key = !self.is_inside_word(start, end, end - start <= 4)
                    && setting::is_tied(bytes, name.end)
                    && self.settings.allows(start)
                    && !bytes.get(name.clone()).is_some_and(password::is_about);
                let setting = Some(name).filter(|_| is_key).and_then(|n| setting::read(text, n));
                let is_vague = keyword == Keyword::Key;
                self.hits.extend(setting.and_then(|one| generic::key(bytes, &one, is_vague)));
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
                    Keyword::Jwt => jwt::find(bytes, start).or_else(|| self.cut_jwt(start)),
                    _ => url::find(bytes, end),
                };
                self.covered = hit.map_or(self.covered, |hit| hit.end);
                self.hits.extend(hit);
            }
        }
    }

    fn cut_jwt(&mut self, start: usize) -> Option<Hit> {
        let bytes = self.text.as_bytes();
        let is_begin = jwt::begins(bytes, start) && self.cuts.allows(start);
        let find = |joined: &[u8]| jwt::find(joined, 0);
        is_begin.then(|| cut::find(bytes, start, 2048, None, find)).flatten()
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
