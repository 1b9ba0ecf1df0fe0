//! What fits which type, and what cutting leaves.

use proptest::prelude::*;

use super::*;

fn verdict(kind: ParamKind, value: &str) -> Option<Reason> {
    kind.check(value).err().map(|violation| violation.reason)
}

fn accepts(kind: ParamKind, values: &[&str]) {
    for value in values {
        assert_eq!(verdict(kind, value), None, "{kind:?} should take {value:?}");
    }
}

fn refuses(kind: ParamKind, reason: Reason, values: &[&str]) {
    for value in values {
        assert_eq!(
            verdict(kind, value),
            Some(reason),
            "{kind:?} should refuse {value:?}"
        );
    }
}

#[test]
fn the_prefix_of_a_name_is_its_type() {
    assert_eq!(ParamKind::of("thing1"), Some(ParamKind::Thing));
    assert_eq!(
        ParamKind::of("character_string10"),
        Some(ParamKind::CharacterString)
    );
    assert_eq!(ParamKind::of("enum_string2"), Some(ParamKind::Enum));
    assert_eq!(ParamKind::of("number01"), Some(ParamKind::Number));
    assert_eq!(ParamKind::of("short_thing12"), Some(ParamKind::ShortThing));
    // From WeChat's own example of a request, and names that no page has.
    for unlisted in ["site01", "thingy1", "Thing1", "t2m3"] {
        assert_eq!(
            ParamKind::of(unlisted),
            Some(ParamKind::Unlisted),
            "{unlisted:?}"
        );
    }
    for other in ["thing", "1", "", "thing1a", "_1", "字1", "a b1", "a.1"] {
        assert_eq!(ParamKind::of(other), None, "{other:?}");
    }
}

#[test]
fn a_type_without_a_known_limit_takes_any_text() {
    let long = "字".repeat(60);
    for kind in [ParamKind::ShortThing, ParamKind::Unlisted] {
        accepts(kind, &["第1剂", "已预约", &long, "a,b! 👍"]);
        refuses(kind, Reason::ParamEmpty, &["", "  "]);
    }
    assert_eq!(ParamKind::Unlisted.trim(&long, "!"), format!("{long}!"));
    // The first ten are sent by others: who asks for it to fit is on the safe side.
    assert_eq!(
        ParamKind::ShortThing.trim("一二三四五六七八九十一", ""),
        "一二三四五六七八九十"
    );
    assert_eq!(ParamKind::ShortThing.doubt("一二三四五六七八九十"), None);
    assert!(
        ParamKind::ShortThing
            .doubt("一二三四五六七八九十一")
            .is_some_and(|doubt| doubt.contains("11 characters"))
    );
    assert_eq!(ParamKind::Unlisted.doubt(&long), None);
}

#[test]
fn length_counts_utf_16_units() {
    accepts(
        ParamKind::Thing,
        &["二十个汉字二十个汉字二十个汉字二十个汉字", "a"],
    );
    refuses(
        ParamKind::Thing,
        Reason::ParamTooLong,
        &[
            "二十个汉字二十个汉字二十个汉字二十个汉字!",
            "☕️👍👍👍👍👍👍👍👍👍👍",
        ],
    );
    refuses(
        ParamKind::Thing,
        Reason::ParamEmpty,
        &["", "  ", "\u{3000}"],
    );
}

#[test]
fn alphabets() {
    accepts(
        ParamKind::Number,
        &[
            "0",
            "128.50",
            "00000000000000000000000000000000",
            "-5",
            "-0.5",
            "1.0000000000000000000000000000000",
        ],
    );
    refuses(
        ParamKind::Number,
        Reason::ParamMalformed,
        &[
            "--1", "-", "－1", "1-", "1,000", "1.", ".5", "1.2.3", "１", "一",
        ],
    );
    refuses(
        ParamKind::Number,
        Reason::ParamTooLong,
        &["000000000000000000000000000000000"],
    );
    accepts(ParamKind::Letter, &["abcXYZ"]);
    refuses(
        ParamKind::Letter,
        Reason::ParamMalformed,
        &["a1", "a b", "é", "字"],
    );
    accepts(ParamKind::Symbol, &["!?", "★", "，"]);
    refuses(
        ParamKind::Symbol,
        Reason::ParamMalformed,
        &["a", "1", "字", "! !"],
    );
    accepts(ParamKind::CharacterString, &["SO2026-1122#1", "a b", "￥1"]);
    refuses(
        ParamKind::CharacterString,
        Reason::ParamMalformed,
        &["SO单1", "かな"],
    );
    accepts(
        ParamKind::PhoneNumber,
        &[
            "+86-0766-66888866",
            "138****5678",
            "(010) 1234",
            "（010）—1234",
        ],
    );
    refuses(
        ParamKind::PhoneNumber,
        Reason::ParamMalformed,
        &["请致电", "12a", "１２"],
    );
    refuses(
        ParamKind::PhoneNumber,
        Reason::ParamTooLong,
        &["+86-0766-668888661"],
    );
    accepts(ParamKind::CarNumber, &["粤A8Z888挂", "A1"]);
    refuses(
        ParamKind::CarNumber,
        Reason::ParamMalformed,
        &["A粤1", "粤A-1"],
    );
    accepts(ParamKind::Phrase, &["已完成", "配送中"]);
    refuses(
        ParamKind::Phrase,
        Reason::ParamMalformed,
        &["已完成!", "a", "3天"],
    );
    refuses(ParamKind::Phrase, Reason::ParamTooLong, &["正在为您配送"]);
}

#[test]
fn a_name_with_han_in_it_has_half_the_room() {
    accepts(
        ParamKind::Name,
        &["古丽娜尔·买买提明", "Maximilian Schneider"],
    );
    refuses(
        ParamKind::Name,
        Reason::ParamTooLong,
        &[
            "一二三四五六七八九十一",
            "Maximilian 张三",
            "Maximilian Schneiders",
        ],
    );
}

#[test]
fn amounts() {
    accepts(
        ParamKind::Amount,
        &[
            "￥128.50",
            "¥1",
            "$0.99",
            "128.5元",
            "￥100元",
            "12345678.90",
            "₡100",
            "100",
        ],
    );
    refuses(
        ParamKind::Amount,
        Reason::ParamMalformed,
        &["￥1,280", "100万元", "-1", "￥￥1", "￥", "1￥", "free"],
    );
    refuses(ParamKind::Amount, Reason::ParamTooLong, &["￥123456789.01"]);
}

#[test]
fn times_and_dates() {
    accepts(
        ParamKind::Time,
        &[
            "15:01",
            "5:01:30",
            "2019年10月1日 15:01",
            "2019年10月1日15:01",
            "15:01~16:00",
            "10-01 15:01",
            "24:00",
            "22:00~24:00",
            "2026年8月15日",
            "2026年8月15日~2027年4月30日",
            "2026-08-15~2027-04-30",
        ],
    );
    refuses(
        ParamKind::Time,
        Reason::ParamMalformed,
        &[
            "24:01",
            "25:00",
            "15:1",
            "15:60",
            "2026年8月15日～2027年4月30日",
            "2026年13月15日",
            "15:01～16:00",
            "15：01",
            "1:00~2:00~3:00",
            "下午",
        ],
    );
    accepts(
        ParamKind::Date,
        &[
            "2019年10月1日",
            "2019年10月",
            "10月1日",
            "2018-01-01",
            "2018/01/01",
            "2018.1.1",
            "2018-01",
            "01-01",
        ],
    );
    accepts(
        ParamKind::Date,
        &[
            "2019年10月1日 15:01",
            "2019年10月1日~2019年10月3日",
            "2019年10月1日 15:01~16:00",
        ],
    );
    refuses(
        ParamKind::Date,
        Reason::ParamMalformed,
        &[
            "15:01",
            "2019年13月1日",
            "2019-10-32",
            "2019年10月1日~16:00",
            "10月",
            "2018-01/01",
            "~",
        ],
    );
}

#[test]
fn what_nobody_has_seen_refused_is_doubted_and_passes() {
    let doubted = [
        (ParamKind::Time, "2026年8月15日", "a time of day"),
        (
            ParamKind::Time,
            "2026年8月15日~2027年4月30日",
            "a time of day",
        ),
        (ParamKind::Time, "22:00~24:00", "24:00"),
        (ParamKind::Date, "2026年8月15日 24:00", "24:00"),
        (ParamKind::Number, "-5", "below zero"),
        (ParamKind::Amount, "100元", "currency symbol"),
        (ParamKind::PhoneNumber, "（010）1234", "`（`"),
    ];
    for (kind, value, expected) in doubted {
        accepts(kind, &[value]);
        let doubt = kind.doubt(value).unwrap_or_default();
        assert!(doubt.contains(expected), "{kind:?} {value}: {doubt:?}");
    }
    for (kind, value) in [
        (ParamKind::Time, "2026年8月15日 08:00~23:59"),
        (ParamKind::Date, "2026年8月15日~2027年4月30日"),
        (ParamKind::Number, "5.5"),
        (ParamKind::Amount, "￥100元"),
        (ParamKind::PhoneNumber, "(010) 1234"),
        (ParamKind::Thing, "（010）"),
    ] {
        accepts(kind, &[value]);
        assert_eq!(kind.doubt(value), None, "{kind:?} {value}");
    }
}

#[test]
fn every_control_character_becomes_one_space() {
    assert_eq!(normalise(" a\r\nb\tc\u{2028}d \n"), "a  b c d");
    assert_eq!(normalise("\u{3000}拿铁\u{0}"), "拿铁");
}

#[test]
fn cutting_keeps_the_suffix_and_whole_graphemes() {
    assert_eq!(ParamKind::Thing.trim("拿铁", " 等2件"), "拿铁 等2件");
    let cut_text = ParamKind::Thing.trim("一二三四五六七八九十一二三四五六七八九十", " 等2件");
    assert_eq!(cut_text, "一二三四五六七八九十一二三四五六 等2件");
    // A family is one grapheme of eleven units: either all of it stays or none.
    assert_eq!(cut("ab👨‍👩‍👧‍👦", "", 12), "ab");
    assert_eq!(cut("ab👨‍👩‍👧‍👦", "", 13), "ab👨‍👩‍👧‍👦");
    assert_eq!(cut("abc def", "", 4), "abc");
    assert_eq!(cut("abc", "12345", 3), "123");
    assert_eq!(
        ParamKind::Name.trim("Maximilian Schneider", "先生"),
        "Maximili先生"
    );
    assert_eq!(ParamKind::Amount.trim("￥1", ""), "￥1");
}

const TRIMMABLE: [ParamKind; 6] = [
    ParamKind::Thing,
    ParamKind::Letter,
    ParamKind::Symbol,
    ParamKind::CharacterString,
    ParamKind::Name,
    ParamKind::Phrase,
];

proptest! {
    #[test]
    fn what_was_cut_is_never_too_long(text in "\\PC{0,60}", suffix in "\\PC{0,8}", kind in proptest::sample::select(TRIMMABLE.to_vec())) {
        let trimmed = kind.trim(&normalise(&text), &suffix);
        prop_assert!(length(&trimmed) <= kind.limit().unwrap());
        prop_assert_ne!(verdict(kind, &trimmed), Some(Reason::ParamTooLong));
    }

    #[test]
    fn any_text_can_be_checked(text in "[0-9年月日:~./ ￥元-]{0,24}|\\PC{0,40}") {
        for (_, kind) in PREFIXES {
            let value = normalise(&text);
            prop_assert_eq!(normalise(&value), value.clone());
            if let Err(violation) = kind.check(&value) {
                prop_assert!(value.chars().count() < 8 || !violation.detail.contains(&value));
            }
        }
    }
}
