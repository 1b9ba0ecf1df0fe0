//! The whole story of a message, for the developer who has to find out.

use super::{History, Incident, Message, Outcome, Send};

/// Incidents this close to a send or an outcome are told with them, in milliseconds.
const AROUND_MS: i64 = 8_000;

/// A message: what it owed, and everything that happened, in the order of time.
pub(super) fn tell(message: &Message<'_>, history: &History) -> String {
    let mut lines: Vec<(i64, String)> = Vec::new();
    for send in &message.sends {
        lines.push((send.at_ms, tell_send(send)));
    }
    for outcome in &message.outcomes {
        lines.push((outcome.at_ms, tell_outcome(outcome)));
    }
    let times: Vec<i64> = lines.iter().map(|(at_ms, _)| *at_ms).collect();
    let (first_ms, last_ms) = (times.iter().min().copied(), times.iter().max().copied());
    let (first_ms, last_ms) = (first_ms.unwrap_or_default(), last_ms.unwrap_or_default());
    let senders: Vec<&str> = message
        .sends
        .iter()
        .map(|send| send.life.as_str())
        .collect();
    for incident in &history.incidents {
        let (from_ms, until_ms, life, words) = tell_incident(incident);
        let is_near = until_ms >= first_ms - AROUND_MS && from_ms <= last_ms + AROUND_MS;
        if is_near && life.is_none_or(|life| senders.contains(&life)) {
            lines.push((from_ms, words));
        }
    }
    lines.sort();
    let records: Vec<&str> = message
        .owed
        .iter()
        .map(|owed| owed.outcome_id.as_str())
        .collect();
    let story = lines
        .into_iter()
        .map(|(at_ms, line)| format!("\n  {:>8} ms  {line}", at_ms - first_ms));
    let story: String = story.collect();
    format!("{} (owed by {}){story}", message.id, records.join(", "))
}

/// One accepted send.
pub(super) fn tell_send(send: &Send) -> String {
    let answered = match send.answered_at_ms {
        Some(answered_ms) => format!("answered after {} ms", answered_ms - send.at_ms),
        None => "never answered".to_owned(),
    };
    let Send { life, msgid, .. } = send;
    format!("accepted from {life}, msgid {msgid}, {answered}")
}

/// One outcome.
pub(super) fn tell_outcome(outcome: &Outcome) -> String {
    let Outcome {
        id,
        status,
        reason,
        msgid,
        duplicate_of,
        ..
    } = outcome;
    let msgid = msgid.as_ref().map(|msgid| format!(", msgid {msgid}"));
    let of = duplicate_of
        .as_ref()
        .map(|of| format!(", duplicate of {of}"));
    let (msgid, of) = (msgid.unwrap_or_default(), of.unwrap_or_default());
    format!("outcome {id}: {status}/{reason}{msgid}{of}")
}

/// From when to when, which process it met, and what it was.
fn tell_incident(incident: &Incident) -> (i64, i64, Option<&str>, String) {
    match incident {
        Incident::Gone { life, at_ms } => (*at_ms, *at_ms, Some(life), format!("{life} is gone")),
        Incident::Frozen {
            life,
            from_ms,
            until_ms,
        } => {
            let line = format!("{life} is frozen for {} ms", until_ms - from_ms);
            (*from_ms, *until_ms, Some(life), line)
        }
        Incident::StoreDown { from_ms, until_ms } => {
            let line = format!("the store is down for {} ms", until_ms - from_ms);
            (*from_ms, *until_ms, None, line)
        }
        Incident::StoreSlow { from_ms, until_ms } => {
            let line = format!("the store takes {} ms for a write", until_ms - from_ms);
            (*from_ms, *until_ms, None, line)
        }
        Incident::BrokerDown {
            number,
            from_ms,
            until_ms,
        } => {
            let line = format!("broker {number} is down for {} ms", until_ms - from_ms);
            (*from_ms, *until_ms, None, line)
        }
    }
}
