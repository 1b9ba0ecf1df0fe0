//! The body of a send, exactly as it goes over the wire.

use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::config::MiniprogramState;
use crate::pipeline::message::Message;

/// `WeChat`: `message/subscribe/send`, request. `miniprogram_state` and `lang` are always said: newer versions of the page call them
/// required, older ones give them defaults.
#[derive(Debug, Serialize)]
pub struct SendBody<'a> {
    touser: &'a str,
    template_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<&'a str>,
    miniprogram_state: &'static str,
    lang: &'static str,
    data: Data<'a>,
}

impl<'a> SendBody<'a> {
    /// The body for a message.
    pub fn new(message: &'a Message, template_id: &'a str, state: MiniprogramState) -> Self {
        Self {
            touser: &message.recipient,
            template_id,
            page: message.page.as_deref(),
            miniprogram_state: state.as_str(),
            lang: message.lang.as_str(),
            data: Data(&message.params),
        }
    }
}

/// `{"thing1": {"value": "…"}}`: every value is text, even a number.
#[derive(Debug)]
struct Data<'a>(&'a [(Arc<str>, String)]);

#[derive(Serialize)]
struct ParamValue<'a> {
    value: &'a str,
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, &ParamValue { value })?;
        }
        map.end()
    }
}
