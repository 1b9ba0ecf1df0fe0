//! Rules that change under messages whose call is not made yet.

use super::trouble::OTHER;
use super::*;
use crate::model::outcome::RecipientHash;
use crate::testing;

/// A rule that sends one message a second, with these lines.
fn limited(lines: &str) -> Arc<RuleSet> {
    rule_to("to", 1, lines)
}

/// A rule that sends to the user in this field, so many messages a second.
fn rule_to(field: &str, per_second: u32, lines: &str) -> Arc<RuleSet> {
    let lines = format!(
        "to = \"{{{{ data.{field} }}}}\"\nrate = {{ per_second = {per_second}, burst = 1 }}\n{lines}"
    );
    rules_with("id = \"T1\"", &lines, AS_PUBLISHED)
}

fn event(offset: i64, to: &str) -> String {
    format!(r#"{{"id":"e{offset}","type":"a","to":"{to}","other":"o9","text":"hi"}}"#)
}

/// Messages to users of their own: the first is called for, the others wait for the rate.
fn waiting(rules: Arc<RuleSet>, others: i64) -> (Bench, Ticket) {
    let mut bench = bench_with(Unmatched::Count, rules);
    // So much room that nothing is spilled.
    bench.engine.setup.max_messages = 40;
    let effects = bench.read(0, &event(0, "o0"));
    let [Effect::Send { ticket, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let ticket = *ticket;
    for offset in 1..=others {
        assert!(
            sent(&bench.read(offset, &event(offset, &format!("o{offset}")))).is_empty(),
            "the rate holds it back"
        );
    }
    (bench, ticket)
}

/// Reads the record once more in a process that has the same store and these rules.
fn read_again(before: Bench, rules: Arc<RuleSet>, offset: i64, value: &str) -> Outcome {
    let mut bench = bench_with(Unmatched::Count, rules);
    bench.store = before.store;
    bench.now_ms = before.now_ms;
    the_outcome(&bench.read(offset, value)).clone()
}

/// Recipient and page of each call.
fn sent(effects: &[Effect]) -> Vec<(String, Option<String>)> {
    let of_call = |effect: &Effect| {
        if let Effect::Send { cleared, .. } = effect {
            let message = cleared.message();
            let page = message.content.page().map(str::to_owned);
            Some((message.recipient.clone(), page))
        } else {
            None
        }
    };
    effects.iter().filter_map(of_call).collect()
}

/// Each outcome, and why.
fn outcomes(effects: &[Effect]) -> Vec<(&str, Reason)> {
    let mut outcomes = Vec::new();
    for effect in effects {
        if let Effect::Publish { outcome, .. } = effect {
            outcomes.push((outcome.id.as_str(), outcome.reason));
        }
    }
    outcomes
}

fn to(user: &str, page: &str) -> (String, Option<String>) {
    (user.to_owned(), Some(page.to_owned()))
}

#[test]
fn what_waits_is_made_anew_at_its_turn_and_costs_no_turn_for_that() {
    let (mut bench, _) = waiting(limited("page = \"old\""), 3);
    let effects = bench.step(Input::RulesChanged(limited("page = \"new\"")));
    assert!(sent(&effects).is_empty() && outcomes(&effects).is_empty());
    for second in 1..=3 {
        let effects = bench.sleep_until(second * 1_000);
        let user = format!("o{second}");
        assert_eq!(sent(&effects), [to(&user, "new")], "second {second}");
    }
}

#[test]
fn another_rate_counts_for_what_waits_already() {
    let (mut bench, _) = waiting(limited("page = \"old\""), 3);
    let quick = rule_to("to", 100, "page = \"new\"");
    let mut effects = bench.step(Input::RulesChanged(quick));
    // What was sent under the old rate counts.
    effects.extend(bench.sleep_until(1_100));
    assert_eq!(
        sent(&effects),
        [to("o1", "new"), to("o2", "new"), to("o3", "new")]
    );
}

#[test]
fn messages_of_a_rule_that_is_gone_end_at_once() {
    let (mut bench, called) = waiting(limited("page = \"old\""), 2);
    let others = Arc::new(testing::rules(&[("other", "shop", "")]));
    let effects = bench.step(Input::RulesChanged(others));
    assert_eq!(
        outcomes(&effects),
        [
            ("events/0/1/r", Reason::RuleGone),
            ("events/0/2/r", Reason::RuleGone)
        ]
    );
    assert_eq!(the_outcome(&effects).status, Status::Skipped);
    assert!(the_outcome(&effects).detail.contains("was taken away"));
    // The call that was made ends as it was.
    let effects = bench.finish(called, SendAnswer::Accepted { msgid: None });
    assert_eq!(outcomes(&effects), [("events/0/0/r", Reason::Ok)]);
}

#[test]
fn a_rule_that_does_not_want_the_event_any_more_ends_its_message_at_its_turn() {
    let (mut bench, _) = waiting(limited(""), 2);
    let picky = limited("when = \"id != 'e1'\"\npage = \"new\"");
    bench.step(Input::RulesChanged(picky));
    let effects = bench.sleep_until(1_000);
    assert_eq!(outcomes(&effects), [("events/0/1/r", Reason::RuleGone)]);
    // It has taken the turn with it.
    assert!(sent(&effects).is_empty());
    assert_eq!(sent(&bench.sleep_until(2_000)), [to("o2", "new")]);
}

#[test]
fn a_message_to_another_user_now_waits_for_that_one() {
    let (mut bench, _) = waiting(limited("page = \"old\""), 2);
    bench.step(Input::RulesChanged(rule_to("other", 1, "page = \"new\"")));
    // Each has taken its turn for what it was, and gets another one.
    assert!(sent(&bench.sleep_until(2_000)).is_empty());
    let first = bench.sleep_until(3_000);
    assert_eq!(sent(&first), [to("o9", "new")]);
    // Both are the same user's now: the second waits for the first one's answer.
    assert!(sent(&bench.sleep_until(4_000)).is_empty());
    let ticket = first.iter().find_map(|effect| {
        if let Effect::Send { ticket, .. } = effect {
            Some(*ticket)
        } else {
            None
        }
    });
    let mut effects = bench.finish(ticket.unwrap(), SendAnswer::Accepted { msgid: None });
    effects.extend(bench.sleep_until(6_000));
    assert_eq!(sent(&effects), [to("o9", "new")]);
}

#[test]
fn a_longer_life_counts_for_what_waits() {
    let (mut bench, _) = waiting(limited("expires_after = \"2s\""), 4);
    let mut effects = bench.step(Input::RulesChanged(limited(
        "expires_after = \"1m\"\npage = \"new\"",
    )));
    effects.extend(bench.sleep_until(5_000));
    assert_eq!(outcomes(&effects), [], "none has expired");
    assert_eq!(sent(&effects).len(), 4);
}

#[test]
fn a_message_that_an_earlier_run_may_have_sent_stays_as_it_is() {
    let mut bench = bench_with(Unmatched::Count, limited("in_doubt = \"leave\""));
    bench.claim_elsewhere("r", "e1", 1, OTHER);
    assert!(sent(&bench.read(1, &event(1, "o1"))).is_empty());
    // By the new rule its message would have another id, and no claim.
    let changed = limited("in_doubt = \"leave\"\ndedupe = \"{{ data.to }}\"");
    let mut effects = bench.step(Input::RulesChanged(changed));
    effects.extend(bench.sleep_until(9_000));
    assert!(sent(&effects).is_empty(), "{effects:?}");
    assert_eq!(outcomes(&effects), [("events/0/1/r", Reason::InDoubt)]);
    assert_eq!(the_outcome(&effects).message_id, "r|events|e1");
}

#[test]
fn a_rule_that_goes_during_a_call_ends_its_message_when_that_is_over() {
    let (mut bench, called) = waiting(limited(""), 0);
    let others = Arc::new(testing::rules(&[("other", "shop", "")]));
    bench.step(Input::RulesChanged(others));
    let mut effects = bench.step(refused(called, -1, Class::Busy));
    effects.extend(bench.sleep_until(9_000));
    assert!(sent(&effects).is_empty(), "{effects:?}");
    assert_eq!(outcomes(&effects), [("events/0/0/r", Reason::RuleGone)]);
    assert_eq!(the_outcome(&effects).attempts, 1);
}

#[test]
fn a_user_who_is_named_by_a_login_code_now_is_asked_for() {
    let (mut bench, _) = waiting(limited(""), 1);
    let by_code = rules_with(
        "id = \"T1\"",
        "to = { js_code = \"{{ data.other }}\" }\nrate = { per_second = 1, burst = 1 }",
        AS_PUBLISHED,
    );
    bench.step(Input::RulesChanged(by_code));
    let effects = bench.sleep_until(1_000);
    assert!(sent(&effects).is_empty(), "{effects:?}");
    let asks = |effect: &Effect| matches!(effect, Effect::Exchange { .. });
    assert!(effects.iter().any(asks), "{effects:?}");
}

#[test]
fn an_end_under_a_rule_that_comes_to_no_user_names_the_user_when_it_is_repeated() {
    let invalid = rule_to("nowhere", 1, "");
    let (mut bench, _) = waiting(limited(""), 1);
    bench.step(Input::RulesChanged(Arc::clone(&invalid)));
    let effects = bench.sleep_until(1_000);
    assert_eq!(outcomes(&effects), [("events/0/1/r", Reason::ValueMissing)]);
    let first = the_outcome(&effects).clone();
    assert!(matches!(first.recipient_hash, Some(RecipientHash::Kept(_))));
    let again = read_again(bench, invalid, 1, &event(1, "o1"));
    assert_eq!(again.recipient_hash, first.recipient_hash);
    assert_eq!(again.recipient, first.recipient);
}

#[test]
fn an_end_under_a_rule_that_comes_to_another_user_names_that_one() {
    let (mut bench, _) = waiting(limited(""), 1);
    bench.step(Input::RulesChanged(rule_to(
        "other",
        1,
        "page = \"{{ data.nowhere }}\"",
    )));
    let effects = bench.sleep_until(1_000);
    assert_eq!(outcomes(&effects), [("events/0/1/r", Reason::ValueMissing)]);
    let shown = the_outcome(&effects).recipient_hash.clone();
    let of_other = bench.engine.hasher.as_ref().unwrap().hash("shop", "o9");
    assert_eq!(shown, Some(RecipientHash::OfRecord(of_other)));
}
