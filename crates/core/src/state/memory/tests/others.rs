//! Two records with the same message, of which one takes over the claim of the other.

use super::*;

#[test]
fn another_record_takes_a_claim_over_and_the_first_one_hears_of_it() {
    let mut store = MemoryStore::new(100);
    store.answer(&claim("x", holder(1)));
    assert_eq!(
        store.answer(&claim_over("y", holder(2), Some(holder(1)))),
        Answer::Claimed(Reservation::NotAsked)
    );
    let late = settle(&outcome("x", Status::Sent, Reason::Ok), Some(holder(1)));
    assert_eq!(store.answer(&late), held("y", holder(2)), "still under way");
    let sent = outcome("y", Status::Sent, Reason::Ok);
    assert_eq!(
        store.answer(&settle(&sent, Some(holder(2)))),
        Answer::Settled(sent)
    );
    let of = Arc::from("y");
    assert_eq!(store.answer(&late), Answer::Duplicate { of });
    let skipped = outcome("x", Status::Skipped, Reason::Duplicate);
    assert_eq!(
        store.answer(&settle(&skipped, None)),
        Answer::Settled(skipped)
    );
}

#[test]
fn what_was_sent_too_late_counts_if_the_other_record_sent_nothing() {
    let mut store = MemoryStore::new(100);
    store.answer(&claim("x", holder(1)));
    store.answer(&claim_over("y", holder(2), Some(holder(1))));
    let failed = outcome("y", Status::Failed, Reason::AttemptsUsed);
    store.answer(&settle(&failed, Some(holder(2))));
    let sent = outcome("x", Status::Sent, Reason::Ok);
    assert_eq!(
        store.answer(&settle(&sent, Some(holder(1)))),
        Answer::Settled(sent)
    );
    let of = Arc::from("x");
    let again = store.answer(&claim("z", holder(3)));
    assert_eq!(again, Answer::Duplicate { of });
}

#[test]
fn a_doubt_of_another_record_may_be_ended_without_a_call() {
    let mut store = MemoryStore::new(100);
    store.answer(&claim("x", holder(1)));
    let unknown = outcome("y", Status::Unknown, Reason::InDoubt);
    assert_eq!(
        store.answer(&settle(&unknown, Some(holder(1)))),
        Answer::Settled(unknown)
    );
    let of = Arc::from("y");
    let again = store.answer(&claim("x", holder(2)));
    assert_eq!(again, Answer::Duplicate { of });
}
