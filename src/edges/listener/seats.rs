//! Which clients are connected: so many in all, so many of one address, and which one leaves when another one comes.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::Terms;
use crate::telemetry::NoSeat;

/// Whether connections of one address are limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PerAddress {
    /// Those of strangers. A client that comes from an address of the inside is a proxy of ours, which limits connections itself.
    Strangers,
    /// Those of no client: all come through proxies, or from inside.
    Unlimited,
}

/// How many connections one address may have. Users of a mobile network may share an address, so it is not few.
const MOST_OF_ADDRESS: usize = 100;

/// Nor is it more than this part of all seats.
const PART_OF_ADDRESS: usize = 4;

/// How long a connection that rests may take to leave, on a busy machine.
const LEAVE_WITHIN: Duration = Duration::from_millis(100);

/// The seats of a listener.
pub(super) struct Seats {
    most: usize,
    most_of_address: usize,
    terms: Terms,
    taken: Mutex<Taken>,
    /// A client has left.
    left: Notify,
}

#[derive(Default)]
struct Taken {
    number: usize,
    /// Those without a request under way, in the order in which they came to rest.
    resting: BTreeMap<u64, Arc<Notify>>,
    next_rest: u64,
    of_address: HashMap<IpAddr, usize>,
}

impl Seats {
    pub(super) fn new(most: usize, terms: Terms) -> Arc<Self> {
        let most_of_address = (most / PART_OF_ADDRESS).clamp(1, MOST_OF_ADDRESS);
        Arc::new(Self {
            most,
            most_of_address,
            terms,
            taken: Mutex::default(),
            left: Notify::new(),
        })
    }

    /// Comes back when no more connections are open than there are seats, or after a moment: a client that was asked to leave has a
    /// descriptor until then, and a crowd that comes at once must not take those of the reserve.
    pub(super) async fn are_kept(&self) {
        let all_kept = async {
            loop {
                let left = self.left.notified();
                if self.taken().number <= self.most {
                    return;
                }
                left.await;
            }
        };
        // One that was given a request at the same moment answers it first.
        let _in_time = tokio::time::timeout(LEAVE_WITHIN, all_kept).await.is_ok();
    }

    /// A seat for a new connection, if need be that of another one.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Result<Arc<Seat>, NoSeat> {
        let limited = self.limited(address);
        let mut taken = self.taken();
        let of_address = limited.and_then(|address| taken.of_address.get(&address));
        if of_address.is_some_and(|number| *number >= self.most_of_address) {
            drop(taken);
            return Err(self.refused(NoSeat::Address));
        }
        if taken.number >= self.most && !self.make_room(&mut taken) {
            drop(taken);
            return Err(self.refused(NoSeat::AllBusy));
        }
        taken.number += 1;
        if let Some(address) = limited {
            *taken.of_address.entry(address).or_default() += 1;
        }
        self.terms
            .metrics
            .connections(self.terms.name, taken.number);
        drop(taken);
        let seat = Seat {
            seats: Arc::clone(self),
            limited,
            leave: Arc::default(),
            rest: Mutex::default(),
        };
        seat.rests();
        Ok(Arc::new(seat))
    }

    /// The system has given no connection. One that rests may go for the next.
    pub(super) fn not_accepted(&self) {
        self.refused(NoSeat::NotAccepted);
        self.make_room(&mut self.taken());
    }

    /// Asks the connection to leave that has rested longest. Its seat counts until it has left.
    fn make_room(&self, taken: &mut Taken) -> bool {
        let Some((_, leave)) = taken.resting.pop_first() else {
            return false;
        };
        leave.notify_one();
        self.refused(NoSeat::MadeRoom);
        true
    }

    fn refused(&self, why: NoSeat) -> NoSeat {
        self.terms.metrics.connection_refused(self.terms.name, why);
        why
    }

    /// The address that is counted, if any is.
    fn limited(&self, address: IpAddr) -> Option<IpAddr> {
        let address = address.to_canonical();
        match self.terms.per_address {
            PerAddress::Strangers if !is_inside(address) => Some(household(address)),
            PerAddress::Strangers | PerAddress::Unlimited => None,
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection, until it is dropped.
pub(super) struct Seat {
    seats: Arc<Seats>,
    limited: Option<IpAddr>,
    leave: Arc<Notify>,
    /// Its number among those that rest.
    rest: Mutex<Option<u64>>,
}

impl Seat {
    /// No request is under way: the connection may be closed for another one.
    pub(super) fn rests(&self) {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        if rest.is_some() {
            return;
        }
        let mut taken = self.seats.taken();
        let number = taken.next_rest;
        taken.next_rest += 1;
        taken.resting.insert(number, Arc::clone(&self.leave));
        *rest = Some(number);
    }

    /// A request is under way.
    pub(super) fn works(&self) {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = rest.take() {
            self.seats.taken().resting.remove(&number);
        }
    }

    pub(super) fn is_at_work(&self) -> bool {
        let rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.is_none()
    }

    /// Comes back when another connection needs the seat.
    pub(super) async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.works();
        let mut taken = self.seats.taken();
        taken.number = taken.number.saturating_sub(1);
        if let Some(address) = self.limited
            && let Some(number) = taken.of_address.get_mut(&address)
        {
            *number = number.saturating_sub(1);
            if *number == 0 {
                taken.of_address.remove(&address);
            }
        }
        let terms = &self.seats.terms;
        terms.metrics.connections(terms.name, taken.number);
        drop(taken);
        self.seats.left.notify_one();
    }
}

/// Where our own proxies stand: no client comes from such an address through the internet. 100.64.0.0/10 (RFC 6598) is where balancers
/// of clouds have theirs.
pub(in crate::edges) fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            is_shared || address.is_private() || address.is_loopback() || address.is_link_local()
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

/// What is limited of an address: one household has a whole /64 of IPv6.
pub(crate) fn household(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{ListenerName, Metrics};

    fn seats(most: usize, per_address: PerAddress) -> Arc<Seats> {
        let terms = Terms {
            name: ListenerName::Public,
            per_address,
            metrics: Metrics::new().unwrap(),
        };
        Seats::new(most, terms)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn must_leave(seat: &Seat) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let leaves = tokio::time::timeout(Duration::ZERO, seat.asked_to_leave());
            leaves.await.is_ok()
        })
    }

    #[test]
    fn who_has_rested_longest_leaves_for_the_next() {
        let seats = seats(3, PerAddress::Unlimited);
        let take = || seats.take(address("203.0.113.7"));
        let (first, second, third) = (take().unwrap(), take().unwrap(), take().unwrap());
        first.works();
        first.rests();
        third.works();
        let fourth = take().unwrap();
        assert!(must_leave(&second) && !second.is_at_work());
        assert!(third.is_at_work());
        drop(second);
        let fifth = take().unwrap();
        assert!(must_leave(&first));
        drop(first);
        // All of them are at work.
        fourth.works();
        fifth.works();
        assert_eq!(take().err(), Some(NoSeat::AllBusy));
        drop(third);
        assert!(take().is_ok());
        drop((fourth, fifth));
        let taken = seats.taken();
        assert_eq!((taken.number, taken.resting.len()), (0, 0));
    }

    #[test]
    fn an_address_has_a_part_of_the_seats() {
        let seats = seats(8, PerAddress::Strangers);
        let take = |text: &str| seats.take(address(text));
        let first = take("2001:db8::1");
        let second = take("2001:db8::2");
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(take("2001:db8::3").err(), Some(NoSeat::Address));
        assert!(take("2001:db8:0:1::1").is_ok());
        drop(first);
        let third = take("2001:db8::3");
        assert!(third.is_ok());
        drop((second, third));
        assert!(seats.taken().of_address.is_empty());
    }

    #[test]
    fn only_strangers_are_counted() {
        for (per_address, text, is_counted) in [
            (PerAddress::Strangers, "203.0.113.7", true),
            (PerAddress::Strangers, "::ffff:203.0.113.7", true),
            (PerAddress::Strangers, "10.0.0.1", false),
            (PerAddress::Unlimited, "203.0.113.7", false),
        ] {
            let seats = seats(4, per_address);
            let _first = seats.take(address(text)).unwrap();
            assert_eq!(seats.take(address(text)).is_err(), is_counted, "{text}");
        }
    }

    #[test]
    fn one_household_is_one_address() {
        let household = |text: &str| household(address(text)).to_string();
        assert_eq!(household("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(household("203.0.113.7"), "203.0.113.7");
    }
}
