//! Draft → message: the checks that `WeChat` would make, made before a grant is spent on them.
//!
//! A [`Message`] can only come from [`validate`], so whatever takes one knows that its values fit. What is sent is its [`Content`]: one
//! variant for each kind of message, with the parts that this kind has and no others.

mod card;
mod customer;
mod examined;
mod leftover;

use std::sync::Arc;

use crate::event::RunId;
use crate::model::outcome::{Outcome, Reason, bounds};
use crate::wechat::logins::JsCode;
use crate::wechat::params::{Violation, is_invisible};
pub use card::{Card, Lang, Overflow};
pub use customer::{Customer, Field};
pub use examined::Examined;
pub use leftover::{Leftover, Sight, leftovers};

/// Why no message came of a rule and an event; it ends as an `invalid` outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The stable code.
    pub reason: Reason,
    /// What failed and where, for a person; never a whole value of the event.
    pub detail: String,
    /// The param at fault, if it is one.
    pub param: Option<Arc<str>>,
}

/// The API that a message goes through. Each has quotas of its own, and an account may have one without the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Api {
    /// Subscribe messages: `message/subscribe/send`.
    Subscribe,
    /// Customer-service messages: `message/custom/send`.
    Customer,
}

impl Api {
    /// Its word in rules, and in the names of pauses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Customer => "customer",
        }
    }
}

/// What is sent: one variant for each kind of message.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A card by a template that the user has subscribed to.
    Subscribe(Card),
    /// What a person at the customer service could have written.
    Customer(Customer),
}

impl Content {
    /// The API that it goes through.
    pub fn api(&self) -> Api {
        match self {
            Self::Subscribe(_) => Api::Subscribe,
            Self::Customer(_) => Api::Customer,
        }
    }

    /// Each value that the user is shown, or that `WeChat` needs to show it, by its name in the rule: the params of a card, or the fields of
    /// a customer-service message.
    pub fn values(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Subscribe(card) => {
                let params = card.params.iter();
                params
                    .map(|(name, value)| (name.as_ref(), value.as_str()))
                    .collect()
            }
            Self::Customer(message) => {
                let fields = message.fields().into_iter();
                fields
                    .map(|(field, value)| (field.as_str(), value.as_str()))
                    .collect()
            }
        }
    }

    /// The value of this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.values().into_iter();
        values.find_map(|(known, value)| (known == name).then_some(value))
    }

    /// The page that a tap on a card opens; a customer-service message has none beside its fields.
    pub fn page(&self) -> Option<&str> {
        match self {
            Self::Subscribe(card) => card.page.as_deref(),
            Self::Customer(_) => None,
        }
    }
}

/// What the templates of a rule gave for an event: nothing of it is checked yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub(super) to: To,
    pub(super) content: Content,
}

/// The recipient of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// This openid.
    Openid(String),
    /// The user who was given this login code.
    Code(String),
}

/// What a draft comes to whose every value fits.
#[derive(Clone, Debug, PartialEq)]
pub enum Made {
    /// A message.
    Message(Message),
    /// A message whose recipient has to be asked for.
    Unaddressed(Unaddressed),
}

/// A message without its recipient.
#[derive(Clone, Debug, PartialEq)]
pub struct Unaddressed {
    /// Its recipient is empty.
    message: Message,
    code: JsCode,
}

impl Unaddressed {
    /// The code that names the recipient.
    pub fn code(&self) -> &JsCode {
        &self.code
    }

    /// The message, now that the recipient is known.
    pub fn address(mut self, openid: &str) -> Result<Message, Rejection> {
        self.message.recipient = check_recipient(openid)?;
        Ok(self.message)
    }
}

impl Made {
    /// The message as people may look at it: its recipient is empty if it is not known yet.
    pub fn shown(&self) -> &Message {
        match self {
            Self::Message(message) | Self::Unaddressed(Unaddressed { message, .. }) => message,
        }
    }

    /// The message; one whose recipient was to be asked for is for this openid.
    pub fn to(self, openid: &str) -> Result<Message, Rejection> {
        match self {
            Self::Message(message) => Ok(message),
            Self::Unaddressed(unaddressed) => unaddressed.address(openid),
        }
    }
}

/// What one rule made of one event, and every value of it fits. Read it, do not write it: only [`validate`] makes one.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::manual_non_exhaustive,
    reason = "`non_exhaustive` holds only between crates; this keeps the rest of ours out too"
)]
pub struct Message {
    /// The name of the rule that made it.
    pub rule: Arc<str>,
    /// What is sent once: see [`message_id`].
    pub message_id: String,
    /// The openid, in the clear.
    pub recipient: String,
    /// What is sent.
    pub content: Content,
    /// Keeps others from putting one together themselves.
    validated: (),
}

/// The id under which a message is sent once: rule, source of the event, and the event's id or what the rule says in `dedupe`.
/// Only the last part may hold a `|`, so two different triples never give the same id; one that is too long ends in its digest.
pub fn message_id(rule: &str, source: &str, id: &str) -> String {
    let mut whole = String::with_capacity(rule.len() + source.len() + id.len() + 2);
    whole.push_str(rule);
    whole.push('|');
    for c in source.chars() {
        match c {
            '%' => whole.push_str("%25"),
            '|' => whole.push_str("%7C"),
            c => whole.push(c),
        }
    }
    whole.push('|');
    whole.push_str(id);
    bounds::id(whole)
}

/// The id that a rule without `dedupe` gives to the message of an outcome; `None` without a rule, or where the event's fields are left out.
pub fn usual_message_id(outcome: &Outcome) -> Option<String> {
    Some(message_id(
        outcome.rule.as_deref()?,
        outcome.event_source.as_deref()?,
        outcome.event_id.as_deref()?,
    ))
}

/// What stands before the run that wants a message sent once more.
const AGAIN: &str = "#again-";

/// The id of a message that was sent and is sent once more on purpose: once in each run of `replay`.
pub fn sent_again(message_id: &str, run: &RunId) -> String {
    format!("{message_id}{AGAIN}{run}")
}

/// The message id that a [`sent_again`] one came from; any other as it is.
pub fn sent_first(message_id: &str) -> &str {
    match message_id.rsplit_once(AGAIN) {
        Some((first, run)) if RunId::parse(run).is_some() => first,
        Some(_) | None => message_id,
    }
}

/// Checks the draft of a rule against what `WeChat` takes for its kind, and makes a message of it. The rule says of each param what becomes
/// of a value that is too long.
pub fn validate(
    rule: &Arc<str>,
    message_id: &str,
    draft: Draft,
    overflow_of: &dyn Fn(&str) -> Overflow,
) -> Result<Made, Rejection> {
    let (recipient, code) = match &draft.to {
        To::Openid(openid) => (check_recipient(openid)?, None),
        To::Code(code) => (String::new(), Some(check_code(code)?)),
    };
    let content = match draft.content {
        Content::Subscribe(card) => Content::Subscribe(card.checked(overflow_of)?),
        Content::Customer(message) => Content::Customer(message.checked()?),
    };
    let message = Message {
        rule: Arc::clone(rule),
        message_id: message_id.to_owned(),
        recipient,
        content,
        validated: (),
    };
    Ok(match code {
        None => Made::Message(message),
        Some(code) => Made::Unaddressed(Unaddressed { message, code }),
    })
}

/// The most characters of an openid. It is 28 today.
const LONGEST_OPENID: usize = 128;

/// `WeChat` names no limit of a page; one of this length is a mistake of the template.
const LONGEST_PAGE_BYTES: usize = 1024;

/// Checks an openid, and trims it; the error says what was expected. It is 28 characters of the base64 alphabet for URLs today; only the alphabet is relied on.
pub fn check_openid(text: &str) -> Result<&str, String> {
    let openid = text.trim();
    if openid.is_empty() {
        return Err("the openid is empty".to_owned());
    }
    if openid.len() > LONGEST_OPENID {
        return Err(format!(
            "expected an openid of at most {LONGEST_OPENID} characters, found {}",
            openid.len()
        ));
    }
    if !openid
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    {
        return Err("expected an openid: letters, digits, `-` and `_`".to_owned());
    }
    Ok(openid)
}

fn check_recipient(text: &str) -> Result<String, Rejection> {
    let checked = check_openid(text).map_err(|detail| Rejection {
        reason: Reason::RecipientMalformed,
        detail: format!("to: {detail}"),
        param: None,
    });
    checked.map(str::to_owned)
}

/// `WeChat` does not say what a code looks like; those seen are 32 letters and digits.
fn check_code(text: &str) -> Result<JsCode, Rejection> {
    const LIMIT: usize = 256;
    let code = text.trim();
    let is_plain = !code
        .bytes()
        .any(|byte| byte.is_ascii_control() || byte == b' ');
    if !code.is_empty() && code.len() <= LIMIT && is_plain {
        return Ok(JsCode::new(code));
    }
    Err(Rejection {
        reason: Reason::RecipientMalformed,
        detail: format!("to.js_code: expected a code of wx.login, of at most {LIMIT} bytes"),
        param: None,
    })
}

/// Checks a page of the mini program. Empty text is `None`: whether that is well is for the kind of message to say.
pub(super) fn check_page(text: &str) -> Result<Option<String>, Violation> {
    let page = text.trim();
    let violation = |detail: String| Violation {
        reason: Reason::PageMalformed,
        detail,
    };
    if page.len() > LONGEST_PAGE_BYTES {
        return Err(violation(format!(
            "expected at most {LONGEST_PAGE_BYTES} bytes, found {}",
            page.len()
        )));
    }
    if page.contains(|c: char| c.is_control() || c.is_whitespace() || is_invisible(c)) {
        return Err(violation(
            "expected a path without spaces and line breaks; use the filter `urlencode` for values"
                .to_owned(),
        ));
    }
    if page.contains("://") {
        return Err(violation(
            "expected a page of the mini program such as pages/order/detail, found a web address"
                .to_owned(),
        ));
    }
    let path = page.split(['?', '#']).next().unwrap_or_default();
    // `javascript:`, `data:`, `weixin:`; and `//host/path`, which has the scheme of the page that it stands in.
    if path.split('/').next().unwrap_or_default().contains(':') || path.starts_with("//") {
        return Err(violation(
            "expected a page of the mini program such as pages/order/detail, found an address with a scheme or a host"
                .to_owned(),
        ));
    }
    if path
        .split(['/', '\\'])
        .any(|part| matches!(part, "." | ".."))
    {
        return Err(violation(
            "expected a page as in app.json, found `.` or `..` in its path; use the filter `urlencode` for values"
                .to_owned(),
        ));
    }
    Ok((!page.is_empty()).then(|| page.to_owned()))
}

#[cfg(test)]
mod tests;
