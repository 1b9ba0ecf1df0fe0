//! What is shown, for how long, and what of it must not be sent.

use super::*;
use crate::wechat::callback::{BannedFunction, Term, Warning};

const NOW_MS: i64 = 1_800_000_000_000;
const DAY_MS: i64 = 86_400_000;

fn now() -> Moment {
    after(Duration::ZERO)
}

fn after(elapsed: Duration) -> Moment {
    Moment {
        elapsed,
        unix_ms: NOW_MS + i64::try_from(elapsed.as_millis()).unwrap(),
    }
}

fn shop() -> Arc<str> {
    Arc::from("shop")
}

fn punishment(id: &str, measure: Measure) -> Punishment {
    Punishment {
        id: id.to_owned(),
        reason: "诱导分享".to_owned(),
        measure,
    }
}

fn warning(deadline_ms: Option<i64>) -> Measure {
    Measure::Warning(Warning {
        threat: Threat::Functions(vec!["订阅消息".to_owned()]),
        deadline_ms,
    })
}

fn functions(functions: &[(&str, Function, Term)]) -> Measure {
    let banned = functions
        .iter()
        .map(|(name, function, term)| BannedFunction {
            name: (*name).to_owned(),
            function: *function,
            term: *term,
        });
    Measure::Functions(banned.collect())
}

fn told(measure: Measure) -> InForce {
    let mut punishments = Punishments::default();
    let told = punishments.tell(now(), &shop(), &punishment("1", measure));
    told.unwrap().clone()
}

#[test]
fn a_warning_is_shown_until_its_deadline_and_told_once() {
    let mut punishments = Punishments::default();
    let warned = punishment("7", warning(Some(NOW_MS + DAY_MS)));
    let told = punishments.tell(now(), &shop(), &warned).unwrap();
    assert_eq!(
        (told.until_ms, told.bans()),
        (Some(NOW_MS + DAY_MS), vec![])
    );
    assert_eq!(told.functions(), ["订阅消息"]);
    assert_eq!(punishments.tell(now(), &shop(), &warned), None);
    assert!(
        punishments
            .tell(now(), &Arc::from("mall"), &warned)
            .is_some()
    );
    let day = Duration::from_hours(24);
    assert_eq!(punishments.wake_at(), Some(day));
    punishments.end_due(after(Duration::from_millis(86_400_000 - 1)));
    assert_eq!(punishments.iter().count(), 2);
    punishments.end_due(after(day));
    assert_eq!(punishments.iter().count(), 0);
}

#[test]
fn a_warning_that_comes_true_is_told_again() {
    let mut punishments = Punishments::default();
    let banned = functions(&[("订阅消息", Function::SubscribeMessages, Term::Forever)]);
    for measure in [warning(None), warning(Some(NOW_MS + DAY_MS)), banned] {
        let told = punishments.tell(now(), &shop(), &punishment("7", measure));
        assert!(told.is_some());
    }
    assert_eq!(
        punishments.iter().count(),
        2,
        "a deadline that was moved takes its place"
    );
}

#[test]
fn only_what_is_sent_by_us_is_banned() {
    let subscribe = Subject::Api(shop(), Api::Subscribe);
    let customer = Subject::Api(shop(), Api::Customer);
    let until = Term::Until(NOW_MS + DAY_MS);
    let told_of = told(functions(&[
        ("支付", Function::Other, Term::Forever),
        ("订阅消息", Function::SubscribeMessages, until),
        ("客服消息接口", Function::CustomerMessages, Term::Untold),
    ]));
    let expected = vec![(subscribe, Some(NOW_MS + DAY_MS)), (customer, None)];
    assert_eq!(told_of.bans(), expected);
    assert_eq!(told_of.until_ms, None, "one of them has no end");
    let account = told(Measure::Account(until));
    assert_eq!(
        account.bans(),
        [(Subject::App(shop()), Some(NOW_MS + DAY_MS))]
    );
    for measure in [
        Measure::TakenDown(until),
        Measure::Page,
        Measure::Unlisted,
        functions(&[("支付", Function::Other, until)]),
        functions(&[]),
    ] {
        assert_eq!(told(measure).bans(), []);
    }
}

#[test]
fn there_is_an_end_to_what_is_kept() {
    let mut punishments = Punishments::default();
    for id in 0..2 * MOST {
        let told = punishment(&id.to_string(), Measure::Page);
        assert!(punishments.tell(now(), &shop(), &told).is_some());
    }
    assert_eq!(punishments.iter().count(), MOST);
    punishments.end_due(after(SHOWN_WITHOUT_END));
    assert_eq!(punishments.iter().count(), 0);
}
