//! What an outcome says: where it comes from, and a sentence for the person who reads it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::message::{Delivery, Origin};
use super::repeated;
use crate::catalog::Frequency;
use crate::flow::attempt::{Refusal, SendAnswer};
use crate::message::Rejection;
use crate::model::outcome::{Outcome, Reason};
use crate::model::{Moment, rfc3339_ms};
use crate::rules::Rule;
use crate::schedule::pauses::{Cause, Pause, Wave};
use crate::state::OnUnreadable;
use crate::wechat::logins::ExchangeRefusal;

/// The outcome of a message that a rule could not make.
pub(super) fn rejected(
    now: Moment,
    origin: &Origin,
    (rule, message_id): (&Rule, String),
    rejection: Rejection,
) -> Outcome {
    let ids = (origin.record.outcome_id(&rule.name), message_id);
    let mut rejected = of_rule(now, origin, rule, ids, rejection.reason);
    rejected.detail = rejection.detail;
    rejected.param = rejection.param.map(|param| param.to_string());
    rejected
}

/// The outcome, with these ids, of a message that a rule wants.
pub(super) fn of_rule(
    now: Moment,
    origin: &Origin,
    rule: &Rule,
    ids: (String, String),
    reason: Reason,
) -> Outcome {
    let mut outcome = with_ids(now, origin, ids, reason);
    outcome.rule = Some(Arc::clone(&rule.name));
    outcome.app = Some(Arc::clone(&rule.app));
    if let Some(template) = rule.template() {
        outcome.template = Some(Arc::clone(&template.name));
        outcome.template_id = Some(Arc::from(template.id.as_str()));
    }
    outcome
}

/// The outcome where there is no rule: the record itself is what ended.
pub(super) fn outcome(now: Moment, origin: &Origin, reason: Reason) -> Outcome {
    let position = origin.record.position();
    with_ids(now, origin, (position.clone(), position), reason)
}

/// What every outcome says.
fn with_ids(
    now: Moment,
    origin: &Origin,
    (id, message_id): (String, String),
    reason: Reason,
) -> Outcome {
    let event = origin.event.as_deref();
    let waited = now.elapsed.saturating_sub(origin.received.elapsed);
    let mut outcome = Outcome {
        id,
        message_id,
        duplicate_of: None,
        status: reason.status(),
        reason,
        detail: String::new(),
        rule: None,
        rules_version: Arc::clone(&origin.rules_version),
        app: None,
        template: None,
        template_id: None,
        recipient: None,
        recipient_hash: None,
        event_id: None,
        event_type: None,
        event_source: None,
        event_time: None,
        business_key: None,
        topic: Arc::clone(&origin.record.topic),
        partition: origin.record.partition,
        offset: origin.record.offset,
        errcode: None,
        errmsg: None,
        rid: None,
        msgid: None,
        param: None,
        attempts: 0,
        received_at: rfc3339_ms(origin.received.unix_ms),
        settled_at: rfc3339_ms(now.unix_ms),
        waited_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
        api_ms: 0,
        traceparent: event.and_then(|event| event.traceparent.clone()),
        record: repeated::of_record(origin),
        more: BTreeMap::new(),
    };
    if let Some(event) = event {
        repeated::name_event(&mut outcome, event);
    }
    outcome
}

pub(super) fn name_refusal(outcome: &mut Outcome, refusal: &Refusal) {
    outcome.errcode = Some(refusal.errcode);
    outcome.errmsg = Some(refusal.errmsg.clone());
    outcome.rid.clone_from(&refusal.rid);
    outcome.param.clone_from(&refusal.param);
}

/// An earlier run was sending the message when it ended, or may have been: whatever it was to end as now does not say that the user has
/// nothing.
pub(super) fn put_in_doubt(outcome: &mut Outcome, why: Reason) {
    outcome.detail = format!(
        "WeChat may have delivered it in an earlier run, which did not come to its end; now it would be {}: {}",
        outcome.status.as_str(),
        outcome.detail
    );
    outcome.end_as(why);
    outcome.bound();
}

/// Another record's message with the same id counts as the one that was sent, whatever came of this one's own call.
pub(super) fn put_behind(outcome: &mut Outcome, of: &str) {
    outcome.detail = format!(
        "{DUPLICATE}; without it this one would be {}: {}",
        outcome.status.as_str(),
        outcome.detail
    );
    outcome.end_as(Reason::Duplicate);
    outcome.duplicate_of = Some(of.to_owned());
    outcome.msgid = None;
    outcome.bound();
}

/// What a message waited for, as the end of its sentence.
pub(super) fn paused_by(pause: &Pause) -> String {
    let code = pause.errcode.map(|code| format!(", {code}"));
    let (subject, cause) = (&pause.subject, pause.cause.as_str());
    // What WeChat said is in the outcome's own fields; what a person said is nowhere else.
    let why = (pause.cause == Cause::Person && !pause.detail.is_empty())
        .then(|| format!(": {}", pause.detail));
    format!(
        "; {subject} is paused ({cause}{}{})",
        code.unwrap_or_default(),
        why.unwrap_or_default()
    )
}

/// Why a rule is slowed down.
pub(super) fn wave_of_refusals(Wave { refused, answered }: Wave) -> String {
    format!(
        "{refused} of the last {answered} users were refused as not subscribed (43101), and each of them has a grant by the ledger: more likely WeChat's trouble than theirs. Their grants are kept, and one message at a time is sent; after an hour WeChat is believed"
    )
}

/// What is said of a message that was refused in a wave, after the sentence for 43101.
pub(super) const IN_A_WAVE: &str = "; but many users with grants are refused at once (`refusal_wave`), so it is more likely WeChat's trouble, and the user's grants are kept. `wx-courier replay` can send it again";

/// What is said of a message whose rule was changed under it.
pub(super) const CHANGED_RULE: &str =
    "the rule, as it was changed while the message waited, does not want this event";

/// What is said of a message whose rule was taken away under it.
pub(super) const RULE_IS_GONE: &str =
    "the rule was taken away while the message waited: nothing was sent";

/// What is said of a duplicate.
pub(super) const DUPLICATE: &str = "another record brought the same message before, and it was sent or may have been: see duplicate_of";

/// What is said of a message that ends because of a fault of ours.
pub(super) const INTERNAL: &str = "a fault in wx-courier: the log of this time has an internal error with the place of the record. Nothing was sent; please report it";

/// What is said of a message that ends because of an entry that cannot be read.
pub(super) const STATE_UNREADABLE: &str = "the state store has an entry of this message that cannot be read or written, so it may have been sent before; nothing was sent now. The log of this time says which entry";

/// A sentence for the person who reads the outcome.
pub(super) fn explain(delivery: &Delivery, reason: Reason, answer: Option<&SendAnswer>) -> String {
    let rule = &delivery.rule;
    let for_template = rule
        .template()
        .map(|template| format!(" for the template {}", template.name));
    let for_template = for_template.unwrap_or_default();
    match (reason, answer) {
        (Reason::Ok, _) => "WeChat took the message".to_owned(),
        (Reason::UserRefused, _) => {
            "the user has not subscribed to this template, has cancelled, or has used up what was granted".to_owned()
        }
        (Reason::RecipientUnknown, _) => format!("WeChat knows no such user in the app {}", rule.app),
        (Reason::ParamRefused, Some(SendAnswer::Refused(Refusal { param: Some(param), .. }))) => {
            format!("WeChat refuses the value of {param}{for_template}")
        }
        (Reason::ParamRefused, _) => format!("WeChat refuses a value{for_template}"),
        (Reason::MediaUnknown, _) => format!(
            "WeChat has no such picture of the app {}: temporary media is gone after three days",
            rule.app
        ),
        (Reason::WindowClosed, _) => "the user has not written within the last 48 hours, and may not be answered any more".to_owned(),
        (Reason::WindowUsedUp, _) => "the user has been sent as many messages as may answer their last one".to_owned(),
        (Reason::ContentRefused, _) => "WeChat refuses the content: it holds a word or leads to a page that is not allowed".to_owned(),
        (Reason::PageUnknown, _) => "the page is not in the released version of the mini program".to_owned(),
        (Reason::AccountFault, _) => format!("the user has not authorised this API for the app {}", rule.app),
        (Reason::RequestRefused, _) => "WeChat says that the request itself is wrong; please report this".to_owned(),
        (Reason::Expired, _) => {
            let waited = delivery.paused_by.as_ref().map(|refusal| format!("; WeChat's last word was {}", refusal.errcode));
            too_late(rule) + &waited.unwrap_or_default()
        }
        (Reason::StateUnreadable, _) => STATE_UNREADABLE.to_owned(),
        (Reason::NoGrant, _) if delivery.on_unreadable == OnUnreadable::Overwrite => format!(
            "the ledger of this user{for_template} cannot be read, so no grant is known: nothing was sent. `wx-courier grants set` writes it anew"
        ),
        (Reason::NoGrant, _) => format!("the ledger has no grant of this user{for_template}: nothing was sent"),
        (Reason::TooSoon, _) => too_soon(rule, &for_template),
        (Reason::Duplicate, _) => DUPLICATE.to_owned(),
        (Reason::Internal, _) => INTERNAL.to_owned(),
        (Reason::InDoubt, answer) => explain_doubt(answer),
        (Reason::AttemptsUsed, answer) => {
            format!("given up after {} tries; the last one: {}", delivery.tries.attempts, last_word(answer))
        }
        // Where one of these is found, it is said what is wrong: with the record, its values or its login code.
        (
            Reason::LoginCodeExpired
            | Reason::LoginCodeUsed
            | Reason::UserBlocked
            | Reason::RecordTooLarge
            | Reason::NotJson
            | Reason::FormatUnsupported
            | Reason::EventMalformed
            | Reason::TypeMissing
            | Reason::RuleError
            | Reason::ValueMissing
            | Reason::RecipientMalformed
            | Reason::PageMalformed
            | Reason::ParamEmpty
            | Reason::ParamTooLong
            | Reason::ParamMalformed
            | Reason::ParamNotListed
            | Reason::GrantMalformed
            | Reason::RecordGone
            | Reason::NoRule
            | Reason::RuleGone
            | Reason::Unlisted(_),
            _,
        ) => reason.as_str().replace('_', " "),
    }
}

fn explain_doubt(answer: Option<&SendAnswer>) -> String {
    match answer {
        Some(SendAnswer::InDoubt { detail }) => format!("WeChat may have delivered it: {detail}"),
        None => {
            "WeChat may have delivered it in an earlier attempt or an earlier run, whose answer was not heard".to_owned()
        }
        Some(
            SendAnswer::Accepted { .. }
            | SendAnswer::Refused(_)
            | SendAnswer::Garbled { .. }
            | SendAnswer::Unreachable { .. }
            | SendAnswer::NoToken(_),
        ) => format!(
            "WeChat may have delivered it in an earlier attempt; the last one: {}",
            last_word(answer)
        ),
    }
}

/// A sentence for a message of a template that may not be sent again yet.
fn too_soon(rule: &Rule, for_template: &str) -> String {
    let template = rule.template();
    let frequency = template.and_then(|template| template.frequency.as_ref());
    let limit = frequency.map(|Frequency { key, per }| {
        format!(
            "; WeChat takes one message of each value of {key} every {} s",
            per.as_secs()
        )
    });
    let limit = limit.unwrap_or_default();
    format!(
        "the user was sent such a message{for_template} a while ago, or one is under way{limit}: nothing was sent"
    )
}

/// A sentence for a message that is older than its rule allows.
pub(super) fn too_late(rule: &Rule) -> String {
    let secs = rule.expires_after.as_secs();
    format!("its turn came after the {secs} s that the rule's expires_after allows")
}

/// A sentence for a message whose login code gave no user. `last` is what was heard last.
pub(super) fn explain_login(why: Option<ExchangeRefusal>, tries: u32, last: &str) -> String {
    match why {
        Some(ExchangeRefusal::Expired) => {
            "WeChat does not know the login code any more: it lives five minutes".to_owned()
        }
        Some(ExchangeRefusal::Used) => {
            "the login code was exchanged before, elsewhere or by a run that ended before it could keep the user".to_owned()
        }
        Some(ExchangeRefusal::Blocked) => "WeChat has blocked this user as a risk".to_owned(),
        Some(ExchangeRefusal::Account) => {
            format!("no login code of this app can be exchanged: {last}")
        }
        Some(ExchangeRefusal::Busy) | None => {
            format!("the login code could not be exchanged in {tries} tries; the last one: {last}")
        }
    }
}

fn last_word(answer: Option<&SendAnswer>) -> String {
    match answer {
        Some(SendAnswer::Refused(refusal)) => format!("errcode {}", refusal.errcode),
        Some(
            SendAnswer::Garbled { detail }
            | SendAnswer::Unreachable { detail }
            | SendAnswer::InDoubt { detail },
        ) => detail.clone(),
        Some(SendAnswer::NoToken(trouble)) => trouble.detail.clone(),
        Some(SendAnswer::Accepted { .. }) | None => "no answer".to_owned(),
    }
}
