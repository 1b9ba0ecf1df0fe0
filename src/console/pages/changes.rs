//! Who changed what: records of the audit topic, and versions of the rules, over the outcomes of the same time.

use maud::{Markup, html};
use serde_json::Value;

use super::figures::{empty, foreign};
use super::layout::{Room, page};
use super::look::Look;
use super::overview::SPANS;
use crate::console::charts::{Bar, stacked};
use crate::console::history::told::{Bucket, Change, Span};
use crate::console::words::reasons;

/// The page.
pub fn changes(
    look: &Look,
    chosen: &str,
    span: Span,
    buckets: &[Bucket],
    changes: &[Change],
) -> Markup {
    let words = look.words();
    let body = html! {
        div.head {
            h1 { (words.changes) }
            nav.spans aria-label=(words.span) {
                @for (name, _) in SPANS { a href=(look.link(&format!("changes?span={name}"))) aria-current=[(name == chosen).then_some("true")] { (name) } }
            }
        }
        section.panel { h2 { (words.over_time) } (chart(look, span, buckets, changes)) }
        @if changes.is_empty() { (empty(words.no_changes)) } @else {
            div.scroll { table.rows {
                thead { tr { th scope="col" { (words.time) } th scope="col" { (words.who) } th scope="col" { (words.what) } th scope="col" { (words.subject) } th scope="col" { (words.change) } th scope="col" { (words.why) } } }
                tbody { @for change in changes { (row(look, change)) } }
            } }
        }
    };
    page(look, Room::Changes, words.changes, None, &body)
}

fn text<'a>(record: &'a Value, pointer: &str) -> &'a str {
    record
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn row(look: &Look, change: &Change) -> Markup {
    let record = &change.record;
    let what = text(record, "/what");
    let (before, after) = (record.get("before"), record.get("after"));
    html! {
        tr {
            td.time { (look.moment(change.at_ms)) }
            td { (foreign(text(record, "/who/name"), 40)) div.hint { (foreign(text(record, "/who/host"), 40)) " · " (foreign(text(record, "/who/via"), 20)) } }
            td { span title=(what) { (reasons::audit(what).map_or(what, |both| look.say(both))) } }
            td { (foreign(text(record, "/subject"), 80)) }
            td.wide { @if let Some(before) = before { del { (foreign(&short(before), 160)) } " " } @if let Some(after) = after { ins { (foreign(&short(after), 160)) } } }
            td { (foreign(text(record, "/why"), 200)) }
        }
    }
}

/// A value of a record, as short as it goes.
fn short(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| format!("{name}: {}", short(value)));
            fields.collect::<Vec<String>>().join(", ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => value.to_string(),
    }
}

/// The chart of outcomes, with a mark below the bars in which something was changed.
fn chart(look: &Look, span: Span, buckets: &[Bucket], changes: &[Change]) -> Markup {
    let words = look.words();
    let n_bars = i64::try_from(buckets.len().max(1)).unwrap_or(1);
    let step = (span.to_ms - span.from_ms) / n_bars;
    let bars = buckets.iter().map(|bucket| {
        let within =
            |change: &&Change| (bucket.from_ms..bucket.from_ms + step).contains(&change.at_ms);
        let n_changes = changes.iter().filter(within).count();
        let count: u64 = bucket.counts.values().sum();
        Bar {
            bucket,
            label: format!(
                "{}: {count} · {n_changes} {}",
                look.clock(bucket.from_ms, "%m-%d %H:%M"),
                words.changes
            ),
            tick: if n_changes > 0 {
                "▲".to_owned()
            } else {
                String::new()
            },
            link: look.link(&format!(
                "outcomes?from={}&to={}",
                bucket.from_ms,
                bucket.from_ms + step
            )),
        }
    });
    stacked(words.over_time, &bars.collect::<Vec<Bar<'_>>>())
}
