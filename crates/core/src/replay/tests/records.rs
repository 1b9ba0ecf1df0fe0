//! Records, outcomes and dead letters, as the topics hold them.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::json;

use crate::catalog::{Catalog, Policies};
use crate::document::Problems;
use crate::model::outcome::{Outcome, Reason, RecipientStyle, Status, dead_letter_headers};
use crate::model::{Record, rfc3339_ms};
use crate::rules::{RuleSet, RuleSource, Surroundings};
use crate::wechat::callback::{Delivery, RECEIPT_TYPE, Told};

pub(super) const NOW_MS: i64 = 1_800_000_000_000;
pub(super) const TOPIC: &str = "orders";

pub(super) fn rules(names: &[&str]) -> RuleSet {
    let mut problems = Problems::default();
    let templates = "[shop.done]\nid = \"x\"\nparams = { thing1 = \"商品\" }";
    let catalog = Catalog::read(&mut problems, "templates.toml", templates).unwrap();
    let apps = BTreeSet::from(["shop".to_owned()]);
    let around = Surroundings {
        apps: &apps,
        catalog: &catalog,
        policies: &Policies::default(),
        time_zone: TimeZone::UTC,
    };
    let sources: Vec<_> = names
        .iter()
        .map(|name| RuleSource {
            file: format!("{name}.toml"),
            name: (*name).to_owned(),
            text: "on = \"t\"\nwhen = \"data.n != 0\"\napp = \"shop\"\ntemplate = \"done\"\nto = \"{{ data.to }}\"\nexpires_after = \"1h\"\n[params]\nthing1 = \"茶\"".to_owned(),
        })
        .collect();
    RuleSet::compile(&mut problems, &sources, &around).unwrap_or_else(|| panic!("{problems}"))
}

/// The original at an offset: an event of this age.
pub(super) fn original(offset: i64, data: &serde_json::Value, age_ms: i64) -> Record {
    let mut value = json!({ "type": "t", "to": "o1", "n": offset });
    for (name, said) in data.as_object().unwrap() {
        value[name] = said.clone();
    }
    Record {
        topic: Arc::from(TOPIC),
        partition: 0,
        offset,
        key: None,
        headers: vec![("x".to_owned(), Some(b"1".to_vec()))],
        value: Some(value.to_string().into_bytes()),
        timestamp_ms: Some(NOW_MS - age_ms),
    }
}

/// A good original, a minute old.
pub(super) fn good(offset: i64) -> Record {
    original(offset, &json!({}), 60_000)
}

/// An outcome with this status, for the reason that the tests have in mind with it.
pub(super) fn outcome(record: &Record, rule: &str, status: Status, settled_ms: i64) -> Outcome {
    let reason = match status {
        Status::Sent => Reason::Ok,
        Status::Skipped => Reason::Duplicate,
        Status::Failed => Reason::AttemptsUsed,
        Status::Rejected => Reason::UserRefused,
        Status::Invalid => Reason::NotJson,
        Status::Expired => Reason::Expired,
        Status::Unknown => Reason::InDoubt,
        Status::Unmatched => Reason::NoRule,
        Status::Unlisted(word) => Reason::Unlisted(word),
    };
    ended(record, rule, reason, settled_ms)
}

/// An outcome.
pub(super) fn ended(record: &Record, rule: &str, reason: Reason, settled_ms: i64) -> Outcome {
    let status = reason.status();
    let position = record.position();
    let (id, message_id) = match rule {
        "" => (position.clone(), position),
        rule => (
            format!("{position}/{rule}"),
            format!("{rule}|{TOPIC}|{position}"),
        ),
    };
    let json = json!({
        "id": id, "message_id": message_id, "status": status, "reason": reason, "detail": "d",
        "rule": (!rule.is_empty()).then_some(rule), "rules_version": "v", "event_type": "t", "topic": record.topic,
        "partition": record.partition, "offset": record.offset, "attempts": 0, "received_at": rfc3339_ms(settled_ms),
        "settled_at": rfc3339_ms(settled_ms), "waited_ms": 0, "api_ms": 0,
        "errcode": (status == Status::Failed).then_some(-1),
    });
    serde_json::from_value(json).unwrap()
}

/// The dead letter of this outcome, lying at this offset of its own topic.
pub(super) fn letter_at(at: i64, record: &Record, outcome: &Outcome) -> Record {
    let mut headers = record.headers.clone();
    for (name, value) in dead_letter_headers(outcome, record) {
        headers.push((name.to_owned(), Some(value.into_bytes())));
    }
    Record {
        topic: Arc::from("dead"),
        partition: 1,
        offset: at,
        headers,
        ..record.clone()
    }
}

pub(super) fn outcome_record(outcome: &Outcome) -> Record {
    Record {
        value: Some(serde_json::to_vec(outcome).unwrap()),
        ..good(0)
    }
}

/// What WeChat said of the message of this outcome later.
pub(super) fn receipt_record(outcome: &Outcome) -> Record {
    let told = Told {
        app: Arc::from("shop"),
        openid: "o1".to_owned(),
        happened_ms: NOW_MS,
        received_ms: NOW_MS,
        delivery: Delivery {
            template_id: "x".to_owned(),
            msgid: "7".to_owned(),
            errcode: 0,
            errmsg: "success".to_owned(),
        },
    };
    let receipt = told.receipt(Some(outcome), RecipientStyle::Masked);
    let kind = format!("{RECEIPT_TYPE}{}", receipt.status.as_str());
    Record {
        headers: vec![("ce_type".to_owned(), Some(kind.into_bytes()))],
        value: Some(serde_json::to_vec(&receipt).unwrap()),
        ..good(0)
    }
}
