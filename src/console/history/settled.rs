//! Where an outcome stands in the order of the history.

use jiff::Timestamp;

use wx_courier_core::model::outcome::Outcome;

/// Nothing was settled before 2015: subscribe messages are younger.
const EARLIEST_MS: i64 = 1_420_070_400_000;

/// How far the clocks of instances may be ahead of the console's.
const AHEAD_MS: i64 = 5 * 60 * 1_000;

/// When an outcome was settled. Clocks may be wrong: a time that cannot be is not believed, and Kafka's stands for it, or else the present.
pub(super) fn settled_ms(outcome: &Outcome, timestamp_ms: Option<i64>, now_ms: i64) -> i64 {
    let now_ms = now_ms.max(EARLIEST_MS);
    let can_be = |ms: &i64| (EARLIEST_MS..=now_ms + AHEAD_MS).contains(ms);
    let settled = outcome.settled_at.parse::<Timestamp>().ok();
    let settled = settled.map(|time| time.as_millisecond());
    settled
        .filter(can_be)
        .or(timestamp_ms.filter(can_be))
        .unwrap_or(now_ms)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use wx_courier_core::model::rfc3339_ms;

    const NOW_MS: i64 = 1_796_000_000_000;

    #[test]
    fn a_time_that_cannot_be_gives_way_to_that_of_kafka_and_then_to_the_present() {
        let of = |settled_at: &str, timestamp| {
            let mut outcome = sample::outcome(1);
            settled_at.clone_into(&mut outcome.settled_at);
            settled_ms(&outcome, timestamp, NOW_MS)
        };
        let before = NOW_MS - 86_400_000;
        assert_eq!(of(&rfc3339_ms(before), Some(NOW_MS)), before);
        assert_eq!(
            of(&rfc3339_ms(NOW_MS + 60_000), Some(before)),
            NOW_MS + 60_000
        );
        for wrong in [
            "",
            "yesterday",
            "1970-01-01T00:00:00.000Z",
            "2099-01-01T00:00:00.000Z",
            "-009999-01-01T00:00:00Z",
        ] {
            assert_eq!(of(wrong, Some(before)), before, "{wrong}");
            assert_eq!(of(wrong, Some(i64::MAX)), NOW_MS, "{wrong}");
            assert_eq!(of(wrong, None), NOW_MS, "{wrong}");
        }
    }
}
