//! How each pause begins, what it holds, and how it ends.

mod quota;

use super::trials::FIRST_TRIAL;
use super::*;
use crate::message::Api;
use crate::rules::RuleSet;
use crate::testing;

const START_MS: i64 = 1_800_000_000_000;

/// The message that is let through.
const TRIAL: Ticket = Ticket(1);

/// Another one.
const OTHER: Ticket = Ticket(2);

fn at(seconds: u64) -> Moment {
    Moment {
        elapsed: Duration::from_secs(seconds),
        unix_ms: START_MS + i64::try_from(seconds * 1_000).unwrap(),
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Rules `a` and `b` of the app `shop` with templates of their own, `c` of the app `mall`.
fn rules() -> RuleSet {
    testing::rules(&[("a", "shop", ""), ("b", "shop", ""), ("c", "mall", "")])
}

fn rule(rules: &RuleSet, name: &str) -> Arc<Rule> {
    Arc::clone(rules.get(name).unwrap())
}

fn app(name: &str) -> Subject {
    Subject::App(Arc::from(name))
}

fn api(name: &str) -> Subject {
    Subject::Api(Arc::from(name), Api::Subscribe)
}

fn template_of(rule: &Rule) -> Subject {
    Subject::of(Cause::Template, rule)
}

fn begin(pauses: &mut Pauses, now: Moment, subject: Subject, cause: Cause) -> Option<Change> {
    pauses.begin(now, TRIAL, (subject, cause), (Some(1), String::new()))
}

fn ways(pauses: &Pauses, now: Moment, rules: &RuleSet) -> [Way; 3] {
    ["a", "b", "c"].map(|name| pauses.way(now, &rule(rules, name)))
}

#[test]
fn a_minute_quota_holds_the_app_until_the_minute_is_over() {
    let rules = rules();
    let mut pauses = Pauses::default();
    let now = at(50);
    let left_ms = MINUTE_MS - now.unix_ms.rem_euclid(MINUTE_MS) + MINUTE_SLACK_MS;
    let end = now.elapsed + Duration::from_millis(left_ms.unsigned_abs());
    begin(&mut pauses, now, api("shop"), Cause::MinuteQuota).unwrap();
    assert_eq!(
        ways(&pauses, now, &rules),
        [Way::Until(end), Way::Until(end), Way::Free]
    );
    assert_eq!(pauses.wake_at(), Some(end));
    let before = Moment {
        elapsed: end.checked_sub(Duration::from_millis(1)).unwrap(),
        ..now
    };
    assert_eq!(pauses.end_due(before), []);
    let after = Moment {
        elapsed: end,
        ..now
    };
    assert_eq!(pauses.end_due(after).len(), 1);
    assert_eq!(ways(&pauses, after, &rules), [Way::Free; 3]);
}

#[test]
fn a_template_pause_holds_its_template_alone() {
    let rules = rules();
    let mut pauses = Pauses::default();
    let a = rule(&rules, "a");
    begin(&mut pauses, at(0), template_of(&a), Cause::Template).unwrap();
    assert_eq!(
        ways(&pauses, at(1), &rules),
        [Way::Until(FIRST_TRIAL), Way::Free, Way::Free]
    );
    assert!(pauses.is_paused(&a) && pauses.is_rule_or_template_paused(&a));
    assert!(!pauses.is_paused(&rule(&rules, "b")));
    assert_eq!(
        pauses.wake_at(),
        None,
        "its lane looks again when the trial is due"
    );
}

#[test]
fn a_trial_lets_one_message_through_and_ends_the_pause_if_it_goes_well() {
    let rules = rules();
    let mut pauses = Pauses::default();
    let a = rule(&rules, "a");
    begin(&mut pauses, at(0), app("shop"), Cause::Account).unwrap();
    assert_eq!(
        pauses.went_well(at(0), TRIAL),
        [],
        "it was sent before the pause"
    );
    assert_eq!(pauses.way(at(60), &a), Way::Free);
    pauses.took_turn(at(60), TRIAL, &a);
    assert_eq!(pauses.way(at(60), &a), Way::Until(secs(120)), "only one");
    assert_eq!(
        pauses.went_well(at(60), OTHER),
        [],
        "a message that was sent before says nothing"
    );
    assert_eq!(pauses.went_well(at(61), TRIAL).len(), 1);
    assert_eq!(ways(&pauses, at(61), &rules), [Way::Free; 3]);
}

#[test]
fn a_trial_that_is_never_answered_is_followed_by_another() {
    let rules = rules();
    let mut pauses = Pauses::default();
    let a = rule(&rules, "a");
    begin(&mut pauses, at(0), app("shop"), Cause::Account).unwrap();
    pauses.took_turn(at(60), TRIAL, &a);
    assert!(pauses.called(TRIAL));
    assert_eq!(pauses.way(at(119), &a), Way::Until(secs(120)));
    assert_eq!(pauses.way(at(120), &a), Way::Free);
}

/// Its claim takes longer than the wait between two trials: a second one would only be stopped at the gate for a third.
#[test]
fn a_trial_is_not_displaced_before_its_call() {
    let rules = rules();
    let mut pauses = Pauses::default();
    let a = rule(&rules, "a");
    begin(&mut pauses, at(0), api("shop"), Cause::Outage).unwrap();
    pauses.took_turn(at(1), TRIAL, &a);
    assert_eq!(pauses.way(at(3), &a), Way::Until(secs(31)));
    assert!(!pauses.stop(TRIAL, &a) && pauses.stop(OTHER, &a));
    assert!(!pauses.called(OTHER));
    assert!(pauses.called(TRIAL));
    assert_eq!(pauses.way(at(3), &a), Way::Free);
    // One whose turn was lost without a word stands in no way for ever.
    pauses.took_turn(at(3), OTHER, &a);
    assert_eq!(pauses.way(at(33), &a), Way::Free);
}

#[test]
fn a_trial_that_came_to_no_call_is_followed_by_another_at_once() {
    let rules = rules();
    let mut pauses = Pauses::default();
    let a = rule(&rules, "a");
    assert!(!pauses.tried_nothing(TRIAL), "nothing is paused");
    begin(&mut pauses, at(0), app("shop"), Cause::Account).unwrap();
    pauses.took_turn(at(60), TRIAL, &a);
    assert!(!pauses.tried_nothing(OTHER), "it is not the trial");
    assert!(pauses.tried_nothing(TRIAL));
    assert_eq!(pauses.way(at(61), &a), Way::Free);
    assert_eq!(pauses.went_well(at(61), TRIAL), [], "no trial is under way");
    assert!(!pauses.tried_nothing(TRIAL));
}

#[test]
fn a_refusal_of_an_earlier_call_is_not_the_trials() {
    let rules = rules();
    let mut pauses = Pauses::default();
    let a = rule(&rules, "a");
    begin(&mut pauses, at(0), app("shop"), Cause::Account).unwrap();
    pauses.took_turn(at(60), TRIAL, &a);
    let again = pauses.begin(
        at(61),
        OTHER,
        (app("shop"), Cause::Account),
        (Some(1), String::new()),
    );
    assert_eq!(again, None);
    assert_eq!(pauses.way(at(61), &a), Way::Until(secs(120)), "no longer");
    assert_eq!(
        pauses.went_well(at(61), TRIAL).len(),
        1,
        "it is still under way"
    );
}

#[test]
fn failed_trials_come_less_and_less_often() {
    let rules = rules();
    let mut pauses = Pauses::default();
    let a = rule(&rules, "a");
    begin(&mut pauses, at(0), app("shop"), Cause::Account).unwrap();
    let mut now = 60;
    for wait in [120, 240, 480, 900, 900] {
        assert_eq!(pauses.way(at(now), &a), Way::Free);
        pauses.took_turn(at(now), TRIAL, &a);
        assert_eq!(
            begin(&mut pauses, at(now + 1), app("shop"), Cause::Account),
            None
        );
        now += 1 + wait;
        assert_eq!(pauses.way(at(now - 1), &a), Way::Until(secs(now)));
    }
}

#[test]
fn calls_that_were_under_way_when_a_pause_began_do_not_lengthen_it() {
    let rules = rules();
    let mut pauses = Pauses::default();
    begin(&mut pauses, at(0), app("shop"), Cause::Account).unwrap();
    for seconds in 1..30 {
        let again = begin(&mut pauses, at(seconds), app("shop"), Cause::Account);
        assert_eq!(again, None);
    }
    assert_eq!(
        pauses.way(at(30), &rule(&rules, "a")),
        Way::Until(FIRST_TRIAL)
    );
}

#[test]
fn a_message_under_two_pauses_is_the_trial_of_both() {
    let rules = rules();
    let mut pauses = Pauses::default();
    let a = rule(&rules, "a");
    begin(&mut pauses, at(0), app("shop"), Cause::Account).unwrap();
    begin(&mut pauses, at(0), api("shop"), Cause::DailyQuota).unwrap();
    assert_eq!(pauses.way(at(60), &a), Way::Until(secs(300)));
    assert_eq!(pauses.way(at(300), &a), Way::Free);
    pauses.took_turn(at(300), TRIAL, &a);
    assert_eq!(pauses.way(at(360), &a), Way::Until(secs(600)));
    assert_eq!(pauses.went_well(at(361), TRIAL).len(), 2);
}

#[test]
fn a_later_cause_replaces_an_earlier_one_and_never_the_other_way_round() {
    let rules = rules();
    let mut pauses = Pauses::default();
    let a = rule(&rules, "a");
    for cause in [Cause::MinuteQuota, Cause::DailyQuota, Cause::Api] {
        assert!(begin(&mut pauses, at(0), api("shop"), cause).is_some());
        let causes: Vec<Cause> = pauses.iter().map(|pause| pause.cause).collect();
        assert_eq!(causes, [cause]);
    }
    for cause in [Cause::Api, Cause::DailyQuota, Cause::MinuteQuota] {
        assert_eq!(begin(&mut pauses, at(0), api("shop"), cause), None);
    }
    assert_eq!(pauses.way(at(0), &a), Way::Until(FIRST_TRIAL));
    let shop: Arc<str> = Arc::from("shop");
    assert_eq!(
        pauses.quota_answered(at(1), (&shop, Api::Subscribe), Some(9)),
        []
    );
}

#[test]
fn a_breaker_waits_for_a_person_and_leaves_the_rules_app_alone() {
    let rules = rules();
    let mut pauses = Pauses::default();
    let a = rule(&rules, "a");
    let subject = Subject::Rule(Arc::clone(&a.name));
    begin(&mut pauses, at(0), subject, Cause::Breaker).unwrap();
    begin(&mut pauses, at(0), app("shop"), Cause::Account).unwrap();
    assert_eq!(pauses.way(at(1_000_000), &a), Way::Closed);
    assert_eq!(pauses.resume(&Subject::Rule(Arc::from("b"))), []);
    assert_eq!(pauses.resume(&Subject::Rule(Arc::from("a"))).len(), 1);
    assert_eq!(pauses.way(at(0), &a), Way::Until(FIRST_TRIAL));
}

#[test]
fn pauses_of_templates_that_no_rule_uses_are_over() {
    let rules = rules();
    let mut pauses = Pauses::default();
    let (a, b) = (rule(&rules, "a"), rule(&rules, "b"));
    for rule in [&a, &b] {
        begin(&mut pauses, at(0), template_of(rule), Cause::Template).unwrap();
    }
    begin(&mut pauses, at(0), app("shop"), Cause::Account).unwrap();
    let ended = pauses.keep_templates(|app, id| app == "shop" && id == a.template().unwrap().id);
    assert_eq!(ended.len(), 1);
    assert!(pauses.is_rule_or_template_paused(&a) && !pauses.is_rule_or_template_paused(&b));
    assert!(pauses.is_paused(&b), "its app is still paused");
}

#[test]
fn what_has_no_template_is_not_paused_for_one() {
    let rules = testing::rules_and_customers(&[("a", "shop", "")], &[("chat", "shop")]);
    let (card, chat) = (rule(&rules, "a"), rule(&rules, "chat"));
    let subject = |rule: &Rule| Subject::of(Cause::Template, rule).to_string();
    assert_eq!(subject(&card), "template shop/T-a");
    assert_eq!(subject(&chat), "api shop/customer");
}
