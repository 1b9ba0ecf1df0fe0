//! Claims of another record with the same message.

use super::*;

/// Its process died, and its record is not read again: it is gone, or its rule does not want it any more.
#[test]
fn a_claim_of_another_record_is_given_up_in_the_end() {
    let mut bench = doubtful();
    bench.claim_elsewhere("leave", "e", 7, OTHER);
    bench.claim_elsewhere("resend", "e", 8, OTHER);
    let mut effects = bench.read(1, &event("leave", "e", "o1"));
    effects.extend(bench.read(2, &event("resend", "e", "o2")));
    effects.extend(bench.sleep_until(608_900));
    assert_eq!(calls(&effects), [], "the other record may still be read");
    let effects = bench.sleep_until(611_000);
    let left = the_outcome_of(&effects, "events/0/1/leave");
    assert_eq!(
        (left.status, left.reason),
        (Status::Unknown, Reason::InDoubt)
    );
    let ticket = the_call(&effects);
    let effects = bench.finish(ticket, SendAnswer::Accepted { msgid: None });
    let resent = the_outcome_of(&effects, "events/0/2/resend");
    assert_eq!(resent.status, Status::Sent);
    // Should the other records be read after all, they are duplicates of these.
    for (offset, rule) in [(7, "leave"), (8, "resend")] {
        let effects = bench.read(offset, &event(rule, "e", "o3"));
        let outcome = the_outcome_of(&effects, &format!("events/0/{offset}/{rule}"));
        assert_eq!(outcome.reason, Reason::Duplicate, "{rule}");
        assert_eq!(calls(&effects), []);
    }
}

#[test]
fn after_an_outage_of_the_store_others_settle_first() {
    let mut bench = doubtful();
    bench.claim_elsewhere("resend", "e", 8, OTHER);
    let mut effects = bench.read(1, &event("resend", "e", "o1"));
    effects.extend(bench.sleep_until(500_000));
    effects.extend(bench.step(Input::StoreDown));
    effects.extend(bench.sleep_until(700_000));
    effects.extend(bench.step(Input::StoreBack));
    effects.extend(bench.sleep_until(708_900));
    assert_eq!(calls(&effects), []);
    the_call(&bench.sleep_until(711_000));
}

/// While a process stood still, another record's message went on.
#[test]
fn what_another_record_has_sent_meanwhile_is_not_sent_twice_by_name() {
    let mut bench = doubtful();
    let effects = bench.read(1, &event("resend", "e", "o1"));
    let [Effect::Send { ticket, cleared }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let (ticket, ours) = (*ticket, cleared.holder());
    let over = Request::Claim(Claim {
        message_id: Arc::from("resend|events|e"),
        outcome_id: Arc::from("events/0/9/resend"),
        record: None,
        holder: OTHER,
        takes_over: Some(ours),
        grant: None,
        on_unreadable: OnUnreadable::Fail,
        since_ms: bench.now().unix_ms,
        now_ms: bench.now().unix_ms,
    });
    assert_eq!(bench.store.answer(&over), CLAIMED);
    let msgid = Some("1".to_owned());
    let effects = bench.finish(ticket, SendAnswer::Accepted { msgid });
    assert!(effects.is_empty(), "{effects:?}");
    let mut theirs = bench_outcome();
    theirs.id = "events/0/9/resend".to_owned();
    theirs.message_id = "resend|events|e".to_owned();
    let told = bench.store.answer(&Request::Settle(Settlement {
        outcome: Arc::new(theirs),
        holder: Some(OTHER),
        grant: None,
        receipts: Receipts::None,
        refused_ms: None,
        on_unreadable: OnUnreadable::Fail,
        now_ms: bench.now().unix_ms,
    }));
    assert!(told.is_ok());
    let effects = bench.sleep_until(2_000);
    let outcome = the_outcome(&effects);
    assert_eq!(
        (outcome.status, outcome.reason),
        (Status::Skipped, Reason::Duplicate)
    );
    assert_eq!(outcome.duplicate_of.as_deref(), Some("events/0/9/resend"));
    assert!(outcome.detail.contains("sent"), "{}", outcome.detail);
    assert_eq!((&outcome.msgid, calls(&effects)), (&None, vec![]));
}
