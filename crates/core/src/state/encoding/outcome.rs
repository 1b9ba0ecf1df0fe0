//! An outcome as text: what can be made again from its key and from other fields is left out.
//!
//! The text begins with `2`, and each field is a line: a letter, then the value, in which a line's end is `\n` and `\` is `\\`. A field that is
//! missing or empty has no line. The letters are closed: a field of a later version goes by its whole name into the JSON under `z`, so that
//! this version can publish it. Text that begins with `{` is JSON of a version before.
//!
//! Left out are the `id`, which is the key; topic, partition, offset and rule where the `id` tells them; and of the message id what rule,
//! source and event id tell. A moment is a number of milliseconds, counted from the one before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::model::outcome::{Outcome, read_word};
use crate::model::rfc3339_ms;

/// What the text begins with.
const VERSION: &str = "2";

/// What the text of a version before begins with.
const JSON: char = '{';

/// Before a moment that is no number.
const AS_IT_IS: char = '\'';

/// An outcome as text.
pub fn outcome_to_text(outcome: &Outcome) -> serde_json::Result<String> {
    // All fields by name: a new one has to have its place.
    let Outcome {
        id,
        message_id,
        duplicate_of,
        status,
        reason,
        detail,
        rule,
        rules_version,
        app,
        template,
        template_id,
        recipient,
        event_id,
        event_type,
        event_source,
        event_time,
        topic,
        partition,
        offset,
        errcode,
        errmsg,
        rid,
        msgid,
        param,
        attempts,
        received_at,
        settled_at,
        waited_ms,
        api_ms,
        // A header of the record, which is read again.
        traceparent: _,
        more,
    } = outcome;
    let mut lines = Lines(VERSION.to_owned());
    lines.put('s', status.as_str());
    lines.put('r', reason.as_str());
    lines.put_text('d', detail);
    let place = Place {
        topic: Arc::clone(topic),
        partition: *partition,
        offset: *offset,
        rule: rule.clone(),
    };
    if Place::of_id(id).as_ref() != Some(&place) {
        lines.put('T', topic);
        lines.put('P', &partition.to_string());
        lines.put('O', &offset.to_string());
        lines.put_optional('R', rule.as_deref());
    }
    let begin = begin_of_message_id(rule.as_deref(), event_source.as_deref());
    match message_id.strip_prefix(&begin) {
        Some(rest) if Some(rest) == event_id.as_deref() => {}
        Some(rest) => lines.put('m', rest),
        None => lines.put('M', message_id),
    }
    lines.put_optional('D', duplicate_of.as_deref());
    lines.put_text('v', rules_version);
    lines.put_optional('a', app.as_deref());
    lines.put_optional('t', template.as_deref());
    lines.put_optional('i', template_id.as_deref());
    lines.put_optional('u', recipient.as_deref());
    lines.put_optional('e', event_id.as_deref());
    lines.put_optional('k', event_type.as_deref());
    lines.put_optional('o', event_source.as_deref());
    let happened = event_time.as_deref();
    let from_ms = happened.and_then(|text| lines.put_moment('w', text, None));
    lines.put_optional('c', errcode.map(|code| code.to_string()).as_deref());
    lines.put_optional('g', errmsg.as_deref());
    lines.put_optional('q', rid.as_deref());
    lines.put_optional('n', msgid.as_deref());
    lines.put_optional('p', param.as_deref());
    lines.put_number('A', u64::from(*attempts));
    let from_ms = lines.put_moment('x', received_at, from_ms).or(from_ms);
    lines.put_moment('y', settled_at, from_ms);
    lines.put_number('W', *waited_ms);
    lines.put_number('I', *api_ms);
    if !more.is_empty() {
        lines.put('z', &serde_json::to_string(more)?);
    }
    Ok(lines.0)
}

/// Reads the text of the outcome with this `id`; `None` if it cannot be read.
pub fn outcome_of_text(id: &str, text: &str) -> Option<Outcome> {
    if text.starts_with(JSON) {
        return serde_json::from_str(text).ok();
    }
    let mut fields = Fields::read(text)?;
    let place = match fields.take('T') {
        Some(topic) => Place {
            topic: Arc::from(topic),
            partition: fields.number('P')?,
            offset: fields.number('O')?,
            rule: fields.shared('R'),
        },
        None => Place::of_id(id)?,
    };
    let (event_id, event_source) = (fields.take('e'), fields.take('o'));
    let begin = begin_of_message_id(place.rule.as_deref(), event_source.as_deref());
    let message_id = match (fields.take('M'), fields.take('m')) {
        (Some(whole), _) => whole,
        (None, Some(rest)) => begin + &rest,
        (None, None) => begin + event_id.as_deref()?,
    };
    let (event_time, from_ms) = fields.moment('w', None)?;
    let (received_at, received_ms) = fields.moment('x', from_ms)?;
    let (settled_at, _) = fields.moment('y', received_ms.or(from_ms))?;
    let outcome = Outcome {
        id: id.to_owned(),
        message_id,
        duplicate_of: fields.take('D'),
        status: read_word(&fields.take('s')?)?,
        reason: read_word(&fields.take('r')?)?,
        detail: fields.take('d').unwrap_or_default(),
        rule: place.rule,
        rules_version: Arc::from(fields.take('v').unwrap_or_default()),
        app: fields.shared('a'),
        template: fields.shared('t'),
        template_id: fields.shared('i'),
        recipient: fields.take('u'),
        event_id,
        event_type: fields.take('k'),
        event_source,
        event_time,
        topic: place.topic,
        partition: place.partition,
        offset: place.offset,
        errcode: fields.optional('c')?,
        errmsg: fields.take('g'),
        rid: fields.take('q'),
        msgid: fields.take('n'),
        param: fields.take('p'),
        attempts: fields.number('A')?,
        received_at: received_at.unwrap_or_default(),
        settled_at: settled_at.unwrap_or_default(),
        waited_ms: fields.number('W')?,
        api_ms: fields.number('I')?,
        traceparent: None,
        more: match fields.take('z') {
            Some(json) => serde_json::from_str(&json).ok()?,
            None => BTreeMap::new(),
        },
    };
    // What is left is of no version that is known here.
    fields.0.is_empty().then_some(outcome)
}

/// Where a record lies, and the rule.
#[derive(PartialEq, Eq)]
struct Place {
    topic: Arc<str>,
    partition: i32,
    offset: i64,
    rule: Option<Arc<str>>,
}

impl Place {
    fn of_id(id: &str) -> Option<Self> {
        let mut parts = id.splitn(4, '/');
        Some(Self {
            topic: Arc::from(parts.next()?),
            partition: plain_number(parts.next()?)?,
            offset: plain_number(parts.next()?)?,
            rule: Some(parts.next()?)
                .filter(|rule| *rule != "-")
                .map(Arc::from),
        })
    }
}

/// A number, if it is written as we write numbers.
fn plain_number<T: std::str::FromStr + ToString>(text: &str) -> Option<T> {
    let number: T = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn begin_of_message_id(rule: Option<&str>, source: Option<&str>) -> String {
    format!(
        "{}|{}|",
        rule.unwrap_or_default(),
        source.unwrap_or_default()
    )
}

/// The text while it is written.
struct Lines(String);

impl Lines {
    fn put(&mut self, letter: char, value: &str) {
        self.0.push('\n');
        self.0.push(letter);
        for part in value.chars() {
            match part {
                '\n' => self.0.push_str("\\n"),
                '\\' => self.0.push_str("\\\\"),
                other => self.0.push(other),
            }
        }
    }

    fn put_optional(&mut self, letter: char, value: Option<&str>) {
        if let Some(value) = value {
            self.put(letter, value);
        }
    }

    /// Nothing is what is read where there is no line.
    fn put_text(&mut self, letter: char, value: &str) {
        if !value.is_empty() {
            self.put(letter, value);
        }
    }

    /// Zero is what is read where there is no line.
    fn put_number(&mut self, letter: char, value: u64) {
        if value > 0 {
            self.put(letter, &value.to_string());
        }
    }

    /// Gives the moment, if it is one that is written as we write moments.
    fn put_moment(&mut self, letter: char, value: &str, from_ms: Option<i64>) -> Option<i64> {
        let at_ms = unix_ms(value);
        match at_ms {
            Some(at_ms) => self.put(letter, &(at_ms - from_ms.unwrap_or(0)).to_string()),
            None => self.put(letter, &format!("{AS_IT_IS}{value}")),
        }
        at_ms
    }
}

fn unix_ms(text: &str) -> Option<i64> {
    let at: Timestamp = text.parse().ok()?;
    let at_ms = at.as_millisecond();
    (rfc3339_ms(at_ms) == text).then_some(at_ms)
}

/// The text while it is read.
struct Fields(BTreeMap<char, String>);

impl Fields {
    fn read(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        if lines.next()? != VERSION {
            return None;
        }
        let mut fields = BTreeMap::new();
        for line in lines {
            let mut parts = line.chars();
            let letter = parts.next()?;
            let mut value = String::with_capacity(line.len());
            while let Some(part) = parts.next() {
                value.push(match part {
                    '\\' => match parts.next()? {
                        'n' => '\n',
                        '\\' => '\\',
                        _ => return None,
                    },
                    other => other,
                });
            }
            if fields.insert(letter, value).is_some() {
                return None;
            }
        }
        Some(Self(fields))
    }

    fn take(&mut self, letter: char) -> Option<String> {
        self.0.remove(&letter)
    }

    fn shared(&mut self, letter: char) -> Option<Arc<str>> {
        self.take(letter).map(Arc::from)
    }

    /// The outer value is `None` if there is something else than a number.
    #[expect(clippy::option_option, reason = "the outer one is for `?`")]
    fn optional(&mut self, letter: char) -> Option<Option<i64>> {
        match self.take(letter) {
            Some(digits) => digits.parse().ok().map(Some),
            None => Some(None),
        }
    }

    fn number<T: std::str::FromStr + Default>(&mut self, letter: char) -> Option<T> {
        match self.take(letter) {
            Some(digits) => digits.parse().ok(),
            None => Some(T::default()),
        }
    }

    /// A moment as text, and in milliseconds if it was written as a number.
    fn moment(
        &mut self,
        letter: char,
        from_ms: Option<i64>,
    ) -> Option<(Option<String>, Option<i64>)> {
        let Some(value) = self.take(letter) else {
            return Some((None, None));
        };
        if let Some(text) = value.strip_prefix(AS_IT_IS) {
            return Some((Some(text.to_owned()), None));
        }
        let by_ms: i64 = value.parse().ok()?;
        let at_ms = by_ms.checked_add(from_ms.unwrap_or(0))?;
        // A moment that no calendar holds was never written.
        Timestamp::from_millisecond(at_ms).ok()?;
        Some((Some(rfc3339_ms(at_ms)), Some(at_ms)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// As the service makes them: a rule sent an event.
    fn sent() -> Outcome {
        let outcome = json!({
            "id": "order-events/1/123456/order-completed", "status": "sent", "reason": "ok", "detail": "",
            "message_id": "order-completed|/shop/orders|01J9Z8Y7X6W5V4U3T2S1R0Q9P8",
            "rule": "order-completed", "rules_version": "3f2a9c41d07b", "app": "shop", "template": "order_completed",
            "template_id": "HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8", "recipient": "oBi***001",
            "event_id": "01J9Z8Y7X6W5V4U3T2S1R0Q9P8", "event_type": "order.completed",
            "event_source": "/shop/orders", "event_time": "2026-11-22T08:30:00.000Z",
            "topic": "order-events", "partition": 1, "offset": 123_456, "msgid": "2862830402153865217",
            "attempts": 1, "received_at": "2026-11-22T08:30:00.120Z", "settled_at": "2026-11-22T08:30:00.200Z",
            "waited_ms": 12, "api_ms": 68,
        });
        serde_json::from_value(outcome).unwrap()
    }

    #[test]
    fn the_text_of_a_message_that_was_sent_is_short() {
        let text = outcome_to_text(&sent()).unwrap();
        assert_eq!(
            text,
            "2\nssent\nrok\nv3f2a9c41d07b\nashop\ntorder_completed\niHYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8\nuoBi***001\n\
             e01J9Z8Y7X6W5V4U3T2S1R0Q9P8\nkorder.completed\no/shop/orders\nw1795336200000\nn2862830402153865217\nA1\nx120\ny80\nW12\nI68"
        );
        assert_eq!(outcome_of_text(&sent().id, &text), Some(sent()));
    }

    #[test]
    fn json_of_the_version_before_is_read() {
        let text = serde_json::to_string(&sent()).unwrap();
        assert_eq!(outcome_of_text(&sent().id, &text), Some(sent()));
    }

    #[test]
    fn what_is_no_outcome_or_of_another_version_is_none() {
        let text = outcome_to_text(&sent()).unwrap();
        let id = sent().id;
        for junk in [
            String::new(),
            "{".to_owned(),
            text.replacen('2', "3", 1),
            format!("{text}\nA2"),
            format!("{text}\nXnew"),
            format!("{text}\nd\\x"),
            format!("{text}\n"),
            text.replace("\nssent", ""),
            text.replace("\nx120", "\nxsoon"),
        ] {
            assert_eq!(outcome_of_text(&id, &junk), None, "{junk}");
        }
        assert_eq!(outcome_of_text("no place", &text), None);
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            "\\PC{0,12}",
            "[\\n\\\\'|/0-9a-z{}-]{0,8}",
            Just("2026-11-22T08:30:00.200Z".to_owned()),
            Just("1969-12-31T23:59:59.999Z".to_owned()),
            Just("2026-11-22T08:30:00Z".to_owned()),
        ]
    }

    proptest! {
        #[test]
        fn every_outcome_is_read_as_it_was_written(
            texts in prop::collection::vec(any_text(), 16),
            present in any::<u32>(),
            numbers in any::<(i32, i64, u32, u64)>(),
            id in prop_oneof![Just("t/0/1/r".to_owned()), Just("t/0/01/r".to_owned()), Just("t/0/1/-".to_owned()), any_text()],
            is_usual in any::<bool>(),
        ) {
            let mut texts = texts.into_iter().cycle().zip((0..32).cycle());
            let mut optional = || {
                let (text, bit) = texts.next().unwrap();
                (present >> bit & 1 == 1).then_some(text)
            };
            let mut outcome = sent();
            for field in [
                &mut outcome.duplicate_of, &mut outcome.recipient, &mut outcome.event_id, &mut outcome.event_type,
                &mut outcome.event_source, &mut outcome.event_time, &mut outcome.errmsg, &mut outcome.rid,
                &mut outcome.msgid, &mut outcome.param,
            ] {
                *field = optional();
            }
            for field in [&mut outcome.app, &mut outcome.rule, &mut outcome.template, &mut outcome.template_id] {
                *field = optional().map(Arc::from);
            }
            for field in [&mut outcome.detail, &mut outcome.received_at, &mut outcome.settled_at] {
                *field = optional().unwrap_or_default();
            }
            outcome.id = id;
            outcome.rules_version = Arc::from(optional().unwrap_or_default());
            outcome.message_id = optional().unwrap_or_default();
            if let Some(json) = optional() {
                outcome.more.insert(json.clone(), json!([json, 1, null]));
            }
            let (partition, offset, attempts, span) = numbers;
            if is_usual {
                outcome.rule = Some(Arc::from("r"));
                let (source, event) = (outcome.event_source.as_deref(), outcome.event_id.as_deref());
                outcome.message_id = format!("r|{}|{}", source.unwrap_or_default(), event.unwrap_or_default());
                (outcome.topic, outcome.partition, outcome.offset) = (Arc::from("t"), 0, 1);
            } else {
                (outcome.partition, outcome.offset, outcome.errcode) = (partition, offset, Some(offset));
            }
            (outcome.attempts, outcome.waited_ms, outcome.api_ms) = (attempts, span, span / 2);
            let text = outcome_to_text(&outcome).unwrap();
            prop_assert_eq!(outcome_of_text(&outcome.id, &text), Some(outcome), "{}", text);
        }
    }
}
