//! What is written down of a replay: what it is about before it begins, and at its end what came of it.

use serde_json::Value;

use super::arguments::From;
use super::publish::{Published, Stopped, Work};
use wx_courier_core::model::audit::{Action, Ended, Facts, What, facts};
use wx_courier_core::model::rfc3339_ms;
use wx_courier_core::replay::{Count, Selection, Sending};

/// So many of the values of one part of a selection are written down.
const MOST_VALUES: usize = 10;

/// A run that begins.
pub(super) fn of_selection(
    (from, selection, sending): (From, &Selection, Sending),
    count: &Count,
    work: &Work,
) -> Action {
    let mut after = of_work(work);
    after.extend(facts([
        ("from", from.as_str().into()),
        (
            "selection",
            of(selection)
                .into_iter()
                .collect::<serde_json::Map<_, _>>()
                .into(),
        ),
        ("selected", count.selected.into()),
        ("messages", count.to_replay.into()),
        ("again", (sending == Sending::Again).into()),
    ]));
    Action {
        what: What::Replay,
        subject: match selection.rules.as_slice() {
            [rule] => format!("rule {rule}"),
            [] | [_, _, ..] => from.in_words().to_owned(),
        },
        before: None,
        after: Some(after),
        why: None,
    }
}

/// A run that goes on, as its state file has it.
pub(super) fn of_resumed(work: &Work) -> Action {
    let mut after = of_work(work);
    after.insert("resumed".to_owned(), true.into());
    Action {
        what: What::Replay,
        subject: format!("replay {}", work.run),
        before: Some(facts([("records_done", work.done.into())])),
        after: Some(after),
        why: None,
    }
}

fn of_work(work: &Work) -> Facts {
    facts([
        ("run", work.run.to_string().into()),
        ("records", (work.errands.len() - work.done).into()),
        ("per_second", work.rate.into()),
    ])
}

fn of(selection: &Selection) -> Facts {
    let Selection {
        since_ms,
        until_ms,
        rules,
        statuses,
        reasons,
        errcodes,
        event_types,
        ids,
    } = selection;
    let time = |ms: &Option<i64>| ms.map_or(Value::Null, |ms| rfc3339_ms(ms).into());
    let some = |values: Vec<Value>| -> Value {
        match values.len() {
            0 => Value::Null,
            n if n > MOST_VALUES => format!("{n} values").into(),
            _ => values.into(),
        }
    };
    let texts =
        |values: &[String]| some(values.iter().map(|value| value.as_str().into()).collect());
    let statuses = statuses.iter().map(|status| status.as_str().into());
    let reasons = reasons.iter().map(|reason| reason.as_str().into());
    let errcodes = errcodes.iter().map(|code| (*code).into());
    let mut all = facts([
        ("since", time(since_ms)),
        ("until", time(until_ms)),
        ("rules", texts(rules)),
        ("statuses", some(statuses.collect())),
        ("reasons", some(reasons.collect())),
        ("errcodes", some(errcodes.collect())),
        ("event_types", texts(event_types)),
        ("ids", texts(ids)),
    ]);
    all.retain(|_, value| !value.is_null());
    all
}

/// What came of it.
pub(super) fn ending(
    published: Result<&Published, &anyhow::Error>,
    n_errands: usize,
) -> (Ended, String, Option<Facts>) {
    let published = match published {
        Ok(published) => published,
        Err(error) => return (Ended::Failed, format!("{error:#}"), None),
    };
    let numbers = facts([
        ("republished", published.acknowledged.into()),
        ("gone", published.gone.into()),
        ("too_large", published.too_large.into()),
        ("left", (n_errands - published.done).into()),
    ]);
    let (ended, detail) = match &published.stopped {
        None => (Ended::Done, "all records are republished".to_owned()),
        Some(Stopped::Asked) => (Ended::Stopped, "it was asked to end".to_owned()),
        Some(Stopped::Failed(why)) => (Ended::Failed, why.clone()),
    };
    (ended, detail, Some(numbers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Kafka, ProducerSetting};
    use wx_courier_core::event::RunId;
    use wx_courier_core::model::outcome::{Reason, Status};

    fn work() -> Work {
        Work {
            kafka: Kafka {
                brokers: String::new(),
                group: String::new(),
                topics: Vec::new(),
                producer: ProducerSetting::Auto,
                options: std::collections::BTreeMap::new(),
            },
            run: RunId::new(0, 1),
            errands: Vec::new().into(),
            done: 0,
            rate: 50,
        }
    }

    #[test]
    fn what_is_selected_is_written_down_and_nothing_else() {
        let selection = Selection {
            since_ms: Some(0),
            rules: vec!["order-completed".to_owned()],
            statuses: vec![Status::Failed],
            reasons: vec![Reason::AttemptsUsed],
            ids: (0..11).map(|n| n.to_string()).collect(),
            ..Selection::default()
        };
        let count = Count {
            selected: 7,
            to_replay: 5,
            ..Count::default()
        };
        let chosen = (From::DeadLetters, &selection, Sending::Once);
        let action = of_selection(chosen, &count, &work());
        assert_eq!(action.subject, "rule order-completed");
        let after = Value::from_iter(action.after.unwrap());
        assert_eq!(
            after,
            serde_json::json!({
                "run": "19700101T000000Z-000001",
                "records": 0,
                "per_second": 50,
                "from": "dead-letters",
                "selection": {
                    "since": "1970-01-01T00:00:00.000Z",
                    "rules": ["order-completed"],
                    "statuses": ["failed"],
                    "reasons": ["attempts_used"],
                    "ids": "11 values",
                },
                "selected": 7,
                "messages": 5,
                "again": false,
            })
        );
    }

    #[test]
    fn a_run_that_was_stopped_says_what_is_left() {
        let stopped = Published {
            done: 3,
            acknowledged: 2,
            gone: 1,
            too_large: 0,
            stopped: Some(Stopped::Asked),
        };
        let (ended, _, numbers) = ending(Ok(&stopped), 10);
        assert_eq!(ended, Ended::Stopped);
        assert_eq!(numbers.unwrap()["left"], 7);
        let (ended, detail, numbers) = ending(Err(&anyhow::anyhow!("no broker")), 10);
        assert_eq!(
            (ended, detail.as_str(), numbers),
            (Ended::Failed, "no broker", None)
        );
    }
}
