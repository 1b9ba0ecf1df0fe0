//! The body of a send, exactly as it goes over the wire.

use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::config::MiniprogramState;
use wx_courier_core::message::{Api, Card, Content, Customer, Message};

/// The path of an API, as `WeChat` writes it: where its messages are sent to, and what its quota is asked for by.
pub(super) fn path_of(api: Api) -> &'static str {
    match api {
        Api::Subscribe => "/cgi-bin/message/subscribe/send",
        Api::Customer => "/cgi-bin/message/custom/send",
    }
}

/// The body for the API that a message goes through.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum SendBody<'a> {
    /// For `message/subscribe/send`.
    Card(CardBody<'a>),
    /// For `message/custom/send`.
    Customer(CustomerBody<'a>),
}

impl<'a> SendBody<'a> {
    /// The body for a message.
    pub fn new(message: &'a Message, state: MiniprogramState) -> Self {
        Self::to(&message.recipient, message, state)
    }

    /// The same for people to look at, with the recipient as they may see it.
    pub fn to(touser: &'a str, message: &'a Message, state: MiniprogramState) -> Self {
        match &message.content {
            Content::Subscribe(card) => Self::Card(CardBody::new(touser, card, state)),
            Content::Customer(message) => Self::Customer(CustomerBody { touser, message }),
        }
    }
}

/// `WeChat`: `message/subscribe/send`, request. `miniprogram_state` and `lang` are always said: newer versions of the page call them
/// required, older ones give them defaults.
#[derive(Debug, Serialize)]
pub struct CardBody<'a> {
    touser: &'a str,
    template_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<&'a str>,
    miniprogram_state: &'static str,
    lang: &'static str,
    data: Data<'a>,
}

impl<'a> CardBody<'a> {
    fn new(touser: &'a str, card: &'a Card, state: MiniprogramState) -> Self {
        Self {
            touser,
            template_id: &card.template.id,
            page: card.page.as_deref(),
            miniprogram_state: state.as_str(),
            lang: card.lang.as_str(),
            data: Data(&card.params),
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

/// `WeChat`: `message/custom/send`, request: `{"touser": "…", "msgtype": "text", "text": {"content": "…"}}`.
#[derive(Debug)]
pub struct CustomerBody<'a> {
    touser: &'a str,
    message: &'a Customer,
}

impl Serialize for CustomerBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let msgtype = match self.message {
            Customer::Text { .. } => "text",
            Customer::Image { .. } => "image",
            Customer::Link { .. } => "link",
            Customer::Page { .. } => "miniprogrampage",
        };
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("touser", self.touser)?;
        map.serialize_entry("msgtype", msgtype)?;
        map.serialize_entry(msgtype, &Parts(self.message))?;
        map.end()
    }
}

/// The fields of a customer-service message by the names that `WeChat` has for them: those of rules, but for one.
struct Parts<'a>(&'a Customer);

impl Serialize for Parts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Customer::Text { text } = self.0 {
            return serializer.collect_map([("content", text)]);
        }
        let fields = self.0.fields().into_iter();
        serializer.collect_map(fields.map(|(field, value)| (field.as_str(), value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &Customer, expected: &str) {
        let body = CustomerBody {
            touser: "o1",
            message,
        };
        assert_eq!(serde_json::to_string(&body).unwrap(), expected);
    }

    #[test]
    fn customer_service_messages_are_written_as_wechat_reads_them() {
        let text = str::to_owned;
        check(
            &Customer::Text {
                text: text("您好\n“1”"),
            },
            r#"{"touser":"o1","msgtype":"text","text":{"content":"您好\n“1”"}}"#,
        );
        check(
            &Customer::Image {
                media_id: text("M1"),
            },
            r#"{"touser":"o1","msgtype":"image","image":{"media_id":"M1"}}"#,
        );
        check(
            &Customer::Link {
                title: text("帮助"),
                description: text("怎么退款"),
                url: text("https://example.com/a?b=c&d"),
                thumb_url: text("https://example.com/a.png"),
            },
            r#"{"touser":"o1","msgtype":"link","link":{"title":"帮助","description":"怎么退款","url":"https://example.com/a?b=c&d","thumb_url":"https://example.com/a.png"}}"#,
        );
        check(
            &Customer::Page {
                title: text("订单"),
                pagepath: text("pages/order?id=1"),
                thumb_media_id: text("M2"),
            },
            r#"{"touser":"o1","msgtype":"miniprogrampage","miniprogrampage":{"title":"订单","pagepath":"pages/order?id=1","thumb_media_id":"M2"}}"#,
        );
    }
}
