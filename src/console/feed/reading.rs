//! Records of the topics, read.

use jiff::Timestamp;
use serde_json::Value;

use crate::console::history::arriving::{Audited, Content};
use wx_courier_core::model::Record;
use wx_courier_core::model::outcome::Outcome;
use wx_courier_core::wechat::callback::{Receipt, is_receipt};

/// What a topic carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrying {
    /// Outcomes, and receipts beside them.
    Outcomes,
    /// Records of what people have changed.
    Changes,
}

/// No outcome of ours is a tenth as large.
const LARGEST: usize = 256 * 1024;

/// What a record is. One that is not understood costs itself.
pub(super) fn read(carrying: Carrying, record: &Record) -> Content {
    let Some(value) = record.value.as_deref() else {
        // It deletes an earlier one from a compacted topic; what was read stays.
        return Content::PassedOver;
    };
    if value.len() > LARGEST {
        return Content::NotUnderstood;
    }
    match carrying {
        Carrying::Outcomes => outcome(record, value),
        Carrying::Changes => change(value),
    }
}

fn outcome(record: &Record, value: &[u8]) -> Content {
    if is_receipt(record) {
        return Content::PassedOver;
    }
    if let Ok(outcome) = serde_json::from_slice::<Outcome>(value) {
        return Content::Outcome(Box::new(outcome));
    }
    // A mirror may have lost the headers.
    if serde_json::from_slice::<Receipt>(value).is_ok() {
        Content::PassedOver
    } else {
        Content::NotUnderstood
    }
}

fn change(value: &[u8]) -> Content {
    let Ok(record @ Value::Object(_)) = serde_json::from_slice::<Value>(value) else {
        return Content::NotUnderstood;
    };
    let text = |name: &str| record.get(name).and_then(Value::as_str);
    let at = text("at").and_then(|at| at.parse::<Timestamp>().ok());
    let Some(at) = at else {
        return Content::NotUnderstood;
    };
    Content::Change(Audited {
        id: text("id").map(str::to_owned),
        at_ms: Some(at.as_millisecond()),
        record,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn of(carrying: Carrying, value: Option<&[u8]>, headers: &[(&str, &str)]) -> Content {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Some(value.as_bytes().to_vec())));
        let record = Record {
            topic: Arc::from("t"),
            partition: 0,
            offset: 7,
            key: None,
            headers: headers.collect(),
            value: value.map(<[u8]>::to_vec),
            timestamp_ms: None,
        };
        read(carrying, &record)
    }

    const OUTCOME: &str = r#"{"id":"t/0/1/r","message_id":"m","status":"postponed","reason":"of_tomorrow","detail":"","rules_version":"1","topic":"t","partition":0,"offset":1,"attempts":0,"received_at":"","settled_at":"","waited_ms":0,"api_ms":0,"due_at":"2027-01-01T00:00:00.000Z"}"#;
    const RECEIPT: &str = r#"{"id":"shop/4/receipt","status":"delivered","errcode":0,"errmsg":"success","msgid":"4","app":"shop","template_id":"T","recipient":"***","happened_at":"","received_at":""}"#;

    #[test]
    fn outcomes_of_later_versions_are_read_and_what_is_none_costs_itself() {
        let outcomes =
            |value: &[u8], headers: &[(&str, &str)]| of(Carrying::Outcomes, Some(value), headers);
        let Content::Outcome(outcome) = outcomes(OUTCOME.as_bytes(), &[]) else {
            panic!("an outcome");
        };
        assert_eq!(outcome.status.as_str(), "postponed");
        assert!(outcome.more.contains_key("due_at"));
        let of_receipt = [("ce_type", "wx-courier.receipt.delivered")];
        for (value, headers) in [(OUTCOME, &of_receipt[..]), (RECEIPT, &[])] {
            assert!(matches!(
                outcomes(value.as_bytes(), headers),
                Content::PassedOver
            ));
        }
        assert!(matches!(
            of(Carrying::Outcomes, None, &[]),
            Content::PassedOver
        ));
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let large = OUTCOME.replace(
            "\"detail\":\"\"",
            &format!("\"detail\":\"{}\"", "x".repeat(LARGEST)),
        );
        for garbage in [
            "",
            "{}",
            "null",
            "\u{0}\u{1}",
            OUTCOME.strip_prefix('{').unwrap(),
            &deep,
            &large,
        ] {
            assert!(
                matches!(outcomes(garbage.as_bytes(), &[]), Content::NotUnderstood),
                "{garbage:.80}"
            );
        }
        assert!(matches!(outcomes(b"\xff\xfe", &[]), Content::NotUnderstood));
    }

    #[test]
    fn a_change_has_a_time() {
        let changes = |value: &str| of(Carrying::Changes, Some(value.as_bytes()), &[]);
        let Content::Change(audited) =
            changes(r#"{"id":"a1","at":"2026-11-29T22:40:00Z","what":"pause"}"#)
        else {
            panic!("a change");
        };
        assert_eq!(
            (audited.id.as_deref(), audited.at_ms),
            (Some("a1"), Some(1_795_992_000_000))
        );
        for garbage in ["{}", r#"{"at":"noon"}"#, r#"["at"]"#, "", r#"{"at":7}"#] {
            assert!(
                matches!(changes(garbage), Content::NotUnderstood),
                "{garbage}"
            );
        }
    }
}
