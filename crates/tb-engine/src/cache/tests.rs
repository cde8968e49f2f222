//! The cache as requests meet it.

mod coalescing;
mod debug;
mod gateway;
mod keeping;
mod serving;
mod shelf;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tb_core::{NanoUsd, Timestamp};

use self::gateway::{Ask, Gateway};
use super::Keeper;
use super::entry::{Entry, Label, Times};
use super::key::Slot;
use crate::local::Origin;

/// Any entry of this moment.
fn entry(now: Timestamp) -> Arc<Entry> {
    Arc::new(Entry {
        label: Label { service: "s".into(), model: "m".into(), tags: Vec::new() },
        request: Bytes::new(),
        slot: Slot::Plain,
        body: Bytes::new(),
        origin: Origin { provider: "p".to_owned(), resolved: "r".to_owned(), served: None },
        cost: NanoUsd(0),
        times: Times::starting(now, Duration::from_secs(60), Duration::ZERO),
    })
}

/// The keeper of a request that has gone as far as `lookup`.
async fn keeper_of(gateway: &Gateway, ask: &Ask) -> Keeper {
    use crate::stages::{admit, compose, lookup, scrub};
    let request = gateway.request(ask);
    let (engine, head) = (&gateway.engine, &request.head);
    let (admitted, mut settlement) = admit::admit(engine, head).unwrap();
    let body = request.body.await.unwrap().bytes;
    let composed = compose::compose(engine, head, admitted, body, &mut settlement).unwrap();
    let scrubbed = scrub::scrub(engine, head, composed, &mut settlement).await.unwrap();
    match lookup::lookup(engine, head, scrubbed, &mut settlement).await.unwrap() {
        lookup::Found::Fresh(fresh) => fresh.keeper,
        lookup::Found::Hit(hit) => panic!("{hit:?}"),
    }
}
