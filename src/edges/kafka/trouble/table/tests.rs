//! The table, told and asked second by second.

use super::*;
use crate::edges::kafka::cause::Cause;

const MEMBER: Client = Client(1);
const PRODUCER: Client = Client(2);

fn at(s: u64) -> Moment {
    Moment {
        elapsed: Duration::from_secs(s),
        unix_ms: 1_000 * i64::try_from(s).unwrap(),
    }
}

fn broker() -> About {
    About::Broker {
        address: "b:9092".to_owned(),
    }
}

fn right() -> Deed {
    Deed::Read("events".to_owned())
}

fn why(cause: Cause) -> Why {
    Why {
        cause: Some(cause),
        said: cause.as_str().to_owned(),
    }
}

fn refused() -> Why {
    Why {
        cause: None,
        said: "no".to_owned(),
    }
}

fn hear(table: &mut Table, cause: Cause, s: u64) {
    table.hear(broker(), MEMBER, why(cause), at(s));
}

fn happenings(table: &mut Table, s: u64) -> Vec<Happening> {
    let news = table.news(Duration::from_secs(s));
    news.into_iter().map(|news| news.what).collect()
}

fn cause(table: &Table) -> Option<Cause> {
    table
        .troubles()
        .first()
        .and_then(|trouble| trouble.why.cause)
}

#[test]
fn a_trouble_is_said_when_it_begins_each_minute_and_when_it_is_over() {
    let mut table = Table::default();
    table.reached();
    for s in 1..=100 {
        hear(&mut table, Cause::Refused, s);
        let expected = match s {
            1 => vec![Happening::Began],
            61 => vec![Happening::GoesOn],
            _ => vec![],
        };
        assert_eq!(happenings(&mut table, s), expected, "{s}");
    }
    let lasting = table.troubles();
    assert_eq!(lasting.len(), 1);
    assert_eq!(lasting[0].failures, 100);
    assert_eq!(lasting[0].since, "1970-01-01T00:00:01.000Z");
    assert!(table.works(&broker()) && !table.works(&broker()));
    assert!(table.troubles().is_empty());
    assert_eq!(happenings(&mut table, 100), [Happening::IsOver]);
    assert_eq!(happenings(&mut table, 101), []);
    assert_eq!(happenings(&mut table, 111), []);
    assert!(table.is_quiet());
}

#[test]
fn one_that_comes_and_goes_is_not_said_each_time() {
    let mut table = Table::default();
    let mut n_said = 0;
    for tenth in 0..300 {
        let now = Moment {
            elapsed: Duration::from_millis(tenth * 100),
            unix_ms: 0,
        };
        table.hear(broker(), MEMBER, why(Cause::Refused), now);
        n_said += table.news(now.elapsed).len();
        table.works(&broker());
        n_said += table.news(now.elapsed).len();
    }
    // In thirty seconds: three times that it began, and three times that it was over.
    assert_eq!(n_said, 6);
}

#[test]
fn a_cause_that_says_more_is_news_and_one_that_says_less_is_none() {
    let mut table = Table::default();
    hear(&mut table, Cause::Refused, 1);
    assert_eq!(happenings(&mut table, 1), [Happening::Began]);
    hear(&mut table, Cause::Credentials, 12);
    assert_eq!(happenings(&mut table, 12), [Happening::Began]);
    // Each try goes to both addresses of the broker, and librdkafka tells what is the same twice a minute.
    for s in [30, 42, 58, 72] {
        hear(&mut table, Cause::Refused, s);
        assert_eq!(cause(&table), Some(Cause::Credentials), "{s}");
        hear(&mut table, Cause::Credentials, s + 2);
    }
    assert_eq!(happenings(&mut table, 75), [Happening::GoesOn]);
    // The password is right now, and the broker is down: the log knows that cause.
    for s in [90, 110, 120] {
        hear(&mut table, Cause::Refused, s);
    }
    assert_eq!(cause(&table), Some(Cause::Refused));
    assert_eq!(happenings(&mut table, 120), []);
    hear(&mut table, Cause::Other, 121);
    assert_eq!(cause(&table), Some(Cause::Refused));
}

#[test]
fn a_connection_that_was_closed_is_said_when_the_next_try_has_told_nothing() {
    let mut table = Table::default();
    hear(&mut table, Cause::Closed, 1);
    assert_eq!(happenings(&mut table, 1), []);
    hear(&mut table, Cause::Refused, 1);
    assert_eq!(happenings(&mut table, 1), [Happening::Began]);
    assert_eq!(cause(&table), Some(Cause::Refused));

    let mut table = Table::default();
    hear(&mut table, Cause::Closed, 1);
    assert_eq!(happenings(&mut table, 2), [Happening::Began]);
    // What says more is said at once.
    hear(&mut table, Cause::Refused, 2);
    assert_eq!(happenings(&mut table, 2), [Happening::Began]);
}

#[test]
fn a_broker_of_which_nothing_is_heard_is_not_in_our_way_and_a_right_stays_wanting() {
    let mut table = Table::default();
    hear(&mut table, Cause::Refused, 1);
    table.hear(About::Right(right()), MEMBER, refused(), at(1));
    assert_eq!(happenings(&mut table, 1), [Happening::Began; 2]);
    assert_eq!(happenings(&mut table, 61), [Happening::GoesOn; 2]);
    assert_eq!(happenings(&mut table, 91), [Happening::FellSilent]);
    assert_eq!(table.troubles().len(), 1);
    assert_eq!(happenings(&mut table, 121), [Happening::GoesOn]);
}

#[test]
fn what_one_client_has_met_is_not_ended_by_another_ones_connection() {
    let mut table = Table::default();
    hear(&mut table, Cause::Credentials, 1);
    table.hear(broker(), PRODUCER, why(Cause::Credentials), at(1));
    let up = || vec!["b:9092".to_owned()];
    table.up(MEMBER, up());
    assert_eq!(table.troubles().len(), 1);
    table.up(MEMBER, up());
    assert_eq!(table.troubles().len(), 1);
    table.gone(PRODUCER);
    assert_eq!(table.troubles(), []);
}

#[test]
fn a_single_connection_that_is_opened_again_cuts_nobody_off() {
    let mut table = Table::default();
    assert!(!table.is_reached(), "not yet");
    table.reached();
    table.cut_off();
    assert!(table.is_reached());
    hear(&mut table, Cause::Refused, 1);
    assert!(!table.is_reached());
    table.reached();
    assert!(table.is_reached(), "through another broker");
}

#[test]
fn connections_that_are_closed_in_use_are_said_once_a_minute() {
    let mut table = Table::default();
    let said = |table: &mut Table, s| (0..10).filter_map(|_| table.closed(at(s))).count();
    assert_eq!(said(&mut table, 1), 1);
    assert_eq!(said(&mut table, 59), 0);
    assert_eq!(said(&mut table, 62), 1);
}

#[test]
fn a_refusal_is_explained_or_said() {
    const CODE: Code = Code::TopicAuthorizationFailed;
    let mut table = Table::default();
    table.doubt(CODE);
    assert!(table.wants_examination());
    let doubt = table.take_doubt();
    // Another one comes meanwhile: it is not explained by what was found before.
    table.doubt(CODE);
    let allowed = [(right(), Found::Allowed)];
    assert_eq!(table.examined(&allowed, doubt, at(1)), Some(CODE));
    assert!(table.wants_examination());
    let doubt = table.take_doubt();
    let named = [(right(), Found::Refused("no".to_owned()))];
    assert_eq!(table.examined(&named, doubt, at(2)), None);
    assert_eq!(table.troubles().len(), 1);
    // It is tried until it is allowed.
    assert!(table.wants_examination());
    assert_eq!(table.examined(&named, None, at(3)), None);
    assert_eq!(table.troubles()[0].failures, 1, "trials of ours count not");
    assert_eq!(table.examined(&allowed, None, at(4)), None);
    assert!(!table.wants_examination());
}

#[test]
fn a_refusal_that_cannot_be_explained_is_let_go() {
    let mut table = Table::default();
    table.doubt(Code::TopicAuthorizationFailed);
    let unknown = [(right(), Found::NotKnown)];
    let mut n_examinations = 0;
    let said = loop {
        assert!(table.wants_examination());
        let doubt = table.take_doubt();
        n_examinations += 1;
        let said = table.examined(&unknown, doubt, at(n_examinations));
        if said.is_some() {
            break said;
        }
    };
    assert_eq!(said, Some(Code::TopicAuthorizationFailed));
    assert_eq!(n_examinations, u64::from(EXAMINATIONS));
    assert!(!table.wants_examination());
}

#[test]
fn there_is_an_end_to_names() {
    let mut table = Table::default();
    for number in 0..2 * MOST {
        let address = format!("b{number}:9092");
        let about = About::Broker { address };
        table.hear(about, MEMBER, why(Cause::Refused), at(1));
    }
    assert_eq!(table.troubles().len(), MOST);
}
