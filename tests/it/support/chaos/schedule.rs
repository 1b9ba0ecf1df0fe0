//! Which trouble comes next, and when. The seed alone decides; which process a number means is decided when the trouble comes, among
//! those that are there then.

use std::time::Duration;

use wx_courier_sandbox::{Answer, Failures, Fate};

/// Which of those that are there.
pub(super) type Draw = usize;

/// One kind of trouble.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// A member is killed, and comes back after this time.
    KillMember(Draw, Duration),
    /// A member stops running for this time.
    FreezeMember(Draw, Duration),
    /// A member is asked to end, and comes back this long after it has.
    EndMember(Draw, Duration),
    /// A member more joins, or one that is away comes back at once.
    StartMember(Draw),
    /// A broker is killed, and is started again after this time.
    KillBroker(Draw, Duration),
    /// The store is killed, and is started again after this time.
    KillStore(Duration),
    /// A share of the sends fails for this time.
    BadAnswers(Failures, Duration),
    /// The API is slow for this time: each answer takes up to so many milliseconds.
    SlowAnswers(u64, Duration),
}

/// Trouble without end.
pub(super) struct Schedule {
    random: fastrand::Rng,
    session: Duration,
    api_timeout: Duration,
}

impl Schedule {
    /// `session` is the time after which the group takes a silent member for dead.
    pub(super) fn new(seed: u64, session: Duration, api_timeout: Duration) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            session,
            api_timeout,
        }
    }

    /// How long it is quiet, and what comes then.
    pub(super) fn next(&mut self) -> (Duration, Trouble) {
        let quiet = self.millis(100, 900);
        (quiet, self.trouble())
    }

    fn trouble(&mut self) -> Trouble {
        let who = self.random.usize(0..1_000_000);
        // A group that loses a member stands still until that member's session is over, so deaths come every few seconds and what
        // the members live through comes more often. Otherwise nothing would be under way when they die.
        match self.random.u32(0..100) {
            0..12 => Trouble::KillMember(who, self.millis(0, 2_500)),
            12..26 => Trouble::FreezeMember(who, self.millis(100, 1_500)),
            // Long enough for the group to give its partitions to another member: the frozen one wakes up and does not know.
            26..30 => Trouble::FreezeMember(who, self.session + self.millis(500, 3_000)),
            30..36 => Trouble::EndMember(who, self.millis(0, 1_500)),
            36..42 => Trouble::StartMember(who),
            42..45 => Trouble::KillBroker(who, self.millis(500, 5_000)),
            45..57 => Trouble::KillStore(self.millis(50, 2_000)),
            57..88 => Trouble::BadAnswers(self.failures(), self.millis(500, 4_000)),
            _ => {
                let longest = self.api_timeout.mul_f64(1.3).as_millis();
                let longest_ms = u64::try_from(longest).unwrap_or(u64::MAX);
                let slow_ms = self.random.u64(100..=longest_ms);
                Trouble::SlowAnswers(slow_ms, self.millis(300, 2_000))
            }
        }
    }

    /// Failures of every kind that leave the message in doubt, and of some that do not.
    fn failures(&mut self) -> Failures {
        let hang_ms = self.random.u64(50..1_500);
        let longer_than_the_service_waits = self.api_timeout + Duration::from_millis(500);
        let too_long_ms =
            u64::try_from(longer_than_the_service_waits.as_millis()).unwrap_or(u64::MAX);
        let gateway = |fate| Answer::Http {
            status: 502,
            body: "<html>502 Bad Gateway</html>".to_owned(),
            fate,
        };
        let answers = vec![
            Answer::Errcode {
                code: -1,
                message: None,
            },
            Answer::Hang {
                ms: hang_ms,
                fate: Fate::Accepted,
            },
            Answer::Hang {
                ms: too_long_ms,
                fate: Fate::Accepted,
            },
            Answer::Hang {
                ms: hang_ms,
                fate: Fate::Lost,
            },
            Answer::Drop {
                fate: Fate::Accepted,
            },
            Answer::Drop { fate: Fate::Lost },
            gateway(Fate::Accepted),
            gateway(Fate::Lost),
            Answer::Http {
                status: 503,
                body: String::new(),
                fate: Fate::Lost,
            },
            Answer::Delay { ms: hang_ms },
        ];
        Failures {
            ratio: self.random.f64() * 0.25,
            seed: self.random.u64(..),
            answers,
        }
    }

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.random.u64(from..=to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn troubles(seed: u64) -> Vec<String> {
        let (session, api_timeout) = (Duration::from_secs(3), Duration::from_secs(2));
        let mut schedule = Schedule::new(seed, session, api_timeout);
        let steps = (0..400).map(|_| format!("{:?}", schedule.next()));
        steps.collect()
    }

    #[test]
    fn a_seed_is_a_schedule_and_every_kind_of_trouble_comes() {
        assert_eq!(troubles(7), troubles(7));
        assert_ne!(troubles(7), troubles(8));
        let all = troubles(7).join("\n");
        let kinds = [
            "KillMember",
            "FreezeMember",
            "EndMember",
            "StartMember",
            "KillBroker",
            "KillStore",
            "BadAnswers",
            "SlowAnswers",
        ];
        for kind in kinds {
            assert!(all.contains(kind), "no {kind}");
        }
    }
}
