//! What is selected, what is counted under which head, and what is published.

mod records;

use serde_json::json;

use super::*;
use crate::event::{Decoding, RunId, Wish};
use crate::model::Record;
use crate::model::outcome::{Outcome, Reason, Status, letter};
use records::{
    NOW_MS, TOPIC, ended, good, letter_at, original, outcome, outcome_record, receipt_record, rules,
};

/// Judges dead letters, given by record, rule and how they ended, against the past.
fn judge(
    letters: &[(Record, &str, Status)],
    past: &[Outcome],
    selection: &Selection,
    sending: Sending,
) -> Judged {
    let (decoding, rules, topics) = (Decoding::default(), rules(&["a", "b"]), [TOPIC.to_owned()]);
    let context = Context {
        decoding: &decoding,
        rules: &rules,
        topics: &topics,
        now_ms: NOW_MS,
    };
    let mut survey = Survey::new(context, selection, sending, 100);
    for (at, (record, rule, status)) in (0..).zip(letters) {
        let outcome = outcome(record, rule, *status, NOW_MS - 1000 + at);
        survey.hear_letter(letter_at(at, record, &outcome)).unwrap();
    }
    assert_eq!(survey.unread(), []);
    survey.ask_about_past();
    for outcome in past {
        survey.hear_past(&outcome_record(outcome));
    }
    survey.judge()
}

fn judge_all(letters: &[(Record, &str, Status)], past: &[Outcome]) -> Judged {
    judge(letters, past, &Selection::default(), Sending::Once)
}

#[test]
fn a_duplicate_is_meant_only_if_it_is_asked_for() {
    let letters = [(good(7), "a", Status::Skipped)];
    assert_eq!(judge_all(&letters, &[]).count.selected, 0);
    let selection = Selection {
        statuses: vec![Status::Skipped],
        ..Selection::default()
    };
    let judged = judge(&letters, &[], &selection, Sending::Once);
    assert_eq!(judged.count.selected, 1);
}

#[test]
fn a_message_without_a_grant_is_meant_like_any_other() {
    let skipped = ended(&good(7), "a", Reason::NoGrant, NOW_MS);
    let word = Word::of_outcome(&outcome_record(&skipped)).unwrap();
    let all = Selection::default();
    let of_reason = Selection {
        reasons: vec![Reason::NoGrant],
        ..all.clone()
    };
    let of_status = Selection {
        statuses: vec![Status::Skipped],
        ..all.clone()
    };
    let of_another = Selection {
        reasons: vec![Reason::Duplicate],
        ..all.clone()
    };
    assert!(all.takes(&word) && of_reason.takes(&word) && of_status.takes(&word));
    assert!(!of_another.takes(&word));
}

#[test]
fn two_failed_messages_of_a_record_go_as_one_and_the_third_is_left_alone() {
    let record = good(7);
    let judged = judge_all(
        &[
            (record.clone(), "a", Status::Failed),
            (record.clone(), "b", Status::Invalid),
            (good(8), "b", Status::Failed),
        ],
        &[],
    );
    assert_eq!((judged.count.selected, judged.count.to_replay), (3, 3));
    let carried: Vec<_> = judged
        .errands
        .iter()
        .map(|errand| (errand.of.offset, errand.read_at.offset, errand.messages))
        .collect();
    assert_eq!(carried, [(7, 1, 2), (8, 2, 1)]);

    let errand = &judged.errands[0];
    let run = RunId::new(0, 1);
    let found = letter_at(1, &record, &outcome(&record, "b", Status::Invalid, NOW_MS));
    let published = errand.prepare(found, &run).unwrap();
    assert_eq!(published.value, record.value);
    assert_eq!(published.position(), record.position());
    assert_eq!(published.header("x"), Some("1"));
    let ours = published.headers.iter().map(|(name, _)| name.as_str());
    assert!(
        ours.clone().all(|name| !letter::ALL.contains(&name)),
        "{published:?}"
    );
    let wanted: Vec<Box<str>> = vec!["a".into(), "b".into()];
    assert_eq!(Wish::of(&published).rules, wanted);
    assert_eq!(errand.prepare(good(9), &run), None);
}

#[test]
fn each_message_is_counted_under_one_head() {
    let hour_ms = 3_600_000;
    let letters = [
        (good(1), "a", Status::Failed),
        (good(2), "a", Status::Failed),
        (good(3), "a", Status::Failed),
        (good(4), "gone", Status::Failed),
        (original(5, &json!({}), hour_ms + 1), "a", Status::Failed),
        (original(6, &json!({ "to": "" }), 0), "a", Status::Invalid),
        (original(7, &json!({ "n": 0 }), 0), "a", Status::Invalid),
        (
            original(8, &json!({ "type": ["t"] }), 0),
            "",
            Status::Invalid,
        ),
        (
            original(9, &json!({ "type": "other" }), 0),
            "",
            Status::Invalid,
        ),
        (good(10), "a", Status::Failed),
        (good(11), "", Status::Invalid),
    ];
    let past = [
        outcome(&good(1), "a", Status::Sent, NOW_MS - 10_000),
        // A later word than the letter's, from another record of the same message.
        Outcome {
            id: "orders/0/99/a".to_owned(),
            ..outcome(&good(2), "a", Status::Rejected, NOW_MS)
        },
        // The letter's own outcome, published twice.
        outcome(&good(3), "a", Status::Failed, NOW_MS),
        outcome(&good(10), "a", Status::Skipped, NOW_MS),
        // Read again under other rules, one of its two messages was sent.
        outcome(&good(11), "b", Status::Sent, NOW_MS),
    ];
    let judged = judge_all(&letters, &past);
    let expected = Count {
        selected: 11,
        already_sent: 2,
        tried_since: 1,
        rule_gone: 1,
        not_wanted: 2,
        still_invalid: 2,
        expired: 1,
        to_replay: 2,
        records: 2,
        ..Count::default()
    };
    assert_eq!(judged.count, expected);
    let offsets: Vec<i64> = judged
        .errands
        .iter()
        .map(|errand| errand.of.offset)
        .collect();
    assert_eq!(offsets, [3, 11]);
    assert!(judged.errands[1].rules.is_empty());
    let example = judged.still_invalid.unwrap();
    assert_eq!(example.record, "orders/0/6");
    assert!(
        example.detail.contains("openid is empty"),
        "{}",
        example.detail
    );
    assert_eq!(
        judged.rules_gone.into_iter().collect::<Vec<_>>(),
        [(Arc::from("gone"), 1)]
    );
}

#[test]
fn again_sends_what_was_sent_and_only_that_under_another_id() {
    let record = good(1);
    let letters = [
        (record.clone(), "a", Status::Failed),
        (record.clone(), "b", Status::Failed),
    ];
    let past = [outcome(&record, "a", Status::Sent, NOW_MS - 5000)];
    let judged = judge(&letters, &past, &Selection::default(), Sending::Again);
    assert_eq!((judged.count.to_replay, judged.count.again), (2, 1));
    let run = RunId::new(0, 1);
    let wishes: Vec<_> = judged
        .errands
        .iter()
        .map(|errand| {
            let rule = &errand.rules[0];
            let outcome = outcome(&record, rule, Status::Failed, NOW_MS);
            let found = letter_at(errand.read_at.offset, &record, &outcome);
            Wish::of(&errand.prepare(found, &run).unwrap())
        })
        .collect();
    let wish = |rule: &str, again| Wish {
        rules: vec![rule.into()],
        again,
    };
    assert_eq!(wishes, [wish("a", Some(run)), wish("b", None)]);
}

#[test]
fn a_record_that_failed_again_goes_once_from_its_newest_letter() {
    let run = RunId::new(0, 1);
    let errand = judge_all(&[(good(1), "", Status::Invalid)], &[])
        .errands
        .remove(0);
    let found = letter_at(0, &good(1), &outcome(&good(1), "", Status::Invalid, NOW_MS));
    let replayed = Record {
        offset: 50,
        ..errand.prepare(found, &run).unwrap()
    };
    let letters = [
        (good(1), "", Status::Invalid),
        (replayed, "", Status::Invalid),
    ];
    let judged = judge_all(&letters, &[]);
    assert_eq!((judged.count.to_replay, judged.count.tried_since), (1, 1));
    assert_eq!(judged.errands[0].of.offset, 50);
}

#[test]
fn the_newest_letter_counts_in_whatever_order_they_are_heard() {
    let rules = rules(&["a"]);
    let (decoding, topics, selection) = (
        Decoding::default(),
        [TOPIC.to_owned()],
        Selection::default(),
    );
    let context = Context {
        decoding: &decoding,
        rules: &rules,
        topics: &topics,
        now_ms: NOW_MS,
    };
    for order in [[0, 1], [1, 0]] {
        let mut survey = Survey::new(context, &selection, Sending::Once, 9);
        for at in order {
            let outcome = outcome(&good(1), "a", Status::Failed, NOW_MS + at);
            survey
                .hear_letter(letter_at(at, &good(1), &outcome))
                .unwrap();
        }
        survey.ask_about_past();
        let judged = survey.judge();
        assert_eq!((judged.count.selected, judged.count.to_replay), (1, 1));
        assert_eq!(judged.errands[0].read_at.offset, 1);
    }
}

#[test]
fn what_a_letter_left_out_and_what_an_outcome_names_is_read_at_its_source() {
    let (decoding, rules, topics) = (Decoding::default(), rules(&["a"]), [TOPIC.to_owned()]);
    let context = Context {
        decoding: &decoding,
        rules: &rules,
        topics: &topics,
        now_ms: NOW_MS,
    };
    let selection = Selection::default();
    let mut survey = Survey::new(context, &selection, Sending::Once, 4);
    for offset in [3, 1, 2] {
        let outcome = outcome(&good(offset), "a", Status::Rejected, NOW_MS - 10);
        survey.hear_outcome(&outcome_record(&outcome)).unwrap();
    }
    // The last word on the second is that it was sent: it need not be read.
    let sent = outcome(&good(2), "a", Status::Sent, NOW_MS - 5);
    survey.hear_outcome(&outcome_record(&sent)).unwrap();
    let elsewhere = Outcome {
        topic: Arc::from("elsewhere"),
        ..sent.clone()
    };
    survey.hear_outcome(&outcome_record(&elsewhere)).unwrap();
    survey.hear_outcome(&good(1)).unwrap();
    survey.hear_outcome(&receipt_record(&sent)).unwrap();
    let mut letter = letter_at(0, &good(4), &outcome(&good(4), "a", Status::Failed, NOW_MS));
    letter
        .headers
        .push((letter::OMITTED.to_owned(), Some(b"the value".to_vec())));
    survey.hear_letter(letter).unwrap();

    let places: Vec<i64> = survey.unread().iter().map(|place| place.offset).collect();
    assert_eq!(places, [1, 3, 4]);
    survey.see(&good(1));
    survey.see(&good(4));
    let fifth = outcome(&good(5), "a", Status::Rejected, NOW_MS);
    assert_eq!(
        survey.hear_outcome(&outcome_record(&fifth)),
        Err(Full { limit: 4 })
    );
    survey.ask_about_past();
    survey.hear_past(&receipt_record(&sent));
    let judged = survey.judge();
    let expected = Count {
        selected: 5,
        already_sent: 1,
        original_gone: 2,
        to_replay: 2,
        records: 2,
        of_other_topics: 1,
        not_understood: 1,
        ..Count::default()
    };
    assert_eq!(judged.count, expected);
    let errand = judged.errands.last().unwrap();
    assert_eq!((errand.form, errand.read_at.offset), (Form::Original, 4));
    assert!(errand.prepare(good(4), &RunId::new(0, 0)).is_some());
}

#[test]
fn a_selection_takes_what_fits_all_of_it() {
    let record = good(7);
    let failed = outcome(&record, "a", Status::Failed, NOW_MS);
    let word = Word::of_letter(&letter_at(0, &record, &failed)).unwrap();
    let of_outcome = Word::of_outcome(&outcome_record(&failed)).unwrap();
    assert_eq!(word, of_outcome);
    let text = |text: &str| vec![text.to_owned()];
    let all = Selection::default();
    let takes = [
        all.clone(),
        Selection {
            since_ms: Some(NOW_MS),
            until_ms: Some(NOW_MS + 1),
            ..all.clone()
        },
        Selection {
            rules: vec!["z".to_owned(), "a".to_owned()],
            ..all.clone()
        },
        Selection {
            statuses: vec![Status::Failed],
            reasons: vec![Reason::AttemptsUsed],
            ..all.clone()
        },
        Selection {
            errcodes: vec![43_101, -1],
            event_types: text("t"),
            ..all.clone()
        },
        Selection {
            ids: text("orders/0/7/a"),
            ..all.clone()
        },
        Selection {
            ids: text("a|orders|orders/0/7"),
            ..all.clone()
        },
    ];
    for selection in takes {
        assert!(selection.takes(&word), "{selection:?}");
    }
    let leaves = [
        Selection {
            since_ms: Some(NOW_MS + 1),
            ..all.clone()
        },
        Selection {
            until_ms: Some(NOW_MS),
            ..all.clone()
        },
        Selection {
            rules: text("b"),
            ..all.clone()
        },
        Selection {
            statuses: vec![Status::Failed],
            reasons: vec![Reason::NotJson],
            ..all.clone()
        },
        Selection {
            errcodes: vec![0],
            ..all.clone()
        },
        Selection {
            event_types: text("u"),
            ..all.clone()
        },
        Selection {
            ids: text("e1"),
            ..all
        },
    ];
    for selection in leaves {
        assert!(!selection.takes(&word), "{selection:?}");
    }
}
