//! Dead letters: what could not be made or was given up, and its replay.

use maud::{Markup, html};

use super::figures::{empty, foreign, reason, status};
use super::layout::{Room, page};
use super::look::{Look, May, number};
use super::outcomes::{message_link, read_so_far};
use crate::console::history::told::{Found, Progress};
use crate::console::words::fill;
use wx_courier_core::replay::Count;

/// How a replay stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Its name.
    pub name: String,
    /// Who began it.
    pub by: String,
    /// Records that are done.
    pub done: u64,
    /// Records in all.
    pub of: u64,
    /// Records that are not on their topic any more.
    pub gone: u64,
    /// What was chosen, and what of it is not replayed.
    pub count: Count,
    /// What it is at.
    pub stage: Stage,
}

impl Run {
    /// Whether it is under way.
    pub fn is_going(&self) -> bool {
        match self.stage {
            Stage::Looking | Stage::Publishing => true,
            Stage::Done | Stage::Stopped | Stage::Failed(_) => false,
        }
    }
}

/// What a replay is at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// It looks for the records.
    #[default]
    Looking,
    /// It publishes.
    Publishing,
    /// It is through.
    Done,
    /// A person has stopped it.
    Stopped,
    /// It has failed, and why.
    Failed(String),
}

/// The page.
pub fn letters(look: &Look, found: &Found, progress: &Progress, run: Option<&Run>) -> Markup {
    let words = look.words();
    let is_going = run.is_some_and(Run::is_going);
    let live = run.map(|_| look.link("live?page=replay"));
    let body = html! {
        div.head { h1 { (words.letters) } span.hint { (words.letters_hint) } }
        div id="replay" { @if let Some(run) = run { (of_run(look, run)) } }
        (read_so_far(look, progress))
        @if found.outcomes.is_empty() { (empty(words.no_letters)) } @else {
            form method="post" action=(look.link("replay")) data-choose {
                input type="hidden" name="forgery" value=(look.forgery);
                div.tools {
                    label { input type="checkbox" data-all; " " (words.choose_all) }
                    span.hint data-chosen=(words.chosen) { (fill(words.chosen, &["0"])) }
                    @if look.may == May::Edit { button.primary type="submit" disabled[is_going] { (words.replay_chosen) } }
                }
                div.scroll { table.rows {
                    thead { tr { th scope="col" { span.hidden { (words.choose) } } th scope="col" { (words.time) } th scope="col" { (words.status) } th scope="col" { (words.reason) } th scope="col" { (words.rule) } th scope="col" { (words.business_key) } th scope="col" { (words.event) } } }
                    tbody { @for kept in &found.outcomes {
                        @let outcome = &kept.outcome;
                        tr {
                            td { input type="checkbox" name="id" value=(outcome.id) aria-label=(outcome.id); }
                            td.time { a href=(message_link(look, &outcome.id)) data-open { (look.moment(kept.settled_ms)) } }
                            td { (status(look, outcome.status.as_str())) }
                            td.wide { (reason(look, outcome.reason.as_str())) " " span.hint { (foreign(&outcome.detail, 100)) } }
                            td { (foreign(outcome.rule.as_deref().unwrap_or("–"), 40)) }
                            td { (foreign(outcome.business_key.as_deref().unwrap_or("–"), 32)) }
                            td { (foreign(outcome.event_id.as_deref().unwrap_or("–"), 24)) }
                        }
                    } }
                } }
            }
        }
    };
    page(look, Room::Letters, words.letters, live.as_deref(), &body)
}

/// How a run stands, with a way to stop it.
pub fn of_run(look: &Look, run: &Run) -> Markup {
    let words = look.words();
    let said = match &run.stage {
        Stage::Looking => words.replay_looks,
        Stage::Publishing => words.replay_runs,
        Stage::Done => words.replay_done,
        Stage::Stopped => words.replay_stopped,
        Stage::Failed(_) => words.replay_failed,
    };
    html! {
        section.panel.run data-stage=(said) {
            h2 { (words.replay) " " code { (run.name) } " · " (said) }
            progress max=(run.of.max(1)) value=(run.done) aria-label=(words.replay) {}
            p { (fill(words.done_of, &[&number(run.done), &number(run.of)])) @if run.gone > 0 { " · " (fill(words.records_gone, &[&number(run.gone)])) } " · " (run.by) }
            (left_out(look, &run.count))
            @if let Stage::Failed(why) = &run.stage { p.bad { (foreign(why, 400)) } }
            @if look.may == May::Edit && run.is_going() {
                form method="post" action=(look.link("replay/stop")) { input type="hidden" name="forgery" value=(look.forgery); button.danger type="submit" { (words.stop) } }
            }
        }
    }
}

/// What was chosen and is not replayed, and why.
fn left_out(look: &Look, count: &Count) -> Markup {
    let words = look.words();
    let all = [
        (words.left_already_sent, count.already_sent),
        (words.left_tried_since, count.tried_since),
        (words.left_rule_gone, count.rule_gone),
        (words.left_original_gone, count.original_gone),
        (words.left_not_wanted, count.not_wanted),
        (words.left_still_invalid, count.still_invalid),
        (words.left_expired, count.expired),
    ];
    let said = all.into_iter().filter(|(_, count)| *count > 0);
    let said: Vec<String> = said
        .map(|(words, count)| fill(words, &[&number(count)]))
        .collect();
    html! {
        @if !said.is_empty() { p.note { (words.left_out) " " (said.join(" · ")) } }
    }
}
