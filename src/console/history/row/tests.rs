//! What was encoded is decoded, whatever an outcome says.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::console::history::kinds::Kinds;
use crate::console::history::sample;
use wx_courier_core::model::outcome::{Reason, RecipientHash, Status, read_word};

/// Words of ours, of a later version, and texts of every kind.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-z]{1,8}",
        any::<String>(),
        Just("订单\u{202e}<script>".to_owned()),
        Just("x".repeat(60_000)),
        Just("2026-11-29T22:40:00.001Z".to_owned()),
        Just("0190c2e4-7a3b-7def-8123-456789abcdef".to_owned()),
        Just("721a2b5c35a41a280dc15f2f5d5fa0c6".to_owned()),
        "[0-9]{1,21}",
    ]
}

fn texts() -> impl Strategy<Value = Vec<Option<String>>> {
    prop::collection::vec(prop::option::of(text()), 24)
}

type Numbers = (i32, i64, Option<i64>, u32, u64, u64);

fn outcome(texts: &[Option<String>], numbers: Numbers, (status, reason): (&str, &str)) -> Outcome {
    let (partition, offset, errcode, attempts, waited_ms, api_ms) = numbers;
    let some = |at: usize| texts[at].clone();
    let all = |at: usize| texts[at].clone().unwrap_or_default();
    let shared = |at: usize| texts[at].as_deref().map(Arc::from);
    Outcome {
        id: all(0),
        message_id: all(1),
        duplicate_of: some(2),
        status: read_word::<Status>(status).unwrap(),
        reason: read_word::<Reason>(reason).unwrap(),
        detail: all(3),
        rule: shared(4),
        rules_version: Arc::from(all(5)),
        app: shared(6),
        template: shared(7),
        template_id: shared(8),
        recipient: some(9),
        recipient_hash: shared(10).map(RecipientHash::Kept),
        event_id: some(11),
        event_type: some(12),
        event_source: some(13),
        event_time: some(14),
        business_key: some(15),
        topic: Arc::from(all(16)),
        partition,
        offset,
        errcode,
        errmsg: some(17),
        rid: some(18),
        msgid: some(19),
        param: some(20),
        attempts,
        received_at: all(21),
        settled_at: all(22),
        waited_ms,
        api_ms,
        traceparent: None,
        record: None,
        more: texts[23]
            .iter()
            .map(|text| ("due_at".to_owned(), serde_json::json!([text, null, 1.5])))
            .collect(),
    }
}

proptest! {
    #[test]
    fn every_field_comes_back(
        first in texts(),
        second in texts(),
        numbers: Numbers,
        more: Numbers,
        at_ms: i64,
        word in prop::sample::select(vec![("sent", "ok"), ("postponed", "of_tomorrow"), ("failed", "internal")]),
    ) {
        // The first one makes the kind, and says what is usual; the second one is held against it.
        let first = outcome(&first, numbers, word);
        let mut second = outcome(&second, more, word);
        let mut kinds = Kinds::default();
        let known = kinds.count(&first, at_ms);
        let bytes = encode(&first, at_ms, &known);
        prop_assert_eq!(decode(&bytes, at_ms, &known), Some(first.clone()));
        second.errcode = first.errcode;
        second.rule.clone_from(&first.rule);
        second.app.clone_from(&first.app);
        second.template.clone_from(&first.template);
        second.rules_version.clone_from(&first.rules_version);
        let same = kinds.count(&second, at_ms);
        prop_assert_eq!(same.id, known.id);
        let bytes = encode(&second, at_ms, &known);
        prop_assert_eq!(decode(&bytes, at_ms, &known), Some(second));
    }

    #[test]
    fn bytes_that_are_none_are_no_panic(bytes: Vec<u8>, at_ms: i64) {
        let known = Kinds::default().count(&sample::outcome(1), at_ms);
        let _read = decode(&bytes, at_ms, &known).is_some();
    }
}

#[test]
fn an_outcome_of_the_usual_form_takes_few_bytes() {
    let mut kinds = Kinds::default();
    let mut sizes = Vec::new();
    for number in 0..600 {
        let outcome = sample::outcome(number);
        let at_ms = sample::NOW_MS - number * 1_000;
        let known = kinds.count(&outcome, at_ms);
        let bytes = encode(&outcome, at_ms, &known);
        assert_eq!(decode(&bytes, at_ms, &known).as_ref(), Some(&outcome));
        sizes.push(bytes.len());
    }
    let largest = sizes.into_iter().max().unwrap();
    assert!(largest <= 84, "{largest} bytes");
}
