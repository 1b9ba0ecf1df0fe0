//! Templates that `WeChat` has changed.

use super::trouble::{calls, refused, the_call};
use super::*;
use crate::flow::Difference;
use crate::schedule::pauses::Breakers;

const DIFFERENCE: &str = "the template note was changed at WeChat: it wants the param `thing2` too";

fn event(n: u32) -> String {
    format!(r#"{{"type":"a","id":"e{n}","to":"o{n}","text":"hi"}}"#)
}

fn asked(effects: &[Effect]) -> usize {
    let of_template = |effect: &&Effect| matches!(effect, Effect::CompareTemplate { .. });
    effects.iter().filter(of_template).count()
}

fn differs(bench: &Bench, template_id: &str) -> Input {
    Input::TemplateDiffers(Difference {
        app: Arc::from("shop"),
        template_id: Arc::from(template_id),
        rules_version: Arc::clone(bench.engine.rules.version()),
        detail: DIFFERENCE.to_owned(),
    })
}

/// A message was refused for a value, and what it asked for.
fn one_refused() -> (Bench, Vec<Effect>) {
    let rules = rules_for("{{ data.to }}", "id = \"T1\"", AS_PUBLISHED, "2h");
    let mut bench = bench_with(Unmatched::Count, rules);
    // So much room that nothing is spilled, and no breaker opens.
    bench.engine.setup.max_messages = 40;
    bench.engine.breakers = Breakers::new(Threshold {
        count: 1_000,
        ratio: 0.5,
    });
    let ticket = the_call(&bench.read(1, &event(1)));
    let effects = bench.finish(ticket, refused(47003, Class::BadParam));
    (bench, effects)
}

#[test]
fn the_first_refusal_has_the_template_compared_and_what_differs_waits() {
    let (mut bench, effects) = one_refused();
    assert_eq!(asked(&effects), 1);
    let under_way = the_call(&bench.read(2, &event(2)));
    let effects = {
        let differs = differs(&bench, "T1");
        bench.step(differs)
    };
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::PauseChanged(_))),
        "{effects:?}"
    );
    let pauses = bench.engine.status().pauses;
    assert_eq!(
        (pauses[0].subject.as_str(), pauses[0].cause),
        ("template shop/T1", "template_changed")
    );
    assert_eq!(pauses[0].detail, DIFFERENCE);
    assert_eq!(calls(&bench.read(3, &event(3))), []);
    assert_eq!(calls(&bench.read(4, &event(4))), []);
    // It was on its way; its refusal asks nothing a second time, and ends no pause.
    let effects = bench.finish(under_way, SendAnswer::Accepted { msgid: None });
    assert_eq!(
        (asked(&effects), bench.engine.status().pauses.len()),
        (0, 1)
    );
    // A trial that is refused for its values has failed.
    let trial = the_call(&bench.sleep_until(61_000));
    bench.finish(trial, refused(47003, Class::BadParam));
    let since = bench.engine.status().pauses[0].since.clone();
    // One that is refused for its user proves nothing.
    let trial = the_call(&bench.sleep_until(182_000));
    bench.finish(trial, refused(43101, Class::NotSubscribed));
    // An hour later it is compared again, and is no other pause for that.
    let differs = differs(&bench, "T1");
    bench.step(differs);
    let pauses = bench.engine.status().pauses;
    assert_eq!((pauses.len(), &pauses[0].since), (1, &since));
    assert_eq!(pauses[0].detail, DIFFERENCE);
}

#[test]
fn a_change_of_the_rule_lets_it_be_tried_at_once_and_compared_again() {
    let (mut bench, _) = one_refused();
    {
        let differs = differs(&bench, "T1");
        bench.step(differs)
    };
    assert_eq!(calls(&bench.read(2, &event(2))), []);
    let effects = bench.step(Input::RulesChanged(rules("T1", "other")));
    let ticket = the_call(&effects);
    assert_eq!(bench.engine.status().pauses, []);
    let effects = bench.finish(ticket, refused(47003, Class::BadParam));
    assert_eq!(asked(&effects), 1);
}

#[test]
fn a_template_that_no_rule_uses_any_more_is_not_paused() {
    let (mut bench, _) = one_refused();
    {
        let differs = differs(&bench, "T9");
        bench.step(differs)
    };
    assert_eq!(bench.engine.status().pauses, []);
}

#[test]
fn what_waits_for_its_template_is_told_the_difference() {
    let mut bench = bench(Unmatched::Count);
    let ticket = the_call(&bench.read(1, &event(1)));
    let effects = bench.finish(ticket, refused(40037, Class::UnknownTemplate));
    assert_eq!(asked(&effects), 1);
    {
        let differs = differs(&bench, "T1");
        bench.step(differs)
    };
    let pauses = bench.engine.status().pauses;
    assert_eq!(pauses.len(), 1);
    assert!(
        pauses[0].detail.ends_with(DIFFERENCE),
        "{}",
        pauses[0].detail
    );
}

#[test]
fn an_hour_of_refusals_asks_once() {
    let (mut bench, _) = one_refused();
    let (mut n_asked, mut n_refused) = (0, 0);
    for n in 2..20_u32 {
        bench.now_ms = u64::from(n) * 60_000;
        let effects = bench.read(i64::from(n), &event(n));
        if let [ticket] = calls(&effects)[..] {
            let effects = bench.finish(ticket, refused(47003, Class::BadParam));
            n_asked += asked(&effects);
            n_refused += 1;
        }
    }
    assert_eq!((n_asked, n_refused), (0, 18));
}
