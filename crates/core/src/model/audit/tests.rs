//! What audit records are, and what they can never be.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::outcome::read_word;

const STAMP: Stamp = Stamp {
    now_ms: 1_795_992_000_123,
    random: 7,
};

fn who() -> Who {
    Who {
        name: "alice".to_owned(),
        host: "laptop".to_owned(),
        via: Via::Command,
    }
}

fn action() -> Action {
    Action {
        what: What::Pause,
        subject: "rule order-completed".to_owned(),
        before: Some(facts([("paused", false.into())])),
        after: Some(facts([("paused", true.into())])),
        why: Some("the text is wrong".to_owned()),
    }
}

/// Key, value, and what of the record stands in headers, once more.
fn size(record: &AuditRecord) -> usize {
    const NAMES_OF_HEADERS_AND_FIXED_VALUES: usize = 250;
    let value = serde_json::to_vec(record).unwrap();
    let source = 2 * 256;
    value.len()
        + record.subject.len()
        + record.id.len()
        + record.at.len()
        + source
        + NAMES_OF_HEADERS_AND_FIXED_VALUES
}

#[test]
fn a_record_is_written_as_readers_know_it() {
    let record = AuditRecord::new(STAMP, "wx-courier", who(), action());
    assert_eq!(
        serde_json::to_value(&record).unwrap(),
        json!({
            "id": "1a22977167b-0000000000000007",
            "at": "2026-11-29T22:40:00.123Z",
            "group": "wx-courier",
            "who": { "name": "alice", "host": "laptop", "via": "command" },
            "what": "pause",
            "subject": "rule order-completed",
            "before": { "paused": false },
            "after": { "paused": true },
            "why": "the text is wrong",
        })
    );
    let later = Stamp {
        now_ms: STAMP.now_ms + 1,
        random: 0,
    };
    let result = Conclusion {
        ended: Ended::Failed,
        detail: "the store is down".to_owned(),
    };
    let second = record.concluded(later, result, None);
    assert!(second.id > record.id);
    let second = serde_json::to_value(&second).unwrap();
    assert_eq!(second["of"], record.id);
    assert_eq!(second["result"]["ended"], "failed");
    assert_eq!(second["subject"], "rule order-completed");
    assert!(second.get("before").is_none() && second.get("after").is_none());
}

#[test]
fn words_are_what_serde_reads_and_those_of_a_later_version_stay() {
    for what in [
        What::Reload,
        What::Pause,
        What::Resume,
        What::Replay,
        What::GrantsSet,
        What::GrantsImport,
        What::QuotaClear,
        What::StateResume,
    ] {
        assert_eq!(read_word(what.as_str()), Some(what));
    }
    for via in [
        Via::Command,
        Via::Console,
        Via::Request,
        Via::Signal,
        Via::SavedFile,
    ] {
        assert_eq!(read_word(via.as_str()), Some(via));
    }
    for ended in [
        Ended::Done,
        Ended::Stopped,
        Ended::Failed,
        Ended::Unchanged,
        Ended::NotKnown,
    ] {
        assert_eq!(read_word(ended.as_str()), Some(ended));
    }
    let mut later = serde_json::to_value(AuditRecord::new(STAMP, "g", who(), action())).unwrap();
    later["what"] = "rollout".into();
    later["who"]["via"] = "studio".into();
    let read: AuditRecord = serde_json::from_value(later.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), later);
}

#[test]
fn a_name_is_one_that_can_be_seen() {
    assert_eq!(name_of(" alice "), Some("alice"));
    assert_eq!(name_of("王芳"), Some("王芳"));
    for bad in [
        "",
        "  ",
        "a\nb",
        "a\u{0}",
        "eve\u{202e}ecila",
        "al\u{200b}ice",
        &"x".repeat(129),
    ] {
        assert_eq!(name_of(bad), None, "{bad:?}");
    }
    assert_eq!(why_of(" too late "), Ok(Some("too late")));
    assert_eq!(why_of("  "), Ok(None));
    assert!(why_of("one\ntwo").is_err());
    assert!(why_of(&"长".repeat(501)).is_err());
    assert!(why_of(&"长".repeat(500)).is_ok());
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof!["[a-z0-9/|]{1,4}", "[\u{0}-\u{1f}\"\\\\]", "\\PC{1,3}"];
    let times = prop_oneof![Just(0_usize), 1..40_usize, 500..3000_usize];
    (piece, times).prop_map(|(piece, times)| piece.repeat(times))
}

fn some_facts() -> impl Strategy<Value = Facts> {
    let value = prop_oneof![
        text().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        proptest::collection::vec(text(), 0..4).prop_map(Value::from),
    ];
    proptest::collection::btree_map(text(), value, 0..12)
}

proptest! {
    #[test]
    fn whatever_is_said_fits_the_smallest_topic(
        texts in proptest::collection::vec(text(), 6),
        before in some_facts(),
        after in some_facts(),
        now_ms in any::<i64>(),
        random in any::<u64>(),
    ) {
        let [group, name, host, subject, why, detail] = texts.try_into().unwrap();
        let stamp = Stamp { now_ms, random };
        let who = Who { name, host, via: Via::SavedFile };
        let action = Action {
            what: What::GrantsImport,
            subject,
            before: Some(before),
            after: Some(after.clone()),
            why: Some(why),
        };
        let record = AuditRecord::new(stamp, &group, who, action);
        prop_assert!(size(&record) <= LARGEST_AUDIT_BYTES, "{}", size(&record));
        let mut once = record.clone();
        once.bound();
        prop_assert_eq!(&once, &record, "what is bounded stays as it is");
        let result = Conclusion { ended: Ended::NotKnown, detail };
        let second = record.concluded(stamp, result, Some(after));
        prop_assert!(size(&second) <= LARGEST_AUDIT_BYTES, "{}", size(&second));
    }
}

#[test]
fn facts_without_room_are_counted() {
    let mut many: Facts = (0..2000)
        .map(|n| (format!("fact-{n:04}"), n.into()))
        .collect();
    many.insert("a".to_owned(), "x".repeat(5000).into());
    let mut action = action();
    action.after = Some(many);
    let record = AuditRecord::new(STAMP, "g", who(), action);
    let after = record.after.unwrap();
    assert!(after["a"].as_str().unwrap().ends_with('…'));
    let kept = after.len() as u64 - 1;
    assert_eq!(after["left_out"].as_u64().unwrap() + kept, 2001);
}
