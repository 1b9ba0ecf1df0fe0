//! Notices that an API gives no answers at all: a gateway that is down, or a network.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::party::Party;
use crate::message::Api;

/// So many calls in a row without an answer of `WeChat`'s are an outage. A few are the life of every network, and are tried again each by
/// itself; this many, with as many messages behind them, would use up the attempts of everything that comes along.
const IN_A_ROW: usize = 20;

/// Of calls that showed a message so many of one party count: what is in its messages may be why nothing comes back, and something in front
/// of `WeChat` that takes offence at them is no outage for others. It is what one message may try.
const OF_ONE_PARTY: usize = 5;

/// A call to which `WeChat` said nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Nothing of the message was shown to any server.
    BeforeMessage,
    /// A message of this party was shown.
    AfterMessage(Party),
}

/// Calls without an answer, by app and API, since the last one that had one.
#[derive(Default)]
pub struct Outages {
    unanswered: BTreeMap<(Arc<str>, Api), InARow>,
}

#[derive(Default)]
struct InARow {
    /// Those that count.
    n_calls: usize,
    /// Of them, by whose message they showed.
    by_party: BTreeMap<Party, usize>,
}

impl Outages {
    /// `WeChat` answered, whatever it said.
    pub fn answered(&mut self, app: &Arc<str>, api: Api) {
        if !self.unanswered.is_empty() {
            self.unanswered.remove(&(Arc::clone(app), api));
        }
    }

    /// Nothing that `WeChat` says came back. The answer is whether that is an outage.
    pub fn unanswered(&mut self, app: &Arc<str>, api: Api, silence: Silence) -> bool {
        let in_a_row = self.unanswered.entry((Arc::clone(app), api)).or_default();
        if in_a_row.n_calls < IN_A_ROW && in_a_row.counts(silence) {
            in_a_row.n_calls += 1;
        }
        in_a_row.n_calls >= IN_A_ROW
    }
}

impl InARow {
    fn counts(&mut self, silence: Silence) -> bool {
        match silence {
            Silence::BeforeMessage => true,
            Silence::AfterMessage(party) => {
                let of_party = self.by_party.entry(party).or_default();
                let counts = *of_party < OF_ONE_PARTY;
                *of_party += usize::from(counts);
                counts
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_row_without_any_answer_is_an_outage() {
        let (shop, club): (Arc<str>, Arc<str>) = (Arc::from("shop"), Arc::from("club"));
        let mut outages = Outages::default();
        let mut unanswered = |app, api| outages.unanswered(app, api, Silence::BeforeMessage);
        for _ in 1..IN_A_ROW {
            assert!(!unanswered(&shop, Api::Subscribe));
        }
        assert!(!unanswered(&shop, Api::Customer));
        assert!(!unanswered(&club, Api::Subscribe));
        outages.answered(&shop, Api::Subscribe);
        let mut unanswered = |app, api| outages.unanswered(app, api, Silence::BeforeMessage);
        for _ in 1..IN_A_ROW {
            assert!(!unanswered(&shop, Api::Subscribe));
        }
        assert!(unanswered(&shop, Api::Subscribe));
        assert!(unanswered(&shop, Api::Subscribe));
    }

    #[test]
    fn messages_of_one_party_are_no_outage() {
        let shop: Arc<str> = Arc::from("shop");
        let mut outages = Outages::default();
        let mut silent = |user: &str| {
            let silence = Silence::AfterMessage(Party::of(user, None));
            outages.unanswered(&shop, Api::Subscribe, silence)
        };
        for _ in 0..10 * IN_A_ROW {
            assert!(!silent("stranger"));
        }
        for n in OF_ONE_PARTY + 1..IN_A_ROW {
            assert!(!silent(&format!("o{n}")));
        }
        assert!(silent("one more"));
        assert!(silent("stranger"), "it is one for all parties");
    }
}
