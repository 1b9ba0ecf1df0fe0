//! The events of the bench, by number, and what is read back of them.

use std::time::{SystemTime, UNIX_EPOCH};

/// Partitions of every topic.
pub(crate) const PARTITIONS: usize = 12;

/// Unix time in milliseconds, as the broker tells it too: there is one clock on this machine.
pub(crate) fn now_ms() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("it is after 1970").as_secs_f64() * 1_000.0
}

/// The user of an event. Every event has one of its own, because a user gets one message at a time.
pub(crate) fn openid(n: usize) -> String {
    format!("oBench{n:09}")
}

/// An order as plain JSON, which happened now.
pub(crate) fn order(n: usize) -> String {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8)));
    let time = now.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z");
    format!(
        r#"{{"id":"e-{n:09}","type":"order.completed","time":"{time}","data":{{"openid":"{}","order_no":"SO{n:09}","amount_fen":12850,"items":[{{"name":"拿铁"}},{{"name":"可颂"}}]}}}}"#,
        openid(n)
    )
}

/// The events of another rule. Nothing of them is counted, so their ids have no number.
pub(crate) const NEIGHBOUR: &str = "order.reviewed";

pub(crate) fn order_of_neighbour(n: usize) -> String {
    let id = format!("\"id\":\"e-{n:09}\"");
    let own: String = format!("{n:09}")
        .bytes()
        .map(|digit| char::from(digit - b'0' + b'a'))
        .collect();
    order(n)
        .replace(&id, &format!("\"id\":\"neighbour-{own}\""))
        .replace("order.completed", NEIGHBOUR)
        .replace("oBench", "oNeighbour")
}

/// The events of a rule that looks at all of them and wants none.
pub(crate) const LARGE: &str = "order.archived";

/// Nearly as large as brokers take records with their default settings: an order of some twenty thousand lines.
pub(crate) fn large_order(n: usize) -> String {
    let line = r#"{"sku":"A-1001","name":"拿铁","qty":1},"#;
    let lines = line.repeat(900_000 / line.len());
    let items = format!(r#""lines":[{}],"items""#, lines.trim_end_matches(','));
    order_of_neighbour(n)
        .replace(NEIGHBOUR, LARGE)
        .replace(r#""items""#, &items)
}

/// Where an event lies: its topics are filled in turn, partition by partition, and by no other program. So a committed offset says which
/// events are done.
pub(crate) fn partition(n: usize) -> usize {
    n % PARTITIONS
}

/// The number at the end of an event's id or of an openid.
pub(crate) fn number_in(text: &str) -> Option<usize> {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.parse().ok()
}

/// A text of a JSON object, by its key, without reading the rest: millions of outcomes are looked at beside the measured work.
pub(crate) fn text_of<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    let (_, after) = json.split_once(key)?;
    let after = after.strip_prefix('"')?.trim_start();
    let text = after.strip_prefix(':')?.trim_start().strip_prefix('"')?;
    text.split_once('"').map(|(text, _)| text)
}
