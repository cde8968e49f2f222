//! `serve`: the gateway in the foreground, until a signal ends it.

use std::process::ExitCode;

use anyhow::Context;
use tokio::sync::oneshot;

use crate::compose::{FirstStart, Gateway, Listeners};
use crate::configuration::Configuration;
use crate::signals::{Signals, Wish};
use crate::{failure, logs, output, signals};

/// Runs until SIGTERM or SIGINT.
pub(super) fn run(configuration: &Configuration, quiet: bool) -> anyhow::Result<ExitCode> {
    let loaded = configuration.load()?;
    logs::start(&loaded, quiet);
    for warning in &loaded.warnings {
        tracing::warn!(code = warning.code.as_str(), help = warning.help, "{}", warning.message);
    }
    forbid_core_dumps();
    let server = &loaded.snapshot.server;
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    let listeners = Listeners::open(server.listen, server.admin_listen)?;
    let runtime = signals::runtime()?;
    let mut signals = Signals::listen(&runtime)?;
    let (gateway, first) = Gateway::start(loaded, listeners)?;
    show(&first)?;
    tracing::info!("listening on {scheme}://{} (public API)", gateway.address());
    tracing::info!("listening on http://{} (admin API)", gateway.admin_address());
    runtime.block_on(serve(gateway, configuration, &mut signals))
}

/// Reloads when a signal asks for it or a file was renewed. A signal does not wait for a reload
/// that tries new keys: it is broken off, and nothing of it holds.
async fn until_the_end(gateway: &Gateway, configuration: &Configuration, signals: &mut Signals) {
    loop {
        tokio::select! {
            wish = signals.next() => if wish == Wish::End { return },
            () = gateway.files_changed() => tracing::info!("a file was renewed"),
        }
        loop {
            tokio::select! {
                () = gateway.reload(configuration) => break,
                wish = signals.next() => if wish == Wish::End { return },
            }
        }
    }
}

async fn serve(
    gateway: Gateway,
    configuration: &Configuration,
    signals: &mut Signals,
) -> anyhow::Result<ExitCode> {
    until_the_end(&gateway, configuration, signals).await;
    tracing::info!("draining: running requests may end, no new ones are taken");
    let (done, drained) = oneshot::channel();
    let thread = std::thread::Builder::new()
        .name("tollbar-drain".to_owned())
        .spawn(move || {
            // Nobody waits any more after a second signal.
            let _ = done.send(gateway.drain());
        })
        .context("cannot start the drain")?;
    tokio::select! {
        outcome = drained => {
            // The thread has sent its last value, so this does not wait.
            let _ = thread.join();
            outcome.context("the drain panicked")??;
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        () = signals.end() => {
            tracing::warn!("stopped by a second signal; open requests are settled at the next start");
            Ok(ExitCode::from(failure::INTERRUPTED))
        }
    }
}

/// Shows what the first start made. It goes to standard output, because logs are kept and
/// shipped.
fn show(first: &FirstStart) -> std::io::Result<()> {
    let mut text = String::new();
    if let Some((service, key)) = &first.key {
        text.push_str(&format!("key for the service `{service}`: {}\n", key.expose()));
    }
    if let Some(token) = &first.token {
        text.push_str(&format!("admin token: {}\n", token.expose()));
    }
    if text.is_empty() {
        return Ok(());
    }
    text.insert_str(0, "First start. This is shown once, keep it:\n");
    if let Some((service, _)) = &first.key {
        text.push_str(&format!("More keys: tollbar keys create --service {service}\n"));
    }
    output::data(&text)
}

/// Keys and messages lie in memory; they must not end in a core file, nor be read by another
/// process of the same user.
fn forbid_core_dumps() {
    #[cfg(target_os = "linux")]
    if let Err(error) =
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        tracing::debug!(%error, "core dumps could not be forbidden");
    }
}
