//! An outcome as text: what can be made again from its key, from its record and from other fields is left out.
//!
//! The text begins with `3`, and each field is a line: a letter, then the value, in which a line's end is `\n` and `\` is `\\`. A field that is
//! missing or empty has no line. The letters are closed: a field of a later version goes by its whole name into the JSON under `z`, so that
//! this version can publish it. Text that begins with `2` is of the version before, and text that begins with `{` is JSON of one before that.
//!
//! Left out are the `id`, which is the key; the business key, which is put in where the outcome is published; topic, partition, offset and rule where the `id` tells them; the event's fields where the record
//! tells them, and then `f` has the stamp of the record (`F` where they are here); the recipient's hash, unless a login code named the recipient; and of the message id what rule, source and event id tell. A
//! moment is a number of milliseconds, counted from the one before it. What nearly every message that is sent says has no line either: `sent`,
//! `ok` and its sentence, one attempt, and a wait that is all the time outside of the call.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::lines::{Fields, Form, Lines};
use super::named::{put_named, take_named};
use crate::message::usual_message_id;
use crate::model::outcome::{EventFields, Outcome, Reason, RecipientHash, Status, read_word};

/// What the text of a version before that begins with.
const JSON: char = '{';

/// The sentence of a message that was sent, as this form of the text leaves it out. It stays as it is, whatever such messages say in later
/// versions.
const OF_SENT: &str = "WeChat took the message";

/// An outcome as text.
pub fn outcome_to_text(outcome: &Outcome) -> serde_json::Result<String> {
    // All fields by name: a new one has to have its place. That place is no letter, which the version before could not read: the field goes by
    // its whole name under `z`, with `put_named` here and `take_named` below. See `named`.
    let Outcome {
        id,
        message_id: _,
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
        recipient_hash,
        event_id: _,
        event_type: _,
        event_source: _,
        event_time: _,
        // The record tells it each time that the outcome is published.
        business_key: _,
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
        record: _,
        more,
    } = outcome;
    let mut lines = Lines::new();
    lines.put_unless('s', status.as_str(), Status::Sent.as_str());
    lines.put_unless('r', reason.as_str(), Reason::Ok.as_str());
    lines.put_unless('d', detail, usual_detail(*reason));
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
    let from_ms = put_event(&mut lines, outcome);
    lines.put_optional('D', duplicate_of.as_deref());
    lines.put_text('v', rules_version);
    lines.put_optional('a', app.as_deref());
    lines.put_optional('t', template.as_deref());
    lines.put_optional('i', template_id.as_deref());
    lines.put_optional('u', recipient.as_deref());
    lines.put_optional('c', errcode.map(|code| code.to_string()).as_deref());
    lines.put_optional('g', errmsg.as_deref());
    lines.put_optional('q', rid.as_deref());
    lines.put_optional('n', msgid.as_deref());
    lines.put_optional('p', param.as_deref());
    lines.put_unless('A', &attempts.to_string(), "1");
    let received_ms = lines.put_moment('x', received_at, from_ms);
    let settled_ms = lines.put_moment('y', settled_at, received_ms.or(from_ms));
    let usual_ms = usual_wait_ms(received_ms, settled_ms, *api_ms);
    lines.put_unless('W', &waited_ms.to_string(), &usual_ms.to_string());
    lines.put_number('I', *api_ms);
    put_more(&mut lines, more, recipient_hash.as_ref())?;
    Ok(lines.into_text())
}

/// The fields that have no letter.
fn put_more(
    lines: &mut Lines,
    more: &BTreeMap<String, Value>,
    hash: Option<&RecipientHash>,
) -> serde_json::Result<()> {
    match hash {
        // Where the record is read again its recipient is known again.
        None | Some(RecipientHash::OfRecord(_)) if more.is_empty() => {}
        None | Some(RecipientHash::OfRecord(_)) => lines.put('z', &serde_json::to_string(more)?),
        Some(RecipientHash::Kept(_)) => {
            let mut more = more.clone();
            put_named(&mut more, RECIPIENT_HASH, hash)?;
            lines.put('z', &serde_json::to_string(&more)?);
        }
    }
    Ok(())
}

/// A recipient's hash by its name.
const RECIPIENT_HASH: &str = "recipient_hash";

/// The event's fields, and the message id. Gives the event's moment, if it is here as a number.
fn put_event(lines: &mut Lines, outcome: &Outcome) -> Option<i64> {
    let Outcome {
        message_id,
        rule,
        event_id,
        event_type,
        event_source,
        event_time,
        record,
        ..
    } = outcome;
    let stamp = record.map(|record| record.stamp.to_text());
    if outcome.record_tells_event() {
        lines.put_optional('f', stamp.as_deref());
        let is_usual = usual_message_id(outcome).as_ref() == Some(message_id);
        if !is_usual && !message_id.is_empty() {
            lines.put('M', message_id);
        }
        return None;
    }
    lines.put_optional('F', stamp.as_deref());
    let begin = begin_of_message_id(rule.as_deref(), event_source.as_deref());
    match message_id.strip_prefix(&begin) {
        Some(rest) if Some(rest) == event_id.as_deref() => {}
        Some(rest) => lines.put('m', rest),
        None => lines.put('M', message_id),
    }
    lines.put_optional('e', event_id.as_deref());
    lines.put_optional('k', event_type.as_deref());
    lines.put_optional('o', event_source.as_deref());
    let happened = event_time.as_deref()?;
    lines.put_moment('w', happened, None)
}

/// Reads the text of the outcome with this `id`; `None` if it cannot be read.
pub fn outcome_of_text(id: &str, text: &str) -> Option<Outcome> {
    if text.starts_with(JSON) {
        return serde_json::from_str(text).ok();
    }
    let (form, mut fields) = Fields::read(text)?;
    let place = match fields.take('T') {
        Some(topic) => Place {
            topic: Arc::from(topic),
            partition: fields.number('P')?,
            offset: fields.number('O')?,
            rule: fields.shared('R'),
        },
        None => Place::of_id(id)?,
    };
    let record = fields.record()?;
    let (event_id, event_source) = (fields.take('e'), fields.take('o'));
    let begin = begin_of_message_id(place.rule.as_deref(), event_source.as_deref());
    let is_told = record.is_some_and(|record| record.event == EventFields::LeftOut);
    let message_id = match (fields.take('M'), fields.take('m')) {
        (Some(whole), _) => whole,
        (None, Some(rest)) => begin + &rest,
        (None, None) if is_told => String::new(),
        (None, None) => begin + event_id.as_deref()?,
    };
    let (event_time, from_ms) = fields.moment('w', None)?;
    let (received_at, received_ms) = fields.moment('x', from_ms)?;
    let (settled_at, settled_ms) = fields.moment('y', received_ms.or(from_ms))?;
    let (status, reason) = verdict(&mut fields, form)?;
    let api_ms = fields.number('I')?;
    let (detail, attempts, waited_ms) = match form {
        Form::Newest => (
            usual_detail(reason),
            1,
            usual_wait_ms(received_ms, settled_ms, api_ms),
        ),
        Form::Before => ("", 0, 0),
    };
    let mut more = match fields.take('z') {
        Some(json) => serde_json::from_str(&json).ok()?,
        None => BTreeMap::new(),
    };
    let outcome = Outcome {
        id: id.to_owned(),
        message_id,
        duplicate_of: fields.take('D'),
        status,
        reason,
        detail: fields.take('d').unwrap_or_else(|| detail.to_owned()),
        rule: place.rule,
        rules_version: Arc::from(fields.take('v').unwrap_or_default()),
        app: fields.shared('a'),
        template: fields.shared('t'),
        template_id: fields.shared('i'),
        recipient: fields.take('u'),
        recipient_hash: take_named(&mut more, RECIPIENT_HASH)?,
        event_id,
        event_type: fields.take('k'),
        event_source,
        event_time,
        business_key: None,
        topic: place.topic,
        partition: place.partition,
        offset: place.offset,
        errcode: fields.optional('c')?,
        errmsg: fields.take('g'),
        rid: fields.take('q'),
        msgid: fields.take('n'),
        param: fields.take('p'),
        attempts: fields.number_or('A', attempts)?,
        received_at: received_at.unwrap_or_default(),
        settled_at: settled_at.unwrap_or_default(),
        waited_ms: fields.number_or('W', waited_ms)?,
        api_ms,
        traceparent: None,
        record,
        more,
    };
    // What is left is of no version that is known here.
    fields.is_empty().then_some(outcome)
}

/// How it ended, and why.
fn verdict(fields: &mut Fields, form: Form) -> Option<(Status, Reason)> {
    let (status, reason) = (fields.take('s'), fields.take('r'));
    match form {
        Form::Newest => Some((
            status.map_or(Some(Status::Sent), |word| read_word(&word))?,
            reason.map_or(Some(Reason::Ok), |word| read_word(&word))?,
        )),
        Form::Before => Some((read_word(&status?)?, read_word(&reason?)?)),
    }
}

/// The sentence that has no line.
fn usual_detail(reason: Reason) -> &'static str {
    if reason == Reason::Ok { OF_SENT } else { "" }
}

/// The wait that has no line: all the time outside of the call.
fn usual_wait_ms(received_ms: Option<i64>, settled_ms: Option<i64>, api_ms: u64) -> u64 {
    let took_ms = received_ms
        .zip(settled_ms)
        .and_then(|(received_ms, settled_ms)| settled_ms.checked_sub(received_ms));
    let took_ms = took_ms.and_then(|took_ms| u64::try_from(took_ms).ok());
    took_ms.unwrap_or_default().saturating_sub(api_ms)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::model::outcome::{OfRecord, Stamp};

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

    /// The same as the service settles it: its record is at hand.
    fn of_record(event: EventFields) -> Outcome {
        let mut outcome = sent();
        OF_SENT.clone_into(&mut outcome.detail);
        let stamp = Stamp::of_text("0123456789ab").unwrap();
        outcome.record = Some(OfRecord { stamp, event });
        outcome
    }

    /// What a store leaves out of it.
    fn left_out(mut outcome: Outcome) -> Outcome {
        if usual_message_id(&outcome).as_ref() == Some(&outcome.message_id) {
            outcome.message_id.clear();
        }
        outcome.event_id = None;
        outcome.event_type = None;
        outcome.event_source = None;
        outcome.event_time = None;
        if let Some(record) = &mut outcome.record {
            record.event = EventFields::LeftOut;
        }
        outcome
    }

    #[test]
    fn the_text_of_a_message_that_was_sent_is_short() {
        let outcome = of_record(EventFields::OfRecord);
        let text = outcome_to_text(&outcome).unwrap();
        assert_eq!(
            text,
            "3\nf0123456789ab\nv3f2a9c41d07b\nashop\ntorder_completed\niHYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8\n\
             uoBi***001\nn2862830402153865217\nx1795336200120\ny80\nI68"
        );
        let read = outcome_of_text(&outcome.id, &text).unwrap();
        assert_eq!(read, left_out(outcome));
        assert_eq!(outcome_to_text(&read).unwrap(), text);
    }

    #[test]
    fn the_event_stays_where_no_record_will_be_at_hand() {
        let kept = of_record(EventFields::Kept);
        let text = outcome_to_text(&kept).unwrap();
        assert!(
            text.contains("\nF0123456789ab\n") && text.contains("\ne01J9Z8Y7X6W5V4U3T2S1R0Q9P8\n"),
            "{text}"
        );
        assert_eq!(outcome_of_text(&kept.id, &text), Some(kept));
        let of_none = sent();
        let text = outcome_to_text(&of_none).unwrap();
        assert_eq!(outcome_of_text(&of_none.id, &text), Some(of_none));
    }

    #[test]
    fn a_hash_is_kept_where_no_record_tells_the_recipient() {
        let mut outcome = of_record(EventFields::Kept);
        let plain = outcome_to_text(&outcome).unwrap();
        let hash: Arc<str> = Arc::from("00112233445566778899aabbccddeeff");
        outcome.recipient_hash = Some(RecipientHash::OfRecord(Arc::clone(&hash)));
        assert_eq!(outcome_to_text(&outcome).unwrap(), plain);
        outcome.recipient_hash = Some(RecipientHash::Kept(hash));
        let text = outcome_to_text(&outcome).unwrap();
        let line = "\nz{\"recipient_hash\":\"00112233445566778899aabbccddeeff\"}";
        assert_eq!(text, format!("{plain}{line}"));
        assert_eq!(outcome_of_text(&outcome.id, &text), Some(outcome.clone()));
        // It stands beside what a later version wrote.
        outcome.more.insert("later".to_owned(), json!(1));
        let text = outcome_to_text(&outcome).unwrap();
        assert_eq!(outcome_of_text(&outcome.id, &text), Some(outcome));
    }

    #[test]
    fn text_of_the_version_before_is_read() {
        let text = "2\nssent\nrok\nv3f2a9c41d07b\nashop\ntorder_completed\niHYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8\nuoBi***001\n\
             e01J9Z8Y7X6W5V4U3T2S1R0Q9P8\nkorder.completed\no/shop/orders\nw1795336200000\nn2862830402153865217\nA1\nx120\ny80\nW12\nI68";
        assert_eq!(outcome_of_text(&sent().id, text), Some(sent()));
        let none = text.replace("\nA1", "").replace("\nW12", "");
        let none = outcome_of_text(&sent().id, &none).unwrap();
        assert_eq!(
            (none.attempts, none.waited_ms, none.detail.as_str()),
            (0, 0, "")
        );
        for missing in ["\nssent", "\nrok"] {
            let text = text.replace(missing, "");
            assert_eq!(outcome_of_text(&sent().id, &text), None, "{missing}");
        }
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
            text.replacen('3', "4", 1),
            format!("{text}\nA2\nA2"),
            format!("{text}\nXnew"),
            format!("{text}\nd\\x"),
            format!("{text}\n"),
            format!("{text}\nf0123456789a"),
            format!("{text}\nf0123456789ab\nF0123456789ab"),
            text.replace("\ne01J9Z8Y7X6W5V4U3T2S1R0Q9P8", ""),
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
            of_record in prop::option::of(prop_oneof![Just(EventFields::OfRecord), Just(EventFields::Kept)]),
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
            outcome.recipient_hash = optional().map(|hash| RecipientHash::Kept(Arc::from(hash)));
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
            let stamp = Stamp::of_text("0123456789ab").unwrap();
            outcome.record = of_record.map(|event| OfRecord { stamp, event });
            let text = outcome_to_text(&outcome).unwrap();
            let id = outcome.id.clone();
            let expected = if of_record == Some(EventFields::OfRecord) { left_out(outcome) } else { outcome };
            prop_assert_eq!(outcome_of_text(&id, &text), Some(expected), "{}", text);
        }
    }
}
