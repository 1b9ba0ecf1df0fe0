//! How a message stands, by what was found of it and what was not.

mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::event::Decoding;
use crate::model::Record;
use crate::model::outcome::{Outcome, Reason, RecipientStyle};
use crate::replay::Place;
use crate::rules::{RuleSet, Verdict};
use crate::state::{ClaimSeen, ClaimStateSeen, Kept, Looked, ReceiptSeen};
use crate::testing;

const OPENID: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";
const NOW_MS: i64 = 1_795_336_200_000;

fn rules() -> RuleSet {
    testing::rules(&[
        (
            "a",
            "shop",
            "when = \"data.n > 0 and data.to != ''\"\noverflow = \"trim\"",
        ),
        ("b", "shop", ""),
    ])
}

fn event(data: &Value) -> Arc<Record> {
    let mut event = json!({
        "specversion": "1.0", "id": "e-1", "type": "a", "source": "/s", "time": "2026-11-22T08:29:50Z",
    });
    event["data"] = data.clone();
    record(event.to_string())
}

fn record(value: String) -> Arc<Record> {
    Arc::new(Record {
        topic: Arc::from("orders"),
        partition: 1,
        offset: 7,
        key: None,
        headers: Vec::new(),
        value: Some(value.into_bytes()),
        timestamp_ms: Some(NOW_MS),
    })
}

fn good() -> Value {
    json!({ "n": 1, "to": OPENID, "text": "好" })
}

fn outcome(reason: Reason) -> Outcome {
    let outcome = json!({
        "id": "orders/1/7/a", "message_id": "a|/s|e-1", "status": reason.status().as_str(), "reason": reason.as_str(),
        "detail": "", "rule": "a", "rules_version": "1", "app": "shop", "event_id": "e-1",
        "topic": "orders", "partition": 1, "offset": 7, "attempts": 1, "received_at": "", "settled_at": "",
        "waited_ms": 1, "api_ms": 2, "recipient": "oUp***S6o",
    });
    serde_json::from_value(outcome).unwrap()
}

/// What is known beside the record.
struct World {
    rules: Option<RuleSet>,
    heard: Heard,
    looked: BTreeMap<String, Looked>,
    now: BTreeMap<String, RuleNow>,
    committed: Committed,
}

impl World {
    fn new(committed: Committed) -> Self {
        Self {
            rules: Some(rules()),
            heard: Heard::default(),
            looked: BTreeMap::new(),
            now: BTreeMap::new(),
            committed,
        }
    }

    fn hears(mut self, topic_has: &Value) -> Self {
        let sought = Sought::new("e-1", &Decoding::default());
        let record = record(topic_has.to_string());
        self.heard.hear(&sought, &record);
        self
    }

    fn looks(mut self, looked: Looked) -> Self {
        self.looked.insert("orders/1/7/a".to_owned(), looked);
        self
    }

    fn without_rules(self) -> Self {
        Self {
            rules: None,
            ..self
        }
    }

    fn tell(&self, record: Option<&Arc<Record>>) -> EventTold {
        let lying = record.map_or(Lying::Gone, |record| Lying::Here(Arc::clone(record)));
        self.tell_of(&lying)
    }

    fn tell_of(&self, lying: &Lying) -> EventTold {
        let place = Place {
            topic: Arc::from("orders"),
            partition: 1,
            offset: 7,
        };
        let context = Context {
            decoding: &Decoding::default(),
            rules: self.rules.as_ref(),
            style: RecipientStyle::Masked,
            receipts: &BTreeSet::from([Arc::from("shop")]),
            now_ms: NOW_MS,
        };
        let inquiry = Inquiry::of(context, &place, lying, &self.heard);
        let facts = Facts {
            heard: &self.heard,
            looked: &self.looked,
            grants: &BTreeMap::new(),
            now: &self.now,
            committed: self.committed,
        };
        inquiry.tell(context, &facts)
    }

    fn only_message(&self, record: &Arc<Record>) -> MessageTold {
        let mut messages = self.tell(Some(record)).messages;
        assert_eq!(messages.len(), 1);
        messages.remove(0)
    }
}

fn as_json(outcome: &Outcome) -> Value {
    serde_json::to_value(outcome).unwrap()
}

#[test]
fn a_message_that_was_sent_shows_rule_values_and_outcome_and_no_user() {
    let heard = as_json(&outcome(Reason::Ok));
    let world = World::new(Committed::Past).hears(&heard).hears(&heard);
    let mut data = good();
    data["text"] = json!("长".repeat(30));
    let told = world.tell(Some(&event(&data)));
    assert_eq!((told.state, told.is_past), (RecordState::Event, Some(true)));
    assert_eq!(told.rules.len(), 1, "b is for another type");
    assert_eq!(told.rules[0].verdict, Verdict::Wants);
    assert_eq!(told.rules[0].when.len(), 2);
    let message = &told.messages[0];
    assert_eq!((message.published, message.pending), (2, None));
    assert_eq!(message.outcome.as_ref().unwrap().reason, Reason::Ok);
    let cut = message
        .values
        .iter()
        .find(|value| value.name == "thing1")
        .unwrap();
    assert_eq!(cut.value, Some("长".repeat(20)));
    assert_eq!(cut.before, Some("长".repeat(30)));
    let shown = serde_json::to_string(&told).unwrap();
    assert!(!shown.contains(OPENID), "{shown}");
    assert!(shown.contains("oUp***S6o"), "{shown}");
}

#[test]
fn each_end_has_its_own_words() {
    for reason in [Reason::UserRefused, Reason::Expired, Reason::Duplicate] {
        let world = World::new(Committed::Past).hears(&as_json(&outcome(reason)));
        let message = world.only_message(&event(&good()));
        let about = About::Ended {
            reason,
            errcode: None,
            receipt: None,
        };
        assert_eq!(message.words, words(about));
    }
}

#[test]
fn what_only_the_store_knows_is_told_with_what_it_has_left_out() {
    let mut kept = outcome(Reason::Ok);
    kept.event_id = None;
    kept.message_id.clear();
    let looked = Looked {
        outcome: Kept::Row(Arc::new(kept)),
        claim: Kept::Unreadable,
        receipt: ReceiptSeen::None,
    };
    let world = World::new(Committed::Past).looks(looked);
    let message = world.only_message(&event(&good()));
    let outcome = message.outcome.unwrap();
    assert_eq!(outcome.event_id.as_deref(), Some("e-1"));
    assert_eq!(outcome.message_id, "a|/s|e-1");
    assert_eq!((message.published, message.is_in_store), (0, Some(true)));
    assert_eq!(message.unreadable, ["claim"]);
    assert_eq!(message.receipt_in_store, ReceiptSeen::None);
}

#[test]
fn a_message_without_an_outcome_says_what_it_waits_for() {
    let pending = |world: &World| world.only_message(&event(&good())).pending;
    assert_eq!(
        pending(&World::new(Committed::NotYet)),
        Some(Pending::Waiting)
    );
    assert_eq!(
        pending(&World::new(Committed::Past)),
        Some(Pending::NotFound)
    );
    assert_eq!(
        pending(&World::new(Committed::NotKnown)),
        Some(Pending::NotKnown)
    );
    let mut paused = World::new(Committed::NotYet);
    let pause = PauseTold {
        subject: "rule a".to_owned(),
        cause: "person".to_owned(),
        errcode: None,
        detail: "wrong text".to_owned(),
        since: "2026-11-22T08:00:00.000Z".to_owned(),
        ends: "`wx-courier rules resume`".to_owned(),
    };
    let now = RuleNow {
        paused_by: vec![pause],
        line: None,
    };
    paused.now.insert("a".to_owned(), now);
    assert_eq!(pending(&paused), Some(Pending::Paused));
    let ours = claim_of("orders/1/7/a", ClaimStateSeen::Open);
    let sending = World::new(Committed::NotYet).looks(ours);
    assert_eq!(pending(&sending), Some(Pending::BeingSent));
    let others = claim_of("orders/1/6/a", ClaimStateSeen::Sent);
    let behind = World::new(Committed::NotYet).looks(others);
    assert_eq!(pending(&behind), Some(Pending::Waiting));
}

fn claim_of(outcome_id: &str, state: ClaimStateSeen) -> Looked {
    Looked {
        claim: Kept::Row(ClaimSeen {
            outcome_id: Arc::from(outcome_id),
            state,
            holder: None,
            since_ms: None,
        }),
        ..Looked::default()
    }
}

#[test]
fn an_event_that_no_rule_wants_says_which_part_does_not_hold() {
    let mut data = good();
    data["n"] = json!(0);
    data["other"] = json!(OPENID);
    let told = World::new(Committed::Past).tell(Some(&event(&data)));
    assert_eq!(told.rules[0].verdict, Verdict::WhenDoesNotHold);
    assert!(
        told.unmatched
            .as_ref()
            .unwrap()
            .contains("`when` does not hold")
    );
    assert_eq!(told.messages[0].pending, Some(Pending::NotWanted));
    let shown = serde_json::to_string(&told).unwrap();
    assert!(
        !shown.contains(OPENID),
        "the condition looks at the user: {shown}"
    );
}

#[test]
fn what_is_no_event_and_what_is_gone_is_told() {
    let world = World::new(Committed::Past);
    let told = world.tell(Some(&record("{\"id\":\"e-1\"".to_owned())));
    assert_eq!(
        (told.state, told.reason),
        (RecordState::Undecodable, Some(Reason::NotJson))
    );
    assert_eq!(told.messages[0].outcome_id, "orders/1/7");
    assert_eq!(told.messages[0].pending, Some(Pending::NotFound));
    let mut tombstone = Record::clone(&event(&good()));
    tombstone.value = None;
    let told = world.tell(Some(&Arc::new(tombstone)));
    assert_eq!(told.messages[0].pending, Some(Pending::NoEvent));
    let gone = World::new(Committed::Past).hears(&as_json(&outcome(Reason::Ok)));
    let told = gone.tell(None);
    assert_eq!(told.state, RecordState::Gone);
    assert_eq!(
        told.messages[0].outcome.as_ref().unwrap().reason,
        Reason::Ok
    );
}

#[test]
fn the_present_rules_say_what_they_would_do_now() {
    let world = World::new(Committed::Past);
    let present = |data: &Value| {
        let message = world.only_message(&event(data));
        message.present.unwrap().status
    };
    assert_eq!(present(&good()), Present::WOULD_SEND);
    let mut without_text = good();
    without_text["text"].take();
    assert_eq!(present(&without_text), "invalid");
    let mut old = Record::clone(&event(&good()));
    let value = String::from_utf8(old.value.take().unwrap()).unwrap();
    old.value = Some(value.replace("2026-11-22", "2026-10-22").into_bytes());
    let message = world.only_message(&Arc::new(old));
    assert_eq!(message.present.unwrap().status, Present::TOO_OLD);
}

#[test]
fn a_receipt_that_lies_before_its_outcome_is_joined() {
    let receipt = json!({
        "id": "shop/1/receipt", "outcome_id": "orders/1/7/a", "message_id": "a|/s|e-1", "status": "undelivered", "errcode": 1,
        "errmsg": "failed", "msgid": "1", "app": "shop", "template_id": "T", "recipient": "oUp***S6o",
        "happened_at": "2026-11-22T08:30:01.000Z", "received_at": "2026-11-22T08:30:01.210Z",
    });
    let mut world = World::new(Committed::Past);
    let sought = Sought::new("e-1", &Decoding::default());
    let mut of_receipt = Record::clone(&record(receipt.to_string()));
    of_receipt.headers = vec![(
        "ce_type".to_owned(),
        Some(b"wx-courier.receipt.undelivered".to_vec()),
    )];
    world.heard.hear(&sought, &of_receipt);
    let world = world.hears(&as_json(&outcome(Reason::Ok)));
    let message = world.only_message(&event(&good()));
    assert_eq!(message.receipt.unwrap().errmsg, "failed");
    assert!(
        message.words.ops.contains("not delivered"),
        "{}",
        message.words.ops
    );
}

#[test]
fn the_template_is_that_of_the_rule_or_of_the_outcome_and_no_program_reads_it_here() {
    let mut of_gone = outcome(Reason::Ok);
    of_gone.id = "orders/1/7/gone".to_owned();
    of_gone.rule = Some(Arc::from("gone"));
    of_gone.template_id = Some(Arc::from("T-b"));
    let mut world = World::new(Committed::Past);
    world.heard.add_read(of_gone);
    let told = world.tell(Some(&event(&good())));
    let ids = told.messages.iter().map(|message| {
        let template = message.template.as_ref();
        template.map(|template| template.id.as_str())
    });
    assert_eq!(ids.collect::<Vec<_>>(), [Some("T-a"), Some("T-b")]);
    assert_eq!(told.messages[1].published, 1);
    let json = serde_json::to_value(&told.messages[0]).unwrap();
    assert_eq!(json.get("template"), None);
}
