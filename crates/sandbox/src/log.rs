//! What was accepted. A million sends must fit in memory, so the log keeps bodies as they came and reads them when asked.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::body::{Field, SendBody};

/// Which kind of message it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// `message/subscribe/send`.
    Subscribe,
    /// `message/custom/send`.
    Custom,
}

/// One accepted send.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Accepted {
    /// Its place among all accepted sends since the start or the last reset, from 0.
    pub index: u64,
    /// A subscribe message or a customer-service message.
    pub kind: MessageKind,
    /// The app whose token was used.
    pub appid: String,
    /// `touser`.
    pub openid: String,
    /// `template_id`; a customer-service message has none.
    pub template_id: String,
    /// `page`, unless it was missing or empty.
    pub page: Option<String>,
    /// `miniprogram_state`, unless it was missing or empty.
    pub miniprogram_state: Option<String>,
    /// `lang`, unless it was missing or empty.
    pub lang: Option<String>,
    /// The values by key.
    pub data: BTreeMap<String, String>,
    /// The whole body of a customer-service message, which has no values by key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Value>,
    /// The id that was answered; above 2^53. A customer-service message has one too, but its sender is not told.
    pub msgid: u64,
    /// When it was accepted, in milliseconds since the epoch. The answer went out later by the latency.
    pub at_ms: u64,
    /// When the caller was told so. Nothing if it was told something else, was cut off, hung up before, or still waits.
    pub answered_at_ms: Option<u64>,
}

/// Where the log keeps an accepted send. The msgid tells it from one that took its place after a reset.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Taken {
    pub(super) index: u64,
    pub(super) msgid: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    kind: MessageKind,
    appid: Arc<str>,
    body: Arc<[u8]>,
    msgid: u64,
    at_ms: u64,
    answered_at_ms: Option<u64>,
}

/// The newest accepted sends, up to a limit.
#[derive(Debug)]
pub(super) struct Log {
    limit: usize,
    entries: VecDeque<Entry>,
    /// The index of the oldest entry that is kept.
    first: u64,
}

impl Log {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            entries: VecDeque::new(),
            first: 0,
        }
    }

    /// Accepted sends, kept or not.
    pub(super) fn n_accepted(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    pub(super) fn add(&mut self, appid: Arc<str>, body: &[u8], msgid: u64, at_ms: u64) -> Taken {
        self.keep(MessageKind::Subscribe, appid, body, msgid, at_ms)
    }

    pub(super) fn add_custom(
        &mut self,
        appid: Arc<str>,
        body: &[u8],
        msgid: u64,
        at_ms: u64,
    ) -> Taken {
        self.keep(MessageKind::Custom, appid, body, msgid, at_ms)
    }

    /// The body is copied: a slice of the connection's buffer would keep the whole buffer alive.
    fn keep(
        &mut self,
        kind: MessageKind,
        appid: Arc<str>,
        body: &[u8],
        msgid: u64,
        at_ms: u64,
    ) -> Taken {
        let index = self.n_accepted();
        self.entries.push_back(Entry {
            kind,
            appid,
            body: Arc::from(body),
            msgid,
            at_ms,
            answered_at_ms: None,
        });
        if self.entries.len() > self.limit {
            self.entries.pop_front();
            self.first += 1;
        }
        Taken { index, msgid }
    }

    /// Remembers when the caller was told, if the send is still in the log.
    pub(super) fn answered(&mut self, taken: Taken, now_ms: u64) {
        let place = taken.index.checked_sub(self.first);
        let place = place.and_then(|place| usize::try_from(place).ok());
        let entry = place.and_then(|place| self.entries.get_mut(place));
        if let Some(entry) = entry.filter(|entry| entry.msgid == taken.msgid) {
            entry.answered_at_ms = Some(now_ms);
        }
    }

    /// Up to `limit` raw entries from index `since` on, to be read outside the lock.
    pub(super) fn from(&self, since: u64, limit: usize) -> RawLog {
        let first = since.max(self.first);
        let skip = usize::try_from(first - self.first).unwrap_or(usize::MAX);
        RawLog {
            first,
            entries: self
                .entries
                .iter()
                .skip(skip)
                .take(limit)
                .cloned()
                .collect(),
        }
    }
}

/// A part of the log, not yet parsed.
#[derive(Debug)]
pub(super) struct RawLog {
    first: u64,
    entries: Vec<Entry>,
}

impl RawLog {
    pub(super) fn read(self) -> Vec<Accepted> {
        (self.first..)
            .zip(&self.entries)
            .map(|(index, entry)| read(index, entry))
            .collect()
    }
}

fn read(index: u64, entry: &Entry) -> Accepted {
    let text = String::from_utf8_lossy(&entry.body);
    // Only bodies that were parsed once before are ever added.
    let body: SendBody<'_> = serde_json::from_str(&text).unwrap_or_default();
    let owned = |field: &Field<'_>| field.non_empty().map(str::to_owned);
    Accepted {
        index,
        kind: entry.kind,
        appid: entry.appid.as_ref().to_owned(),
        openid: body.touser.text().to_owned(),
        template_id: body.template_id.text().to_owned(),
        page: owned(&body.page),
        miniprogram_state: owned(&body.miniprogram_state),
        lang: owned(&body.lang),
        data: body
            .data
            .0
            .iter()
            .map(|(key, value)| (key.clone().into_owned(), value.text().to_owned()))
            .collect(),
        message: match entry.kind {
            MessageKind::Subscribe => None,
            MessageKind::Custom => serde_json::from_str(&text).ok(),
        },
        msgid: entry.msgid,
        at_ms: entry.at_ms,
        answered_at_ms: entry.answered_at_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] =
        r#"{"touser":"o1","template_id":"T","page":"","lang":"zh_CN","data":{"thing1":{"value":"拿铁"}}}"#.as_bytes();

    #[test]
    fn the_log_is_read_from_an_index() {
        let mut log = Log::new(10);
        for n in 0..5 {
            log.add(Arc::from("wx1"), BODY, 100 + n, 7);
        }
        let page = log.from(3, 10).read();
        assert_eq!(
            page.iter()
                .map(|accepted| (accepted.index, accepted.msgid))
                .collect::<Vec<_>>(),
            [(3, 103), (4, 104)]
        );
        assert_eq!(
            (
                page[0].openid.as_str(),
                page[0].page.as_deref(),
                page[0].lang.as_deref()
            ),
            ("o1", None, Some("zh_CN"))
        );
        assert_eq!(page[0].data["thing1"], "拿铁");
        assert!(log.from(9, 10).read().is_empty());
    }

    #[test]
    fn a_customer_service_message_is_kept_whole() {
        let mut log = Log::new(10);
        let body = br#"{"touser":"o1","msgtype":"text","text":{"content":"x"}}"#;
        log.add_custom(Arc::from("wx1"), body, 1, 7);
        let entry = log.from(0, 10).read().remove(0);
        assert_eq!(
            (entry.kind, entry.openid.as_str()),
            (MessageKind::Custom, "o1")
        );
        assert_eq!(entry.message.unwrap()["text"]["content"], "x");
    }

    #[test]
    fn the_answer_is_noted_where_its_send_still_stands() {
        let mut log = Log::new(2);
        let mut add = |msgid| log.add(Arc::from("wx1"), BODY, msgid, 7);
        let (gone, first, second) = (add(1), add(2), add(3));
        log.answered(gone, 8);
        log.answered(second, 9);
        let of_earlier_log = Taken { msgid: 77, ..first };
        log.answered(of_earlier_log, 10);
        let page = log.from(0, 10).read();
        let told: Vec<_> = page.iter().map(|send| send.answered_at_ms).collect();
        assert_eq!(told, [None, Some(9)]);
    }

    #[test]
    fn the_oldest_goes_first_and_indexes_stay() {
        let mut log = Log::new(2);
        for n in 0..5 {
            log.add(Arc::from("wx1"), BODY, n, 7);
        }
        assert_eq!(log.n_accepted(), 5);
        assert_eq!(
            log.from(0, 10)
                .read()
                .iter()
                .map(|accepted| accepted.index)
                .collect::<Vec<_>>(),
            [3, 4]
        );
    }
}
