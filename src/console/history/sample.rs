//! Outcomes for unit tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::arriving::{Arriving, Content, Way};
use wx_courier_core::model::outcome::{Outcome, Reason, RecipientHash, Status, read_word};
use wx_courier_core::model::rfc3339_ms;

/// The present of the tests.
pub(in crate::console) const NOW_MS: i64 = 1_796_000_000_000;

/// A status, a reason that goes with it, and `WeChat`'s code.
const ENDS: [(&str, &str, Option<i64>); 6] = [
    ("sent", "ok", None),
    ("rejected", "user_refused", Some(43101)),
    ("rejected", "param_refused", Some(47003)),
    ("invalid", "value_missing", None),
    ("failed", "attempts_used", Some(-1)),
    ("postponed", "of_tomorrow", None),
];

/// An outcome, another one for each number: one a second, the first of them now.
pub(in crate::console) fn outcome(number: i64) -> Outcome {
    let of = |n: i64| usize::try_from(number.rem_euclid(n)).unwrap();
    let (status, reason, errcode) = ENDS[of(6)];
    let rule = ["order-completed", "shipment-arrived", "class-starting"][of(3)];
    let settled_ms = NOW_MS - number * 1_000;
    let is_sent = status == "sent";
    Outcome {
        id: format!("events/{}/{number}/{rule}", number % 4),
        message_id: format!("{rule}|/shop|order-{number}"),
        duplicate_of: None,
        status: read_word::<Status>(status).unwrap(),
        reason: read_word::<Reason>(reason).unwrap(),
        detail: format!("it ended as {reason}"),
        rule: Some(Arc::from(rule)),
        rules_version: Arc::from(["b15622d4c392", "0a1b2c3d4e5f"][of(2)]),
        app: Some(Arc::from(["shop", "club"][of(2)])),
        template: Some(Arc::from(rule)),
        template_id: Some(Arc::from("HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8")),
        recipient: Some(format!("oBi***{:03}", number % 20)),
        recipient_hash: Some(RecipientHash::Kept(Arc::from(format!(
            "{:032x}",
            number % 40
        )))),
        event_id: Some(format!("order-{number}")),
        event_type: Some("order.completed".to_owned()),
        event_source: Some("/shop".to_owned()),
        event_time: Some(rfc3339_ms(settled_ms - 250)),
        business_key: Some(format!("S{}", number / 2)),
        topic: Arc::from("events"),
        partition: i32::try_from(number % 4).unwrap(),
        offset: number,
        errcode,
        errmsg: errcode.map(|_| "refused".to_owned()),
        rid: errcode.map(|_| format!("rid-{number}")),
        msgid: is_sent.then(|| format!("{}", 4_012_345_678_901_234_567 + number)),
        param: None,
        attempts: 1,
        received_at: rfc3339_ms(settled_ms - 40),
        settled_at: rfc3339_ms(settled_ms),
        waited_ms: 10,
        api_ms: 30,
        traceparent: None,
        record: None,
        more: BTreeMap::new(),
    }
}

/// An outcome at this offset of the outcome topic.
pub(in crate::console) fn arriving(offset: i64, outcome: Outcome) -> Arriving {
    content(offset, Content::Outcome(Box::new(outcome)))
}

/// A record at this offset of the outcome topic.
pub(in crate::console) fn content(offset: i64, content: Content) -> Arriving {
    Arriving {
        topic: Arc::from("wx-courier.outcomes"),
        partition: 0,
        offsets: offset..offset + 1,
        timestamp_ms: Some(NOW_MS),
        content,
        way: Way::Newest,
    }
}
