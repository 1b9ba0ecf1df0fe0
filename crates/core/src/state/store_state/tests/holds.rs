//! What is stopped, where the row is gone or cannot be read.

use super::*;
use crate::holds::{Ask, Hold, HoldChange, Holds, Stopped, StoppedBy};
use crate::state::MemoryStore;

fn hold(rule: &str, by: StoppedBy) -> Hold {
    Hold {
        what: Stopped::Rule(Arc::from(rule)),
        by,
        errcode: None,
        detail: "why".to_owned(),
        since_ms: NOW_MS,
        more: std::collections::BTreeMap::new(),
    }
}

fn ask(change: Option<HoldChange>, known: &Holds) -> Request {
    Request::Holds(Ask {
        change,
        known: Arc::new(known.clone()),
        now_ms: NOW_MS,
    })
}

/// A person has stopped these rules.
fn stopped(rules: &[&str]) -> Holds {
    let mut holds = Holds::default();
    for rule in rules {
        holds.change(&Ask {
            change: Some(HoldChange::Place(hold(rule, StoppedBy::Person))),
            known: Arc::default(),
            now_ms: NOW_MS,
        });
    }
    holds
}

fn lift(rule: &str) -> HoldChange {
    HoldChange::Lift(Stopped::Rule(Arc::from(rule)))
}

#[test]
fn a_store_that_has_lost_it_gets_it_back_from_the_first_that_asks() {
    let mut store = MemoryStore::new(10);
    let (none, known) = (Holds::default(), stopped(&["a", "b"]));
    let holds = |holds: &Holds| Ok(Answer::Holds(holds.clone()));
    assert_eq!(store.answer(&ask(None, &none)), holds(&none));
    assert_eq!(store.answer(&ask(None, &known)), holds(&known));
    assert_eq!(store.answer(&ask(None, &none)), holds(&known));
    // What was lifted is not brought back by a process that has not heard of it.
    store.answer(&ask(Some(lift("a")), &none)).unwrap();
    store.answer(&ask(Some(lift("b")), &none)).unwrap();
    assert_eq!(store.answer(&ask(None, &known)), holds(&none));
}

#[test]
fn over_what_cannot_be_read_only_a_person_writes_and_lets_nothing_else_go_on() {
    let known = stopped(&["a", "b"]);
    let breaker = StoppedBy::Breaker {
        versions: vec![Arc::from("1")],
    };
    let (of_breaker, of_person) = (hold("c", breaker), hold("c", StoppedBy::Person));
    let all = stopped(&["a", "b", "c"]);
    for (change, expected) in [
        (None, Err(Row::Holds)),
        (Some(HoldChange::Place(of_breaker)), Err(Row::Holds)),
        (Some(HoldChange::Place(of_person)), Ok(Answer::Holds(all))),
        (Some(lift("a")), Ok(Answer::Holds(stopped(&["b"])))),
    ] {
        let written = Rc::default();
        let mut store = StoreState::new(Faulty {
            fault: Fault::Unreadable,
            row: Row::Holds,
            written: Rc::clone(&written),
        });
        let is_written = expected.is_ok();
        let answer = store.answer(&ask(change.clone(), &known));
        assert_eq!(answer, Ok(expected), "{change:?}");
        assert_eq!(!written.borrow().is_empty(), is_written, "{change:?}");
    }
}
