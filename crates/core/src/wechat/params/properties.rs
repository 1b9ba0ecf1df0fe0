//! Every type against the table that `WeChat` publishes (subscribe/send, parameter table), written down here once more: values that the
//! table allows have to pass, and values that miss it by one step have to fail.

use proptest::prelude::*;
use proptest::strategy::{BoxedStrategy, Union};
use proptest::string::string_regex;

use super::*;

/// Values of a pattern.
fn like(pattern: &str) -> BoxedStrategy<String> {
    string_regex(pattern).unwrap().boxed()
}

fn any_of(strategies: impl IntoIterator<Item = BoxedStrategy<String>>) -> BoxedStrategy<String> {
    Union::new(strategies).boxed()
}

/// A conforming value with one character too much somewhere in it.
fn with(values: &str, strangers: &str) -> BoxedStrategy<String> {
    let at = any::<prop::sample::Index>();
    let put = |(value, stranger, at): (String, String, prop::sample::Index)| {
        let mut characters: Vec<char> = value.chars().collect();
        let at = at.index(characters.len() + 1);
        characters.splice(at..at, stranger.chars());
        characters.into_iter().collect()
    };
    (like(values), like(strangers), at).prop_map(put).boxed()
}

/// Two values with something between them.
fn joined(
    left: BoxedStrategy<String>,
    mark: &'static str,
    right: BoxedStrategy<String>,
) -> BoxedStrategy<String> {
    (left, right)
        .prop_map(move |(left, right)| format!("{left}{mark}{right}"))
        .boxed()
}

const CLOCK: &str = "([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?";
const HAN_DAY: &str = "[12][0-9]{3}年(1[0-2]|[1-9])月([12][0-9]|3[01]|[1-9])日";
const DAY: &str = "([12][0-9]{3}年(1[0-2]|0?[1-9])月([12][0-9]|3[01]|0?[1-9])日|[12][0-9]{3}年(1[0-2]|[1-9])月|(1[0-2]|[1-9])月([12][0-9]|3[01]|[1-9])日|[12][0-9]{3}-(1[0-2]|0[1-9])-([12][0-9]|3[01]|0[1-9])|[12][0-9]{3}/(1[0-2]|0[1-9])/([12][0-9]|3[01]|0[1-9])|[12][0-9]{3}\\.(1[0-2]|0[1-9])\\.([12][0-9]|3[01]|0[1-9])|[12][0-9]{3}-(1[0-2]|0[1-9])|(1[0-2]|0[1-9])-([12][0-9]|3[01]|0[1-9]))";

fn conforming(kind: ParamKind) -> BoxedStrategy<String> {
    match kind {
        ParamKind::Thing => like("[一-龥0-9A-Za-z，。！#*·-]{1,20}"),
        ParamKind::Number => like("-?([0-9]{1,32}|[0-9]{1,16}\\.[0-9]{1,16})"),
        ParamKind::Letter => like("[A-Za-z]{1,32}"),
        ParamKind::Symbol => like("[!#*★，。~@&%+=-]{1,5}"),
        ParamKind::CharacterString => like("[0-9A-Za-z#_./:+*!-]{1,32}"),
        ParamKind::Time => any_of([
            like(CLOCK),
            like(&format!("{HAN_DAY} {CLOCK}")),
            joined(like(CLOCK), "~", like(CLOCK)),
            like(HAN_DAY),
            joined(like(HAN_DAY), "~", like(HAN_DAY)),
            joined(like(CLOCK), "~", like("24:00")),
            joined(
                like(&format!("{HAN_DAY} {CLOCK}")),
                "~",
                like(&format!("{HAN_DAY} {CLOCK}")),
            ),
        ]),
        ParamKind::Date => any_of([
            like(DAY),
            like(&format!("{HAN_DAY} {CLOCK}")),
            joined(like(DAY), "~", like(DAY)),
        ]),
        ParamKind::Amount => {
            like("[￥¥$€£][0-9]{1,10}元?|[￥$][0-9]{1,8}\\.[0-9]{1,2}元?|[0-9]{1,8}\\.[0-9]{2}元")
        }
        ParamKind::PhoneNumber => like("[0-9+*()（）＋-]{1,17}"),
        ParamKind::CarNumber => like("[京沪粤]?[A-Z0-9]{1,6}[挂学警]?"),
        ParamKind::Name => {
            like("[一-龥]{1,10}|[A-Za-z][A-Za-z·.'-]{0,19}|[一-龥]{1,5}[A-Za-z·]{0,5}")
        }
        ParamKind::Phrase => like("[一-龥]{1,5}"),
        // The list of an enum is the template's: `message` looks there.
        ParamKind::Enum | ParamKind::Const => like("[一-龥0-9A-Za-z]{1,40}"),
        ParamKind::ShortThing | ParamKind::Unlisted => like("[一-龥0-9A-Za-z，。！#*·-]{1,60}"),
    }
}

fn near_miss(kind: ParamKind) -> BoxedStrategy<String> {
    let own = match kind {
        ParamKind::Thing => vec![like("[一-龥0-9A-Za-z，。！#*]{21,40}")],
        ParamKind::Number => vec![
            with("[0-9]{1,20}", "[a-z一，,￥%:]"),
            with("[0-9]{1,20}-", "[0-9-]{0,3}"),
            like("[0-9]{33,40}"),
            like("[0-9]{1,5}\\.[0-9]{1,5}\\.[0-9]{1,5}"),
        ],
        ParamKind::Letter => vec![
            with("[A-Za-z]{1,20}", "[0-9一!， ]")
                .prop_filter("ends are cut", |value| value.trim() == value)
                .boxed(),
            like("[A-Za-z]{33,40}"),
        ],
        ParamKind::Symbol => vec![
            with("[!#*★]{1,4}", "[a-z0-9一-龥]"),
            like("[!#*★，。]{6,9}"),
        ],
        ParamKind::CharacterString => vec![
            with("[0-9A-Za-z#-]{1,20}", "[一-龥]"),
            like("[0-9A-Za-z#-]{33,40}"),
        ],
        ParamKind::Time => vec![
            like("(24:0[1-9]|2[5-9]:[0-5][0-9]|[3-9][0-9]:[0-5][0-9])"),
            like("[01][0-9]:[6-9][0-9]"),
            joined(like(CLOCK), "～", like(CLOCK)),
            joined(like(HAN_DAY), "～", like(HAN_DAY)),
            joined(like(CLOCK), "~", joined(like(CLOCK), "~", like(CLOCK))),
            with(CLOCK, "[一-龥a-z]"),
            joined(like("[12][0-9]{3}年1[3-9]月[1-9]日"), " ", like(CLOCK)),
        ],
        ParamKind::Date => vec![
            like("[12][0-9]{3}(年1[3-9]月[1-9]日|-1[3-9]-01|/1[3-9]/01)"),
            like("[12][0-9]{3}(年[1-9]月(3[2-9]|[4-9][0-9])日|-0[1-9]-(3[2-9]|[4-9][0-9]))"),
            like(CLOCK),
            joined(like(DAY), "～", like(DAY)),
            with(DAY, "[上下晚a-z]"),
            like(&format!("{HAN_DAY} (2[5-9]|[3-9][0-9]):[0-5][0-9]")),
        ],
        ParamKind::Amount => vec![
            like("￥[0-9]{1,3},[0-9]{3}"),
            like("￥?[0-9]{1,4}[万千百]元?"),
            like("[￥$¥]{2}[0-9]{1,5}"),
            like("￥[0-9]{11,15}"),
            like("￥[0-9]{9}\\.[0-9]{2}"),
            like("-￥?[0-9]{1,5}"),
            like("￥[0-9]{1,3}\\.[0-9]{1,2}\\.[0-9]{1,2}"),
            with("[0-9]{2,6}", "[a-z一]"),
        ],
        ParamKind::PhoneNumber => vec![
            with("[0-9+-]{1,15}", "[a-zA-Z一-龥]"),
            like("[0-9-]{18,24}"),
        ],
        ParamKind::CarNumber => vec![
            like("[粤京]?[A-Z0-9]{1,2}[一-龥][A-Z0-9]{1,3}"),
            with("[A-Z0-9]{1,6}", "[!*·-]"),
            like("[粤京][A-Z0-9]{8,10}"),
        ],
        ParamKind::Name => vec![
            like("[一-龥]{11,20}"),
            like("[A-Za-z]{21,30}"),
            with("[A-Za-z]{10,18}", "[一-龥]"),
        ],
        ParamKind::Phrase => vec![
            with("[一-龥]{1,4}", "[0-9a-zA-Z!，。 ]")
                .prop_filter("ends are cut", |value| value.trim() == value)
                .boxed(),
            like("[一-龥]{6,9}"),
        ],
        ParamKind::Enum | ParamKind::Const | ParamKind::ShortThing | ParamKind::Unlisted => {
            Vec::new()
        }
    };
    any_of(own.into_iter().chain([like("[ \u{3000}\n\t]{0,3}")]))
}

/// A value of every type: a type that is added has to be added above.
fn of_every_type(
    values: fn(ParamKind) -> BoxedStrategy<String>,
) -> impl Strategy<Value = (ParamKind, String)> {
    let listed = PREFIXES.iter().map(|(_, kind)| *kind);
    let kinds: Vec<_> = listed.chain([ParamKind::Unlisted]).collect();
    let with_value = move |kind| (Just(kind), values(kind));
    prop::sample::select(kinds).prop_flat_map(with_value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn what_the_table_allows_passes((kind, value) in of_every_type(conforming)) {
        let found = kind.check(&normalise(&value));
        prop_assert!(found.is_ok(), "{kind:?} refuses {value:?}: {found:?}");
    }

    #[test]
    fn what_misses_it_by_a_step_fails((kind, value) in of_every_type(near_miss)) {
        prop_assert!(kind.check(&normalise(&value)).is_err(), "{kind:?} takes {value:?}");
    }
}
