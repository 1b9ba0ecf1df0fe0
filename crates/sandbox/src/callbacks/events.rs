//! The events that users and sends give rise to. WeChat: the events of subscribe messages, and of the customer service.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::callbacks::{Stamp, push};
use crate::customer::Act;
use crate::state::{State, lock};
use crate::subscribe::Choice;

/// What the events after accepted sends say, and when they come.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SentEvents {
    /// How long after the send, in milliseconds.
    pub delay_ms: u64,
    /// Events that tell of a failure; the first that fits is used.
    pub failures: Vec<SentFailure>,
}

/// A delivery that fails after the send was accepted. WeChat: `subscribe_msg_sent_event`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SentFailure {
    /// Only to this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openid: Option<String>,
    /// Only of this template id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// How many; without a number, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// `ErrorCode`.
    pub code: String,
    /// `ErrorStatus`.
    pub status: String,
}

impl SentEvents {
    /// `ErrorCode` and `ErrorStatus` of the next event.
    fn next(&mut self, openid: &str, template_id: &str) -> (String, String) {
        let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|it| it == is);
        let failure = self.failures.iter_mut().find(|failure| {
            failure.times != Some(0)
                && fits(&failure.openid, openid)
                && fits(&failure.template, template_id)
        });
        let Some(failure) = failure else {
            return ("0".to_owned(), "success".to_owned());
        };
        if let Some(times) = &mut failure.times {
            *times -= 1;
        }
        (failure.code.clone(), failure.status.clone())
    }
}

fn event(name: &str, list: Vec<Value>) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("MsgType".to_owned(), "event".into());
    fields.insert("Event".to_owned(), name.into());
    fields.insert("List".to_owned(), Value::Array(list));
    fields
}

/// The user answered the popup. WeChat: `subscribe_msg_popup_event`; it knows no word for what was not asked.
pub(crate) fn popup(state: &State, appid: &str, openid: &str, results: &BTreeMap<String, Choice>) {
    let asked = results
        .iter()
        .filter(|(_, choice)| choice.is_yes() || **choice == Choice::Reject);
    let list: Vec<Value> = asked
        .map(|(id, choice)| {
            json!({
                "TemplateId": id,
                "SubscribeStatusString": choice.as_str(),
                "PopupScene": "0",
            })
        })
        .collect();
    if !list.is_empty() {
        let fields = event("subscribe_msg_popup_event", list);
        push(state, appid, openid, fields, Stamp::default(), 0);
    }
}

/// The user switched templates off in the settings. WeChat: `subscribe_msg_change_event`.
pub(crate) fn changed(state: &State, appid: &str, openid: &str, switched_off: &[&String]) {
    let list: Vec<Value> = switched_off
        .iter()
        .map(|id| json!({ "TemplateId": id, "SubscribeStatusString": "reject" }))
        .collect();
    if !list.is_empty() {
        let fields = event("subscribe_msg_change_event", list);
        push(state, appid, openid, fields, Stamp::default(), 0);
    }
}

/// A send was accepted. WeChat: `subscribe_msg_sent_event`.
pub(crate) fn sent(state: &State, appid: &str, openid: &str, template_id: &str, msgid: u64) {
    let mut callbacks = lock(&state.callbacks);
    if !callbacks.by_app.contains_key(appid) {
        return;
    }
    let delay_ms = callbacks.sent_events.delay_ms;
    let (code, status) = callbacks.sent_events.next(openid, template_id);
    drop(callbacks);
    let item = json!({
        "TemplateId": template_id,
        "MsgID": msgid.to_string(),
        "ErrorCode": code,
        "ErrorStatus": status,
    });
    let fields = event("subscribe_msg_sent_event", vec![item]);
    push(state, appid, openid, fields, Stamp::default(), delay_ms);
}

/// The user did something in the customer-service session. WeChat: text messages, `user_enter_tempsession`.
pub(crate) fn customer(state: &State, appid: &str, openid: &str, act: &Act) {
    let mut fields = Map::new();
    match act {
        Act::Message { text } => {
            fields.insert("MsgType".to_owned(), "text".into());
            fields.insert("Content".to_owned(), text.as_str().into());
            fields.insert("MsgId".to_owned(), state.next_msgid().into());
        }
        Act::Enter { session_from } => {
            fields.insert("MsgType".to_owned(), "event".into());
            fields.insert("Event".to_owned(), "user_enter_tempsession".into());
            fields.insert("SessionFrom".to_owned(), session_from.as_str().into());
        }
    }
    push(state, appid, openid, fields, Stamp::default(), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_sent_events_are_used_up() {
        let mut events: SentEvents = serde_json::from_str(
            r#"{"failures": [{"openid": "o1", "times": 1, "code": "-1", "status": "system failed"}]}"#,
        )
        .unwrap();
        let mut code = |openid: &str| events.next(openid, "T").0;
        assert_eq!([code("o2"), code("o1"), code("o1")], ["0", "-1", "0"]);
    }
}
