//! What `WeChat` pushes to us: a body, decrypted and authentic, → what it says.
//!
//! The same push comes as XML or as JSON, as the mini program's console says, and its shapes vary more than the documents admit: `List` is
//! an object or an array, numbers are numbers or text. All of it is read here, whatever the console says. (`WeChat`: subscribe message guide,
//! message push.)

mod punishment;
mod receipt;
mod tree;
mod withdrawal;

use serde_json::Value;

use crate::wechat::{Meaning, Unknown, UnknownKind, Word};

pub use punishment::{BannedFunction, Function, Measure, Punishment, Term, Threat, Warning};
pub use receipt::{RECEIPT_TYPE, Receipt, ReceiptStatus, Told, is_receipt};
pub use tree::Unreadable;
pub use withdrawal::{Withdrawal, Withdrawn};

/// A push of which the sender and the time are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// From whom it is (`FromUserName`): mostly the user whom it is about, by the openid.
    pub openid: String,
    /// When it happened (`CreateTime`), in Unix milliseconds; `WeChat` says whole seconds.
    pub at_ms: i64,
    /// What happened.
    pub notice: Notice,
    /// What is not understood of it, for log and metrics. It has cost only the item that it stands in.
    pub unknown: Vec<Unknown>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The user answered the question for permission (`subscribe_msg_popup_event`).
    Popup(Vec<Choice>),
    /// The user changed an answer in the settings (`subscribe_msg_change_event`). `WeChat` says so of refusals only.
    Change(Vec<Choice>),
    /// What became of messages that were sent (`subscribe_msg_sent_event`).
    Sent(Vec<Delivery>),
    /// The app was warned or punished (`wxa_punish_event`).
    Punished(Punishment),
    /// A user has taken something back (`user_authorization_revoke`, `user_authorization_cancellation`).
    Withdrawn(Withdrawal),
    /// The user wrote to the customer service, or opened it.
    CustomerMessage,
    /// Anything else: the service does not want it.
    Other,
}

impl Notice {
    /// Its name in metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Popup(_) => "popup",
            Self::Change(_) => "change",
            Self::Sent(_) => "sent",
            Self::Punished(_) => "punished",
            Self::Withdrawn(withdrawal) => withdrawal.of.as_str(),
            Self::CustomerMessage => "customer_message",
            Self::Other => "other",
        }
    }
}

/// A user's answer about one template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// `TemplateId`
    pub template_id: String,
    /// `SubscribeStatusString`; nothing for a word that says nothing of the user's will.
    pub word: Option<Word>,
}

/// What became of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// `TemplateId`
    pub template_id: String,
    /// `MsgID`, in digits: the `msgid` that the send answered with.
    pub msgid: String,
    /// `ErrorCode`: 0 for a message that reached the user.
    pub errcode: i64,
    /// `ErrorStatus`
    pub errmsg: String,
}

/// An openid has 28 letters and a template id 43; nothing says that they always will.
const LONGEST_NAME: usize = 128;

/// The `Encrypt` of an envelope, if the body is one.
pub fn encrypted(body: &[u8]) -> Result<Option<String>, Unreadable> {
    let tree = tree::read(body)?;
    Ok(text_of(&tree, "Encrypt"))
}

/// Reads a push. A body that cannot be one of `WeChat`'s is an error; one that the service does not want is not.
pub fn read(body: &[u8]) -> Result<Push, Unreadable> {
    let tree = tree::read(body)?;
    let openid = name_of(&tree, "FromUserName")?;
    let seconds = text_of(&tree, "CreateTime").ok_or(Unreadable::Missing("CreateTime"))?;
    let seconds: i64 = seconds
        .parse()
        .map_err(|_| Unreadable::NotANumber("CreateTime"))?;
    let kind = text_of(&tree, "MsgType").ok_or(Unreadable::Missing("MsgType"))?;
    let at_ms = seconds.saturating_mul(1000);
    let mut unknown = Vec::new();
    let notice = match kind.as_str() {
        "event" => event(&tree, at_ms, &mut unknown)?,
        // `WeChat`: customer messages, received messages.
        "text" | "image" | "link" | "miniprogrampage" => Notice::CustomerMessage,
        _ => {
            unknown.push(Unknown::new(UnknownKind::MessageType, kind));
            Notice::Other
        }
    };
    Ok(Push {
        openid,
        at_ms,
        notice,
        unknown,
    })
}

fn event(tree: &Value, at_ms: i64, unknown: &mut Vec<Unknown>) -> Result<Notice, Unreadable> {
    let name = text_of(tree, "Event").ok_or(Unreadable::Missing("Event"))?;
    Ok(match name.as_str() {
        "subscribe_msg_popup_event" => {
            Notice::Popup(choices(items(tree, "SubscribeMsgPopupEvent")?, unknown)?)
        }
        "subscribe_msg_change_event" => {
            Notice::Change(choices(items(tree, "SubscribeMsgChangeEvent")?, unknown)?)
        }
        "subscribe_msg_sent_event" => {
            Notice::Sent(deliveries(items(tree, "SubscribeMsgSentEvent")?, unknown)?)
        }
        "wxa_punish_event" => Notice::Punished(punishment::read(tree, at_ms, unknown)),
        "user_authorization_revoke" => Notice::Withdrawn(withdrawal::revoked(tree, unknown)?),
        "user_authorization_cancellation" => Notice::Withdrawn(withdrawal::cancelled(tree)?),
        "user_enter_tempsession" => Notice::CustomerMessage,
        // The user has changed a name or a picture, of which the service keeps nothing. (`WeChat`: authorised users' information.)
        "user_info_modified" => Notice::Other,
        _ => {
            unknown.push(Unknown::new(UnknownKind::Event, name));
            Notice::Other
        }
    })
}

/// The items of an event. XML has them in a wrapper, JSON at the top; both are looked for in both. One item is an object, several are an
/// array, and an array of one is seen as well.
fn items<'a>(tree: &'a Value, wrapper: &str) -> Result<&'a [Value], Unreadable> {
    let list = tree
        .get(wrapper)
        .and_then(|inner| inner.get("List"))
        .or_else(|| tree.get("List"));
    match list {
        Some(Value::Array(items)) => Ok(items),
        Some(item @ Value::Object(_)) => Ok(std::slice::from_ref(item)),
        Some(_) | None => Err(Unreadable::Missing("List")),
    }
}

/// The items that can be read. One that cannot costs the others nothing; where none can, the push is none of ours.
fn readable<T>(
    items: &[Value],
    unknown: &mut Vec<Unknown>,
    mut read: impl FnMut(&Value, &mut Vec<Unknown>) -> Result<T, Unreadable>,
) -> Result<Vec<T>, Unreadable> {
    let mut found = Vec::new();
    let mut odd = None;
    for item in items {
        match read(item, unknown) {
            Ok(item) => found.push(item),
            Err(why) => {
                unknown.push(Unknown::new(UnknownKind::Field, why.field()));
                odd.get_or_insert(why);
            }
        }
    }
    match odd {
        Some(why) if found.is_empty() => Err(why),
        Some(_) | None => Ok(found),
    }
}

fn choices(items: &[Value], unknown: &mut Vec<Unknown>) -> Result<Vec<Choice>, Unreadable> {
    readable(items, unknown, |item, unknown| {
        let template_id = name_of(item, "TemplateId")?;
        let word = text_of(item, "SubscribeStatusString")
            .ok_or(Unreadable::Missing("SubscribeStatusString"))?;
        let word = match Meaning::of(&word) {
            Meaning::Will(word) => Some(word),
            Meaning::NoWill => None,
            Meaning::Unknown => {
                unknown.push(Unknown::new(UnknownKind::Word, word));
                None
            }
        };
        Ok(Choice { template_id, word })
    })
}

/// `WeChat`'s pages have no list of failures: only the code of a success is known.
fn deliveries(items: &[Value], unknown: &mut Vec<Unknown>) -> Result<Vec<Delivery>, Unreadable> {
    readable(items, unknown, |item, unknown| {
        let errcode = text_of(item, "ErrorCode").ok_or(Unreadable::Missing("ErrorCode"))?;
        let delivery = Delivery {
            template_id: name_of(item, "TemplateId")?,
            msgid: digits_of(item, "MsgID")?,
            errcode: errcode
                .parse()
                .map_err(|_| Unreadable::NotANumber("ErrorCode"))?,
            errmsg: text_of(item, "ErrorStatus").unwrap_or_default(),
        };
        if delivery.errcode != 0 {
            let status = format!("{} {}", delivery.errcode, delivery.errmsg);
            unknown.push(Unknown::new(UnknownKind::SentStatus, status));
        }
        Ok(delivery)
    })
}

/// A user or a template: letters, digits, `-` and `_`. Whatever else stands there is not passed on as a part of names.
fn name_of(tree: &Value, key: &'static str) -> Result<String, Unreadable> {
    let text = text_of(tree, key).ok_or(Unreadable::Missing(key))?;
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if text.len() > LONGEST_NAME || !text.bytes().all(is_letter) {
        return Err(Unreadable::NotAName(key));
    }
    Ok(text)
}

/// A number of `WeChat`'s that is only compared.
fn digits_of(tree: &Value, key: &'static str) -> Result<String, Unreadable> {
    let text = text_of(tree, key).ok_or(Unreadable::Missing(key))?;
    if text.len() > LONGEST_NAME || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Unreadable::NotANumber(key));
    }
    Ok(text)
}

/// A value as text, whether it was said as text or as a number; nothing where it is empty.
fn text_of(tree: &Value, key: &str) -> Option<String> {
    tree.get(key).and_then(text)
}

fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;
