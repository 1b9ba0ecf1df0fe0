//! How each pause begins, what it holds, and how it ends.

use super::quota::RAREST_QUESTION;
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
    assert_eq!(pauses.way(at(119), &a), Way::Until(secs(120)));
    assert_eq!(pauses.way(at(120), &a), Way::Free);
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
fn the_quota_is_asked_for_less_and_less_often_until_there_is_some() {
    let rules = rules();
    let mut pauses = Pauses::default();
    let shop: Arc<str> = Arc::from("shop");
    begin(&mut pauses, at(0), api("shop"), Cause::DailyQuota).unwrap();
    assert_eq!(
        ways(&pauses, at(0), &rules),
        [Way::Until(secs(300)), Way::Until(secs(300)), Way::Free]
    );
    let mut now = 0;
    let mut left = [None, Some(0), None, Some(-1), None, Some(0)].into_iter();
    for wait in [60, 120, 240, 480, 600, 600] {
        assert!(pauses.quota_questions(at(now + wait - 1)).is_empty());
        now += wait;
        assert_eq!(pauses.wake_at(), Some(secs(now)));
        assert_eq!(
            pauses.quota_questions(at(now)),
            [(Arc::clone(&shop), Api::Subscribe)]
        );
        assert!(pauses.quota_questions(at(now)).is_empty(), "asked once");
        let left = left.next().flatten();
        assert_eq!(
            pauses.quota_answered(at(now), (&shop, Api::Subscribe), left),
            []
        );
    }
    assert_eq!(
        pauses
            .quota_answered(at(now), (&shop, Api::Subscribe), Some(1))
            .len(),
        1
    );
    assert_eq!(ways(&pauses, at(now), &rules), [Way::Free; 3]);
}

#[test]
fn a_question_that_is_never_answered_is_asked_again() {
    let mut pauses = Pauses::default();
    begin(&mut pauses, at(0), api("shop"), Cause::DailyQuota).unwrap();
    assert_eq!(pauses.quota_questions(at(60)).len(), 1);
    assert_eq!(pauses.wake_at(), Some(secs(60) + RAREST_QUESTION));
    let later = at(60 + RAREST_QUESTION.as_secs());
    assert_eq!(pauses.quota_questions(later).len(), 1);
}

#[test]
fn a_quota_that_is_used_up_again_soon_is_asked_for_later() {
    let mut pauses = Pauses::default();
    let shop: Arc<str> = Arc::from("shop");
    for (began, first_question) in [(0, 60), (100, 120), (1_000, 240), (6_000, 60)] {
        begin(&mut pauses, at(began), api("shop"), Cause::DailyQuota).unwrap();
        assert_eq!(pauses.wake_at(), Some(secs(began + first_question)));
        let now = at(began + first_question);
        assert_eq!(pauses.quota_questions(now).len(), 1);
        assert_eq!(
            pauses
                .quota_answered(now, (&shop, Api::Subscribe), Some(5))
                .len(),
            1
        );
    }
}

/// As [`at`], in a day whose quota is used up: the next one begins at `NEW_DAY` in China.
const NEW_DAY: u64 = 8 * 3_600;

fn end_of_quota(pauses: &Pauses) -> &'static str {
    pauses.iter().next().unwrap().ends_by()
}

#[test]
fn a_quota_that_cannot_be_asked_for_is_found_out_by_trials_less_and_less_often() {
    let rules = rules();
    let mut pauses = Pauses::default();
    let (a, shop) = (rule(&rules, "a"), Arc::from("shop"));
    begin(&mut pauses, at(0), api("shop"), Cause::DailyQuota).unwrap();
    let mut now = 300;
    for wait in [600, 1_200, 2_400, 3_600, 3_600] {
        pauses.quota_questions(at(now));
        pauses.quota_answered(at(now), (&shop, Api::Subscribe), None);
        assert_eq!(pauses.way(at(now), &a), Way::Free);
        pauses.took_turn(at(now), TRIAL, &a);
        assert_ne!(pauses.way(at(now), &a), Way::Free, "one at a time");
        let again = begin(&mut pauses, at(now + 1), api("shop"), Cause::DailyQuota);
        assert_eq!(again, None);
        now += 1 + wait;
        assert_eq!(pauses.way(at(now - 1), &a), Way::Until(secs(now)));
    }
    pauses.took_turn(at(now), TRIAL, &a);
    assert_eq!(
        pauses.went_well(at(now), OTHER),
        [],
        "it was sent before the pause"
    );
    assert_eq!(pauses.went_well(at(now), TRIAL).len(), 1);
    assert_eq!(ways(&pauses, at(now), &rules), [Way::Free; 3]);
}

#[test]
fn a_new_day_in_china_is_tried_at_once() {
    let rules = rules();
    let mut pauses = Pauses::default();
    let a = rule(&rules, "a");
    let hour = 3_600;
    begin(
        &mut pauses,
        at(NEW_DAY - 400),
        api("shop"),
        Cause::DailyQuota,
    )
    .unwrap();
    pauses.took_turn(at(NEW_DAY - 100), TRIAL, &a);
    begin(
        &mut pauses,
        at(NEW_DAY - 99),
        api("shop"),
        Cause::DailyQuota,
    );
    let first = NEW_DAY + 10;
    assert_eq!(pauses.way(at(NEW_DAY), &a), Way::Until(secs(first)));
    // It may have come too early, so it is not the last one for an hour.
    let mut now = first;
    for wait in [300, 300, 600, 1_200, 2_400, hour] {
        assert_eq!(pauses.way(at(now), &a), Way::Free, "at {}", now - NEW_DAY);
        pauses.took_turn(at(now), TRIAL, &a);
        begin(&mut pauses, at(now), api("shop"), Cause::DailyQuota);
        assert_eq!(pauses.way(at(now), &a), Way::Until(secs(now + wait)));
        now += wait;
    }
}

#[test]
fn a_pause_says_whether_the_quota_can_be_read() {
    let mut pauses = Pauses::default();
    let shop = Arc::from("shop");
    begin(&mut pauses, at(0), api("shop"), Cause::DailyQuota).unwrap();
    let readable = end_of_quota(&pauses);
    assert!(readable.starts_with("when WeChat says that there is quota"));
    pauses.quota_answered(at(60), (&shop, Api::Subscribe), None);
    assert!(end_of_quota(&pauses).ends_with("cannot be read"));
    pauses.quota_answered(at(180), (&shop, Api::Subscribe), Some(0));
    assert_eq!(end_of_quota(&pauses), readable);
    // No answer at all.
    pauses.quota_questions(at(420));
    assert_eq!(end_of_quota(&pauses), readable);
    pauses.quota_questions(at(420 + RAREST_QUESTION.as_secs()));
    assert!(end_of_quota(&pauses).ends_with("cannot be read"));
}

#[test]
fn a_quota_that_is_used_up_again_soon_is_tried_later() {
    let rules = rules();
    let mut pauses = Pauses::default();
    let a = rule(&rules, "a");
    for (began, first_trial) in [(0, 300), (400, 600), (1_100, 1_200), (9_000, 300)] {
        begin(&mut pauses, at(began), api("shop"), Cause::DailyQuota).unwrap();
        let due = began + first_trial;
        assert_eq!(pauses.way(at(began), &a), Way::Until(secs(due)));
        pauses.took_turn(at(due), TRIAL, &a);
        assert_eq!(pauses.went_well(at(due), TRIAL).len(), 1);
    }
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
    assert_eq!(pauses.resume_rule("b"), []);
    assert_eq!(pauses.resume_rule("a").len(), 1);
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
fn the_quota_of_one_api_leaves_the_other_alone() {
    let rules = testing::rules_and_customers(&[("a", "shop", "")], &[("chat", "shop")]);
    let mut pauses = Pauses::default();
    let (card, chat) = (rule(&rules, "a"), rule(&rules, "chat"));
    let ways = |pauses: &Pauses| [&card, &chat].map(|rule| pauses.way(at(0), rule));
    for cause in [Cause::MinuteQuota, Cause::DailyQuota, Cause::Api] {
        let subject = Subject::of(cause, &chat);
        assert_eq!(subject.to_string(), "api shop/customer");
        begin(&mut pauses, at(0), subject, cause).unwrap();
        assert_eq!(ways(&pauses)[0], Way::Free, "{cause:?}");
        assert_ne!(ways(&pauses)[1], Way::Free, "{cause:?}");
    }
    begin(&mut pauses, at(0), api("shop"), Cause::DailyQuota).unwrap();
    let shop: Arc<str> = Arc::from("shop");
    assert_eq!(
        pauses.quota_questions(at(60)),
        [(Arc::clone(&shop), Api::Subscribe)],
        "the other one is on trial"
    );
    let ended = pauses.quota_answered(at(60), (&shop, Api::Customer), Some(1));
    assert_eq!(ended, [], "nobody asked for that");
    let account = Subject::of(Cause::Account, &chat);
    begin(&mut pauses, at(60), account, Cause::Account).unwrap();
    assert!([&card, &chat].iter().all(|rule| pauses.is_paused(rule)));
}

#[test]
fn what_has_no_template_is_not_paused_for_one() {
    let rules = testing::rules_and_customers(&[("a", "shop", "")], &[("chat", "shop")]);
    let (card, chat) = (rule(&rules, "a"), rule(&rules, "chat"));
    let subject = |rule: &Rule| Subject::of(Cause::Template, rule).to_string();
    assert_eq!(subject(&card), "template shop/T-a");
    assert_eq!(subject(&chat), "api shop/customer");
}
