//! Words that are signals only together: a verb and what it is done to, in one clause.

use std::collections::VecDeque;
use std::ops::Range;

use super::surroundings::{command, ends_clause, ends_sentence, is_any};
use super::words::Role;
use super::{Signal, Weights};

/// How far the words of one clause may lie apart, in bytes.
const REACH: usize = 120;
/// How far apart words are that stand next to each other, perhaps with one between.
const NEXT: usize = 12;

/// The last words with a role.
pub(super) struct Clause<'t> {
    text: &'t str,
    recent: VecDeque<(Role, Range<usize>)>,
}

/// Which roles stand behind a verb.
#[derive(Debug, Default)]
struct Objects {
    rules: bool,
    earlier: bool,
    given: bool,
    all: bool,
    /// `your rules`, next to each other.
    your_rules: bool,
    mine: bool,
    above: bool,
    exact: bool,
    /// 2: the prompt as such; 1: any prompt.
    prompt: u8,
    private: u8,
    target: bool,
    encoded: bool,
    obey: bool,
}

impl<'t> Clause<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, recent: VecDeque::new() }
    }

    /// Takes the next word and weighs what it completes.
    pub(super) fn add(&mut self, role: Role, place: Range<usize>, weights: &mut Weights) {
        while self.recent.front().is_some_and(|(_, old)| old.start + REACH < place.start) {
            self.recent.pop_front();
        }
        self.recent.push_back((role, place.clone()));
        if role.is_verb() && role != Role::Obey {
            return;
        }
        for verb in [Role::Override, Role::Ask, Role::Send, Role::Decode] {
            let is_verb = |(role, _): &(Role, Range<usize>)| *role == verb;
            // What is sent or decoded may be the object of an earlier verb of the same clause.
            let found = match verb {
                Role::Override | Role::Ask => self.recent.iter().rposition(is_verb),
                _ => self.recent.iter().position(is_verb),
            };
            let Some((at, (_, verb_place))) = found.and_then(|at| Some((at, self.recent.get(at)?)))
            else {
                continue;
            };
            let between = self.text.get(verb_place.end..place.end).unwrap_or_default();
            // What is decoded is obeyed in the next sentence.
            if verb != Role::Decode && ends_sentence(between) {
                continue;
            }
            let objects = self.objects(at + 1);
            match verb {
                Role::Override => {
                    let percent = self.overriding(&objects, place.end);
                    let command = u16::from(command(self.text, verb_place.start));
                    let percent = u16::from(percent) * command / 100;
                    weights.add(Signal::Override, u8::try_from(percent).unwrap_or_default());
                }
                Role::Ask => weights.add(Signal::PromptRequest, asking(&objects)),
                Role::Send => weights.add(Signal::Exfiltration, sending(&objects)),
                _ => weights.add(Signal::Encoded, decoding(&objects)),
            }
        }
    }

    fn objects(&self, from: usize) -> Objects {
        let mut objects = Objects::default();
        let mut yours = None;
        for (role, place) in self.recent.iter().skip(from) {
            match role {
                Role::Policy => objects.rules = true,
                Role::Rules => {
                    objects.rules = true;
                    objects.your_rules |= yours.is_some_and(|end| place.start <= end + NEXT);
                }
                Role::Earlier => objects.earlier = true,
                Role::Given => (objects.earlier, objects.given) = (true, true),
                Role::All => objects.all = true,
                Role::Yours => (objects.all, yours) = (true, Some(place.end)),
                Role::Mine => objects.mine = true,
                Role::Above => (objects.earlier, objects.above, objects.all) = (true, true, true),
                Role::Exact => objects.exact = true,
                Role::Prompt => {
                    objects.rules = true;
                    objects.your_rules |= yours.is_some();
                    let sure = if is_any(self.text, place.start) { 1 } else { 2 };
                    objects.prompt = objects.prompt.max(sure);
                    objects.private = 65;
                }
                Role::Private(percent) => objects.private = objects.private.max(*percent),
                Role::Target => objects.target = true,
                Role::Encoded => objects.encoded = true,
                Role::Obey => objects.obey = true,
                _ => {}
            }
        }
        objects
    }

    fn overriding(&self, objects: &Objects, end: usize) -> u8 {
        let ends = || ends_clause(self.text, end);
        let percent = match (objects.rules, objects.earlier, objects.all) {
            (true, true, _) => 80,
            (true, false, true) => 60,
            (true, false, false) => 25,
            (false, true, true) if ends() => 60,
            (false, true, true) => 35,
            _ => 0,
        };
        if objects.mine { percent / 2 } else { percent }
    }
}

const fn asking(objects: &Objects) -> u8 {
    match objects {
        Objects { prompt: 2, your_rules: true, .. } => 75,
        Objects { prompt: 2, .. } => 60,
        Objects { prompt: 1, .. } | Objects { mine: true, .. } => 10,
        Objects { rules: true, given: true, .. } => 60,
        Objects { your_rules: true, .. } => 55,
        Objects { above: true, exact: true, .. } => 60,
        Objects { rules: true, earlier: true, exact: true, .. } => 50,
        Objects { above: true, .. } => 25,
        _ => 0,
    }
}

const fn sending(objects: &Objects) -> u8 {
    if objects.target { objects.private } else { 0 }
}

const fn decoding(objects: &Objects) -> u8 {
    if objects.encoded && objects.obey { 65 } else { 0 }
}
