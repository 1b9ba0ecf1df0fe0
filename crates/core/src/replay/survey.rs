//! Hears what topics tell, remembers as little of it as it can, and judges.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::Word;
use super::candidate::{Candidate, Context, Digest, Ending, Past, Sight};
use super::found::{Groups, Verdict};
use super::verdict::{Count, Errand, Example, Form, Judged, Sending};
use super::{Place, Selection, original};
use crate::event::first_position;
use crate::model::Record;
use crate::state::counts_as_sent;
use crate::wechat::callback::is_receipt;

/// More messages are selected than can be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "more than {limit} messages are selected: narrow the selection, for example with --since and --until"
)]
pub struct Full {
    /// How many can be.
    pub limit: usize,
}

/// A message by its record and rule, so that all messages of a record lie together.
type Key = (Place, Option<Arc<str>>);

/// What was heard and seen so far. In this order: hear every letter or outcome, see what is unread, ask about the past, hear it, judge.
pub struct Survey<'a> {
    context: Context<'a>,
    selection: &'a Selection,
    sending: Sending,
    limit: usize,
    /// Names of topics and rules, each kept once.
    names: HashSet<Arc<str>>,
    candidates: BTreeMap<Key, Candidate>,
    past: HashMap<Digest, Past>,
    count: Count,
}

impl<'a> Survey<'a> {
    /// Nothing is heard yet. At most `limit` messages are remembered, half a kilobyte each.
    pub fn new(
        context: Context<'a>,
        selection: &'a Selection,
        sending: Sending,
        limit: usize,
    ) -> Self {
        Self {
            context,
            selection,
            sending,
            limit,
            names: HashSet::new(),
            candidates: BTreeMap::new(),
            past: HashMap::new(),
            count: Count::default(),
        }
    }

    /// Takes a record of the dead-letter topic; those of one partition in their order.
    pub fn hear_letter(&mut self, letter: Record) -> Result<(), Full> {
        let Some((key, mut candidate)) = self.candidate(Word::of_letter(&letter)) else {
            return Ok(());
        };
        let lies_at = Place {
            topic: self.keep(&letter.topic),
            partition: letter.partition,
            offset: letter.offset,
        };
        // A letter that left something out sends the reader to the source topic.
        if let Some(original) = original(letter) {
            candidate.letter = Some(lies_at);
            look(&self.context, &key, &mut candidate, original);
        }
        self.remember(key, candidate)
    }

    /// Takes a record of the outcome topic, where it is outcomes that are selected; those of one partition in their order.
    pub fn hear_outcome(&mut self, outcome: &Record) -> Result<(), Full> {
        // Receipts lie on the same topic, and end nothing.
        if is_receipt(outcome) {
            return Ok(());
        }
        match self.candidate(Word::of_outcome(outcome)) {
            Some((key, candidate)) => self.remember(key, candidate),
            None => Ok(()),
        }
    }

    /// The records that are to be read on their source topics, sorted. Each that is there is to be shown to [`Survey::see`]; the others
    /// are gone.
    pub fn unread(&self) -> Vec<Place> {
        let unread = self.candidates.iter().filter(|(_, candidate)| {
            let stays_sent =
                counts_as_sent(candidate.ending.status) && self.sending == Sending::Once;
            candidate.sight == Sight::Unread && !stays_sent
        });
        let mut places: Vec<Place> = unread.map(|((place, _), _)| place.clone()).collect();
        places.dedup();
        places
    }

    /// Takes a record of a source topic.
    pub fn see(&mut self, record: &Record) {
        let place = Place {
            topic: Arc::clone(&record.topic),
            partition: record.partition,
            offset: record.offset,
        };
        let from = (place.clone(), None);
        let of_record = self.candidates.range_mut(from..);
        for (key, candidate) in of_record.take_while(|((other, _), _)| *other == place) {
            if candidate.sight == Sight::Unread {
                look(&self.context, key, candidate, record.clone());
            }
        }
    }

    /// From here on [`Survey::hear_past`] knows what to listen for.
    pub fn ask_about_past(&mut self) {
        for candidate in self.candidates.values() {
            let past = self.past.entry(candidate.subject).or_default();
            past.hear(&candidate.ending);
            for message in &candidate.planned {
                self.past.entry(*message).or_default();
            }
        }
    }

    /// Takes a record of the outcome topic: what was sent, and what was tried since.
    pub fn hear_past(&mut self, outcome: &Record) {
        let Some(word) = Word::of_outcome(outcome) else {
            return;
        };
        let subject = Digest::of_message(&word.message_id);
        if let Some(past) = self.past.get_mut(&subject) {
            past.hear(&Ending::of(&word));
        }
    }

    /// Judges what was heard and seen.
    pub fn judge(mut self) -> Judged {
        let mut judged = Judged {
            count: std::mem::take(&mut self.count),
            ..Judged::default()
        };
        judged.count.selected = self.candidates.len() as u64;
        let mut errands: BTreeMap<(&Place, Sending), Errand> = BTreeMap::new();
        let mut found = Groups::default();
        for (key, candidate) in &self.candidates {
            let reason = candidate.ending.reason;
            let Some(sending) = self.verdict(&mut judged, key, candidate) else {
                found.add(key, reason, Verdict::Left);
                continue;
            };
            found.add(key, reason, Verdict::Replayed);
            judged.count.to_replay += 1;
            judged.count.again += u64::from(sending == Sending::Again);
            match errands.get_mut(&(&key.0, sending)) {
                Some(errand) => also_carry(errand, key, candidate),
                None => {
                    errands.insert((&key.0, sending), errand(key, candidate, sending));
                }
            }
        }
        judged.found = found.sorted();
        judged.errands = errands.into_values().collect();
        // Read in the order in which they lie, a partition is gone through once.
        judged
            .errands
            .sort_by(|left, right| left.read_at.cmp(&right.read_at));
        judged.count.records = judged.errands.len() as u64;
        judged
    }

    /// How the message is to be sent, or counts why it is not to be.
    fn verdict(&self, judged: &mut Judged, key: &Key, candidate: &Candidate) -> Option<Sending> {
        let sending = match (self.is_sent(candidate), self.sending) {
            (false, _) => Sending::Once,
            (true, Sending::Again) => Sending::Again,
            (true, Sending::Once) => {
                judged.count.already_sent += 1;
                return None;
            }
        };
        if self.went_on(candidate) {
            judged.count.tried_since += 1;
            return None;
        }
        let count = &mut judged.count;
        match &candidate.sight {
            Sight::Good => return Some(sending),
            Sight::Unread => count.original_gone += 1,
            Sight::NotWanted => count.not_wanted += 1,
            Sight::Expired => count.expired += 1,
            Sight::RuleGone => {
                count.rule_gone += 1;
                if let Some(rule) = &key.1 {
                    *judged.rules_gone.entry(Arc::clone(rule)).or_default() += 1;
                }
            }
            Sight::Invalid(detail) => {
                count.still_invalid += 1;
                judged.still_invalid.get_or_insert_with(|| Example {
                    record: key.0.to_string(),
                    rule: key.1.clone(),
                    detail: detail.to_string(),
                });
            }
        }
        None
    }

    /// The message itself, or, where the record reached no rule, all that it would become.
    fn is_sent(&self, candidate: &Candidate) -> bool {
        self.holds(candidate, |past| past.is_sent)
    }

    fn went_on(&self, candidate: &Candidate) -> bool {
        self.holds(candidate, |past| past.went_on(candidate))
    }

    fn holds(&self, candidate: &Candidate, is_so: impl Fn(&Past) -> bool) -> bool {
        let is_so = |subject: &Digest| self.past.get(subject).is_some_and(&is_so);
        let planned = &candidate.planned;
        is_so(&candidate.subject) || (!planned.is_empty() && planned.iter().all(is_so))
    }

    /// A candidate of this word, if it is selected. If not, an earlier word on the same message is not the last one any more.
    fn candidate(&mut self, word: Option<Word>) -> Option<(Key, Candidate)> {
        let Some(word) = word else {
            self.count.not_understood += 1;
            return None;
        };
        let is_ours = self
            .context
            .topics
            .iter()
            .any(|topic| *topic == *word.source.topic);
        let is_selected = self.selection.takes(&word);
        if is_selected && !is_ours {
            self.count.of_other_topics += 1;
        }
        let source = Place {
            topic: self.keep(&word.source.topic),
            ..word.source.clone()
        };
        let rule = word.rule.as_ref().map(|rule| self.keep(rule));
        let key = (source, rule);
        // Letters of records without a key lie in any partition, so an older word may be heard after a newer one.
        let known = self.candidates.get(&key);
        if known.is_some_and(|known| known.ending.settled_ms > word.settled_ms) {
            return None;
        }
        if !is_selected || !is_ours {
            self.candidates.remove(&key);
            return None;
        }
        let candidate = Candidate {
            ending: Ending::of(&word),
            subject: Digest::of_message(&word.message_id),
            letter: None,
            sight: Sight::Unread,
            planned: Box::default(),
        };
        Some((key, candidate))
    }

    fn remember(&mut self, key: Key, candidate: Candidate) -> Result<(), Full> {
        self.candidates.insert(key, candidate);
        if self.candidates.len() > self.limit {
            return Err(Full { limit: self.limit });
        }
        Ok(())
    }

    fn keep(&mut self, name: &Arc<str>) -> Arc<str> {
        if let Some(kept) = self.names.get(name) {
            return Arc::clone(kept);
        }
        self.names.insert(Arc::clone(name));
        Arc::clone(name)
    }
}

fn look(context: &Context<'_>, key: &Key, candidate: &mut Candidate, original: Record) {
    if key.1.is_none() {
        // Each replay of it has another position, and is the same record all the same.
        candidate.subject = Digest::of(&first_position(&original));
    }
    (candidate.sight, candidate.planned) = Sight::of(context, original, key.1.as_ref());
}

fn errand((source, rule): &Key, candidate: &Candidate, sending: Sending) -> Errand {
    let (read_at, form) = match &candidate.letter {
        Some(letter) => (letter.clone(), Form::Letter),
        None => (source.clone(), Form::Original),
    };
    Errand {
        of: source.clone(),
        read_at,
        form,
        rules: rule.iter().cloned().collect(),
        sending,
        messages: 1,
    }
}

/// Another message of the same record. One without a rule comes first, and stands for every rule already.
fn also_carry(errand: &mut Errand, (_, rule): &Key, candidate: &Candidate) {
    errand.messages += 1;
    if !errand.rules.is_empty() {
        errand.rules.extend(rule.clone());
    }
    if let Some(letter) = &candidate.letter {
        errand.read_at = letter.clone();
        errand.form = Form::Letter;
    }
}
