//! Every outcome: a stream, and a search.

use maud::{Markup, html};

use super::figures::{empty, foreign, reason, status};
use super::layout::{Room, page};
use super::look::{Look, number};
use crate::console::charts::STACKED;
use crate::console::filter::Filter;
use crate::console::history::told::{Cursor, Found, Kept, KindCount, Progress};
use crate::console::words::fill;

/// What the page is made of.
pub struct Shown<'a> {
    /// What is searched for.
    pub filter: &'a Filter,
    /// What was found.
    pub found: &'a Found,
    /// Where this page of it begins; `None` for the newest.
    pub before: Option<Cursor>,
    /// What there is to choose from.
    pub kinds: &'a [KindCount],
    /// How far the history is read.
    pub progress: &'a Progress,
}

/// The page.
pub fn outcomes(look: &Look, shown: &Shown<'_>) -> Markup {
    let words = look.words();
    let query = shown.filter.to_query();
    // Only the newest page moves.
    let moves = shown.before.is_none() && shown.filter.to_ms.is_none();
    let live = moves.then(|| look.link(&format!("live?{query}")));
    let body = html! {
        div.head {
            h1 { (words.outcomes) }
            div.tools {
                @if moves {
                    button type="button" data-do="pause" aria-pressed="false" { span.when-on { (words.pause_stream) } span.when-off { (words.go_on_stream) } " " kbd { "p" } }
                }
                a.button href=(look.link(&format!("outcomes.csv?{query}"))) { "CSV" }
                a.button href=(look.link(&format!("outcomes.jsonl?{query}"))) { "JSON Lines" }
            }
        }
        (form(look, shown))
        (read_so_far(look, shown.progress))
        div.scroll {
            table.rows data-rows {
                caption.hidden { (words.outcomes) }
                thead { tr { th scope="col" { (words.time) } th scope="col" { (words.status) } th scope="col" { (words.reason) } th scope="col" { (words.rule) } th scope="col" { (words.business_key) } th scope="col" { (words.event) } th scope="col" { (words.recipient) } th scope="col" { (words.took) } } }
                tbody id="rows" aria-live="off" { (rows(look, &shown.found.outcomes)) }
            }
        }
        p.more-news id="skipped" hidden data-text=(words.more_than_shown) {}
        @if shown.found.outcomes.is_empty() { (nothing(look, shown)) }
        nav.pager aria-label=(words.older) {
            @if shown.before.is_some() { a.button href=(look.link(&format!("outcomes?{query}"))) rel="prev" { (words.newest) } }
            @if let Some(older) = shown.found.older { a.button href=(look.link(&older_address(&query, older))) rel="next" { (words.older) } }
        }
    };
    page(look, Room::Outcomes, words.outcomes, live.as_deref(), &body)
}

fn older_address(query: &str, older: Cursor) -> String {
    let separator = if query.is_empty() { "" } else { "&" };
    format!(
        "outcomes?{query}{separator}before={}.{}",
        older.settled_ms, older.row
    )
}

/// Reads what the address of the next page says.
pub fn cursor(text: &str) -> Option<Cursor> {
    let (settled_ms, row) = text.split_once('.')?;
    Some(Cursor {
        settled_ms: settled_ms.parse().ok()?,
        row: row.parse().ok()?,
    })
}

/// Rows of the table, the newest first.
pub fn rows<'a>(look: &Look, outcomes: impl IntoIterator<Item = &'a Kept>) -> Markup {
    html! { @for kept in outcomes { (row(look, kept)) } }
}

fn row(look: &Look, kept: &Kept) -> Markup {
    let outcome = &kept.outcome;
    let rule = outcome.rule.as_deref();
    let took = i64::try_from(outcome.waited_ms.saturating_add(outcome.api_ms)).unwrap_or(i64::MAX);
    html! {
        tr id=(format!("o{}", kept.cursor.row)) data-at=(kept.settled_ms) {
            td.time { a href=(message_link(look, &outcome.id)) data-open { (look.moment(kept.settled_ms)) } }
            td { (status(look, outcome.status.as_str())) }
            td.wide { (reason(look, outcome.reason.as_str())) @if let Some(code) = outcome.errcode { " " span.code { (code) } } }
            td { @if let Some(rule) = rule { a href=(look.link(&format!("outcomes?{}", of_rule(rule)))) { (foreign(rule, 40)) } } @else { span.none { "–" } } }
            td { @match outcome.business_key.as_deref() { Some(key) => (foreign(key, 32)), None => span.none { "–" } } }
            td { @match outcome.event_id.as_deref() { Some(id) => (foreign(id, 24)), None => span.none { "–" } } }
            td { @match outcome.recipient.as_deref() { Some(user) => (foreign(user, 20)), None => span.none { "–" } } }
            td.number { (look.length(took)) @if outcome.attempts > 1 { " · " (fill(look.words().attempts_short, &[&outcome.attempts.to_string()])) } }
        }
    }
}

fn of_rule(rule: &str) -> String {
    let filter = Filter {
        rules: vec![rule.to_owned()],
        ..Filter::default()
    };
    filter.to_query()
}

/// The address of the page of a message.
pub fn message_link(look: &Look, id: &str) -> String {
    let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    look.link(&format!("message?id={id}"))
}

fn form(look: &Look, shown: &Shown<'_>) -> Markup {
    let words = look.words();
    let filter = shown.filter;
    let all = |field: fn(&KindCount) -> Option<String>| {
        let mut values: Vec<String> = shown.kinds.iter().filter_map(field).collect();
        values.sort();
        values.dedup();
        values
    };
    let rules = all(|it| it.kind.rule.as_deref().map(str::to_owned));
    let reasons = all(|it| Some(it.kind.reason.to_string()));
    let apps = all(|it| it.kind.app.as_deref().map(str::to_owned));
    let templates = all(|it| it.kind.template.as_deref().map(str::to_owned));
    let versions = all(|it| it.kind.rules_version.as_deref().map(str::to_owned));
    let codes = all(|it| it.kind.errcode.map(|code| code.to_string()));
    let chosen_codes: Vec<String> = filter.errcodes.iter().map(ToString::to_string).collect();
    html! {
        form.filter method="get" action=(look.link("outcomes")) data-filter {
            label { (words.id) input type="search" name="id" value=[filter.id.as_deref()] placeholder=(words.id_placeholder) maxlength="1024" spellcheck="false" autocomplete="off"; }
            (select(look, words.status, "status", &STACKED.map(str::to_owned), &filter.statuses))
            (select(look, words.reason, "reason", &reasons, &filter.reasons))
            (select(look, words.rule, "rule", &rules, &filter.rules))
            (select(look, words.app, "app", &apps, &filter.apps))
            (select(look, words.template, "template", &templates, &filter.templates))
            (select(look, words.errcode, "errcode", &codes, &chosen_codes))
            (select(look, words.version, "version", &versions, &filter.versions))
            label { (words.from) input type="datetime-local" name="from" data-ms=[filter.from_ms] step="1"; }
            label { (words.until) input type="datetime-local" name="to" data-ms=[filter.to_ms] step="1"; }
            span.buttons {
                button type="submit" { (words.search) }
                @if !filter.is_open() { a.button href=(look.link("outcomes")) { (words.clear_filter) } }
            }
        }
    }
}

/// One of several values; more of them can stand in the address, and are kept.
fn select(look: &Look, label: &str, name: &str, values: &[String], chosen: &[String]) -> Markup {
    let gone = chosen.iter().filter(|value| !values.contains(value));
    html! {
        label { (label)
            select name=(name) {
                option value="" { (look.words().any) }
                @for value in values.iter().chain(gone) {
                    option value=(value) selected[chosen.first() == Some(value)] { (spoken(look, name, value)) }
                }
            }
            @for value in chosen.iter().skip(1) { input type="hidden" name=(name) value=(value); }
        }
    }
}

fn spoken<'a>(look: &Look, name: &str, value: &'a str) -> std::borrow::Cow<'a, str> {
    use crate::console::words::reasons;
    let known = match name {
        "status" => reasons::status(value).map(|both| look.say(both)),
        "reason" => reasons::reason(value).map(|known| look.say(known.name)),
        _ => None,
    };
    match known {
        Some(known) => format!("{known} ({value})").into(),
        None => value.into(),
    }
}

/// How far the topics are read, as long as they are not read to their beginning.
pub fn read_so_far(look: &Look, progress: &Progress) -> Markup {
    let words = look.words();
    html! {
        @if let Some(trouble) = &progress.trouble {
            p.note.bad role="status" { strong { (words.cannot_read) } " " (foreign(trouble, 300)) }
        } @else if progress.left > 0 {
            p.note role="status" {
                (fill(words.reading, &[&number(progress.read), &number(progress.left)]))
                @if let Some(ms) = progress.whole_since_ms { " " (words.whole_since) " " (look.moment(ms)) }
            }
        }
    }
}

fn nothing(look: &Look, shown: &Shown<'_>) -> Markup {
    let words = look.words();
    if !shown.filter.is_open() {
        return html! { (empty(words.nothing_found)) };
    }
    html! { (empty(words.nothing_yet)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_begins_where_this_one_ends() {
        let older = Cursor {
            settled_ms: 5,
            row: -7,
        };
        let address = older_address("status=sent", older);
        let (_, said) = address.rsplit_once("before=").unwrap();
        assert_eq!(cursor(said), Some(older));
        assert_eq!(cursor("5"), None);
    }
}
