//! The calendar of the machine, which the service reads here and nowhere else, and the clock that it is held against.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use wx_courier_core::calendar::{BELIEVED_AFTER, Calendar, CalendarStatus, News, Reading};
use wx_courier_core::model::Moment;

/// The clocks of a process. Its clones are the same ones.
#[derive(Clone)]
pub struct Clock {
    began: Instant,
    /// What the clock showed that goes on while the machine sleeps.
    began_awake: Duration,
    calendar: Arc<Mutex<Calendar>>,
}

impl Clock {
    /// The clocks of a process that begins now.
    pub fn start() -> Self {
        let first = Reading {
            passed: Duration::ZERO,
            system_ms: system_ms(),
        };
        Self {
            began: Instant::now(),
            began_awake: with_sleep(),
            calendar: Arc::new(Mutex::new(Calendar::new(first))),
        }
    }

    /// When the process began.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// The present. What there is to say about the calendar goes to the log.
    pub fn now(&self) -> Moment {
        let elapsed = self.began.elapsed();
        let passed = elapsed.max(with_sleep().saturating_sub(self.began_awake));
        let mut calendar = self.calendar();
        // Read under the lock: of two readings the later one must not come first.
        let (unix_ms, news) = calendar.read(Reading {
            passed,
            system_ms: system_ms(),
        });
        drop(calendar);
        if let Some(news) = news {
            tell(news);
        }
        Moment { elapsed, unix_ms }
    }

    /// The calendar, in Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.now().unix_ms
    }

    /// How the calendar stands.
    pub fn status(&self) -> CalendarStatus {
        self.calendar().status()
    }

    fn calendar(&self) -> std::sync::MutexGuard<'_, Calendar> {
        self.calendar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(news: News) {
    match news {
        News::Jumped { by_ms } => tracing::error!(
            by_s = by_ms / 1_000,
            believed_after_s = BELIEVED_AFTER.as_secs(),
            "the calendar of this machine has jumped: it is not followed until it is back, or has stayed as it is for a while. Look at NTP"
        ),
        News::Back => tracing::warn!("the calendar of this machine is back: it is followed again"),
        News::Believed { by_ms } => tracing::warn!(
            by_s = by_ms / 1_000,
            "the calendar of this machine has stayed as it is: it is followed from now on"
        ),
    }
}

fn system_ms() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the calendar comes from"
    )]
    let unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(unix.as_millis()).unwrap_or(i64::MAX)
}

/// Time on the clock that does not stand still while the machine sleeps. Elsewhere a sleep looks like a jump.
fn with_sleep() -> Duration {
    #[cfg(target_os = "linux")]
    {
        use rustix::time::{ClockId, clock_gettime};
        Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
    }
    #[cfg(not(target_os = "linux"))]
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;
    use wx_courier_core::calendar::CalendarState;

    #[test]
    fn both_clocks_go_on() {
        let clock = Clock::start();
        let first = clock.now();
        let same = clock.clone();
        let mut later = same.now();
        while later.elapsed < first.elapsed + Duration::from_millis(20) {
            later = same.now();
        }
        assert!(later.unix_ms > first.unix_ms);
        assert_eq!(clock.status().state, CalendarState::Following);
    }
}
