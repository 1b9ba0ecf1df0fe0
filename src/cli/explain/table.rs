//! The answer as text. Whatever comes from an event is shown with its control characters written out.

use super::report::{Report, Source};
use crate::cli::preview::table::rows;
use crate::cli::rid::in_china;
use crate::cli::say;
use crate::cli::visible::visible;
use wx_courier_core::explanation::{
    About, EventTold, MessageTold, Present, RecordState, RuleTold, Shown, Words, words,
};
use wx_courier_core::model::outcome::Outcome;
use wx_courier_core::model::rfc3339_ms;
use wx_courier_core::rules::{Holds, Part, Verdict};
use wx_courier_core::state::{ClaimSeen, ClaimStateSeen, Looked, ReceiptSeen};

/// What the store knows at once: a person need not wait for the topics.
pub(super) fn print_known(known: &[Looked]) {
    for outcome in known.iter().filter_map(|looked| looked.outcome.row()) {
        line(&format!(
            "the state store knows {}: {}",
            outcome.id,
            verdict(outcome)
        ));
        let Words { ops, .. } = words(About::Ended {
            reason: outcome.reason,
            errcode: outcome.errcode,
            receipt: None,
        });
        line(&format!("  {ops}"));
        line("");
    }
}

pub(super) fn print(report: &Report) {
    for event in &report.events {
        print_event(event);
    }
    if report.events.is_empty() {
        line(&format!("nothing is known of {}", report.sought));
    }
    line("read:");
    for source in &report.read {
        line(&read_line(source));
    }
    for note in &report.notes {
        line(&format!("note: {note}"));
    }
    if report.events.is_empty() {
        line(
            "what to do: look further back with --since 30d; check that upstream has published it, to which topic; the page docs/support.md goes on from there",
        );
    }
}

fn read_line(source: &Source) -> String {
    let since = source
        .since
        .as_deref()
        .map(|since| format!(" since {since}"));
    let why_not = source.why_not.as_deref().map(|why| format!(": {why}"));
    format!(
        "  {}{}: {} read{}",
        source.what,
        since.unwrap_or_default(),
        source.read,
        why_not.unwrap_or_default()
    )
}

fn print_event(event: &EventTold) {
    let what = match event.state {
        RecordState::Event => "event",
        RecordState::NoEvent => "record that tells of no event",
        RecordState::Undecodable => "record of which no event can be made",
        RecordState::Gone => "record that is not on its topic any more",
    };
    let id = event.id.as_deref().unwrap_or("(no id)");
    let kind = event.kind.as_deref().unwrap_or("(no type)");
    match event.state {
        RecordState::Event => line(&format!("{what} {id}, {kind}, at {}", event.place)),
        RecordState::NoEvent | RecordState::Gone => line(&format!("{what}, at {}", event.place)),
        RecordState::Undecodable => {
            line(&format!("{what}, at {}", event.place));
            let reason = event.reason.as_ref().map_or("", |reason| reason.as_str());
            let detail = event.detail.as_deref().unwrap_or_default();
            field("why", Some(&format!("{reason}: {detail}")));
            field("id", event.id.as_deref());
            field("type", event.kind.as_deref());
        }
    }
    field("business key", event.business_key.as_deref());
    field("source", event.source.as_deref());
    field("happened", event.time.as_deref().map(moment).as_deref());
    field(
        "record made",
        event.record_time.as_deref().map(moment).as_deref(),
    );
    field("trace", event.traceparent.as_deref());
    if !event.replayed_for.is_empty() {
        let rules = event.replayed_for.join(", ");
        field("replayed for", Some(&rules));
    }
    let committed = match event.is_past {
        Some(true) => "the service is past this record",
        Some(false) => "the service has not ended with this record",
        None => "how far the service has come is not known",
    };
    field("progress", Some(committed));
    if event.state == RecordState::Event {
        print_rules(event);
    }
    for message in &event.messages {
        print_message(message, event);
    }
    line("");
}

fn print_rules(event: &EventTold) {
    line(&format!(
        "  rules for {} (set {}):",
        event.kind.as_deref().unwrap_or_default(),
        event.rules_version
    ));
    for rule in &event.rules {
        for text in of_rule(rule) {
            line(&text);
        }
    }
    if let Some(why) = &event.unmatched {
        line(&format!("    no rule wants it: {why}"));
    }
}

fn of_rule(rule: &RuleTold) -> Vec<String> {
    let (mark, said) = match rule.verdict {
        Verdict::Wants => ("✓", "wants it"),
        Verdict::WhenDoesNotHold => ("✗", "`when` does not hold"),
        Verdict::NotMeant => ("✗", "the replay is not for it"),
    };
    let mut lines = vec![format!(
        "    {mark} {} (version {}): {said}",
        rule.rule, rule.version
    )];
    lines.extend(rule.when.iter().map(of_part));
    lines
}

fn of_part(part: &Part) -> String {
    let holds = match part.holds {
        Holds::True => "true",
        Holds::False => "false",
        Holds::Failed => "failed",
        Holds::NotReached => "not reached",
    };
    let values = part.values.iter().map(|seen| {
        let value = seen.value.as_deref().unwrap_or("(nothing)");
        format!("{} = {value}", seen.name)
    });
    let values: Vec<String> = values.chain(part.problem.clone()).collect();
    format!(
        "        {holds:<6} {}    ({})",
        part.text,
        values.join("; ")
    )
}

fn print_message(message: &MessageTold, event: &EventTold) {
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
    if let Some(grant) = &message.grant {
        let told = format!(
            "{}: {} granted, {} reserved, {} used, {} left",
            grant.template, grant.granted, grant.reserved, grant.used, grant.left
        );
        field("  grant", Some(&told));
    }
    field("  receipt", of_receipt(message).as_deref());
    for pause in &message.paused_by {
        let code = pause.errcode.map(|code| format!(", {code}"));
        let told = format!(
            "{} since {} ({}{}): {}; ends: {}",
            pause.subject,
            moment(&pause.since),
            pause.cause,
            code.unwrap_or_default(),
            pause.detail,
            pause.ends
        );
        field("  paused", Some(&told));
    }
    if let Some(line) = &message.line {
        let since = line.waiting_since.as_deref();
        let since = since.map(|since| format!(", the first since {}", moment(since)));
        let told = format!(
            "{} messages of the rule wait here{}; {} more are set aside",
            line.waiting,
            since.unwrap_or_default(),
            line.set_aside
        );
        field("  line", Some(&told));
    }
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
        "{} calls in {} ms; waited for {} ms",
        outcome.attempts, outcome.api_ms, outcome.waited_ms
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
    let rules = if outcome.rules_version == event.rules_version {
        format!("set {}, as now", outcome.rules_version)
    } else {
        format!(
            "set {}; now it is {}, and the values below are of now",
            outcome.rules_version, event.rules_version
        )
    };
    field("  rules", Some(&rules));
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
        Present::WOULD_SEND => "the present rule makes a message of it that could be sent",
        Present::TOO_OLD => "the present rule makes a message of it that is too old by now",
        _ => "the present rule makes no message of it",
    };
    format!(
        "{said}{}{}",
        reason.unwrap_or_default(),
        detail.unwrap_or_default()
    )
}

fn verdict(outcome: &Outcome) -> String {
    format!("{} ({})", outcome.status.as_str(), outcome.reason.as_str())
}

fn with_visible(value: &Shown) -> Shown {
    Shown {
        value: value.value.as_deref().map(visible),
        before: value.before.as_deref().map(visible),
        ..value.clone()
    }
}

/// With the time in China, which people there go by.
fn moment(timestamp: &str) -> String {
    match in_china(timestamp) {
        Some(in_china) => format!("{in_china} in China ({timestamp})"),
        None => timestamp.to_owned(),
    }
}

fn field(name: &str, value: Option<&str>) {
    if let Some(value) = value {
        line(&format!("  {name:<17}{value}"));
    }
}

fn line(text: &str) {
    say(visible(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(
            visible("a\u{1b}[31mb\nc\u{202e}订单"),
            "a\\u{1b}[31mb\\nc\\u{202e}订单"
        );
    }
}
