//! What another record has sent, what upstream published late, what waits, and what is not there or cannot be judged.

use super::*;

#[test]
fn a_message_that_failed_and_was_sent_by_a_replay_is_told_as_sent() {
    let failed = as_json(&outcome(Reason::ParamRefused));
    let replayed = |reason| {
        let mut replayed = outcome(reason);
        replayed.id = "orders/1/9/a".to_owned();
        replayed.offset = 9;
        as_json(&replayed)
    };
    let of_replay = claim_of("orders/1/9/a", ClaimStateSeen::Sent);
    let by_claim = World::new(Committed::Past)
        .hears(&failed)
        .looks(of_replay.clone());
    let by_outcome = World::new(Committed::Past)
        .hears(&failed)
        .hears(&replayed(Reason::Ok));
    for world in [&by_claim, &by_outcome] {
        let message = world.only_message(&event(&good()));
        assert_eq!(message.outcome.unwrap().reason, Reason::ParamRefused);
        assert_eq!(message.sent_by.as_deref(), Some("orders/1/9/a"));
        assert_eq!(message.words, words(About::SentByAnother { receipt: None }));
        assert_eq!(message.present, None);
    }
    let failed_again = World::new(Committed::Past)
        .hears(&failed)
        .hears(&replayed(Reason::ParamRefused));
    let in_doubt = World::new(Committed::Past)
        .hears(&failed)
        .hears(&replayed(Reason::InDoubt))
        .looks(of_replay.clone());
    let sent = as_json(&outcome(Reason::Ok));
    let sent_itself = World::new(Committed::Past).hears(&sent).looks(of_replay);
    for world in [failed_again, in_doubt, sent_itself] {
        assert_eq!(world.only_message(&event(&good())).sent_by, None);
    }
}

#[test]
fn an_event_that_upstream_published_too_late_is_told_from_one_that_waited() {
    let expired = as_json(&outcome(Reason::Expired));
    let world = World::new(Committed::Past).hears(&expired);
    let waited = world.only_message(&event(&good()));
    assert_eq!(waited.published_late_ms, None);
    let mut late = Record::clone(&event(&good()));
    let value = String::from_utf8(late.value.take().unwrap()).unwrap();
    late.value = Some(value.replace("2026-11-22", "2026-11-12").into_bytes());
    let late = world.only_message(&Arc::new(late));
    assert_eq!(late.published_late_ms, Some(10 * 86_400_000 + 10_000));
    assert_eq!(late.words, words(About::PublishedLate));
    assert_ne!(late.words, waited.words);
}

#[test]
fn a_message_that_waits_says_when_it_expires_and_one_that_was_sent_is_not_tried_on_the_present_rules()
 {
    let waits = World::new(Committed::NotYet).only_message(&event(&good()));
    assert_eq!(
        waits.expires_at.as_deref(),
        Some("2026-11-23T08:29:50.000Z")
    );
    let sent = World::new(Committed::Past).hears(&as_json(&outcome(Reason::Ok)));
    let sent = sent.only_message(&event(&good()));
    assert_eq!((sent.expires_at, sent.present), (None, None));
}

#[test]
fn where_rules_cannot_be_used_no_event_is_said_to_be_unwanted() {
    let nothing = World::new(Committed::NotYet).without_rules();
    let told = nothing.tell(Some(&event(&good())));
    assert_eq!((told.rules_version, told.unmatched), (None, None));
    assert_eq!(told.messages[0].pending, Some(Pending::RulesUnusable));
    let heard = as_json(&outcome(Reason::UserRefused));
    let ended = World::new(Committed::Past).hears(&heard).without_rules();
    let message = ended.only_message(&event(&good()));
    assert_eq!(message.outcome.unwrap().reason, Reason::UserRefused);
    assert!(message.words.ops.contains("43101"));
    assert_eq!((message.present, message.values), (None, Vec::new()));
}

#[test]
fn a_record_that_is_not_on_its_topic_promises_nothing() {
    for committed in [Committed::NotYet, Committed::NotKnown] {
        let told = World::new(committed).tell(None);
        assert_eq!(told.messages[0].pending, Some(Pending::RecordDeleted));
    }
    let place = |offset| Place {
        topic: Arc::from("orders"),
        partition: 1,
        offset,
    };
    let beyond = Lying::NotThere("it ends".to_owned());
    let mut world = World::new(Committed::NotYet).hears(&as_json(&outcome(Reason::Ok)));
    for (offset, lying) in [
        (7, &beyond),
        (8, &beyond),
        (9, &Lying::Gone),
        (10, &Lying::NotRead),
    ] {
        world.heard.add_place(place(offset), lying.clone());
    }
    let absent = world.heard.take_absent();
    assert_eq!(
        absent,
        [(place(8), beyond.clone()), (place(10), Lying::NotRead)]
    );
    let left: Vec<i64> = world
        .heard
        .records()
        .map(|(place, _)| place.offset)
        .collect();
    assert_eq!(
        left,
        [7, 9],
        "an outcome names the one, and the other was there"
    );
    assert_eq!(world.tell_of(&beyond).state, RecordState::NotThere);
}
