//! The previews as text: a table for each message, and what all events come to.

use std::fmt::Write as _;

use super::Show;
use super::report::{Event, Preview, Previews, WOULD_SEND};
use super::summary::Summary;
use crate::cli::{colour, say};
use wx_courier_core::explanation::Shown;
use wx_courier_core::model::outcome::{Reason, Status};

/// A value that is wider pushes what is right of it away, and that of no other line.
const WIDEST_VALUE: usize = 40;

/// So many events are more than a screen.
const MANY: usize = 10;

/// More groups of what is wrong are counted, and not told.
const MOST_GROUPS: usize = 50;

/// Which events are told by their places.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Headings {
    /// Each.
    Always,
    /// Each of several: an only one has no other beside it.
    OfSeveral,
}

pub(super) fn print(previews: &Previews, headings: Headings, show: Show) {
    for note in &previews.notes {
        say(format_args!("note: {note}"));
    }
    let n_events = previews.summary.events;
    for event in &previews.events {
        if n_events > 1 || headings == Headings::Always {
            say(heading(event, n_events));
        }
        for preview in &event.messages {
            say(verdict(preview));
            let values: Vec<&Shown> = preview
                .values
                .iter()
                .filter(|value| show == Show::All || value.is_faulty())
                .collect();
            for line in rows(&values) {
                say(colour::marked(&line));
            }
            if let Some(body) = &preview.body {
                say(format_args!("  body: {body}"));
            }
        }
        if n_events > 1 {
            say("");
        }
    }
    if n_events > 1 {
        for line in totals(&previews.summary) {
            say(line);
        }
        if n_events > MANY && previews.events.len() == n_events {
            say("(--faulty leaves out the events whose messages would all be sent)");
        }
    }
}

fn heading(event: &Event, n_events: usize) -> String {
    let mut line = format!("event {} of {n_events}, {}", event.number, event.place);
    if let (Some(kind), Some(id)) = (&event.kind, &event.id) {
        // Writing to a text cannot fail.
        let _written = write!(line, ": {kind}, id {id}");
    }
    line
}

fn verdict(preview: &Preview) -> String {
    let rule = preview.rule.as_deref().unwrap_or("(no rule)");
    let status = &preview.status;
    match (preview.reason, &preview.detail) {
        (Some(reason), Some(detail)) => {
            format!("{rule}: {status} ({}): {detail}", reason.as_str())
        }
        (None, Some(note)) => format!("{rule}: {status} ({note})"),
        (_, None) => format!("{rule}: {status}"),
    }
}

/// A line for each value, and below it what it was before it was cut, and what stands against it.
pub(in crate::cli) fn rows(values: &[&Shown]) -> Vec<String> {
    let widest =
        |width: fn(&Shown) -> usize| values.iter().copied().map(width).max().unwrap_or_default();
    let names = widest(|value| width(&value.name));
    let labels = widest(|value| value.label.as_deref().map_or(0, width));
    let texts = widest(|value| shown(value).lines().map(width).max().unwrap_or_default());
    let texts = texts.min(WIDEST_VALUE);
    let lengths = widest(|value| length(value).len());
    let mut lines = Vec::new();
    for value in values {
        let mark = if value.problem.is_some() {
            "✗"
        } else {
            "✓"
        };
        let label = value.label.as_deref().unwrap_or_default();
        let head = format!(
            "  {mark} {}  {}",
            padded(&value.name, names),
            padded(label, labels)
        );
        let shown = shown(value);
        let mut texts_of_value = shown.lines();
        let first = texts_of_value.next().unwrap_or_default();
        let line = format!(
            "{head}  {}  {:>lengths$}  {}",
            padded(first, texts),
            length(value),
            place(value)
        );
        lines.push(line.trim_end().to_owned());
        let indent = " ".repeat(width(&head) + 2);
        lines.extend(texts_of_value.map(|text| format!("{indent}{text}")));
        let before = value.before.as_deref();
        let cut = before.map(|before| format!("cut, it was {before}"));
        let said = cut.into_iter().chain(value.problem.iter().cloned());
        let doubts = value.doubts.iter();
        let doubts = doubts.map(|doubt| format!("warning: {}: {doubt}", value.name));
        lines.extend(said.chain(doubts).map(|text| format!("      {text}")));
    }
    lines
}

/// The value; what is not there shows as a dash.
fn shown(value: &Shown) -> &str {
    match value.value.as_deref() {
        None | Some("") => "-",
        Some(text) => text,
    }
}

/// `13/20`, or `13` where no limit is known.
fn length(value: &Shown) -> String {
    match (value.length, value.limit) {
        (Some(length), Some(limit)) => format!("{length}/{limit}"),
        (Some(length), None) => length.to_string(),
        (None, _) => String::new(),
    }
}

fn place(value: &Shown) -> String {
    match (&value.file, value.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (file, _) => file.clone().unwrap_or_default(),
    }
}

fn totals(summary: &Summary) -> Vec<String> {
    let of = |status: &str| summary.messages.get(status).copied().unwrap_or_default();
    let noted = |n: usize, what: &str| match n {
        0 => String::new(),
        n => format!(" ({n} of them {what})"),
    };
    let too_old = noted(summary.too_old, "too old by now");
    let doubtful = noted(summary.doubtful, "with a warning");
    let others = summary.messages.iter().filter(|(status, _)| {
        *status != WOULD_SEND
            && *status != Status::Invalid.as_str()
            && *status != Status::Unmatched.as_str()
    });
    let others = others.fold(String::new(), |text, (status, n)| {
        format!("{text}, {n} {status}")
    });
    let mut lines = vec![format!(
        "{} events: {} would be sent{too_old}{doubtful}, {} invalid, {} unmatched{others}",
        summary.events,
        of(WOULD_SEND),
        of(Status::Invalid.as_str()),
        of(Status::Unmatched.as_str()),
    )];
    for tally in summary.problems.iter().take(MOST_GROUPS) {
        let rule = tally.rule.as_deref().unwrap_or("(no rule)");
        let mut line = format!("  {} × {rule}", tally.times);
        let doubt = tally
            .doubt
            .as_ref()
            .map(|doubt| format!("warning: {doubt}"));
        let reason = tally.reason.as_ref().map(Reason::as_str);
        let cause = tally.cause.as_deref();
        // Most details begin with the name of the value.
        let name = tally.name.as_deref();
        let name = name.filter(|name| !cause.is_some_and(|cause| cause.starts_with(name)));
        for said in [name, reason, cause, doubt.as_deref()]
            .into_iter()
            .flatten()
        {
            line += ": ";
            line += said;
        }
        lines.push(format!("{line}; first at {}", tally.first));
    }
    if let Some(more @ 1..) = summary.problems.len().checked_sub(MOST_GROUPS) {
        lines.push(format!(
            "  and {more} other kinds; --format json has them all"
        ));
    }
    lines
}

fn padded(text: &str, to: usize) -> String {
    text.to_owned() + &" ".repeat(to.saturating_sub(width(text)))
}

/// The columns of a terminal that a text takes: Han characters, full-width forms and most emoji take two.
fn width(text: &str) -> usize {
    let of = |c: char| match c {
        '\u{1100}'..='\u{115F}'
        | '\u{2E80}'..='\u{A4CF}'
        | '\u{AC00}'..='\u{D7A3}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{FE30}'..='\u{FE6F}'
        | '\u{FF00}'..='\u{FF60}'
        | '\u{FFE0}'..='\u{FFE6}'
        | '\u{1F300}'..='\u{1FAFF}'
        | '\u{20000}'..='\u{3FFFD}' => 2,
        _ => 1,
    };
    text.chars().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_look() {
        assert_eq!(width("￥128.50"), 8);
        assert_eq!(padded("订单", 6), "订单  ");
        assert_eq!(padded("订单编号", 6), "订单编号");
    }
}
