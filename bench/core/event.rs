//! The event of every bench: an order of two items, as structured `CloudEvents`.

use std::sync::Arc;

use wx_courier_core::event::{Decoded, Decoding, Event, decode};
use wx_courier_core::model::Record;

/// 2026-11-23, in Unix milliseconds.
pub(crate) const NOW_MS: i64 = 1_795_400_000_000;

/// The record at this offset, for a user of its own.
pub(crate) fn record(offset: i64) -> Record {
    let value = format!(
        r#"{{"specversion":"1.0","id":"e-{offset}","source":"/shop","type":"order.completed","time":"2026-11-23T10:00:00.123+08:00","data":{{"openid":"oBench{offset:09}","order_no":"SO{offset:09}","amount_fen":12850,"items":[{{"name":"拿铁"}},{{"name":"可颂"}}]}}}}"#
    );
    Record {
        topic: Arc::from("order-events"),
        partition: 0,
        offset,
        key: Some(b"k".to_vec()),
        headers: vec![(
            "content-type".to_owned(),
            Some(b"application/cloudevents+json".to_vec()),
        )],
        value: Some(value.into_bytes()),
        timestamp_ms: Some(NOW_MS),
    }
}

/// A record of a MiB, of this type: the same order with as many items as fit.
pub(crate) fn large(kind: &str) -> Record {
    const MIB: usize = 1024 * 1024;
    let mut value = format!(
        r#"{{"specversion":"1.0","id":"e-0","source":"/shop","type":"{kind}","time":"2026-11-23T10:00:00.123+08:00","data":{{"openid":"oBench000000000","order_no":"SO000000000","amount_fen":12850,"items":[{{"name":"拿铁"}}"#
    );
    while value.len() < MIB - 100 {
        value.push_str(r#",{"sku":"S1","count":1,"price":12.5}"#);
    }
    value.push_str("]}}");
    Record {
        value: Some(value.into_bytes()),
        ..record(0)
    }
}

/// The event in it.
pub(crate) fn decoded(offset: i64) -> Event {
    of(decode(
        &Decoding::default(),
        &Arc::new(record(offset)),
        NOW_MS,
    ))
}

/// What was decoded.
pub(crate) fn of(decoded: Decoded) -> Event {
    match decoded {
        Decoded::Event(event) => *event,
        Decoded::Tombstone | Decoded::Undecodable(_) => panic!("the event of the bench is sound"),
    }
}
