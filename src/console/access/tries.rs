//! Tries to sign in, by the address that they come from: an address that fails waits, longer each time, and no other one does.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many may fail without a wait: people paste the wrong thing.
const FREE: u32 = 5;

/// The longest wait. A person who shares an address with one who guesses has a turn now and then.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// After so long without a failure nothing is held against an address.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(15);

/// So many of one address at once: one whose body comes slowly has a seat of the listener meanwhile.
const MOST_AT_ONCE: u32 = 4;

/// How many addresses are remembered: a megabyte.
const MOST_ADDRESSES: usize = 10_000;

/// Looking through all of them takes a while, in which no user signs in: an attack must not have that for each try.
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// The tries of every address.
#[derive(Default)]
pub(super) struct Tries(Mutex<Known>);

#[derive(Default)]
struct Known {
    tried: HashMap<IpAddr, Tried>,
    tidied: Option<Instant>,
}

struct Tried {
    failed: u32,
    at_once: u32,
    /// When the last one has failed.
    last: Instant,
    not_before: Instant,
}

impl Tried {
    fn can_be_forgotten(&self, now: Instant) -> bool {
        let is_old = now.saturating_duration_since(self.last) >= FORGOTTEN_AFTER;
        self.at_once == 0 && (is_old || self.failed == 0)
    }
}

impl Tries {
    /// Begins one, or says how long to wait.
    pub(super) fn begin(&self, address: IpAddr, now: Instant) -> Result<Try<'_>, Duration> {
        let mut known = self.known();
        known.make_room(address, now);
        let tried = known.tried.entry(address).or_insert(Tried {
            failed: 0,
            at_once: 0,
            last: now,
            not_before: now,
        });
        if now.saturating_duration_since(tried.last) >= FORGOTTEN_AFTER {
            tried.failed = 0;
        }
        let wait = tried.not_before.saturating_duration_since(now);
        if !wait.is_zero() {
            return Err(wait);
        }
        if tried.at_once >= MOST_AT_ONCE {
            return Err(Duration::from_secs(1));
        }
        tried.at_once += 1;
        Ok(Try {
            tries: self,
            address,
        })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn make_room(&mut self, address: IpAddr, now: Instant) {
        if self.tried.len() < MOST_ADDRESSES || self.tried.contains_key(&address) {
            return;
        }
        let is_tidy = |tidied: Instant| now.saturating_duration_since(tidied) < TIDY_EVERY;
        if !self.tidied.is_some_and(is_tidy) {
            self.tidied = Some(now);
            self.tried.retain(|_, tried| !tried.can_be_forgotten(now));
        }
        if self.tried.len() >= MOST_ADDRESSES {
            // So many at once are an attack from many addresses, against which this is no help: every address begins anew.
            tracing::warn!(
                remembered = MOST_ADDRESSES,
                "tries to sign in to the console fail from too many addresses to remember each"
            );
            self.tried.retain(|_, tried| tried.at_once > 0);
        }
    }
}

/// A try under way.
pub(super) struct Try<'a> {
    tries: &'a Tries,
    address: IpAddr,
}

impl Try<'_> {
    /// It has failed. Gives how many of this address have, in a row.
    pub(super) fn failed(self, now: Instant) -> u32 {
        let mut known = self.tries.known();
        let Some(tried) = known.tried.get_mut(&self.address) else {
            return 1;
        };
        tried.failed = tried.failed.saturating_add(1);
        tried.last = now;
        let doublings = tried.failed.checked_sub(FREE);
        tried.not_before = now + doublings.map_or(Duration::ZERO, wait_after);
        tried.failed
    }

    /// It has not: nothing is held against the address any more.
    pub(super) fn succeeded(self) {
        if let Some(tried) = self.tries.known().tried.get_mut(&self.address) {
            tried.failed = 0;
        }
    }
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        if let Some(tried) = self.tries.known().tried.get_mut(&self.address) {
            tried.at_once = tried.at_once.saturating_sub(1);
        }
    }
}

fn wait_after(doublings: u32) -> Duration {
    let seconds = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
    Duration::from_secs(seconds).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    /// Fails once, or gives the wait.
    fn fail(tries: &Tries, of: u32, now: Instant) -> Result<u32, u64> {
        let begun = tries.begin(address(of), now);
        begun
            .map(|it| it.failed(now))
            .map_err(|wait| wait.as_secs())
    }

    #[test]
    fn who_fails_waits_longer_each_time_and_nobody_else_does() {
        let tries = Tries::default();
        let mut now = Instant::now();
        for n in 1..=FREE {
            assert_eq!(fail(&tries, 1, now), Ok(n));
        }
        for wait in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            assert_eq!(fail(&tries, 1, now), Err(wait));
            now += Duration::from_secs(wait);
            assert!(fail(&tries, 1, now).is_ok());
        }
        assert!(tries.begin(address(2), now).is_ok());
        now += FORGOTTEN_AFTER;
        assert_eq!(fail(&tries, 1, now), Ok(1));
    }

    #[test]
    fn who_succeeds_has_failed_no_more() {
        let tries = Tries::default();
        let now = Instant::now();
        for _ in 1..FREE {
            assert!(fail(&tries, 1, now).is_ok());
        }
        tries.begin(address(1), now).unwrap().succeeded();
        assert_eq!(fail(&tries, 1, now), Ok(1));
    }

    #[test]
    fn few_tries_of_one_address_are_under_way_at_once() {
        let tries = Tries::default();
        let now = Instant::now();
        let mut under_way: Vec<_> = (0..MOST_AT_ONCE)
            .map(|_| tries.begin(address(1), now).unwrap())
            .collect();
        assert!(tries.begin(address(1), now).is_err());
        assert!(tries.begin(address(2), now).is_ok());
        drop(under_way.pop());
        assert!(tries.begin(address(1), now).is_ok());
    }

    #[test]
    fn tries_of_many_addresses_are_bounded_and_the_old_go_first() {
        let tries = Tries::default();
        let most = u32::try_from(MOST_ADDRESSES).unwrap();
        let now = Instant::now();
        let n_known = || tries.known().tried.len();
        for of in 0..most {
            assert_eq!(fail(&tries, of, now), Ok(1));
        }
        assert_eq!(n_known(), MOST_ADDRESSES);
        let later = now + FORGOTTEN_AFTER - Duration::from_secs(1);
        assert_eq!(fail(&tries, 7, later), Ok(2));
        let later = later + Duration::from_secs(2);
        assert_eq!(fail(&tries, most, later), Ok(1));
        // Seven has failed not long ago.
        assert_eq!(n_known(), 2);
        for of in 0..3 * most {
            assert!(fail(&tries, of, later).is_ok());
            assert!(n_known() <= MOST_ADDRESSES);
        }
    }
}
