//! Effects, carried out. None of them waits: what takes time runs elsewhere and answers through a channel.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::Service;
use crate::edges::kafka::consumer::Command;
use crate::edges::wechat::{Called, WeChat};
use wx_courier_core::flow::attempt::SendAnswer;
use wx_courier_core::flow::{Effect, Input};
use wx_courier_core::message::Api;
use wx_courier_core::model::Ticket;
use wx_courier_core::schedule::admission::Cleared;
use wx_courier_core::schedule::pauses::Change;
use wx_courier_core::state::Request;
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

/// A call under way. It always answers, even if its task panics: a message without an answer would never end.
struct Call {
    ticket: Ticket,
    app: Arc<str>,
    called: Option<Called>,
    answers: mpsc::UnboundedSender<Answered>,
}

impl Call {
    async fn make(mut self, wechat: Arc<WeChat>, cleared: Cleared) {
        self.called = Some(wechat.send(&cleared).await);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let abandoned = || Called {
            answer: SendAnswer::InDoubt {
                detail: "the call was abandoned".to_owned(),
            },
            api_ms: 0,
        };
        let answered = Answered::Call {
            ticket: self.ticket,
            app: Arc::clone(&self.app),
            called: self.called.take().unwrap_or_else(abandoned),
        };
        if self.answers.send(answered).is_err() {
            tracing::debug!("a call came back after the service had ended");
        }
    }
}

/// A question for a quota, which always answers, as a call does: the engine asks no second time meanwhile.
struct QuotaQuestion {
    app: Arc<str>,
    api: Api,
    left: Option<i64>,
    answers: mpsc::UnboundedSender<Answered>,
}

impl QuotaQuestion {
    async fn ask(mut self, wechat: Arc<WeChat>) {
        let (app, api) = (self.app.as_ref(), self.api.as_str());
        match wechat.quota(&self.app, self.api).await {
            Ok(quota) => {
                tracing::info!(
                    app,
                    api,
                    left = quota.remain,
                    daily_limit = quota.daily_limit,
                    "WeChat was asked for the day's quota"
                );
                self.left = Some(quota.remain);
            }
            Err(error) => {
                tracing::warn!(
                    app,
                    api,
                    %error,
                    "WeChat did not say how much of the day's quota is left"
                );
            }
        }
    }
}

impl Drop for QuotaQuestion {
    fn drop(&mut self) {
        let answered = Answered::Quota {
            app: Arc::clone(&self.app),
            api: self.api,
            left: self.left,
        };
        if self.answers.send(answered).is_err() {
            tracing::debug!("a quota came back after the service had ended");
        }
    }
}

/// An exchange under way, which always answers, as a call does.
struct Exchange {
    ticket: Ticket,
    answer: Option<ExchangeAnswer>,
    answers: mpsc::UnboundedSender<Answered>,
}

impl Exchange {
    async fn make(mut self, wechat: Arc<WeChat>, app: Arc<str>, code: JsCode) {
        self.answer = Some(wechat.exchange(&app, &code).await);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let abandoned = || ExchangeAnswer::Unanswered {
            detail: "the call was abandoned".to_owned(),
        };
        let answered = Answered::Exchange {
            ticket: self.ticket,
            answer: self.answer.take().unwrap_or_else(abandoned),
        };
        if self.answers.send(answered).is_err() {
            tracing::debug!("an exchange came back after the service had ended");
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

    /// Carries effects out, in their order; what the store is asked goes to it together. The last effect of all gives the number of messages
    /// that were left open.
    pub(super) fn carry_out(&self, effects: &mut Vec<Effect>) -> Option<usize> {
        let mut questions = Vec::new();
        let unfinished = effects
            .drain(..)
            .find_map(|effect| self.begin(effect, &mut questions));
        self.store.ask(questions);
        unfinished
    }

    fn begin(&self, effect: Effect, questions: &mut Vec<(Ticket, Request)>) -> Option<usize> {
        match effect {
            Effect::AskStore { ticket, request } => questions.push((ticket, request)),
            Effect::Send { ticket, cleared } => {
                let wechat = Arc::clone(&self.wechat);
                let call = Call {
                    ticket,
                    app: Arc::clone(&cleared.rule().app),
                    called: None,
                    answers: self.answers_in.clone(),
                };
                tokio::spawn(call.make(wechat, cleared));
            }
            Effect::ReadAgain {
                ticket,
                partition,
                offset,
            } => self.rereader.want(ticket, &partition, offset),
            Effect::ForgetReads { tickets } => self.rereader.forget(tickets),
            Effect::Exchange { ticket, app, code } => {
                let exchange = Exchange {
                    ticket,
                    answer: None,
                    answers: self.answers_in.clone(),
                };
                tokio::spawn(exchange.make(Arc::clone(&self.wechat), app, code));
            }
            Effect::AskQuota { app, api } => {
                let question = QuotaQuestion {
                    app,
                    api,
                    left: None,
                    answers: self.answers_in.clone(),
                };
                tokio::spawn(question.ask(Arc::clone(&self.wechat)));
            }
            Effect::PauseChanged(change) => tell(&change),
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
}

fn tell(change: &Change) {
    match change {
        Change::Begun(pause) if pause.cause.wants_person() => tracing::error!(
            subject = %pause.subject,
            cause = pause.cause.as_str(),
            errcode = pause.errcode,
            detail = pause.detail,
            ends = pause.ends_by(),
            "paused, and somebody has to look: its messages wait"
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
