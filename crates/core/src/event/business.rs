//! The key by which people name what an event is about: an order number, for example. The settings say where it may lie.

use super::json::{Json, Seen};
use super::{Attribute, Event, Pointer};
use crate::model::outcome::{RecipientStyle, bounds};

/// So many places are looked at, at most.
pub const MOST_BUSINESS_KEYS: usize = 8;

/// What a pointer to a business key may begin with: names that templates know, too.
pub const ROOTS_OF_BUSINESS_KEYS: [&str; 4] = ["data", "ext", "key", "subject"];

/// Where business keys lie: the first place that has one counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusinessKeys {
    places: Vec<Pointer>,
    style: RecipientStyle,
}

impl BusinessKeys {
    /// These places, in this order. Each begins with one of [`ROOTS_OF_BUSINESS_KEYS`]. A key that is an openid is shown in the style of
    /// recipients.
    pub fn new(places: Vec<Pointer>, style: RecipientStyle) -> Self {
        Self { places, style }
    }

    /// The places.
    pub fn places(&self) -> &[Pointer] {
        &self.places
    }

    /// The key of an event as outcomes show it, where its recipient is shown like this: the first text or number that is not empty, without
    /// spaces around it.
    pub fn shown(&self, event: &Event, recipient: Option<&str>) -> Option<String> {
        let key = self.places.iter().find_map(|place| key_at(place, event))?;
        Some(self.as_shown(&key, recipient))
    }

    /// What is shown of a key.
    pub fn as_shown(&self, key: &str, recipient: Option<&str>) -> String {
        let as_user = self.style.show(key);
        let is_recipient = recipient.is_some_and(|recipient| recipient == as_user);
        if is_recipient || is_like_openid(key) {
            return as_user;
        }
        bounds::business_key(key)
    }
}

/// Whether a text is made as openids are. `WeChat` says nothing of their form; all that are known have 28 characters, and begin with `o`.
fn is_like_openid(text: &str) -> bool {
    const LENGTH: usize = 28;
    let is_of_openid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() == LENGTH && text.starts_with('o') && text.bytes().all(is_of_openid)
}

fn key_at(place: &Pointer, event: &Event) -> Option<String> {
    let mut steps = place.steps();
    match steps.next()?.as_ref() {
        "data" => {
            let opened = event.data.open().ok()?;
            key_of(opened.data.json().follow(steps)?)
        }
        "ext" => {
            let wanted = steps.next()?;
            let mut found = None;
            event.carrier.each_attribute(|name, attribute| {
                if name == wanted {
                    found = match attribute {
                        Attribute::Text(text) => word(&text),
                        Attribute::Json(json) => key_of(json),
                    };
                }
            });
            found
        }
        "key" => word(event.carrier.key()?),
        "subject" => word(event.subject.as_deref()?),
        _ => None,
    }
}

fn key_of(json: Json<'_>) -> Option<String> {
    match json.seen() {
        Seen::Text(text) => word(&text),
        Seen::Number(number) => Some(number.to_owned()),
        Seen::Null | Seen::Bool | Seen::List | Seen::Object => None,
    }
}

fn word(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Decoded, Decoding, decode};
    use super::*;
    use crate::model::Record;

    fn event(value: &str) -> Event {
        let record = Record {
            topic: Arc::from("orders"),
            partition: 0,
            offset: 1,
            key: Some(b"k-1".to_vec()),
            headers: Vec::new(),
            value: Some(value.as_bytes().to_vec()),
            timestamp_ms: Some(0),
        };
        match decode(&Decoding::default(), &Arc::new(record), 0) {
            Decoded::Event(event) => *event,
            other @ (Decoded::Tombstone | Decoded::Undecodable(_)) => panic!("{other:?}"),
        }
    }

    fn found(places: &[&str], event: &Event) -> Option<String> {
        let places = places.iter().map(|place| Pointer::new(place).unwrap());
        BusinessKeys::new(places.collect(), RecipientStyle::Masked).shown(event, None)
    }

    #[test]
    fn the_first_place_that_has_a_key_counts() {
        let event = event(
            r#"{"specversion":"1.0","id":"1","type":"t","source":"/s","subject":"s-1","tenant":"t-1",
                "data":{"order_no":" SO1 ","number":12345678901234567890,"empty":" ","flag":true,"list":[{"no":"L1"}]}}"#,
        );
        for (places, expected) in [
            (&["/data/order_no"][..], Some("SO1")),
            (
                &["/data/absent", "/data/empty", "/data/flag", "/data/number"],
                Some("12345678901234567890"),
            ),
            (&["/data/list/0/no"], Some("L1")),
            (&["/data/list"], None),
            (&["/data"], None),
            (&["/ext/tenant"], Some("t-1")),
            (&["/ext/absent", "/key"], Some("k-1")),
            (&["/subject"], Some("s-1")),
            (&["/other"], None),
            (&[], None),
        ] {
            assert_eq!(found(places, &event).as_deref(), expected, "{places:?}");
        }
    }

    #[test]
    fn a_plain_event_is_its_own_data() {
        let event = event(r#"{"type":"t","order_no":7}"#);
        assert_eq!(found(&["/data/order_no"], &event).as_deref(), Some("7"));
    }

    #[test]
    fn a_key_that_is_a_user_is_shown_as_users_are() {
        let keys = BusinessKeys::new(Vec::new(), RecipientStyle::Masked);
        let of_28 = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";
        assert_eq!(keys.as_shown(of_28, None), "oUp***S6o");
        let short = "oABCD1234567890xyz";
        assert_eq!(keys.as_shown(short, None), short);
        assert_eq!(keys.as_shown(short, Some("oAB***xyz")), "oAB***xyz");
        let plain = BusinessKeys::new(Vec::new(), RecipientStyle::Plain);
        assert_eq!(plain.as_shown(of_28, Some(of_28)), of_28);
        let long = "7".repeat(300);
        assert_eq!(keys.as_shown(&long, None).len(), 256);
    }
}
