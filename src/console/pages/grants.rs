//! What users have allowed: one user's counts and messages, and how far each template is covered.

use maud::{Markup, html};

use super::figures::{empty, foreign};
use super::layout::{Room, page};
use super::look::{Look, number, percent};
use super::outcomes::rows;
use crate::console::history::told::{Kept, KindCount};
use crate::console::words::fill;

/// A user's count for a template.
pub struct Line {
    /// The template, by its name.
    pub template: String,
    /// Messages that the user has allowed, as far as is known.
    pub granted: u64,
    /// Messages that were sent, or may have been.
    pub used: u64,
    /// How many more may be sent.
    pub left: u64,
}

/// What is known of a user.
pub struct User {
    /// As it is shown.
    pub shown: String,
    /// The counts, or why there are none.
    pub lines: Result<Vec<Line>, String>,
    /// The user's last messages.
    pub history: Vec<Kept>,
}

/// The page.
pub fn grants(look: &Look, apps: &[String], user: Option<&User>, kinds: &[KindCount]) -> Markup {
    let words = look.words();
    let body = html! {
        div.head { h1 { (words.grants) } }
        form.filter method="post" action=(look.link("grants")) {
            input type="hidden" name="forgery" value=(look.forgery);
            label { (words.app) select name="app" { @for app in apps { option value=(app) { (app) } } } }
            label { "openid" input type="search" name="openid" required maxlength="128" autocomplete="off" spellcheck="false"; }
            span.buttons { button type="submit" { (words.search) } }
        }
        @if let Some(user) = user { (of_user(look, user)) }
        section.panel { h2 { (words.coverage) } (coverage(look, kinds)) }
    };
    page(look, Room::Grants, words.grants, None, &body)
}

fn of_user(look: &Look, user: &User) -> Markup {
    let words = look.words();
    html! {
        section.panel {
            h2 { (words.user) " " (foreign(&user.shown, 40)) }
            @match &user.lines {
                Err(why) => p.note.bad { (foreign(why, 300)) },
                Ok(lines) if lines.is_empty() => { (empty(words.no_grants)) },
                Ok(lines) => table { tbody { @for line in lines { tr { th scope="row" { (foreign(&line.template, 60)) } td { (fill(words.grant_counts, &[&number(line.granted), &number(line.used), &number(line.left)])) } } } } },
            }
            @if !user.history.is_empty() { h3 { (words.last_messages) } div.scroll { table.rows { tbody { (rows(look, &user.history)) } } } }
        }
    }
}

/// Of the messages of each template: how many found a permission.
fn coverage(look: &Look, kinds: &[KindCount]) -> Markup {
    let words = look.words();
    let mut templates: Vec<(&str, u64, u64)> = Vec::new();
    for it in kinds {
        let Some(template) = it.kind.template.as_deref() else {
            continue;
        };
        let lacks = matches!(it.kind.reason.as_ref(), "user_refused" | "no_grant");
        let counts = lacks || it.kind.status.as_ref() == "sent";
        if !counts {
            continue;
        }
        let index = templates.iter().position(|(name, _, _)| *name == template);
        let index = index.unwrap_or_else(|| {
            templates.push((template, 0, 0));
            templates.len() - 1
        });
        if let Some((_, allowed, all)) = templates.get_mut(index) {
            *all += it.count;
            *allowed += if lacks { 0 } else { it.count };
        }
    }
    html! {
        @if templates.is_empty() { (empty(words.nothing_yet)) } @else {
            p.hint { (words.coverage_hint) }
            table.bars { tbody { @for (template, allowed, all) in templates { tr { th scope="row" { (foreign(template, 60)) } td.meter { (crate::console::charts::meter(allowed, all, &percent(allowed, all))) } td.number { (percent(allowed, all)) } } } } }
        }
    }
}
