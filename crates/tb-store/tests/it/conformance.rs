//! What every back end must do, run on each of them.

use proptest::prelude::*;
use tb_core::ports::{GroupBy, UsageQuery, UsageSum};
use tb_core::retention::SPAN_MS;
use tb_core::{
    Cause, Cost, DataClass, EndReason, NanoUsd, RequestId, Rung, Surface, Timestamp, TokenCounts,
    UsageRow, UsageSource,
};
use tb_store::{Durability, StorageAddress, Stores, connect};

use crate::support::{binding, row};

/// The tests below, once per back end.
macro_rules! on_every_back_end {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(
                #[test]
                fn $name() {
                    let address = tb_store::StorageAddress::Memory;
                    super::$name(&crate::conformance::connected(&address));
                }
            )*
        }
        mod sqlite {
            $(
                #[test]
                fn $name() {
                    let directory = tempfile::tempdir().unwrap();
                    let path = directory.path().join("tollbar.db");
                    super::$name(&crate::conformance::connected(&tb_store::StorageAddress::Sqlite(path)));
                }
            )*
        }
    };
}

pub(crate) use on_every_back_end;

on_every_back_end!(
    gives_back_the_rows_it_took,
    replaces_a_row_that_comes_again,
    remembers_the_checkpoint,
    gives_back_extreme_values,
    sums_nothing_to_zero,
    sums_by_every_column,
    sums_a_span_of_time,
    counts_failures_and_unpriced_attempts,
    counts_own_answers_as_requests_and_not_as_attempts,
    keeps_measured_and_estimated_cost_apart,
    survives_hostile_counts,
    orders_days_by_time_and_the_rest_by_cost,
    lists_recent_rows_newest_first,
    pages_of_recent_rows_lose_no_row_of_a_request,
    sums_up_over_files,
    binds_a_response_to_its_first_tenant,
    forgets_a_binding_of_its_tenant_only,
);

pub(crate) fn connected(address: &StorageAddress) -> Stores {
    connect(address, Durability::Process).unwrap()
}

fn sum(stores: &Stores, by: &[GroupBy]) -> Vec<UsageSum> {
    stores.usage.sum(&UsageQuery { by: by.to_vec(), ..UsageQuery::default() }).unwrap()
}

fn groups(stores: &Stores, by: &[GroupBy]) -> Vec<Vec<String>> {
    sum(stores, by).into_iter().map(|sum| sum.group).collect()
}

fn gives_back_the_rows_it_took(stores: &Stores) {
    let rows = [row(1, 1), row(1, 2), row(2, 1)];
    stores.usage.append(&rows, 1).unwrap();
    assert_eq!(stores.usage.request(row(1, 1).request_id).unwrap(), rows[..2]);
    assert_eq!(stores.usage.request(RequestId(0)).unwrap(), []);
}

fn replaces_a_row_that_comes_again(stores: &Stores) {
    stores.usage.append(&[row(1, 1)], 1).unwrap();
    let again = UsageRow { status: 500, ..row(1, 1) };
    stores.usage.append(&[again.clone(), row(2, 1)], 2).unwrap();
    assert_eq!(stores.usage.request(again.request_id).unwrap(), [again]);
    assert_eq!(sum(stores, &[])[0].requests, 2);
}

fn remembers_the_checkpoint(stores: &Stores) {
    assert_eq!(stores.usage.checkpoint().unwrap(), 0);
    stores.usage.append(&[], 17).unwrap();
    assert_eq!(stores.usage.checkpoint().unwrap(), 17);
    stores.usage.append(&[row(1, 1)], u64::MAX).unwrap();
    assert_eq!(stores.usage.checkpoint().unwrap(), u64::MAX);
}

fn gives_back_extreme_values(stores: &Stores) {
    for (number, surface) in (100..).zip(Surface::ALL) {
        let bare = UsageRow {
            request_id: RequestId(u128::MAX - u128::from(number)),
            attempt: u32::MAX,
            is_final: false,
            key_id: None,
            user: None,
            surface,
            provider: None,
            model_resolved: None,
            model_served: Some("'; DROP TABLE usage; -- \u{1F4B0}\0".to_owned()),
            status: u16::MAX,
            error_code: Some("upstream_exhausted".to_owned()),
            end_reason: EndReason::ALL[usize::try_from(number).unwrap() % 7],
            usage_source: UsageSource::ALL[usize::try_from(number).unwrap() % 4],
            tokens: TokenCounts::default(),
            cost: [Cost::Unpriced, Cost::Free, Cost::Estimated(NanoUsd(i64::MAX))]
                [usize::try_from(number).unwrap() % 3],
            ttft_ms: None,
            duration_ms: u32::MAX,
            overhead_us: u32::MAX,
            rung: Rung::ALL[usize::try_from(number).unwrap() % 5],
            cause: Cause::ALL[usize::try_from(number).unwrap() % 6],
            waited_ms: u32::MAX,
            key_index: [None, Some(0), Some(u32::MAX)][usize::try_from(number).unwrap() % 3],
            passed_over: Some("openai/gpt=breaker_open;'; DROP TABLE names".to_owned()),
            saved: NanoUsd(i64::MIN),
            guard: [None, Some("email=2:tokenize,credit_card=1:mask".to_owned())]
                [usize::try_from(number).unwrap() % 2]
                .clone(),
            characters: [Some("zero_width=3,tags=1".to_owned()), None]
                [usize::try_from(number).unwrap() % 2]
                .clone(),
            secret_version: [None, Some(u32::MAX)][usize::try_from(number).unwrap() % 2],
            workload: [None, Some("'; DROP TABLE names".into())]
                [usize::try_from(number).unwrap() % 2]
                .clone(),
            peer: [None, Some([0; 4].into()), Some([255; 16].into())]
                [usize::try_from(number).unwrap() % 3],
            data_class: DataClass::ALL[usize::try_from(number).unwrap() % 4],
            own_classes: Some("trade_secret,export_controlled".into()),
            region: None,
            agreement: Some("BAA-2026-014".into()),
            request_hmac: None,
            answer_hmac: Some([255; 32]),
            prompt: Some("translate@3".into()),
            fingerprint: Some("fp_1".to_owned()),
            has_drifted: true,
            ..row(number, 1)
        };
        stores.usage.append(std::slice::from_ref(&bare), 1).unwrap();
        assert_eq!(stores.usage.request(bare.request_id).unwrap(), [bare]);
    }
}

fn sums_nothing_to_zero(stores: &Stores) {
    assert_eq!(sum(stores, &[]), [UsageSum::default()]);
    assert_eq!(sum(stores, &[GroupBy::Model]), []);
}

fn sums_by_every_column(stores: &Stores) {
    let other = UsageRow {
        key_id: None,
        user: None,
        model_requested: "translate".into(),
        service: "shop".into(),
        purpose: "sales".into(),
        cost: Cost::Measured(NanoUsd(9_000)),
        ..row(90_000_000, 1)
    };
    let failed_first = UsageRow { is_final: false, attempt: 1, ..row(2, 1) };
    stores.usage.append(&[row(1, 1), failed_first, row(2, 2), other], 1).unwrap();
    let all = &sum(stores, &[])[0];
    let expected = UsageSum {
        requests: 3,
        attempts: 4,
        input_tokens: 4 * 127,
        cached_input_tokens: 4 * 20,
        output_tokens: 4 * 56,
        reasoning_tokens: 4 * 6,
        cost: NanoUsd(12_000),
        ..UsageSum::default()
    };
    assert_eq!(*all, expected);
    for (by, names) in [
        (GroupBy::Key, ["", "abcdEF12"]),
        (GroupBy::Model, ["translate", "support"]),
        (GroupBy::Service, ["shop", "bot"]),
        (GroupBy::Purpose, ["sales", "general"]),
        (GroupBy::Day, ["1970-01-01", "1970-01-02"]),
    ] {
        assert_eq!(groups(stores, &[by]), names.map(|name| vec![name.to_owned()]), "{by:?}");
    }
    let by_two = sum(stores, &[GroupBy::Service, GroupBy::User]);
    assert_eq!(by_two.len(), 3);
    assert_eq!(by_two[0].group, ["shop", ""]);
    assert_eq!(by_two[1].group, ["bot", "user-2"]);
    assert_eq!((by_two[1].requests, by_two[1].attempts), (1, 2));
}

fn sums_a_span_of_time(stores: &Stores) {
    let rows: Vec<_> = (10..20).map(|number| row(number, 1)).collect();
    stores.usage.append(&rows, 1).unwrap();
    // A late attempt of an early request counts when it began.
    let late = UsageRow { started_at: Timestamp(15), ..row(10, 2) };
    stores.usage.append(&[late], 1).unwrap();
    let query = UsageQuery {
        since: Some(Timestamp(12)),
        until: Some(Timestamp(16)),
        ..UsageQuery::default()
    };
    assert_eq!(stores.usage.sum(&query).unwrap()[0].attempts, 5);
}

fn sums_up_over_files(stores: &Stores) {
    let class = |number: u64| DataClass::ALL[usize::try_from(number).unwrap() % 4];
    let span = u64::try_from(SPAN_MS).unwrap();
    let rows: Vec<_> = (0..40)
        .map(|number| UsageRow { data_class: class(number), ..row(number * span / 3 + number, 1) })
        .collect();
    stores.usage.append(&rows, 1).unwrap();
    let by_user = sum(stores, &[GroupBy::User]);
    assert_eq!(by_user.iter().map(|sum| sum.requests).sum::<u64>(), 40);
    assert_eq!(by_user.len(), 3, "a user has an id of their own in each file");
    let newest = stores.usage.recent(None, 5).unwrap();
    assert_eq!(newest, rows.iter().rev().take(5).cloned().collect::<Vec<_>>());
    let query = UsageQuery {
        since: Some(rows[10].started_at),
        until: Some(rows[20].started_at),
        ..UsageQuery::default()
    };
    assert_eq!(stores.usage.sum(&query).unwrap()[0].requests, 10);
    for row in &rows {
        assert_eq!(stores.usage.request(row.request_id).unwrap(), std::slice::from_ref(row));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever rows there are, a question has one answer.
    #[test]
    fn back_ends_agree(
        rows in prop::collection::vec(
            (0_u64..7_200, 0_u32..3, 0_i64..90_000, any::<bool>()), 1..60),
        (since, until) in (0_i64..9_000, 0_i64..9_000),
        limit in 1_u32..30,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tollbar.db");
        let backs = [StorageAddress::Memory, StorageAddress::Sqlite(path)].map(|at| connected(&at));
        let rows: Vec<UsageRow> = rows
            .into_iter()
            .map(|(seconds, attempt, late_ms, is_final)| {
                let row = row(seconds * 1_000, attempt);
                let started_at = row.started_at.plus_ms(late_ms);
                // An attempt has one class, also when its row comes again.
                let class = usize::try_from(seconds + u64::from(attempt)).unwrap() % 4;
                UsageRow { started_at, is_final, data_class: DataClass::ALL[class], ..row }
            })
            .collect();
        let query = UsageQuery {
            by: vec![GroupBy::Day, GroupBy::User],
            since: Some(Timestamp(since * 1_000)),
            until: Some(Timestamp(until * 1_000)),
        };
        let seen = backs.map(|stores| {
            for (batch, checkpoint) in rows.chunks(7).zip(1..) {
                stores.usage.append(batch, checkpoint).unwrap();
            }
            let recent = stores.usage.recent(Some(Timestamp(until * 1_000)), limit).unwrap();
            let request = stores.usage.request(rows[0].request_id).unwrap();
            (stores.usage.sum(&query).unwrap(), recent, request)
        });
        prop_assert_eq!(&seen[0], &seen[1]);
    }
}

fn counts_failures_and_unpriced_attempts(stores: &Stores) {
    let rows = [
        UsageRow { status: 429, is_final: false, ..row(1, 1) },
        UsageRow { status: 200, end_reason: EndReason::ClientGone, ..row(1, 2) },
        UsageRow { status: 400, cost: Cost::Unpriced, ..row(2, 1) },
        UsageRow {
            cost: Cost::Free,
            attempt: 0,
            provider: None,
            end_reason: EndReason::Limit,
            ..row(3, 1)
        },
        row(4, 1),
    ];
    stores.usage.append(&rows, 1).unwrap();
    let all = &sum(stores, &[])[0];
    assert_eq!((all.requests, all.attempts, all.errors), (4, 4, 3));
    assert_eq!(all.unpriced_requests, 1);
}

fn counts_own_answers_as_requests_and_not_as_attempts(stores: &Stores) {
    let own = |number, attempt, rung, saved| UsageRow {
        provider: None,
        model_resolved: None,
        rung,
        cost: Cost::Free,
        saved: NanoUsd(saved),
        ..row(number, attempt)
    };
    let rows = [
        own(1, 0, Rung::Cache, 400),
        UsageRow { status: 503, is_final: false, ..row(2, 1) },
        own(2, 2, Rung::StaleCache, 50),
        UsageRow { model_requested: "translate".into(), ..own(3, 1, Rung::Rules, 0) },
    ];
    stores.usage.append(&rows, 1).unwrap();
    let all = &sum(stores, &[])[0];
    assert_eq!((all.requests, all.attempts, all.errors), (3, 1, 0));
    assert_eq!(all.saved, NanoUsd(450));
    let by_model = sum(stores, &[GroupBy::Model]);
    assert_eq!(by_model[0].group, ["support"]);
    assert_eq!((by_model[0].saved, by_model[1].saved), (NanoUsd(450), NanoUsd(0)));
}

fn keeps_measured_and_estimated_cost_apart(stores: &Stores) {
    let estimated = UsageRow { cost: Cost::Estimated(NanoUsd(70)), ..row(1, 1) };
    stores.usage.append(&[estimated, row(2, 1)], 1).unwrap();
    let all = &sum(stores, &[])[0];
    assert_eq!((all.cost, all.estimated_cost), (NanoUsd(1_000), NanoUsd(70)));
}

fn survives_hostile_counts(stores: &Stores) {
    let most = i64::MAX.unsigned_abs();
    let tokens = TokenCounts { input_fresh: most, reasoning: most, ..TokenCounts::default() };
    let rows: Vec<_> = (0..5)
        .map(|number| UsageRow {
            tokens,
            cost: Cost::Measured(NanoUsd(i64::MAX)),
            saved: NanoUsd(i64::MAX),
            ..row(number, 1)
        })
        .collect();
    stores.usage.append(&rows, 1).unwrap();
    let all = &sum(stores, &[])[0];
    assert_eq!((all.input_tokens, all.reasoning_tokens), (u64::MAX, u64::MAX));
    assert_eq!((all.cost, all.saved), (NanoUsd(i64::MAX), NanoUsd(i64::MAX)));
}

fn orders_days_by_time_and_the_rest_by_cost(stores: &Stores) {
    let day = 86_400_000;
    let costing = |number, model: &str, nano| UsageRow {
        model_requested: model.into(),
        cost: Cost::Measured(NanoUsd(nano)),
        ..row(number, 1)
    };
    let rows = [
        costing(1, "a", 1),
        costing(2, "b", 5),
        costing(day, "a", 9),
        costing(day + 1, "b", 2),
        costing(2 * day, "c", 100),
    ];
    stores.usage.append(&rows, 1).unwrap();
    assert_eq!(groups(stores, &[GroupBy::Model]), [["c"], ["a"], ["b"]]);
    let by_day = groups(stores, &[GroupBy::Model, GroupBy::Day]);
    let expected = [
        ["b", "1970-01-01"],
        ["a", "1970-01-01"],
        ["a", "1970-01-02"],
        ["b", "1970-01-02"],
        ["c", "1970-01-03"],
    ];
    assert_eq!(by_day, expected);
}

fn lists_recent_rows_newest_first(stores: &Stores) {
    let rows: Vec<_> = (1..=9).map(|number| row(number, 1)).collect();
    stores.usage.append(&rows, 1).unwrap();
    let newest = stores.usage.recent(None, 2).unwrap();
    assert_eq!(newest, [row(9, 1), row(8, 1)]);
    let older = stores.usage.recent(Some(Timestamp(8)), 100).unwrap();
    assert_eq!(older.len(), 7);
    assert_eq!(older[0], row(7, 1));
}

fn pages_of_recent_rows_lose_no_row_of_a_request(stores: &Stores) {
    let mut rows: Vec<UsageRow> = Vec::new();
    for number in 1..=40_u64 {
        for attempt in 1..=u32::try_from(number % 4).unwrap() + 1 {
            // Later attempts begin when later requests have arrived already; requests come in
            // twos and more in a millisecond.
            let started_at = Timestamp(i64::try_from(number / 3).unwrap() + 5 * i64::from(attempt));
            let arrived_at = Timestamp(i64::try_from(number / 3).unwrap());
            let request_id = RequestId::new(arrived_at, u128::from(number));
            rows.push(UsageRow { request_id, started_at, ..row(number, attempt) });
        }
    }
    stores.usage.append(&rows, 1).unwrap();
    rows.sort_by_key(|row| std::cmp::Reverse((row.request_id, row.attempt)));
    for limit in [1, 2, 7, 11, 50, 1_000] {
        let (mut before, mut read, mut pages) = (None, Vec::new(), 0);
        loop {
            let page = stores.usage.recent(before, limit).unwrap();
            let Some(last) = page.last() else { break };
            before = Some(Timestamp(last.request_id.unix_ms()));
            read.extend(page);
            pages += 1;
        }
        assert_eq!(read, rows, "limit {limit}");
        assert!(pages > 1 || limit == 1_000);
    }
    let later = stores.usage.recent(Some(Timestamp(2)), 1_000).unwrap();
    assert!(later.iter().any(|row| row.started_at > Timestamp(2)), "it is arrival that counts");
}

fn binds_a_response_to_its_first_tenant(stores: &Stores) {
    stores.responses.bind(&[binding("r", "bot"), binding("r", "shop")]).unwrap();
    stores.responses.bind(&[binding("r", "shop")]).unwrap();
    let of = |service: &str| stores.responses.binding(&service.into(), "r").unwrap();
    assert_eq!(of("bot"), Some(binding("r", "bot")));
    assert_eq!(of("shop"), None);
}

fn forgets_a_binding_of_its_tenant_only(stores: &Stores) {
    stores.responses.bind(&[binding("r", "bot")]).unwrap();
    stores.responses.unbind(&"shop".into(), "r").unwrap();
    assert!(stores.responses.binding(&"bot".into(), "r").unwrap().is_some());
    stores.responses.unbind(&"bot".into(), "r").unwrap();
    assert!(stores.responses.binding(&"bot".into(), "r").unwrap().is_none());
}
