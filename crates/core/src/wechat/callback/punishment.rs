//! What `wxa_punish_event` says: the platform warns an app, or takes something away from it.
//!
//! `WeChat`: penalty for violation (小程序违规处罚信息通知). Its page names two functions as examples and no list of them, and it names the type of a
//! banned page once 5 and once 10. So every field is open: one that is missing, or has another form, costs itself alone.

use serde_json::Value;

use super::{text, text_of};
use crate::wechat::{Unknown, UnknownKind};

/// The app was warned or punished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Punishment {
    /// `punish_id`: names it among all of the app. Empty if it was not told.
    pub id: String,
    /// `illegal_reason`, for people. Empty if it was not told.
    pub reason: String,
    /// What is done about it.
    pub measure: Measure,
}

/// What the platform does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Nothing yet (`event_type` 1).
    Warning(Warning),
    /// Some functions are banned (2).
    Functions(Vec<BannedFunction>),
    /// The app is taken down: users cannot open it (3).
    TakenDown(Term),
    /// The account is banned (4).
    Account(Term),
    /// A page is banned (10, and 5 as one table has it).
    Page,
    /// Another, or none that can be read.
    Unlisted,
}

impl Measure {
    /// Its word in metrics and in `/status`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Warning(_) => "warning",
            Self::Functions(_) => "functions_banned",
            Self::TakenDown(_) => "taken_down",
            Self::Account(_) => "account_banned",
            Self::Page => "page_banned",
            Self::Unlisted => "unlisted",
        }
    }
}

/// What happens if nothing is mended, and by when it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What is threatened with (`warned_type`).
    pub threat: Threat,
    /// `rectify_deadline`, in Unix milliseconds; `None` if it was not told.
    pub deadline_ms: Option<i64>,
}

/// With what an app is threatened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Threat {
    /// A ban of the account (1).
    Account,
    /// A ban of these functions (2).
    Functions(Vec<String>),
    /// To be taken down (3).
    TakenDown,
    /// Something else, or nothing that can be read.
    Unlisted,
}

impl Threat {
    /// Its word in `/status`: that of the measure.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Account => "account_banned",
            Self::Functions(_) => "functions_banned",
            Self::TakenDown => "taken_down",
            Self::Unlisted => "unlisted",
        }
    }
}

/// A function that the app may not use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BannedFunction {
    /// As `WeChat` names it.
    pub name: String,
    /// What that means for the service.
    pub function: Function,
    /// For how long.
    pub term: Term,
}

/// What the service has to do with a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// It sends subscribe messages by it.
    SubscribeMessages,
    /// It sends customer-service messages by it.
    CustomerMessages,
    /// Nothing.
    Other,
}

impl Function {
    /// `WeChat` publishes no list of the names. Its own examples are 客服消息接口 and 分享朋友圈; 订阅消息 is what every page of its calls the other
    /// message, and 模板消息 what it was called before. A name that only contains one of these is meant as well: 订阅消息接口, 订阅消息能力.
    fn of(name: &str, unknown: &mut Vec<Unknown>) -> Self {
        if name.contains("订阅消息") || name.contains("模板消息") {
            Self::SubscribeMessages
        } else if name.contains("客服消息") {
            Self::CustomerMessages
        } else {
            // A name that cannot be read is told as a field already.
            if !name.is_empty() && name != "分享朋友圈" {
                unknown.push(Unknown::new(UnknownKind::Function, name));
            }
            Self::Other
        }
    }
}

/// For how long something is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// Until this moment, in Unix milliseconds.
    Until(i64),
    /// For ever: `WeChat` says 0 days.
    Forever,
    /// It was not told.
    Untold,
}

impl Term {
    /// When it is over, in Unix milliseconds, where that is known.
    pub fn until_ms(self) -> Option<i64> {
        match self {
            Self::Until(at_ms) => Some(at_ms),
            Self::Forever | Self::Untold => None,
        }
    }
}

const DAY_MS: i64 = 24 * 3_600_000;

/// Ten years: bans last for days or for ever, and deadlines are near.
const MOST_DAYS: i64 = 3_650;
const FARTHEST_MS: u64 = (MOST_DAYS * DAY_MS).unsigned_abs();

/// What people are shown of a text of `WeChat`'s: a reason is a dozen letters, the name of a function half a dozen.
const LONGEST_TEXT: usize = 200;

/// Reads it. Nothing of it is needed: that the app is punished is worth an alarm by itself.
pub(super) fn read(tree: &Value, pushed_ms: i64, unknown: &mut Vec<Unknown>) -> Punishment {
    let detail = detail_of(tree);
    let mut fields = Fields {
        tree,
        detail: &detail,
        since_ms: pushed_ms,
        unknown,
    };
    if let Some(since_ms) = fields.moment(tree, "punish_time") {
        fields.since_ms = since_ms;
    }
    let measure = fields.measure();
    Punishment {
        id: shown(text_of(tree, "punish_id").unwrap_or_default()),
        reason: shown(text_of(tree, "illegal_reason").unwrap_or_default()),
        measure,
    }
}

/// `detail` is JSON in a string.
fn detail_of(tree: &Value) -> Value {
    match tree.get("detail") {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(detail @ Value::Object(_)) => detail.clone(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) | None => {
            Value::Null
        }
    }
}

fn shown(text: String) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text,
    }
}

struct Fields<'a> {
    tree: &'a Value,
    detail: &'a Value,
    /// From when days are counted.
    since_ms: i64,
    unknown: &'a mut Vec<Unknown>,
}

impl Fields<'_> {
    fn measure(&mut self) -> Measure {
        let Some(kind) = text_of(self.tree, "event_type") else {
            self.lacks("event_type");
            return Measure::Unlisted;
        };
        match kind.as_str() {
            "1" => Measure::Warning(Warning {
                threat: self.threat(),
                deadline_ms: self.moment(self.detail, "rectify_deadline"),
            }),
            "2" => Measure::Functions(self.banned_functions()),
            "3" => Measure::TakenDown(self.term("suspended_days", 0)),
            "4" => Measure::Account(self.term("banned_days", 0)),
            "5" | "10" => Measure::Page,
            _ => {
                self.unknown
                    .push(Unknown::new(UnknownKind::Punishment, kind));
                Measure::Unlisted
            }
        }
    }

    fn threat(&mut self) -> Threat {
        match text_of(self.detail, "warned_type").as_deref() {
            Some("1") => Threat::Account,
            Some("2") => Threat::Functions(self.names("warned_function_names")),
            Some("3") => Threat::TakenDown,
            Some(other) => {
                let name = format!("warned_type {other}");
                self.unknown
                    .push(Unknown::new(UnknownKind::Punishment, name));
                Threat::Unlisted
            }
            None => {
                self.lacks("warned_type");
                Threat::Unlisted
            }
        }
    }

    fn banned_functions(&mut self) -> Vec<BannedFunction> {
        let names = self.names("banned_function_names");
        let of_name = |(index, name): (usize, String)| BannedFunction {
            function: Function::of(&name, self.unknown),
            term: self.term("banned_days", index),
            name,
        };
        names.into_iter().enumerate().map(of_name).collect()
    }

    /// The names in a list. One that is no text keeps its place: days are found by it.
    fn names(&mut self, key: &'static str) -> Vec<String> {
        let names: Vec<String> = match self.detail.get(key) {
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| text(item).unwrap_or_default())
                .map(shown)
                .collect(),
            Some(single) => text(single).map(shown).into_iter().collect(),
            None => Vec::new(),
        };
        if names.is_empty() || names.iter().any(String::is_empty) {
            self.lacks(key);
        }
        names
    }

    /// How long something lasts that stands at this place of its list. A number in place of a list is meant for all.
    fn term(&mut self, key: &'static str, index: usize) -> Term {
        let days = match self.detail.get(key) {
            Some(Value::Array(items)) => items.get(index),
            single => single,
        };
        let days = days.and_then(text).and_then(|days| days.parse().ok());
        match days {
            Some(0) => Term::Forever,
            Some(days @ 1..=MOST_DAYS) => {
                let lasts_ms = i64::saturating_mul(days, DAY_MS);
                Term::Until(self.since_ms.saturating_add(lasts_ms))
            }
            Some(_) | None => {
                self.lacks(key);
                Term::Untold
            }
        }
    }

    /// A moment, told in seconds. One that is years away is none: it may be told in something else.
    fn moment(&mut self, tree: &Value, key: &'static str) -> Option<i64> {
        let seconds: Option<i64> = text_of(tree, key).and_then(|digits| digits.parse().ok());
        let at_ms = seconds.map(|seconds| seconds.saturating_mul(1000));
        let is_near = |at_ms: &i64| at_ms.abs_diff(self.since_ms) <= FARTHEST_MS;
        let at_ms = at_ms.filter(is_near);
        if at_ms.is_none() {
            self.lacks(key);
        }
        at_ms
    }

    fn lacks(&mut self, key: &'static str) {
        self.unknown.push(Unknown::new(UnknownKind::Field, key));
    }
}

#[cfg(test)]
mod tests;
