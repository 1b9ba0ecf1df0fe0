//! Effects, carried out. None of them waits: what takes time runs elsewhere and answers through a channel.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::Service;
use crate::edges::kafka::consumer::Command;
use crate::edges::wechat::{Called, WeChat};
use wx_courier_core::flow::attempt::SendAnswer;
use wx_courier_core::flow::{Effect, Input};
use wx_courier_core::message::Api;
use wx_courier_core::model::{Ticket, rfc3339_ms};
use wx_courier_core::schedule::admission::Cleared;
use wx_courier_core::schedule::pauses::{Cause, Change};
use wx_courier_core::schedule::punishments::InForce;
use wx_courier_core::state::Request;
use wx_courier_core::wechat::callback::Measure;
use wx_courier_core::wechat::logins::{ExchangeAnswer, JsCode};

/// What `WeChat` was asked, and said.
pub(super) enum Answered {
    Call {
        ticket: Ticket,
        app: Arc<str>,
        called: Called,
    },
    Quota {
        app: Arc<str>,
        api: Api,
        left: Option<i64>,
    },
    Exchange {
        ticket: Ticket,
        answer: ExchangeAnswer,
    },
}

/// Something that `WeChat` is asked. It is always answered, even if its task panics or is dropped: a message without an answer would never
/// end, and the engine asks for no quota a second time meanwhile.
struct UnderWay<A: FnOnce() -> Answered> {
    /// Makes the answer of a call that does not come to its end. Told when this is dropped, if nothing was told before.
    abandoned: Option<A>,
    answers: mpsc::UnboundedSender<Answered>,
}

impl<A: FnOnce() -> Answered> UnderWay<A> {
    fn ends(mut self, answered: Answered) {
        self.abandoned = None;
        self.tell(answered);
    }

    fn tell(&self, answered: Answered) {
        if self.answers.send(answered).is_err() {
            tracing::debug!("WeChat's answer came back after the service had ended");
        }
    }
}

impl<A: FnOnce() -> Answered> Drop for UnderWay<A> {
    fn drop(&mut self) {
        if let Some(abandoned) = self.abandoned.take() {
            self.tell(abandoned());
        }
    }
}

/// Asks in a task of its own. `abandoned` makes the answer of a call that does not come to its end.
fn ask(
    answers: &mpsc::UnboundedSender<Answered>,
    call: impl Future<Output = Answered> + Send + 'static,
    abandoned: impl FnOnce() -> Answered + Send + 'static,
) {
    let under_way = UnderWay {
        abandoned: Some(abandoned),
        answers: answers.clone(),
    };
    tokio::spawn(async move {
        let answered = call.await;
        under_way.ends(answered);
    });
}

const ABANDONED: &str = "the call was abandoned";

/// How many sends an app has left today; `None` if `WeChat` does not say.
async fn quota_left(wechat: &WeChat, app: &str, api: Api) -> Option<i64> {
    let asked = wechat.quota(app, api).await;
    let api = api.as_str();
    match asked {
        Ok(quota) => {
            tracing::info!(
                app,
                api,
                left = quota.remain,
                daily_limit = quota.daily_limit,
                "WeChat was asked for the day's quota"
            );
            Some(quota.remain)
        }
        Err(error) => {
            tracing::warn!(
                app,
                api,
                %error,
                "WeChat did not say how much of the day's quota is left"
            );
            None
        }
    }
}

impl Service {
    pub(super) fn answered(&self, answered: Answered) -> Input {
        match answered {
            Answered::Call {
                ticket,
                app,
                called,
            } => {
                self.metrics.call(&app, &called.answer, called.api_ms);
                Input::SendFinished {
                    ticket,
                    answer: called.answer,
                    api_ms: called.api_ms,
                }
            }
            Answered::Quota { app, api, left } => Input::QuotaAnswered { app, api, left },
            Answered::Exchange { ticket, answer } => Input::ExchangeFinished { ticket, answer },
        }
    }

    /// Carries effects out, in their order; what the store is asked goes to it together. Gives the number of messages that were left open, if
    /// the drain is over.
    pub(super) fn carry_out(&self, effects: &mut Vec<Effect>) -> Option<usize> {
        let mut questions = Vec::new();
        let mut unfinished = None;
        // All of them: the engine puts nothing behind `Drained`, and this place does not rely on it.
        for effect in effects.drain(..) {
            unfinished = self.begin(effect, &mut questions).or(unfinished);
        }
        self.store.ask(questions);
        unfinished
    }

    fn begin(&self, effect: Effect, questions: &mut Vec<(Ticket, Request)>) -> Option<usize> {
        match effect {
            Effect::AskStore { ticket, request } => questions.push((ticket, request)),
            Effect::Send { ticket, cleared } => self.send(ticket, cleared),
            Effect::ReadAgain {
                ticket,
                partition,
                offset,
            } => self.rereader.want(ticket, &partition, offset),
            Effect::ForgetReads { tickets } => self.rereader.forget(tickets),
            Effect::Exchange { ticket, app, code } => self.exchange(ticket, app, code),
            Effect::AskQuota { app, api } => self.ask_quota(app, api),
            Effect::PauseChanged(change) => tell(&change),
            Effect::Hold(hold) => self.holds.keep(hold),
            Effect::CompareTemplate { app, template_id } => {
                if self.comparisons.send((app, template_id)).is_err() {
                    tracing::debug!("templates are not compared: the settings want it so");
                }
            }
            Effect::Punished(told) => tell_punished(&told),
            Effect::ShareChanged(share) => tracing::info!(
                partitions = share.n_mine(),
                of = share.n_all(),
                "our share of the rates: a promise is the whole fleet's, and this part of it is ours"
            ),
            Effect::Publish {
                ticket,
                outcome,
                dead_letter,
            } => {
                self.publisher
                    .publish(ticket, &outcome, dead_letter.as_deref());
            }
            Effect::Ended { outcome } => self.metrics.outcome(&outcome),
            Effect::StoreOffset {
                partition,
                epoch,
                position,
            } => self.consumer.command(Command::StoreOffset {
                partition,
                epoch,
                position,
            }),
            Effect::InternalError { position, what } => {
                tracing::error!(%position, "a fault in wx-courier, please report it: {what}");
                debug_assert!(false, "{position}: {what}");
            }
            Effect::Unknown(unknown) => self.metrics.unknown().note(&unknown),
            Effect::PauseReading => self.consumer.command(Command::Pause),
            Effect::ResumeReading => self.consumer.command(Command::Resume),
            Effect::Release {
                handover,
                positions,
            } => self.consumer.command(Command::Released {
                handover,
                positions,
            }),
            Effect::Drained { unfinished } => return Some(unfinished),
        }
        None
    }

    fn send(&self, ticket: Ticket, cleared: Cleared) {
        let of = move |app, called| Answered::Call {
            ticket,
            app,
            called,
        };
        let (wechat, app) = (Arc::clone(&self.wechat), Arc::clone(&cleared.rule().app));
        let call = {
            let app = Arc::clone(&app);
            async move { of(app, wechat.send(&cleared).await) }
        };
        ask(&self.answers_in, call, move || {
            let answer = SendAnswer::InDoubt {
                detail: ABANDONED.to_owned(),
            };
            of(app, Called { answer, api_ms: 0 })
        });
    }

    fn exchange(&self, ticket: Ticket, app: Arc<str>, code: JsCode) {
        let of = move |answer| Answered::Exchange { ticket, answer };
        let wechat = Arc::clone(&self.wechat);
        let call = async move { of(wechat.exchange(&app, &code).await) };
        ask(&self.answers_in, call, move || {
            of(ExchangeAnswer::Unanswered {
                detail: ABANDONED.to_owned(),
            })
        });
    }

    fn ask_quota(&self, app: Arc<str>, api: Api) {
        let of = move |app, left| Answered::Quota { app, api, left };
        let (wechat, asked) = (Arc::clone(&self.wechat), Arc::clone(&app));
        let call = async move {
            let left = quota_left(&wechat, &asked, api).await;
            of(asked, left)
        };
        ask(&self.answers_in, call, move || of(app, None));
    }
}

/// The reason and the names are `WeChat`'s own, of the app and of no user.
fn tell_punished(told: &InForce) {
    let punishment = &told.punishment;
    let (app, measure) = (told.app.as_ref(), punishment.measure.as_str());
    let functions = told.functions().join(", ");
    let until = told.until_ms.map(rfc3339_ms);
    if let Measure::Warning(warning) = &punishment.measure {
        tracing::warn!(
            app,
            id = punishment.id,
            threat = warning.threat.as_str(),
            functions,
            reason = punishment.reason,
            deadline = until,
            "WeChat warns of a punishment: the mini program has to be mended before the deadline"
        );
    } else {
        tracing::warn!(
            app,
            id = punishment.id,
            measure,
            functions,
            reason = punishment.reason,
            until,
            "WeChat has punished the app: what it bans of our sends is paused, everything else goes on"
        );
    }
}

fn tell(change: &Change) {
    match change {
        Change::Begun(pause) if pause.cause == Cause::Person => tracing::warn!(
            subject = %pause.subject,
            detail = pause.detail,
            ends = pause.ends_by(),
            "paused by a person: its messages wait"
        ),
        Change::Begun(pause) if pause.cause.wants_person() => tracing::error!(
            subject = %pause.subject,
            cause = pause.cause.as_str(),
            errcode = pause.errcode,
            detail = pause.detail,
            ends = pause.ends_by(),
            "paused, and a person has to look: its messages wait"
        ),
        Change::Begun(pause) => tracing::warn!(
            subject = %pause.subject,
            cause = pause.cause.as_str(),
            errcode = pause.errcode,
            ends = pause.ends_by(),
            "paused: its messages wait"
        ),
        Change::Ended(pause) => tracing::info!(
            subject = %pause.subject,
            cause = pause.cause.as_str(),
            "goes on"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};
    use std::task::Poll;

    use super::*;

    fn left(answered: Option<&Answered>) -> Option<i64> {
        let Some(Answered::Quota { left, .. }) = answered else {
            panic!("no answer");
        };
        *left
    }

    fn of_shop(left: Option<i64>) -> Answered {
        Answered::Quota {
            app: Arc::from("shop"),
            api: Api::Subscribe,
            left,
        }
    }

    #[tokio::test]
    async fn whatever_becomes_of_a_call_it_is_answered_once() {
        let (answers_in, mut answers) = mpsc::unbounded_channel();
        ask(&answers_in, async { of_shop(Some(7)) }, || of_shop(None));
        assert_eq!(left(answers.recv().await.as_ref()), Some(7));
        let dies = poll_fn(|_| -> Poll<Answered> { panic!("a bug") });
        ask(&answers_in, dies, || of_shop(None));
        assert_eq!(left(answers.recv().await.as_ref()), None);
        drop(answers_in);
        assert!(answers.recv().await.is_none(), "it is answered twice");
    }

    #[test]
    fn a_call_that_its_runtime_drops_is_answered() {
        let (answers_in, mut answers) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            ask(&answers_in, pending(), || of_shop(None));
        });
        drop(runtime);
        assert_eq!(left(answers.try_recv().ok().as_ref()), None);
    }
}
