//! `demo`: the whole product in one command. A gateway with simulated providers, real requests
//! to it, a summary of how they ended and what was accounted.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::{Context, anyhow};
use serde_json::json;
use tb_core::Secret;

use crate::cli::Demo;
use crate::client::{Request, send};
use crate::compose::{FirstStart, Gateway, Listeners};
use crate::configuration::Configuration;
use crate::demo::sample::Sample;
use crate::demo::summary::{self, Outcome};
use crate::signals::{Signals, Wish};
use crate::{demo, failure, logs, output, signals};

/// The ports of the contract, taken when they are free.
const USUAL_PORTS: (u16, u16) = (8787, 8788);

/// Requests at a time.
const CLIENTS: usize = 4;

/// Runs it, once or until a signal.
pub(super) fn run(options: &Demo, quiet: bool) -> anyhow::Result<ExitCode> {
    let folder = tempfile::Builder::new().prefix("tollbar-demo-").tempdir()?;
    let listeners = listeners()?;
    let configuration = configuration(folder.path(), &listeners)?;
    let loaded = configuration.load()?;
    logs::start(&loaded, true);
    let runtime = signals::runtime()?;
    let mut signals = Signals::listen(&runtime)?;
    let (gateway, first) = Gateway::start(loaded, listeners)?;
    let FirstStart { key: Some((_, key)), token: Some(token) } = first else {
        return Err(anyhow!("the demo's storage is not new"));
    };
    if !quiet {
        output::message("sending sample traffic …");
    }
    let outcomes = traffic(gateway.address(), &key);
    let letter = Letter::send(gateway.address(), &key);
    let failed = report(&gateway, &outcomes)? | letter.report()?;
    if !options.once {
        invite(&gateway, &key, &token)?;
        while runtime.block_on(signals.next()) != Wish::End {}
    }
    gateway.drain()?;
    let code = if failed { failure::NEGATIVE } else { 0 };
    Ok(ExitCode::from(code))
}

/// Loopback only; free ports where the usual ones are taken.
fn listeners() -> anyhow::Result<Listeners> {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let (public, admin) = USUAL_PORTS;
    Listeners::open(local(public), local(admin))
        .or_else(|_| Listeners::open(local(0), local(0)))
        .context("no free port on loopback")
}

fn configuration(folder: &Path, listeners: &Listeners) -> anyhow::Result<Configuration> {
    let set = [
        ("server.listen".to_owned(), listeners.public.local_addr()?.to_string()),
        ("server.admin_listen".to_owned(), listeners.admin.local_addr()?.to_string()),
        ("telemetry.log_format".to_owned(), "text".to_owned()),
    ];
    std::fs::write(folder.join(demo::RULES_FILE), demo::RULES)?;
    let text = demo::CONFIGURATION.to_owned();
    Ok(Configuration::of_text("demo", folder.to_owned(), text).with(&set))
}

/// Sends every sample, a few at a time, and notes how each ended.
fn traffic(address: SocketAddr, key: &Secret) -> Vec<Outcome> {
    let queue: Vec<(Sample, usize)> = Sample::SCRIPT
        .iter()
        .flat_map(|(sample, count)| (0..*count).map(move |number| (*sample, number)))
        .collect();
    let next = Mutex::new(queue.into_iter());
    let faults = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                // A panic elsewhere poisons these; the samples that it took are then missing
                // and the traffic ends early, which the scope reports by panicking itself.
                while let Some((sample, number)) =
                    next.lock().ok().and_then(|mut queue| queue.next())
                {
                    if let Err(fault) = sample.run(address, key.expose(), number)
                        && let Ok(mut faults) = faults.lock()
                    {
                        faults.push((sample, fault));
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap_or_default();
    let outcome = |(sample, sent): &(Sample, usize)| Outcome {
        sample: *sample,
        sent: *sent,
        faults: faults
            .iter()
            .filter(|(faulty, _)| faulty == sample)
            .map(|(_, fault)| fault.clone())
            .collect(),
    };
    Sample::SCRIPT.iter().map(outcome).collect()
}

/// What became of a letter with a card's number and a mail address in it.
struct Letter(Result<String, String>);

impl Letter {
    /// A number for tests, which no bank gives out.
    const CARD: &str = "4111 1111 1111 1111";
    const MAIL: &str = "jane.doe@example.org";

    /// Sends it. The simulated provider repeats what it sees: the card must not be in the answer,
    /// the mail address must be there again.
    fn send(address: SocketAddr, key: &Secret) -> Self {
        let text = format!("I pay with {}, please answer to {}.", Self::CARD, Self::MAIL);
        let body = json!({
            "model": "assistant",
            "messages": [{ "role": "user", "content": text }],
        });
        let body = body.to_string();
        let path = "/v1/chat/completions";
        let request = Request { method: "POST", path, key: key.expose(), body: &body };
        Self(send(address, &request).map_err(|error| error.to_string()).and_then(|answer| {
            let hidden = answer.header("x-tollbar-guard").unwrap_or_default().to_owned();
            let is_hidden = !answer.body.contains(Self::CARD) && answer.body.contains(Self::MAIL);
            if answer.status == 200 && is_hidden && !hidden.is_empty() {
                return Ok(hidden);
            }
            Err(format!("status {}, hidden `{hidden}`", answer.status))
        }))
    }

    /// Says what was hidden; whether it was not as it should be.
    fn report(&self) -> anyhow::Result<bool> {
        match &self.0 {
            Ok(hidden) => output::data(&format!(
                "\nhidden: {hidden} (of a letter; its answer has the mail address again)\n"
            ))?,
            Err(fault) => output::message(&format!("not as scripted: the letter: {fault}")),
        }
        Ok(self.0.is_err())
    }
}

/// Prints the tables; whether any sample ended otherwise than its script says.
fn report(gateway: &Gateway, outcomes: &[Outcome]) -> anyhow::Result<bool> {
    let usage = summary::usage(gateway.settled_usage()?.as_ref())?;
    output::data(&format!("{}\n{usage}", summary::samples(outcomes)))?;
    let mut failed = false;
    for outcome in outcomes {
        for fault in &outcome.faults {
            failed = true;
            output::message(&format!("not as scripted: {}: {fault}", outcome.sample.title()));
        }
    }
    Ok(failed)
}

/// Says what is there to try.
fn invite(gateway: &Gateway, key: &Secret, token: &Secret) -> std::io::Result<()> {
    let (public, admin) = (gateway.address(), gateway.admin_address());
    let (key, token) = (key.expose(), token.expose());
    output::data(&format!(
        "\npublic API   http://{public}/v1\nadmin        http://{admin}\n\
         metrics      http://{admin}/metrics\nkey          {key}\nadmin token  {token}\n\n\
         curl http://{public}/v1/chat/completions -H 'authorization: Bearer {key}' \\\n  \
         -d '{{\"model\": \"assistant\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'\n\n\
         Everything is gone when it stops: Ctrl-C.\n"
    ))
}
