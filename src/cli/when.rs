//! Points in time on the command line.

use wx_courier_core::document::parse_duration;

/// A point in time, as it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Unix milliseconds.
    At(i64),
    /// Milliseconds before now.
    Ago(i64),
}

impl When {
    /// Reads `2026-11-22T16:30:00+08:00` or `2h`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(ago) = parse_duration(text) {
            let ago_ms = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
            return Ok(Self::Ago(ago_ms));
        }
        let moment: Result<jiff::Timestamp, _> = text.parse();
        moment
            .map(|moment| Self::At(moment.as_millisecond()))
            .map_err(|_| {
                "expected a time like 2026-11-22T16:30:00+08:00, or how long ago: 30m, 2h, 3d"
                    .to_owned()
            })
    }

    /// In Unix milliseconds, where times ago are counted from this one.
    pub(super) fn unix_ms(self, now_ms: i64) -> i64 {
        match self {
            Self::At(unix_ms) => unix_ms,
            Self::Ago(ago_ms) => now_ms.saturating_sub(ago_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_points_or_lengths() {
        assert_eq!(When::parse("2h"), Ok(When::Ago(7_200_000)));
        assert_eq!(When::parse("2h").unwrap().unix_ms(10_000_000), 2_800_000);
        let at = When::parse("2026-11-22T16:30:00+08:00");
        assert_eq!(at, Ok(When::At(1_795_336_200_000)));
        for wrong in ["yesterday", "2026-11-22", "2", "-2h"] {
            assert!(When::parse(wrong).is_err(), "{wrong}");
        }
    }
}
