//! Templates and rules that are mended while a call is under way.

use super::*;

/// Reads an event of a user of its own, and gives the call that comes of it.
fn call_for(bench: &mut Bench, offset: i64) -> Ticket {
    let event = format!(r#"{{"type":"a","to":"o{offset}","text":"hi"}}"#);
    let effects = bench.read(offset, &event);
    let [Effect::Send { ticket, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    *ticket
}

#[test]
fn a_template_that_was_mended_during_the_call_pauses_nothing() {
    let mut bench = bench(Unmatched::Count);
    let ticket = call_for(&mut bench, 1);
    bench.step(Input::RulesChanged(rules("T2", AS_PUBLISHED)));
    let effects = bench.step(refused(ticket, 40037, Class::UnknownTemplate));
    let sent = effects.iter().find_map(|effect| {
        if let Effect::Send { cleared, .. } = effect {
            Some(cleared.rule().template().unwrap().id.as_str())
        } else {
            None
        }
    });
    assert_eq!(sent, Some("T2"), "{effects:?}");
    assert_eq!(bench.engine.status().pauses, []);
}

#[test]
fn a_rule_is_not_blamed_for_what_an_earlier_version_of_it_made() {
    let mut bench = bench(Unmatched::Count);
    let calls: Vec<Ticket> = (0..3).map(|offset| call_for(&mut bench, offset)).collect();
    bench.step(Input::RulesChanged(rules("T1", "hello")));
    for ticket in calls {
        bench.step(refused(ticket, 47003, Class::BadParam));
        bench.step(Input::Published { ticket });
    }
    assert_eq!(bench.engine.status().pauses, []);

    for offset in 3..5 {
        let ticket = call_for(&mut bench, offset);
        bench.step(refused(ticket, 47003, Class::BadParam));
    }
    let pauses = bench.engine.status().pauses;
    assert_eq!(pauses.len(), 1, "{pauses:?}");
    assert_eq!(pauses[0].subject, "rule r");
}
