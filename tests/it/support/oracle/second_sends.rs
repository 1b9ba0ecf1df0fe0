//! Messages that were accepted more than once, and whether that could be helped. The module above says what counts as evidence.

use std::collections::BTreeSet;

use serde::Serialize;

use super::cases;
use super::{History, InDoubt, Incident, Message, Send, Verdict};

/// Why no process could know what had become of an earlier send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Explanation {
    /// The API gave no answer, or none that says anything.
    NotAnswered,
    /// The answer came when the service had given up waiting.
    AnsweredTooLate,
    /// The sender died before it could have settled the message.
    SenderGone,
    /// The sender was frozen before it could have settled the message.
    SenderFrozen,
    /// The later sender had been frozen between its claim and its call, and was taken for dead meanwhile.
    Thawed,
    /// The message has one record, which changed hands while the call was under way.
    UnderWay,
    /// The message has one record, which changed hands after the answer, but before it must have been settled.
    NotSettled,
}

/// Looks at every send of a message but the first.
pub(super) fn check(message: &Message<'_>, history: &History, verdict: &mut Verdict) {
    let Some(owed) = message.owed.first() else {
        return;
    };
    for pair in message.sends.windows(2) {
        let [earlier, later] = pair else {
            continue;
        };
        let why = explain(message, history, earlier, later);
        if why == Some(Explanation::SenderGone) {
            let after_ms = from_answer_to_death(history, earlier);
            verdict.longest_excuse_ms = verdict.longest_excuse_ms.max(after_ms);
        }
        let kinds = verdict.second_sends.entry(owed.rule.clone()).or_default();
        match why {
            Some(why) => *kinds.explained.entry(why).or_default() += 1,
            None => kinds.unexplained += 1,
        }
        if owed.in_doubt == InDoubt::Leave {
            verdict.sent_though_left.push(cases::tell(message, history));
        }
        if why.is_none() {
            verdict.unexplained.push(cases::tell(message, history));
        }
    }
}

fn explain(
    message: &Message<'_>,
    history: &History,
    earlier: &Send,
    later: &Send,
) -> Option<Explanation> {
    let bounds = history.bounds;
    let has_thawed = history.incidents.iter().any(|incident| {
        let Incident::Frozen {
            life,
            from_ms,
            until_ms,
        } = incident
        else {
            return false;
        };
        *life == later.life
            && earlier.life != later.life
            && earlier.at_ms >= from_ms - bounds.clocks_ms
            && later.at_ms >= until_ms - bounds.clocks_ms
            && later.at_ms <= until_ms + bounds.settle_ms
    });
    if has_thawed {
        return Some(Explanation::Thawed);
    }
    if was_settled_before(message, history, earlier, later) {
        return None;
    }
    let Some(answered_ms) = earlier.answered_at_ms else {
        return Some(Explanation::NotAnswered);
    };
    if answered_ms - earlier.at_ms >= bounds.api_timeout_ms - bounds.clocks_ms {
        return Some(Explanation::AnsweredTooLate);
    }
    let settled_ms = settled_at_the_latest(history, answered_ms);
    if let Some(why) = fate_of_sender(history, earlier, settled_ms)
        .filter(|(_, since_ms)| later.at_ms >= since_ms - bounds.clocks_ms)
    {
        return Some(why.0);
    }
    changed_hands(message, earlier, later, answered_ms, settled_ms)
}

/// An outcome that tells of the earlier send was on its topic before the later one.
fn was_settled_before(
    message: &Message<'_>,
    history: &History,
    earlier: &Send,
    later: &Send,
) -> bool {
    message.outcomes.iter().any(|outcome| {
        outcome.msgid.as_ref() == Some(&earlier.msgid)
            && outcome.at_ms + history.bounds.clocks_ms < later.at_ms
    })
}

/// When an answer must have reached the store, if the sender lived: a store that is away is waited for.
fn settled_at_the_latest(history: &History, answered_ms: i64) -> i64 {
    let settle_ms = history.bounds.settle_ms;
    let outages: BTreeSet<(i64, i64)> = history
        .incidents
        .iter()
        .filter_map(|incident| match incident {
            // The service asks a store that was away again after a pause, not at once.
            Incident::StoreDown { from_ms, until_ms } => {
                Some((*from_ms, *until_ms + history.bounds.reconnect_ms))
            }
            Incident::StoreSlow { from_ms, until_ms } => Some((*from_ms, *until_ms)),
            Incident::Gone { .. } | Incident::Frozen { .. } | Incident::BrokerDown { .. } => None,
        })
        .collect();
    let mut settled_ms = answered_ms + settle_ms;
    for (from_ms, over_ms) in outages {
        if from_ms <= settled_ms && over_ms >= answered_ms {
            settled_ms = settled_ms.max(over_ms + settle_ms);
        }
    }
    settled_ms
}

/// What happened to the sender before it must have settled the message, and when.
fn fate_of_sender(history: &History, send: &Send, settled_ms: i64) -> Option<(Explanation, i64)> {
    let earliest_ms = send.at_ms - history.bounds.clocks_ms;
    history
        .incidents
        .iter()
        .find_map(|incident| match incident {
            Incident::Gone { life, at_ms } => {
                let is_it = *life == send.life && (earliest_ms..=settled_ms).contains(at_ms);
                is_it.then_some((Explanation::SenderGone, *at_ms))
            }
            Incident::Frozen {
                life,
                from_ms,
                until_ms,
            } => {
                let is_it =
                    *life == send.life && *from_ms <= settled_ms && *until_ms >= earliest_ms;
                is_it.then_some((Explanation::SenderFrozen, *from_ms))
            }
            Incident::StoreDown { .. }
            | Incident::StoreSlow { .. }
            | Incident::BrokerDown { .. } => None,
        })
}

/// How long a sender lived on after its answer.
fn from_answer_to_death(history: &History, send: &Send) -> i64 {
    let answered_ms = send.answered_at_ms.unwrap_or(send.at_ms);
    let deaths = history
        .incidents
        .iter()
        .filter_map(|incident| match incident {
            Incident::Gone { life, at_ms } if *life == send.life => Some(at_ms - answered_ms),
            Incident::Gone { .. }
            | Incident::Frozen { .. }
            | Incident::StoreDown { .. }
            | Incident::StoreSlow { .. }
            | Incident::BrokerDown { .. } => None,
        });
    deaths.max().unwrap_or_default()
}

/// With one record, two senders mean that its partition has moved from one to the other. With several they may be two members that
/// each read one of the records: that excuses nothing.
fn changed_hands(
    message: &Message<'_>,
    earlier: &Send,
    later: &Send,
    answered_ms: i64,
    settled_ms: i64,
) -> Option<Explanation> {
    let outcomes: BTreeSet<&str> = message
        .owed
        .iter()
        .map(|owed| owed.outcome_id.as_str())
        .collect();
    if outcomes.len() > 1 || earlier.life == later.life {
        return None;
    }
    if later.at_ms <= answered_ms {
        return Some(Explanation::UnderWay);
    }
    (later.at_ms <= settled_ms).then_some(Explanation::NotSettled)
}
