//! Proposals for the sample's templates, of events as upstream may write them, in both languages.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::catalog::{Catalog, Policies};
use crate::document::Problems;
use crate::event::{Decoded, Decoding, decode};
use crate::model::Record;
use crate::rules::{RuleSet, RuleSource, Surroundings};

const CATALOG: &str = r#"
[shop.order_completed]
id     = "T1"
params = { character_string1 = "订单编号", thing2 = "商品", amount3 = "金额", time4 = "完成时间", phrase5 = "状态" }

[shop.shipment_arrived]
id     = "T2"
params = { thing1 = "商品名称", thing2 = "取件地点", character_string3 = "取件码", enum_string4 = "快递公司", phone_number5 = "联系电话" }
enums  = { enum_string4 = ["顺丰速运", "中通快递"] }

[shop.class_starting]
id     = "T3"
params = { thing1 = "课程名称", date2 = "上课时间", name3 = "老师", thing4 = "上课地点", thing5 = "温馨提示" }

[shop.english]
id     = "T4"
params = { character_string1 = "Order number", thing2 = "Shop", amount3 = "Total paid", date4 = "Due date", number5 = "Quantity" }
"#;

fn catalog() -> Catalog {
    let mut problems = Problems::default();
    let catalog = Catalog::read(&mut problems, "templates.toml", CATALOG);
    catalog.unwrap_or_else(|| panic!("{problems}"))
}

fn event(kind: &str, data: &Value) -> Event {
    let value = json!({
        "specversion": "1.0", "id": "1", "source": "/shop", "type": kind, "time": "2026-11-22T08:30:00Z", "data": data,
    });
    let record = Record {
        topic: Arc::from("t"),
        partition: 0,
        offset: 0,
        key: None,
        headers: Vec::new(),
        value: Some(value.to_string().into_bytes()),
        timestamp_ms: None,
    };
    match decode(&Decoding::default(), &Arc::new(record), 0) {
        Decoded::Event(event) => *event,
        other @ (Decoded::Tombstone | Decoded::Undecodable(_)) => panic!("{other:?}"),
    }
}

fn zone() -> TimeZone {
    crate::rules::filters::time_zone("Asia/Shanghai").unwrap()
}

fn proposed(template: &str, kind: &str, data: &Value) -> Proposal {
    let catalog = catalog();
    let template = catalog.get("shop", template).unwrap();
    propose(template, &event(kind, data), &zone()).unwrap()
}

/// Compiles it as `check` does.
fn compiled(text: &str) -> (Option<RuleSet>, String) {
    let mut problems = Problems::default();
    let source = RuleSource {
        file: "proposed.toml".to_owned(),
        name: "proposed".to_owned(),
        text: text.to_owned(),
    };
    let around = Surroundings {
        apps: &BTreeSet::from(["shop".to_owned()]),
        catalog: &catalog(),
        policies: &Policies::default(),
        time_zone: zone(),
    };
    let rules = RuleSet::compile(&mut problems, &[source], &around);
    for test in rules.iter().flat_map(RuleSet::run_tests) {
        for problem in test.problems() {
            problems.push(problem);
        }
    }
    (rules, problems.to_string())
}

/// What was guessed for a key, and how sure it is.
fn guessed<'a>(proposal: &'a Proposal, key: &str) -> (Option<&'a str>, Confidence) {
    let guess = proposal.guesses.iter().find(|guess| guess.key == key);
    let guess = guess.unwrap_or_else(|| panic!("no {key}: {proposal:?}"));
    (guess.source.as_deref(), guess.confidence)
}

#[track_caller]
fn sound(proposal: &Proposal) {
    let (rules, problems) = compiled(&proposal.text);
    assert!(
        rules.is_some() && problems.is_empty(),
        "{problems}\n{}",
        proposal.text
    );
}

#[test]
fn an_order_becomes_the_rule_that_a_person_would_write() {
    let data = json!({ "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "order_no": "SO1", "amount_fen": 12850, "items": [{ "name": "拿铁" }, { "name": "可颂" }] });
    let proposal = proposed("order_completed", "order.completed", &data);
    sound(&proposal);
    for (key, source, confidence) in [
        ("to", "{{ data.openid }}", Confidence::Sure),
        ("dedupe", "{{ data.order_no }}", Confidence::Doubtful),
        (
            "params.character_string1",
            "{{ data.order_no }}",
            Confidence::Sure,
        ),
        (
            "params.thing2",
            "{{ data.items[0].name | fit(suffix=' 等' ~ (data.items | length) ~ '件') }}",
            Confidence::Sure,
        ),
        (
            "params.amount3",
            "{{ data.amount_fen | yuan }}",
            Confidence::Sure,
        ),
        ("params.time4", "{{ time | datetime }}", Confidence::Sure),
        ("params.phrase5", "已完成", Confidence::Doubtful),
    ] {
        assert_eq!(guessed(&proposal, key), (Some(source), confidence), "{key}");
    }
    assert!(
        proposal.text.contains("on       = \"order.completed\""),
        "{}",
        proposal.text
    );
    assert!(
        proposal
            .text
            .contains("expect_to = \"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o\""),
        "{}",
        proposal.text
    );
    assert!(
        proposal.text.contains("thing2 = \"拿铁 等2件\""),
        "{}",
        proposal.text
    );
}

#[test]
fn what_nothing_fits_stays_open_and_no_rule_is_made_of_it() {
    let data = json!({ "student": { "openid": "oSwim" }, "title": "x", "course": { "title": "少儿自由泳" }, "starts_at": 1_795_336_200, "teacher": { "name": "王芳" }, "room": "B2" });
    let proposal = proposed("class_starting", "class.swimming.starting", &data);
    for (key, source) in [
        ("to", Some("{{ data.student.openid }}")),
        ("params.thing1", Some("{{ data.course.title | fit }}")),
        ("params.date2", Some("{{ data.starts_at | datetime }}")),
        ("params.name3", Some("{{ data.teacher.name | fit }}")),
        ("params.thing4", Some("{{ data.room | fit }}")),
        ("params.thing5", None),
    ] {
        assert_eq!(guessed(&proposal, key).0, source, "{key}");
    }
    assert_eq!(guessed(&proposal, "params.thing5").1, Confidence::Open);
    let (rules, problems) = compiled(&proposal.text);
    assert!(rules.is_none());
    assert!(
        problems.contains("params.thing5: this is still to be written"),
        "{problems}"
    );
    assert!(!problems.contains("thing1"), "{problems}");
    let (rules, problems) = compiled(&proposal.for_preview());
    assert!(rules.is_some(), "{problems}");
}

#[test]
fn a_value_that_does_not_fit_is_no_guess() {
    let data = json!({ "openid": "o1", "parcel": { "waybill_no": "SF1" }, "goods": "手冲壶", "station": { "name": "南门", "phone": "０５７１ 8888 6666" }, "pickup_code": "6-2-3017", "carrier": "SF" });
    let proposal = proposed("shipment_arrived", "shipment.arrived", &data);
    for (key, source) in [
        ("dedupe", Some("{{ data.parcel.waybill_no }}")),
        ("params.thing1", Some("{{ data.goods | fit }}")),
        ("params.thing2", Some("{{ data.station.name | fit }}")),
        ("params.character_string3", Some("{{ data.pickup_code }}")),
        ("params.enum_string4", None),
        (
            "params.phone_number5",
            Some("{{ data.station.phone | phone }}"),
        ),
    ] {
        assert_eq!(guessed(&proposal, key).0, source, "{key}");
    }
    let why = proposal.guesses_that_are(Confidence::Open).next().unwrap();
    assert!(
        why.why.contains("`data.carrier` may be meant")
            && why.why.contains("one of 顺丰速运, 中通快递"),
        "{}",
        why.why
    );
}

#[test]
fn english_labels_are_read_as_well_and_money_says_in_what_it_is() {
    let data = json!({ "user": { "openId": "o1" }, "orderNo": 12, "store": { "name": "Hangzhou" }, "paidAmount": 12.5, "dueDate": "2026-12-01", "lines": [1, 2], "quantity": 2 });
    let proposal = proposed("english", "order.paid", &data);
    sound(&proposal);
    for (key, source, confidence) in [
        ("to", "{{ data.user.openId }}", Confidence::Sure),
        (
            "params.character_string1",
            "{{ data.orderNo }}",
            Confidence::Sure,
        ),
        (
            "params.thing2",
            "{{ data.store.name | fit }}",
            Confidence::Sure,
        ),
        (
            "params.amount3",
            "￥{{ '%.2f' | format(data.paidAmount) }}",
            Confidence::Doubtful,
        ),
        (
            "params.date4",
            "{{ data.dueDate | date }}",
            Confidence::Sure,
        ),
        ("params.number5", "{{ data.quantity }}", Confidence::Sure),
    ] {
        assert_eq!(guessed(&proposal, key), (Some(source), confidence), "{key}");
    }
    for (amount, source, confidence) in [
        (
            json!({ "total": 12850 }),
            "{{ data.total | yuan }}",
            Confidence::Doubtful,
        ),
        (
            json!({ "total_yuan": "128.50" }),
            "￥{{ data.total_yuan }}",
            Confidence::Sure,
        ),
        (
            json!({ "total": "￥128.50" }),
            "{{ data.total }}",
            Confidence::Sure,
        ),
        (
            json!({ "price_fen": "12850" }),
            "{{ data.price_fen | yuan }}",
            Confidence::Sure,
        ),
    ] {
        let proposal = proposed("english", "order.paid", &amount);
        assert_eq!(
            guessed(&proposal, "params.amount3"),
            (Some(source), confidence),
            "{amount}"
        );
    }
}

#[test]
fn a_later_time_goes_to_its_own_label() {
    let data = json!({ "openid": "o1", "created_at": "2026-11-20 10:00:00", "finished_at": "2026-11-22 16:30:00" });
    let proposal = proposed("order_completed", "order.completed", &data);
    assert_eq!(
        guessed(&proposal, "params.time4").0,
        Some("{{ data.finished_at | datetime }}")
    );
    let data = json!({ "openid": "o1", "finish_time": 3 });
    let proposal = proposed("order_completed", "order.completed", &data);
    assert_eq!(
        guessed(&proposal, "params.time4"),
        (Some("{{ time | datetime }}"), Confidence::Sure)
    );
    // Nothing says that a class begins when the event happened, or when it was booked.
    let data = json!({ "openid": "o1" });
    let proposal = proposed("class_starting", "class.changed", &data);
    assert_eq!(
        guessed(&proposal, "params.date2"),
        (Some("{{ time | datetime }}"), Confidence::Doubtful)
    );
    let data = json!({ "openid": "o1", "booked_at": 1_795_336_200 });
    let proposal = proposed("class_starting", "class.changed", &data);
    assert_eq!(
        guessed(&proposal, "params.date2"),
        (
            Some("{{ data.booked_at | datetime }}"),
            Confidence::Doubtful
        )
    );
}

#[test]
fn a_user_is_found_by_name_first_and_never_shown_on_a_card() {
    let data = json!({ "buyer": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" });
    let proposal = proposed("order_completed", "order.completed", &data);
    assert_eq!(
        guessed(&proposal, "to"),
        (Some("{{ data.buyer }}"), Confidence::Doubtful)
    );
    let data = json!({ "buyer": "u-1", "goods_openid": "" });
    let proposal = proposed("order_completed", "order.completed", &data);
    assert_eq!(guessed(&proposal, "to"), (None, Confidence::Open));
    let (rules, problems) = compiled(&proposal.text);
    assert!(
        rules.is_none() && problems.contains("to: this is still to be written"),
        "{problems}"
    );
}

#[test]
fn whatever_upstream_writes_makes_a_file_that_can_be_read() {
    for data in [
        json!(null),
        json!([]),
        json!("text"),
        json!({ "a\"b": "x\ny", "订单号": "订单\u{0}一", "status": "\"}}{{ {%", "金额": "{{ TODO }}" }),
        json!({ "amount": -1, "time": "soon", "items": [[["deep"]]] }),
    ] {
        for template in [
            "order_completed",
            "shipment_arrived",
            "class_starting",
            "english",
        ] {
            let proposal = proposed(template, "a \"kind\"", &data);
            let read: Result<toml::Table, _> = proposal.text.parse();
            assert!(read.is_ok(), "{read:?}\n{}", proposal.text);
        }
    }
}
