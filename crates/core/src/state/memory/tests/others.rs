//! Two records with the same message, of which one takes over the claim of the other.

use super::*;

#[test]
fn another_record_takes_a_claim_over_and_the_first_one_hears_of_it() {
    let mut store = MemoryStore::new(100);
    store.told(&claim("x", holder(1)));
    assert_eq!(
        store.told(&claim_over("y", holder(2), Some(holder(1)))),
        CLAIMED
    );
    let late = settle(&outcome("x", Status::Sent, Reason::Ok), Some(holder(1)));
    let open = to_end(SettlementAnswer::Held(held_by("y", holder(2))));
    assert_eq!(store.told(&late), open, "still under way");
    let sent = outcome("y", Status::Sent, Reason::Ok);
    assert_eq!(store.told(&settle(&sent, Some(holder(2)))), settled(sent));
    let of = Arc::from("y");
    let too_late = to_end(SettlementAnswer::Duplicate { of });
    assert_eq!(store.told(&late), too_late);
    let skipped = outcome("x", Status::Skipped, Reason::Duplicate);
    assert_eq!(store.told(&settle(&skipped, None)), settled(skipped));
}

#[test]
fn what_was_sent_too_late_counts_if_the_other_record_sent_nothing() {
    let mut store = MemoryStore::new(100);
    store.told(&claim("x", holder(1)));
    store
        .answer(&claim_over("y", holder(2), Some(holder(1))))
        .unwrap();
    let failed = outcome("y", Status::Failed, Reason::AttemptsUsed);
    store.told(&settle(&failed, Some(holder(2))));
    let sent = outcome("x", Status::Sent, Reason::Ok);
    assert_eq!(store.told(&settle(&sent, Some(holder(1)))), settled(sent));
    let again = store.told(&claim("z", holder(3)));
    assert_eq!(again, duplicate("x"));
}

#[test]
fn a_doubt_of_another_record_may_be_ended_without_a_call() {
    let mut store = MemoryStore::new(100);
    store.told(&claim("x", holder(1)));
    let unknown = outcome("y", Status::Unknown, Reason::InDoubt);
    assert_eq!(
        store.told(&settle(&unknown, Some(holder(1)))),
        settled(unknown)
    );
    let again = store.told(&claim("x", holder(2)));
    assert_eq!(again, duplicate("y"));
}
