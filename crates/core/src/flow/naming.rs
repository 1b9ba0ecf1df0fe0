//! How an outcome names the user whom its message was for: as the settings say, and by a hash that tells users apart.
//!
//! The hash is made once for a message, where its outcome is made. A store that writes outcomes down leaves it out where the record tells the
//! user again: what is published once more takes it from there.

use std::sync::Arc;

use super::Engine;
use super::addressing::unsent;
use super::message::{Origin, PendingRecipient};
use crate::model::Moment;
use crate::model::outcome::{Outcome, Reason, RecipientHash, is_masked};
use crate::rules::Rule;

/// A user, as outcomes name one.
pub(super) struct Name {
    app: Arc<str>,
    shown: String,
    /// `None` while the key is not known.
    hash: Option<RecipientHash>,
}

impl Engine {
    /// How outcomes name the user of a message of this rule.
    pub(super) fn name(&self, rule: &Rule, openid: &str) -> Name {
        let hash = self.hasher.as_ref().map(|hasher| {
            let hash = hasher.hash(&rule.app, openid);
            if rule.is_by_code() {
                RecipientHash::Kept(hash)
            } else {
                RecipientHash::OfRecord(hash)
            }
        });
        Name {
            app: Arc::clone(&rule.app),
            shown: self.setup.recipient_style.show(openid),
            hash,
        }
    }

    /// The outcome of a message to a login code that was never sent; it names the user where the code was exchanged.
    pub(super) fn unsent_to(
        &self,
        now: Moment,
        origin: &Origin,
        (pending, openid): (&PendingRecipient, Option<&str>),
        end: Reason,
    ) -> Outcome {
        let mut outcome = unsent(now, origin, pending, end);
        if let Some(openid) = openid {
            self.name(&pending.rule, openid).put_in(&mut outcome);
        }
        outcome
    }
}

impl Name {
    /// The name that an outcome of ours has.
    pub(super) fn of(outcome: &Outcome) -> Option<Self> {
        Some(Self {
            app: outcome.app.clone()?,
            shown: outcome.recipient.clone()?,
            hash: outcome.recipient_hash.clone(),
        })
    }

    /// The same where a record that is read again does not come to a user any more, so that the store has to keep the hash.
    pub(super) fn kept(mut self) -> Self {
        self.hash = self.hash.map(RecipientHash::kept);
        self
    }

    /// Names the user in a new outcome.
    pub(super) fn put_in(self, outcome: &mut Outcome) {
        outcome.recipient = Some(self.shown);
        outcome.recipient_hash = self.hash;
    }

    /// Puts the hash into an outcome of the same record that was made before, unless that is of another user, or may be: the rule may have
    /// been another one, and several users have the same mask. The version is that of the rules by which this name was made.
    pub(super) fn put_again_in(self, outcome: &mut Arc<Outcome>, rules_version: &str) {
        let is_same = outcome.app.as_ref() == Some(&self.app)
            && outcome.recipient.as_ref() == Some(&self.shown)
            && (*outcome.rules_version == *rules_version || !is_masked(&self.shown));
        if outcome.recipient_hash.is_none() && self.hash.is_some() && is_same {
            Arc::make_mut(outcome).recipient_hash = self.hash;
        }
    }
}
