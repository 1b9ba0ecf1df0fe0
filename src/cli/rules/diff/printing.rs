//! A comparison for people: on a terminal, and in the comment of a pull request.

use super::comparison::{Comparison, Difference, Fate, Sample, Tally};
use crate::cli::visible::visible;
use crate::cli::{count, say};

pub(super) fn text(comparison: &Comparison) {
    for line in head(comparison) {
        say(line);
    }
    for tally in told(comparison) {
        let Tally {
            rule, fate, count, ..
        } = tally;
        say("");
        say(format_args!("{}: {rule}, {count} times", fate.words()));
        for sample in &tally.samples {
            say(format_args!("    {}", of_sample(sample)));
            for Difference {
                name,
                label,
                before,
                after,
            } in &sample.values
            {
                let label = label
                    .as_deref()
                    .map(|label| format!(" {label}"))
                    .unwrap_or_default();
                say(format_args!(
                    "      {name}{label}: {} → {}",
                    shown(before.as_deref()),
                    shown(after.as_deref())
                ));
            }
        }
    }
}

pub(super) fn markdown(comparison: &Comparison) {
    say("### What the changed rules make of real events");
    say("");
    for line in head(comparison) {
        say(format_args!("- {line}"));
    }
    for tally in told(comparison) {
        let Tally {
            rule, fate, count, ..
        } = tally;
        say("");
        say(format_args!(
            "**{}**: `{rule}`, {count} times",
            fate.words()
        ));
        for sample in &tally.samples {
            say("");
            say(cell(&of_sample(sample)));
            if sample.values.is_empty() {
                continue;
            }
            say("");
            say("| | before | after |");
            say("|---|---|---|");
            for difference in &sample.values {
                let label = difference.label.as_deref().unwrap_or_default();
                say(format_args!(
                    "| {} {} | {} | {} |",
                    difference.name,
                    cell(label),
                    cell(&shown(difference.before.as_deref())),
                    cell(&shown(difference.after.as_deref()))
                ));
            }
        }
    }
}

/// The lines that tell all in short.
fn head(comparison: &Comparison) -> Vec<String> {
    let (before, after) = (&comparison.before, &comparison.after);
    let mut lines = vec![format!(
        "{} under version {} ({}) and version {} ({})",
        count(comparison.events, "event"),
        before.rules_version,
        count(before.rules, "rule"),
        after.rules_version,
        count(after.rules, "rule")
    )];
    let changes = &comparison.rules;
    for (what, names) in [
        ("rules that are gone", &changes.gone),
        ("new rules", &changes.new),
        ("changed rules", &changes.changed),
    ] {
        if !names.is_empty() {
            lines.push(format!("{what}: {}", names.join(", ")));
        }
    }
    let fates = Fate::ALL.map(|fate| (fate, comparison.count(fate)));
    let counts: Vec<String> = fates
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(fate, count)| format!("{} {count}", fate.words()))
        .collect();
    lines.push(if counts.is_empty() {
        "no version makes a message of any of them".to_owned()
    } else {
        format!("messages: {}", counts.join(", "))
    });
    lines
}

/// What is shown by samples.
fn told(comparison: &Comparison) -> impl Iterator<Item = &Tally> {
    let tallies = comparison.messages.iter();
    tallies.filter(|tally| tally.fate != Fate::Same)
}

fn of_sample(sample: &Sample) -> String {
    let id = sample.event_id.as_deref().unwrap_or("no event");
    let problem = sample
        .problem
        .as_deref()
        .map(|problem| format!(": {problem}"));
    visible(&format!(
        "{} ({id}){}",
        sample.place,
        problem.unwrap_or_default()
    ))
}

fn shown(value: Option<&str>) -> String {
    value.map_or_else(|| "(none)".to_owned(), visible)
}

/// Text from events may hold what Markdown reads.
fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '|' | '`' | '*' | '_' | '[' | ']' | '!' | '#' | '@' | '~' | '\\' => {
                safe.push('\\');
                safe.push(letter);
            }
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_event_says_is_no_markdown() {
        assert_eq!(cell("a|b <img> @all"), "a\\|b &lt;img&gt; \\@all");
        assert_eq!(shown(Some("a\u{1b}[2Jb")), "a\\u{1b}[2Jb");
    }
}
