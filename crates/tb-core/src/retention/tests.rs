use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn times(requests_hours: u64, health_hours: u64) -> RetentionTimes {
    let hours = |hours| Duration::from_secs(hours * 3_600);
    let health = ClassTimes { content: None, requests: Some(hours(health_hours)) };
    RetentionTimes {
        content: hours(1),
        requests: Some(hours(requests_hours)),
        audit: None,
        responses: hours(2),
        classes: BTreeMap::from([(DataClass::Health, health)]),
    }
}

fn part(span: Span, class: DataClass) -> Part {
    Part {
        kind: RecordKind::Requests,
        class: Some(class),
        from: span.start(),
        until: span.end(),
        bytes: 1,
        name: span.to_string(),
    }
}

fn hold(from: i64, until: i64) -> Hold {
    Hold {
        id: "hold_1".to_owned(),
        kind: Some(RecordKind::Requests),
        service: None,
        from: Timestamp(from),
        until: Timestamp(until),
        reason: "case 7".to_owned(),
        placed_at: Timestamp(0),
    }
}

#[test]
fn spans_are_named_after_their_beginning() {
    let span = Span::of(Timestamp(1_795_444_200_000 + 1_799_999));
    assert_eq!(span.to_string(), "2026-11-23T1430");
    assert_eq!(Span::parse("2026-11-23T1430"), Some(span));
    assert_eq!(span.end().unix_ms() - span.start().unix_ms(), SPAN_MS);
    for wrong in [
        "2026-11-23T1415",
        "2026-02-30T0000",
        "2026-11-23T2400",
        "2026-11-23",
        "T0000",
        "2026-11-23T-130",
        "2026-11-23T1430Z",
        "26-11-23T0000",
    ] {
        assert_eq!(Span::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn a_part_of_a_kind_without_a_time_is_kept_for_ever() {
    let audit = Part { kind: RecordKind::Audit, ..part(Span::of(Timestamp(0)), DataClass::Public) };
    let now = Timestamp(i64::MAX);
    assert_eq!(verdict(&audit, &times(1, 1), &[], now), Verdict::Keep);
    let content = Part { kind: RecordKind::Content, ..audit };
    assert_eq!(verdict(&content, &times(1, 1), &[], now), Verdict::Due);
}

#[test]
fn a_hold_keeps_what_it_touches_and_nothing_else() {
    let part = part(Span::of(Timestamp(DAY)), DataClass::Internal);
    let at = |holds: &[Hold]| verdict(&part, &times(1, 1), holds, Timestamp(9 * DAY));
    assert_eq!(at(&[]), Verdict::Due);
    assert_eq!(at(&[hold(DAY, DAY + 1)]), Verdict::Held);
    assert_eq!(at(&[hold(0, DAY)]), Verdict::Due, "it ends where the part begins");
    assert_eq!(at(&[hold(DAY + SPAN_MS, 3 * DAY)]), Verdict::Due);
    let other = Hold { kind: Some(RecordKind::Audit), ..hold(0, 9 * DAY) };
    assert_eq!(at(&[other]), Verdict::Due);
    assert_eq!(at(&[Hold { kind: None, ..hold(0, 9 * DAY) }]), Verdict::Held);
    let of_bot = Hold { service: Some("bot".into()), ..hold(0, DAY) };
    assert!(of_bot.covers(RecordKind::Requests, &"bot".into(), Timestamp(DAY - 1)));
    assert!(!of_bot.covers(RecordKind::Requests, &"bot".into(), Timestamp(DAY)));
    assert!(!of_bot.covers(RecordKind::Requests, &"shop".into(), Timestamp(5)));
}

proptest! {
    #[test]
    fn names_of_spans_come_back(ms in 0..1_i64 << 48) {
        let span = Span::of(Timestamp(ms));
        prop_assert!(span.start().unix_ms() <= ms && ms < span.end().unix_ms());
        prop_assert_eq!(Span::parse(&span.to_string()), Some(span));
        if ms < 253_402_300_800_000 {
            let day = Timestamp(ms).utc_day();
            prop_assert!(span.to_string().starts_with(&day));
            prop_assert_eq!(day_start(&Timestamp(ms).utc_day()), Some(Timestamp(ms / DAY * DAY)));
        }
    }

    /// Records of a few days, and a run every ten minutes (with some delay) until all are gone.
    #[test]
    fn records_live_as_long_as_their_time_and_at_most_an_hour_longer(
        records in prop::collection::vec((0..3 * DAY, any::<bool>()), 1..40),
        (requests, health) in (0_u64..60, 0_u64..60),
        held in prop::option::of((0..3 * DAY, 1..DAY)),
        delay in 0..RUN_EVERY_MS,
    ) {
        let times = times(requests, health);
        let holds: Vec<Hold> =
            held.into_iter().map(|(from, length)| hold(from, from + length)).collect();
        let mut kept = records;
        let mut now = delay;
        while now < 6 * DAY {
            now += RUN_EVERY_MS;
            kept.retain(|(at, is_health)| {
                let class = if *is_health { DataClass::Health } else { DataClass::Internal };
                let hours = if *is_health { health } else { requests };
                let keep = i64::try_from(hours).unwrap() * HOUR;
                let (moment, kind) = (Timestamp(*at), RecordKind::Requests);
                let is_held = holds.iter().any(|hold| hold.covers(kind, &"bot".into(), moment));
                let stays = verdict(&part(Span::of(moment), class), &times, &holds, Timestamp(now))
                    != Verdict::Due;
                let age = now - at;
                assert!(stays || (age >= keep && !is_held), "deleted at an age of {age} of {keep}");
                // Parts next to a held record stay with it.
                let may_be_held = holds.iter().any(|hold| {
                    hold.touches(kind, moment.plus_ms(-SPAN_MS), moment.plus_ms(SPAN_MS))
                });
                assert!(!stays || age < keep + GRACE_MS || may_be_held, "{age} of {keep}");
                stays
            });
        }
    }
}
