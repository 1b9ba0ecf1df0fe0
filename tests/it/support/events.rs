//! Events of the three rules of the sample configuration, each with a mark by which the sandbox's log knows it again.

use serde_json::{Value, json};

/// An event and what shall come of it.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Its id.
    pub(crate) id: String,
    /// Its type.
    pub(crate) kind: &'static str,
    /// Its payload.
    pub(crate) data: Value,
    /// The user.
    pub(crate) openid: String,
    /// The rule that wants it.
    pub(crate) rule: &'static str,
    /// What is sent once.
    pub(crate) message_id: String,
    /// A value that no other event's message has: see [`mark_of`].
    pub(crate) mark: String,
}

/// The source of every event here.
pub(crate) const SOURCE: &str = "/tests";

/// The trace of an event that belongs to one.
pub(crate) const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A user for every event.
pub(crate) fn user(n: usize) -> String {
    format!("oUser{n:06}_M2pxb1Q9zNjWe")
}

/// An order, for the rule `order-completed`.
pub(crate) fn order(n: usize) -> Event {
    order_of(n, &user(n))
}

/// An order of a certain user.
pub(crate) fn order_of(n: usize, openid: &str) -> Event {
    let mark = format!("SO{n:06}");
    let items = json!([{ "name": "拿铁" }, { "name": "可颂" }]);
    let data = json!({ "openid": openid, "order_no": mark, "amount_fen": 100 + n, "items": items });
    event(
        n,
        ("order.completed", "order-completed"),
        openid,
        data,
        mark,
    )
}

/// A parcel, for the rule `shipment-arrived`; the rule takes the tracking number for what is sent once.
pub(crate) fn shipment(n: usize) -> Event {
    let (openid, mark) = (user(n), format!("P-{n:06}"));
    let tracking_no = format!("SF{n:010}");
    let data = json!({
        "tracking_no": tracking_no, "carrier": "SF", "goods": "手冲咖啡壶套装", "pickup_code": mark,
        "receiver": { "openid": openid }, "station": { "name": "菜鸟驿站", "phone": "0571 8888 6666" },
    });
    let mut made = event(
        n,
        ("shipment.arrived", "shipment-arrived"),
        &openid,
        data,
        mark,
    );
    made.message_id = format!("shipment-arrived|{SOURCE}|{tracking_no}");
    made
}

/// A class, for the rule `class-starting`.
pub(crate) fn class(n: usize) -> Event {
    let (openid, mark) = (user(n), format!("流瑜伽 {n:06}"));
    let data = json!({
        "title": mark, "starts_at": 1_795_336_200, "status": "booked", "seats": 1, "room": "A1",
        "teacher": { "name": "王芳" }, "student": { "openid": openid },
    });
    event(
        n,
        ("class.yoga.starting", "class-starting"),
        &openid,
        data,
        mark,
    )
}

/// Events of all three rules by turns.
pub(crate) fn mixed(numbers: impl Iterator<Item = usize>) -> Vec<Event> {
    let make = |n| match n % 3 {
        0 => order(n),
        1 => shipment(n),
        _ => class(n),
    };
    numbers.map(make).collect()
}

fn event(
    n: usize,
    (kind, rule): (&'static str, &'static str),
    openid: &str,
    data: Value,
    mark: String,
) -> Event {
    let id = format!("event-{n}");
    Event {
        message_id: format!("{rule}|{SOURCE}|{id}"),
        id,
        kind,
        data,
        openid: openid.to_owned(),
        rule,
        mark,
    }
}

impl Event {
    /// As a structured-mode `CloudEvent`.
    pub(crate) fn structured(&self) -> Vec<u8> {
        let event = json!({
            "specversion": "1.0", "id": self.id, "type": self.kind, "source": SOURCE, "data": self.data,
        });
        event.to_string().into_bytes()
    }

    /// The headers of a binary-mode `CloudEvent`, whose value is the payload alone.
    pub(crate) fn binary_headers(&self) -> [(&str, &str); 5] {
        [
            ("ce_specversion", "1.0"),
            ("ce_id", &self.id),
            ("ce_type", self.kind),
            ("ce_source", SOURCE),
            ("content-type", "application/json"),
        ]
    }
}

/// The mark in what the sandbox accepted: the order's number, the pick-up code or the class's title, as the template has it.
pub(crate) fn mark_of(accepted: &wx_courier_sandbox::Accepted) -> &str {
    let keys = ["character_string1", "character_string3", "thing1"];
    let mut values = keys.iter().filter_map(|key| accepted.data.get(*key));
    values.next().expect("a message of one of the three rules")
}
