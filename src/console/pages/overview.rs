//! How all is: what needs a person first.

mod needs;

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::figures::{empty, foreign, reason, status};
use super::layout::{Room, page};
use super::look::{Look, number, percent, unix_ms};
use super::outcomes::read_so_far;
use crate::console::charts::{Bar, STACKED, meter, stacked};
use crate::console::filter::Filter;
use crate::console::fleet::{Fleet, InstanceSeen};
use crate::console::history::told::{Bucket, KindCount, Progress, Span};
use crate::console::words::{fill, reasons};
pub use needs::resume;

/// What the page is made of.
pub struct Shown<'a> {
    /// The time that the chart shows.
    pub span: Span,
    /// The outcomes of that time.
    pub buckets: &'a [Bucket],
    /// The same by kind.
    pub kinds: &'a [KindCount],
    /// Those of the time before, as long.
    pub before: &'a [KindCount],
    /// How far the history is read.
    pub progress: &'a Progress,
    /// The instances.
    pub fleet: &'a Fleet,
    /// How many sends a second apps and rules may make, by `app shop` or `rule order-completed`.
    pub limits: &'a BTreeMap<String, f64>,
}

/// The spans that can be chosen: the word in the address, and the length in milliseconds.
pub const SPANS: [(&str, i64); 4] = [
    ("1h", 3_600_000),
    ("6h", 6 * 3_600_000),
    ("24h", 24 * 3_600_000),
    ("7d", 7 * 24 * 3_600_000),
];

/// The page.
pub fn overview(look: &Look, chosen: &str, shown: &Shown<'_>) -> Markup {
    let live = look.link(&format!("live?page=overview&span={chosen}"));
    let body = html! { div id="overview" { (inside(look, chosen, shown)) } };
    page(
        look,
        Room::Overview,
        look.words().overview,
        Some(&live),
        &body,
    )
}

/// What changes of it while one looks.
pub fn inside(look: &Look, chosen: &str, shown: &Shown<'_>) -> Markup {
    let words = look.words();
    html! {
        div.head {
            h1 { (words.overview) }
            nav.spans aria-label=(words.span) {
                @for (name, _) in SPANS { a href=(look.link(&format!("?span={name}"))) aria-current=[(name == chosen).then_some("true")] { (name) } }
            }
        }
        (read_so_far(look, shown.progress))
        (needs::needs(look, shown))
        (numbers(look, shown))
        section.panel { h2 { (words.over_time) } (chart(look, shown)) (legend(look, shown)) }
        div.columns {
            section.panel { h2 { (words.reasons_of_failure) } (failures(look, shown)) }
            section.panel { h2 { (words.headroom) } (headroom(look, shown)) }
        }
        section.panel { h2 { (words.instances) } (instances(look, shown.fleet)) }
        (tokens(look, shown.fleet))
    }
}

/// Whether outcomes of a status mean that a user did not get what was meant for them.
pub fn is_failure(status: &str) -> bool {
    matches!(
        status,
        "rejected" | "invalid" | "failed" | "expired" | "unknown"
    )
}

fn count(kinds: &[KindCount], is_meant: impl Fn(&str) -> bool) -> u64 {
    let kinds = kinds.iter().filter(|it| is_meant(&it.kind.status));
    kinds.map(|it| it.count).sum()
}

fn numbers(look: &Look, shown: &Shown<'_>) -> Markup {
    let words = look.words();
    let all = |kinds| count(kinds, |status| status != "unmatched");
    let (now, before) = (all(shown.kinds), all(shown.before));
    let (failed, failed_before) = (
        count(shown.kinds, is_failure),
        count(shown.before, is_failure),
    );
    let sent = count(shown.kinds, |status| status == "sent");
    let engines = shown
        .fleet
        .instances
        .iter()
        .filter_map(|it| it.status.as_ref())
        .map(|it| &it.engine);
    let waiting: u64 = engines
        .map(|engine| engine.waiting + engine.backing_off + engine.set_aside.values().sum::<u64>())
        .sum();
    html! {
        dl.numbers {
            div { dt { (words.messages) } dd { (number(now)) } dd.hint { (change(look, now, before)) } }
            div { dt { (words.sent) } dd { (number(sent)) } dd.hint { (percent(sent, now)) } }
            div { dt { (words.failure_share) } dd class=[(failed > 0).then_some("bad")] { (percent(failed, now)) } dd.hint { (words.before) " " (percent(failed_before, before)) } }
            div { dt { (words.waiting) } dd { (number(waiting)) } dd.hint { (words.waiting_hint) } }
            (behind(look, shown.fleet))
        }
    }
}

fn behind(look: &Look, fleet: &Fleet) -> Markup {
    let words = look.words();
    let held = fleet.instances.iter().filter_map(|it| it.status.as_ref());
    let is_held = held
        .clone()
        .any(|status| status.engine.store_is_down || status.engine.paused);
    html! {
        div {
            dt { (words.behind) }
            @match &fleet.backlog {
                Some(backlog) => {
                    dd { (number(backlog.records)) }
                    dd.hint { @match (backlog.records, backlog.time_to_clear_ms()) {
                        (0, _) => (words.nothing_behind),
                        (_, Some(ms)) => (fill(words.clear_in, &[&look.length(ms)])),
                        (_, None) if is_held => (words.reading_is_paused),
                        (_, None) if backlog.cleared_per_minute.is_none() => (words.pace_unknown),
                        (_, None) => (words.does_not_shrink),
                    } }
                },
                None => { dd { "–" } dd.hint { (foreign(fleet.backlog_trouble.as_deref().unwrap_or(words.not_known_yet), 80)) } },
            }
        }
    }
}

fn change(look: &Look, now: u64, before: u64) -> String {
    let words = look.words();
    if before == 0 {
        return words.nothing_before.to_owned();
    }
    let (more, by) = if now >= before {
        ("+", now - before)
    } else {
        ("−", before - now)
    };
    fill(
        words.against_before,
        &[&format!("{more}{}", percent(by, before))],
    )
}

fn chart(look: &Look, shown: &Shown<'_>) -> Markup {
    let words = look.words();
    let length = shown.span.to_ms - shown.span.from_ms;
    let format = if length > 48 * 3_600_000 {
        "%m-%d"
    } else {
        "%H:%M"
    };
    let every = (shown.buckets.len() / 8).max(1);
    let step = length / i64::try_from(shown.buckets.len().max(1)).unwrap_or(1);
    let bars: Vec<Bar<'_>> = shown
        .buckets
        .iter()
        .enumerate()
        .map(|(index, bucket)| {
            let filter = Filter {
                from_ms: Some(bucket.from_ms),
                to_ms: Some(bucket.from_ms + step),
                ..Filter::default()
            };
            let counts = bucket.counts.iter().filter(|(_, count)| **count > 0);
            let counts: Vec<String> = counts
                .map(|(status, count)| {
                    format!(
                        "{} {}",
                        reasons::status(status).map_or(status.as_ref(), |both| look.say(both)),
                        number(*count)
                    )
                })
                .collect();
            let at = look.clock(bucket.from_ms, "%m-%d %H:%M");
            Bar {
                bucket,
                label: format!(
                    "{at}: {}",
                    if counts.is_empty() {
                        words.none.to_owned()
                    } else {
                        counts.join(", ")
                    }
                ),
                tick: if index % every == 0 {
                    look.clock(bucket.from_ms, format)
                } else {
                    String::new()
                },
                link: look.link(&format!("outcomes?{}", filter.to_query())),
            }
        })
        .collect();
    stacked(words.over_time, &bars)
}

fn legend(look: &Look, shown: &Shown<'_>) -> Markup {
    let words = STACKED
        .iter()
        .filter(|word| count(shown.kinds, |it| it == **word) > 0);
    html! {
        ul.legend {
            @for word in words {
                @let filter = Filter { statuses: vec![(*word).to_owned()], from_ms: Some(shown.span.from_ms), ..Filter::default() };
                li { a href=(look.link(&format!("outcomes?{}", filter.to_query()))) { (status(look, word)) " " (number(count(shown.kinds, |it| it == *word))) } }
            }
        }
    }
}

/// Reasons that are told on this page; the page of errors has all.
const MOST_REASONS: usize = 8;

fn failures(look: &Look, shown: &Shown<'_>) -> Markup {
    let words = look.words();
    let mut by_reason: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for it in shown.kinds.iter().filter(|it| is_failure(&it.kind.status)) {
        *by_reason
            .entry((&it.kind.status, &it.kind.reason))
            .or_default() += it.count;
    }
    let mut sorted: Vec<((&str, &str), u64)> = by_reason.into_iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let largest = sorted.first().map_or(1, |(_, count)| *count);
    html! {
        @if sorted.is_empty() { (empty(words.no_failures)) }
        table.bars { tbody {
            @for ((of, why), count) in sorted.iter().take(MOST_REASONS) {
                @let filter = Filter { statuses: vec![(*of).to_owned()], reasons: vec![(*why).to_owned()], from_ms: Some(shown.span.from_ms), ..Filter::default() };
                tr { th scope="row" { a href=(look.link(&format!("outcomes?{}", filter.to_query()))) { (reason(look, why)) } } td { (status(look, of)) } td.meter { (meter(*count, largest, &number(*count))) } td.number { (number(*count)) } }
            }
        } }
    }
}

fn headroom(look: &Look, shown: &Shown<'_>) -> Markup {
    let words = look.words();
    html! {
        @if shown.limits.is_empty() { (empty(words.no_limits)) }
        table.bars { tbody {
            @for (subject, per_second) in shown.limits {
                @let used = used_per_minute(shown, subject);
                @let allowed = allowed_per_minute(*per_second);
                tr { th scope="row" { (foreign(subject, 60)) } td.meter { (meter(used, allowed, &percent(used, allowed))) } td.number { (fill(words.used_of_limit, &[&number(used), &number(allowed)])) } }
            }
        } }
    }
}

fn allowed_per_minute(per_second: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate of settings is above zero and far below the largest number"
    )]
    let allowed = (per_second * 60.0).round() as u64;
    allowed.max(1)
}

/// Calls a minute in the time that is shown, as far as outcomes tell: what was sent or refused.
fn used_per_minute(shown: &Shown<'_>, subject: &str) -> u64 {
    let minutes = u64::try_from((shown.span.to_ms - shown.span.from_ms) / 60_000)
        .unwrap_or(1)
        .max(1);
    let of_subject = shown.kinds.iter().filter(|it| {
        let is_of = |kind: &str, name: Option<&str>| {
            name.is_some_and(|name| subject.strip_prefix(kind) == Some(name))
        };
        (is_of("app ", it.kind.app.as_deref()) || is_of("rule ", it.kind.rule.as_deref()))
            && matches!(it.kind.status.as_ref(), "sent" | "rejected")
    });
    of_subject.map(|it| it.count).sum::<u64>() / minutes
}

fn instance_name(instance: &InstanceSeen) -> String {
    match (instance.host.as_str(), instance.address.as_str()) {
        ("", address) => address.to_owned(),
        (host, "") => host.to_owned(),
        (host, address) => format!("{host} ({address})"),
    }
}

fn instances(look: &Look, fleet: &Fleet) -> Markup {
    let words = look.words();
    html! {
        @if fleet.instances.is_empty() { (empty(words.no_instances)) } @else {
            div.scroll { table {
                thead { tr { th scope="col" { (words.instance) } th scope="col" { (words.phase) } th scope="col" { (words.version) } th scope="col" { (words.partitions) } th scope="col" { (words.in_hand) } th scope="col" { (words.program) } } }
                tbody { @for instance in &fleet.instances { tr {
                    td { (foreign(&instance_name(instance), 60)) }
                    @match &instance.status {
                        Some(status) => {
                            td { (reasons::phase(&status.phase).map_or(status.phase.as_str(), |both| look.say(both))) }
                            td { code { (status.reload.rules_version.as_deref().unwrap_or("–")) } @if let Some(ms) = status.reload.in_force_since.as_deref().and_then(unix_ms) { " " span.hint { (words.since) " " (look.moment(ms)) } } }
                            td.number { (status.engine.partitions.len()) }
                            td.number { (number(status.engine.waiting + status.engine.sending + status.engine.backing_off + status.engine.publishing)) }
                            td { (status.version) }
                        },
                        None => { td.bad colspan="5" { (foreign(instance.silent.as_deref().unwrap_or(words.not_known_yet), 120)) } },
                    }
                } } }
            } }
        }
    }
}

fn tokens(look: &Look, fleet: &Fleet) -> Markup {
    let words = look.words();
    let mut tokens = BTreeMap::new();
    for status in fleet.instances.iter().filter_map(|it| it.status.as_ref()) {
        for (app, token) in &status.tokens {
            // The worst word of any instance counts.
            let known = tokens.entry(app.as_str()).or_insert(token);
            if token.last_error.is_some() && known.last_error.is_none() {
                *known = token;
            }
        }
    }
    html! {
        @if !tokens.is_empty() {
            section.panel { h2 { (words.tokens) } div.scroll { table { tbody { @for (app, token) in tokens { tr {
                th scope="row" { (foreign(app, 60)) }
                td { (reasons::token_state(&token.state).map_or(token.state.as_str(), |both| look.say(both))) }
                td { @if let Some(seconds) = token.expires_in_s { (fill(words.expires_in, &[&look.length(i64::try_from(seconds).unwrap_or(0) * 1_000)])) } }
                td.bad { @if let Some(error) = &token.last_error { (foreign(error, 160)) } }
            } } } } } }
        }
    }
}
