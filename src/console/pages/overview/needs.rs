//! What needs a person, and what to do about it.

use maud::{Markup, html};

use super::{Shown, instance_name};
use crate::console::fleet::{Fleet, InstanceSeen, PauseSeen};
use crate::console::pages::figures::foreign;
use crate::console::pages::look::{Look, May, unix_ms};
use crate::console::pages::message::errcode;
use crate::console::words::{fill, reasons};

/// A thing that a person has to do something about.
struct Need {
    what: Markup,
    why: Markup,
    way_on: Markup,
}

pub(super) fn needs(look: &Look, shown: &Shown<'_>) -> Markup {
    let words = look.words();
    let needs = all_needs(look, shown);
    html! {
        @if needs.is_empty() {
            section.panel.well { p { span.good aria-hidden="true" { "✓ " } @if shown.fleet.at_ms == 0 { (words.asking_instances) } @else { (words.nothing_needs_you) } } }
        } @else {
            section.panel.needs {
                h2 { (fill(words.needs_you, &[&needs.len().to_string()])) }
                ul { @for need in &needs { li { div.need-what { (need.what) } div.need-why { (need.why) } div.need-way { (need.way_on) } } } }
            }
        }
    }
}

fn all_needs(look: &Look, shown: &Shown<'_>) -> Vec<Need> {
    let words = look.words();
    let fleet = shown.fleet;
    let mut needs: Vec<Need> = fleet
        .instances
        .iter()
        .flat_map(|it| of_instance(look, it))
        .collect();
    needs.extend(
        fleet
            .pauses()
            .into_iter()
            .map(|pause| of_pause(look, pause)),
    );
    needs.extend(of_punishments(look, fleet));
    if fleet.versions().len() > 1 {
        needs.push(Need {
            what: html! { (words.versions_differ) },
            why: html! { (fleet.versions().join(", ")) },
            way_on: html! { code { "wx-courier rules status" } },
        });
    }
    needs
}

fn of_instance(look: &Look, instance: &InstanceSeen) -> Vec<Need> {
    let words = look.words();
    let name = instance_name(instance);
    let need = |what: &str, why: Markup, way_on: Markup| Need {
        what: html! { (what) " " (foreign(&name, 60)) },
        why,
        way_on,
    };
    let plain = |text: &str| html! { (foreign(text, 300)) };
    if let Some(silent) = &instance.silent {
        return vec![need(
            words.instance_silent,
            plain(silent),
            html! { (words.way_instance) },
        )];
    }
    let Some(status) = &instance.status else {
        return Vec::new();
    };
    let mut needs = Vec::new();
    if !status.cluster.reached || status.phase == "waiting_for_kafka" {
        let why = plain(&troubles(&status.cluster.troubles));
        needs.push(need(words.kafka_away, why, html! { (words.way_kafka) }));
    }
    if status.engine.store_is_down {
        let why = html! { (words.store_down_means) };
        needs.push(need(words.store_down, why, html! { (words.way_store) }));
    }
    if let Some(loss) = status.state.loss.as_ref().filter(|loss| loss.paused) {
        let way = html! { code { "wx-courier state resume" } };
        needs.push(need(words.state_lost, plain(&loss.what), way));
    }
    if let Some(unpublished) = &status.unpublished {
        let why = plain(&unpublished.to_string());
        needs.push(need(
            words.unpublished,
            why,
            html! { (words.way_unpublished) },
        ));
    }
    if let Some(refused) = &status.reload.refused {
        let since = unix_ms(&refused.since).map(|ms| look.moment(ms));
        let why = html! { (plain(&refused.first)) @if let Some(since) = since { " · " (words.since) " " (since) } };
        needs.push(need(
            words.rules_refused,
            why,
            html! { code { "wx-courier check" } },
        ));
    }
    needs
}

fn of_pause(look: &Look, pause: &PauseSeen) -> Need {
    let words = look.words();
    let cause =
        reasons::pause_cause(&pause.cause).map_or(pause.cause.as_str(), |both| look.say(both));
    Need {
        what: html! { (words.paused) ": " strong { (foreign(&pause.subject, 90)) } },
        why: html! {
            (cause) @if let Some(code) = pause.errcode { " " (errcode(look, code)) }
            @if !pause.detail.is_empty() { " · " (foreign(&pause.detail, 240)) }
            @if let Some(ms) = unix_ms(&pause.since) { " · " (words.since) " " (look.moment(ms)) }
        },
        way_on: html! { @if pause.ends.is_empty() { (words.way_pause) } @else { (foreign(&pause.ends, 200)) } (resume(look, &pause.subject)) },
    }
}

fn of_punishments<'a>(look: &'a Look, fleet: &'a Fleet) -> impl Iterator<Item = Need> + 'a {
    let all = fleet.instances.iter().filter_map(|it| it.status.as_ref());
    let mut told = Vec::new();
    all.flat_map(|status| &status.engine.punishments).filter_map(move |punishment| {
        if told.contains(&punishment) {
            return None;
        }
        told.push(punishment);
        Some(Need {
            what: html! { (look.words().punished) ": " strong { (foreign(&punishment.app, 60)) } " · " (punishment.measure) },
            why: html! { (foreign(&punishment.reason, 240)) @if let Some(ms) = punishment.until.as_deref().and_then(unix_ms) { " · " (look.words().until) " " (look.moment(ms)) } },
            way_on: html! { (look.words().way_punished) },
        })
    })
}

/// Lets something go on. A subject of a later version, or one that no person can let go on, has no button.
pub fn resume(look: &Look, subject: &str) -> Markup {
    let is_known = ["rule ", "app ", "template "]
        .iter()
        .any(|kind| subject.starts_with(kind));
    html! {
        @if look.may == May::Edit && is_known {
            form.inline method="post" action=(look.link("resume")) {
                input type="hidden" name="forgery" value=(look.forgery);
                input type="hidden" name="subject" value=(subject);
                button type="submit" { (look.words().resume) }
            }
        }
    }
}

fn troubles(troubles: &[serde_json::Value]) -> String {
    let told = troubles.iter().map(|trouble| {
        let words = trouble
            .get("detail")
            .or_else(|| trouble.get("what"))
            .and_then(|it| it.as_str());
        words.map_or_else(|| trouble.to_string(), str::to_owned)
    });
    told.take(3).collect::<Vec<String>>().join("; ")
}
