//! Performs the scripts of the simulated provider: the same pauses, bytes and faults that a
//! connection would show.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use tb_config::Provider;
use tb_providers::WireRequest;
use tb_providers::simulated::{Ending, Script, SimulatedSettings, Turn, play};
use tokio::time::Sleep;

use crate::clearance::{Clearance, Recipient};
use crate::client::{BodyCut, SendFailure, Upstream, UpstreamBody};

/// Sends a request to the simulated provider.
pub(crate) async fn send(
    clearance: Clearance,
    provider: &Provider,
    (settings, turn): (&SimulatedSettings, Turn),
    wire: &WireRequest,
) -> Result<Upstream, SendFailure> {
    let recipient = Recipient::Provider(&provider.name);
    if !clearance.covers(recipient, &provider.base_url, wire) {
        return Err(SendFailure::NotCleared);
    }
    let mut script = play(settings, wire, turn);
    // The pause before the first piece comes before the head, as with a real provider.
    let wait = script.pieces.first_mut().map_or(Duration::ZERO, |(pause, _)| std::mem::take(pause));
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let Some(status) = script.status else {
        return Err(SendFailure::Broken);
    };
    if script.pieces.is_empty() && script.ending == Ending::Hang {
        std::future::pending::<()>().await;
    }
    let headers = headers(&script);
    Ok(Upstream {
        status,
        headers,
        body: UpstreamBody::Scripted(Box::new(ScriptedBody::new(script))),
    })
}

fn headers(script: &Script) -> HeaderMap {
    script
        .headers
        .iter()
        .filter_map(|(name, value)| {
            Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?))
        })
        .collect()
}

/// The body of a script under way.
#[derive(Debug)]
pub(crate) struct ScriptedBody {
    pieces: VecDeque<(Duration, Bytes)>,
    ending: Ending,
    pause: Option<Pin<Box<Sleep>>>,
}

impl ScriptedBody {
    fn new(script: Script) -> Self {
        Self { pieces: script.pieces.into(), ending: script.ending, pause: None }
    }

    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyCut>>> {
        if let Some(pause) = &mut self.pause {
            std::task::ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        match self.pieces.front_mut() {
            Some((pause, _)) if !pause.is_zero() => {
                self.pause = Some(Box::pin(tokio::time::sleep(std::mem::take(pause))));
                self.poll_data(cx)
            }
            Some(_) => Poll::Ready(self.pieces.pop_front().map(|(_, bytes)| Ok(bytes))),
            None => match self.ending {
                Ending::Clean => Poll::Ready(None),
                Ending::Cut => Poll::Ready(Some(Err(BodyCut))),
                Ending::Hang => Poll::Pending,
            },
        }
    }
}
