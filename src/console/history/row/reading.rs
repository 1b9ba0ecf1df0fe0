//! Rows are read.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::packed::{hash_text, uuid_text};
use super::{ABSENT, IN_FULL, OTHERWISE, TYPICAL, begun_ms, id_of, message_id_of};
use crate::console::history::bytes::Reader;
use crate::console::history::kinds::{Fold, Known};
use wx_courier_core::model::outcome::{Outcome, RecipientHash, read_word};
use wx_courier_core::model::rfc3339_ms;

/// What is read of a row.
struct Reading<'a> {
    forms: u64,
    rest: Reader<'a>,
}

impl<'a> Reading<'a> {
    fn form(&mut self) -> u64 {
        let form = self.forms & 3;
        self.forms >>= 2;
        form
    }

    fn usual(&mut self, usual: Option<&'a str>) -> Option<Option<&'a str>> {
        match self.form() {
            TYPICAL => Some(usual),
            ABSENT => Some(None),
            IN_FULL => self.rest.text().map(Some),
            _ => None,
        }
    }

    fn rare(&mut self) -> Option<Option<&'a str>> {
        match self.form() {
            TYPICAL => Some(None),
            IN_FULL => self.rest.text().map(Some),
            _ => None,
        }
    }

    /// A time, and what later times are near to; none where it is not there.
    fn time(&mut self, near_ms: i64) -> Option<Option<(String, i64)>> {
        match self.form() {
            TYPICAL => {
                let ms = near_ms.wrapping_sub(self.rest.signed()?);
                Some(Some((rfc3339_ms(ms), ms)))
            }
            ABSENT => Some(None),
            IN_FULL => Some(Some((self.rest.text()?.to_owned(), near_ms))),
            _ => None,
        }
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.rest.bytes(N)?.try_into().ok()
    }
}

/// The outcome of a row; `None` if the bytes are none.
pub(in crate::console::history) fn decode(
    bytes: &[u8],
    at_ms: i64,
    known: &Known,
) -> Option<Outcome> {
    let mut rest = Reader(bytes);
    let forms = rest.number()?;
    let mut row = Reading { forms, rest };
    let mut outcome = row.kind(known)?;
    outcome.partition = i32::try_from(row.rest.signed()?).ok()?;
    outcome.offset = row.rest.signed()?;
    outcome.attempts = u32::try_from(row.rest.number()?).ok()?;
    outcome.waited_ms = row.rest.number()?;
    outcome.api_ms = row.rest.number()?;
    row.read_names(&mut outcome)?;
    let usual = &known.usual;
    let owned = |text: Option<&str>| text.map(str::to_owned);
    outcome.topic = shared(row.usual(usual.topic.as_deref())?, usual.topic.as_ref())?;
    outcome.detail = row.usual(usual.detail.as_deref())?.map(str::to_owned)?;
    let template_id = row.usual(usual.template_id.as_deref())?;
    outcome.template_id = shared(template_id, usual.template_id.as_ref());
    outcome.event_type = owned(row.usual(usual.event_type.as_deref())?);
    outcome.event_source = owned(row.usual(usual.event_source.as_deref())?);
    outcome.errmsg = owned(row.usual(usual.errmsg.as_deref())?);
    outcome.param = owned(row.usual(usual.param.as_deref())?);
    outcome.rid = owned(row.rare()?);
    outcome.duplicate_of = owned(row.rare()?);
    let (settled_at, settled_ms) = row.time(at_ms)??;
    outcome.settled_at = settled_at;
    let (received_at, received_ms) = row.time(begun_ms(settled_ms, &outcome))??;
    outcome.received_at = received_at;
    outcome.event_time = row.time(received_ms)?.map(|(time, _)| time);
    outcome.id = match row.form() {
        TYPICAL => id_of(
            &outcome.topic,
            outcome.partition,
            outcome.offset,
            outcome.rule.as_deref(),
        ),
        IN_FULL => row.rest.text()?.to_owned(),
        _ => return None,
    };
    outcome.message_id = match row.form() {
        TYPICAL => message_id_of(
            outcome.rule.as_deref(),
            outcome.event_source.as_deref(),
            outcome.event_id.as_deref(),
        )?,
        ABSENT => outcome.id.clone(),
        IN_FULL => row.rest.text()?.to_owned(),
        _ => return None,
    };
    if let Some(more) = row.rare()? {
        outcome.more = serde_json::from_str::<BTreeMap<String, Value>>(more).ok()?;
    }
    Some(outcome)
}

/// The text, by the kind's own memory where it is the usual one.
fn shared(text: Option<&str>, usual: Option<&Arc<str>>) -> Option<Arc<str>> {
    let text = text?;
    let usual = usual.filter(|usual| usual.as_ref() == text);
    Some(usual.map_or_else(|| Arc::from(text), Arc::clone))
}

impl Reading<'_> {
    /// An outcome of which only the kind is told.
    fn kind(&mut self, known: &Known) -> Option<Outcome> {
        let kind = &known.kind;
        let mut outcome = Outcome {
            status: read_word(&kind.status)?,
            reason: read_word(&kind.reason)?,
            errcode: kind.errcode,
            rule: kind.rule.clone(),
            app: kind.app.clone(),
            template: kind.template.clone(),
            rules_version: kind.rules_version.clone().unwrap_or_default(),
            ..empty()?
        };
        match known.fold {
            Fold::Whole => {}
            Fold::WithoutVersion => outcome.rules_version = Arc::from(self.rest.text()?),
            Fold::StatusAlone => {
                outcome.status = read_word(self.rest.text()?)?;
                outcome.reason = read_word(self.rest.text()?)?;
                let has_code = self.rest.number()? == 1;
                let code = self.rest.signed()?;
                outcome.errcode = has_code.then_some(code);
                outcome.rule = self.rest.optional()?.map(Arc::from);
                outcome.app = self.rest.optional()?.map(Arc::from);
                outcome.template = self.rest.optional()?.map(Arc::from);
                outcome.rules_version = Arc::from(self.rest.text()?);
            }
        }
        Some(outcome)
    }

    fn read_names(&mut self, outcome: &mut Outcome) -> Option<()> {
        outcome.msgid = match self.form() {
            TYPICAL => None,
            OTHERWISE => Some(u64::from_le_bytes(self.array()?).to_string()),
            IN_FULL => Some(self.rest.text()?.to_owned()),
            _ => return None,
        };
        outcome.event_id = match self.form() {
            TYPICAL => Some(self.rest.text()?.to_owned()),
            ABSENT => None,
            OTHERWISE => Some(uuid_text(self.array()?)),
            _ => return None,
        };
        outcome.business_key = match self.form() {
            TYPICAL => None,
            OTHERWISE => outcome.event_id.clone(),
            IN_FULL => Some(self.rest.text()?.to_owned()),
            _ => return None,
        };
        outcome.recipient = match self.form() {
            TYPICAL => Some(self.rest.text()?.to_owned()),
            ABSENT => None,
            _ => return None,
        };
        let hash = match self.form() {
            TYPICAL => Some(hash_text(self.array()?)),
            ABSENT => None,
            IN_FULL => Some(self.rest.text()?.to_owned()),
            _ => return None,
        };
        outcome.recipient_hash = hash.map(|hash| RecipientHash::Kept(Arc::from(hash)));
        Some(())
    }
}

/// An outcome that says nothing yet.
fn empty() -> Option<Outcome> {
    Some(Outcome {
        id: String::new(),
        message_id: String::new(),
        duplicate_of: None,
        status: read_word("unlisted")?,
        reason: read_word("unlisted")?,
        detail: String::new(),
        rule: None,
        rules_version: Arc::default(),
        app: None,
        template: None,
        template_id: None,
        recipient: None,
        recipient_hash: None,
        event_id: None,
        event_type: None,
        event_source: None,
        event_time: None,
        business_key: None,
        topic: Arc::default(),
        partition: 0,
        offset: 0,
        errcode: None,
        errmsg: None,
        rid: None,
        msgid: None,
        param: None,
        attempts: 0,
        received_at: String::new(),
        settled_at: String::new(),
        waited_ms: 0,
        api_ms: 0,
        traceparent: None,
        record: None,
        more: BTreeMap::new(),
    })
}
