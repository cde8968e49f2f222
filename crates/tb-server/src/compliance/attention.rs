//! What somebody should look at.

use tb_config::Snapshot;
use tb_core::{DataClass, KeyRecord, Timestamp};

use super::keepers::rotation_due;
use super::{Attention, Processing, Records, Urgency, days};

/// So many days ahead something is coming up.
const SOON_DAYS: i64 = 30;

/// So many days without use make an access doubtful.
const UNUSED_DAYS: i64 = 90;

/// Everything, the most urgent first.
pub(super) fn all(
    snapshot: &Snapshot,
    records: &Records<'_>,
    services: &[Processing],
) -> Vec<Attention> {
    let now = records.now;
    let mut found = Vec::new();
    if !snapshot.server.authentication {
        found.push(note("server", "callers need no key (`authentication = \"off\"`)"));
    }
    for provider in snapshot.providers.values() {
        of_provider(provider, now, &mut found);
    }
    for service in services {
        of_service(service, &mut found);
    }
    let is_live = |key: &&KeyRecord| key.revoked_at.is_none();
    for key in records.keys.iter().filter(is_live) {
        let object = format!("key {}", key.id);
        if let Some(due) = rotation_due(snapshot, key) {
            coming(&object, ("its secret is refused for its age", due), now, &mut found);
        }
        if let Some(end) = key.scope.expires_at {
            coming(&object, ("it expires", end), now, &mut found);
        }
        unused(&object, (records.last_used.get(&key.id), key.scope.created_at), now, &mut found);
    }
    for token in records.tokens.iter().filter(|token| token.revoked_at.is_none()) {
        let object = format!("admin token {} ({})", token.id, token.role.as_str());
        match token.expires_at {
            Some(end) => coming(&object, ("it expires", end), now, &mut found),
            None => found.push(note(&object, "it never expires")),
        }
        // No use of a token is noted yet, so only a known one says anything.
        if let Some(last) = records.last_used.get(&token.id) {
            unused(&object, (Some(last), token.created_at), now, &mut found);
        }
    }
    found.sort_by_key(|one| one.urgency);
    found
}

fn of_provider(provider: &tb_config::Provider, now: Timestamp, found: &mut Vec<Attention>) {
    let object = format!("provider {}", provider.name);
    let handling = &provider.handling;
    if let Some(baa) = &handling.baa {
        let what = format!("the agreement {} expires", baa.reference);
        coming(&object, (&what, baa.expires_at), now, found);
    }
    let gets_people = provider.data_classes.iter().any(|class| *class >= DataClass::Personal);
    if !gets_people || handling.on_premises {
        return;
    }
    if handling.region.is_none() {
        found.push(note(&object, "it may receive personal data and states no `region`"));
    }
    if handling.training_use.is_none() {
        found.push(note(&object, "it may receive personal data and states no `training_use`"));
    }
    if handling.retention.is_none() && !handling.zero_retention {
        found.push(note(&object, "it may receive personal data and states no `retention`"));
    }
}

fn of_service(service: &Processing, found: &mut Vec<Attention>) {
    for class in &service.data_classes {
        let has_taker = service.recipients.iter().any(|share| share.data_classes.contains(class));
        if !has_taker {
            let matter = format!("it may send data of the class {class}, which nobody may receive");
            found.push(note(&format!("service {}", service.service), &matter));
        }
    }
}

fn coming(object: &str, (what, at): (&str, Timestamp), now: Timestamp, found: &mut Vec<Attention>) {
    let left = days(now, at);
    let urgency = match left {
        _ if at <= now => Urgency::Overdue,
        _ if left < SOON_DAYS => Urgency::Soon,
        _ => return,
    };
    let matter = format!("{what}: {}", at.to_rfc3339());
    found.push(Attention { urgency, object: object.to_owned(), matter });
}

fn unused(
    object: &str,
    (last, made): (Option<&Timestamp>, Timestamp),
    now: Timestamp,
    found: &mut Vec<Attention>,
) {
    let idle = days(*last.unwrap_or(&made), now);
    if idle >= UNUSED_DAYS {
        let matter = match last {
            Some(_) => format!("not used for {idle} days"),
            None => format!("made {idle} days ago, and no use of it is known"),
        };
        found.push(note(object, &matter));
    }
}

fn note(object: &str, matter: &str) -> Attention {
    let (object, matter) = (object.to_owned(), matter.to_owned());
    Attention { urgency: Urgency::Note, object, matter }
}
