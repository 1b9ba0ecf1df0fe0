//! What an event tells, and what is wrong with one that tells nothing.

use serde_json::{Value, json};

use super::*;
use crate::document::Problems;
use crate::event::{Carrier, Wish};
use crate::grants::Policies;

fn read(data: Value) -> Result<Vec<Report>, Rejection> {
    answered(data).reports
}

fn answered(data: Value) -> Answered {
    let mut problems = Problems::default();
    let templates = "[shop.order]\nid = \"T-order\"\n[shop.class]\nid = \"T-class\"\nkind = \"long-term\"\n[club.order]\nid = \"T-club\"\n";
    let catalog = Catalog::read(&mut problems, "templates.toml", templates).unwrap();
    let pointer = |path: &str| Pointer::new(path).unwrap();
    let events = AnswerEvents {
        kind: "answered".to_owned(),
        app: AppOf::At(pointer("/app")),
        openid: pointer("/user/openid"),
        template: pointer("/template"),
        answer: pointer("/answer"),
    };
    let event = Event {
        id: "e1".to_owned(),
        kind: "answered".to_owned(),
        source: "/shop".to_owned(),
        time: String::new(),
        time_ms: 7,
        subject: None,
        data: data.into(),
        traceparent: None,
        wish: Wish::default(),
        carrier: Carrier::default(),
        keys: None,
    };
    let policies = Policies::from(BTreeMap::from([("shop".into(), Policy::Advise)]));
    events.read(&event, &catalog, &policies, 9).unwrap()
}

fn told(data: Value) -> Vec<(String, Word)> {
    let reports = read(data).unwrap();
    reports
        .into_iter()
        .map(|report| {
            assert_eq!((report.at_ms, report.now_ms), (7, 9));
            assert_eq!((&*report.id, report.source), ("/shop|e1", Source::Event));
            (report.key.to_string(), report.word)
        })
        .collect()
}

fn wrong(data: Value, expected: &str) {
    let rejection = read(data).unwrap_err();
    assert_eq!(rejection.reason, Reason::GrantMalformed);
    assert!(rejection.detail.contains(expected), "{}", rejection.detail);
}

#[test]
fn a_template_may_be_named_by_name_or_id_and_answers_may_come_as_an_object() {
    let of = |template: &str, answer: Value| {
        told(
            json!({ "app": "shop", "user": { "openid": "o1" }, "template": template, "answer": answer }),
        )
    };
    let accepted = vec![("shop/o1/T-order".to_owned(), Word::Accept)];
    assert_eq!(of("order", json!("accept")), accepted);
    for yes in ["acceptWithAudio", "acceptWithForcePush", "ACCEPT"] {
        assert_eq!(of("T-order", json!(yes)), accepted, "{yes}");
        let object = json!({ "errMsg": "requestSubscribeMessage:ok", "T-order": yes });
        assert_eq!(of("", object), accepted, "{yes}");
    }
    let object =
        json!({ "errMsg": "requestSubscribeMessage:ok", "T-order": "reject", "T-class": "accept" });
    let rejected = vec![("shop/o1/T-order".to_owned(), Word::Reject)];
    assert_eq!(
        of("", object),
        rejected,
        "a long-term template has no ledger"
    );
    assert_eq!(of("order", json!("filter")), vec![]);
    let others = json!({ "T-unknown": "accept", "T-order": "accept", "T-class": "perhaps" });
    assert_eq!(
        of("", others),
        accepted,
        "what cannot be understood costs the others nothing"
    );
}

#[test]
fn a_word_that_is_not_known_costs_its_template_alone_and_is_told() {
    let object =
        json!({ "T-order": "acceptWithForcePush", "T-class": "perhaps", "note": "hm", "n": 1 });
    let data = json!({ "app": "shop", "user": { "openid": "o1" }, "answer": object });
    let Answered { reports, unknown } = answered(data);
    assert_eq!(reports.unwrap().len(), 1);
    assert_eq!(unknown, [Unknown::new(UnknownKind::Word, "perhaps")]);
    let no_popup = json!({ "errMsg": "requestSubscribeMessage:fail", "errCode": 20004 });
    let data = json!({ "app": "shop", "user": { "openid": "o1" }, "answer": no_popup });
    let nothing = Answered {
        reports: Ok(Vec::new()),
        unknown: Vec::new(),
    };
    assert_eq!(answered(data), nothing);
    for (odd, name) in [(json!("perhaps"), "perhaps"), (json!({"a": 1}), "")] {
        let object = json!({ "T-order": odd });
        let data = json!({ "app": "shop", "user": { "openid": "o1" }, "answer": object });
        let Answered { reports, unknown } = answered(data);
        assert_eq!(reports.unwrap_err().reason, Reason::GrantMalformed);
        assert_eq!(unknown, [Unknown::new(UnknownKind::Word, name)]);
    }
}

#[test]
fn an_app_without_a_ledger_is_told_nothing() {
    let data = json!({ "app": "club", "user": { "openid": "o1" }, "template": "order", "answer": "accept" });
    assert_eq!(told(data), vec![]);
}

#[test]
fn what_is_missing_or_odd_is_named() {
    let user = json!({ "openid": "o1" });
    wrong(
        json!({ "user": user, "answer": "accept" }),
        "the app is missing: no text at `/app`",
    );
    wrong(
        json!({ "app": "shop", "answer": "accept" }),
        "no text at `/user/openid`",
    );
    let with = |answer: Value| json!({ "app": "shop", "user": user, "template": "order", "answer": answer });
    wrong(with(json!("yes")), "begins with no `accept`");
    wrong(with(json!(7)), "expected a word or an object at `/answer`");
    wrong(with(Value::Null), "the answer is missing");
    wrong(
        with(json!({ "T-other": "accept" })),
        "no template with the name or id `T-other` for the app `shop`",
    );
    wrong(
        json!({ "app": "shop", "user": { "openid": "o 1" }, "answer": "accept" }),
        "expected an openid",
    );
    wrong(
        json!({ "app": "shop", "user": user, "answer": "accept" }),
        "the template is missing",
    );
}
