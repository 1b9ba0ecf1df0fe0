//! The rules: what each sends, what goes wrong, what waits, and what holds it.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::figures::{empty, foreign};
use super::layout::{Room, page};
use super::look::{Look, May, number, percent, unix_ms};
use super::overview::{is_failure, resume};
use crate::console::filter::Filter;
use crate::console::fleet::{Fleet, RuleSeen};
use crate::console::history::told::KindCount;
use crate::console::words::reasons;

#[derive(Default)]
struct Traffic {
    all: u64,
    failed: u64,
}

/// The page. `limits` are sends a second, by `rule order-completed`; `done` says what a pause or resume came to.
pub fn rules(
    look: &Look,
    fleet: &Fleet,
    kinds: &[KindCount],
    limits: &BTreeMap<String, f64>,
    done: Option<&str>,
) -> Markup {
    let words = look.words();
    let mut traffic: BTreeMap<&str, Traffic> = BTreeMap::new();
    for it in kinds {
        let Some(rule) = it.kind.rule.as_deref() else {
            continue;
        };
        let of_rule = traffic.entry(rule).or_default();
        of_rule.all += it.count;
        of_rule.failed += if is_failure(&it.kind.status) {
            it.count
        } else {
            0
        };
    }
    let rules = fleet.rules();
    let body = html! {
        div.head { h1 { (words.rules) } span.hint { (words.last_24h) } }
        @if let Some(done) = done { p.note role="status" { (foreign(done, 500)) } }
        @if rules.is_empty() { (empty(words.no_instances)) } @else {
            div.scroll { table.rules {
                thead { tr { th scope="col" { (words.rule) } th scope="col" { (words.messages) } th scope="col" { (words.failure_share) } th scope="col" { (words.waiting) } th scope="col" { (words.limit) } th scope="col" { (words.version) } th scope="col" { (words.held_by) } th scope="col" { span.hidden { (words.actions) } } } }
                tbody { @for rule in &rules { (row(look, rule, traffic.get(rule.rule.as_str()), limits)) } }
            } }
        }
    };
    page(look, Room::Rules, words.rules, None, &body)
}

fn row(
    look: &Look,
    rule: &RuleSeen,
    traffic: Option<&Traffic>,
    limits: &BTreeMap<String, f64>,
) -> Markup {
    let words = look.words();
    let none = Traffic::default();
    let traffic = traffic.unwrap_or(&none);
    let filter = Filter {
        rules: vec![rule.rule.clone()],
        ..Filter::default()
    };
    let waits = rule.waiting + rule.set_aside;
    html! {
        tr {
            th scope="row" { a href=(look.link(&format!("outcomes?{}", filter.to_query()))) { (foreign(&rule.rule, 50)) } div.hint { (foreign(&rule.app, 30)) @if let Some(template) = &rule.template { " · " (foreign(template, 30)) } } }
            td.number { (number(traffic.all)) }
            td.number class=[(traffic.failed > 0).then_some("bad")] { (percent(traffic.failed, traffic.all)) }
            td.number { (number(waits)) @if let Some(ms) = rule.waiting_since.as_deref().and_then(unix_ms) { div.hint { (words.since) " " (look.moment(ms)) } } }
            td.number { @match limits.get(&format!("rule {}", rule.rule)) { Some(rate) => { (rate) "/s" }, None => span.none { "–" } } }
            td { code { (rule.version) } }
            td {
                @for pause in &rule.paused_by { div {
                    span.chip.s-waiting { (words.paused) } " " (foreign(&pause.subject, 60))
                    div.hint { (reasons::pause_cause(&pause.cause).map_or(pause.cause.as_str(), |both| look.say(both))) @if !pause.detail.is_empty() { " · " (foreign(&pause.detail, 160)) } @if let Some(ms) = unix_ms(&pause.since) { " · " (words.since) " " (look.moment(ms)) } }
                    (resume(look, &pause.subject))
                } }
            }
            td { @if look.may == May::Edit && rule.paused_by.iter().all(|pause| pause.subject != format!("rule {}", rule.rule)) { (pause_form(look, &rule.rule)) } }
        }
    }
}

/// A rule is not stopped by one press: the reason is asked for.
fn pause_form(look: &Look, rule: &str) -> Markup {
    let words = look.words();
    html! {
        details.act {
            summary { (words.pause) }
            form method="post" action=(look.link("pause")) {
                input type="hidden" name="forgery" value=(look.forgery);
                input type="hidden" name="subject" value=(format!("rule {rule}"));
                label { (words.why) input type="text" name="why" required maxlength="500" autocomplete="off"; }
                button.danger type="submit" { (words.pause) " " (rule) }
            }
        }
    }
}
