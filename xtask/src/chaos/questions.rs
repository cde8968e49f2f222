//! What is asked in an outage, and what the gateway has for it when no provider answers.

use serde_json::{Value, json};

/// What a request can hope for below the providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its answer was kept and is past its time to live.
    Stale,
    /// The rule for this topic.
    Rule(&'static str),
    /// Nothing: it continues a tool's work.
    Tool,
    /// The same as the request before it: what that one got may be kept.
    Again,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    pub(crate) stream: bool,
}

/// Requests that one connection sends one after another.
pub(crate) type Job = Vec<Ask>;

/// The rules' names, words and answers; the first that fits answers.
pub(crate) const RULES: [(&str, &str); 2] =
    [("refund", "Refunds take five working days."), ("other", "We answer again soon.")];

/// The requests of one level, in a random order that the seed gives. Every text is new, so that
/// no fresh answer stands before the providers; but for a twentieth, which is asked twice.
pub(crate) fn jobs(level: u32, requests: u32, seed: u64) -> Vec<Job> {
    let mut dice = Dice(seed ^ u64::from(level));
    let mut jobs = Vec::new();
    let mut sent = 0;
    for number in 0.. {
        if sent >= requests {
            break;
        }
        let (draw, stream) = (dice.below(100), dice.below(2) == 1);
        let kind = match draw {
            0..35 => Kind::Stale,
            35..55 => Kind::Rule("refund"),
            55..80 => Kind::Rule("other"),
            80..95 => Kind::Tool,
            _ => Kind::Again,
        };
        let text = text(kind, level, number);
        if kind == Kind::Again && requests - sent >= 2 {
            let first = Ask { kind: Kind::Rule("other"), text: text.clone(), stream };
            jobs.push(vec![first, Ask { kind, text, stream }]);
            sent += 2;
        } else {
            let kind = if kind == Kind::Again { Kind::Rule("other") } else { kind };
            jobs.push(vec![Ask { kind, text, stream }]);
            sent += 1;
        }
    }
    jobs
}

/// The requests that make the kept answers of these jobs. Streams find answers of either form.
pub(crate) fn primers(jobs: &[Job]) -> Vec<Job> {
    let stale = jobs.iter().flatten().filter(|ask| ask.kind == Kind::Stale).enumerate();
    stale.map(|(at, ask)| vec![Ask { stream: ask.stream && at % 4 == 0, ..ask.clone() }]).collect()
}

fn text(kind: Kind, level: u32, number: u32) -> String {
    let case = format!("case {level}-{number}");
    match kind {
        Kind::Stale => format!("When does the shop in {case} open?"),
        Kind::Rule("refund") => format!("How long does my refund take, {case}?"),
        Kind::Rule(_) | Kind::Again => format!("Please tell me all about {case} in a few words."),
        Kind::Tool => format!("What is the weather like in {case}?"),
    }
}

impl Ask {
    /// The JSON that is sent.
    pub(crate) fn body(&self, model: &str) -> String {
        let mut messages = vec![json!({ "role": "user", "content": self.text })];
        if self.kind == Kind::Tool {
            let function = json!({ "name": "weather", "arguments": "{}" });
            let call = json!({ "id": "call_1", "type": "function", "function": function });
            messages
                .push(json!({ "role": "assistant", "content": Value::Null, "tool_calls": [call] }));
            messages
                .push(json!({ "role": "tool", "tool_call_id": "call_1", "content": self.text }));
        }
        json!({ "model": model, "stream": self.stream, "messages": messages }).to_string()
    }

    /// What every provider answers.
    pub(crate) fn expected(&self) -> String {
        match self.kind {
            Kind::Tool => format!("The tool answered: {}", self.text),
            _ => self.text.clone(),
        }
    }
}

/// splitmix64
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_seed_gives_as_many_requests_as_asked_and_the_same_again() {
        for requests in [1, 2, 999] {
            let asks: Vec<Ask> = jobs(30, requests, 7).concat();
            assert_eq!(asks.len(), requests as usize);
        }
        let texts = |seed| jobs(0, 50, seed).concat().into_iter().map(|ask| ask.text);
        assert!(texts(1).eq(texts(1)) && !texts(1).eq(texts(2)));
    }

    #[test]
    fn only_what_is_asked_again_is_asked_twice() {
        let jobs = jobs(50, 2_000, 3);
        let mut seen = HashSet::new();
        for ask in jobs.iter().flatten() {
            assert_eq!(seen.insert(&ask.text), ask.kind != Kind::Again, "{ask:?}");
        }
        assert!(primers(&jobs).iter().all(|job| job[0].kind == Kind::Stale));
    }
}
