//! Keys, tokens and acts, on every back end.

use tb_core::ports::StoreError;
use tb_core::{AdminTokenRecord, KeyId, KeyRecord, KeyScope, KeySecret, Role, Surface, Timestamp};
use tb_store::Stores;

use crate::conformance::on_every_back_end;
use crate::support::{act, row};

on_every_back_end!(
    gives_back_keys,
    refuses_a_change_of_an_outdated_record,
    gives_back_admin_tokens,
    counts_changes_of_keys_only,
    gives_acts_until_they_are_recorded,
);

fn key(id: &str) -> KeyRecord {
    let scope = KeyScope {
        name: Some("laptop".to_owned()),
        models: Some(vec!["support".into(), "gpt-*".into()]),
        routes: Some(vec![Surface::ChatCompletions]),
        purpose: Some("general".into()),
        networks: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        expires_at: Some(Timestamp(2_000)),
        ..KeyScope::of_service("bot".into(), Timestamp(1_000))
    };
    let secret =
        KeySecret { version: 1, digest: [7; 32], created_at: Timestamp(1_000), valid_until: None };
    KeyRecord {
        id: KeyId::parse(id).unwrap(),
        secrets: vec![secret],
        scope,
        revoked_at: None,
        revision: 0,
    }
}

fn token(id: &str, role: Role) -> AdminTokenRecord {
    AdminTokenRecord {
        id: KeyId::parse(id).unwrap(),
        digest: [9; 32],
        role,
        name: None,
        created_at: Timestamp(1),
        expires_at: None,
        revoked_at: None,
    }
}

fn gives_back_keys(stores: &Stores) {
    let mut bare = key("bbbbbbbb");
    bare.scope = KeyScope::of_service("shop".into(), Timestamp(500));
    stores.keys.put_key(&key("aaaaaaaa"), &act("key.create")).unwrap();
    stores.keys.put_key(&bare, &act("key.create")).unwrap();
    assert_eq!(stores.keys.keys().unwrap(), [bare, key("aaaaaaaa")]);
}

fn refuses_a_change_of_an_outdated_record(stores: &Stores) {
    let change =
        |revision, at| KeyRecord { revision, revoked_at: Some(Timestamp(at)), ..key("aaaaaaaa") };
    let put = |key: &KeyRecord| stores.keys.put_key(key, &act("key.revoke"));
    assert!(matches!(put(&change(1, 3)), Err(StoreError::Conflict(_))), "there is none");
    put(&key("aaaaaaaa")).unwrap();
    assert!(matches!(put(&key("aaaaaaaa")), Err(StoreError::Conflict(_))), "there is one");
    put(&change(1, 5)).unwrap();
    assert!(matches!(put(&change(1, 9)), Err(StoreError::Conflict(_))));
    assert_eq!(stores.keys.keys().unwrap(), [change(1, 5)]);
    assert_eq!(stores.acts.waiting_acts(9).unwrap().len(), 2, "refused changes are no acts");
}

fn gives_back_admin_tokens(stores: &Stores) {
    let (one, two) = (token("tttttttt", Role::Owner), token("uuuuuuuu", Role::Viewer));
    for token in [&two, &one] {
        stores.keys.put_admin_token(token, &act("token.create")).unwrap();
    }
    let revoked = AdminTokenRecord { revoked_at: Some(Timestamp(3)), ..two };
    stores.keys.put_admin_token(&revoked, &act("token.revoke")).unwrap();
    assert_eq!(stores.keys.admin_tokens().unwrap(), [one, revoked]);
}

fn counts_changes_of_keys_only(stores: &Stores) {
    let start = stores.keys.change_counter().unwrap();
    stores.usage.append(&[row(1, 1)], 5).unwrap();
    assert_eq!(stores.keys.change_counter().unwrap(), start);
    stores.keys.put_key(&key("aaaaaaaa"), &act("key.create")).unwrap();
    let inserted = stores.keys.change_counter().unwrap();
    stores.keys.put_admin_token(&token("tttttttt", Role::Owner), &act("token.create")).unwrap();
    assert!(start != inserted && inserted != stores.keys.change_counter().unwrap());
}

fn gives_acts_until_they_are_recorded(stores: &Stores) {
    stores.acts.note_act(&act("gateway.start")).unwrap();
    stores.keys.put_key(&key("aaaaaaaa"), &act("key.create")).unwrap();
    stores.acts.note_act(&act("gateway.stop")).unwrap();
    let waiting = stores.acts.waiting_acts(2).unwrap();
    assert_eq!(
        waiting.iter().map(|(_, act)| act.kind.as_str()).collect::<Vec<_>>(),
        ["gateway.start", "key.create"]
    );
    stores.acts.acts_recorded(waiting[1].0).unwrap();
    let left = stores.acts.waiting_acts(9).unwrap();
    assert_eq!(left.len(), 1);
    assert!(left[0].0 > waiting[1].0 && left[0].1.kind == "gateway.stop");
}
