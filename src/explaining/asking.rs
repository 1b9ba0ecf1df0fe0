//! What the state store knows, asked of the running instance or of the store itself.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::anyhow;

use super::report::{Kind, Source};
use crate::config::Settings;
use crate::edges::grants::Wanted;
use crate::edges::store_access::{Found, RulesNow, StoreAccess, Way};
use wx_courier_core::explanation::{
    Committed, Context, Facts, GrantTold, Heard, Inquiry, MessageAsked, Sought,
};
use wx_courier_core::grants::Named;
use wx_courier_core::replay::Place;
use wx_courier_core::rules::RuleSet;
use wx_courier_core::state::{Look, Looked, ReceiptSeen};

/// How the note begins that the store is not asked.
pub(super) const NOT_ASKED: &str = "the state store is not asked: ";

/// The store, or why it cannot be asked.
pub(super) struct Store {
    access: Option<StoreAccess>,
    what: String,
    /// What a person may want to know of it at once.
    note: Option<String>,
    /// How long a round of questions may take.
    patience: Option<Duration>,
    /// Why it is not asked.
    refusal: Option<String>,
    notes: Vec<String>,
}

/// What is answered within this time.
async fn within<T>(
    patience: Option<Duration>,
    answer: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let Some(patience) = patience else {
        return answer.await;
    };
    let in_time = tokio::time::timeout(patience, answer).await;
    in_time.unwrap_or_else(|_late| Err(anyhow!("it was not answered in time")))
}

/// What it has answered.
#[derive(Default)]
pub(super) struct Answers {
    looked: BTreeMap<String, Looked>,
    grants: BTreeMap<String, GrantTold>,
    now: RulesNow,
}

impl Answers {
    pub(super) fn facts<'a>(&'a self, heard: &'a Heard, committed: Committed) -> Facts<'a> {
        Facts {
            heard,
            looked: &self.looked,
            grants: &self.grants,
            now: &self.now,
            committed,
        }
    }
}

impl Store {
    /// Looks for it. Where it cannot be asked, the topics tell what they know.
    pub(super) async fn open(settings: &Settings, way: &Way, patience: Option<Duration>) -> Self {
        let mut store = Self {
            access: None,
            what: "the state store".to_owned(),
            note: None,
            patience,
            refusal: None,
            notes: Vec::new(),
        };
        let opened = match within(patience, Found::look(settings, way)).await {
            Ok(found) => {
                store.note = found.note().map(str::to_owned);
                found.open(settings)
            }
            Err(error) => Err(error),
        };
        match opened {
            Ok(access) => {
                store.what = access.in_words();
                store.access = Some(access);
            }
            Err(error) => store.give_up(&error),
        }
        store
    }

    /// What a person may want to know of it at once.
    pub(super) fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// What it knows under this very id, be it that of an outcome or of a message.
    pub(super) async fn look_for(&mut self, sought: &Sought, now_ms: i64) -> Vec<Looked> {
        let id = || Some(sought.as_id().into());
        let by_outcome = Look {
            outcome_id: id(),
            message_id: None,
            now_ms,
        };
        let by_message = Look {
            outcome_id: None,
            message_id: id(),
            now_ms,
        };
        let found = self.look(&[by_outcome, by_message]).await;
        let is_known = |looked: &Looked| *looked != Looked::default();
        found.into_iter().filter(is_known).collect()
    }

    /// What is told of it as something that was read.
    pub(super) fn source(&self, known: &[Looked]) -> Source {
        Source {
            what: self.what.clone(),
            kind: Kind::Store,
            since: None,
            read: known.len() as u64,
            why_not: self.refusal.clone(),
        }
    }

    /// What stands in the way of a whole answer.
    pub(super) fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    pub(super) async fn close(self) -> anyhow::Result<()> {
        match self.access {
            Some(access) => access.close().await,
            None => Ok(()),
        }
    }

    async fn look(&mut self, looks: &[Look]) -> Vec<Looked> {
        let Some(access) = &mut self.access else {
            return Vec::new();
        };
        match within(self.patience, access.look(looks)).await {
            Ok(found) => found,
            Err(error) => {
                self.give_up(&error);
                Vec::new()
            }
        }
    }

    /// Asks about every message of these records.
    pub(super) async fn answers(&mut self, context: Context<'_>, inquiries: &[Inquiry]) -> Answers {
        let messages: Vec<&MessageAsked> = inquiries.iter().flat_map(Inquiry::messages).collect();
        let looks = messages.iter().map(|asked| asked.look(context.now_ms));
        let found = self.look(&looks.collect::<Vec<Look>>()).await;
        let ids = messages.iter().map(|asked| asked.outcome_id.clone());
        let mut answers = Answers {
            looked: ids.zip(found).collect(),
            ..Answers::default()
        };
        if let Some(access) = &mut self.access {
            let now = access.rules_now(context.rules, context.now_ms);
            match within(self.patience, now).await {
                Ok(now) => answers.now = now,
                Err(error) => self
                    .notes
                    .push(format!("what is paused is not known: {error:#}")),
            }
        }
        if let Some(rules) = context.rules {
            answers.grants = self.grants(rules, &messages, context.now_ms).await;
        }
        answers
    }

    async fn grants(
        &mut self,
        rules: &RuleSet,
        messages: &[&MessageAsked],
        now_ms: i64,
    ) -> BTreeMap<String, GrantTold> {
        let mut grants = BTreeMap::new();
        for asked in messages {
            let (Some(access), Some(key)) = (&mut self.access, &asked.ledger) else {
                continue;
            };
            let named = Named::find(rules.catalog(), &key.app, &key.openid, &key.template_id);
            let Ok(named) = named else { continue };
            let wanted = [Wanted { named, left: None }];
            match within(self.patience, access.ask_grants(&wanted, now_ms)).await {
                Ok(lines) => {
                    let told = lines.into_iter().next().map(|line| GrantTold {
                        template: line.template,
                        granted: line.granted,
                        reserved: line.reserved,
                        used: line.used,
                        left: line.left,
                    });
                    grants.extend(told.map(|told| (asked.outcome_id.clone(), told)));
                }
                Err(error) => {
                    self.notes
                        .push(format!("the grants are not known: {error:#}"));
                    break;
                }
            }
        }
        grants
    }

    /// A store that does not answer once is not asked again: each question would wait as long.
    fn give_up(&mut self, error: &anyhow::Error) {
        self.refusal = Some(format!("{error:#}"));
        self.notes.push(format!("{NOT_ASKED}{error:#}"));
        self.access = None;
    }
}

/// Where the records lie that the id, or what the store knows under it, names.
pub(super) fn places(sought: &Sought, known: &[Looked], topics: &[String]) -> Vec<Place> {
    let of_outcomes = known.iter().filter_map(|looked| looked.outcome.row());
    let of_outcomes = of_outcomes.map(|outcome| Place {
        topic: outcome.topic.clone(),
        partition: outcome.partition,
        offset: outcome.offset,
    });
    let of_claims = known.iter().filter_map(|looked| looked.claim.row());
    let of_claims = of_claims.filter_map(|claim| Sought::place_in(&claim.outcome_id, topics));
    let of_id = Sought::place_in(sought.text(), topics);
    let mut places: Vec<Place> = of_outcomes.chain(of_claims).chain(of_id).collect();
    places.sort();
    places.dedup();
    places
}

/// Whether the store has said all that is to be said of the message: its outcome, and no receipt that the topic has.
pub(super) fn is_answered(known: &[Looked]) -> bool {
    let mut known = known.iter();
    known.any(|looked| looked.outcome.row().is_some() && looked.receipt != ReceiptSeen::Published)
}
