//! Sends the requests of a level over a fixed number of connections.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::task::JoinSet;

use super::answer::Answer;
use super::gateway::MODEL;
use super::oracle::{Judged, Rung, attempts, judge};
use super::questions::{Ask, Job};
use crate::bench::wire::Wire;

/// Requests under way at the same time.
pub(crate) const CONNECTIONS: usize = 32;

/// How long a request may take before the harness gives it up: far above its deadline.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where the requests go.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) port: u16,
    pub(crate) key: String,
}

/// Sends all jobs; what became of each request.
pub(crate) async fn drive(door: &Door, jobs: Vec<Job>) -> anyhow::Result<Vec<Judged>> {
    let jobs = Arc::new(Mutex::new(jobs.into_iter()));
    let mut lanes = JoinSet::new();
    for _ in 0..CONNECTIONS {
        lanes.spawn(lane(door.clone(), Arc::clone(&jobs)));
    }
    let mut judged = Vec::new();
    while let Some(lane) = lanes.join_next().await {
        judged.extend(lane.context("a connection of the harness broke")?);
    }
    Ok(judged)
}

async fn lane(door: Door, jobs: Arc<Mutex<std::vec::IntoIter<Job>>>) -> Vec<Judged> {
    let mut judged = Vec::new();
    let mut wire = None;
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(job) = next else { return judged };
        let mut before: Option<Judged> = None;
        for ask in job {
            let began = Instant::now();
            let answer = match tokio::time::timeout(PATIENCE, send(&door, &mut wire, &ask)).await {
                Ok(answer) => answer,
                Err(_) => Err(anyhow::anyhow!("no answer in {PATIENCE:?}")),
            };
            let took = began.elapsed();
            let found = found(&ask, answer, before.as_ref(), took);
            if found.wrong.is_some() {
                wire = None;
            }
            before = Some(found.clone());
            judged.push(found);
        }
    }
}

/// One request on the connection that is there, or on a new one.
async fn send(door: &Door, wire: &mut Option<Wire>, ask: &Ask) -> anyhow::Result<Answer> {
    let wire = match wire {
        Some(wire) => wire,
        None => wire.insert(Wire::connect(door.port).await.context("cannot connect")?),
    };
    let (body, key) = (ask.body(MODEL), &door.key);
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    wire.send(request.as_bytes()).await?;
    wire.message().await?.context("closed without an answer")?;
    Answer::read(wire.bytes())
}

fn found(
    ask: &Ask,
    answer: anyhow::Result<Answer>,
    before: Option<&Judged>,
    took: Duration,
) -> Judged {
    let at = Instant::now();
    match answer {
        Ok(answer) => {
            let (rung, wrong) = judge(ask, &answer, before);
            let id = answer.header("x-request-id").unwrap_or_default().to_owned();
            let asked = attempts(&answer).into_iter().map(|(target, _)| target.to_owned());
            Judged { id, rung, asked: asked.collect(), at, took, wrong }
        }
        Err(error) => {
            let wrong = Some(format!("{ask:?}: no whole answer: {error:#}"));
            Judged { id: String::new(), rung: Rung::Error, asked: Vec::new(), at, took, wrong }
        }
    }
}
