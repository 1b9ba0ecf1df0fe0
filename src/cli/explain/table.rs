//! The answer as text. Whatever comes from an event is shown with its control characters written out.

mod message;

use crate::cli::rid::in_china;
use crate::cli::visible::visible;
use crate::cli::{colour, say};
use crate::explaining::{Kind, Report, Source};
use wx_courier_core::explanation::{About, EventTold, RecordState, RuleTold, Words, words};
use wx_courier_core::model::outcome::Outcome;
use wx_courier_core::rules::{Holds, Part, Verdict};
use wx_courier_core::state::Looked;

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
    if let Some(nothing) = report.nothing {
        line(&nothing.headline(&report.sought));
    }
    line("read:");
    for source in &report.read {
        line(&read_line(source));
    }
    let is_said = |note: &&String| report.read.iter().any(|source| source.says(note));
    for note in report.notes.iter().filter(|note| !is_said(note)) {
        line(&format!("note: {note}"));
    }
    if let Some(nothing) = report.nothing {
        line(&format!("what to do: {}", nothing.advice()));
    }
}

fn read_line(source: &Source) -> String {
    let since = source
        .since
        .as_deref()
        .map(|since| format!(" since {since}"));
    let why_not = source.why_not.as_deref();
    if source.kind == Kind::Store {
        let why_not = why_not.map(|why| format!("not asked, because {why}"));
        return format!(
            "  {}: {}",
            source.what,
            why_not.as_deref().unwrap_or("asked")
        );
    }
    let why_not = why_not.map(|why| format!(": {why}"));
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
        RecordState::Gone => "record that was deleted by retention",
        RecordState::NotThere => {
            "record that is not on its topic: that was made anew, or has lost its end"
        }
        RecordState::NotRead => "record that could not be read",
    };
    let id = event.id.as_deref().unwrap_or("(no id)");
    let kind = event.kind.as_deref().unwrap_or("(no type)");
    match event.state {
        RecordState::Event => line(&format!("{what} {id}, {kind}, at {}", event.place)),
        RecordState::NoEvent | RecordState::Gone | RecordState::NotThere | RecordState::NotRead => {
            line(&format!("{what}, at {}", event.place));
        }
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
        message::print(message, event);
    }
    line("");
}

fn print_rules(event: &EventTold) {
    let Some(version) = &event.rules_version else {
        line("  rules: those on disk cannot be used, as is said below");
        return;
    };
    line(&format!(
        "  rules for {} (set {version}):",
        event.kind.as_deref().unwrap_or_default(),
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

fn verdict(outcome: &Outcome) -> String {
    format!("{} ({})", outcome.status.as_str(), outcome.reason.as_str())
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
    say(colour::marked(&visible(text)));
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
