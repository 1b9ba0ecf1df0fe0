//! Outcomes as a fleet of some size makes them: forty rules of three apps, a new version of the rules a day, half a million users.

use std::collections::BTreeMap;
use std::sync::Arc;

use wx_courier_core::model::outcome::{Outcome, Reason, RecipientHash, RecipientStyle, Status};
use wx_courier_core::model::rfc3339_ms;

/// How far back the first one lies.
const DAYS: i64 = 30;
const DAY_MS: i64 = 86_400_000;

const RULES: u64 = 40;
const USERS: u64 = 500_000;

/// Of a thousand outcomes: how many end so, what `WeChat` says, and the sentence for people.
const ENDS: [(u64, Status, Reason, Option<(i64, &str)>, &str); 10] = [
    (
        862,
        Status::Sent,
        Reason::Ok,
        None,
        "WeChat took the message",
    ),
    (
        80,
        Status::Rejected,
        Reason::UserRefused,
        Some((43101, "user refuse to accept the msg")),
        "the user has not subscribed, has cancelled, or has used up what was granted",
    ),
    (
        12,
        Status::Rejected,
        Reason::ParamRefused,
        Some((47003, "argument invalid! data.thing2.value is empty")),
        "a value breaks its rule in WeChat's eyes: thing2",
    ),
    (
        3,
        Status::Rejected,
        Reason::RecipientUnknown,
        Some((40003, "invalid openid")),
        "no such user in this app",
    ),
    (
        14,
        Status::Invalid,
        Reason::ValueMissing,
        None,
        "data.order_no is missing",
    ),
    (
        6,
        Status::Invalid,
        Reason::NotJson,
        None,
        "the value is not JSON: line 1 column 2",
    ),
    (
        12,
        Status::Skipped,
        Reason::Duplicate,
        None,
        "another record brought the same message before",
    ),
    (
        5,
        Status::Expired,
        Reason::Expired,
        None,
        "its turn came later than expires_after allows",
    ),
    (
        4,
        Status::Failed,
        Reason::AttemptsUsed,
        Some((-1, "system error")),
        "every attempt ended without an answer",
    ),
    (
        2,
        Status::Unknown,
        Reason::InDoubt,
        None,
        "the request was written, and no answer came",
    ),
];

pub(crate) struct Made {
    n: u64,
    now_ms: i64,
}

impl Made {
    pub(crate) fn new(n: u64) -> Self {
        let now = std::time::UNIX_EPOCH.elapsed().expect("a time after 1970");
        let now_ms = i64::try_from(now.as_millis()).expect("a time of this age");
        Self { n, now_ms }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// When an outcome was settled: the last of them now, and those behind it from then on.
    pub(crate) fn settled_ms(&self, number: u64) -> i64 {
        let behind = i128::from(self.n) - i128::from(number);
        let back = behind * i128::from(DAYS * DAY_MS) / i128::from(self.n.max(1));
        // Partitions are not in step with each other.
        let jitter = i64::from(mixed(number, 1) % 2_000);
        self.now_ms
            - i64::try_from(back).expect("a time of this age")
            - if back > 0 { jitter } else { 0 }
    }

    pub(crate) fn outcome(&self, number: u64) -> Outcome {
        let draw = u64::from(mixed(number, 2) % 1_000);
        let mut below = 0;
        let end = ENDS.iter().find(|end| {
            below += end.0;
            draw < below
        });
        let (_, status, reason, refusal, detail) = end.expect("they make a thousand");
        // A few rules have most of the traffic.
        let rule = u64::from(mixed(number, 3) % 40).min(u64::from(mixed(number, 4)) % RULES);
        let app = ["shop", "club", "school"][usize::try_from(rule % 3).expect("small")];
        let rule_name = format!("rule-of-event-{rule}");
        let user = u64::from(mixed(number, 5)) % USERS;
        let openid = format!("o{:09x}_M2pxb1Q9zNjWe{:03x}", user * 7_919, user % 4_096);
        let is_uuid = rule.is_multiple_of(2);
        let order_no = format!("SO2026{number:010}");
        let event_id = if is_uuid {
            format!("{:08x}-7a3b-4def-8123-{:012x}", mixed(number, 6), number)
        } else {
            order_no.clone()
        };
        let settled_ms = self.settled_ms(number);
        let (waited_ms, api_ms) = (
            u64::from(mixed(number, 7) % 60),
            u64::from(20 + mixed(number, 8) % 80),
        );
        let received_ms = settled_ms - i64::try_from(waited_ms + api_ms).expect("small");
        let has_message = *reason != Reason::NotJson;
        let day = settled_ms / DAY_MS;
        let (partition, offset) = (
            i32::try_from(number % 12).expect("small"),
            i64::try_from(number / 12).expect("an offset"),
        );
        let hash = format!("{:08x}{:08x}{user:016x}", mixed(user, 9), mixed(user, 10));
        let some = |text: String| has_message.then_some(text);
        let name = |text: &str| has_message.then(|| Arc::from(text));
        Outcome {
            id: if has_message {
                format!("order-events/{partition}/{offset}/{rule_name}")
            } else {
                format!("order-events/{partition}/{offset}")
            },
            message_id: if has_message {
                format!("{rule_name}|/shop/orders|{event_id}")
            } else {
                format!("order-events/{partition}/{offset}")
            },
            duplicate_of: (*reason == Reason::Duplicate)
                .then(|| format!("order-events/{partition}/{}/{rule_name}", offset - 7)),
            status: *status,
            reason: *reason,
            detail: (*detail).to_owned(),
            rule: name(&rule_name),
            rules_version: Arc::from(format!("{:012x}", day * 7_777_777)),
            app: name(app),
            template: name(&format!("template_{rule}")),
            template_id: name(&format!(
                "HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoG{rule:03}"
            )),
            recipient: some(RecipientStyle::Masked.show(&openid)),
            recipient_hash: some(hash).map(|hash| RecipientHash::Kept(Arc::from(hash))),
            event_id: some(event_id),
            event_type: some(format!("order.event.{rule}")),
            event_source: some("/shop/orders".to_owned()),
            event_time: some(rfc3339_ms(
                received_ms - i64::from(mixed(number, 11) % 3_000),
            )),
            business_key: some(order_no),
            topic: Arc::from("order-events"),
            partition,
            offset,
            errcode: refusal.map(|(code, _)| code),
            errmsg: refusal.map(|(_, said)| said.to_owned()),
            rid: refusal.map(|_| {
                format!(
                    "6f3a{:08x}-{:08x}-{:08x}",
                    mixed(number, 12),
                    mixed(number, 13),
                    mixed(number, 14)
                )
            }),
            msgid: (*status == Status::Sent)
                .then(|| format!("{}", 4_012_345_678_901_234_567 + number * 1_001)),
            param: (*reason == Reason::ParamRefused).then(|| "thing2".to_owned()),
            attempts: 1,
            received_at: rfc3339_ms(received_ms),
            settled_at: rfc3339_ms(settled_ms),
            waited_ms,
            api_ms,
            traceparent: None,
            record: None,
            more: BTreeMap::new(),
        }
    }
}

/// A number that looks like chance, the same each time.
fn mixed(number: u64, salt: u64) -> u32 {
    let mut mixed =
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd1b5_4a32_d192_ed03);
    mixed ^= mixed >> 32;
    mixed = mixed.wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^= mixed >> 32;
    u32::try_from(mixed & 0xffff_ffff).expect("32 bits")
}
