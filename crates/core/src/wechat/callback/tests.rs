//! Every shape in which pushes are seen, and what is none.

use proptest::prelude::*;

use super::*;

const USER: &str = "oFixture00000000000000000001";

/// The fixtures. They were written for this project, in the shapes that are seen.
const FIXTURES: [(&str, &[u8]); 15] = [
    (
        "change.json",
        include_bytes!("../../../../../tests/cases/callbacks/change.json"),
    ),
    (
        "change.xml",
        include_bytes!("../../../../../tests/cases/callbacks/change.xml"),
    ),
    (
        "customer-entered.xml",
        include_bytes!("../../../../../tests/cases/callbacks/customer-entered.xml"),
    ),
    (
        "customer-text.json",
        include_bytes!("../../../../../tests/cases/callbacks/customer-text.json"),
    ),
    (
        "other-event.json",
        include_bytes!("../../../../../tests/cases/callbacks/other-event.json"),
    ),
    (
        "popup-array-of-one.json",
        include_bytes!("../../../../../tests/cases/callbacks/popup-array-of-one.json"),
    ),
    (
        "popup-array.json",
        include_bytes!("../../../../../tests/cases/callbacks/popup-array.json"),
    ),
    (
        "popup-object-bom.json",
        include_bytes!("../../../../../tests/cases/callbacks/popup-object-bom.json"),
    ),
    (
        "popup-one.xml",
        include_bytes!("../../../../../tests/cases/callbacks/popup-one.xml"),
    ),
    (
        "popup-other-word.json",
        include_bytes!("../../../../../tests/cases/callbacks/popup-other-word.json"),
    ),
    (
        "popup-two.xml",
        include_bytes!("../../../../../tests/cases/callbacks/popup-two.xml"),
    ),
    (
        "sent-failed.xml",
        include_bytes!("../../../../../tests/cases/callbacks/sent-failed.xml"),
    ),
    (
        "sent-numbers.json",
        include_bytes!("../../../../../tests/cases/callbacks/sent-numbers.json"),
    ),
    (
        "sent.json",
        include_bytes!("../../../../../tests/cases/callbacks/sent.json"),
    ),
    (
        "sent.xml",
        include_bytes!("../../../../../tests/cases/callbacks/sent.xml"),
    ),
];

fn read_fixture(name: &str) -> Push {
    let found = FIXTURES.iter().find(|(known, _)| *known == name);
    let (_, body) = found.unwrap_or_else(|| panic!("there is no fixture {name}"));
    read(body).unwrap_or_else(|why| panic!("{name}: {why}"))
}

fn choice(template_id: &str, word: Option<Word>) -> Choice {
    Choice {
        template_id: template_id.to_owned(),
        word,
    }
}

fn delivery(errcode: i64, errmsg: &str) -> Delivery {
    Delivery {
        template_id: "tmplFixtureOne_-1".to_owned(),
        msgid: "4012345678901234567".to_owned(),
        errcode,
        errmsg: errmsg.to_owned(),
    }
}

/// What is not known in a fixture.
fn unknown_of(name: &str) -> Vec<Unknown> {
    match name {
        "popup-other-word.json" => vec![Unknown::new(UnknownKind::Word, "undecided")],
        "sent-failed.xml" => vec![Unknown::new(UnknownKind::SentStatus, "2 system & 故障")],
        _ => Vec::new(),
    }
}

#[test]
fn every_shape_says_the_same() {
    let accepted = choice("tmplFixtureOne_-1", Some(Word::Accept));
    let both = vec![
        accepted.clone(),
        choice("tmplFixtureTwo_-2", Some(Word::Reject)),
    ];
    let odd = choice("tmplFixtureOne_-1", None);
    let refused = choice("tmplFixtureOne_-1", Some(Word::Reject));
    let there = Notice::Sent(vec![delivery(0, "success")]);
    let cases = [
        ("popup-two.xml", 1, Notice::Popup(both.clone())),
        ("popup-array.json", 1, Notice::Popup(both)),
        ("popup-one.xml", 1, Notice::Popup(vec![accepted.clone()])),
        (
            "popup-object-bom.json",
            1,
            Notice::Popup(vec![accepted.clone()]),
        ),
        ("popup-array-of-one.json", 1, Notice::Popup(vec![accepted])),
        ("popup-other-word.json", 1, Notice::Popup(vec![odd])),
        ("change.xml", 2, Notice::Change(vec![refused.clone()])),
        ("change.json", 2, Notice::Change(vec![refused])),
        ("sent.xml", 3, there.clone()),
        ("sent.json", 3, there.clone()),
        ("sent-numbers.json", 3, there),
        (
            "sent-failed.xml",
            3,
            Notice::Sent(vec![delivery(2, "system & 故障")]),
        ),
        ("customer-text.json", 4, Notice::CustomerMessage),
        ("customer-entered.xml", 4, Notice::CustomerMessage),
    ];
    for (name, second, notice) in cases {
        let expected = Push {
            openid: USER.to_owned(),
            at_ms: (1_790_000_000 + second) * 1000,
            notice,
            unknown: unknown_of(name),
        };
        assert_eq!(read_fixture(name), expected, "{name}");
    }
    let other = read_fixture("other-event.json");
    assert_eq!(other.notice, Notice::Other);
    assert_eq!(
        other.unknown,
        [Unknown::new(UnknownKind::Event, "debug_demo")]
    );
    assert_eq!(other.openid, "o9AgO5Kd5ggOC-bXrbNODIiE3bGY");
}

#[test]
fn every_accept_of_a_popup_or_a_change_is_a_yes() {
    for event in ["subscribe_msg_popup_event", "subscribe_msg_change_event"] {
        for yes in ["acceptWithForcePush", "acceptWithAudio", "ACCEPT"] {
            let body = format!(
                r#"{{"FromUserName":"o1","CreateTime":1,"MsgType":"event","Event":"{event}","List":{{"TemplateId":"T","SubscribeStatusString":"{yes}","PopupScene":"0"}}}}"#
            );
            let accepted = vec![choice("T", Some(Word::Accept))];
            let expected = match event {
                "subscribe_msg_popup_event" => Notice::Popup(accepted),
                _ => Notice::Change(accepted),
            };
            assert_eq!(read(body.as_bytes()).unwrap().notice, expected, "{body}");
        }
    }
}

#[test]
fn what_is_not_understood_costs_only_itself() {
    let around = |list: &str| {
        format!(
            r#"{{"FromUserName":"o1","CreateTime":1,"MsgType":"event","Event":"subscribe_msg_popup_event","List":[{list}]}}"#
        )
    };
    let good = r#"{"TemplateId":"T1","SubscribeStatusString":"accept"}"#;
    let odd_word = r#"{"TemplateId":"T2","SubscribeStatusString":"perhaps"}"#;
    let no_word = r#"{"TemplateId":"T3"}"#;
    let no_name = r#"{"TemplateId":"T 4","SubscribeStatusString":"accept"}"#;
    let body = around(&[no_word, good, odd_word, no_name].join(","));
    let push = read(body.as_bytes()).unwrap();
    let expected = vec![choice("T1", Some(Word::Accept)), choice("T2", None)];
    assert_eq!(push.notice, Notice::Popup(expected));
    let unknown = [
        Unknown::new(UnknownKind::Field, "SubscribeStatusString"),
        Unknown::new(UnknownKind::Word, "perhaps"),
        Unknown::new(UnknownKind::Field, "TemplateId"),
    ];
    assert_eq!(push.unknown, unknown);
    assert_eq!(
        read(around(no_word).as_bytes()),
        Err(Unreadable::Missing("SubscribeStatusString"))
    );
    let voice = r#"{"FromUserName":"o1","CreateTime":1,"MsgType":"voice"}"#;
    let push = read(voice.as_bytes()).unwrap();
    assert_eq!(push.notice, Notice::Other);
    assert_eq!(
        push.unknown,
        [Unknown::new(UnknownKind::MessageType, "voice")]
    );
}

#[test]
fn an_envelope_is_found_in_both_forms() {
    let xml =
        b"<xml><ToUserName><![CDATA[gh]]></ToUserName><Encrypt><![CDATA[ab+/=]]></Encrypt></xml>";
    let json = br#"{"ToUserName":"gh","Encrypt":"ab+\/="}"#;
    assert_eq!(encrypted(xml).unwrap().as_deref(), Some("ab+/="));
    assert_eq!(encrypted(json).unwrap().as_deref(), Some("ab+/="));
    assert_eq!(encrypted(br#"{"MsgType":"text"}"#), Ok(None));
}

#[test]
fn what_is_no_push_says_why_and_repeats_nothing() {
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><xml><A>&b;</A></xml>";
    let deep = "<a>".repeat(100) + &"</a>".repeat(100);
    let no_list = r#"{"FromUserName":"o","CreateTime":1,"MsgType":"event","Event":"subscribe_msg_popup_event"}"#;
    let strange = r#"{"FromUserName":"o/../x","CreateTime":1,"MsgType":"event","Event":"x"}"#;
    let no_time = r#"{"FromUserName":"o","CreateTime":"soon","MsgType":"event","Event":"x"}"#;
    let cases = [
        ("", Unreadable::NoForm),
        ("hello", Unreadable::NoForm),
        ("{\"a\":", Unreadable::Json),
        ("<xml><A>1</B></xml>", Unreadable::Xml),
        ("<xml><A>1</A>", Unreadable::Xml),
        ("<xml>text</xml>", Unreadable::Xml),
        ("<xml><A>1</A></xml><xml><A>1</A></xml>", Unreadable::Xml),
        (bomb, Unreadable::Entities),
        ("<xml><A>&b;</A></xml>", Unreadable::Entities),
        (&deep, Unreadable::TooDeep),
        ("<xml><A>1</A></xml>", Unreadable::Missing("FromUserName")),
        (strange, Unreadable::NotAName("FromUserName")),
        (no_list, Unreadable::Missing("List")),
        (no_time, Unreadable::NotANumber("CreateTime")),
    ];
    for (body, why) in cases {
        assert_eq!(read(body.as_bytes()), Err(why), "{body}");
    }
}

proptest! {
    #[test]
    fn no_bytes_break_it(body in prop::collection::vec(any::<u8>(), 0..400)) {
        let _push = read(&body);
        let _envelope = encrypted(&body);
    }

    #[test]
    fn no_mangled_push_breaks_it(at in 0_usize..700, byte in any::<u8>(), cut in 0_usize..700) {
        let whole = include_bytes!("../../../../../tests/cases/callbacks/popup-two.xml");
        let mut body = whole.to_vec();
        if let Some(place) = body.get_mut(at) {
            *place = byte;
        }
        body.truncate(cut.max(1));
        let _push = read(&body);
    }
}
