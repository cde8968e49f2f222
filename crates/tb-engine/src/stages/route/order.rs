//! The order of the targets of one model.

use std::borrow::Cow;
use std::sync::Arc;

use ring::digest;

use crate::ask::session;
use crate::engine::Engine;
use crate::headers;
use crate::request::RequestHead;
use crate::runtime::RunningTarget;
use crate::stages::compose::Body;
use crate::stages::lookup::Fresh;

/// Orders targets: requests of one session, or else of one user, always the same way, so that
/// they find the provider's prompt cache warm; the others by lot. Both follow the weights.
pub(super) fn ordered(
    engine: &Engine,
    head: &RequestHead,
    fresh: &Fresh,
    mut targets: Vec<Arc<RunningTarget>>,
) -> Vec<Arc<RunningTarget>> {
    if targets.len() < 2 {
        return targets;
    }
    let composed = &fresh.scrubbed.composed;
    let service = composed.admitted.service.name.as_str();
    let whose = if let Some(session) = session(head.surface, &composed.body) {
        Some(["session", service, session.as_str()].join("\0"))
    } else {
        let user = user(head, &composed.body);
        user.map(|user| ["user", service, &user].join("\0"))
    };
    match whose {
        Some(whose) => order_by_hash(&whose, &mut targets),
        None => order_by_lot(engine.shared.random(), &mut targets),
    }
    targets
}

/// The end user, as the account names it.
fn user<'a>(head: &'a RequestHead, body: &'a Body) -> Option<Cow<'a, str>> {
    if let Some(user) = head.header(&headers::USER) {
        return Some(Cow::Borrowed(user));
    }
    let Body::Json(document) = body else { return None };
    let named = document.get("user").and_then(|user| user.as_str());
    named.or_else(|| document.get("metadata")?.get("user_id")?.as_str())
}

/// Weighted rendezvous hashing: each target draws −ln(u) / weight, where u comes from the hash
/// of `whose` and its own name, and the smallest goes first. A target that comes or goes moves
/// its own share of the users only, on every node and after every restart.
fn order_by_hash(whose: &str, targets: &mut [Arc<RunningTarget>]) {
    targets.sort_by_cached_key(|target| {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in [whose, "\0", target.provider.name.as_str(), "/", target.model.as_str()] {
            hash.update(part.as_bytes());
        }
        let drawn = draw(hash.finish().as_ref(), target.weight);
        // Positive doubles compare like their bits.
        drawn.to_bits()
    });
}

fn draw(hash: &[u8], weight: u32) -> f64 {
    if weight == 0 {
        return f64::INFINITY;
    }
    let first: [u8; 8] = hash.first_chunk().copied().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
    let numerator = (u64::from_be_bytes(first) >> 11) as f64;
    let uniform = (numerator + 0.5) / 9_007_199_254_740_992.0;
    -uniform.ln() / f64::from(weight)
}

/// The first target is drawn by weight; the others follow in the order of their weights.
fn order_by_lot(random: u64, targets: &mut [Arc<RunningTarget>]) {
    targets.sort_by_key(|target| std::cmp::Reverse(target.weight));
    let total: u64 = targets.iter().map(|target| u64::from(target.weight)).sum();
    if total == 0 {
        return;
    }
    let mut draw = random % total;
    let mut chosen = 0;
    for (place, target) in targets.iter().enumerate() {
        let weight = u64::from(target.weight);
        if draw < weight {
            chosen = place;
            break;
        }
        draw -= weight;
    }
    if let Some(front) = targets.get_mut(..=chosen) {
        front.rotate_right(1);
    }
}

#[cfg(test)]
mod tests {
    use ring::digest::{SHA256, digest};

    use super::draw;

    #[test]
    fn the_first_place_follows_the_weights() {
        let mut first = [0u32; 2];
        for user in 0..4_000u32 {
            let drawn = |name: &str, weight| {
                draw(digest(&SHA256, format!("{user}{name}").as_bytes()).as_ref(), weight)
            };
            first[usize::from(drawn("a", 30) > drawn("b", 10))] += 1;
        }
        let share = f64::from(first[0]) / 4_000.0;
        assert!((0.72..0.78).contains(&share), "{share}");
    }

    #[test]
    fn a_target_without_weight_comes_last() {
        assert!(draw(&[0xFF; 32], 0) > draw(&[0; 32], 1));
    }
}
