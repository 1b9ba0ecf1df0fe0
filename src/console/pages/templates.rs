//! The templates, as cards, and in what they differ from what `WeChat` lists.

use maud::{Markup, html};

use super::figures::{empty, foreign};
use super::layout::{Room, page};
use super::look::{Look, number};
use crate::console::filter::Filter;
use crate::console::fleet::Fleet;
use crate::console::history::told::KindCount;
use wx_courier_core::catalog::{Catalog, Template};

/// The page.
pub fn templates(
    look: &Look,
    catalog: Option<&Catalog>,
    fleet: &Fleet,
    kinds: &[KindCount],
) -> Markup {
    let words = look.words();
    let templates: Vec<_> = catalog.into_iter().flat_map(Catalog::iter).collect();
    let body = html! {
        div.head { h1 { (words.templates) } }
        @if templates.is_empty() { (empty(words.no_templates)) }
        (drift(look, fleet))
        div.cards { @for template in templates { (card(look, template, kinds)) } }
    };
    page(look, Room::Templates, words.templates, None, &body)
}

fn card(look: &Look, template: &Template, kinds: &[KindCount]) -> Markup {
    let words = look.words();
    let is_of = |it: &&KindCount| {
        it.kind.template.as_deref() == Some(&*template.name)
            && it.kind.app.as_deref() == Some(&*template.app)
    };
    let count: u64 = kinds.iter().filter(is_of).map(|it| it.count).sum();
    let filter = Filter {
        apps: vec![template.app.to_string()],
        templates: vec![template.name.to_string()],
        ..Filter::default()
    };
    html! {
        article.panel {
            h2 { (foreign(&template.name, 40)) " " span.hint { (foreign(&template.app, 30)) } }
            div.wechat lang="zh-CN" {
                div.wechat-title { (foreign(template.title.as_deref().unwrap_or(&template.name), 40)) }
                dl { @for (param, label) in &template.params { div { dt { (foreign(label, 20)) } dd { code { (param) } } } } }
            }
            p.hint { code { (template.id) } }
            p { a href=(look.link(&format!("outcomes?{}", filter.to_query()))) { (words.messages) " " (number(count)) } " " span.hint { (words.last_24h) } }
        }
    }
}

/// What the instances say of differences.
fn drift(look: &Look, fleet: &Fleet) -> Markup {
    let words = look.words();
    let mut told: Vec<(String, String)> = Vec::new();
    for status in fleet.instances.iter().filter_map(|it| it.status.as_ref()) {
        for (app, said) in &status.templates {
            let differences = said
                .get("drift")
                .and_then(|it| it.as_array())
                .into_iter()
                .flatten();
            for difference in differences {
                let text = difference
                    .get("detail")
                    .and_then(|it| it.as_str())
                    .map_or_else(|| difference.to_string(), str::to_owned);
                let name = difference
                    .get("template")
                    .and_then(|it| it.as_str())
                    .unwrap_or_default();
                let row = (format!("{app} {name}"), text);
                if !told.contains(&row) {
                    told.push(row);
                }
            }
        }
    }
    html! {
        @if !told.is_empty() { section.panel.needs { h2 { (words.drift) } ul { @for (of, text) in &told { li { strong { (foreign(of, 80)) } " " (foreign(text, 300)) } } } p { code { "wx-courier templates pull" } } } }
    }
}
