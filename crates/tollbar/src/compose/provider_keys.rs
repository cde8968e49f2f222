//! New keys of providers: each is tried before the gateway works with it. Nothing of a key is in
//! logs and acts, only whose it is and its place.

use std::sync::Arc;

use serde_json::json;
use tb_config::{Provider, Snapshot};
use tb_core::{Actor, AdminAct, Secret, Timestamp};
use tb_engine::{Engine, KeyVerdict};

/// The configuration to serve with: `fresh`, where a key that its provider refuses is left out
/// and the one that was in its place stays. With what is to be written down of it.
pub(super) async fn tried(
    engine: &Engine,
    (running, fresh): (&Snapshot, Arc<Snapshot>),
    now: Timestamp,
) -> (Arc<Snapshot>, Vec<AdminAct>) {
    let (mut settled, mut acts) = (Arc::clone(&fresh), Vec::new());
    for new in fresh.providers.values() {
        // A provider at another address is another one: it is not given keys of the old one.
        let same =
            |old: &&Arc<Provider>| old.base_url == new.base_url && old.dialect == new.dialect;
        let Some(old) = running.providers.get(&new.name).filter(same) else { continue };
        let mut verdicts = Vec::with_capacity(new.api_keys.len());
        for (index, key) in new.api_keys.iter().enumerate() {
            if old.api_keys.contains(key) {
                verdicts.push(KeyVerdict::Accepted);
                continue;
            }
            let verdict = engine.probe_key(new, key).await;
            tell(new, index, verdict);
            acts.push(act(new, index, verdict, now));
            verdicts.push(verdict);
        }
        if verdicts.contains(&KeyVerdict::Refused) {
            settled = Arc::new(settled.with_provider(without_refused(old, new, &verdicts)));
        }
    }
    (settled, acts)
}

/// The new provider with the old keys in the places of those that are refused.
fn without_refused(old: &Provider, new: &Provider, verdicts: &[KeyVerdict]) -> Provider {
    let mut keys: Vec<(Secret, u32)> = Vec::new();
    let places = new.api_keys.iter().zip(&new.key_weights).zip(verdicts);
    for (index, ((key, weight), verdict)) in places.enumerate() {
        let kept = match verdict {
            KeyVerdict::Refused => {
                old.api_keys.get(index).filter(|old| !new.api_keys.contains(*old))
            }
            KeyVerdict::Accepted | KeyVerdict::Unknown => Some(key),
        };
        keys.extend(kept.map(|key| (key.clone(), *weight)));
    }
    if keys.iter().all(|(_, weight)| *weight == 0) {
        // None of the new ones is of use.
        let (api_keys, key_weights) = (old.api_keys.clone(), old.key_weights.clone());
        return Provider { api_keys, key_weights, ..new.clone() };
    }
    let (api_keys, key_weights) = keys.into_iter().unzip();
    Provider { api_keys, key_weights, ..new.clone() }
}

fn tell(provider: &Provider, index: usize, verdict: KeyVerdict) {
    let provider = provider.name.as_str();
    match verdict {
        KeyVerdict::Accepted => tracing::info!(provider, key = index, "a new key is in use"),
        KeyVerdict::Refused => tracing::error!(
            provider,
            key = index,
            "the provider refuses the new key; the one before it stays in use"
        ),
        KeyVerdict::Unknown => tracing::warn!(
            provider,
            key = index,
            "a new key is in use that could not be tried: the provider cannot be reached, or \
             says nothing about keys"
        ),
    }
}

fn act(provider: &Provider, index: usize, verdict: KeyVerdict, at: Timestamp) -> AdminAct {
    let object = format!("{}/{index}", provider.name);
    let switched = verdict != KeyVerdict::Refused;
    let after = json!({ "probe": verdict.as_str(), "switched": switched });
    AdminAct::new(at, Actor::Gateway, "provider_key.switch", object).with(None, Some(after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tb_config::{FixedEnvironment, Overrides, Source, load};

    fn snapshot(keys: &[&str]) -> Arc<Snapshot> {
        let mut environment = FixedEnvironment::default();
        let mut list = String::new();
        for key in keys {
            environment = environment.with_file(format!("/f/{key}"), key);
            list.push_str(&format!("{{ file = \"{key}\" }},"));
        }
        let text = format!(
            "[providers.p]\ndialect = \"openai\"\nbase_url = \"http://127.0.0.1:1/v1\"\n\
             api_keys = [{list}]\n[models.m]\ntargets = [{{ provider = \"p\", model = \"x\" }}]"
        );
        let source = Source::Text { name: "t".to_owned(), folder: "/f".into(), text };
        load(&source, &Overrides::default(), &environment).unwrap().snapshot
    }

    fn kept(old: &[&str], new: &[&str], refused: &[usize]) -> Vec<String> {
        let (old, new) = (snapshot(old), snapshot(new));
        let verdict = |index| {
            if refused.contains(&index) { KeyVerdict::Refused } else { KeyVerdict::Accepted }
        };
        let (old, provider) = (&old.providers["p"], &new.providers["p"]);
        let verdicts: Vec<_> = (0..provider.api_keys.len()).map(verdict).collect();
        let settled = new.with_provider(without_refused(old, provider, &verdicts));
        let served = &settled.models["m"].targets[0].provider;
        assert!(Arc::ptr_eq(served, &settled.providers["p"]), "models are served by it too");
        assert_eq!(served.api_keys.len(), served.key_weights.len());
        served.api_keys.iter().map(|key| key.expose().to_owned()).collect()
    }

    #[test]
    fn the_old_key_stays_in_the_place_of_a_refused_one() {
        assert_eq!(kept(&["a"], &["b"], &[0]), ["a"]);
        assert_eq!(kept(&["a", "b"], &["a", "c"], &[1]), ["a", "b"]);
        assert_eq!(kept(&["a", "b"], &["b", "c"], &[1]), ["b"], "it is there already");
        assert_eq!(kept(&["a"], &["a", "c"], &[1]), ["a"]);
        assert_eq!(kept(&["a", "b"], &["c", "d"], &[0]), ["a", "d"]);
        assert!(kept(&[], &["c"], &[0]).is_empty());
    }
}
