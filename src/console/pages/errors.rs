//! What goes wrong: codes against templates, and what each code means.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::figures::{empty, foreign};
use super::layout::{Room, page};
use super::look::{Look, number};
use super::overview::{SPANS, is_failure};
use crate::console::filter::Filter;
use crate::console::history::told::{KindCount, Span};
use crate::console::words::{codes, reasons};

/// A row of the table: a code of `WeChat`'s, or a reason of ours where there is none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Code(i64),
    Reason(String),
}

/// What is known of a fault in the time that is shown.
#[derive(Default)]
struct Seen<'a> {
    by_template: BTreeMap<&'a str, u64>,
    first_ms: i64,
    last_ms: i64,
    /// The version with which it was seen first.
    version: Option<&'a str>,
    count: u64,
}

/// The page. `chosen` is the word of the span.
pub fn errors(
    look: &Look,
    chosen: &str,
    span: Span,
    kinds: &[KindCount],
    code: Option<i64>,
) -> Markup {
    let words = look.words();
    let faults = faults(kinds, code);
    let templates: BTreeSet<&str> = faults
        .values()
        .flat_map(|seen| seen.by_template.keys().copied())
        .collect();
    let largest = faults
        .values()
        .flat_map(|seen| seen.by_template.values())
        .copied()
        .max()
        .unwrap_or(1);
    let body = html! {
        div.head {
            h1 { (words.errors) }
            nav.spans aria-label=(words.span) {
                @for (name, _) in SPANS { a href=(look.link(&format!("errors?span={name}"))) aria-current=[(name == chosen).then_some("true")] { (name) } }
            }
        }
        @if faults.is_empty() { (empty(words.no_failures)) } @else {
            section.panel { h2 { (words.heat) } div.scroll { table.heat {
                thead { tr { th scope="col" { (words.errcode) } @for template in &templates { th scope="col" { (foreign(template, 30)) } } th scope="col" { (words.all) } } }
                tbody { @for (fault, seen) in &faults { tr {
                    th scope="row" { (name(look, fault)) }
                    @for template in &templates {
                        @match seen.by_template.get(template) {
                            Some(count) => td class=(format!("heat-{}", level(*count, largest))) { a href=(look.link(&address(fault, Some(template), span))) { (number(*count)) } },
                            None => td { span.none { "·" } },
                        }
                    }
                    td.number { a href=(look.link(&address(fault, None, span))) { (number(seen.count)) } }
                } } }
            } } }
        }
        @for (fault, seen) in &faults { (about(look, fault, Some(seen))) }
        @if let Some(code) = code { @if faults.is_empty() { (about(look, &Fault::Code(code), None)) } }
    };
    page(look, Room::Errors, words.errors, None, &body)
}

fn faults(kinds: &[KindCount], code: Option<i64>) -> BTreeMap<Fault, Seen<'_>> {
    let mut faults: BTreeMap<Fault, Seen<'_>> = BTreeMap::new();
    for it in kinds {
        let kind = &it.kind;
        let is_meant = code.is_none_or(|code| kind.errcode == Some(code));
        if !is_meant || !is_failure(&kind.status) {
            continue;
        }
        let fault = kind
            .errcode
            .map_or_else(|| Fault::Reason(kind.reason.to_string()), Fault::Code);
        let seen = faults.entry(fault).or_default();
        if seen.count == 0 || it.first_ms < seen.first_ms {
            seen.first_ms = it.first_ms;
            seen.version = kind.rules_version.as_deref();
        }
        seen.last_ms = seen.last_ms.max(it.last_ms);
        seen.count += it.count;
        *seen
            .by_template
            .entry(kind.template.as_deref().unwrap_or("–"))
            .or_default() += it.count;
    }
    faults
}

/// From 1 to 5, each a third of the next.
fn level(count: u64, largest: u64) -> u8 {
    let mut level = 5;
    let mut bound = largest;
    while level > 1 && count <= bound / 3 {
        bound /= 3;
        level -= 1;
    }
    level
}

fn name(look: &Look, fault: &Fault) -> Markup {
    html! {
        @match fault {
            Fault::Code(code) => { a.code href=(format!("#c{code}")) { (code) } },
            Fault::Reason(word) => { a href=(format!("#r{word}")) { (reasons::reason(word).map_or(word.as_str(), |known| look.say(known.name))) } },
        }
    }
}

fn address(fault: &Fault, template: Option<&str>, span: Span) -> String {
    let mut filter = Filter {
        from_ms: Some(span.from_ms),
        ..Filter::default()
    };
    match fault {
        Fault::Code(code) => filter.errcodes.push(*code),
        Fault::Reason(word) => filter.reasons.push(word.clone()),
    }
    filter
        .templates
        .extend(template.filter(|name| *name != "–").map(str::to_owned));
    format!("outcomes?{}", filter.to_query())
}

fn about(look: &Look, fault: &Fault, seen: Option<&Seen<'_>>) -> Markup {
    let words = look.words();
    let (id, title, means, who, todo) = match fault {
        Fault::Code(code) => {
            let known = codes::find(*code);
            let means = known.map_or(words.code_unknown, |known| look.say(known.means));
            let who = known.map(|known| look.say(known.who.name()));
            (
                format!("c{code}"),
                code.to_string(),
                means,
                who,
                known.map(|known| look.say(known.todo)),
            )
        }
        Fault::Reason(word) => {
            let known = reasons::reason(word);
            let name = known.map_or(word.as_str(), |known| look.say(known.name));
            (
                format!("r{word}"),
                name.to_owned(),
                known.map_or(words.code_unknown, |known| look.say(known.means)),
                None,
                None,
            )
        }
    };
    html! {
        section.panel.fault id=(id) {
            h3 { (title) }
            p { (means) }
            dl.facts {
                @if let Some(who) = who { div.fact { dt { (words.who_acts) } dd { (who) } } }
                @if let Some(todo) = todo { div.fact { dt { (words.what_to_do) } dd { (todo) } } }
                @if let Some(seen) = seen {
                    div.fact { dt { (words.first_seen) } dd { (look.moment(seen.first_ms)) } }
                    div.fact { dt { (words.last_seen) } dd { (look.moment(seen.last_ms)) } }
                    @if let Some(version) = seen.version { div.fact { dt { (words.began_with) } dd { code { (version) } } } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::history::told::Kind;
    use crate::console::pages::look::tests::look;
    use crate::console::words::Language;

    fn count(errcode: Option<i64>, version: &str, first_ms: i64, count: u64) -> KindCount {
        KindCount {
            kind: Kind {
                status: "rejected".into(),
                reason: "param_refused".into(),
                errcode,
                rule: Some("a".into()),
                app: Some("shop".into()),
                template: Some("<t>".into()),
                rules_version: Some(version.into()),
            },
            count,
            first_ms,
            last_ms: first_ms + 60_000,
        }
    }

    #[test]
    fn a_fault_is_told_with_the_version_it_began_with() {
        let kinds = [
            count(Some(47003), "v2", 120_000, 5),
            count(Some(47003), "v1", 60_000, 1),
            count(None, "v1", 0, 2),
        ];
        let found = faults(&kinds, None);
        let of_code = &found[&Fault::Code(47003)];
        assert_eq!(
            (of_code.version, of_code.count, of_code.first_ms),
            (Some("v1"), 6, 60_000)
        );
        assert_eq!(found.len(), 2);
        let span = Span {
            from_ms: 0,
            to_ms: 1,
        };
        let shown = errors(&look(Language::Chinese), "24h", span, &kinds, None).into_string();
        assert!(shown.contains("errcode=47003") && !shown.contains("<t>"));
    }

    #[test]
    fn heat_has_five_levels() {
        let levels = [1, 3, 8, 27, 80, 243].map(|count| level(count, 243));
        assert_eq!(levels, [1, 1, 2, 3, 4, 5]);
    }
}
