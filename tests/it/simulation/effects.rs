//! What a member wants to be done, and what comes of it: calls, publications, commits.

use std::sync::Arc;

use wx_courier_core::flow::attempt::{Refusal, SendAnswer};
use wx_courier_core::flow::{Effect, Input};
use wx_courier_core::message::Api;
use wx_courier_core::model::outcome::{Outcome, Reason, Status};
use wx_courier_core::model::{Holder, Ticket};
use wx_courier_core::schedule::admission::Cleared;
use wx_courier_core::schedule::pauses::{Cause, Change, Subject};
use wx_courier_core::wechat::Class;

use super::mutant::Mutant;
use super::setting::{CALL_LIMIT_MS, Retention};
use super::standstill::Stopped;
use super::users::Told;
use super::world::{Call, Happening, TROUBLE_MS, World};

impl World {
    pub(super) fn carry_out(&mut self, member: usize, effect: Effect) -> Result<(), String> {
        match effect {
            Effect::AskStore { ticket, request } => return self.ask(member, ticket, request),
            Effect::ReadAgain {
                ticket,
                partition,
                offset,
            } => return self.want_again(member, ticket, &partition, offset),
            Effect::Exchange { ticket, code, .. } => return self.exchange(member, ticket, &code),
            Effect::AskQuota { app, api } => self.ask_quota(member, app, api),
            Effect::PauseChanged(change) => {
                self.note(|| format!("member {member}: {change:?}"));
                self.see(&change);
                self.see_stopped(member, &change);
            }
            Effect::Hold(hold) => self.keep_hold(member, hold),
            Effect::CompareTemplate { app, template_id } => {
                self.compare(member, app, template_id);
            }
            Effect::Send { ticket, cleared } => return self.send(member, ticket, &cleared),
            Effect::Publish {
                ticket,
                outcome,
                dead_letter,
            } => {
                let has_letter = dead_letter.is_some() && !self.is_broken(Mutant::LosesALetter);
                if has_letter != outcome.wants_dead_letter() {
                    return Err(format!("{} has the wrong dead letter", outcome.id));
                }
                return self.publish(member, ticket, outcome);
            }
            Effect::ShareChanged(_) => self.seen.shares += 1,
            // What is read all the same, and answered, is passed over by the engine.
            Effect::ForgetReads { .. }
            | Effect::Ended { .. }
            | Effect::Unknown(_)
            | Effect::Punished(_) => {}
            Effect::StoreOffset {
                partition,
                epoch,
                position,
            } => {
                let owner = self.owners.get(&partition);
                let is_owner =
                    owner.is_some_and(|owner| owner.member == member && owner.epoch == epoch);
                if is_owner || self.is_broken(Mutant::ForgetsEpochs) {
                    let early = i64::from(self.is_broken(Mutant::CommitsTooEarly));
                    self.commit(&partition, position + early)?;
                }
            }
            Effect::InternalError { position, what } => {
                return Err(format!("the record {position}: {what}"));
            }
            Effect::PauseReading => {
                self.seen.pauses += 1;
                self.members[member].is_paused = true;
            }
            Effect::ResumeReading => self.members[member].is_paused = false,
            Effect::Release {
                handover,
                positions,
            } => self.release(member, handover, positions)?,
            Effect::Drained { unfinished } => {
                self.note(|| format!("member {member} has drained, {unfinished} open"));
                if self.is_gentle && unfinished > 0 {
                    return Err(format!("a patient drain left {unfinished} messages open"));
                }
                self.end(member);
            }
        }
        Ok(())
    }

    fn see(&mut self, change: &Change) {
        match change {
            Change::Begun(pause) => match (pause.cause, &pause.subject) {
                (Cause::Breaker, _) => self.seen.bursts += 1,
                (Cause::Person, _) => self.seen.stopped_by_persons += 1,
                (Cause::RefusalWave, _) => self.seen.waves += 1,
                (_, Subject::Logins(_)) => self.seen.pauses_of_logins += 1,
                _ => self.seen.pauses_of_apps += 1,
            },
            Change::Ended(pause) if pause.cause == Cause::DailyQuota && !self.tells_quota => {
                self.seen.quotas_found_by_trial += 1;
            }
            Change::Ended(_) => {}
        }
    }

    fn ask_quota(&mut self, member: usize, app: Arc<str>, api: Api) {
        let left = self.random.i64(-1..3);
        if !self.tells_quota && left > 0 {
            return;
        }
        let is_over = self.now_ms > TROUBLE_MS;
        let left = if !self.tells_quota {
            None
        } else if is_over {
            Some(100)
        } else {
            (left >= 0).then_some(left)
        };
        let at = self.soon(200);
        let incarnation = self.members[member].incarnation;
        let answered = Happening::QuotaAnswered(member, incarnation, (app, api), left);
        self.plan(at, answered);
    }

    fn publish(
        &mut self,
        member: usize,
        ticket: Ticket,
        outcome: Arc<Outcome>,
    ) -> Result<(), String> {
        let incarnation = self.members[member].incarnation;
        let fails = self.now_ms < TROUBLE_MS && self.random.u8(..20) == 0;
        let at = self.mostly_soon(30, 3_000);
        if self.is_broken(Mutant::LosesAnOutcome) && self.random.u8(..20) == 0 {
            return self.step(member, Input::Published { ticket });
        }
        if fails && self.is_broken(Mutant::TakesFailureForSuccess) {
            return self.step(member, Input::Published { ticket });
        }
        if self.is_broken(Mutant::ChangesItsWord) && self.random.u8(..20) == 0 {
            let mut other = (*outcome).clone();
            other.status = Status::Failed;
            let other = Some(Arc::new(other));
            self.plan(
                at,
                Happening::Published(member, incarnation, Ticket(u64::MAX), other),
            );
        }
        let outcome = (!fails).then_some(outcome);
        self.plan(
            at,
            Happening::Published(member, incarnation, ticket, outcome),
        );
        Ok(())
    }

    fn send(&mut self, member: usize, ticket: Ticket, cleared: &Cleared) -> Result<(), String> {
        self.may_be_sent(member, cleared)?;
        let message = cleared.message();
        let to = message.recipient.clone();
        if !self.members[member].sending.insert(to.clone()) {
            return Err(format!("two messages to {to} are in flight at once"));
        }
        let holder = cleared.holder();
        let message_id: Arc<str> = Arc::from(message.message_id.as_str());
        let granted = self.granted.get(&holder);
        if granted != Some(&message_id) || self.taken_over.contains(&holder) {
            return Err(format!("{message_id} is sent without a claim"));
        }
        let lives_ms = u64::try_from(cleared.rule().expires_after.as_millis()).unwrap_or(u64::MAX);
        let born_ms = self.users.born_ms.get(message_id.as_ref());
        let dies_ms = born_ms.copied().unwrap_or(0) + lives_ms;
        // A calendar that is behind tells it as long as it is.
        let calendar_ms = self.calendar_ms(member);
        if calendar_ms > dies_ms {
            return Err(format!(
                "{message_id} is sent {} ms too late",
                calendar_ms - dies_ms
            ));
        }
        self.call(
            member,
            (ticket, holder),
            &to,
            &cleared.rule().name,
            &message_id,
        )?;
        if self.is_broken(Mutant::SendsTwice) && self.random.u8(..20) == 0 {
            self.call(
                member,
                (ticket, holder),
                &to,
                &cleared.rule().name,
                &message_id,
            )?;
        }
        Ok(())
    }

    fn call(
        &mut self,
        member: usize,
        (ticket, holder): (Ticket, Holder),
        to: &str,
        rule: &Arc<str>,
        message_id: &Arc<str>,
    ) -> Result<(), String> {
        self.seen.sends += 1;
        let (answer, was_delivered) = self.answer(rule, to);
        let was_in_doubt = matches!(answer, SendAnswer::InDoubt { .. });
        self.seen.in_doubt += u64::from(was_in_doubt);
        self.calls.push(Call {
            at_ms: self.now_ms,
            holder,
            rule: Arc::clone(rule),
            message_id: Arc::clone(message_id),
            outcome_id: self.claimed_for.get(&holder).cloned(),
            was_delivered,
            was_in_doubt,
        });
        let is_for_want =
            matches!(&answer, SendAnswer::Refused(refusal) if refusal.errcode == 43101);
        if rule.as_ref() == "pass" && is_for_want && self.users.is_certain_of(to) {
            return Err(format!(
                "{message_id} is sent to {to}, who has allowed none"
            ));
        }
        self.note(|| format!(
            "member {member} sends {message_id} to {to} as {holder}: {answer:?}, delivered: {was_delivered}"
        ));
        let is_swept = self.retention == Retention::Short && self.now_ms < TROUBLE_MS;
        if is_swept && self.random.u8(..30) == 0 {
            self.plan(self.now_ms, Happening::Freeze(member, Stopped::Process));
        }
        let at = self.mostly_soon(80, CALL_LIMIT_MS);
        let incarnation = self.members[member].incarnation;
        self.plan(
            at,
            Happening::Answered(member, incarnation, ticket, answer, to.to_owned()),
        );
        Ok(())
    }

    fn answer(&mut self, rule: &str, to: &str) -> (SendAnswer, bool) {
        if rule != "pass" {
            return self.answer_of(rule);
        }
        loop {
            let (answer, was_delivered) = self.answer_of(rule);
            let refuses =
                matches!(&answer, SendAnswer::Refused(refusal) if refusal.errcode == 43101);
            let is_in_doubt = matches!(answer, SendAnswer::InDoubt { .. });
            if refuses || (is_in_doubt && self.users.told == Told::Exactly) {
                // For this template WeChat knows what it says, and some worlds are without doubt.
                continue;
            }
            if !was_delivered {
                return (answer, false);
            }
            if !self.users.would_take(to) {
                self.seen.refusals_for_want_of_permission += 1;
                self.users.note_refusal(to);
                return (refused(43101, Class::NotSubscribed), false);
            }
            self.users.takes(to);
            return (answer, true);
        }
    }

    fn answer_of(&mut self, rule: &str) -> (SendAnswer, bool) {
        if rule == "quick" && self.now_ms < self.quick_is_bad_until_ms {
            return (refused(47003, Class::BadParam), false);
        }
        let is_trouble = self.now_ms < TROUBLE_MS;
        if is_trouble && self.now_ms < self.is_busy_until_ms && self.random.u8(..3) == 0 {
            return (refused(45011, Class::MinuteQuota), false);
        }
        match self.random.u16(..if is_trouble { 400 } else { 1 }) {
            10..20 => (refused(-1, Class::Busy), false),
            20..30 => (refused(42001, Class::Token), false),
            30..40 => (refused(43101, Class::NotSubscribed), false),
            40..50 => (refused(47003, Class::BadParam), false),
            50..60 => {
                let detail = "down".to_owned();
                (SendAnswer::Unreachable { detail }, false)
            }
            60..70 => {
                let detail = "HTTP 503".to_owned();
                (SendAnswer::Garbled { detail }, false)
            }
            70..90 => {
                let detail = "timeout".to_owned();
                (SendAnswer::InDoubt { detail }, self.random.bool())
            }
            90 => (refused(45011, Class::MinuteQuota), false),
            91 => (refused(45009, Class::DailyQuota), false),
            92 => (refused(50002, Class::Account), false),
            93 => (refused(40037, Class::UnknownTemplate), false),
            94 => (refused(48001, Class::Api), false),
            _ => (SendAnswer::Accepted { msgid: None }, true),
        }
    }

    pub(super) fn published(
        &mut self,
        member: usize,
        incarnation: u64,
        ticket: Ticket,
        outcome: Option<&Arc<Outcome>>,
    ) -> Result<(), String> {
        let is_alive = self.members[member].incarnation == incarnation;
        if let Some(outcome) = outcome {
            // The broker has it, whether or not the process that sent it lives to hear so.
            self.acknowledge(outcome)?;
        }
        if !is_alive {
            return Ok(());
        }
        if outcome.is_some() {
            return self.step(member, Input::Published { ticket });
        }
        self.seen.publish_failures += 1;
        let why = Arc::from("the broker is away");
        self.step(member, Input::PublishFailed { ticket, why })
    }

    fn acknowledge(&mut self, outcome: &Arc<Outcome>) -> Result<(), String> {
        let status = outcome.status;
        self.note(|| format!("outcome {} {}", outcome.id, status.as_str()));
        self.seen.expired += u64::from(status == Status::Expired);
        self.seen.duplicates += u64::from(outcome.reason == Reason::Duplicate);
        self.seen.malformed_reports += u64::from(outcome.reason == Reason::GrantMalformed);
        self.seen.unknown += u64::from(status == Status::Unknown);
        self.seen.retries += u64::from(outcome.attempts > 1);
        self.code_is_to_blame(outcome)?;
        self.outcomes.push(Arc::clone(outcome));
        let earlier = self
            .acknowledged
            .entry(outcome.id.clone())
            .or_insert_with(|| Arc::clone(outcome));
        if earlier != outcome {
            return Err(format!(
                "the outcome {} was {} and is now {}: {earlier:?} {outcome:?}",
                outcome.id,
                earlier.status.as_str(),
                status.as_str()
            ));
        }
        Ok(())
    }
}

fn refused(errcode: i64, class: Class) -> SendAnswer {
    SendAnswer::Refused(Refusal {
        errcode,
        errmsg: String::new(),
        rid: None,
        param: None,
        class,
    })
}
