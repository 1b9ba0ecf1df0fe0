//! The calendar that the service goes by: it follows the system's, but for jumps.
//!
//! Ages and ends are told by the calendar: when a message is too old, when a claim is in doubt, when an entry is forgotten. A calendar that
//! jumps by five days for a few seconds must not end and forget everything. So the system's calendar is held against a clock that only
//! counts what passes: as long as both agree, the system's is followed. When they do not, the calendar goes on as before, as much as time
//! passes, until the system's is back, or has kept its new time for so long that it is believed.

use std::time::Duration;

use serde::Serialize;

/// The system's calendar, and how much time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Time since the process began, on a clock that never jumps, and that goes on while the machine sleeps if there is such a clock.
    pub passed: Duration,
    /// What the system says, in Unix milliseconds.
    pub system_ms: i64,
}

/// A calendar without jumps.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    /// When the system was last followed.
    followed: Reading,
    jump: Option<Jump>,
    n_breaks: u64,
}

/// What the system says now, and is not followed in.
#[derive(Clone, Copy, Debug)]
struct Jump {
    by_ms: i64,
    /// Since when it says so.
    since: Duration,
}

/// What was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The system's calendar has jumped, by so much. It is not followed.
    Jumped {
        /// Milliseconds; negative is back in time.
        by_ms: i64,
    },
    /// The system's calendar is back.
    Back,
    /// The system's calendar has kept its new time for long enough, and is followed from now on.
    Believed {
        /// Milliseconds that our calendar moves by.
        by_ms: i64,
    },
}

/// The calendar, as people see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CalendarStatus {
    /// Whether the system is followed.
    pub state: CalendarState,
    /// By how much the system is ahead of the calendar in force, in milliseconds.
    pub system_ahead_ms: i64,
    /// How often the system was seen to jump, to come back, or to stay where it had jumped to, since the process began.
    pub breaks: u64,
}

/// Whether the system is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CalendarState {
    /// It is.
    #[default]
    Following,
    /// It has jumped: the calendar goes on by itself.
    Jumped,
}

/// Differences up to this are followed at once: NTP corrects by less, and what is decided by the calendar bears it.
const FOLLOWED_MS: u64 = 2_000;

/// A calendar that has kept its new time for so long is believed. A jump that is a mistake is mended within seconds; one that is none, such
/// as the first word of NTP after a start, makes little difference for so long.
pub const BELIEVED_AFTER: Duration = Duration::from_mins(5);

impl Calendar {
    /// What the system says at the start is all that there is to go by.
    pub fn new(first: Reading) -> Self {
        Self {
            followed: first,
            jump: None,
            n_breaks: 0,
        }
    }

    /// The time that is in force, in Unix milliseconds, and what there is to say about it.
    pub fn read(&mut self, reading: Reading) -> (i64, Option<News>) {
        let steady_ms = self.steady_ms(reading.passed);
        let by_ms = reading.system_ms.saturating_sub(steady_ms);
        let agrees = by_ms.unsigned_abs() <= FOLLOWED_MS;
        let news = match &mut self.jump {
            None if agrees => None,
            None => {
                self.jump = Some(Jump {
                    by_ms,
                    since: reading.passed,
                });
                self.n_breaks += 1;
                return (steady_ms, Some(News::Jumped { by_ms }));
            }
            Some(_) if agrees => {
                self.jump = None;
                self.n_breaks += 1;
                Some(News::Back)
            }
            Some(jump) if jump.by_ms.abs_diff(by_ms) > FOLLOWED_MS => {
                *jump = Jump {
                    by_ms,
                    since: reading.passed,
                };
                self.n_breaks += 1;
                return (steady_ms, None);
            }
            Some(jump) if reading.passed.saturating_sub(jump.since) < BELIEVED_AFTER => {
                return (steady_ms, None);
            }
            Some(_) => {
                self.jump = None;
                self.n_breaks += 1;
                Some(News::Believed { by_ms })
            }
        };
        self.followed = reading;
        (reading.system_ms, news)
    }

    fn steady_ms(&self, passed: Duration) -> i64 {
        let since = passed.saturating_sub(self.followed.passed);
        let since_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        self.followed.system_ms.saturating_add(since_ms)
    }

    /// For people.
    pub fn status(&self) -> CalendarStatus {
        CalendarStatus {
            state: match self.jump {
                None => CalendarState::Following,
                Some(_) => CalendarState::Jumped,
            },
            system_ahead_ms: self.jump.map_or(0, |jump| jump.by_ms),
            breaks: self.n_breaks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START_MS: i64 = 1_790_000_000_000;
    const FIVE_DAYS_MS: i64 = 5 * 24 * 3_600_000;

    /// A calendar, and a system that is ahead of the truth.
    struct Bench {
        calendar: Calendar,
        passed_ms: u64,
        ahead_ms: i64,
    }

    impl Bench {
        fn new() -> Self {
            let first = Reading {
                passed: Duration::ZERO,
                system_ms: START_MS,
            };
            Self {
                calendar: Calendar::new(first),
                passed_ms: 0,
                ahead_ms: 0,
            }
        }

        /// By how much the calendar in force is ahead of the truth after so many seconds, and the news.
        fn after(&mut self, seconds: u64) -> (i64, Option<News>) {
            self.passed_ms += seconds * 1_000;
            let truth_ms = START_MS + i64::try_from(self.passed_ms).unwrap();
            let (now_ms, news) = self.calendar.read(Reading {
                passed: Duration::from_millis(self.passed_ms),
                system_ms: truth_ms + self.ahead_ms,
            });
            (now_ms - truth_ms, news)
        }
    }

    #[test]
    fn a_jump_for_some_seconds_changes_nothing() {
        for by_ms in [FIVE_DAYS_MS, -FIVE_DAYS_MS, 3_000, -3_000] {
            let mut bench = Bench::new();
            assert_eq!(bench.after(60), (0, None));
            bench.ahead_ms = by_ms;
            assert_eq!(bench.after(1), (0, Some(News::Jumped { by_ms })));
            assert_eq!(bench.calendar.status().state, CalendarState::Jumped);
            assert_eq!(bench.calendar.status().system_ahead_ms, by_ms);
            assert_eq!(bench.after(10), (0, None));
            bench.ahead_ms = 0;
            assert_eq!(bench.after(1), (0, Some(News::Back)));
            assert_eq!(bench.calendar.status().state, CalendarState::Following);
        }
    }

    #[test]
    fn what_ntp_corrects_is_followed() {
        let mut bench = Bench::new();
        for ahead_ms in [1, -500, 900, 2_000, 3_500, 1_600] {
            bench.ahead_ms = ahead_ms;
            assert_eq!(bench.after(1), (ahead_ms, None));
        }
    }

    #[test]
    fn a_new_time_that_stays_is_believed() {
        let mut bench = Bench::new();
        bench.ahead_ms = FIVE_DAYS_MS;
        let by_ms = FIVE_DAYS_MS;
        assert_eq!(bench.after(1), (0, Some(News::Jumped { by_ms })));
        assert_eq!(bench.after(299), (0, None));
        assert_eq!(bench.after(1), (by_ms, Some(News::Believed { by_ms })));
        assert_eq!(bench.after(1), (by_ms, None));
        assert_eq!(bench.calendar.status().breaks, 2);
    }

    #[test]
    fn another_jump_begins_to_count_anew() {
        let mut bench = Bench::new();
        bench.ahead_ms = FIVE_DAYS_MS;
        bench.after(1);
        assert_eq!(bench.after(299), (0, None));
        bench.ahead_ms = 2 * FIVE_DAYS_MS;
        assert_eq!(bench.after(1), (0, None));
        assert_eq!(bench.after(299), (0, None));
        let by_ms = 2 * FIVE_DAYS_MS;
        assert_eq!(bench.after(1), (by_ms, Some(News::Believed { by_ms })));
    }

    #[test]
    fn a_machine_that_slept_is_late_and_has_not_jumped() {
        let mut bench = Bench::new();
        assert_eq!(bench.after(3_600), (0, None));
    }

    proptest! {
        /// Whatever the system says, the calendar in force moves as much as time passes, but for what is followed and what was believed.
        #[test]
        fn it_never_jumps_unsaid(steps in prop::collection::vec((0..400_u64, -5_i64..5), 1..60)) {
            let mut bench = Bench::new();
            let mut before = 0;
            for (seconds, jump) in steps {
                if jump != 0 {
                    bench.ahead_ms = jump * 86_400_000;
                }
                let (ahead, news) = bench.after(seconds);
                let moved = (ahead - before).unsigned_abs();
                let was_believed = matches!(news, Some(News::Believed { .. }));
                prop_assert!(moved <= FOLLOWED_MS || was_believed, "{moved} {news:?}");
                before = ahead;
            }
        }
    }
}
