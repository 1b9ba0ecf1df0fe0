//! What a world's engines wanted, as one number: a change of how the core is built leaves it as it was, a change of what it does does not.
//!
//! Effects are written down here by hand, in words of their own, so that other names in the core make no other digest.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use wx_courier_core::flow::Effect;
use wx_courier_core::grants::{self, Need, Query, Without};
use wx_courier_core::model::Ticket;
use wx_courier_core::model::outcome::{Identity, Outcome};
use wx_courier_core::schedule::admission::Cleared;
use wx_courier_core::schedule::pauses::Change;
use wx_courier_core::state::{Claim, OnUnreadable, Request, Settlement};
use wx_courier_core::wechat::logins::{Keep, Recall};
use wx_courier_core::wechat::receipts::{Done, Join, Receipts};

/// The digest of one world.
pub(crate) type WorldDigest = [u8; 32];

/// What is kept of the effects.
pub(super) enum Digest {
    /// Nothing.
    Off,
    /// A hash of them all.
    Taken { hash: Sha256, text: String },
}

impl Digest {
    pub(super) fn taken() -> Self {
        Self::Taken {
            hash: Sha256::new(),
            text: String::new(),
        }
    }

    /// What one member wants after one round, in order.
    pub(super) fn add(&mut self, now_ms: u64, member: usize, effects: &[Effect]) {
        let Self::Taken { hash, text } = self else {
            return;
        };
        text.clear();
        for effect in effects {
            put(text, format_args!("{now_ms} {member} "));
            effect_in(text, effect);
            text.push('\n');
        }
        hash.update(text.as_bytes());
    }

    pub(super) fn finished(self) -> Option<WorldDigest> {
        match self {
            Self::Off => None,
            Self::Taken { hash, .. } => Some(hash.finalize().into()),
        }
    }
}

/// One digest of many worlds, in the order of their seeds.
pub(crate) fn of_all<'a>(worlds: impl IntoIterator<Item = &'a WorldDigest>) -> String {
    let mut hash = Sha256::new();
    for world in worlds {
        hash.update(world);
    }
    let all: WorldDigest = hash.finalize().into();
    let mut text = String::new();
    for byte in all {
        put(&mut text, format_args!("{byte:02x}"));
    }
    text
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).unwrap();
}

fn effect_in(text: &mut String, effect: &Effect) {
    match effect {
        Effect::CompareTemplate { app, template_id } => {
            put(text, format_args!("compare {app} {template_id}"));
        }
        Effect::Hold(hold) => put(text, format_args!("hold {hold:?}")),
        Effect::AskStore { ticket, request } => {
            put(text, format_args!("ask {} ", ticket.0));
            request_in(text, request);
        }
        Effect::ReadAgain {
            ticket,
            partition,
            offset,
        } => put(
            text,
            format_args!("read again {} {partition} {offset}", ticket.0),
        ),
        Effect::ForgetReads { tickets } => {
            put(text, format_args!("forget reads {tickets:?}"));
        }
        Effect::Exchange { ticket, app, code } => put(
            text,
            format_args!("exchange {} {app} {}", ticket.0, code.expose()),
        ),
        Effect::AskQuota { app, api } => put(text, format_args!("quota {app} {}", api.as_str())),
        Effect::PauseChanged(change) => pause_in(text, change),
        Effect::Send { ticket, cleared } => send_in(text, *ticket, cleared),
        Effect::Publish {
            ticket,
            outcome,
            dead_letter,
        } => {
            put(text, format_args!("publish {} ", ticket.0));
            outcome_in(text, outcome);
            if let Some(record) = dead_letter {
                put(text, format_args!(" and {}", record.position()));
            }
        }
        Effect::Ended { outcome } => {
            text.push_str("settled ");
            outcome_in(text, outcome);
        }
        Effect::StoreOffset {
            partition,
            epoch,
            position,
        } => put(
            text,
            format_args!("commit {partition} {} {position}", epoch.0),
        ),
        Effect::InternalError { position, what } => {
            put(text, format_args!("fault {position} {what}"));
        }
        Effect::Unknown(unknown) => put(
            text,
            format_args!("unknown {} {}", unknown.kind.as_str(), unknown.name),
        ),
        Effect::Punished(told) => put(
            text,
            format_args!("punished {} {}", told.app, told.punishment.id),
        ),
        Effect::PauseReading => text.push_str("pause"),
        Effect::ResumeReading => text.push_str("resume"),
        Effect::ShareChanged(share) => put(
            text,
            format_args!("share {:?} of {}", share.mine(), share.n_all()),
        ),
        Effect::Release {
            handover,
            positions,
        } => {
            put(text, format_args!("release {}", handover.0));
            for (partition, position) in positions {
                put(text, format_args!(" {partition} {position}"));
            }
        }
        Effect::Drained { unfinished } => put(text, format_args!("drained {unfinished}")),
    }
}

fn send_in(text: &mut String, ticket: Ticket, cleared: &Cleared) {
    let (message, rule) = (cleared.message(), cleared.rule());
    put(
        text,
        format_args!(
            "send {} {} {} {} {} {}",
            ticket.0,
            cleared.holder(),
            rule.name,
            rule.version,
            message.message_id,
            message.recipient
        ),
    );
    for (name, value) in message.content.values() {
        put(text, format_args!(" {name}={value}"));
    }
}

fn request_in(text: &mut String, request: &Request) {
    match request {
        Request::Claim(claim) => claim_in(text, claim),
        Request::Release {
            message_id,
            holder,
            grant,
        } => {
            put(text, format_args!("release {message_id} {holder} "));
            key_in(text, grant.as_ref());
        }
        Request::Settle(settlement) => settlement_in(text, settlement),
        Request::Report(report) => put(
            text,
            format_args!(
                "report {} {} {}",
                report.mark(),
                report.at_ms,
                report.now_ms
            ),
        ),
        Request::Withdraw(withdrawal) => put(
            text,
            format_args!(
                "withdraw {} {} {} {}",
                withdrawal.app, withdrawal.openid, withdrawal.at_ms, withdrawal.now_ms
            ),
        ),
        Request::Balance(Query::Look { key, now_ms }) => {
            put(text, format_args!("look {key} {now_ms}"));
        }
        Request::Balance(Query::Set { key, left, now_ms }) => {
            put(text, format_args!("set {key} {left} {now_ms}"));
        }
        Request::Keep(Keep {
            name,
            openid,
            now_ms,
            until_ms,
        }) => put(
            text,
            format_args!("keep {} {openid} {now_ms} {until_ms}", name.key()),
        ),
        Request::Recall(Recall {
            name,
            message_id,
            now_ms,
        }) => put(
            text,
            format_args!(
                "recall {} {} {now_ms}",
                name.key(),
                message_id.as_deref().unwrap_or("-")
            ),
        ),
        Request::Join(Join { key, now_ms }) => put(text, format_args!("join {key} {now_ms}")),
        Request::Done(Done { key, now_ms }) => put(text, format_args!("done {key} {now_ms}")),
        Request::Holds(ask) => put(text, format_args!("holds {ask:?}")),
        Request::Propose(_) => text.push_str("propose"),
        Request::Note(note) => put(text, format_args!("note {note:?}")),
        Request::Look(_) => text.push_str("look"),
    }
}

fn claim_in(text: &mut String, claim: &Claim) {
    let Claim {
        message_id,
        outcome_id,
        record,
        holder,
        takes_over: over,
        grant,
        on_unreadable: unreadable,
        since_ms,
        now_ms,
    } = claim;
    put(
        text,
        format_args!("claim {message_id} {outcome_id} {holder} {since_ms} {now_ms} "),
    );
    text.push_str(record.as_ref().map_or("of none ", Identity::as_text));
    match over {
        Some(over) => put(text, format_args!("over {over} ")),
        None => text.push_str("over none "),
    }
    key_in(text, grant.as_ref().map(|wish| &wish.key));
    match grant.as_ref().map(|wish| &wish.need) {
        Some(Need::Grant(Without::Send)) => text.push_str("else send "),
        Some(Need::Grant(Without::Skip)) => text.push_str("else skip "),
        Some(Need::Turn(turn)) => put(text, format_args!("turn {turn:?} ")),
        None => {}
    }
    unreadable_in(text, *unreadable);
}

fn settlement_in(text: &mut String, settlement: &Settlement) {
    let Settlement {
        outcome,
        holder,
        grant,
        receipts,
        refused_ms,
        on_unreadable: unreadable,
        now_ms,
    } = settlement;
    text.push_str("settle ");
    outcome_in(text, outcome);
    match holder {
        Some(holder) => put(text, format_args!(" {holder} ")),
        None => text.push_str(" unclaimed "),
    }
    key_in(text, grant.as_ref());
    text.push_str(match receipts {
        Receipts::None => "",
        Receipts::Expected => "with number ",
    });
    unreadable_in(text, *unreadable);
    put(
        text,
        format_args!("{} {now_ms}", refused_ms.unwrap_or_default()),
    );
}

fn key_in(text: &mut String, key: Option<&grants::Key>) {
    match key {
        Some(key) => put(text, format_args!("grant {key} ")),
        None => text.push_str("grant none "),
    }
}

fn unreadable_in(text: &mut String, unreadable: OnUnreadable) {
    text.push_str(match unreadable {
        OnUnreadable::Fail => "tell ",
        OnUnreadable::Overwrite => "replace ",
    });
}

/// As it is published: that form is a promise, and has its own version.
fn outcome_in(text: &mut String, outcome: &Outcome) {
    text.push_str(&serde_json::to_string(outcome).unwrap());
    if let Some(traceparent) = &outcome.traceparent {
        put(text, format_args!(" {traceparent}"));
    }
}

fn pause_in(text: &mut String, change: &Change) {
    let (word, pause) = match change {
        Change::Begun(pause) => ("paused", pause),
        Change::Ended(pause) => ("goes on", pause),
    };
    put(
        text,
        format_args!(
            "{word} {} {} {} {} {} {}",
            pause.subject,
            pause.cause.as_str(),
            pause.errcode.unwrap_or_default(),
            pause.since_ms,
            pause.ends_by(),
            pause.detail
        ),
    );
}
