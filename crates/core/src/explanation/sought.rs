//! What a person asks about: an event's id, the `id` of an outcome, a message id, or a business key. Which of these it is does not matter: it
//! is compared with all of them.

use std::sync::Arc;

use crate::event::{Decoded, Decoding, Event, decode};
use crate::message::{message_id, sent_first};
use crate::model::Record;
use crate::model::outcome::{Identity, Outcome, bounds};
use crate::replay::Place;
use crate::rules::RuleSet;
use crate::wechat::callback::Receipt;

/// What is asked about.
#[derive(Clone, Debug)]
pub struct Sought {
    text: String,
    /// As outcomes have it, where it is an attribute, an id, or a business key.
    as_attribute: String,
    as_id: String,
    as_key: String,
    /// One of these is in every outcome that is about it, as JSON writes it.
    needles: Vec<String>,
}

impl Sought {
    /// What a person has typed.
    pub fn new(text: &str, decoding: &Decoding) -> Self {
        let text = text.trim().to_owned();
        let keys = decoding.keys.as_ref();
        let (as_attribute, as_id) = (bounds::attribute(&text), bounds::id(text.clone()));
        let as_key = keys.map_or_else(
            || bounds::business_key(&text),
            |keys| keys.as_shown(&text, None),
        );
        let place = place_of(&text).map(|place| place.to_string());
        let written = [&as_attribute, &as_id, &as_key].into_iter().chain(&place);
        let mut needles: Vec<String> = written.map(|text| as_json(text)).collect();
        needles.sort();
        needles.dedup();
        Self {
            text,
            as_attribute,
            as_id,
            as_key,
            needles,
        }
    }

    /// Whether an outcome may be about it, by its bytes: most need not be read.
    pub fn may_be_in(&self, outcome: &[u8]) -> bool {
        let text = std::str::from_utf8(outcome);
        text.is_ok_and(|text| self.needles.iter().any(|needle| text.contains(needle)))
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it looks like an openid, as `WeChat` gives them today: users are not searched.
    pub fn is_like_a_user(&self) -> bool {
        let is_of_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        self.text.len() == 28 && self.text.starts_with('o') && self.text.bytes().all(is_of_base64)
    }

    /// As an id of an outcome or a message has it.
    pub fn as_id(&self) -> &str {
        &self.as_id
    }

    /// Where a record of one of these topics lies, if a text may be the `id` of an outcome: `topic/partition/offset/rule`.
    pub fn place_in(text: &str, topics: &[String]) -> Option<Place> {
        let place = place_of(text)?;
        let is_ours = topics.iter().any(|topic| *topic == *place.topic);
        is_ours.then_some(place)
    }

    /// Whether an outcome is about it.
    pub fn is_of_outcome(&self, outcome: &Outcome) -> bool {
        let own_ids = [outcome.id.as_str(), sent_first(&outcome.message_id)];
        own_ids.contains(&self.as_id.as_str())
            || outcome.message_id == self.as_id
            || outcome.event_id.as_ref() == Some(&self.as_attribute)
            || outcome.business_key.as_ref() == Some(&self.as_key)
            || is_place(
                &self.text,
                &outcome.topic,
                outcome.partition,
                outcome.offset,
            )
    }

    /// Whether a receipt is about it, as far as it says.
    pub fn is_of_receipt(&self, receipt: &Receipt) -> bool {
        [&receipt.outcome_id, &receipt.message_id, &receipt.event_id]
            .into_iter()
            .flatten()
            .any(|id| *id == self.text || *id == self.as_id || *id == self.as_attribute)
    }

    /// Whether a record of a source topic is about it.
    pub fn is_of_record(
        &self,
        decoding: &Decoding,
        rules: Option<&RuleSet>,
        record: &Arc<Record>,
    ) -> bool {
        if is_place(&self.text, &record.topic, record.partition, record.offset) {
            return true;
        }
        // The time only stands in where there is none, and no id depends on it.
        match decode(decoding, record, 0) {
            Decoded::Event(event) => self.is_of_event(rules, &event),
            Decoded::Undecodable(problem) => problem.glimpse.id.as_deref() == Some(&self.text),
            Decoded::Tombstone => false,
        }
    }

    fn is_of_event(&self, rules: Option<&RuleSet>, event: &Event) -> bool {
        let key = event.keys.as_ref().and_then(|keys| keys.shown(event, None));
        if event.id == self.text || key.as_ref() == Some(&self.as_key) {
            return true;
        }
        let Some((rule, _)) = self.text.split_once('|') else {
            return false;
        };
        // What begins otherwise need not be made.
        if !self.text.starts_with(&message_id(rule, &event.source, "")) {
            return false;
        }
        let Some(rules) = rules else {
            // As most rules make it, which have no `dedupe`.
            let usual = message_id(rule, &event.source, &event.id);
            return sent_first(&usual) == sent_first(&self.as_id);
        };
        let planned = rules.plan_one(event, rule);
        planned.is_some_and(|planned| sent_first(&planned.message_id) == sent_first(&self.as_id))
    }
}

/// A text as it stands in JSON, without its quotes.
fn as_json(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    let inside = quoted
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    inside.unwrap_or_default().to_owned()
}

/// Whether a text names this place, with a rule or without one.
fn is_place(text: &str, topic: &str, partition: i32, offset: i64) -> bool {
    place_of(text).is_some_and(|place| {
        *place.topic == *topic && place.partition == partition && place.offset == offset
    })
}

/// The place that the `id` of an outcome begins with. The mark of a record of its own is left out.
fn place_of(id: &str) -> Option<Place> {
    let id = match id.rsplit_once('~') {
        Some((id, own)) if Identity::of_text(own).is_some() => id,
        Some(_) | None => id,
    };
    let mut parts = id.splitn(4, '/');
    Some(Place {
        topic: Arc::from(parts.next()?),
        partition: parts.next()?.parse().ok()?,
        offset: parts.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing;

    fn record(value: &serde_json::Value) -> Arc<Record> {
        Arc::new(Record {
            topic: Arc::from("orders"),
            partition: 1,
            offset: 7,
            key: None,
            headers: Vec::new(),
            value: Some(value.to_string().into_bytes()),
            timestamp_ms: Some(0),
        })
    }

    #[test]
    fn a_record_is_found_by_all_that_names_it() {
        use crate::event::{BusinessKeys, Pointer};
        use crate::model::outcome::RecipientStyle;

        let places = vec![Pointer::new("/data/order_no").unwrap()];
        let decoding = Decoding {
            keys: Some(Arc::new(BusinessKeys::new(places, RecipientStyle::Masked))),
            ..Decoding::default()
        };
        let rules = testing::rules(&[("a", "shop", "dedupe = \"{{ data.order_no }}\"")]);
        let event = record(
            &json!({"type": "a", "id": "e-1", "source": "/s", "order_no": "SO1", "to": "o1", "text": "x"}),
        );
        let finds = |text: &str, record| {
            Sought::new(text, &decoding).is_of_record(&decoding, Some(&rules), record)
        };
        for text in [
            "e-1",
            " SO1 ",
            "a|/s|SO1",
            "orders/1/7",
            "orders/1/7/a",
            "orders/1/7/a~abcdEFG_",
        ] {
            assert!(finds(text, &event), "{text}");
        }
        for text in [
            "e-2",
            "SO",
            "a|/s|e-1",
            "b|/s|SO1",
            "orders/1/8",
            "orders/1/8/a",
            "",
        ] {
            assert!(!finds(text, &event), "{text}");
        }
        let broken = record(&json!({"id": "e-1", "order_no": "SO1"}));
        assert!(
            finds("e-1", &broken) && !finds("SO1", &broken),
            "it is no event"
        );
    }

    #[test]
    fn an_openid_is_known_by_its_form() {
        let is_user = |text: &str| Sought::new(text, &Decoding::default()).is_like_a_user();
        assert!(is_user("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"));
        for text in ["SO20261122001", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o1", "o-1"] {
            assert!(!is_user(text), "{text}");
        }
    }

    #[test]
    fn without_rules_a_message_id_is_taken_as_most_rules_make_it() {
        let event = record(&json!({"type": "a", "id": "e-1", "source": "/s", "to": "o1"}));
        let decoding = Decoding::default();
        let finds = |text: &str| Sought::new(text, &decoding).is_of_record(&decoding, None, &event);
        assert!(finds("a|/s|e-1") && finds("e-1"));
        assert!(!finds("a|/s|e-2") && !finds("a|/t|e-1"));
    }

    #[test]
    fn an_id_may_name_a_place() {
        let topics = ["orders".to_owned()];
        let place = |id: &str| {
            let place = Sought::place_in(id, &topics);
            place.map(|place| place.to_string())
        };
        for id in ["orders/1/7/sub/rule", "orders/1/7", "orders/1/7~abcdEFG_"] {
            assert_eq!(place(id).as_deref(), Some("orders/1/7"), "{id}");
        }
        for id in ["other/1/7/rule", "r|/s|1", "SO1", "orders/x/7"] {
            assert_eq!(place(id), None, "{id}");
        }
    }

    #[test]
    fn no_outcome_is_passed_over_that_is_about_it() {
        let outcome = json!({
            "id": "orders/1/7/a", "message_id": "a|/s|e \"1\"", "status": "sent", "reason": "ok", "detail": "", "rule": "a",
            "rules_version": "1", "event_id": "e \"1\"", "business_key": "订单\n1", "topic": "orders", "partition": 1, "offset": 7,
            "attempts": 1, "received_at": "", "settled_at": "", "waited_ms": 1, "api_ms": 2,
        });
        let again =
            outcome["message_id"].as_str().unwrap().to_owned() + "#again-20261122T182316Z-5679b5";
        let mut of_again = outcome.clone();
        of_again["message_id"] = json!(again);
        for (text, about) in [
            ("e \"1\"", true),
            ("订单\n1", true),
            ("a|/s|e \"1\"", true),
            (again.as_str(), false),
            ("orders/1/7/a", true),
            ("orders/1/7/b", true),
            ("orders/1/7", true),
            ("orders/1/8", false),
            ("e", false),
        ] {
            let sought = Sought::new(text, &Decoding::default());
            for (outcome, about) in [(&outcome, about), (&of_again, about || text == again)] {
                let is_of = sought.is_of_outcome(&serde_json::from_value(outcome.clone()).unwrap());
                assert_eq!(is_of, about, "{text}");
                assert!(
                    !is_of || sought.may_be_in(outcome.to_string().as_bytes()),
                    "{text}"
                );
            }
        }
    }
}
