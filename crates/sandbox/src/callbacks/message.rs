//! What a push says, written as XML or JSON, in the clear or sealed.

use serde_json::{Map, Value};

use crate::callbacks::register::{Callback, CreateTime, Format, ListOfOne, Mode};
use crate::random;

/// WeChat: what stands around the `List` of an event in XML.
const WRAPPERS: [(&str, &str); 3] = [
    ("subscribe_msg_popup_event", "SubscribeMsgPopupEvent"),
    ("subscribe_msg_change_event", "SubscribeMsgChangeEvent"),
    ("subscribe_msg_sent_event", "SubscribeMsgSentEvent"),
];
/// What begins every message, in this order.
const HEAD: [&str; 5] = [
    "ToUserName",
    "FromUserName",
    "CreateTime",
    "MsgType",
    "Event",
];

/// A body as it is posted, and what `msg_signature` covers of it.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) body: String,
    pub(super) encrypt: Option<String>,
}

impl Sealed {
    /// This body, whatever it is.
    pub(super) fn raw(body: &str) -> Self {
        Self {
            body: body.to_owned(),
            encrypt: None,
        }
    }
}

/// The message with sender, receiver and time, unless it has its own.
pub(super) fn addressed(
    callback: &Callback,
    openid: &str,
    fields: Map<String, Value>,
    now_ms: u64,
) -> Map<String, Value> {
    let mut message = Map::new();
    message.insert("ToUserName".to_owned(), callback.original_id().into());
    message.insert("FromUserName".to_owned(), openid.into());
    message.insert("CreateTime".to_owned(), (now_ms / 1000).into());
    message.extend(fields);
    message
}

/// Writes it in the address's format and mode.
pub(super) fn seal(
    callback: &Callback,
    message: &Map<String, Value>,
    chance: &mut fastrand::Rng,
) -> Sealed {
    let plain = written(callback, message);
    let Some(key) = callback.key() else {
        return Sealed::raw(&plain);
    };
    let encrypt = key.encrypt(&random::text(chance, 16), &plain, callback.appid());
    let mut outer = match callback.mode {
        Mode::Plain => return Sealed::raw(&plain),
        Mode::Compatible => message.clone(),
        Mode::Secure => {
            Map::from_iter([("ToUserName".to_owned(), Value::from(callback.original_id()))])
        }
    };
    outer.insert("Encrypt".to_owned(), encrypt.as_str().into());
    Sealed {
        body: written(callback, &outer),
        encrypt: Some(encrypt),
    }
}

fn written(callback: &Callback, message: &Map<String, Value>) -> String {
    match callback.format {
        Format::Xml => xml(message),
        Format::Json => json(callback, message),
    }
}

fn json(callback: &Callback, message: &Map<String, Value>) -> String {
    let mut message = message.clone();
    if let Some(Value::Array(items)) = message.get("List")
        && let [only] = items.as_slice()
        && callback.list_of_one == ListOfOne::Object
    {
        let only = only.clone();
        message.insert("List".to_owned(), only);
    }
    if let Some(Value::Number(seconds)) = message.get("CreateTime")
        && callback.create_time == CreateTime::String
    {
        let seconds = seconds.to_string();
        message.insert("CreateTime".to_owned(), seconds.into());
    }
    Value::Object(message).to_string()
}

fn xml(message: &Map<String, Value>) -> String {
    let event = message.get("Event").and_then(Value::as_str);
    let wrapper = WRAPPERS
        .iter()
        .find(|(name, _)| Some(*name) == event)
        .map(|(_, wrapper)| *wrapper);
    let mut out = "<xml>".to_owned();
    for name in HEAD {
        if let Some(value) = message.get(name) {
            element(&mut out, name, value);
        }
    }
    for (name, value) in message {
        if HEAD.contains(&name.as_str()) {
            continue;
        }
        match wrapper {
            Some(wrapper) if name == "List" => {
                let inner = Map::from_iter([(name.clone(), value.clone())]);
                element(&mut out, wrapper, &Value::Object(inner));
            }
            Some(_) | None => element(&mut out, name, value),
        }
    }
    out.push_str("</xml>");
    out
}

/// An element, or one for each entry of an array.
fn element(out: &mut String, name: &str, value: &Value) {
    if let Value::Array(items) = value {
        for item in items {
            element(out, name, item);
        }
        return;
    }
    out.push('<');
    out.push_str(name);
    out.push('>');
    match value {
        Value::String(text) => cdata(out, text),
        Value::Object(members) => {
            for (name, value) in members {
                element(out, name, value);
            }
        }
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => out.push_str(&value.to_string()),
    }
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// Text in CDATA; what would end it early is split, and what XML cannot say is left out.
fn cdata(out: &mut String, text: &str) {
    let sayable = |c: &char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    let text: String = text.chars().filter(sayable).collect();
    out.push_str("<![CDATA[");
    out.push_str(&text.replace("]]>", "]]]]><![CDATA[>"));
    out.push_str("]]>");
}

/// Whether a member can be an element of XML.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::callbacks::crypt::tests::decrypt;

    const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

    fn callback(mode: &str, format: &str) -> Callback {
        let callback: Callback = serde_json::from_value(json!({
            "url": "http://localhost/", "token": "AAAAA", "mode": mode, "format": format, "aes_key": KEY,
        }))
        .unwrap();
        callback.checked("wx1").unwrap()
    }

    fn event(n_items: usize) -> Map<String, Value> {
        let items = ["T1", "T2"].iter().take(n_items);
        let list: Vec<Value> = items
            .map(|id| json!({ "TemplateId": id, "SubscribeStatusString": "accept", "PopupScene": "0" }))
            .collect();
        let fields =
            json!({ "MsgType": "event", "Event": "subscribe_msg_popup_event", "List": list });
        addressed(
            &callback("plain", "json"),
            "o1",
            fields.as_object().unwrap().clone(),
            1_714_112_445_678,
        )
    }

    fn body(callback: &Callback, message: &Map<String, Value>) -> String {
        seal(callback, message, &mut fastrand::Rng::with_seed(1)).body
    }

    fn read(body: &str) -> Value {
        serde_json::from_str(body).unwrap()
    }

    #[test]
    fn a_list_is_an_object_alone_and_an_array_in_company() {
        let mut callback = callback("plain", "json");
        let one = read(&body(&callback, &event(1)));
        assert_eq!(one["List"]["TemplateId"], "T1");
        assert_eq!(one["CreateTime"], 1_714_112_445);
        assert_eq!(
            read(&body(&callback, &event(2)))["List"][1]["TemplateId"],
            "T2"
        );
        callback.list_of_one = ListOfOne::Array;
        callback.create_time = CreateTime::String;
        let one = read(&body(&callback, &event(1)));
        assert_eq!(one["List"][0]["TemplateId"], "T1");
        assert_eq!(one["CreateTime"], "1714112445");
    }

    #[test]
    fn a_list_is_wrapped_in_xml() {
        let item = |id| {
            format!(
                "<List><PopupScene><![CDATA[0]]></PopupScene><SubscribeStatusString><![CDATA[accept]]></SubscribeStatusString><TemplateId><![CDATA[{id}]]></TemplateId></List>"
            )
        };
        let expected = format!(
            "<xml><ToUserName><![CDATA[gh_wx1]]></ToUserName><FromUserName><![CDATA[o1]]></FromUserName><CreateTime>1714112445</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[subscribe_msg_popup_event]]></Event><SubscribeMsgPopupEvent>{}{}</SubscribeMsgPopupEvent></xml>",
            item("T1"),
            item("T2")
        );
        assert_eq!(body(&callback("plain", "xml"), &event(2)), expected);
    }

    #[test]
    fn the_modes_differ_in_what_can_be_read() {
        for format in ["json", "xml"] {
            let plain = body(&callback("plain", format), &event(2));
            for mode in ["compatible", "secure"] {
                let callback = callback(mode, format);
                let sealed = seal(&callback, &event(2), &mut fastrand::Rng::with_seed(1));
                let (_, message, appid) = decrypt(KEY, &sealed.encrypt.unwrap());
                assert_eq!((message.as_str(), appid.as_str()), (plain.as_str(), "wx1"));
                assert!(sealed.body.contains("Encrypt"));
                let readable = sealed.body.contains("subscribe_msg_popup_event");
                assert_eq!(readable, mode == "compatible", "{}", sealed.body);
            }
        }
    }

    #[test]
    fn text_cannot_leave_its_element() {
        let message = json!({ "Content": "a]]><b>\u{0}&\n", "n": null, "x": true });
        let written = xml(message.as_object().unwrap());
        assert_eq!(
            written,
            "<xml><Content><![CDATA[a]]]]><![CDATA[><b>&\n]]></Content><n></n><x>true</x></xml>"
        );
        assert!(is_name("debug_str") && !is_name("a b") && !is_name("") && !is_name("1"));
    }
}
