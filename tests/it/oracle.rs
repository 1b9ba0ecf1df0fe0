//! The judge of the chaos run has to notice. Each history here is made by hand and holds one thing that is wrong, or looks wrong and is not.

use crate::support::oracle::{
    Bounds, Explanation, History, InDoubt, Incident, Memory, Outcome, Owed, Send, Verdict, judge,
};

const BOUNDS: Bounds = Bounds {
    settle_ms: 1_000,
    reconnect_ms: 2_000,
    api_timeout_ms: 2_000,
    clocks_ms: 100,
};

/// One record, one rule, one message, sent and told.
fn good() -> History {
    History {
        memory: Memory::Durable,
        bounds: BOUNDS,
        owed: vec![owed("events/0/0/order")],
        outcomes: vec![outcome("events/0/0/order", "sent", Some("1"), 10_150)],
        sends: vec![send("wx1", "1", 10_000, Some(10_050))],
        incidents: Vec::new(),
    }
}

fn owed(outcome_id: &str) -> Owed {
    Owed {
        outcome_id: outcome_id.to_owned(),
        message_id: "order|shop|1".to_owned(),
        rule: "order".to_owned(),
        mark: Some("SO1".to_owned()),
        in_doubt: InDoubt::Resend,
        ends: &["sent", "failed", "unknown", "skipped"],
    }
}

fn outcome(id: &str, status: &str, msgid: Option<&str>, at_ms: i64) -> Outcome {
    Outcome {
        id: id.to_owned(),
        message_id: "order|shop|1".to_owned(),
        status: status.to_owned(),
        reason: if status == "skipped" {
            "duplicate"
        } else {
            "ok"
        }
        .to_owned(),
        msgid: msgid.map(str::to_owned),
        duplicate_of: None,
        at_ms,
    }
}

fn send(life: &str, msgid: &str, at_ms: i64, answered_at_ms: Option<i64>) -> Send {
    Send {
        life: life.to_owned(),
        values: vec!["拿铁".to_owned(), "SO1".to_owned()],
        msgid: msgid.to_owned(),
        at_ms,
        answered_at_ms,
    }
}

fn gone(life: &str, at_ms: i64) -> Incident {
    let life = life.to_owned();
    Incident::Gone { life, at_ms }
}

fn frozen(life: &str, from_ms: i64, until_ms: i64) -> Incident {
    let life = life.to_owned();
    Incident::Frozen {
        life,
        from_ms,
        until_ms,
    }
}

/// The names of the findings that break a promise.
fn broken(verdict: &Verdict) -> Vec<&'static str> {
    let findings = verdict.findings();
    let broken = findings.iter().filter(|finding| !finding.cases.is_empty());
    broken.map(|finding| finding.key).collect()
}

fn explanations(verdict: &Verdict) -> Vec<Explanation> {
    let rules = verdict.second_sends.values();
    rules
        .flat_map(|sends| sends.explained.keys().copied())
        .collect()
}

/// A message that was sent twice: answered, then sent once more by another life at this time, then settled.
fn sent_twice(later_ms: i64, incidents: Vec<Incident>) -> History {
    History {
        outcomes: vec![outcome(
            "events/0/0/order",
            "sent",
            Some("2"),
            later_ms + 200,
        )],
        sends: vec![
            send("wx1", "1", 10_000, Some(10_050)),
            send("wx2", "2", later_ms, Some(later_ms + 50)),
        ],
        incidents,
        ..good()
    }
}

#[test]
fn a_good_history_is_good() {
    let verdict = judge(&good());
    assert!(broken(&verdict).is_empty() && verdict.is_kept());
    assert_eq!(
        (verdict.n_owed, verdict.n_accepted, verdict.n_repeated),
        (1, 1, 0)
    );
}

#[test]
fn a_lost_outcome_is_noticed() {
    let mut history = good();
    history.owed.push(Owed {
        message_id: "order|shop|2".to_owned(),
        mark: Some("SO2".to_owned()),
        ..owed("events/0/1/order")
    });
    let verdict = judge(&history);
    assert_eq!(broken(&verdict), ["lost"]);
    assert_eq!(verdict.lost, ["events/0/1/order"]);
}

#[test]
fn an_outcome_of_nothing_is_noticed() {
    let mut history = good();
    history
        .outcomes
        .push(outcome("events/0/1/order", "skipped", None, 10_200));
    assert!(broken(&judge(&history)).contains(&"owed_by_nobody"));
}

#[test]
fn a_repeated_outcome_is_counted_and_a_changed_one_noticed() {
    let mut history = good();
    history
        .outcomes
        .push(outcome("events/0/0/order", "sent", Some("1"), 12_000));
    let verdict = judge(&history);
    assert_eq!((broken(&verdict), verdict.n_repeated), (vec![], 1));
    history
        .outcomes
        .push(outcome("events/0/0/order", "unknown", None, 13_000));
    let verdict = judge(&history);
    assert_eq!(
        (broken(&verdict), verdict.n_repeated),
        (vec!["two_statuses"], 2)
    );
    assert!(!verdict.is_kept());
}

#[test]
fn a_status_that_cannot_be_is_noticed() {
    let mut history = good();
    history.outcomes[0].status = "rejected".to_owned();
    assert_eq!(broken(&judge(&history)), ["wrong_ends", "denied"]);
}

#[test]
fn skipped_for_another_reason_than_a_twin_is_noticed() {
    let mut history = good();
    history.owed.push(owed("events/5/0/order"));
    let mut second = outcome("events/5/0/order", "skipped", None, 10_400);
    second.reason = "no_grant".to_owned();
    history.outcomes.push(second);
    assert_eq!(broken(&judge(&history)), ["wrong_ends"]);
}

#[test]
fn sent_without_a_send_and_a_send_without_sent_are_noticed() {
    let mut history = good();
    history.sends[0].msgid = "77".to_owned();
    assert_eq!(broken(&judge(&history)), ["never_sent"]);
    let mut history = good();
    history.outcomes[0].status = "failed".to_owned();
    history.outcomes[0].msgid = None;
    assert_eq!(broken(&judge(&history)), ["denied"]);
}

#[test]
fn a_send_of_nothing_is_noticed() {
    let mut history = good();
    let mut stranger = send("wx1", "2", 10_500, Some(10_550));
    stranger.values = vec!["SO9".to_owned()];
    history.sends.push(stranger);
    assert_eq!(broken(&judge(&history)), ["sends_of_nothing"]);
}

#[test]
fn a_second_send_without_trouble_is_unexplained() {
    let verdict = judge(&sent_twice(15_000, Vec::new()));
    assert_eq!(broken(&verdict), ["unexplained"]);
    assert!(verdict.unexplained[0].contains("accepted from wx2, msgid 2"));
}

#[test]
fn a_sender_that_dies_before_it_can_have_settled_explains_it() {
    let verdict = judge(&sent_twice(15_000, vec![gone("wx1", 10_400)]));
    assert_eq!(explanations(&verdict), [Explanation::SenderGone]);
    assert!(verdict.is_kept());
    assert_eq!(verdict.longest_excuse_ms, 350);
    // Too late, before it began, another process, and after the second send.
    for excuse in [
        gone("wx1", 11_500),
        gone("wx1", 9_000),
        gone("wx2", 10_400),
        gone("wx3", 10_400),
    ] {
        let verdict = judge(&sent_twice(15_000, vec![excuse.clone()]));
        assert_eq!(broken(&verdict), ["unexplained"], "{excuse:?}");
    }
    let mut history = sent_twice(10_500, vec![gone("wx1", 10_900)]);
    history.owed.push(owed("events/1/0/order"));
    assert!(broken(&judge(&history)).contains(&"unexplained"));
}

#[test]
fn a_death_long_after_the_answer_counts_if_the_store_was_away() {
    let away = Incident::StoreDown {
        from_ms: 10_500,
        until_ms: 13_000,
    };
    let verdict = judge(&sent_twice(17_000, vec![gone("wx1", 15_500), away.clone()]));
    assert_eq!(explanations(&verdict), [Explanation::SenderGone]);
    let verdict = judge(&sent_twice(18_000, vec![gone("wx1", 16_500), away]));
    assert_eq!(broken(&verdict), ["unexplained"]);
}

#[test]
fn a_death_long_after_the_answer_counts_if_the_store_was_slow_for_everybody() {
    let slow = Incident::StoreSlow {
        from_ms: 10_500,
        until_ms: 13_000,
    };
    let verdict = judge(&sent_twice(17_000, vec![gone("wx1", 13_500), slow.clone()]));
    assert_eq!(explanations(&verdict), [Explanation::SenderGone]);
    let verdict = judge(&sent_twice(18_000, vec![gone("wx1", 15_000), slow]));
    assert_eq!(broken(&verdict), ["unexplained"]);
}

#[test]
fn a_frozen_sender_explains_it() {
    let verdict = judge(&sent_twice(15_000, vec![frozen("wx1", 10_020, 16_000)]));
    assert_eq!(explanations(&verdict), [Explanation::SenderFrozen]);
    let verdict = judge(&sent_twice(15_000, vec![frozen("wx1", 7_000, 9_000)]));
    assert_eq!(broken(&verdict), ["unexplained"]);
}

#[test]
fn what_was_known_excuses_nobody() {
    // The first send was settled and told of; then its sender died, and another process sent again.
    let mut history = sent_twice(15_000, vec![gone("wx1", 10_400)]);
    history
        .outcomes
        .push(outcome("events/0/0/order", "sent", Some("1"), 10_300));
    assert_eq!(broken(&judge(&history)), ["unexplained"]);
}

#[test]
fn one_that_wakes_up_with_its_claim_in_hand_is_explained() {
    // wx2 claimed and was frozen before its call; wx1 took over, sent and settled; then wx2 went on.
    let mut history = sent_twice(15_000, vec![frozen("wx2", 9_900, 14_900)]);
    history
        .outcomes
        .push(outcome("events/0/0/order", "sent", Some("1"), 10_300));
    let verdict = judge(&history);
    assert_eq!(explanations(&verdict), [Explanation::Thawed]);
    history.incidents = vec![frozen("wx2", 9_900, 12_000)];
    assert_eq!(broken(&judge(&history)), ["unexplained"]);
}

#[test]
fn an_answer_that_never_came_or_came_too_late_explains_it() {
    let mut history = sent_twice(11_000, Vec::new());
    history.sends[0].answered_at_ms = None;
    assert_eq!(explanations(&judge(&history)), [Explanation::NotAnswered]);
    let mut history = sent_twice(15_000, Vec::new());
    history.sends[0].answered_at_ms = Some(12_050);
    assert_eq!(
        explanations(&judge(&history)),
        [Explanation::AnsweredTooLate]
    );
}

#[test]
fn a_record_that_changes_hands_under_way_is_explained_and_two_records_are_not() {
    let under_way = sent_twice(10_020, Vec::new());
    assert_eq!(explanations(&judge(&under_way)), [Explanation::UnderWay]);
    let unsettled = sent_twice(10_700, Vec::new());
    assert_eq!(explanations(&judge(&unsettled)), [Explanation::NotSettled]);
    let mut by_itself = sent_twice(10_020, Vec::new());
    by_itself.sends[1].life = "wx1".to_owned();
    assert_eq!(broken(&judge(&by_itself)), ["unexplained"]);
    let mut twins = sent_twice(10_020, Vec::new());
    twins.owed.push(owed("events/5/0/order"));
    let mut skipped = outcome("events/5/0/order", "skipped", None, 10_400);
    skipped.duplicate_of = Some("events/0/0/order".to_owned());
    twins.outcomes.push(skipped);
    assert_eq!(broken(&judge(&twins)), ["unexplained"]);
}

#[test]
fn each_send_after_the_first_needs_its_own_explanation() {
    let mut history = sent_twice(15_000, vec![gone("wx1", 10_400)]);
    history.sends.push(send("wx3", "3", 20_000, Some(20_050)));
    let verdict = judge(&history);
    assert_eq!(explanations(&verdict), [Explanation::SenderGone]);
    assert_eq!(broken(&verdict), ["unexplained"]);
}

#[test]
fn what_is_left_in_doubt_is_not_sent_again_whatever_happened() {
    let mut history = sent_twice(15_000, vec![gone("wx1", 10_400)]);
    history.owed[0].in_doubt = InDoubt::Leave;
    let verdict = judge(&history);
    assert_eq!(broken(&verdict), ["sent_though_left"]);
    assert!(!verdict.is_kept());
}

#[test]
fn of_two_records_with_one_message_one_is_sent_and_the_other_names_it() {
    let twin = |status, msgid, of: Option<&str>| {
        let mut history = good();
        history.owed.push(owed("events/5/0/order"));
        let mut second = outcome("events/5/0/order", status, msgid, 10_400);
        second.duplicate_of = of.map(str::to_owned);
        history.outcomes.push(second);
        broken(&judge(&history))
    };
    assert!(twin("skipped", None, Some("events/0/0/order")).is_empty());
    assert_eq!(twin("skipped", None, None), ["wrong_duplicates"]);
    assert_eq!(
        twin("skipped", None, Some("events/9/9/order")),
        ["wrong_duplicates"]
    );
    assert_eq!(twin("sent", Some("1"), None), ["wrong_duplicates"]);
}

#[test]
fn without_memory_only_what_is_promised_is_judged() {
    let mut history = sent_twice(15_000, Vec::new());
    history.memory = Memory::None;
    history
        .outcomes
        .push(outcome("events/0/0/order", "unknown", None, 17_000));
    let verdict = judge(&history);
    assert_eq!(broken(&verdict), ["two_statuses", "unexplained"]);
    assert!(verdict.is_kept());
    history.outcomes.clear();
    assert!(!judge(&history).is_kept());
}
