//! What is told of events and their messages, for people and programs alike.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::Show;
use super::summary::{Complaint, Summary, Why};
use crate::config::App;
use crate::edges::wechat::SendBody;
use wx_courier_core::document::Origin;
use wx_courier_core::message::Made;
use wx_courier_core::model::outcome::{Reason, RecipientStyle, Status};
use wx_courier_core::rules::{Diagnosis, Rule, RuleValue};

/// How users are shown.
#[derive(Clone, Copy)]
pub(in crate::cli) enum Recipients {
    /// As they are.
    Whole,
    /// As in outcomes.
    As(RecipientStyle),
}

/// A text that is not to be read, and what stands in its place.
struct Veil {
    hidden: String,
    shown: String,
}

/// What is shorter may stand in a text by chance. Openids have 28 characters, login codes 32.
const SHORTEST_IN_TEXT: usize = 8;

/// All events, and what they come to.
#[derive(Serialize)]
pub(super) struct Previews {
    pub(super) events: Vec<Event>,
    pub(super) summary: Summary,
    /// Where other records came than were asked for.
    pub(super) notes: Vec<String>,
}

/// One event, and what becomes of it.
#[derive(Serialize)]
pub(in crate::cli) struct Event {
    /// Which one it is, from 1.
    pub(super) number: usize,
    /// Where it was found.
    pub(in crate::cli) place: String,
    pub(in crate::cli) id: Option<String>,
    #[serde(rename = "type")]
    pub(in crate::cli) kind: Option<String>,
    /// One for each rule that wants it; one without a rule where none does, or the record is no event.
    pub(in crate::cli) messages: Vec<Preview>,
}

/// What a rule would make of the event.
#[derive(Serialize)]
pub(in crate::cli) struct Preview {
    pub(in crate::cli) rule: Option<String>,
    /// `would_send`, or the status of the outcome.
    pub(in crate::cli) status: String,
    /// What the outcome would say; the values may have more than that against them.
    pub(in crate::cli) reason: Option<Reason>,
    pub(in crate::cli) detail: Option<String>,
    param: Option<String>,
    /// The body of the call.
    message: Option<serde_json::Value>,
    /// The same, byte for byte.
    #[serde(skip)]
    pub(in crate::cli) body: Option<String>,
    pub(in crate::cli) values: Vec<Shown>,
    /// What WeChat may refuse of the message, though nothing is known against it.
    pub(super) doubts: Vec<String>,
    #[serde(skip)]
    pub(super) is_too_old: bool,
}

/// A value that a rule makes.
#[derive(Serialize)]
pub(in crate::cli) struct Shown {
    /// `to`, `page`, or the name of a param or field.
    pub(in crate::cli) name: String,
    /// What the template calls it, where that is known.
    pub(in crate::cli) label: Option<String>,
    /// As WeChat would get it.
    pub(in crate::cli) value: Option<String>,
    pub(super) length: Option<usize>,
    pub(super) limit: Option<usize>,
    /// What is counted: `characters`, `digits` or `bytes`.
    unit: Option<&'static str>,
    /// Why it cannot be sent.
    pub(in crate::cli) problem: Option<String>,
    pub(in crate::cli) reason: Option<Reason>,
    pub(super) doubts: Vec<String>,
    /// The line of the rule that makes it.
    pub(super) file: Option<String>,
    pub(super) line: Option<u32>,
}

/// The word for a message against which nothing stands.
pub(in crate::cli) const WOULD_SEND: &str = "would_send";

impl Previews {
    pub(super) fn of(mut events: Vec<Event>, notes: Vec<String>, show: Show) -> Self {
        let summary = Summary::of(&events);
        if show == Show::Faulty {
            events.retain(Event::is_faulty);
        }
        Self {
            events,
            summary,
            notes,
        }
    }

    /// Whether a message, or a whole event, is invalid.
    pub(super) fn has_invalid(&self) -> bool {
        let invalid = Status::Invalid.as_str();
        self.summary.messages.contains_key(invalid)
    }
}

impl Event {
    fn is_faulty(&self) -> bool {
        let mut messages = self.messages.iter();
        messages.any(|preview| preview.status != WOULD_SEND)
    }
}

impl Preview {
    pub(super) fn without_rule(reason: Reason, detail: String) -> Self {
        Self {
            rule: None,
            status: reason.status().as_str().to_owned(),
            reason: Some(reason),
            detail: Some(detail),
            param: None,
            message: None,
            body: None,
            values: Vec::new(),
            doubts: Vec::new(),
            is_too_old: false,
        }
    }

    pub(super) fn of(
        apps: &BTreeMap<Arc<str>, App>,
        diagnosis: &Diagnosis,
        recipients: Recipients,
        age_ms: i64,
    ) -> Self {
        let planned = &diagnosis.planned;
        let rule: &Rule = &planned.rule;
        let veil = Veil::of(diagnosis, recipients);
        let values = diagnosis.values.iter();
        let values = values.map(|value| Shown::of(rule, value, veil.as_ref()));
        let values = values.collect();
        let doubts = diagnosis.doubts();
        let doubts = doubts
            .map(|(name, doubt)| format!("{name}: {doubt}"))
            .collect();
        let rule_name = Some(rule.name.to_string());
        match &planned.result {
            Ok(made) => {
                let too_old = too_old(rule, age_ms);
                let app = apps.get(&rule.app);
                let body = app.and_then(|app| body(made, app, veil.as_ref()));
                Self {
                    rule: rule_name,
                    status: WOULD_SEND.to_owned(),
                    reason: None,
                    is_too_old: too_old.is_some(),
                    detail: too_old.or_else(|| by_code(made)),
                    param: None,
                    message: body
                        .as_deref()
                        .and_then(|body| serde_json::from_str(body).ok()),
                    body,
                    values,
                    doubts,
                }
            }
            Err(rejection) => Self {
                rule: rule_name,
                status: rejection.reason.status().as_str().to_owned(),
                reason: Some(rejection.reason),
                detail: Some(rejection.detail.clone()),
                param: rejection.param.as_deref().map(str::to_owned),
                message: None,
                body: None,
                values,
                doubts,
                is_too_old: false,
            },
        }
    }

    /// What stands against each of its values; without one at fault, what stands against the event as a whole.
    pub(super) fn complaints(&self) -> Vec<Complaint<'_>> {
        let mut found = Vec::new();
        let mut is_told = false;
        for value in &self.values {
            let name = Some(value.name.as_str());
            if let (Some(reason), Some(detail)) = (value.reason, &value.problem) {
                is_told = true;
                let why = Why::Refused { reason, detail };
                found.push(Complaint { name, why });
            }
            let doubts = value.doubts.iter();
            found.extend(doubts.map(|doubt| Complaint {
                name,
                why: Why::Doubted { doubt },
            }));
        }
        if let (false, Some(reason)) = (is_told, self.reason) {
            let detail = self.detail.as_deref().unwrap_or_default();
            found.push(Complaint {
                name: None,
                why: Why::Refused { reason, detail },
            });
        }
        found
    }
}

impl Shown {
    /// Whether it cannot be sent, or is hardly meant.
    pub(super) fn is_faulty(&self) -> bool {
        self.problem.is_some() || !self.doubts.is_empty()
    }

    fn of(rule: &Rule, made: &RuleValue, veil: Option<&Veil>) -> Self {
        let found = &made.found;
        let extent = found.extent;
        let rejection = found.rejection.as_ref();
        let (file, line) = match &made.place {
            Some(Origin::File { file, line }) => (Some(file.to_string()), Some(*line)),
            Some(Origin::Default | Origin::Environment(_) | Origin::Flag(_)) | None => (None, None),
        };
        Self {
            name: made.name.clone(),
            label: label_of(rule, &made.name),
            value: found.value.as_deref().map(|value| veiled(veil, value)),
            length: extent.map(|extent| extent.length),
            limit: extent.and_then(|extent| extent.limit),
            unit: extent.map(|extent| extent.unit.as_str()),
            problem: rejection.map(|rejection| rejection.detail.clone()),
            reason: rejection.map(|rejection| rejection.reason),
            doubts: found.doubts.clone(),
            file,
            line,
        }
    }
}

/// The body of the call, with nothing in it that may not be read.
fn body(made: &Made, app: &App, veil: Option<&Veil>) -> Option<String> {
    let message = made.shown();
    let touser = veiled(veil, &message.recipient);
    let body = SendBody::to(&touser, message, app.miniprogram_state);
    let body = veiled(veil, &serde_json::to_string(&body).ok()?);
    Some(match made {
        Made::Message(_) => body,
        Made::Unaddressed(unaddressed) => Veil::of_code(unaddressed.code().expose()).over(&body),
    })
}

fn veiled(veil: Option<&Veil>, text: &str) -> String {
    veil.map_or_else(|| text.to_owned(), |veil| veil.over(text))
}

impl Veil {
    /// For the recipient, where that is not shown whole.
    fn of(diagnosis: &Diagnosis, recipients: Recipients) -> Option<Self> {
        let Recipients::As(style) = recipients else {
            return None;
        };
        let mut values = diagnosis.values.iter();
        let recipient = values.find(|value| value.key == "to")?;
        let hidden = recipient.found.value.clone()?;
        (!hidden.is_empty()).then(|| Self {
            shown: style.show(&hidden),
            hidden,
        })
    }

    fn of_code(code: &str) -> Self {
        Self {
            hidden: code.to_owned(),
            shown: "(hidden)".to_owned(),
        }
    }

    fn over(&self, text: &str) -> String {
        if text == self.hidden {
            return self.shown.clone();
        }
        if self.hidden.len() < SHORTEST_IN_TEXT {
            return text.to_owned();
        }
        text.replace(&self.hidden, &self.shown)
    }
}

/// What the template calls a param, where it is known.
fn label_of(rule: &Rule, name: &str) -> Option<String> {
    let mut labels = rule.template()?.params.iter();
    let (_, label) = labels.find(|(known, _)| known.as_ref() == name)?;
    Some(label.clone())
}

/// The preview exchanges no code: that would use it up.
fn by_code(made: &Made) -> Option<String> {
    matches!(made, Made::Unaddressed(_)).then(|| {
        "to whom the login code belongs; the service exchanges it when it reads the event"
            .to_owned()
    })
}

/// The preview shows what the rule makes of an event at any age; the service would not send this one any more.
fn too_old(rule: &Rule, age_ms: i64) -> Option<String> {
    let age = Duration::from_millis(u64::try_from(age_ms).ok()?);
    (age > rule.expires_after).then(|| {
        let (age, allowed) = (age.as_secs(), rule.expires_after.as_secs());
        format!("the event is {age} s old, and the rule's expires_after allows {allowed} s: the service would let it expire")
    })
}
