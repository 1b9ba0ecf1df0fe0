//! Turns and departures, without an engine: which message goes, when, and which does not.

mod bounds;
mod slowed;

use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;
use crate::event::{Decoded, Decoding, decode};
use crate::grants::Reservation;
use crate::model::{Holder, Record};
use crate::rules::RuleSet;
use crate::schedule::pauses::{Cause, Subject};
use crate::state::{FRESH, OwnClaim};
use crate::testing;

const START_MS: i64 = 1_800_000_000_000;

fn at_ms(ms: u64) -> Moment {
    Moment {
        elapsed: Duration::from_millis(ms),
        unix_ms: START_MS + i64::try_from(ms).unwrap(),
    }
}

fn rate(per_second: f64, burst: u32) -> Rate {
    Rate {
        per_second,
        burst: NonZeroU32::new(burst).unwrap(),
    }
}

/// One or two apps and their rules, and messages of them.
struct Bench {
    rules: RuleSet,
    admission: Admission,
    pauses: Pauses,
    next: u64,
}

fn bench(app_rate: Option<Rate>, max_in_flight: usize, named: &[(&str, &str, &str)]) -> Bench {
    bench_of(app_rate, max_in_flight, testing::rules(named))
}

fn bench_of(app_rate: Option<Rate>, max_in_flight: usize, rules: RuleSet) -> Bench {
    let bounds = AppBounds {
        rate: app_rate,
        max_in_flight,
    };
    let apps = ["shop", "mall"].map(|app| (Arc::from(app), bounds));
    Bench {
        rules,
        admission: Admission::new(apps),
        pauses: Pauses::default(),
        next: 0,
    }
}

impl Bench {
    /// A message that is good for so long, to a user of its own unless one is named.
    fn message(&mut self, rule: &str, to: Option<&str>, expires_ms: i64) -> Waiting {
        self.next += 1;
        let own = format!("o{}", self.next);
        let to = to.unwrap_or(&own);
        let value = format!(
            r#"{{"id":"{}","type":"{rule}","to":"{to}","text":"hi"}}"#,
            self.next
        );
        let record = Arc::new(Record {
            topic: Arc::from("events"),
            partition: 0,
            offset: i64::try_from(self.next).unwrap(),
            key: None,
            headers: Vec::new(),
            value: Some(value.into_bytes()),
            timestamp_ms: Some(START_MS),
        });
        let Decoded::Event(event) = decode(&Decoding::default(), &record, START_MS) else {
            panic!("no event");
        };
        let planned = self.rules.plan(&event).remove(0);
        Waiting {
            ticket: Ticket(self.next),
            rule: planned.rule,
            message: Arc::new(planned.result.unwrap().to("").unwrap()),
            expires_at_ms: START_MS + expires_ms,
        }
    }

    fn add(&mut self, rule: &str) -> Waiting {
        let waiting = self.message(rule, None, 1_000_000_000);
        self.admission.enqueue(waiting.clone());
        waiting
    }

    fn turns(&mut self, ms: u64) -> Vec<Turn> {
        std::iter::from_fn(|| self.admission.next_turn(at_ms(ms), &mut self.pauses)).collect()
    }

    fn departures(&mut self, ms: u64) -> Vec<(Ticket, Departure)> {
        std::iter::from_fn(|| self.admission.next_departure(at_ms(ms))).collect()
    }

    /// The claim of a message is granted; it was asked for at this time.
    fn grant(&mut self, waiting: &Waiting, asked_ms: u64) {
        let holder = Holder {
            process: 1,
            ticket: waiting.ticket,
        };
        let claim = OwnClaim {
            holder,
            reservation: Reservation::NotAsked,
        };
        let permit = Permit::new(claim, at_ms(asked_ms));
        let Waiting {
            ticket,
            rule,
            message,
            ..
        } = waiting;
        self.admission.come_to_gate(*ticket, rule, message, permit);
    }

    fn pause(&mut self, rule: &str, cause: Cause) {
        let rule = Arc::clone(self.rules.get(rule).unwrap());
        let subject = Subject::of(cause, &rule);
        let begun = self
            .pauses
            .begin(at_ms(0), Ticket(0), (subject, cause), (None, String::new()));
        assert!(begun.is_some());
    }
}

fn calls(departures: &[(Ticket, Departure)]) -> usize {
    let is_call = |(_, departure): &&(Ticket, Departure)| matches!(departure, Departure::Call(_));
    departures.iter().filter(is_call).count()
}

#[test]
fn rules_take_turns() {
    let mut bench = bench(
        Some(rate(1.0, 1)),
        100,
        &[("a", "shop", ""), ("b", "shop", "")],
    );
    let many: Vec<Ticket> = (0..10).map(|_| bench.add("a").ticket).collect();
    let few: Vec<Ticket> = (0..2).map(|_| bench.add("b").ticket).collect();
    let mut order = Vec::new();
    for second in 0..5 {
        order.extend(bench.turns(second * 1_000));
    }
    let expected = [many[0], few[0], many[1], few[1], many[2]].map(Turn::Claim);
    assert_eq!(order, expected);
}

#[test]
fn priorities_divide_the_apps_turns_and_leave_no_rule_out() {
    let named = [
        ("code", "shop", "priority = \"high\""),
        ("order", "shop", ""),
        ("points", "shop", "priority = \"low\""),
    ];
    let mut bench = bench(None, 42, &named);
    let mut rule_of = BTreeMap::new();
    // What comes last is no worse off for it.
    for rule in ["points", "order", "code"] {
        for _ in 0..100 {
            rule_of.insert(bench.add(rule).ticket, rule);
        }
    }
    let turns = bench.turns(0);
    let count = |rule: &str| {
        let of_rule = |turn: &&Turn| matches!(turn, Turn::Claim(ticket) if rule_of[ticket] == rule);
        turns.iter().filter(of_rule).count()
    };
    assert_eq!((count("code"), count("order"), count("points")), (32, 8, 2));
}

#[test]
fn a_rules_own_limit_holds_no_other_rule() {
    let slow = "rate = { per_second = 1 }";
    let mut bench = bench(None, 100, &[("a", "shop", slow), ("b", "shop", "")]);
    for _ in 0..3 {
        bench.add("a");
        bench.add("b");
    }
    assert_eq!(bench.turns(0).len(), 4);
    assert_eq!(
        bench.admission.wake_for_turn(at_ms(0)),
        Some(Duration::from_secs(1))
    );
    assert_eq!(bench.turns(1_000).len(), 1);
}

#[test]
fn a_paused_app_leaves_the_others_alone_and_turns_out_what_expires() {
    let mut bench = bench(None, 100, &[("a", "shop", ""), ("c", "mall", "")]);
    bench.pause("a", Cause::DailyQuota);
    let old = bench.message("a", None, 5_000);
    bench.admission.enqueue(old.clone());
    bench.add("a");
    let other = bench.add("c");
    assert_eq!(bench.turns(0), [Turn::Claim(other.ticket)]);
    assert_eq!(
        bench.admission.wake_for_turn(at_ms(0)),
        Some(Duration::from_millis(5_001))
    );
    assert_eq!(bench.turns(5_001), [Turn::Expired(old.ticket)]);
}

#[test]
fn what_is_put_back_under_a_pause_is_turned_out_in_time() {
    let mut bench = bench(None, 100, &[("a", "shop", "")]);
    bench.pause("a", Cause::DailyQuota);
    bench.add("a");
    assert_eq!(bench.turns(0), []);
    let old = bench.message("a", None, 5_000);
    bench.admission.put_back(old.clone());
    assert_eq!(bench.turns(0), []);
    assert_eq!(
        bench.admission.wake_for_turn(at_ms(0)),
        Some(Duration::from_millis(5_001))
    );
    assert_eq!(bench.turns(5_001), [Turn::Expired(old.ticket)]);
}

#[test]
fn one_message_at_a_time_to_each_user() {
    let mut bench = bench(None, 100, &[("a", "shop", ""), ("b", "shop", "")]);
    let waiting: Vec<Waiting> = ["a", "b", "a"]
        .map(|rule| bench.message(rule, Some("o"), 1_000_000))
        .to_vec();
    for message in &waiting {
        bench.admission.enqueue(message.clone());
    }
    for message in &waiting {
        assert_eq!(bench.turns(0), [Turn::Claim(message.ticket)]);
        bench.admission.release_recipient(
            &bench.pauses,
            message.ticket,
            &message.rule,
            &message.message,
        );
    }
    assert_eq!(bench.turns(0), []);
}

#[test]
fn a_paused_template_does_not_keep_a_user_from_other_messages() {
    let mut bench = bench(None, 100, &[("a", "shop", ""), ("b", "shop", "")]);
    let waiting: Vec<Waiting> = ["a", "b", "a"]
        .map(|rule| bench.message(rule, Some("o"), 1_000_000))
        .to_vec();
    for message in &waiting {
        bench.admission.enqueue(message.clone());
    }
    assert_eq!(bench.turns(0), [Turn::Claim(waiting[0].ticket)]);
    bench.pause("b", Cause::Template);
    let first = &waiting[0];
    bench
        .admission
        .release_recipient(&bench.pauses, first.ticket, &first.rule, &first.message);
    assert_eq!(bench.turns(0), [Turn::Claim(waiting[2].ticket)]);
}

#[test]
fn claims_that_come_late_and_all_at_once_go_at_the_pace_of_the_limit() {
    let mut bench = bench(Some(rate(10.0, 2)), 100, &[("a", "shop", "")]);
    let waiting: Vec<Waiting> = (0..7).map(|_| bench.add("a")).collect();
    for message in &waiting {
        bench.grant(message, 1_000);
    }
    assert_eq!(calls(&bench.departures(1_000)), 2);
    assert_eq!(calls(&bench.departures(1_050)), 0);
    assert_eq!(
        bench.admission.wake_for_departure(at_ms(1_050)),
        Some(Duration::from_millis(1_100))
    );
    assert_eq!(calls(&bench.departures(1_100)), 1);
}

/// A line at the gate that is longer than a claim stays fresh must still move.
#[test]
fn a_claim_that_grew_old_at_the_gate_takes_nothing_from_the_limit() {
    let mut bench = bench(Some(rate(0.25, 1)), 100, &[("a", "shop", "")]);
    let (first, second) = (bench.add("a"), bench.add("a"));
    bench.grant(&first, 0);
    bench.grant(&second, 0);
    assert_eq!(calls(&bench.departures(0)), 1);
    let stale = bench.departures(4_000);
    assert!(
        matches!(stale.as_slice(), [(ticket, Departure::Stale)] if *ticket == second.ticket),
        "{stale:?}"
    );
    bench.grant(&second, 4_001);
    assert_eq!(calls(&bench.departures(4_002)), 1);
}

#[test]
fn a_machine_that_slept_asks_again() {
    let mut bench = bench(None, 100, &[("a", "shop", "")]);
    let message = bench.add("a");
    bench.grant(&message, 0);
    let woken = Moment {
        unix_ms: START_MS + 60_000,
        ..at_ms(1)
    };
    let departure = bench.admission.next_departure(woken);
    assert!(
        matches!(departure, Some((_, Departure::Stale))),
        "{departure:?}"
    );
    // So does one whose calendar jumped.
    bench.grant(&message, 61_000);
    bench.admission.spoil_permits();
    assert_eq!(calls(&bench.departures(61_000)), 0);
}

#[test]
fn no_message_joins_a_line_at_the_gate_that_is_long_enough() {
    let slow = "rate = { per_second = 2 }";
    let mut bench = bench(
        Some(rate(100.0, 100)),
        1_000,
        &[("a", "shop", slow), ("b", "shop", "")],
    );
    let waiting: Vec<Waiting> = (0..3).map(|_| bench.add("a")).collect();
    for message in &waiting {
        bench.grant(message, 0);
    }
    assert_eq!(calls(&bench.departures(0)), 1);
    let other = bench.add("b");
    assert_eq!(
        bench.turns(100),
        [Turn::Claim(other.ticket)],
        "two of the slow rule stand at the gate"
    );
    assert_eq!(calls(&bench.departures(500)), 1);
    assert_eq!(bench.turns(500).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However late and however bunched claims are granted, no second holds more calls than rate and burst.
    #[test]
    fn no_second_holds_more_calls_than_allowed(
        per_second in 1_u32..60,
        burst in 1_u32..6,
        delays in proptest::collection::vec((0_u64..200, 0_u64..1_900), 20..150),
    ) {
        let mut bench = bench(Some(rate(f64::from(per_second), burst)), 10_000, &[("a", "shop", "")]);
        let mut due: Vec<(u64, u64, Waiting)> = Vec::new();
        let mut waiting: BTreeMap<Ticket, Waiting> = BTreeMap::new();
        let mut sent: Vec<u64> = Vec::new();
        let mut delays = delays.into_iter().cycle();
        let mut stall_until = 0;
        for ms in (0..20_000).step_by(7) {
            if ms < 10_000 && waiting.len() < 50 {
                let message = bench.add("a");
                waiting.insert(message.ticket, message);
            }
            for turn in bench.turns(ms) {
                let Turn::Claim(ticket) = turn else { panic!("{turn:?}") };
                let (usual, stall) = delays.next().unwrap();
                if usual < 10 {
                    stall_until = ms + stall;
                }
                due.push((stall_until.max(ms + usual), ms, waiting[&ticket].clone()));
            }
            for (_, asked, message) in due.extract_if(.., |(at, _, _)| *at <= ms) {
                bench.grant(&message, asked);
            }
            for (ticket, departure) in bench.departures(ms) {
                match departure {
                    Departure::Call(_) => {
                        sent.push(ms);
                        bench.admission.release_slot("shop");
                        waiting.remove(&ticket);
                    }
                    Departure::Stale => due.push((ms + 10, ms, waiting[&ticket].clone())),
                }
            }
        }
        let allowed = (per_second + burst) as usize;
        for (index, first) in sent.iter().enumerate() {
            let window = sent[index..].iter().take_while(|at| **at < first + 1_000).count();
            prop_assert!(window <= allowed, "{window} from {first}");
        }
        // Nothing is left behind at the gate: as much is sent as the limit allows in the time, or everything.
        let floor = usize::min(sent.len() + waiting.len(), (per_second as usize) * 8);
        prop_assert!(sent.len() >= floor, "{} sent, {} left", sent.len(), waiting.len());
        prop_assert!(FRESH > Duration::from_millis(1_900));
    }
}
