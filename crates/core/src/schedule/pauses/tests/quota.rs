//! A quota for the day that is used up: what is asked, what is tried, and when.

use super::*;
use crate::schedule::pauses::quota::RAREST_QUESTION;

/// As [`at`], in a day whose quota is used up: the next one begins at `NEW_DAY` in China.
const NEW_DAY: u64 = 8 * 3_600;

fn end_of_quota(pauses: &Pauses) -> &'static str {
    pauses.iter().next().unwrap().ends_by()
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
    assert_eq!(ended, [], "the engine did not ask for that");
    let account = Subject::of(Cause::Account, &chat);
    begin(&mut pauses, at(60), account, Cause::Account).unwrap();
    assert!([&card, &chat].iter().all(|rule| pauses.is_paused(rule)));
}
