//! What the engine is told and what it wants: the whole of what is between it and the world.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::HandoverId;
use crate::event::Decoding;
use crate::flow::attempt::{RetryPlan, SendAnswer};
use crate::grants::AnswerEvents;
use crate::holds::{Hold, Holds, Stopped};
use crate::message::Api;
use crate::model::outcome::{Outcome, RecipientKey, RecipientStyle};
use crate::model::{Epoch, Partition, Record, Ticket};
use crate::rules::RuleSet;
use crate::schedule::admission::{AppBounds, Cleared};
use crate::schedule::pauses::{Change, Threshold, Unheard};
use crate::schedule::punishments::InForce;
use crate::schedule::share::{Layout, Share};
use crate::state;
use crate::wechat::Unknown;
use crate::wechat::callback::Punishment;
use crate::wechat::logins::{ExchangeAnswer, JsCode};

/// Everything the engine is told once.
pub struct Setup {
    /// How records are read.
    pub decoding: Decoding,
    /// What each app may do.
    pub apps: BTreeMap<Arc<str>, AppBounds>,
    /// How often and how long to try.
    pub retry: RetryPlan,
    /// Messages in hand above which reading pauses.
    pub max_messages: usize,
    /// Bytes of memory that they take above which reading pauses.
    pub max_bytes: usize,
    /// How recipients appear in outcomes.
    pub recipient_style: RecipientStyle,
    /// The key by which recipients are hashed, if the settings say it. Else it comes as [`Input::RecipientKey`], and outcomes have no hash until
    /// then.
    pub recipient_key: Option<RecipientKey>,
    /// What becomes of an event that no rule wants.
    pub unmatched: Unmatched,
    /// Which events tell of users' answers.
    pub answers: Option<AnswerEvents>,
    /// The apps whose callbacks bring receipts.
    pub receipts: BTreeSet<Arc<str>>,
    /// How many refusals for a rule's own fault pause it.
    pub breaker: Threshold,
    /// How many refusals of users who have a grant are not believed.
    pub refusal_wave: Threshold,
    /// How long a call may take, with the wait for a token.
    pub call_limit: Duration,
    /// Whether the store's holds are to be heard before anything is sent.
    pub unheard: Unheard,
    /// Names this life of this process, among all that ever share a store.
    pub process: u64,
    /// Where the jitter of retries begins.
    pub seed: u64,
}

/// What becomes of an event that no rule wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// It is counted.
    Count,
    /// It is counted and gets an outcome.
    Publish,
}

/// What happened outside.
#[derive(Debug)]
pub enum Input {
    /// A record was read.
    Record {
        /// The assignment under which it was read.
        epoch: Epoch,
        /// The record.
        record: Record,
    },
    /// A record is back that was to be read again.
    ReadAgain {
        /// Whose question.
        ticket: Ticket,
        /// The record; `None` if it is not on its topic any more.
        record: Option<Record>,
    },
    /// How many partitions the source topics have, all members' together. Before it is known nothing is sent under a limit.
    TopicsCounted(Layout),
    /// Partitions were given to us.
    Assigned(Vec<(Partition, Epoch)>),
    /// Partitions are asked back: finish what has begun, then [`Effect::Release`] them.
    Revoked {
        /// Names this request.
        handover: HandoverId,
        /// What is asked back.
        partitions: Vec<Partition>,
        /// How long it may take.
        timeout: Duration,
    },
    /// Partitions are gone already: nothing of them may be committed.
    Lost(Vec<Partition>),
    /// The store has answered.
    StoreAnswered {
        /// Whose question.
        ticket: Ticket,
        /// Its answer, or the row that cannot be read.
        answer: state::Reply,
    },
    /// The store does not answer, or not in time. Questions stay with it.
    StoreDown,
    /// The store answers again.
    StoreBack,
    /// A call has come back.
    SendFinished {
        /// Whose call.
        ticket: Ticket,
        /// What it came to.
        answer: SendAnswer,
        /// How long it took, in milliseconds.
        api_ms: u64,
    },
    /// `WeChat` has answered what became of a login code.
    ExchangeFinished {
        /// Whose code.
        ticket: Ticket,
        /// The answer.
        answer: ExchangeAnswer,
    },
    /// The broker has acknowledged an outcome, and its dead letter if it has one.
    Published {
        /// Whose outcome.
        ticket: Ticket,
    },
    /// An outcome could not be published; it stays owed.
    PublishFailed {
        /// Whose outcome.
        ticket: Ticket,
        /// Why, for a person.
        why: Arc<str>,
    },
    /// Apps have come, or have other bounds. It comes before rules that name them. Those that are not named stay as they are, for the messages that
    /// they have.
    AppsChanged(BTreeMap<Arc<str>, AppBounds>),
    /// A new rule set is in force for records that are read from now on.
    RulesChanged(Arc<RuleSet>),
    /// The key by which recipients are hashed from now on.
    RecipientKey(RecipientKey),
    /// The system's calendar has jumped, is back, or is believed where it has jumped to. Comes before everything that is read from it.
    CalendarJumped {
        /// By how much the system's calendar is ahead of the one in force, in milliseconds; negative if it is behind.
        system_ahead_ms: i64,
    },
    /// What the store holds, for all instances.
    Held {
        /// All of it.
        holds: Arc<Holds>,
        /// So many of this engine's [`Effect::Hold`]s are among them, or were lifted since.
        n_kept: u64,
    },
    /// A person wants this to go on, whatever has paused it.
    Resume(Stopped),
    /// `WeChat` said how many sends through an API an app has left today; `None` if it did not say.
    QuotaAnswered {
        /// The app.
        app: Arc<str>,
        /// The API.
        api: Api,
        /// What is left.
        left: Option<i64>,
    },
    /// `WeChat` lists a template otherwise than the catalog says: its messages would be refused.
    TemplateDiffers(Difference),
    /// `WeChat` has told this instance that it has punished an app, or will.
    Punished {
        /// The app.
        app: Arc<str>,
        /// What was told.
        punishment: Punishment,
    },
    /// Finish what has begun and take nothing new; [`Effect::Drained`] ends it.
    Drain {
        /// How long it may take.
        timeout: Duration,
    },
    /// The time that [`super::Engine::wake_at`] asked for has come.
    Tick,
}

/// A template that `WeChat` lists otherwise than the catalog says.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The app.
    pub app: Arc<str>,
    /// `WeChat`'s id of the template.
    pub template_id: Arc<str>,
    /// The version of the rules whose catalog was compared.
    pub rules_version: Arc<str>,
    /// The template and the difference, for a person.
    pub detail: String,
}

/// What is to be done outside.
#[derive(Debug)]
pub enum Effect {
    /// Ask the store. What is a [`state::Question`] is answered with [`Input::StoreAnswered`], a release is not.
    AskStore {
        /// Whose question.
        ticket: Ticket,
        /// The question.
        request: state::Request,
    },
    /// Read a record again that was read before and spilled, and answer with [`Input::ReadAgain`]. Records of a partition are answered in
    /// the order of their offsets, as often as it has to be tried.
    ReadAgain {
        /// Whose question.
        ticket: Ticket,
        /// The partition.
        partition: Partition,
        /// The record.
        offset: i64,
    },
    /// These records need not be read again any more: their partitions are gone. An answer that comes all the same is passed over.
    ForgetReads {
        /// Whose questions.
        tickets: BTreeSet<Ticket>,
    },
    /// Exchange a login code, and answer with [`Input::ExchangeFinished`].
    Exchange {
        /// Whose code.
        ticket: Ticket,
        /// The app that it is for.
        app: Arc<str>,
        /// The code.
        code: JsCode,
    },
    /// Ask `WeChat` how many sends through an API an app has left today, and answer with [`Input::QuotaAnswered`].
    AskQuota {
        /// The app.
        app: Arc<str>,
        /// The API.
        api: Api,
    },
    /// Compare a template with what `WeChat` lists now, and answer with [`Input::TemplateDiffers`] if messages of it would be refused.
    CompareTemplate {
        /// The app.
        app: Arc<str>,
        /// `WeChat`'s id of the template.
        template_id: Arc<str>,
    },
    /// Something was paused, or goes on: for log and metrics.
    PauseChanged(Change),
    /// Let the store hold this, for all instances and for later runs. [`Input::Held`] says how many of them it has taken, in their order.
    Hold(Hold),
    /// An app was warned or punished: for the log.
    Punished(InForce),
    /// Call `WeChat`, and answer with [`Input::SendFinished`].
    Send {
        /// Whose call.
        ticket: Ticket,
        /// What is sent.
        cleared: Cleared,
    },
    /// Publish, and answer with [`Input::Published`] or [`Input::PublishFailed`].
    Publish {
        /// Whose outcome.
        ticket: Ticket,
        /// The outcome.
        outcome: Arc<Outcome>,
        /// The original record, where it becomes a dead letter.
        dead_letter: Option<Arc<Record>>,
    },
    /// The broker has acknowledged an outcome: its message is over.
    Ended {
        /// The outcome.
        outcome: Arc<Outcome>,
    },
    /// This position may be committed, if the assignment is still ours.
    StoreOffset {
        /// The partition.
        partition: Partition,
        /// The assignment.
        epoch: Epoch,
        /// The next offset to read after a restart.
        position: i64,
    },
    /// A fault in this program, which has cost one message: for log and metrics.
    InternalError {
        /// `topic/partition/offset` of its record, or `unknown`.
        position: String,
        /// What could not be, for a person.
        what: String,
    },
    /// An event tells an answer in a word of `WeChat`'s that is not known: for log and metrics.
    Unknown(Unknown),
    /// Stop reading; keep polling.
    PauseReading,
    /// Read on.
    ResumeReading,
    /// Another part of the fleet's rates is ours from now on: for log and metrics.
    ShareChanged(Share),
    /// A hand-over is finished: commit these positions and let the partitions go.
    Release {
        /// Which request.
        handover: HandoverId,
        /// The last positions of the partitions of which anything was read.
        positions: Vec<(Partition, i64)>,
    },
    /// The drain is over. It is the last effect of its round, and no round comes after it.
    Drained {
        /// Messages that did not end in time; their records will be read again.
        unfinished: usize,
    },
}
