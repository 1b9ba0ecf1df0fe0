//! A message of an event, as text.

use super::{field, line, moment, verdict, visible};
use crate::cli::count;
use crate::cli::preview::table::rows;
use wx_courier_core::explanation::{
    EventTold, GrantTold, LineTold, MessageTold, PauseTold, Present, Shown,
};
use wx_courier_core::model::rfc3339_ms;
use wx_courier_core::state::{ClaimSeen, ClaimStateSeen, ReceiptSeen};

pub(super) fn print(message: &MessageTold, event: &EventTold) {
    let rule = message.rule.as_deref().unwrap_or("(no rule)");
    match (&message.outcome, message.pending) {
        (Some(outcome), _) => line(&format!("  message of {rule}: {}", verdict(outcome))),
        (None, _) => line(&format!("  message of {rule}: no outcome")),
    }
    if message.rule.is_some() || message.outcome.is_some() {
        print_outcome(message, event);
    }
    if let Some(claim) = &message.claim {
        field("  claim", Some(&of_claim(claim, message)));
    }
    field("  sent by", message.sent_by.as_deref());
    field("  published", of_lateness(message).as_deref());
    field("  grant", message.grant.as_ref().map(of_grant).as_deref());
    field("  receipt", of_receipt(message).as_deref());
    for pause in &message.paused_by {
        field("  paused", Some(&of_pause(pause)));
    }
    field("  line", message.line.as_ref().map(of_line).as_deref());
    field(
        "  expires",
        message.expires_at.as_deref().map(moment).as_deref(),
    );
    for row in &message.unreadable {
        field(
            "  unreadable",
            Some(&format!("the {row} in the state store cannot be read")),
        );
    }
    if let Some(present) = &message.present {
        field("  now", Some(&of_present(present)));
    }
    let values: Vec<Shown> = message.values.iter().map(with_visible).collect();
    for row in rows(&values.iter().collect::<Vec<&Shown>>()) {
        line(&format!("    {row}"));
    }
    field("  what happened", Some(message.words.ops));
    field("  next message", Some(message.words.next));
    field("  to customer", Some(message.words.customer));
}

fn print_outcome(message: &MessageTold, event: &EventTold) {
    let places = [
        (message.published > 0).then(|| format!("{} × on the outcome topic", message.published)),
        message
            .is_in_store
            .and_then(|is_there| is_there.then(|| "in the state store".to_owned())),
    ];
    let places: Vec<String> = places.into_iter().flatten().collect();
    let found = if places.is_empty() {
        "not found".to_owned()
    } else {
        places.join(", ")
    };
    field(
        "  outcome",
        Some(&format!("{} ({found})", message.outcome_id)),
    );
    field("  message id", message.message_id.as_deref());
    let Some(outcome) = &message.outcome else {
        return;
    };
    field("  why", Some(&outcome.detail));
    field("  duplicate of", outcome.duplicate_of.as_deref());
    field("  user", outcome.recipient.as_deref());
    field("  read", Some(&moment(&outcome.received_at)));
    field("  ended", Some(&moment(&outcome.settled_at)));
    let calls = format!(
        "{} in {} ms; waited for {} ms",
        count_of(outcome.attempts, "call"),
        outcome.api_ms,
        outcome.waited_ms
    );
    field("  attempts", Some(&calls));
    let said = [
        outcome.errcode.map(|code| format!("errcode {code}")),
        outcome.errmsg.clone(),
        outcome.rid.as_deref().map(|rid| format!("rid {rid}")),
        outcome
            .msgid
            .as_deref()
            .map(|msgid| format!("msgid {msgid}")),
    ];
    let said: Vec<String> = said.into_iter().flatten().collect();
    field(
        "  WeChat",
        Some(said.join(", "))
            .filter(|said| !said.is_empty())
            .as_deref(),
    );
    field("  at fault", outcome.param.as_deref());
    let of_outcome = &outcome.rules_version;
    let rules = match &event.rules_version {
        Some(now) if now == of_outcome => format!("set {of_outcome}, as now"),
        Some(now) => format!("set {of_outcome}; now it is {now}, and the values below are of now"),
        None => format!("set {of_outcome}"),
    };
    field("  rules", Some(&rules));
}

fn of_lateness(message: &MessageTold) -> Option<String> {
    let late_ms = message.published_late_ms?;
    Some(format!("{} after it happened", span(late_ms)))
}

fn of_grant(grant: &GrantTold) -> String {
    format!(
        "{}: {} granted, {} reserved, {} used, {} left",
        grant.template, grant.granted, grant.reserved, grant.used, grant.left
    )
}

fn of_pause(pause: &PauseTold) -> String {
    let code = pause.errcode.map(|code| format!(", {code}"));
    format!(
        "{} since {} ({}{}): {}; ends: {}",
        pause.subject,
        moment(&pause.since),
        pause.cause,
        code.unwrap_or_default(),
        pause.detail,
        pause.ends
    )
}

fn of_line(waiting: &LineTold) -> String {
    let since = waiting.waiting_since.as_deref();
    let since = since.map(|since| format!(", the first since {}", moment(since)));
    format!(
        "{} of the rule {} here{}; {} more set aside",
        count_of(waiting.waiting, "message"),
        if waiting.waiting == 1 {
            "waits"
        } else {
            "wait"
        },
        since.unwrap_or_default(),
        waiting.set_aside
    )
}

/// How long, by its two largest units.
fn span(ms: i64) -> String {
    let secs = ms.max(0) / 1000;
    let (days, hours, mins) = (secs / 86_400, secs / 3600 % 24, secs / 60 % 60);
    match (days, hours, mins) {
        (0, 0, 0) => format!("{secs} s"),
        (0, 0, _) => format!("{mins} min {} s", secs % 60),
        (0, _, _) => format!("{hours} h {mins} min"),
        _ => format!("{days} d {hours} h"),
    }
}

fn count_of(number: impl TryInto<usize>, noun: &str) -> String {
    count(number.try_into().unwrap_or(usize::MAX), noun)
}

fn of_claim(claim: &ClaimSeen, message: &MessageTold) -> String {
    let by = if *claim.outcome_id == *message.outcome_id {
        "this record".to_owned()
    } else {
        format!("another record, {}", claim.outcome_id)
    };
    match claim.state {
        ClaimStateSeen::Sent => format!("{by} has sent it, or may have"),
        ClaimStateSeen::Open => {
            let since = claim.since_ms.map(|ms| moment(&rfc3339_ms(ms)));
            let holder = claim.holder.as_deref().unwrap_or_default();
            format!(
                "{by} is sending it since {}, by {holder}",
                since.unwrap_or_default()
            )
        }
    }
}

fn of_receipt(message: &MessageTold) -> Option<String> {
    if let Some(receipt) = &message.receipt {
        return Some(format!(
            "{} at {}, {} ({})",
            receipt.status.as_str(),
            moment(&receipt.happened_at),
            receipt.errmsg,
            receipt.errcode
        ));
    }
    match message.receipt_in_store {
        ReceiptSeen::NotKnown => None,
        ReceiptSeen::None => Some("none so far".to_owned()),
        ReceiptSeen::Published => Some("published; not found where topics were read".to_owned()),
    }
}

fn of_present(present: &Present) -> String {
    let reason = present.reason.as_ref();
    let reason = reason.map(|reason| format!(" ({})", reason.as_str()));
    let detail = present.detail.as_deref();
    let detail = detail.map(|detail| format!(": {detail}"));
    let said = match present.status.as_str() {
        Present::WOULD_SEND => {
            "the present rule makes a message of it that passes the checks against templates.toml"
        }
        Present::TOO_OLD => "the present rule makes a message of it that is too old by now",
        _ => "the present rule makes no message of it",
    };
    format!(
        "{said}{}{}",
        reason.unwrap_or_default(),
        detail.unwrap_or_default()
    )
}

fn with_visible(value: &Shown) -> Shown {
    Shown {
        value: value.value.as_deref().map(visible),
        before: value.before.as_deref().map(visible),
        ..value.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_two_units() {
        for (ms, said) in [
            (0, "0 s"),
            (61_000, "1 min 1 s"),
            (13_380_000, "3 h 43 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(span(ms), said);
        }
    }

    #[test]
    fn one_message_waits_and_two_wait() {
        let line = |waiting| {
            of_line(&LineTold {
                waiting,
                set_aside: 0,
                waiting_since: None,
            })
        };
        assert_eq!(
            line(1),
            "1 message of the rule waits here; 0 more set aside"
        );
        assert_eq!(
            line(2),
            "2 messages of the rule wait here; 0 more set aside"
        );
    }
}
