use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn settings(max_concurrent: usize, max_queued: usize) -> ServerSettings {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    ServerSettings {
        listen,
        admin_listen: listen,
        max_body_bytes: 1 << 20,
        drain_timeout: Duration::from_secs(1),
        authentication: true,
        workers: 1,
        max_concurrent,
        max_queued,
        queue_timeout: Duration::from_secs(1),
        memory_budget_bytes: 1 << 20,
        tls: None,
    }
}

fn service(name: &str, max_concurrent: Option<usize>) -> Service {
    Service { max_concurrent, ..Service::bare(ServiceName::from(name)) }
}

/// One gateway with fixed limits.
struct Gate {
    lines: Arc<Lines>,
    settings: ServerSettings,
}

impl Gate {
    fn new(max_concurrent: usize, max_queued: usize) -> Self {
        Self { lines: Arc::default(), settings: settings(max_concurrent, max_queued) }
    }

    fn arrive(&self, service: &Service) -> Arrival {
        self.lines.arrive(&self.settings, service)
    }

    fn place(&self, service: &Service) -> Place {
        match self.arrive(service) {
            Arrival::In(place) => place,
            other => panic!("not let in: {other:?}"),
        }
    }

    fn waiting(&self, service: &Service) -> Waiting {
        match self.arrive(service) {
            Arrival::Waits(waiting) => waiting,
            other => panic!("does not wait: {other:?}"),
        }
    }

    fn full(&self, service: &Service) -> LimitReached {
        match self.arrive(service) {
            Arrival::Full(reached) => *reached,
            other => panic!("not refused: {other:?}"),
        }
    }

    fn assert_empty(&self) {
        let state = self.lines.lock();
        assert_eq!((state.running, state.waiting, state.turns.len()), (0, 0, 0));
        assert!(state.lines.iter().all(|line| line.running == 0 && line.waiters.is_empty()));
    }
}

impl Waiting {
    /// The turn, if it has come.
    fn poll(&mut self) -> Option<Turn> {
        self.turn.try_recv().ok()
    }
}

#[test]
fn a_place_goes_to_the_first_who_waits() {
    let (gate, bot) = (Gate::new(1, 8), service("bot", None));
    let inside = gate.place(&bot);
    let (mut first, mut second) = (gate.waiting(&bot), gate.waiting(&bot));
    assert!(first.poll().is_none());
    drop(inside);
    let inside = first.poll().unwrap().unwrap();
    assert!(second.poll().is_none());
    drop(inside);
    assert!(second.poll().unwrap().is_ok());
    drop((first, second));
    gate.assert_empty();
}

#[test]
fn a_flood_of_one_service_does_not_keep_another_waiting() {
    let gate = Gate::new(1, 100);
    let (flood, calm) = (service("flood", None), service("calm", None));
    let inside = gate.place(&flood);
    let mut flooding: Vec<_> = (0..50).map(|_| gate.waiting(&flood)).collect();
    let mut waits = gate.waiting(&calm);
    drop(inside);
    let inside = flooding[0].poll().unwrap().unwrap();
    drop(inside);
    assert!(waits.poll().is_some(), "its turn comes second, not after the flood");
}

#[test]
fn a_full_service_waits_behind_itself_alone() {
    let gate = Gate::new(10, 10);
    let (small, other) = (service("small", Some(1)), service("other", None));
    let inside = gate.place(&small);
    let mut waits = gate.waiting(&small);
    let _other = gate.place(&other);
    assert!(waits.poll().is_none());
    drop(inside);
    assert!(waits.poll().is_some());
}

#[test]
fn whoever_fills_the_room_for_waiting_makes_room_for_others() {
    let gate = Gate::new(1, 3);
    let (flood, calm) = (service("flood", Some(1)), service("calm", None));
    let _inside = gate.place(&flood);
    let mut flooding: Vec<_> = (0..3).map(|_| gate.waiting(&flood)).collect();
    let reached = gate.full(&flood);
    assert_eq!((reached.code(), reached.used, reached.limit), ("concurrency_limit_exceeded", 1, 1));
    let _calm = gate.waiting(&calm);
    let turned_away = flooding[2].poll().unwrap().unwrap_err();
    assert_eq!(turned_away.status(), 429);
    assert!(flooding[1].poll().is_none());
    let reached = gate.full(&calm);
    assert_eq!((reached.code(), reached.status(), reached.limit), ("overloaded", 503, 1));
}

#[test]
fn a_place_handed_to_somebody_who_leaves_goes_to_the_next() {
    let (gate, bot) = (Gate::new(1, 8), service("bot", None));
    let inside = gate.place(&bot);
    let (first, mut second) = (gate.waiting(&bot), gate.waiting(&bot));
    drop(inside);
    drop(first);
    assert!(second.poll().unwrap().is_ok());
    drop(second);
    gate.assert_empty();
}

#[test]
fn limits_of_a_reload_hold_at_the_next_arrival() {
    let (mut gate, bot) = (Gate::new(1, 8), service("bot", None));
    let inside = gate.place(&bot);
    let mut waits = gate.waiting(&bot);
    gate.settings = settings(3, 8);
    let more = gate.place(&bot);
    assert!(waits.poll().is_some(), "it was there first");
    gate.settings = settings(1, 8);
    let mut late = gate.waiting(&bot);
    drop(inside);
    assert!(late.poll().is_none(), "one is too many still");
    drop((more, waits));
    assert!(late.poll().is_some());
}

/// What happens next in a random history.
#[derive(Debug, Clone)]
enum Step {
    Arrive(usize),
    /// One of those inside ends.
    End(usize),
    /// One of those who wait leaves, be its turn there or not.
    Leave(usize),
    /// Those whose turn has come go in.
    Look,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3_usize).prop_map(Step::Arrive),
        2 => any::<usize>().prop_map(Step::End),
        1 => any::<usize>().prop_map(Step::Leave),
        2 => Just(Step::Look),
    ];
    prop::collection::vec(step, 1..200)
}

const SERVICE_LIMITS: [Option<usize>; 3] = [None, Some(1), Some(2)];

#[derive(Default)]
struct History {
    inside: Vec<(usize, Place)>,
    waiting: Vec<(usize, Waiting)>,
    turned_away: usize,
}

impl History {
    fn take(&mut self, gate: &Gate, services: &[Service], step: &Step) {
        match *step {
            Step::Arrive(at) => match gate.arrive(&services[at]) {
                Arrival::In(place) => self.inside.push((at, place)),
                Arrival::Waits(waiting) => self.waiting.push((at, waiting)),
                Arrival::Full(_) => self.turned_away += 1,
            },
            Step::End(which) if !self.inside.is_empty() => {
                drop(self.inside.swap_remove(which % self.inside.len()));
            }
            Step::Leave(which) if !self.waiting.is_empty() => {
                drop(self.waiting.remove(which % self.waiting.len()));
            }
            Step::End(_) | Step::Leave(_) => {}
            Step::Look => self.look(),
        }
    }

    fn look(&mut self) {
        let mut passed = [true; SERVICE_LIMITS.len()];
        let mut still = Vec::new();
        for (at, mut waiting) in std::mem::take(&mut self.waiting) {
            match waiting.poll() {
                Some(Ok(place)) => {
                    assert!(passed[at], "somebody of the same service was overtaken");
                    self.inside.push((at, place));
                }
                Some(Err(_)) => self.turned_away += 1,
                None => {
                    passed[at] = false;
                    still.push((at, waiting));
                }
            }
        }
        self.waiting = still;
    }
}

/// What holds at every moment.
fn check(gate: &Gate, history: &History) {
    let state = gate.lines.lock();
    assert!(state.running <= gate.settings.max_concurrent);
    assert!(state.waiting <= gate.settings.max_queued);
    let in_lines: usize = state.lines.iter().map(|line| line.waiters.len()).sum();
    assert_eq!(state.waiting, in_lines);
    for line in &state.lines {
        assert!(line.limit.is_none_or(|limit| line.running <= limit));
        let stuck = !line.waiters.is_empty() && !line.is_full();
        assert!(!stuck || state.running == state.limit, "a place is free and somebody waits");
    }
    let running: usize = state.lines.iter().map(|line| line.running).sum();
    assert_eq!(state.running, running);
    assert!(state.running >= history.inside.len());
}

proptest! {
    #[test]
    fn limits_hold_nobody_is_forgotten_and_everything_is_given_back(
        steps in steps(), max_concurrent in 1..5_usize, max_queued in 0..6_usize,
    ) {
        let gate = Gate::new(max_concurrent, max_queued);
        let services: Vec<Service> = SERVICE_LIMITS
            .iter()
            .zip(["a", "b", "c"])
            .map(|(limit, name)| service(name, *limit))
            .collect();
        let mut history = History::default();
        for step in steps {
            history.take(&gate, &services, &step);
            check(&gate, &history);
        }
        // Everybody who waits comes in when those before end, and nobody else.
        while !history.waiting.is_empty() {
            history.look();
            check(&gate, &history);
            if history.waiting.is_empty() { break; }
            prop_assert!(!history.inside.is_empty(), "a wake-up was lost");
            history.inside.remove(0);
        }
        drop(history);
        gate.assert_empty();
    }
}
