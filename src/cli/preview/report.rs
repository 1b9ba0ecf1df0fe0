//! What is told of events and their messages, for people and programs alike.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::Show;
use super::summary::{Complaint, Summary, Why};
use crate::config::App;
use crate::edges::wechat::SendBody;
use wx_courier_core::explanation::{Shown, Veil, veiled};
use wx_courier_core::message::Made;
use wx_courier_core::model::outcome::{Reason, RecipientStyle, Status};
use wx_courier_core::rules::{Diagnosis, Rule};

/// How users are shown.
#[derive(Clone, Copy)]
pub(in crate::cli) enum Recipients {
    /// As they are.
    Whole,
    /// As in outcomes.
    As(RecipientStyle),
}

impl Recipients {
    /// What hides the recipient, where that is not shown whole.
    fn veil(self, diagnosis: &Diagnosis) -> Option<Veil> {
        match self {
            Self::Whole => None,
            Self::As(style) => Veil::of(diagnosis, style),
        }
    }
}

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
        let veil = recipients.veil(diagnosis);
        let values = diagnosis.values.iter();
        let values = values.map(|value| Shown::of(rule, value, veil.as_slice()));
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
                let body = app.and_then(|app| body(made, app, veil.as_slice()));
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

/// The body of the call, with nothing in it that may not be read.
fn body(made: &Made, app: &App, veils: &[Veil]) -> Option<String> {
    let message = made.shown();
    let touser = veiled(veils, &message.recipient);
    let body = SendBody::to(&touser, message, app.miniprogram_state);
    let body = veiled(veils, &serde_json::to_string(&body).ok()?);
    Some(match made {
        Made::Message(_) => body,
        Made::Unaddressed(unaddressed) => Veil::of_code(unaddressed.code().expose()).over(&body),
    })
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
