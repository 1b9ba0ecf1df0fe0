//! Pauses, and rules that change under what they hold.

use super::*;
use crate::wechat::callback::{BannedFunction, Function, Measure, Punishment, Term};

const START_MS: i64 = 1_800_000_000_000;

#[test]
fn a_rule_that_was_paused_and_is_changed_makes_its_messages_anew() {
    let mut bench = doubtful();
    // So much room that nothing is spilled.
    bench.engine.setup.max_messages = 40;
    let ticket = the_call(&bench.read(1, &event("leave", "e1", "o1")));
    bench.finish(ticket, refused(40037, Class::UnknownTemplate));
    bench.read(2, &event("leave", "e2", "o1"));
    bench.read(3, &event("leave", "e3", "o1"));
    assert_eq!(bench.engine.status().waiting, 3);
    let rules = testing::rules(&[
        (
            "leave",
            "shop",
            "in_doubt = \"leave\"\nwhen = \"id != 'e3'\"\npage = \"new\"",
        ),
        ("resend", "shop", "in_doubt = \"resend\""),
    ]);
    let version = Arc::clone(rules.version());
    let effects = bench.step(Input::RulesChanged(Arc::new(rules)));
    let unwanted = the_outcome_of(&effects, "events/0/3/leave");
    assert_eq!(
        (unwanted.status, unwanted.reason),
        (Status::Skipped, Reason::RuleGone)
    );
    assert_eq!(unwanted.rules_version, version);
    // The template has the same id, so that it stays paused until its trial.
    assert_eq!(calls(&effects), []);
    let effects = bench.sleep_until(60_000);
    let Some(Effect::Send { ticket, cleared }) = effects
        .iter()
        .find(|effect| matches!(effect, Effect::Send { .. }))
    else {
        panic!("{effects:?}");
    };
    assert_eq!(cleared.message().content.page(), Some("new"));
    let effects = bench.finish(*ticket, SendAnswer::Accepted { msgid: None });
    assert_eq!(the_outcome(&effects).rules_version, version);
    the_call(&effects);
}

#[test]
fn a_paused_template_does_not_keep_its_users_from_other_messages() {
    let mut bench = doubtful();
    let ticket = the_call(&bench.read(1, &event("leave", "e1", "o1")));
    assert_eq!(calls(&bench.read(2, &event("resend", "e2", "o1"))), []);
    let effects = bench.finish(ticket, refused(40037, Class::UnknownTemplate));
    the_call(&effects);
}

#[test]
fn a_trial_comes_even_if_another_pause_was_there_first() {
    let mut bench = doubtful();
    let first = the_call(&bench.read(1, &event("leave", "e1", "o1")));
    let second = the_call(&bench.read(2, &event("resend", "e2", "o2")));
    bench.finish(first, refused(45009, Class::DailyQuota));
    bench.finish(second, refused(48001, Class::Api));
    let effects = bench.sleep_until(60_000);
    the_call(&effects);
}

#[test]
fn under_a_pause_one_message_at_a_time_is_tried() {
    let mut bench = doubtful();
    let ticket = the_call(&bench.read(1, &event("resend", "e1", "o1")));
    bench.finish(ticket, refused(48001, Class::Account));
    assert_eq!(calls(&bench.read(2, &event("resend", "e2", "o2"))), []);
    assert_eq!(calls(&bench.read(3, &event("leave", "e3", "o3"))), []);
    let trials = calls(&bench.sleep_until(90_000));
    assert_eq!(trials.len(), 1, "one trial after a minute");
    let effects = bench.finish(trials[0], refused(48001, Class::Account));
    assert_eq!(calls(&effects), []);
    let trials = calls(&bench.sleep_until(300_000));
    assert_eq!(trials.len(), 1, "the next one later");
    let effects = bench.finish(trials[0], SendAnswer::Accepted { msgid: None });
    assert_eq!(calls(&effects).len(), 2, "then every message goes");
}

/// What is first in line is being sent by another process, and cannot be tried.
#[test]
fn a_trial_that_is_not_called_leaves_it_to_the_next_message() {
    let mut bench = doubtful();
    let ticket = the_call(&bench.read(1, &event("resend", "e1", "o1")));
    bench.finish(ticket, refused(48001, Class::Account));
    bench.read(2, &event("resend", "e2", "o2"));
    bench.sleep_until(59_000);
    bench.claim_elsewhere("resend", "e1", 1, OTHER);
    let trial = the_call(&bench.sleep_until(60_500));
    let effects = bench.finish(trial, SendAnswer::Accepted { msgid: None });
    assert_eq!(the_outcome(&effects).id, "events/0/2/resend");
    assert_eq!(bench.engine.status().pauses.len(), 0);
}

/// `WeChat` says 45009, and refuses to tell the quota (76022): seen in the field.
#[test]
fn a_quota_that_is_never_told_is_found_out_by_a_message() {
    let mut bench = doubtful();
    let ticket = the_call(&bench.read(1, &event("resend", "e1", "o1")));
    bench.finish(ticket, refused(45009, Class::DailyQuota));
    assert_eq!(calls(&bench.read(2, &event("leave", "e2", "o2"))), []);
    let mut trials = Vec::new();
    while trials.is_empty() {
        assert!(bench.now_ms < 302_000, "no trial after five minutes");
        let until_ms = bench.now_ms + 1_000;
        let effects = bench.sleep_until(until_ms);
        for effect in &effects {
            if let Effect::AskQuota { app, api } = effect {
                let (app, api) = (Arc::clone(app), *api);
                bench.step(Input::QuotaAnswered {
                    app,
                    api,
                    left: None,
                });
            }
        }
        trials.extend(calls(&effects));
    }
    let [pause] = &bench.engine.status().pauses[..] else {
        panic!("{:?}", bench.engine.status().pauses);
    };
    assert!(pause.ends.ends_with("the quota cannot be read"));
    assert_eq!(trials.len(), 1, "one message finds out");
    let effects = bench.finish(trials[0], SendAnswer::Accepted { msgid: None });
    assert_eq!(outcomes(&effects), 1);
    let other = the_call(&effects);
    let effects = bench.finish(other, SendAnswer::Accepted { msgid: None });
    assert_eq!(the_outcome(&effects).status, Status::Sent);
}

#[test]
fn in_an_outage_messages_wait_and_no_attempt_is_used_up() {
    const MESSAGES: usize = 30;
    let unreachable = || SendAnswer::Unreachable {
        detail: "connection refused".to_owned(),
    };
    let mut bench = doubtful();
    let mut under_way = Vec::new();
    for offset in 1..=30 {
        let (id, to) = (format!("e{offset}"), format!("o{offset}"));
        under_way.extend(calls(&bench.read(offset, &event("resend", &id, &to))));
    }
    assert_eq!(under_way.len(), MESSAGES);
    let mut n_calls = 0;
    let mut ended = 0;
    while bench.now_ms < 8_000 {
        for ticket in std::mem::take(&mut under_way) {
            n_calls += 1;
            ended += outcomes(&bench.finish(ticket, unreachable()));
        }
        let until_ms = bench.now_ms + 50;
        under_way.extend(calls(&bench.sleep_until(until_ms)));
    }
    assert_eq!(ended, 0, "nothing is given up");
    assert!(n_calls < MESSAGES + 10, "only trials are made: {n_calls}");
    // The next trial is answered: every message goes.
    let mut sent = 0;
    while sent < MESSAGES {
        for ticket in std::mem::take(&mut under_way) {
            let effects = bench.finish(ticket, SendAnswer::Accepted { msgid: None });
            sent += outcomes(&effects);
            under_way.extend(calls(&effects));
        }
        let until_ms = bench.now_ms + 50;
        under_way.extend(calls(&bench.sleep_until(until_ms)));
        assert!(bench.now_ms < 20_000, "{sent} sent");
    }
}

/// Something in front of `WeChat` takes offence at what one user writes.
#[test]
fn messages_of_one_user_that_get_no_answer_are_no_outage_for_others() {
    let turned_away = || SendAnswer::Garbled {
        detail: "HTTP 403".to_owned(),
    };
    let mut bench = doubtful();
    bench.engine.setup.max_messages = 100;
    let mut under_way = Vec::new();
    for offset in 1..=30 {
        let of_stranger = event("resend", &format!("e{offset}"), "stranger");
        under_way.extend(calls(&bench.read(offset, &of_stranger)));
    }
    let mut n_calls = 0;
    while bench.now_ms < 600_000 && n_calls < 100 {
        for ticket in std::mem::take(&mut under_way) {
            n_calls += 1;
            under_way.extend(calls(&bench.finish(ticket, turned_away())));
        }
        let until_ms = bench.now_ms + 1_000;
        under_way.extend(calls(&bench.sleep_until(until_ms)));
    }
    assert_eq!(n_calls, 100);
    assert_eq!(bench.engine.status().pauses.len(), 0);
    the_call(&bench.read(31, &event("resend", "e31", "o31")));
}

#[test]
fn a_rule_is_paused_for_several_users_and_not_for_one() {
    let mut bench = doubtful();
    let bad = || refused(47003, Class::BadParam);
    for offset in 1..=30 {
        let to_one = event("resend", &format!("e{offset}"), "stranger");
        let ticket = the_call(&bench.read(offset, &to_one));
        bench.finish(ticket, bad());
    }
    assert_eq!(bench.engine.status().pauses.len(), 0);
    let ticket = the_call(&bench.read(31, &event("resend", "e31", "o31")));
    bench.finish(ticket, bad());
    assert_eq!(bench.engine.status().pauses.len(), 1);
}

#[test]
fn a_call_that_may_have_arrived_is_not_repeated_for_the_length_of_an_outage() {
    let lost = || SendAnswer::InDoubt {
        detail: "timed out".to_owned(),
    };
    let mut bench = doubtful();
    let mut under_way = Vec::new();
    for offset in 1..=30 {
        let (id, to) = (format!("e{offset}"), format!("o{offset}"));
        under_way.extend(calls(&bench.read(offset, &event("resend", &id, &to))));
    }
    let mut calls_of = BTreeMap::<Ticket, usize>::new();
    let mut ended = 0;
    while ended < 30 {
        for ticket in std::mem::take(&mut under_way) {
            *calls_of.entry(ticket).or_default() += 1;
            ended += outcomes(&bench.finish(ticket, lost()));
        }
        let most = calls_of.values().max().copied().unwrap_or_default();
        let least = calls_of.values().min().copied().unwrap_or_default();
        assert!(most <= 5, "{most} calls of one message");
        assert!(most - least <= 2, "trials take turns: {calls_of:?}");
        let until_ms = bench.now_ms + 500;
        under_way.extend(calls(&bench.sleep_until(until_ms)));
        assert!(bench.now_ms < 3_600_000, "{ended} ended");
    }
}

fn outcomes(effects: &[Effect]) -> usize {
    let is_outcome = |effect: &&Effect| matches!(effect, Effect::Publish { .. });
    effects.iter().filter(is_outcome).count()
}

fn punished(functions: &[(&str, Function)], days: i64) -> Input {
    let until_ms = START_MS + days * 86_400_000;
    let banned = functions.iter().map(|(name, function)| BannedFunction {
        name: (*name).to_owned(),
        function: *function,
        term: Term::Until(until_ms),
    });
    Input::Punished {
        app: Arc::from("shop"),
        punishment: Punishment {
            id: "7".to_owned(),
            reason: "诱导分享".to_owned(),
            measure: Measure::Functions(banned.collect()),
        },
    }
}

fn n_told(effects: &[Effect]) -> usize {
    let told = effects
        .iter()
        .filter(|effect| matches!(effect, Effect::Punished(_)));
    told.count()
}

#[test]
fn what_wechat_bans_waits_before_it_is_met_and_is_tried_now_and_then() {
    let mut bench = doubtful();
    let ban = || punished(&[("订阅消息", Function::SubscribeMessages)], 3);
    let effects = bench.step(ban());
    assert_eq!(n_told(&effects), 1);
    let status = bench.engine.status();
    assert_eq!((status.pauses.len(), status.pauses[0].cause), (1, "ban"));
    assert_eq!(status.pauses[0].subject, "api shop/subscribe");
    assert_eq!(status.punishments[0].functions, ["订阅消息"]);
    assert_eq!(n_told(&bench.step(ban())), 0, "told again, it is no news");
    assert_eq!(calls(&bench.read(1, &event("leave", "e1", "o1"))), []);
    let trials = calls(&bench.sleep_until(60_000));
    assert_eq!(trials.len(), 1, "one trial after a minute");
    let effects = bench.finish(trials[0], refused(48004, Class::Api));
    assert_eq!(calls(&effects), []);
    let status = bench.engine.status();
    assert_eq!((status.pauses.len(), status.pauses[0].cause), (1, "ban"));
    let trials = calls(&bench.sleep_until(180_000));
    let effects = bench.finish(trials[0], SendAnswer::Accepted { msgid: None });
    assert_eq!(
        the_outcome(&effects).status,
        Status::Sent,
        "the ban was lifted"
    );
    assert!(bench.engine.status().pauses.is_empty());
}

#[test]
fn a_trial_of_a_ban_that_its_template_is_refused_for_has_failed() {
    let mut bench = doubtful();
    bench.step(punished(&[("订阅消息", Function::SubscribeMessages)], 3));
    bench.read(1, &event("leave", "e1", "o1"));
    let trials = calls(&bench.sleep_until(60_000));
    bench.finish(trials[0], refused(43107, Class::Banned));
    assert_eq!(bench.engine.status().pauses.len(), 2, "the template's, too");
    assert_eq!(
        calls(&bench.sleep_until(179_000)),
        [],
        "later than after a minute"
    );
    assert_eq!(calls(&bench.sleep_until(181_000)).len(), 1);
}

#[test]
fn a_ban_of_something_else_stops_no_message() {
    let mut bench = doubtful();
    let effects = bench.step(punished(&[("支付", Function::Other)], 3));
    assert_eq!(n_told(&effects), 1);
    let status = bench.engine.status();
    assert_eq!((status.pauses.len(), status.punishments.len()), (0, 1));
    the_call(&bench.read(1, &event("leave", "e1", "o1")));
}
