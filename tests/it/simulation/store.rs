//! The store of a world: one book that outlives every process, slow at times, away at times, and reached through a line that loses
//! answers.

use std::collections::VecDeque;
use std::sync::Arc;

use wx_courier_core::flow::Input;
use wx_courier_core::grants::{Counted, Reservation};
use wx_courier_core::model::Ticket;
use wx_courier_core::state::{Answer, ClaimAnswer, Reply, Request, SettlementAnswer};

use super::mutant::Mutant;
use super::setting::CALL_LIMIT_MS;
use super::world::{Happening, TROUBLE_MS, World};

/// What one process has asked, in order, and what was answered.
#[derive(Default)]
pub(super) struct Questions {
    asked: VecDeque<(Ticket, Request)>,
    answered: VecDeque<(Ticket, Reply)>,
    is_being_served: bool,
    /// Whether the process was told that the store is down.
    knows_it_is_down: bool,
}

impl World {
    pub(super) fn ask(
        &mut self,
        member: usize,
        ticket: Ticket,
        request: Request,
    ) -> Result<(), String> {
        if self.is_broken(Mutant::ClaimsAfterwards) && matches!(request, Request::Claim(_)) {
            let claimed = ClaimAnswer::Claimed(Reservation::NotAsked);
            let answer = Ok(Answer::Claim(claimed));
            return self.step(member, Input::StoreAnswered { ticket, answer });
        }
        if self.is_broken(Mutant::SettlesInItsHead)
            && let Request::Settle(settlement) = &request
        {
            let settled = SettlementAnswer::Settled(settlement.outcome.clone());
            let answer = Ok(Answer::Settle(settled));
            return self.step(member, Input::StoreAnswered { ticket, answer });
        }
        if let Some(answer) = self.unasked(&request) {
            let answer = Ok(answer);
            return self.step(member, Input::StoreAnswered { ticket, answer });
        }
        self.note_login_question(member, ticket, &request);
        self.may_stand_still(member, &request);
        let request = match request {
            Request::Release {
                message_id, holder, ..
            } if self.is_broken(Mutant::GivesNothingBack) => Request::Release {
                message_id,
                holder,
                grant: None,
            },
            Request::Settle(mut settlement) if self.is_broken(Mutant::SettlesWithoutGrant) => {
                settlement.grant = None;
                Request::Settle(settlement)
            }
            Request::Settle(mut settlement) if self.is_broken(Mutant::DoubtsEveryRefusal) => {
                settlement.refused_ms = None;
                Request::Settle(settlement)
            }
            Request::Report(mut report) if self.is_broken(Mutant::CountsAgain) => {
                report.id = format!("{}-{}", report.id, ticket.0).into();
                Request::Report(report)
            }
            Request::Claim(mut claim) if self.is_broken(Mutant::TakesClaimsOver) => {
                claim.takes_over = self
                    .granted
                    .iter()
                    .find(|(_, message_id)| **message_id == claim.message_id)
                    .map(|(holder, _)| *holder);
                Request::Claim(claim)
            }
            other => other,
        };
        self.members[member]
            .questions
            .asked
            .push_back((ticket, request));
        self.serve_soon(member);
        Ok(())
    }

    /// What a broken engine goes on with that does not ask.
    fn unasked(&self, request: &Request) -> Option<Answer> {
        match request {
            Request::Report(_) if self.is_broken(Mutant::ReportsInItsHead) => {
                Some(Answer::Report(Counted::New))
            }
            _ => self.unasked_login(request),
        }
    }

    /// What a broken engine makes of the store's word on another record's claim.
    fn misheard(&self, request: &Request, mut answer: Reply) -> Reply {
        if self.is_broken(Mutant::TakesAnothersOutcome) {
            answer = self.taken_for_own(request, answer);
        }
        if let (Request::Claim(claim), Ok(Answer::Claim(ClaimAnswer::Held(held)))) =
            (request, &mut answer)
            && held.outcome_id != claim.outcome_id
        {
            if self.is_broken(Mutant::WaitsForTheGone) {
                // As if it were made anew each time: nothing tells how old it is.
                held.since_ms = claim.now_ms;
                held.holder = claim.holder;
            }
            if self.is_broken(Mutant::GivesOthersNoTime) {
                held.since_ms = 0;
            }
        }
        if self.is_broken(Mutant::StandsByItsWord)
            && let (
                Request::Settle(settlement),
                Ok(Answer::Settle(SettlementAnswer::Held(_) | SettlementAnswer::Duplicate { .. })),
            ) = (request, &answer)
            && settlement.holder.is_some()
        {
            let settled = SettlementAnswer::Settled(Arc::clone(&settlement.outcome));
            return Ok(Answer::Settle(settled));
        }
        answer
    }

    fn serve_soon(&mut self, member: usize) {
        if self.members[member].questions.is_being_served {
            return;
        }
        self.members[member].questions.is_being_served = true;
        let at = self.mostly_soon(10, 1_500);
        let incarnation = self.members[member].incarnation;
        self.plan(at, Happening::Serve(member, incarnation));
    }

    pub(super) fn store_goes(&mut self) {
        self.seen.store_outages += 1;
        self.note(|| "the store goes".to_owned());
        let most_ms = if self.random.u8(..4) == 0 {
            40_000
        } else {
            8_000
        };
        self.store_is_down_until_ms = self.soon(most_ms);
    }

    /// The store takes up a batch. From here on it is durable, whether or not a process hears of it.
    pub(super) fn serve(&mut self, member: usize, incarnation: u64) -> Result<(), String> {
        if self.members[member].incarnation != incarnation {
            return Ok(());
        }
        if self.now_ms < self.store_is_down_until_ms {
            if !self.members[member].questions.knows_it_is_down {
                self.members[member].questions.knows_it_is_down = true;
                self.step(member, Input::StoreDown)?;
            }
            if self.members[member].incarnation == incarnation {
                let at = self.store_is_down_until_ms + 1;
                self.plan(at, Happening::Serve(member, incarnation));
            }
            return Ok(());
        }
        let n_served = self.random.usize(1..=16);
        let questions = &self.members[member].questions.asked;
        let batch: Vec<_> = questions.iter().take(n_served).cloned().collect();
        let is_answer_lost = self.now_ms < TROUBLE_MS && self.random.u8(..20) == 0;
        let mut answers = VecDeque::new();
        for (ticket, request) in &batch {
            let answer = self.carry_out_request(member, request)?;
            if !matches!(request, Request::Release { .. }) {
                answers.push_back((*ticket, answer));
            }
        }
        let at = self.mostly_soon(10, 500);
        if is_answer_lost {
            // The edge asks the same again.
            self.plan(at, Happening::Serve(member, incarnation));
            return Ok(());
        }
        let questions = &mut self.members[member].questions;
        questions.asked.drain(..batch.len());
        questions.answered = answers;
        self.plan(at, Happening::Served(member, incarnation));
        Ok(())
    }

    pub(super) fn served(&mut self, member: usize, incarnation: u64) -> Result<(), String> {
        if self.members[member].incarnation != incarnation {
            return Ok(());
        }
        self.members[member].questions.is_being_served = false;
        let answers = std::mem::take(&mut self.members[member].questions.answered);
        if std::mem::take(&mut self.members[member].questions.knows_it_is_down) {
            self.step(member, Input::StoreBack)?;
        }
        for (ticket, answer) in answers {
            if self.members[member].incarnation != incarnation {
                return Ok(());
            }
            self.note_login_answer(member, ticket, &answer);
            let answer = match answer {
                Ok(Answer::Claim(ClaimAnswer::NoGrant))
                    if self.is_broken(Mutant::SendsWithoutGrant) =>
                {
                    Ok(Answer::Claim(ClaimAnswer::Claimed(Reservation::Made)))
                }
                other => other,
            };
            self.step(member, Input::StoreAnswered { ticket, answer })?;
        }
        if self.members[member].incarnation == incarnation
            && !self.members[member].questions.asked.is_empty()
        {
            self.serve_soon(member);
        }
        Ok(())
    }

    /// What was asked by a process that is gone may have reached the store, or a part of it.
    pub(super) fn leave_questions(&mut self, member: usize) -> Result<(), String> {
        let questions = std::mem::take(&mut self.members[member].questions);
        // A process that ends in peace waits for its store.
        let n_asked = questions.asked.len();
        let n_reached = if self.is_gentle {
            n_asked
        } else {
            self.random.usize(..=n_asked)
        };
        for (_, request) in questions.asked.iter().take(n_reached) {
            let answer = self.carry_out_request(member, request)?;
            self.note(|| format!("no process hears: {answer:?}"));
        }
        Ok(())
    }

    fn carry_out_request(&mut self, member: usize, request: &Request) -> Result<Reply, String> {
        let answer = self.store.answer(request);
        if let Ok(Answer::Settle(SettlementAnswer::Duplicate { .. })) = answer {
            self.seen.ends_too_late += 1;
        }
        let is_of_other = matches!(
            answer,
            Ok(Answer::Claim(ClaimAnswer::OfOtherRecord)
                | Answer::Settle(SettlementAnswer::OfOtherRecord))
        );
        self.seen.others_places += u64::from(is_of_other);
        let is_news = match &answer {
            Ok(Answer::Settle(SettlementAnswer::Settled(outcome))) => {
                let id = outcome.id.clone();
                self.settled.insert(id, Arc::clone(outcome)).is_none()
            }
            _ => false,
        };
        self.note_grants(request, &answer, is_news)?;
        self.note_logins(member, request, &answer, is_news)?;
        match (request, &answer) {
            (Request::Claim(claim), Ok(Answer::Claim(ClaimAnswer::Claimed(reservation)))) => {
                self.seen.grants_set_aside += u64::from(*reservation == Reservation::Made);
                if let Some(over) = claim.takes_over
                    && over != claim.holder
                    && !self.taken_over.contains(&over)
                {
                    // A process that renews its own claim knows how its last call ended.
                    let is_renewed = over.process == claim.holder.process;
                    let is_under_way = self.calls.iter().rev().any(|call| {
                        call.holder == over && self.now_ms < call.at_ms + CALL_LIMIT_MS
                    });
                    if is_under_way && !is_renewed {
                        return Err(format!(
                            "the claim of {over} was taken over during its call"
                        ));
                    }
                    self.seen.claims_in_doubt += u64::from(!is_renewed);
                    let is_anothers = self.claimed_for.get(&over) != Some(&claim.outcome_id);
                    self.seen.claims_of_others_taken_over += u64::from(is_anothers);
                    self.taken_over.insert(over);
                }
                self.granted.insert(claim.holder, claim.message_id.clone());
                self.claimed_for
                    .insert(claim.holder, claim.outcome_id.clone());
            }
            (_, Ok(Answer::Claim(ClaimAnswer::NoGrant))) => self.seen.claims_without_grant += 1,
            (Request::Release { holder, .. }, _) => {
                self.granted.remove(holder);
            }
            _ => {}
        }
        self.note(|| format!("store: {} → {}", name(request), said(&answer)));
        Ok(self.misheard(request, answer))
    }
}

fn said(answer: &Reply) -> String {
    match answer {
        Ok(
            Answer::Claim(ClaimAnswer::Settled(outcome))
            | Answer::Settle(SettlementAnswer::Settled(outcome)),
        ) => format!("{} {:?}", outcome.id, outcome.reason),
        other => format!("{other:?}"),
    }
}

fn name(request: &Request) -> String {
    match request {
        Request::Report(_)
        | Request::Withdraw(_)
        | Request::Balance(_)
        | Request::Keep(_)
        | Request::Recall(_)
        | Request::Join(_)
        | Request::Done(_)
        | Request::Holds(_)
        | Request::Look(_)
        | Request::Propose(_)
        | Request::Note(_) => format!("{request:?}"),
        Request::Claim(claim) => format!(
            "claim {} by {} for {} over {:?}",
            claim.message_id, claim.holder, claim.outcome_id, claim.takes_over
        ),
        Request::Release {
            message_id, holder, ..
        } => format!("release {message_id} by {holder}"),
        Request::Settle(settlement) => format!(
            "settle {} {} by {:?}",
            settlement.outcome.id,
            settlement.outcome.status.as_str(),
            settlement.holder
        ),
    }
}
