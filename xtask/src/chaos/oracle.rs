//! Which rung had to answer, and whether the answer is what that rung gives.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::answer::{Answer, Content};
use super::gateway::{ATTEMPTS, Serves, TTL, serves};
use super::questions::{Ask, Kind, RULES};

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rung {
    Target,
    FallbackModel,
    Cache,
    StaleCache,
    Rules,
    /// An error before anything was answered.
    Error,
    /// An error event after the beginning of an answer.
    CutStream,
}

impl Rung {
    pub(crate) const ALL: [Self; 7] = [
        Self::Target,
        Self::FallbackModel,
        Self::Cache,
        Self::StaleCache,
        Self::Rules,
        Self::Error,
        Self::CutStream,
    ];

    /// The word for it in rows; an error's row is that of the rung that failed.
    pub(crate) const fn in_rows(self) -> Option<&'static str> {
        match self {
            Self::Target => Some("target"),
            Self::FallbackModel => Some("fallback_model"),
            Self::Cache => Some("cache"),
            Self::StaleCache => Some("stale_cache"),
            Self::Rules => Some("rules"),
            Self::Error | Self::CutStream => None,
        }
    }
}

/// What is known of an answered request.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) id: String,
    pub(crate) rung: Rung,
    /// The targets of the attempts that the headers tell.
    pub(crate) asked: Vec<String>,
    /// When the answer was complete.
    pub(crate) at: Instant,
    pub(crate) took: Duration,
    /// What is wrong with it.
    pub(crate) wrong: Option<String>,
}

/// Judges an answer; `before` is what the same question got just before.
pub(crate) fn judge(ask: &Ask, answer: &Answer, before: Option<&Judged>) -> (Rung, Option<String>) {
    let rung = rung_of(answer);
    let found = match rung {
        Ok(rung) => check(ask, answer, rung, before),
        Err(ref error) => Err(anyhow::anyhow!("{error:#}")),
    };
    let wrong = found.err().map(|error| {
        let trace = answer.header("x-tollbar-attempts").unwrap_or("no attempt");
        format!("{ask:?}: {rung:?}, {} ({trace}): {error:#}", answer.status)
    });
    (rung.unwrap_or(Rung::Error), wrong)
}

/// What the answer says of itself.
fn rung_of(answer: &Answer) -> anyhow::Result<Rung> {
    if answer.status != 200 {
        return Ok(Rung::Error);
    }
    if let Content::Events(events) = &answer.content
        && events.error.is_some()
    {
        return Ok(Rung::CutStream);
    }
    match answer.header("x-tollbar-degraded") {
        Some("fallback_model") => Ok(Rung::FallbackModel),
        Some("stale_cache") => Ok(Rung::StaleCache),
        Some("rules") => Ok(Rung::Rules),
        Some("none") if answer.header("x-tollbar-cache") == Some("hit") => Ok(Rung::Cache),
        Some("none") => Ok(Rung::Target),
        other => bail!("x-tollbar-degraded is {other:?}"),
    }
}

/// The attempts that the headers tell, each a target and how it ended.
pub(crate) fn attempts(answer: &Answer) -> Vec<(&str, &str)> {
    let trace = answer.header("x-tollbar-attempts").unwrap_or_default();
    trace.split(';').filter_map(|attempt| attempt.split_once('=')).collect()
}

fn check(ask: &Ask, answer: &Answer, rung: Rung, before: Option<&Judged>) -> anyhow::Result<()> {
    let attempts = attempts(answer);
    ensure!(attempts.len() <= ATTEMPTS, "{} attempts", attempts.len());
    let succeeded = attempts.iter().position(|(_, ended)| *ended == "200");
    if let Some(at) = succeeded {
        ensure!(at + 1 == attempts.len(), "an attempt follows one that succeeded");
    }
    let owed = owed(ask, attempts.last().filter(|_| succeeded.is_some()), before)?;
    match (rung, owed) {
        (Rung::CutStream, Owed::Target | Owed::FallbackModel) => {}
        (Rung::StaleCache, Owed::StaleOrRules) | (Rung::Rules, Owed::StaleOrRules) => {}
        (Rung::Cache, _) => check_hit(before, attempts.len())?,
        _ => ensure!(Some(rung) == owed.rung(), "{owed:?} had to answer"),
    }
    if rung != Rung::Cache && is_fresh(before) {
        bail!("a fresh answer was kept");
    }
    body(ask, answer, rung, &attempts)
}

/// Who has to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owed {
    Target,
    FallbackModel,
    StaleCache,
    Rules,
    /// The answer to the same question may have been kept, or not.
    StaleOrRules,
    Error,
}

impl Owed {
    const fn rung(self) -> Option<Rung> {
        match self {
            Self::Target => Some(Rung::Target),
            Self::FallbackModel => Some(Rung::FallbackModel),
            Self::StaleCache => Some(Rung::StaleCache),
            Self::Rules => Some(Rung::Rules),
            Self::StaleOrRules => None,
            Self::Error => Some(Rung::Error),
        }
    }
}

/// The first rung that has an answer: an attempt that succeeded, else what the question has.
fn owed(
    ask: &Ask,
    succeeded: Option<&(&str, &str)>,
    before: Option<&Judged>,
) -> anyhow::Result<Owed> {
    if let Some((target, _)) = succeeded {
        return Ok(match serves(target).context("an unknown target")? {
            Serves::Requested => Owed::Target,
            Serves::Fallback => Owed::FallbackModel,
        });
    }
    Ok(match (ask.kind, before.map(|before| before.rung)) {
        (Kind::Stale, _) => Owed::StaleCache,
        (Kind::Rule(_), _) => Owed::Rules,
        (Kind::Tool, _) => Owed::Error,
        // A cached answer of a provider was kept before.
        (Kind::Again, Some(Rung::Target)) => Owed::StaleOrRules,
        (Kind::Again, _) => Owed::Rules,
    })
}

/// Answers of targets are fresh for a time with a jitter of a tenth.
fn is_fresh(before: Option<&Judged>) -> bool {
    before.is_some_and(|before| before.rung == Rung::Target && before.at.elapsed() < TTL / 2)
}

fn check_hit(before: Option<&Judged>, attempts: usize) -> anyhow::Result<()> {
    let before = before.context("nothing was asked before")?;
    ensure!(before.rung == Rung::Target, "what {:?} answered was kept", before.rung);
    ensure!(before.at.elapsed() < TTL * 2 + before.took, "the kept answer is too old");
    ensure!(attempts == 0, "a provider was asked although an answer was kept");
    Ok(())
}

/// Whether the body is that of the rung, and of nothing else.
fn body(ask: &Ask, answer: &Answer, rung: Rung, attempts: &[(&str, &str)]) -> anyhow::Result<()> {
    let streamed = matches!(answer.content, Content::Events(_));
    ensure!(streamed == (ask.stream && rung != Rung::Error), "the wrong form");
    if let (Rung::Error | Rung::CutStream, error) = (rung, answer.error()) {
        return refused(ask, answer, error.context("no error in it")?, attempts);
    }
    if let Content::Events(events) = &answer.content {
        ensure!(events.is_done, "no [DONE]");
    }
    ensure!(answer.finish() == Some("stop"), "finish_reason is {:?}", answer.finish());
    let mark = answer.mark();
    let level = mark.and_then(|mark| mark.get("level")).and_then(|level| level.as_str());
    let marked = matches!(rung, Rung::StaleCache | Rung::Rules).then(|| rung.in_rows()).flatten();
    ensure!(level == marked, "the mark is {level:?}");
    if rung == Rung::Rules {
        let (name, text) = rule(ask);
        let named = mark.and_then(|mark| mark.get("rule")).and_then(|rule| rule.as_str());
        ensure!(named == Some(name) && answer.text() == text, "not the rule's answer");
        ensure!(answer.total_tokens().is_none_or(|tokens| tokens == 0), "it used tokens");
        return Ok(());
    }
    ensure!(answer.text() == ask.expected(), "the text is {:?}", answer.text());
    of_one_target(answer, rung, attempts)
}

/// Every part of a provider's answer names the model of the one target that gave it.
fn of_one_target(answer: &Answer, rung: Rung, attempts: &[(&str, &str)]) -> anyhow::Result<()> {
    let models = answer.models();
    let model = *models.first().context("no model")?;
    ensure!(models.iter().all(|other| *other == model), "mixed output of {models:?}");
    let resolved = answer.header("x-tollbar-model-resolved");
    ensure!(resolved == Some(model), "{resolved:?} is told, {model} answers");
    let provider = answer.header("x-tollbar-provider").context("no provider")?;
    let target = format!("{provider}/{model}");
    let expected = if rung == Rung::FallbackModel { Serves::Fallback } else { Serves::Requested };
    ensure!(serves(&target) == Some(expected), "{target} is not of this rung");
    if matches!(rung, Rung::Target | Rung::FallbackModel) {
        let last = attempts.last().map(|(target, _)| *target);
        ensure!(last == Some(target.as_str()), "{target} answers, {last:?} was asked");
    }
    Ok(())
}

fn rule(ask: &Ask) -> (&'static str, &'static str) {
    let topic = if let Kind::Rule(topic) = ask.kind { topic } else { "other" };
    RULES.into_iter().find(|(name, _)| *name == topic).unwrap_or_default()
}

/// A proper error, and of a stream no more than a beginning of the answer.
fn refused(
    ask: &Ask,
    answer: &Answer,
    error: &serde_json::Value,
    attempts: &[(&str, &str)],
) -> anyhow::Result<()> {
    for member in ["/message", "/type", "/code", "/tollbar/request_id", "/tollbar/origin"] {
        let text = error.pointer(member).and_then(|value| value.as_str()).unwrap_or_default();
        ensure!(!text.is_empty(), "no {member} in the error");
    }
    if let Content::Events(events) = &answer.content {
        ensure!(!events.is_done, "[DONE] beside an error");
        ensure!(ask.expected().starts_with(&answer.text()), "the text is {:?}", answer.text());
        return Ok(());
    }
    ensure!(matches!(answer.status, 429 | 502 | 503 | 504), "status {}", answer.status);
    if attempts.len() > 1 {
        let said = answer.header("x-should-retry");
        ensure!(said == Some("false"), "x-should-retry is {said:?} after own retries");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &str, body: &str) -> Answer {
        let text = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: r\r\n{headers}\r\n{body}"
        );
        Answer::read(text.as_bytes()).unwrap()
    }

    fn said(text: &str, model: &str, more: &str) -> String {
        format!(
            r#"{{"model":"{model}","choices":[{{"message":{{"content":"{text}"}},"finish_reason":"stop"}}]{more}}}"#
        )
    }

    fn ask(kind: Kind) -> Ask {
        Ask { kind, text: "q".to_owned(), stream: false }
    }

    fn wrong(kind: Kind, answer: &Answer) -> String {
        judge(&ask(kind), answer, None).1.unwrap_or_default()
    }

    const TOLD: &str = "x-tollbar-degraded: none\r\nx-tollbar-provider: alpha\r\nx-tollbar-model-resolved: model-a\r\n";

    #[test]
    fn a_targets_own_answer_is_right() {
        let told = format!("{TOLD}x-tollbar-attempts: beta/model-b=500;alpha/model-a=200\r\n");
        let right = answer(&told, &said("q", "model-a", ""));
        assert_eq!(judge(&ask(Kind::Stale), &right, None), (Rung::Target, None));
        assert!(wrong(Kind::Stale, &answer(&told, &said("z", "model-a", ""))).contains("the text"));
        assert!(wrong(Kind::Stale, &answer(&told, &said("q", "model-b", ""))).contains("is told"));
    }

    #[test]
    fn sees_the_wrong_rung() {
        let mark = |level: &str| {
            format!(
                r#","tollbar":{{"degraded":{{"level":"{level}","rule":"other"}}}},"usage":{{"total_tokens":0}}"#
            )
        };
        let rules = said("We answer again soon.", "chat", &mark("rules"));
        let degraded = |trace: &str| {
            answer(&format!("x-tollbar-degraded: rules\r\nx-tollbar-attempts: {trace}\r\n"), &rules)
        };
        let failed = degraded("alpha/model-a=500");
        assert_eq!(judge(&ask(Kind::Rule("other")), &failed, None), (Rung::Rules, None));
        assert!(wrong(Kind::Stale, &failed).contains("StaleCache had to answer"));
        assert!(wrong(Kind::Tool, &failed).contains("Error had to answer"));
        assert!(wrong(Kind::Rule("refund"), &failed).contains("not the rule's answer"));
        let answered = degraded("alpha/model-a=200");
        assert!(wrong(Kind::Rule("other"), &answered).contains("Target had to answer"));
        let many = degraded("a/a=500;a/a=500;a/a=500;a/a=500");
        assert!(wrong(Kind::Rule("other"), &many).contains("4 attempts"));
        let unmarked = said("We answer again soon.", "chat", "");
        let unmarked = answer("x-tollbar-degraded: rules\r\n", &unmarked);
        assert!(wrong(Kind::Rule("other"), &unmarked).contains("the mark"));
    }

    #[test]
    fn a_hit_needs_an_earlier_answer() {
        let hit = answer(&format!("{TOLD}x-tollbar-cache: hit\r\n"), &said("q", "model-a", ""));
        assert!(wrong(Kind::Again, &hit).contains("nothing was asked before"));
        let before = |rung| Judged {
            id: String::new(),
            rung,
            asked: vec!["alpha/model-a".to_owned()],
            at: Instant::now(),
            took: Duration::ZERO,
            wrong: None,
        };
        let judged = |rung| judge(&ask(Kind::Again), &hit, Some(&before(rung)));
        assert_eq!(judged(Rung::Target), (Rung::Cache, None));
        assert!(judged(Rung::Rules).1.unwrap().contains("was kept"));
    }
}
