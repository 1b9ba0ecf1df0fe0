//! Notices that an API gives no answers at all: a gateway that is down, or a network.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::pipeline::message::Api;

/// So many calls in a row without an answer of `WeChat`'s are an outage. A few are the life of every network, and are tried again each by
/// itself; this many, with as many messages behind them, would use up the attempts of everything that comes along.
const IN_A_ROW: usize = 20;

/// Calls without an answer, by app and API, since the last one that had one.
#[derive(Default)]
pub struct Outages {
    unanswered: BTreeMap<(Arc<str>, Api), usize>,
}

impl Outages {
    /// `WeChat` answered, whatever it said.
    pub fn answered(&mut self, app: &Arc<str>, api: Api) {
        if !self.unanswered.is_empty() {
            self.unanswered.remove(&(Arc::clone(app), api));
        }
    }

    /// Nothing that `WeChat` says came back. The answer is whether that is an outage.
    pub fn unanswered(&mut self, app: &Arc<str>, api: Api) -> bool {
        let in_a_row = self.unanswered.entry((Arc::clone(app), api)).or_default();
        *in_a_row = in_a_row.saturating_add(1);
        *in_a_row >= IN_A_ROW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_row_without_any_answer_is_an_outage() {
        let (shop, club): (Arc<str>, Arc<str>) = (Arc::from("shop"), Arc::from("club"));
        let mut outages = Outages::default();
        for _ in 1..IN_A_ROW {
            assert!(!outages.unanswered(&shop, Api::Subscribe));
        }
        assert!(!outages.unanswered(&shop, Api::Customer));
        assert!(!outages.unanswered(&club, Api::Subscribe));
        outages.answered(&shop, Api::Subscribe);
        for _ in 1..IN_A_ROW {
            assert!(!outages.unanswered(&shop, Api::Subscribe));
        }
        assert!(outages.unanswered(&shop, Api::Subscribe));
        assert!(outages.unanswered(&shop, Api::Subscribe));
    }
}
