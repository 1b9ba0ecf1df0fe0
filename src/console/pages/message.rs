//! One event and its messages: what happened, what the user saw, what to do, and what to say.

use maud::{Markup, html};

use super::figures::{copied, empty, fact, foreign, reason, status, visible};
use super::layout::{Room, page};
use super::look::{Look, unix_ms};
use super::outcomes::message_link;
use super::time_line::time_line;
use crate::console::words::{Both, codes, fill};
use wx_courier_core::catalog::Catalog;
use wx_courier_core::explanation::{EventTold, MessageTold, PauseTold, RuleTold, Shown};
use wx_courier_core::model::outcome::Status;
use wx_courier_core::rules::{Holds, Part, Verdict};

/// What was found under an id.
pub struct Answer<'a> {
    /// What was looked for.
    pub sought: &'a str,
    /// The records that it is about.
    pub events: &'a [EventTold],
    /// Why there is none, in a sentence.
    pub nothing: Option<&'a str>,
    /// What could not be told, and why.
    pub notes: &'a [String],
    /// The templates that are known.
    pub catalog: Option<&'a Catalog>,
}

/// The page.
pub fn message(look: &Look, answer: &Answer<'_>) -> Markup {
    let words = look.words();
    let title = fill(
        words.message_of,
        &[&answer.sought.chars().take(60).collect::<String>()],
    );
    let body = html! {
        div.head { h1 { (words.message) " " (foreign(answer.sought, 80)) (copied(look, answer.sought)) } }
        @if answer.events.is_empty() {
            (empty(answer.nothing.unwrap_or(words.nothing_found)))
        }
        @for event in answer.events { (of_event(look, answer, event)) }
        @if !answer.notes.is_empty() {
            section.panel { h2 { (words.not_told) } ul { @for note in answer.notes { li { (foreign(note, 600)) } } } }
        }
    };
    page(look, Room::None, &title, None, &body)
}

fn of_event(look: &Look, answer: &Answer<'_>, event: &EventTold) -> Markup {
    html! {
        @for message in &event.messages { (of_message(look, answer, event, message)) }
        (about_event(look, event))
    }
}

fn of_message(
    look: &Look,
    answer: &Answer<'_>,
    event: &EventTold,
    message: &MessageTold,
) -> Markup {
    let words = look.words();
    html! {
        article.message {
            header.verdict {
                h2 { @match &message.rule { Some(rule) => (foreign(rule, 60)), None => (words.no_rule) } }
                (verdict(look, message))
            }
            div.columns {
                section.panel.what { (what_to_do(look, message)) }
                section.panel.card-panel { h3 { (words.card_title) } (card(look, answer, message)) }
            }
            section.panel { h3 { (words.time_line) } (time_line(look, event, message)) }
            (values(look, message))
            (facts(look, message))
        }
    }
}

fn verdict(look: &Look, message: &MessageTold) -> Markup {
    let words = look.words();
    html! {
        p.verdict-line {
            @if let Some(outcome) = &message.outcome {
                (status(look, outcome.status.as_str())) " " (reason(look, outcome.reason.as_str()))
                @if let Some(code) = outcome.errcode { " " (errcode(look, code)) }
                @if let Some(ms) = unix_ms(&outcome.settled_at) { " · " (look.moment(ms)) " (" (look.ago(ms)) ")" }
            } @else {
                span.chip.s-waiting { (words.no_outcome_yet) }
            }
            @if let Some(sent_by) = &message.sent_by { " · " a href=(message_link(look, sent_by)) { (words.sent_by_another) } }
        }
    }
}

/// A code of `WeChat`'s, with what it means.
pub fn errcode(look: &Look, code: i64) -> Markup {
    let known = codes::find(code);
    html! { a.code href=(look.link(&format!("errors?errcode={code}"))) title=[known.map(|known| look.say(known.means))] { (code) } }
}

fn what_to_do(look: &Look, message: &MessageTold) -> Markup {
    let words = look.words();
    let outcome = message.outcome.as_ref();
    html! {
        h3 { (words.what_happened) }
        p { (in_language(look, message.words.ops_chinese, message.words.ops)) }
        @if let Some(outcome) = outcome { p.detail { (foreign(&outcome.detail, 600)) } }
        @for pause in &message.paused_by { (paused(look, pause)) }
        h3 { (words.what_next) }
        p { (in_language(look, message.words.next_chinese, message.words.next)) }
        h3 { (words.to_customer) }
        blockquote lang="zh-CN" { (message.words.customer) }
        p { button.primary type="button" data-do="copy" data-copy=(message.words.customer) { (words.copy_sentence) } }
    }
}

fn in_language(look: &Look, chinese: &'static str, english: &'static str) -> &'static str {
    look.say(Both { chinese, english })
}

fn paused(look: &Look, pause: &PauseTold) -> Markup {
    let words = look.words();
    html! {
        p.note {
            strong { (words.paused) ": " (foreign(&pause.subject, 80)) } " · " (foreign(&pause.detail, 200))
            @if let Some(ms) = unix_ms(&pause.since) { " · " (words.since) " " (look.moment(ms)) }
        }
    }
}

/// The card as `WeChat` lays it out: whose it is, its title, and a line for each param; a way in below.
fn card(look: &Look, answer: &Answer<'_>, message: &MessageTold) -> Markup {
    let words = look.words();
    let outcome = message.outcome.as_ref();
    let app = outcome.and_then(|it| it.app.as_deref()).unwrap_or_default();
    let template = outcome.and_then(|it| it.template.as_deref());
    let known = template.and_then(|name| answer.catalog?.find(app, name));
    let params: Vec<&Shown> = message
        .values
        .iter()
        .filter(|value| !matches!(value.name.as_str(), "to" | "page"))
        .collect();
    if params.is_empty() {
        return empty(words.no_card);
    }
    let page = message
        .values
        .iter()
        .any(|value| value.name == "page" && value.value.is_some());
    let seen = outcome.is_some_and(|outcome| outcome.status == Status::Sent);
    let title = known.map_or_else(
        || template.unwrap_or_default().to_owned(),
        |it| it.title.clone().unwrap_or_else(|| it.name.to_string()),
    );
    html! {
        (wechat_card(look, app, &title, &params, page))
        p.hint { @if seen { (words.card_was_sent) } @else { (words.card_was_not_sent) } }
    }
}

/// A card of `WeChat`'s.
pub fn wechat_card(
    look: &Look,
    app: &str,
    title: &str,
    params: &[&Shown],
    has_page: bool,
) -> Markup {
    html! {
        div.wechat lang="zh-CN" {
            div.wechat-app { span.wechat-icon aria-hidden="true" {} (foreign(app, 30)) }
            div.wechat-title { (foreign(title, 40)) }
            dl {
                @for param in params {
                    div { dt { (foreign(param.label.as_deref().unwrap_or(&param.name), 20)) } dd { @match &param.value { Some(value) => (foreign(value, 200)), None => span.none { "–" } } } }
                }
            }
            @if has_page { div.wechat-more { (look.words().card_enter) span aria-hidden="true" { "›" } } }
        }
    }
}

fn values(look: &Look, message: &MessageTold) -> Markup {
    let words = look.words();
    if message.values.is_empty() {
        return html! {};
    }
    html! {
        section.panel {
            h3 { (words.values) }
            div.scroll { table.values {
                thead { tr { th scope="col" { (words.param) } th scope="col" { (words.label) } th scope="col" { (words.value) } th scope="col" { (words.length) } th scope="col" { (words.made_at) } } }
                tbody { @for value in &message.values { (value_row(look, value)) } }
            } }
        }
    }
}

fn value_row(look: &Look, value: &Shown) -> Markup {
    let words = look.words();
    html! {
        tr class=[value.problem.is_some().then_some("faulty")] {
            td { @if value.problem.is_some() { span.bad aria-label=(words.faulty) { "✗ " } } @else { span.good aria-hidden="true" { "✓ " } } code { (value.name) } }
            td { (foreign(value.label.as_deref().unwrap_or_default(), 30)) }
            td.wide {
                @match &value.value { Some(text) => (foreign(text, 200)), None => span.none { "–" } }
                @if let Some(before) = &value.before { div.before { (words.cut_from) " " del { (foreign(before, 300)) } } }
                @if let Some(problem) = &value.problem { div.bad { (foreign(problem, 300)) } }
                @for doubt in &value.doubts { div.doubt { (foreign(doubt, 300)) } }
            }
            td.number { @if let Some(length) = value.length { (length) @if let Some(limit) = value.limit { "/" (limit) } } }
            td { @if let (Some(file), Some(line)) = (&value.file, value.line) { code { (file.rsplit('/').next().unwrap_or(file)) ":" (line) } } }
        }
    }
}

fn facts(look: &Look, message: &MessageTold) -> Markup {
    let words = look.words();
    let text = |text: &str| html! { (foreign(text, 120)) (copied(look, text)) };
    let outcome = message.outcome.as_ref();
    html! {
        details.panel {
            summary { (words.all_facts) }
            dl.facts {
                (fact(words.outcome_id, &text(&message.outcome_id)))
                @if let Some(id) = &message.message_id { (fact(words.message_id, &text(id))) }
                @if let Some(outcome) = outcome {
                    @for (name, value) in [
                        (words.app, outcome.app.as_deref()), (words.template, outcome.template.as_deref()), (words.version, Some(outcome.rules_version.as_ref())),
                        (words.recipient, outcome.recipient.as_deref()), ("msgid", outcome.msgid.as_deref()), ("rid", outcome.rid.as_deref()), (words.errmsg, outcome.errmsg.as_deref()),
                        (words.param, outcome.param.as_deref()), (words.duplicate_of, outcome.duplicate_of.as_deref()),
                    ] { @if let Some(value) = value { (fact(name, &text(value))) } }
                    (fact(words.attempts, &html! { (outcome.attempts) }))
                }
                @if let Some(claim) = &message.claim { (fact(words.claim, &text(&claim.outcome_id))) }
                @if let Some(grant) = &message.grant { (fact(words.grants, &html! { (fill(words.grant_counts, &[&grant.granted.to_string(), &grant.used.to_string(), &grant.left.to_string()])) })) }
            }
        }
    }
}

fn about_event(look: &Look, event: &EventTold) -> Markup {
    let words = look.words();
    let text = |text: &str| html! { (foreign(text, 120)) (copied(look, text)) };
    html! {
        section.panel {
            h3 { (words.event) " " (foreign(event.id.as_deref().unwrap_or(&event.place), 80)) }
            dl.facts {
                (fact(words.place, &text(&event.place)))
                @for (name, value) in [
                    (words.kind, event.kind.as_deref()), (words.source, event.source.as_deref()), (words.business_key, event.business_key.as_deref()),
                    (words.trace, event.traceparent.as_deref()), (words.detail, event.detail.as_deref()), (words.unmatched, event.unmatched.as_deref()),
                ] { @if let Some(value) = value { (fact(name, &text(value))) } }
            }
            @if !event.rules.is_empty() {
                h3 { (words.rules_for_it) }
                ul.rules-told { @for rule in &event.rules { (rule_told(look, rule)) } }
            }
        }
    }
}

fn rule_told(look: &Look, rule: &RuleTold) -> Markup {
    let words = look.words();
    let (mark, said) = match rule.verdict {
        Verdict::Wants => ("✓", words.rule_wants),
        Verdict::WhenDoesNotHold => ("–", words.rule_does_not_want),
        Verdict::NotMeant => ("–", words.rule_not_meant),
    };
    html! {
        li {
            strong { (mark) " " (rule.rule) } " " span.hint { (said) }
            @if !rule.when.is_empty() {
                ul { @for part in &rule.when { (condition(part)) } }
            }
        }
    }
}

/// A part of a `when`, what comes of it, and the values that it looks at.
fn condition(part: &Part) -> Markup {
    let mark = match part.holds {
        Holds::True => "✓",
        Holds::False => "✗",
        Holds::Failed => "!",
        Holds::NotReached => "·",
    };
    html! {
        li {
            (mark) " " code { (visible(&part.text)) }
            @for value in &part.values { " " span.hint { (visible(&value.name)) " = " @match &value.value { Some(text) => (foreign(text, 80)), None => "–" } } }
            @if let Some(problem) = &part.problem { div.bad { (foreign(problem, 200)) } }
        }
    }
}
