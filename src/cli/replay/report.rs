//! What a replay tells: the numbers before, and what became of them.

use serde::Serialize;

use crate::cli::say;
use crate::replaying::{Published, Stopped};
use wx_courier_core::replay::{Count, Example, Group, Judged};

/// Everything for a program, as one document.
#[derive(Default, Serialize)]
pub(super) struct Report {
    /// Names the run; none where nothing was published.
    pub(super) run: Option<String>,
    /// The numbers; none where a run was resumed.
    pub(super) count: Option<Count>,
    pub(super) first_still_invalid: Option<Example>,
    /// What was selected, in groups; none where a run was resumed.
    pub(super) found: Vec<Group>,
    /// What was published; none if nothing was tried.
    pub(super) published: Option<Numbers>,
}

/// What was published.
#[derive(Serialize)]
pub(super) struct Numbers {
    /// Records acknowledged by the broker in this run.
    republished: usize,
    /// Records that were gone when their turn came.
    gone: usize,
    /// Records that their topic does not accept any more, for their size.
    too_large: usize,
    /// Records that are still to be published.
    left: usize,
    /// The file to go on with, if some are left.
    state: Option<String>,
}

impl Numbers {
    pub(super) fn of(published: &Published, n_errands: usize, state: Option<String>) -> Self {
        Self {
            republished: published.acknowledged,
            gone: published.gone,
            too_large: published.too_large,
            left: n_errands - published.done,
            state,
        }
    }
}

/// The numbers, one head a line; heads without messages are left out.
pub(super) fn print(judged: &Judged, where_from: &str) {
    let count = &judged.count;
    say(format_args!(
        "{:>9}  selected from {where_from}",
        count.selected
    ));
    let gone: Vec<String> = judged
        .rules_gone
        .iter()
        .map(|(rule, number)| format!("{rule} {number}"))
        .collect();
    let still_invalid = judged.still_invalid.as_ref().map(|first| {
        let rule = first.rule.as_deref().unwrap_or("no rule");
        format!("the first: {}, {rule}: {}", first.record, first.detail)
    });
    let heads = [
        (count.already_sent, "already sent, or perhaps sent", None),
        (
            count.tried_since,
            "tried again since, with a later outcome",
            None,
        ),
        (
            count.original_gone,
            "original gone: its topic's retention has deleted it",
            None,
        ),
        (count.rule_gone, "rule gone", Some(gone.join(", "))),
        (count.not_wanted, "not wanted by the present rules", None),
        (count.still_invalid, "still invalid", still_invalid),
        (count.expired, "expired meanwhile", None),
    ];
    for (number, head, more) in heads.into_iter().filter(|(number, ..)| *number > 0) {
        match more {
            None => say(format_args!("{number:>9}    {head}")),
            Some(more) => say(format_args!("{number:>9}    {head}: {more}")),
        }
    }
    let again = match count.again {
        0 => String::new(),
        again => format!(", {again} of them once more"),
    };
    let records = match count.records {
        0 => String::new(),
        records => format!(", in {}", plural(records, "record")),
    };
    say(format_args!(
        "{:>9}  to replay{records}{again}",
        count.to_replay
    ));
    let notes = [
        (
            count.of_other_topics,
            "of source topics that these settings do not name: left alone",
        ),
        (count.not_understood, "not understood: left alone"),
    ];
    for (number, note) in notes.into_iter().filter(|(number, _)| *number > 0) {
        say(format_args!("{number:>9}  besides, {note}"));
    }
    print_found(&judged.found);
}

/// Groups that are printed; a program gets all of them.
const MOST_GROUPS: usize = 20;

/// What was selected, a group a line.
fn print_found(found: &[Group]) {
    if found.is_empty() {
        return;
    }
    let rule = |group: &Group| group.rule.as_deref().unwrap_or("(no rule)").to_owned();
    let shown = found.get(..MOST_GROUPS).unwrap_or(found);
    let width = |head: &str, cell: &dyn Fn(&Group) -> usize| {
        let widest = shown.iter().map(cell).max();
        widest.unwrap_or_default().max(head.len())
    };
    let rules = width("rule", &|group| rule(group).chars().count());
    let reasons = width("reason", &|group| group.reason.as_str().len());
    let topics = width("topic", &|group| group.topic.len());
    say(format_args!(
        "\n{:>9}  {:>9}  {:rules$}  {:reasons$}  {:topics$}  the first",
        "to replay", "selected", "rule", "reason", "topic"
    ));
    for group in shown {
        let n_named = match group.to_replay {
            0 => group.selected,
            to_replay => to_replay,
        };
        let more = if n_named > group.first.len() as u64 {
            ", …"
        } else {
            ""
        };
        say(format_args!(
            "{:>9}  {:>9}  {:rules$}  {:reasons$}  {:topics$}  {}{more}",
            group.to_replay,
            group.selected,
            rule(group),
            group.reason.as_str(),
            group.topic,
            group.first.join(", ")
        ));
    }
    if let Some(more @ 1..) = found.len().checked_sub(MOST_GROUPS) {
        say(format_args!(
            "… and {} more: --format json lists all",
            plural(more as u64, "group")
        ));
    }
}

/// What became of a run.
pub(super) fn print_published(published: &Published, n_errands: usize) {
    let left = n_errands - published.done;
    let left_out = [
        (published.gone, "gone before their turn"),
        (published.too_large, "too large for their topic"),
    ];
    let left_out = left_out
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .fold(String::new(), |text, (number, why)| {
            text + &format!(", {number} {why}")
        });
    let said = plural(published.acknowledged as u64, "record");
    match &published.stopped {
        None => say(format_args!("done: {said} republished{left_out}")),
        Some(Stopped::Asked) => say(format_args!(
            "stopped: {said} republished{left_out}, {left} left"
        )),
        Some(Stopped::Failed(why)) => {
            say(format_args!(
                "failed: {said} republished{left_out}, {left} left: {why}"
            ));
        }
    }
}

pub(super) fn plural(number: u64, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}
