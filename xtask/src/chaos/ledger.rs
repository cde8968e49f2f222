//! What the gateway wrote down of a level, against what the clients saw.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::gateway::{Gateway, above};
use super::oracle::{Judged, Rung};

/// The most rows of a page of the admin API.
const PAGE: usize = 1_000;

/// How long rows may take from the journal to the store.
const PATIENCE: Duration = Duration::from_secs(20);

/// One row.
struct Row {
    request: String,
    attempt: u64,
    is_final: bool,
    rung: String,
    passed_over: String,
}

/// Attempts at providers.
pub(crate) struct Counted {
    /// As `upstream_attempts_total` has them.
    pub(crate) attempts: u64,
    /// What does not fit together.
    pub(crate) faults: Vec<String>,
}

/// Counts attempts in the metrics and compares the rows with what was seen. Ids rise with time,
/// so what is below all of these is of another level.
pub(crate) async fn count(gateway: &Gateway, judged: &[Judged]) -> anyhow::Result<Counted> {
    let ids = judged.iter().map(|seen| seen.id.as_str());
    let first = ids.filter(|id| !id.is_empty()).min().unwrap_or_default();
    let patience = Instant::now() + PATIENCE;
    loop {
        let mut rows = rows(gateway, first).await?;
        complete(gateway, &mut rows, judged).await?;
        let attempts =
            metric(&gateway.admin("/metrics").await?.1, "tollbar_upstream_attempts_total");
        let faults = compare(&rows, judged, attempts);
        if faults.is_empty() || Instant::now() > patience {
            return Ok(Counted { attempts, faults });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The sum of a counter over its labels.
pub(crate) fn metric(page: &str, name: &str) -> u64 {
    let lines = page.lines().filter_map(|line| line.strip_prefix(name));
    let values = lines.filter(|rest| rest.starts_with(['{', ' ']));
    values.filter_map(|rest| rest.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

async fn page(gateway: &Gateway, query: &str) -> anyhow::Result<Vec<Value>> {
    let (status, text) = gateway.admin(&format!("/admin/v1/requests?{query}")).await?;
    ensure!(status == 200, "the admin API answers {status}: {text}");
    let mut body: Value = serde_json::from_str(&text)?;
    match body.get_mut("rows").map(Value::take) {
        Some(Value::Array(rows)) => Ok(rows),
        _ => bail!("no rows in {text}"),
    }
}

/// Reads the rows of each request that seems to have others than the client saw: pages are cut
/// by time, so an attempt that began after a later request arrived stands on none.
async fn complete(gateway: &Gateway, rows: &mut Vec<Row>, judged: &[Judged]) -> anyhow::Result<()> {
    let mut finals: HashMap<String, u32> = HashMap::new();
    for row in rows.iter().filter(|row| row.is_final) {
        *finals.entry(row.request.clone()).or_default() += 1;
    }
    let known = |seen: &&Judged| finals.get(&seen.id) == Some(&1) && seen.asked.len() < 2;
    let doubtful: HashSet<&str> =
        judged.iter().filter(|seen| !known(seen)).map(|seen| seen.id.as_str()).collect();
    rows.retain(|row| !doubtful.contains(row.request.as_str()));
    for id in doubtful {
        let (status, text) = gateway.admin(&format!("/admin/v1/requests/{id}")).await?;
        if status == 404 {
            continue;
        }
        ensure!(status == 200, "the admin API answers {status}: {text}");
        let body: Value = serde_json::from_str(&text)?;
        let own = body.get("attempts").and_then(Value::as_array).context("no attempts")?;
        for row in own {
            rows.push(read(row).context("an incomplete row")?);
        }
    }
    Ok(())
}

/// The rows of all requests from this one on, newest first. Pages overlap by a millisecond.
async fn rows(gateway: &Gateway, first: &str) -> anyhow::Result<Vec<Row>> {
    let mut known = HashSet::new();
    let mut rows = Vec::new();
    let mut before = String::new();
    loop {
        let page = page(gateway, &format!("limit={PAGE}{before}")).await?;
        let mut oldest_ms = i64::MAX;
        let (mut is_new, mut is_over) = (false, page.len() < PAGE);
        for row in &page {
            let began_ms = row.get("started_at_ms").and_then(Value::as_i64).context("no start")?;
            oldest_ms = oldest_ms.min(began_ms);
            let row = read(row).context("an incomplete row")?;
            if row.request.as_str() < first {
                is_over = true;
            } else if known.insert((row.request.clone(), row.attempt, row.rung.clone())) {
                is_new = true;
                rows.push(row);
            }
        }
        if is_over {
            return Ok(rows);
        }
        ensure!(is_new, "a page of rows from one millisecond");
        before = format!("&before={}", oldest_ms.saturating_add(1));
    }
}

fn read(row: &Value) -> Option<Row> {
    Some(Row {
        request: row.get("request_id")?.as_str()?.to_owned(),
        attempt: row.get("attempt")?.as_u64()?,
        is_final: row.get("is_final")?.as_bool()?,
        rung: row.get("rung")?.as_str()?.to_owned(),
        passed_over: row.get("passed_over")?.as_str().unwrap_or_default().to_owned(),
    })
}

/// Each request has one final row, of the rung that the client saw, and as many attempts as the
/// client was told; all of them together are what the metrics count.
fn compare(rows: &[Row], judged: &[Judged], attempts: u64) -> Vec<String> {
    let mut by_request: HashMap<&str, Vec<&Row>> = HashMap::new();
    for row in rows {
        by_request.entry(row.request.as_str()).or_default().push(row);
    }
    let mut faults = Vec::new();
    let mut attempted = 0;
    for seen in judged {
        let rows = by_request.remove(seen.id.as_str()).unwrap_or_default();
        let finals: Vec<&&Row> = rows.iter().filter(|row| row.is_final).collect();
        let local = !matches!(seen.rung.in_rows(), None | Some("target" | "fallback_model"));
        let made = rows.iter().filter(|row| row.attempt > 0).count();
        let made = made.saturating_sub(usize::from(local && made > seen.asked.len()));
        attempted += made;
        let rung = finals.first().map(|row| row.rung.as_str());
        if finals.len() != 1 || made != seen.asked.len() {
            let id = &seen.id;
            faults.push(format!("{id}: {} final rows, {made} attempts: {seen:?}", finals.len()));
        } else if seen.rung.in_rows().is_some_and(|word| rung != Some(word)) {
            faults.push(format!("{}: the row says {rung:?}: {seen:?}", seen.id));
        } else if let Some(target) = forgotten(seen, &rows) {
            faults.push(format!(
                "{}: {target} was not asked, and nobody says why: {seen:?}",
                seen.id
            ));
        }
    }
    if !by_request.is_empty() {
        faults.push(format!("rows of {} requests that nobody sent", by_request.len()));
    }
    if u64::try_from(attempted).ok() != Some(attempts) {
        faults.push(format!("{attempted} attempts in the rows, {attempts} in the metrics"));
    }
    faults
}

/// A target above the rung that answered, which was neither asked nor passed over for a reason.
fn forgotten(seen: &Judged, rows: &[&Row]) -> Option<String> {
    let above = match seen.rung {
        Rung::Target | Rung::Cache | Rung::CutStream => return None,
        Rung::FallbackModel => above(false),
        Rung::StaleCache | Rung::Rules | Rung::Error => above(true),
    };
    above.into_iter().find(|target| {
        let named = |row: &&Row| {
            let words = row.passed_over.split([';', '|']);
            let mut passed_over = words.filter_map(|one| one.split_once('='));
            passed_over.any(|(name, reason)| name == target && !reason.is_empty())
        };
        !seen.asked.contains(target) && !rows.iter().any(named)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_a_counter_over_its_labels() {
        let page = "# TYPE a counter\na_total{x=\"1\"} 3\na_total{x=\"2\"} 4\na_total_b 9\n";
        assert_eq!(metric(page, "a_total"), 7);
    }

    fn row(attempt: u64, is_final: bool, rung: &str) -> Row {
        let passed_over = "beta/model-b=no_budget;gamma/model-c=breaker_open".to_owned();
        Row { request: "r".to_owned(), attempt, is_final, rung: rung.to_owned(), passed_over }
    }

    fn seen(rung: Rung, attempts: usize) -> Vec<Judged> {
        let (at, took) = (Instant::now(), Duration::ZERO);
        let asked = vec!["alpha/model-a".to_owned(); attempts];
        vec![Judged { id: "r".to_owned(), rung, asked, at, took, wrong: None }]
    }

    #[test]
    fn finds_what_does_not_fit() {
        let rows = || vec![row(1, false, "target"), row(2, true, "fallback_model")];
        assert!(compare(&rows(), &seen(Rung::FallbackModel, 2), 2).is_empty());
        assert_eq!(compare(&rows(), &seen(Rung::FallbackModel, 2), 3).len(), 1);
        assert_eq!(compare(&rows(), &seen(Rung::Target, 2), 2).len(), 1);
        assert_eq!(compare(&rows(), &seen(Rung::FallbackModel, 1), 2).len(), 1);
        assert_eq!(compare(&rows(), &[], 0).len(), 1);
        let twice = [row(1, true, "target"), row(2, true, "rules")];
        assert_eq!(compare(&twice, &seen(Rung::Rules, 1), 1).len(), 1);
        let local = [row(1, false, "target"), row(2, true, "rules")];
        assert!(compare(&local, &seen(Rung::Rules, 1), 1).is_empty());
    }

    #[test]
    fn asks_why_a_target_was_not_asked() {
        let rows = || [row(1, false, "target"), row(2, true, "rules")];
        let mut silent = rows();
        silent.iter_mut().for_each(|row| row.passed_over = "beta/model-b=no_budget".to_owned());
        assert!(compare(&rows(), &seen(Rung::Rules, 1), 1).is_empty());
        let found = compare(&silent, &seen(Rung::Rules, 1), 1);
        assert!(found.len() == 1 && found[0].contains("gamma/model-c"), "{found:?}");
    }
}
