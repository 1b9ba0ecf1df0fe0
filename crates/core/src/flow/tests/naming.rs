//! How outcomes name users: one user has one hash, also when an outcome is published once more.

use super::*;
use crate::model::outcome::{RecipientHash, RecipientHasher};
use crate::state::{Answer, ClaimAnswer};

const OPENID: &str = "oABCDEF012345";

fn event(openid: &str) -> String {
    format!(r#"{{"type":"a","id":"e1","to":"{openid}","text":"hi"}}"#)
}

fn hash(key: &str, openid: &str) -> RecipientHash {
    let hasher = RecipientHasher::new(&RecipientKey::new(key)).unwrap();
    RecipientHash::OfRecord(hasher.hash("shop", openid))
}

/// Reads an event and sends its message.
fn sent(bench: &mut Bench, offset: i64) -> Outcome {
    let effects = bench.read(offset, &event(OPENID).replace("e1", &format!("e{offset}")));
    let [Effect::Send { ticket, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let effects = bench.step(Input::SendFinished {
        ticket: *ticket,
        answer: SendAnswer::Accepted { msgid: None },
        api_ms: 1,
    });
    let outcome = the_outcome(&effects).clone();
    let published = effects.iter().find_map(|effect| {
        if let Effect::Publish { ticket, .. } = effect {
            Some(*ticket)
        } else {
            None
        }
    });
    bench.step(Input::Published {
        ticket: published.unwrap(),
    });
    outcome
}

#[test]
fn a_user_is_hashed_by_the_key_that_holds() {
    let mut bench = bench(Unmatched::Count);
    let first = sent(&mut bench, 0);
    assert_eq!(first.recipient.as_deref(), Some("oAB***345"));
    assert_eq!(first.recipient_hash, Some(hash("a key of tests", OPENID)));
    // The store has another one.
    bench.step(Input::RecipientKey(RecipientKey::new("another key")));
    let second = sent(&mut bench, 1);
    assert_eq!(second.recipient_hash, Some(hash("another key", OPENID)));
}

#[test]
fn before_the_key_is_known_there_is_no_hash() {
    let mut bench = bench(Unmatched::Count);
    bench.engine.hasher = None;
    let outcome = sent(&mut bench, 0);
    assert_eq!(outcome.recipient.as_deref(), Some("oAB***345"));
    assert_eq!(outcome.recipient_hash, None);
}

/// What is published where the store, which keeps no hash, has this outcome of a record.
fn repeated(openid: &str, stored: Outcome) -> Outcome {
    repeated_as(RecipientStyle::Masked, openid, stored)
}

/// The same where recipients are shown so.
fn repeated_as(style: RecipientStyle, openid: &str, mut stored: Outcome) -> Outcome {
    let mut bench = bench(Unmatched::Count);
    bench.engine.setup.recipient_style = style;
    let effects = bench.step_once(Input::Record {
        epoch: Epoch(1),
        record: record(0, &event(openid)),
    });
    let [Effect::AskStore { ticket, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    stored.recipient_hash = None;
    let answer = Answer::Claim(ClaimAnswer::Settled(Arc::new(stored)));
    let effects = bench.step(Input::StoreAnswered {
        ticket: *ticket,
        answer: Ok(answer),
    });
    the_outcome(&effects).clone()
}

#[test]
fn a_repeated_outcome_has_its_hash_again_unless_it_was_another_users() {
    let first = sent(&mut bench(Unmatched::Count), 0);
    assert_eq!(repeated(OPENID, first.clone()), first);
    let of_another = repeated("oXYZDEF012345", first.clone());
    assert_eq!(of_another.recipient, first.recipient);
    assert_eq!(of_another.recipient_hash, None);
    let elsewhere = Outcome {
        app: Some(Arc::from("club")),
        ..first
    };
    assert_eq!(repeated(OPENID, elsewhere).recipient_hash, None);
}

#[test]
fn a_mask_is_the_same_users_only_under_the_same_rules() {
    let first = sent(&mut bench(Unmatched::Count), 0);
    let before = |recipient: &str| Outcome {
        rules_version: Arc::from("0123456789ab"),
        recipient: Some(recipient.to_owned()),
        ..first.clone()
    };
    // The rule may have sent to another user with this mask.
    let masked = repeated(OPENID, before("oAB***345"));
    assert_eq!(masked.recipient_hash, None);
    for style in [RecipientStyle::Plain, RecipientStyle::Hashed] {
        let shown = before(&style.show(OPENID));
        assert_eq!(
            repeated_as(style, OPENID, shown).recipient_hash,
            first.recipient_hash,
            "{style:?}"
        );
    }
}

/// A rule of the recipient `to`, with these lines, and what comes of the event under it.
fn end_under(to: &str, lines: &str, says: &str) -> Outcome {
    let lines = format!("to = \"{{{{ {to} }}}}\"\n{lines}");
    let rules = rules_with("id = \"T1\"", &lines, says);
    let mut bench = bench_with(Unmatched::Count, rules);
    the_outcome(&bench.read(0, &event(OPENID))).clone()
}

#[test]
fn what_a_rule_refuses_names_the_user_whom_its_to_gives() {
    let missing = "{{ data.nowhere }}";
    for (lines, says, reason) in [
        ("", missing, Reason::ValueMissing),
        ("", "{{ data.to ~ data.to }}", Reason::ParamTooLong),
        ("page = \"{{ data.nowhere }}\"", "hi", Reason::ValueMissing),
        (
            "dedupe = \"{{ data.nowhere }}\"",
            "hi",
            Reason::ValueMissing,
        ),
        ("when = \"data.text + 1 > 2\"", "hi", Reason::RuleError),
    ] {
        let outcome = end_under("data.to", lines, says);
        assert_eq!((outcome.status, outcome.reason), (Status::Invalid, reason));
        assert_eq!(outcome.recipient.as_deref(), Some("oAB***345"), "{lines}");
        assert_eq!(
            outcome.recipient_hash,
            Some(hash("a key of tests", OPENID)),
            "{lines}"
        );
    }
    for to in ["data.nowhere", "data.to ~ ' of no app'"] {
        let outcome = end_under(to, "", missing);
        assert_eq!(outcome.status, Status::Invalid);
        assert_eq!((outcome.recipient, outcome.recipient_hash), (None, None));
    }
}

#[test]
fn a_refused_message_that_is_read_again_names_its_user_again() {
    let lines = "to = \"{{ data.to }}\"";
    let rules = rules_with("id = \"T1\"", lines, "{{ data.nowhere }}");
    let mut bench = bench_with(Unmatched::Count, Arc::clone(&rules));
    let first = the_outcome(&bench.read(0, &event(OPENID))).clone();
    let (store, now_ms) = (bench.store, bench.now_ms);
    let mut bench = bench_with(Unmatched::Count, rules);
    (bench.store, bench.now_ms) = (store, now_ms + 1_000);
    assert_eq!(*the_outcome(&bench.read(0, &event(OPENID))), first);
}
