use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method};
use proptest::prelude::*;
use tb_config::{Baa, OnDisconnect, OwnClass};
use tb_providers::{DialectName, Quirks};

use super::*;

const NOW: Timestamp = Timestamp(1_000);

fn provider(name: &str, data_classes: &[DataClass], handling: DataHandling) -> Arc<Provider> {
    Arc::new(Provider {
        name: name.into(),
        dialect: DialectName::OpenAi,
        base_url: BaseUrl::parse(&format!("http://{name}.test/v1")).unwrap(),
        api_keys: Vec::new(),
        key_weights: Vec::new(),
        quirks: Quirks::default(),
        data_classes: data_classes.to_vec(),
        vendor: name.to_owned(),
        on_client_disconnect: OnDisconnect::Cancel,
        connect_timeout: std::time::Duration::from_secs(1),
        simulated: None,
        handling,
    })
}

fn handling(choose: impl FnOnce(&mut DataHandling)) -> DataHandling {
    let mut handling = DataHandling::default();
    choose(&mut handling);
    handling
}

fn baa(expires_ms: i64) -> Option<Baa> {
    Some(Baa { reference: "BAA-1".to_owned(), expires_at: Timestamp(expires_ms) })
}

fn lack_of(handling: DataHandling, level: DataClass, rules: &ClassRules) -> Option<Lack> {
    lack(&provider("p", &DataClass::ALL, handling), Classes::of(level), rules, NOW)
}

fn demanding(level: DataClass, demands: Demands) -> ClassRules {
    ClassRules { demands: BTreeMap::from([(level, demands)]), ..ClassRules::default() }
}

#[test]
fn health_data_needs_an_agreement_that_holds_at_this_moment_or_own_rooms() {
    let rules = ClassRules::default();
    let health = |handling| lack_of(handling, DataClass::Health, &rules);
    assert_eq!(health(DataHandling::default()), Some(Lack::Agreement));
    assert_eq!(
        health(handling(|it| it.baa = baa(1_000))),
        Some(Lack::Agreement),
        "now is too late"
    );
    assert_eq!(health(handling(|it| it.baa = baa(1_001))), None);
    assert_eq!(health(handling(|it| it.on_premises = true)), None);
    assert_eq!(lack_of(DataHandling::default(), DataClass::Personal, &rules), None);
    let waived = demanding(DataClass::Health, Demands::default());
    assert_eq!(lack_of(DataHandling::default(), DataClass::Health, &waived), None);
}

#[test]
fn what_holds_for_a_level_holds_for_those_above_it() {
    let regions = Demands { regions: vec!["eu".to_owned()], ..Demands::default() };
    let rules = demanding(DataClass::Personal, regions);
    let there = |it: &mut DataHandling| it.baa = baa(2_000);
    assert_eq!(lack_of(handling(there), DataClass::Health, &rules), Some(Lack::Region));
    assert_eq!(lack_of(handling(there), DataClass::Internal, &rules), None);
    let eu = |it: &mut DataHandling| (it.baa, it.region) = (baa(2_000), Some("eu".to_owned()));
    assert_eq!(lack_of(handling(eu), DataClass::Health, &rules), None);
}

#[test]
fn what_a_provider_does_not_state_counts_against_it() {
    let of = |demands: Demands, handling| {
        lack_of(handling, DataClass::Internal, &demanding(DataClass::Internal, demands))
    };
    let zero = || Demands { zero_retention: true, ..Demands::default() };
    let untrained = || Demands { no_training: true, ..Demands::default() };
    assert_eq!(of(zero(), DataHandling::default()), Some(Lack::ZeroRetention));
    assert_eq!(of(zero(), handling(|it| it.zero_retention = true)), None);
    assert_eq!(of(untrained(), DataHandling::default()), Some(Lack::NoTraining));
    assert_eq!(
        of(untrained(), handling(|it| it.training_use = Some(true))),
        Some(Lack::NoTraining)
    );
    assert_eq!(of(untrained(), handling(|it| it.training_use = Some(false))), None);
    assert_eq!(of(untrained(), handling(|it| it.on_premises = true)), None);
}

#[test]
fn an_own_class_needs_its_label_and_its_demands() {
    let demands = Demands { agreement: true, ..Demands::default() };
    let own = OwnClass { name: "secret".into(), level: DataClass::Internal, demands };
    let rules = ClassRules { own: vec![own], ..ClassRules::default() };
    let secret = Classes { level: DataClass::Internal, own: 1 };
    let of = |handling| lack(&provider("p", &DataClass::ALL, handling), secret, &rules, NOW);
    assert_eq!(of(handling(|it| it.baa = baa(2_000))), Some(Lack::Class));
    assert_eq!(of(handling(|it| it.own_classes = 1)), Some(Lack::Agreement));
    let both = |it: &mut DataHandling| (it.baa, it.own_classes) = (baa(2_000), 1);
    assert_eq!(of(handling(both)), None);
}

fn wire(body: &'static [u8]) -> WireRequest {
    WireRequest {
        method: Method::POST,
        path: "/".to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(body),
        dropped: Vec::new(),
    }
}

#[test]
fn a_clearance_is_for_one_provider_at_its_address_alone() {
    let (one, other) = (
        provider("one", &DataClass::ALL, DataHandling::default()),
        provider("other", &DataClass::ALL, DataHandling::default()),
    );
    let cleared =
        || clear(&one, Classes::default(), &ClassRules::default(), NOW).expect("an open provider");
    let covers = |name: &Arc<Provider>, place: &Arc<Provider>| {
        cleared().covers(Recipient::Provider(&name.name), &place.base_url, &wire(b"text"))
    };
    assert!(covers(&one, &one));
    assert!(!covers(&other, &other) && !covers(&other, &one) && !covers(&one, &other));
    let errand = Recipient::Errand(Errand::Checkpoint);
    assert!(!cleared().covers(errand, &one.base_url, &wire(b"text")));
}

#[test]
fn an_errand_carries_no_text_of_a_request() {
    let (one, other) = (BaseUrl::parse("http://a").unwrap(), BaseUrl::parse("http://b").unwrap());
    for errand in [Errand::KeyProbe, Errand::TokenKeys] {
        let to = Recipient::Errand(errand);
        assert!(Clearance::without_text(errand, &one).covers(to, &one, &wire(b"")));
        assert!(!Clearance::without_text(errand, &one).covers(to, &one, &wire(b"text")));
        assert!(!Clearance::without_text(errand, &one).covers(to, &other, &wire(b"")));
    }
    let (errand, to) = (Errand::Checkpoint, Recipient::Errand(Errand::Checkpoint));
    assert!(Clearance::without_text(errand, &one).covers(to, &one, &wire(b"signed")));
    let named = provider("p", &DataClass::ALL, DataHandling::default());
    let to = Recipient::Provider(&named.name);
    assert!(!Clearance::without_text(errand, &named.base_url).covers(
        to,
        &named.base_url,
        &wire(b"")
    ));
}

proptest! {
    /// A provider that may receive a request may receive it with less in it too, and stating
    /// more of itself never takes anything from it.
    #[test]
    fn less_in_a_request_and_more_stated_never_close_a_door(
        own in 0..4u32, less in 0..4u32, level in 0..4usize, below in 0..4usize,
        may in proptest::collection::vec(0..4usize, 0..4),
        stated in (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()),
        demands in proptest::collection::vec((any::<bool>(), any::<bool>(), any::<bool>()), 6),
    ) {
        let demand = |at: usize| {
            let (agreement, zero_retention, no_training) = demands[at];
            Demands { agreement, zero_retention, no_training, regions: Vec::new() }
        };
        let label = |at: usize| OwnClass {
            name: format!("own{at}").into(),
            level: DataClass::Public,
            demands: demand(4 + at),
        };
        let rules = ClassRules {
            own: vec![label(0), label(1)],
            demands: DataClass::ALL.into_iter().enumerate().map(|(at, level)| (level, demand(at))).collect(),
        };
        let (agreed, zero, untrained, home) = stated;
        let told = DataHandling {
            on_premises: home,
            zero_retention: zero,
            baa: agreed.then(|| baa(2_000)).flatten(),
            training_use: untrained.then_some(false),
            own_classes: 0b01,
            ..DataHandling::default()
        };
        let levels: Vec<_> = may.iter().map(|at| DataClass::ALL[*at]).collect();
        let open = |handling: DataHandling, classes| {
            lack(&provider("p", &levels, handling), classes, &rules, NOW).is_none()
        };
        let all = Classes { level: DataClass::ALL[level], own };
        let part = Classes { level: DataClass::ALL[below.min(level)], own: own & less };
        if open(told.clone(), all) {
            prop_assert!(open(told.clone(), part) || !levels.contains(&part.level));
            prop_assert!(levels.contains(&all.level) && all.own & !0b01 == 0);
            let at_home = DataHandling { on_premises: true, ..told };
            prop_assert!(open(at_home, all));
        }
    }
}
