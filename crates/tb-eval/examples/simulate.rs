//! Compares simulated runs whose truth is known, and prints how often each verdict comes, as JSON.
//! `cargo xtask simulate` runs it and writes the table of docs/evaluation.md.
#![expect(clippy::print_stdout, reason = "its output is read by xtask")]

use std::error::Error;
use std::fmt::Write;

use serde_json::{Value, json};
use tb_eval::compare::{Arm, Options, Verdict, compare};
use tb_eval::stats::power;
use tb_eval::stats::random::Random;

/// What is simulated.
#[derive(Clone, Copy, Default)]
struct Setting {
    cases: u32,
    /// The share of cases that only one run passes.
    discordance: f64,
    /// The true loss.
    loss: f64,
    slices: u32,
    labels: u32,
    /// Cases of one group fall and rise together.
    group: u32,
    repeats: u32,
    sequential: bool,
}

/// What a row of the table asks.
#[derive(Clone, Copy)]
enum Claim {
    /// The verdict comes in at most this share of the runs.
    AtMost(f64),
    /// It comes in this share, give or take two points.
    Theory(f64),
}

const PLAIN: Setting = Setting {
    cases: 500,
    discordance: 0.12,
    loss: 0.0,
    slices: 0,
    labels: 0,
    group: 1,
    repeats: 1,
    sequential: false,
};

fn main() -> Result<(), Box<dyn Error>> {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(2_000);
    let mut rows = Vec::new();
    for (what, setting, verdict, claim) in plan() {
        rows.push(simulate(what, &setting, verdict, (claim, count))?);
    }
    println!("{}", json!({"simulations": count, "rows": rows}));
    Ok(())
}

type Row = (&'static str, Setting, &'static [Verdict], Claim);

const ALARM: &[Verdict] = &[Verdict::Regressed];
const PASS: &[Verdict] = &[Verdict::NonInferior, Verdict::Improved];
const BETTER: &[Verdict] = &[Verdict::Improved];

fn plan() -> Vec<Row> {
    let level = Claim::AtMost(0.05);
    let many = Setting { cases: 1_000, ..PLAIN };
    let margin = Options::default().margin;
    vec![
        ("false alarm", Setting { cases: 200, ..PLAIN }, ALARM, level),
        ("false alarm", PLAIN, ALARM, level),
        ("false alarm", Setting { cases: 2_000, ..PLAIN }, ALARM, level),
        ("false alarm, 10 slices", Setting { slices: 10, ..many }, ALARM, level),
        ("false alarm, 8 labels", Setting { labels: 8, ..many }, ALARM, level),
        ("false alarm, groups of 10", Setting { group: 10, ..many }, ALARM, level),
        ("false alarm, 3 repeats", Setting { repeats: 3, ..PLAIN }, ALARM, level),
        ("false alarm, a look after each case", Setting { sequential: true, ..many }, ALARM, level),
        ("false “improved”", many, BETTER, level),
        (
            "false pass, true loss 2 pp",
            Setting { cases: 1_000, loss: margin, ..PLAIN },
            PASS,
            level,
        ),
        (
            "false pass, true loss 2 pp, groups of 10",
            Setting { cases: 1_000, loss: margin, group: 10, ..PLAIN },
            PASS,
            level,
        ),
        (
            "false pass, true loss 2 pp, a look after each case",
            Setting { cases: 1_000, loss: margin, sequential: true, ..PLAIN },
            PASS,
            level,
        ),
        alarm_power(200, 0.05),
        alarm_power(400, 0.05),
        alarm_power(200, 0.10),
        pass_power(1_546, 0.10),
        pass_power(1_000, 0.05),
    ]
}

fn alarm_power(cases: u32, loss: f64) -> Row {
    let setting = Setting { cases, loss, ..PLAIN };
    let theory = power::of_mcnemar(u64::from(cases), setting.discordance, loss, 0.05);
    ("power to see a loss", setting, ALARM, Claim::Theory(theory))
}

fn pass_power(cases: u32, discordance: f64) -> Row {
    let setting = Setting { cases, discordance, ..PLAIN };
    let settings = (Options::default().margin, 0.05);
    let theory = power::of_non_inferiority(f64::from(cases), discordance, 0.0, settings);
    ("power to pass what is as good", setting, PASS, Claim::Theory(theory))
}

fn simulate(
    what: &str,
    setting: &Setting,
    verdicts: &[Verdict],
    (claim, count): (Claim, u32),
) -> Result<Value, Box<dyn Error>> {
    let options = Options { sequential: setting.sequential, draws: 10, ..Options::default() };
    let mut random = Random::new(20_261_124);
    let mut hits = 0_u32;
    for _ in 0..count {
        let (baseline, candidate) = runs(setting, &mut random)?;
        let found = compare(&baseline, &candidate, &options)?;
        hits += u32::from(verdicts.contains(&found.verdict));
    }
    let (kind, expected) = match claim {
        Claim::AtMost(most) => ("at most", most),
        Claim::Theory(theory) => ("theory", theory),
    };
    Ok(json!({
        "what": what,
        "cases": setting.cases,
        "discordance": setting.discordance,
        "loss": setting.loss,
        "kind": kind,
        "expected": expected,
        "observed": f64::from(hits) / f64::from(count),
    }))
}

/// Two runs of one truth.
fn runs(setting: &Setting, random: &mut Random) -> Result<(Arm, Arm), Box<dyn Error>> {
    let (mut baseline, mut candidate) = (String::new(), String::new());
    let mut fate = (true, true);
    for case in 0..setting.cases {
        if case % setting.group == 0 || random.unit() < 0.2 {
            fate = draw(setting, random);
        }
        let labels =
            (0..setting.labels).map(|label| Label::draw(label, random)).collect::<Vec<_>>();
        for repeat in 0..setting.repeats {
            // Repeats of a case have a fate of their own half of the time.
            let mut now = fate;
            if repeat > 0 && random.unit() < 0.5 {
                now = draw(setting, random);
            }
            for (text, passed, arm) in [(&mut baseline, now.0, 0_usize), (&mut candidate, now.1, 1)]
            {
                let outcome = if passed { "pass" } else { "fail" };
                write!(text, "{{\"id\":\"{case}\",\"outcome\":\"{outcome}\",\"repeat\":{repeat}")?;
                if setting.group > 1 {
                    write!(text, ",\"group\":\"{}\"", case / setting.group)?;
                }
                if setting.slices > 0 {
                    write!(text, ",\"slice\":\"{}\"", case % setting.slices)?;
                }
                if !labels.is_empty() {
                    let all: Vec<String> = labels.iter().map(|label| label.json(arm)).collect();
                    write!(text, ",\"labels\":{{{}}}", all.join(","))?;
                }
                text.push_str("}\n");
            }
        }
    }
    Ok((Arm::read(None, baseline.as_bytes())?, Arm::read(None, candidate.as_bytes())?))
}

/// Whether baseline and candidate pass.
fn draw(setting: &Setting, random: &mut Random) -> (bool, bool) {
    let losing = f64::midpoint(setting.discordance, setting.loss);
    match random.unit() {
        at if at < losing => (true, false),
        at if at < setting.discordance => (false, true),
        at if at < setting.discordance + 0.1 => (false, false),
        _ => (true, true),
    }
}

/// A label that both runs find alike well, but not in the same cases.
struct Label {
    name: u32,
    expected: bool,
    found: [bool; 2],
}

impl Label {
    fn draw(name: u32, random: &mut Random) -> Self {
        let expected = random.unit() < 0.1;
        let chance = if expected { 0.7 } else { 0.05 };
        let shared = random.unit() < 0.7;
        let first = random.unit() < chance;
        let second = if shared { first } else { random.unit() < chance };
        Self { name, expected, found: [first, second] }
    }

    fn json(&self, arm: usize) -> String {
        let found = self.found.get(arm).copied().unwrap_or_default();
        format!("\"{}\":{{\"expected\":{},\"found\":{found}}}", self.name, self.expected)
    }
}
