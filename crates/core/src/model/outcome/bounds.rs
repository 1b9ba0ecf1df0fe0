//! How large an outcome can be: each of its texts has a bound, so the whole has one. An outcome that its topic refuses for its size would hold
//! its partition up for ever.
//!
//! Texts are measured as JSON writes them, where a control character takes six bytes.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Outcome, sha256};

/// What the `id` of an outcome, and a message id, may take. Both stand in a record three times.
pub const LONGEST_ID_BYTES: usize = 1024;

/// A message id that ends in the run of a replay.
const LONGEST_MESSAGE_ID_BYTES: usize = LONGEST_ID_BYTES + 64;

/// An attribute of the event. Decoding has the same bound for its bytes.
const LONGEST_ATTRIBUTE_BYTES: usize = 1024;

/// The name of a rule, an app, a template or a topic.
const LONGEST_NAME_BYTES: usize = 256;

/// What `WeChat` or the rule calls something: a request id, a number, a param; and a recipient.
const LONGEST_WORD_BYTES: usize = 256;

/// A hash of a recipient has 32 digits.
const LONGEST_HASH_BYTES: usize = 64;

/// A sentence for a person.
const LONGEST_DETAIL_BYTES: usize = 2048;

/// `WeChat`'s text.
const LONGEST_ERRMSG_BYTES: usize = 1024;

/// A moment in RFC 3339 has 24 characters.
const LONGEST_MOMENT_BYTES: usize = 64;

/// What a later version wrote beside the fields that are known here, as JSON.
const LONGEST_MORE_BYTES: usize = 1024;

/// W3C trace context has 55 characters.
const LONGEST_TRACE_BYTES: usize = 64;

/// The smallest `max.message.bytes` that the outcome topic and the dead-letter topic may have. It is also the size of a batch, which such a
/// limit is for.
pub const SMALLEST_TOPIC_BYTES: usize = 16 * 1024;

/// No outcome takes more on its topic: key, value and headers. What is left up to the smallest topic is for the fields of Kafka's own.
pub const LARGEST_OUTCOME_BYTES: usize = SMALLEST_TOPIC_BYTES - 512;

/// What stands beside the value on the topic: the key, headers that repeat texts of the outcome, and their names and fixed values.
const BESIDE_THE_VALUE_BYTES: usize = LONGEST_MESSAGE_ID_BYTES
    + LONGEST_ID_BYTES
    + LONGEST_MOMENT_BYTES
    + LONGEST_TRACE_BYTES
    + LONGEST_NAME_BYTES
    + 250;

/// No outcome takes more in its smallest form.
pub const LARGEST_SMALL_BYTES: usize = 10 * 1024;

/// What an event's attribute may take in that form.
const SHORT_ATTRIBUTE_BYTES: usize = 128;

/// What a character takes in JSON.
fn width(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        c if c < ' ' => 6,
        c => c.len_utf8(),
    }
}

/// The most that JSON makes of a byte.
const WIDEST: usize = 6;

fn fits(text: &str, longest: usize) -> bool {
    // Nearly every text ends here: nothing of it has to be looked at.
    if text.len() * WIDEST <= longest {
        return true;
    }
    text.len() <= longest && (is_plain(text) || text.chars().map(width).sum::<usize>() <= longest)
}

/// Whether JSON writes a text as it is. All bytes are looked at: that way many are compared at once.
fn is_plain(text: &str) -> bool {
    let is_escaped = |byte| matches!(byte, 0..b' ' | b'"' | b'\\');
    !text.bytes().fold(false, |any, byte| any | is_escaped(byte))
}

/// As many of the first characters as fit.
fn beginning(text: &str, longest: usize) -> &str {
    let mut taken = 0;
    let end = text.char_indices().find(|(_, c)| {
        taken += width(*c);
        taken > longest
    });
    end.map_or(text, |(end, _)| text.split_at(end).0)
}

/// A text that names something, in at most so many bytes: as it is where it fits, and else its beginning and a digest of the whole. So equal
/// names stay equal, and different ones different; and what was cut is not cut again. The digest alone takes 72 bytes.
pub fn name(text: &str, longest: usize) -> Cow<'_, str> {
    if fits(text, longest) {
        return Cow::Borrowed(text);
    }
    let digest = sha256(text);
    let room = longest.saturating_sub(digest.len() + 1);
    Cow::Owned(format!("{}~{digest}", beginning(text, room)))
}

/// What is wrong with a name that is given to a rule, an app or a template, if it is too long. Outcomes, ids, Kafka's keys and labels of
/// metrics have it, and the user looks for it there: it must never be cut.
pub fn name_too_long(name: &str) -> Option<String> {
    if fits(name, LONGEST_NAME_BYTES) {
        return None;
    }
    let n_bytes: usize = name.chars().map(width).sum();
    Some(format!(
        "the name is too long: {n_bytes} bytes, and outcomes have room for {LONGEST_NAME_BYTES}"
    ))
}

/// An id, in at most [`LONGEST_ID_BYTES`].
pub fn id(text: String) -> String {
    if fits(&text, LONGEST_ID_BYTES) {
        return text;
    }
    name(&text, LONGEST_ID_BYTES).into_owned()
}

/// A business key, as outcomes say it.
pub fn business_key(text: &str) -> String {
    name(text, LONGEST_WORD_BYTES).into_owned()
}

/// An attribute of an event, as outcomes say it.
pub fn attribute(text: &str) -> String {
    name(text, LONGEST_ATTRIBUTE_BYTES).into_owned()
}

/// `ce_source` of what a consumer group publishes.
pub fn source_of(group: &str) -> String {
    name(&format!("/wx-courier/{group}"), LONGEST_NAME_BYTES).into_owned()
}

/// A text that a person reads: its beginning, if it is too long.
pub fn sentence(text: &str, longest: usize) -> Cow<'_, str> {
    const CUT: &str = "…";
    if fits(text, longest) {
        return Cow::Borrowed(text);
    }
    let room = longest.saturating_sub(CUT.len());
    Cow::Owned(format!("{}{CUT}", beginning(text, room)))
}

/// How a text is made to fit.
type Cut = fn(&str, usize) -> Cow<'_, str>;

fn bound(text: &mut String, longest: usize, cut: Cut) {
    if let Cow::Owned(cut) = cut(text, longest) {
        *text = cut;
    }
}

fn bound_shared(text: &mut Arc<str>, longest: usize) {
    if let Cow::Owned(cut) = name(text, longest) {
        *text = Arc::from(cut);
    }
}

impl Outcome {
    /// Whether no text is longer than its bound.
    pub fn is_bounded(&self) -> bool {
        let optional = |text: &Option<String>, longest| {
            let text = text.as_deref();
            text.is_none_or(|text| fits(text, longest))
        };
        let names = [&self.rule, &self.app, &self.template, &self.template_id];
        let words = [
            &self.recipient,
            &self.business_key,
            &self.rid,
            &self.msgid,
            &self.param,
        ];
        let attributes = [&self.event_id, &self.event_type, &self.event_source];
        let trace = self.traceparent.as_ref();
        let hash = self.recipient_hash.as_ref();
        fits(&self.id, LONGEST_ID_BYTES)
            && fits(&self.message_id, LONGEST_MESSAGE_ID_BYTES)
            && optional(&self.duplicate_of, LONGEST_ID_BYTES)
            && fits(&self.detail, LONGEST_DETAIL_BYTES)
            && optional(&self.errmsg, LONGEST_ERRMSG_BYTES)
            && [&self.rules_version, &self.topic]
                .into_iter()
                .chain(names.into_iter().flatten())
                .all(|text| fits(text, LONGEST_NAME_BYTES))
            && words.iter().all(|text| optional(text, LONGEST_WORD_BYTES))
            && hash.is_none_or(|hash| fits(hash.as_str(), LONGEST_HASH_BYTES))
            && attributes
                .iter()
                .all(|text| optional(text, LONGEST_ATTRIBUTE_BYTES))
            && optional(&self.event_time, LONGEST_MOMENT_BYTES)
            && fits(&self.received_at, LONGEST_MOMENT_BYTES)
            && fits(&self.settled_at, LONGEST_MOMENT_BYTES)
            && trace.is_none_or(|trace| trace.len() <= LONGEST_TRACE_BYTES)
            && self.has_room_for_more()
    }

    /// Whether what a later version wrote fits beside the fields that are known here. All of these at their longest leave it no room.
    fn has_room_for_more(&self) -> bool {
        const LARGEST_VALUE_BYTES: usize = LARGEST_OUTCOME_BYTES - BESIDE_THE_VALUE_BYTES;
        let takes =
            |json: serde_json::Result<Vec<u8>>, most| json.is_ok_and(|json| json.len() <= most);
        self.more.is_empty()
            || takes(serde_json::to_vec(&self.more), LONGEST_MORE_BYTES)
                && takes(serde_json::to_vec(self), LARGEST_VALUE_BYTES)
    }

    /// Cuts whatever is longer than its bound. An outcome that was cut stays as it is; so does every ordinary one.
    pub fn bound(&mut self) {
        // All fields by name: a new text has to have its bound.
        let Self {
            id,
            message_id,
            duplicate_of,
            status: _,
            reason: _,
            detail,
            rule,
            rules_version,
            app,
            template,
            template_id,
            recipient,
            recipient_hash,
            event_id,
            event_type,
            event_source,
            event_time,
            business_key,
            topic,
            partition: _,
            offset: _,
            errcode: _,
            errmsg,
            rid,
            msgid,
            param,
            attempts: _,
            received_at,
            settled_at,
            waited_ms: _,
            api_ms: _,
            traceparent,
            record: _,
            more: _,
        } = self;
        bound(id, LONGEST_ID_BYTES, name);
        bound(message_id, LONGEST_MESSAGE_ID_BYTES, name);
        bound(detail, LONGEST_DETAIL_BYTES, sentence);
        for text in [received_at, settled_at] {
            bound(text, LONGEST_MOMENT_BYTES, sentence);
        }
        for text in [rules_version, topic] {
            bound_shared(text, LONGEST_NAME_BYTES);
        }
        for text in [rule, app, template, template_id].into_iter().flatten() {
            bound_shared(text, LONGEST_NAME_BYTES);
        }
        let optional: [(&mut Option<String>, usize, Cut); 11] = [
            (duplicate_of, LONGEST_ID_BYTES, name),
            (recipient, LONGEST_WORD_BYTES, name),
            (event_id, LONGEST_ATTRIBUTE_BYTES, name),
            (event_type, LONGEST_ATTRIBUTE_BYTES, name),
            (event_source, LONGEST_ATTRIBUTE_BYTES, name),
            (event_time, LONGEST_MOMENT_BYTES, sentence),
            (business_key, LONGEST_WORD_BYTES, name),
            (errmsg, LONGEST_ERRMSG_BYTES, sentence),
            (rid, LONGEST_WORD_BYTES, name),
            (msgid, LONGEST_WORD_BYTES, name),
            (param, LONGEST_WORD_BYTES, name),
        ];
        for (text, longest, cut) in optional {
            if let Some(text) = text {
                bound(text, longest, cut);
            }
        }
        // A part of it would be another user's.
        recipient_hash.take_if(|hash| !fits(hash.as_str(), LONGEST_HASH_BYTES));
        traceparent.take_if(|trace| trace.len() > LONGEST_TRACE_BYTES);
        if !self.has_room_for_more() {
            self.more.clear();
        }
    }

    /// What is published where the topic does not take the whole: what names the message, and says how it ended.
    #[must_use]
    pub fn smallest(&self) -> Self {
        let mut small = self.clone();
        "left out: the outcome topic does not accept records of this size"
            .clone_into(&mut small.detail);
        small.errmsg = None;
        small.more.clear();
        let attributes = [
            &mut small.event_id,
            &mut small.event_type,
            &mut small.event_source,
        ];
        for text in attributes.into_iter().flatten() {
            bound(text, SHORT_ATTRIBUTE_BYTES, name);
        }
        small
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::model::Record;
    use crate::model::outcome::{Reason, RecipientHash, Status, dead_letter_headers, read_word};

    /// Short and huge, and what JSON writes longer than it is.
    fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof!["[a-z0-9/|]{1,4}", "[\u{0}-\u{1f}\"\\\\]", "\\PC{1,3}"];
        let times = prop_oneof![Just(0_usize), 1..40_usize, 500..3000_usize];
        (piece, times).prop_map(|(piece, times)| piece.repeat(times))
    }

    fn outcome() -> impl Strategy<Value = Outcome> {
        let texts = proptest::collection::vec(text(), 22);
        (texts, any::<i64>(), any::<u64>()).prop_map(|(texts, number, span)| {
            let mut texts = texts.into_iter();
            let mut next = move || texts.next().unwrap();
            Outcome {
                id: next(),
                message_id: next(),
                duplicate_of: Some(next()),
                status: Status::Unmatched,
                reason: Reason::RecipientMalformed,
                detail: next(),
                rule: Some(Arc::from(next())),
                rules_version: Arc::from(next()),
                app: Some(Arc::from(next())),
                template: Some(Arc::from(next())),
                template_id: Some(Arc::from(next())),
                recipient: Some(next()),
                recipient_hash: Some(RecipientHash::Kept(Arc::from(next()))),
                event_id: Some(next()),
                event_type: Some(next()),
                event_source: Some(next()),
                event_time: Some("x".repeat(100)),
                business_key: Some(next()),
                topic: Arc::from(next()),
                partition: i32::MIN,
                offset: number,
                errcode: Some(number),
                errmsg: Some(next()),
                rid: Some(next()),
                msgid: Some(next()),
                param: Some(next()),
                attempts: u32::MAX,
                received_at: "x".repeat(100),
                settled_at: "x".repeat(100),
                waited_ms: span,
                api_ms: span,
                traceparent: Some(next()),
                record: None,
                more: BTreeMap::from([("later".to_owned(), next().into())]),
            }
        })
    }

    /// Key and value, and what of the outcome stands in headers, once more.
    fn size(outcome: &Outcome) -> usize {
        const NAMES_OF_HEADERS_AND_FIXED_VALUES: usize = 250;
        let value = serde_json::to_vec(outcome).unwrap();
        let trace = outcome.traceparent.as_ref().map_or(0, String::len);
        value.len()
            + outcome.message_id.len()
            + outcome.id.len()
            + outcome.settled_at.len()
            + trace
            + LONGEST_NAME_BYTES
            + NAMES_OF_HEADERS_AND_FIXED_VALUES
    }

    proptest! {
        #[test]
        fn whatever_comes_in_an_outcome_fits_the_smallest_topic(mut outcome in outcome()) {
            let (before, was_bounded) = (outcome.clone(), outcome.is_bounded());
            outcome.bound();
            prop_assert!(outcome.is_bounded());
            prop_assert_eq!(was_bounded, before == outcome);
            prop_assert!(size(&outcome) <= LARGEST_OUTCOME_BYTES, "{}", size(&outcome));
            let small = outcome.smallest();
            prop_assert!(size(&small) <= LARGEST_SMALL_BYTES, "{}", size(&small));
            let once = outcome.clone();
            outcome.bound();
            prop_assert_eq!(&outcome, &once, "what is bounded stays as it is");
            let record = Record {
                topic: Arc::from("t".repeat(249)),
                partition: i32::MAX,
                offset: i64::MAX,
                key: None,
                headers: Vec::new(),
                value: None,
                timestamp_ms: Some(i64::MAX),
            };
            let headers = dead_letter_headers(&outcome, &record);
            let letter: usize = headers.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
            prop_assert!(letter <= SMALLEST_TOPIC_BYTES / 2, "{letter}");
        }

        #[test]
        fn names_keep_what_they_tell_apart(left in text(), right in text(), longest in 100..2000_usize) {
            let (of_left, of_right) = (name(&left, longest), name(&right, longest));
            prop_assert!(fits(&of_left, longest));
            prop_assert_eq!(left == right, of_left == of_right);
            prop_assert_eq!(name(&of_left, longest), of_left.as_ref());
            let json = serde_json::to_string(of_left.as_ref()).unwrap();
            prop_assert!(json.len() <= longest + 2);
            prop_assert!(fits(&sentence(&left, longest), longest));
        }
    }

    /// An outcome whose every text is as long as it may be.
    #[test]
    fn the_longest_outcome_that_can_be_fits_too() {
        let long = || "x".repeat(20_000);
        let shared = || Arc::from(long());
        let some = || Some(long());
        let unlisted = read_word("x".repeat(2_000).as_str());
        let mut outcome = Outcome {
            id: long(),
            message_id: long(),
            duplicate_of: some(),
            status: unlisted.unwrap_or(Status::Unmatched),
            reason: Reason::RecipientMalformed,
            detail: long(),
            rule: Some(shared()),
            rules_version: shared(),
            app: Some(shared()),
            template: Some(shared()),
            template_id: Some(shared()),
            recipient: some(),
            business_key: some(),
            recipient_hash: Some(RecipientHash::Kept(Arc::from(
                "x".repeat(LONGEST_HASH_BYTES),
            ))),
            event_id: some(),
            event_type: some(),
            event_source: some(),
            event_time: some(),
            topic: shared(),
            partition: i32::MIN,
            offset: i64::MIN,
            errcode: Some(i64::MIN),
            errmsg: some(),
            rid: some(),
            msgid: some(),
            param: some(),
            attempts: u32::MAX,
            received_at: long(),
            settled_at: long(),
            waited_ms: u64::MAX,
            api_ms: u64::MAX,
            traceparent: Some("x".repeat(LONGEST_TRACE_BYTES)),
            record: None,
            more: BTreeMap::from([("m".to_owned(), "x".repeat(LONGEST_MORE_BYTES - 8).into())]),
        };
        let later = outcome.more.clone();
        outcome.bound();
        assert!(outcome.recipient_hash.is_some() && outcome.more.is_empty());
        let largest = size(&outcome);
        assert!(largest <= LARGEST_OUTCOME_BYTES, "{largest}");
        let small = size(&outcome.smallest());
        assert!(small <= LARGEST_SMALL_BYTES, "{small}");

        // A sentence of the usual length leaves it room.
        outcome.detail = "WeChat took the message".to_owned();
        outcome.more.clone_from(&later);
        outcome.bound();
        assert_eq!(outcome.more, later);
        let largest = size(&outcome);
        assert!(largest <= LARGEST_OUTCOME_BYTES, "{largest}");
    }

    #[test]
    fn ordinary_texts_stay_as_they_are_and_long_ones_end_in_a_digest() {
        let ordinary = "order-completed|/shop/orders|1042";
        assert_eq!(name(ordinary, LONGEST_ID_BYTES), ordinary);
        let longest = "x".repeat(LONGEST_ID_BYTES);
        assert_eq!(id(longest.clone()), longest);
        let cut = id("7".repeat(900_000));
        assert_eq!(cut.len(), LONGEST_ID_BYTES);
        let (digits, digest) = cut.split_once("~sha256:").unwrap();
        assert!(digits.bytes().all(|byte| byte == b'7'));
        assert_eq!(digest.len(), 64);
    }
}
