//! What happened to a message, and how long each part took.

use maud::{Markup, html};

use super::look::{Look, unix_ms};
use crate::console::words::fill;
use wx_courier_core::explanation::{EventTold, MessageTold};
use wx_courier_core::model::outcome::Outcome;
use wx_courier_core::wechat::callback::ReceiptStatus;

/// A step: when it was, what it was, and more about it.
struct Step {
    at_ms: i64,
    what: &'static str,
    more: String,
    class: &'static str,
}

/// The time line of one message of an event.
pub fn time_line(look: &Look, event: &EventTold, message: &MessageTold) -> Markup {
    let steps = steps(look, event, message);
    html! {
        ol.time-line {
            @for (index, step) in steps.iter().enumerate() {
                @let before = index.checked_sub(1).and_then(|before| steps.get(before));
                li class=(step.class) {
                    @if let Some(before) = before { span.gap { "+" (look.length(step.at_ms - before.at_ms)) } }
                    span.when { (look.exact_moment(step.at_ms)) }
                    span.what { (step.what) @if !step.more.is_empty() { " " small { (step.more) } } }
                }
            }
        }
    }
}

fn steps(look: &Look, event: &EventTold, message: &MessageTold) -> Vec<Step> {
    let words = look.words();
    let mut steps = Vec::new();
    let mut add = |at: Option<&str>, what, more: String, class| {
        let at_ms = at.and_then(unix_ms);
        steps.extend(at_ms.map(|at_ms| Step {
            at_ms,
            what,
            more,
            class,
        }));
    };
    add(
        event.time.as_deref(),
        words.step_happened,
        String::new(),
        "",
    );
    add(
        event.record_time.as_deref(),
        words.step_published,
        event.place.clone(),
        "",
    );
    if let Some(outcome) = &message.outcome {
        add(
            Some(&outcome.received_at),
            words.step_read,
            String::new(),
            "",
        );
        let calls = calls(look, outcome);
        add(
            Some(&outcome.settled_at),
            words.step_settled,
            calls,
            "settled",
        );
    } else if let Some(line) = &message.line {
        add(
            line.waiting_since.as_deref(),
            words.step_waits,
            String::new(),
            "",
        );
    }
    if let Some(receipt) = &message.receipt {
        let what = match receipt.status {
            ReceiptStatus::Delivered => words.step_delivered,
            ReceiptStatus::Undelivered => words.step_undelivered,
        };
        add(Some(&receipt.happened_at), what, String::new(), "receipt");
    }
    if message.outcome.is_none() {
        add(
            message.expires_at.as_deref(),
            words.step_expires,
            String::new(),
            "future",
        );
    }
    // The event's time is its publisher's word: it may be later than the record's.
    steps.sort_by_key(|step| step.at_ms);
    steps
}

fn calls(look: &Look, outcome: &Outcome) -> String {
    let length = |ms: u64| look.length(i64::try_from(ms).unwrap_or(i64::MAX));
    fill(
        look.words().calls_took,
        &[
            &outcome.attempts.to_string(),
            &length(outcome.api_ms),
            &length(outcome.waited_ms),
        ],
    )
}
