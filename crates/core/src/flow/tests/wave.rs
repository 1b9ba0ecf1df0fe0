//! 43101 to many users at once who have a grant.

use super::granting::{call, end};
use super::*;
use crate::grants::{Key, Query, Report, Source};
use crate::schedule::pauses::{Cause, Change};
use crate::state::{Answer, Request};
use crate::wechat::Word;

fn refused() -> SendAnswer {
    SendAnswer::Refused(Refusal {
        class: Class::NotSubscribed,
        errcode: 43101,
        errmsg: "user refuse to accept the msg".to_owned(),
        param: None,
        rid: None,
    })
}

fn accepted() -> SendAnswer {
    SendAnswer::Accepted { msgid: None }
}

fn key(user: i64) -> Key {
    Key {
        app: Arc::from("shop"),
        openid: Arc::from(format!("o{user}")),
        template_id: Arc::from("T1"),
    }
}

/// The changes of pauses for refusals among the effects.
fn changes(effects: &[Effect]) -> Vec<&Change> {
    let changes = effects.iter().filter_map(|effect| {
        if let Effect::PauseChanged(change) = effect {
            Some(change)
        } else {
            None
        }
    });
    changes
        .filter(|change| {
            let (Change::Begun(pause) | Change::Ended(pause)) = change;
            pause.cause == Cause::RefusalWave
        })
        .collect()
}

impl Bench {
    /// A user allows two messages.
    fn allow(&mut self, user: i64) {
        for n in 0..2 {
            let now_ms = self.now().unix_ms;
            let report = Report {
                key: key(user),
                id: Arc::from(format!("{user}-{n}")),
                source: Source::Callback,
                word: Word::Accept,
                at_ms: now_ms,
                now_ms,
            };
            assert!(self.store.answer(&Request::Report(report)).is_ok());
        }
    }

    fn left(&mut self, user: i64) -> u64 {
        let look = Query::Look {
            key: key(user),
            now_ms: self.now().unix_ms,
        };
        match self.store.answer(&Request::Balance(look)) {
            Ok(Answer::Balance(balance)) => balance.left,
            other => panic!("{other:?}"),
        }
    }

    /// A message to a user who allows it, and `WeChat`'s answer.
    fn send(&mut self, user: i64, answer: SendAnswer) -> Vec<Effect> {
        self.allow(user);
        let ticket = call(&self.read(user, &event(user))).unwrap();
        let effects = self.finish(ticket, answer);
        self.carry_on(effects)
    }

    /// A message to a user who allows it, and that has to wait.
    fn hold(&mut self, user: i64) {
        self.allow(user);
        let effects = self.read(user, &event(user));
        assert_eq!(call(&self.carry_on(effects)), None);
    }

    /// Waits for the turn of a message that is held.
    fn next_call(&mut self) -> Ticket {
        for _ in 0..40 {
            self.now_ms += 500;
            let effects = self.step(Input::Tick);
            if let Some(ticket) = call(&self.carry_on(effects)) {
                return ticket;
            }
        }
        panic!("no call within 20 s");
    }

    /// The same effects, and what follows: outcomes are acknowledged, and records that are not kept in hand are read again.
    fn carry_on(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let (mut left, mut all) = (VecDeque::from(effects), Vec::new());
        while let Some(effect) = left.pop_front() {
            if let Effect::ReadAgain { ticket, offset, .. } = &effect {
                let (ticket, record) = (*ticket, Some(record(*offset, &event(*offset))));
                left.extend(self.step(Input::ReadAgain { ticket, record }));
            }
            if let Effect::Publish { ticket, .. } = &effect {
                left.extend(self.step(Input::Published { ticket: *ticket }));
            }
            all.push(effect);
        }
        all
    }
}

/// The event at this place is for the user with its number.
fn event(offset: i64) -> String {
    format!(r#"{{"type":"a","id":"e{offset}","to":"o{offset}","text":"hi"}}"#)
}

/// Another such user than all before is refused: the wave begins.
fn in_a_wave() -> Bench {
    let template = "id = \"T1\"\ngrants = \"enforce\"";
    let rules = rules_for("{{ data.to }}", template, "hello", "3h");
    let mut bench = bench_with(Unmatched::Count, rules);
    let last = i64::try_from(WAVE).unwrap();
    for user in 1..last {
        let effects = bench.send(user, refused());
        assert_eq!(end(&effects), (Status::Rejected, Reason::UserRefused));
        assert!(changes(&effects).is_empty());
        assert_eq!(bench.left(user), 0, "of a few WeChat is believed");
    }
    let effects = bench.send(last, refused());
    assert!(
        matches!(changes(&effects).as_slice(), [Change::Begun(pause)] if pause.detail.contains("2 of the last 2 users"))
    );
    assert_eq!(end(&effects), (Status::Rejected, Reason::UserRefused));
    let detail = &the_outcome(&effects).detail;
    assert!(detail.contains("grants are kept"), "{detail}");
    assert_eq!(
        bench.left(last),
        2,
        "what the message had set aside is back"
    );
    bench
}

#[test]
fn in_a_wave_grants_are_kept_and_one_message_at_a_time_is_sent() {
    let mut bench = in_a_wave();
    for user in 10..15 {
        bench.hold(user);
    }
    for user in 10..12 {
        let ticket = bench.next_call();
        assert_eq!(call(&bench.step(Input::Tick)), None, "one at a time");
        let effects = bench.finish(ticket, refused());
        let effects = bench.carry_on(effects);
        assert!(changes(&effects).is_empty());
        assert_eq!(bench.left(user), 2);
    }
}

#[test]
fn most_messages_are_accepted_again_and_the_rule_goes_on_as_ever() {
    let mut bench = in_a_wave();
    for user in 10..15 {
        bench.hold(user);
    }
    let mut n_calls = 0;
    loop {
        n_calls += 1;
        let ticket = bench.next_call();
        let effects = bench.finish(ticket, accepted());
        let effects = bench.carry_on(effects);
        if let [Change::Ended(_)] = changes(&effects).as_slice() {
            break;
        }
    }
    assert_eq!(n_calls, WAVE + 1, "more than half of the latest answers");
    // And of one user WeChat is believed again.
    let effects = bench.send(20, refused());
    assert_eq!(end(&effects), (Status::Rejected, Reason::UserRefused));
    assert_eq!(bench.left(20), 0);
}

#[test]
fn after_an_hour_wechat_is_believed_all_the_same() {
    let mut bench = in_a_wave();
    bench.now_ms += 3_600_000;
    let effects = bench.step(Input::Tick);
    assert!(matches!(changes(&effects).as_slice(), [Change::Ended(_)]));
    let effects = bench.send(30, refused());
    assert!(changes(&effects).is_empty());
    assert_eq!(bench.left(30), 0);
}

#[test]
fn users_without_a_grant_are_no_wave() {
    let rules = rules_to("{{ data.to }}", "id = \"T1\"\ngrants = \"advise\"", "hello");
    let mut bench = bench_with(Unmatched::Count, rules);
    for user in 1..20 {
        let ticket = call(&bench.read(user, &event(user))).unwrap();
        assert!(changes(&bench.finish(ticket, refused())).is_empty());
    }
}

#[test]
fn a_person_may_end_it() {
    let mut bench = in_a_wave();
    let effects = bench.step(Input::Resume(crate::holds::Stopped::Rule(Arc::from("r"))));
    assert!(matches!(changes(&effects).as_slice(), [Change::Ended(_)]));
    bench.send(30, refused());
    assert_eq!(bench.left(30), 0);
}
