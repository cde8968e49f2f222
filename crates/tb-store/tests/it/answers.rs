//! Kept answers on every back end.

use tb_core::Timestamp;
use tb_core::ports::{AnswerFilter, KeptAnswer};
use tb_store::Stores;

use crate::conformance::on_every_back_end;

on_every_back_end!(
    gives_back_the_answers_it_took,
    replaces_an_answer_under_the_same_key,
    forgets_an_answer_at_its_end,
    gives_the_newest_up_to_the_bytes_asked_for,
    gives_them_page_by_page,
    purges_what_fits_every_part_of_the_filter,
    takes_a_tag_for_a_tag_and_nothing_else,
    purges_everything_without_a_filter,
    sweeps_what_ended_and_then_the_oldest,
    sweeps_more_than_one_transaction_takes,
);

/// An answer of 10 bytes, made at `number` ms and kept for a second.
fn answer(number: u16) -> KeptAnswer {
    let mut key = [7; 32];
    key[30..].copy_from_slice(&number.to_be_bytes());
    KeptAnswer {
        key,
        service: "bot".into(),
        model: "support".into(),
        tags: vec!["faq".to_owned(), "eu".to_owned()],
        stored_at: Timestamp(i64::from(number)),
        keep_until: Timestamp(i64::from(number) + 1_000),
        sealed: number.to_be_bytes().repeat(5),
    }
}

fn long(number: u16, bytes: usize) -> KeptAnswer {
    KeptAnswer { sealed: vec![1; bytes], ..answer(number) }
}

/// The numbers of all answers that are there, newest first.
fn numbers(stores: &Stores) -> Vec<i64> {
    let answers = stores.answers.newest(Timestamp(i64::MIN), None, u64::MAX).unwrap();
    answers.iter().map(|answer| answer.stored_at.unix_ms()).collect()
}

fn purge(stores: &Stores, filter: &AnswerFilter) -> u64 {
    stores.answers.purge(filter).unwrap()
}

fn gives_back_the_answers_it_took(stores: &Stores) {
    let bare = KeptAnswer {
        tags: Vec::new(),
        sealed: Vec::new(),
        service: "'; DROP TABLE answers; --".into(),
        ..answer(2)
    };
    let large = long(3, 300_000);
    stores.answers.keep(&[answer(1), bare.clone(), large.clone()]).unwrap();
    let kept = |number| stores.answers.kept(&answer(number).key, Timestamp(500)).unwrap();
    assert_eq!(kept(1), Some(answer(1)));
    assert_eq!(kept(2), Some(bare));
    assert_eq!(kept(3), Some(large));
    assert_eq!(kept(4), None);
}

fn replaces_an_answer_under_the_same_key(stores: &Stores) {
    stores.answers.keep(&[answer(1), answer(2)]).unwrap();
    let again = KeptAnswer {
        key: answer(1).key,
        service: "shop".into(),
        model: "translate".into(),
        tags: vec!["new".to_owned()],
        ..long(9, 77)
    };
    stores.answers.keep(&[answer(1), again.clone()]).unwrap();
    assert_eq!(stores.answers.kept(&again.key, Timestamp(0)).unwrap(), Some(again));
    assert_eq!(numbers(stores), [9, 2]);
    assert_eq!(stores.answers.newest(Timestamp(0), None, 76).unwrap(), []);
    assert_eq!(
        purge(stores, &AnswerFilter { tag: Some("faq".to_owned()), ..AnswerFilter::default() }),
        1
    );
    assert_eq!(numbers(stores), [9]);
}

fn forgets_an_answer_at_its_end(stores: &Stores) {
    stores.answers.keep(&[answer(1), answer(2)]).unwrap();
    let at = |ms| {
        let one = stores.answers.kept(&answer(1).key, Timestamp(ms)).unwrap().is_some();
        (one, stores.answers.newest(Timestamp(ms), None, u64::MAX).unwrap().len())
    };
    assert_eq!(at(1_000), (true, 2));
    assert_eq!(at(1_001), (false, 1));
    assert_eq!(at(1_002), (false, 0));
}

fn gives_the_newest_up_to_the_bytes_asked_for(stores: &Stores) {
    let answers = [long(3, 10), long(1, 10), long(4, 30), long(2, 1), long(5, 10)];
    stores.answers.keep(&answers).unwrap();
    let within = |bytes| {
        let newest = stores.answers.newest(Timestamp(0), None, bytes).unwrap();
        newest.iter().map(|answer| answer.stored_at.unix_ms()).collect::<Vec<_>>()
    };
    assert_eq!(within(9), [0; 0]);
    assert_eq!(within(10), [5]);
    assert_eq!(within(39), [5], "an older one that would fit is not newer");
    assert_eq!(within(40), [5, 4]);
    assert_eq!(within(60), [5, 4, 3, 2]);
    assert_eq!(within(u64::MAX), [5, 4, 3, 2, 1]);
    // What ended does not count.
    let ended = KeptAnswer { keep_until: Timestamp(7), ..long(6, 1_000) };
    stores.answers.keep(&[ended]).unwrap();
    let newest = stores.answers.newest(Timestamp(7), None, 10).unwrap();
    assert_eq!(newest, [long(5, 10)]);
    // Of the same moment, the order does not depend on the back end.
    let (one, two) = (answer(100), KeptAnswer { stored_at: Timestamp(100), ..answer(101) });
    stores.answers.keep(&[two.clone(), one.clone()]).unwrap();
    assert_eq!(stores.answers.newest(Timestamp(0), None, 20).unwrap(), [two, one]);
}

fn gives_them_page_by_page(stores: &Stores) {
    let same = KeptAnswer { stored_at: Timestamp(2), ..answer(9) };
    stores.answers.keep(&[answer(1), answer(2), same, answer(3), answer(4)]).unwrap();
    let all = stores.answers.newest(Timestamp(0), None, u64::MAX).unwrap();
    let longest = all.iter().map(|answer| answer.sealed.len()).max().unwrap();
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = stores
            .answers
            .newest(Timestamp(0), after, u64::try_from(longest).unwrap() * 2)
            .unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.stored_at, last.key));
        pages.push(page);
    }
    assert!(pages.len() > 1);
    assert_eq!(pages.concat(), all);
}

fn purges_what_fits_every_part_of_the_filter(stores: &Stores) {
    let of = |number, service: &str, model: &str, tag: &str| KeptAnswer {
        service: service.into(),
        model: model.into(),
        tags: vec!["all".to_owned(), tag.to_owned()],
        ..answer(number)
    };
    let answers = [
        of(1, "bot", "support", "x"),
        of(2, "bot", "support", "y"),
        of(3, "bot", "translate", "x"),
        of(4, "shop", "support", "x"),
    ];
    stores.answers.keep(&answers).unwrap();
    let filter = |service: Option<&str>, model: Option<&str>, tag: Option<&str>| AnswerFilter {
        service: service.map(Into::into),
        model: model.map(Into::into),
        tag: tag.map(str::to_owned),
    };
    assert_eq!(purge(stores, &filter(Some("nobody"), None, None)), 0);
    assert_eq!(purge(stores, &filter(Some("shop"), Some("translate"), None)), 0);
    assert_eq!(purge(stores, &filter(Some("bot"), Some("support"), Some("x"))), 1);
    assert_eq!(numbers(stores), [4, 3, 2]);
    assert_eq!(purge(stores, &filter(None, Some("support"), Some("x"))), 1);
    assert_eq!(numbers(stores), [3, 2]);
    assert_eq!(purge(stores, &filter(Some("bot"), None, None)), 2);
    assert_eq!(numbers(stores), [0; 0]);
}

fn takes_a_tag_for_a_tag_and_nothing_else(stores: &Stores) {
    let tags = ["a", "A", "a,b", "a%", "_", "\"a\"", "[\"a\"]", "a\0b", "\u{e9}", "", "1", "null"];
    let mut answers = Vec::new();
    for (number, tag) in (1..).zip(tags) {
        answers.push(KeptAnswer { tags: vec![tag.to_owned()], ..answer(number) });
    }
    stores.answers.keep(&answers).unwrap();
    for kept in &answers {
        assert_eq!(stores.answers.kept(&kept.key, Timestamp(0)).unwrap().as_ref(), Some(kept));
    }
    for (tag, left) in tags.into_iter().zip((0..tags.len()).rev()) {
        let filter = AnswerFilter { tag: Some(tag.to_owned()), ..AnswerFilter::default() };
        assert_eq!(purge(stores, &filter), 1, "{tag:?}");
        assert_eq!(numbers(stores).len(), left);
    }
}

fn purges_everything_without_a_filter(stores: &Stores) {
    let answers: Vec<_> = (0..600).map(answer).collect();
    stores.answers.keep(&answers).unwrap();
    assert_eq!(purge(stores, &AnswerFilter::default()), 600);
    assert_eq!(numbers(stores), [0; 0]);
    assert_eq!(purge(stores, &AnswerFilter::default()), 0);
}

fn sweeps_what_ended_and_then_the_oldest(stores: &Stores) {
    let ended = KeptAnswer { keep_until: Timestamp(50), ..long(9, 1_000) };
    let answers = [long(2, 10), long(1, 10), long(3, 10), long(4, 10), ended];
    stores.answers.keep(&answers).unwrap();
    assert_eq!(stores.answers.sweep(Timestamp(49), u64::MAX).unwrap(), 0);
    assert_eq!(stores.answers.sweep(Timestamp(50), 40).unwrap(), 1);
    assert_eq!(numbers(stores), [4, 3, 2, 1]);
    assert_eq!(stores.answers.sweep(Timestamp(50), 29).unwrap(), 2);
    assert_eq!(numbers(stores), [4, 3]);
    assert_eq!(stores.answers.sweep(Timestamp(50), 0).unwrap(), 2);
    assert_eq!(stores.answers.sweep(Timestamp(50), 0).unwrap(), 0);
}

fn sweeps_more_than_one_transaction_takes(stores: &Stores) {
    let answers: Vec<_> = (0..1_200).map(answer).collect();
    stores.answers.keep(&answers).unwrap();
    // 601 have ended, 599 are left, and 100 of them may stay.
    assert_eq!(stores.answers.sweep(Timestamp(1_600), 1_000).unwrap(), 1_100);
    assert_eq!(numbers(stores), (1_100..1_200).rev().collect::<Vec<_>>());
}
