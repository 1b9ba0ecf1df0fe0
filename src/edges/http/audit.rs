//! What the pages write down before they change something, and what becomes of a change that cannot be written down (decision 0041).

mod sets;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::Pages;
use super::actor::{self, HasToken, Said, nameless};
use super::refusal::refuse;
use crate::edges::audit::{AuditClient, LIMIT, NotRecorded, SHORT_LIMIT};
use sets::Sets;
use wx_courier_core::model::audit::{Action, AuditRecord, Conclusion, Ended, Via, Who};
use wx_courier_core::model::outcome::RecipientStyle;

/// What the pages need of the audit.
#[derive(Clone)]
pub struct Auditor {
    /// Writes the records.
    pub client: Arc<AuditClient>,
    /// How users appear in them.
    style: RecipientStyle,
    has_token: HasToken,
    sets: Sets,
}

/// Who asks for a change.
#[derive(Clone, Debug)]
pub struct Asker {
    /// Who.
    pub who: Who,
    /// Why, in a person's words.
    pub why: Option<String>,
}

/// What becomes of a change that cannot be written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unrecorded {
    /// It is refused.
    Refused,
    /// It is done all the same, and said to have no record.
    Done,
}

/// Whether a change was written down.
pub(super) enum Recorded {
    Yes(Box<AuditRecord>),
    No(NotRecorded),
}

impl Auditor {
    /// With a client, by the settings.
    pub fn new(client: Arc<AuditClient>, style: RecipientStyle, has_token: HasToken) -> Self {
        let style = match style {
            RecipientStyle::Hashed => RecipientStyle::Hashed,
            // No record names a whole openid.
            RecipientStyle::Masked | RecipientStyle::Plain => RecipientStyle::Masked,
        };
        Self {
            client,
            style,
            has_token,
            sets: Sets::default(),
        }
    }

    /// How a user appears.
    pub(super) fn user(&self, openid: &str) -> String {
        self.style.show(openid)
    }

    /// Writes down what is about to be done. The error is the answer to who asked.
    pub(super) async fn note(
        &self,
        asker: &Asker,
        action: Action,
        otherwise: Unrecorded,
    ) -> Result<Recorded, Box<Response>> {
        let limit = match otherwise {
            Unrecorded::Refused => LIMIT,
            Unrecorded::Done => SHORT_LIMIT,
        };
        let record = self.client.describe(asker.who.clone(), action);
        match (self.client.record_or_tell(&record, limit).await, otherwise) {
            (Ok(()), _) => Ok(Recorded::Yes(Box::new(record))),
            (Err(why), Unrecorded::Done) => Ok(Recorded::No(why)),
            (Err(why), Unrecorded::Refused) => {
                let message = format!("{why}. So nothing was done");
                Err(Box::new(refuse(StatusCode::SERVICE_UNAVAILABLE, &message)))
            }
        }
    }

    /// Writes down what came of it, where that was not what was meant. Nothing waits for it.
    pub(super) fn conclude(&self, recorded: Recorded, ended: Ended, detail: &str) {
        let Recorded::Yes(first) = recorded else {
            return;
        };
        let result = Conclusion {
            ended,
            detail: detail.to_owned(),
        };
        // Here, so that it has the time at which that was known.
        let second = self.client.conclude(&first, result, None);
        let client = Arc::clone(&self.client);
        tokio::spawn(async move {
            if let Err(why) = client.record(&second).await {
                tracing::warn!(
                    id = first.id,
                    "what came of a change is not recorded: {why}"
                );
            }
        });
    }

    /// Counts grants that a program has set. They are written down once a minute, and nothing waits for it.
    pub(super) fn count_sets(&self, asker: &Asker, app: &str, n_sets: u64) {
        self.sets.count(app, &asker.who.host, n_sets);
    }

    /// Writes down what was counted, for as long as the process lives.
    pub(super) async fn write_sets(self) {
        self.sets.write(&self.client, self.has_token).await;
    }
}

impl Recorded {
    /// What is added to an answer.
    pub(super) fn note(&self) -> String {
        match self {
            Self::Yes(_) => String::new(),
            Self::No(NotRecorded { why }) => format!("there is no audit record of it: {why}\n"),
        }
    }
}

impl Asker {
    /// Whether it says who it is, as commands and the console do.
    pub(super) fn is_named(&self) -> bool {
        match self.who.via {
            Via::Request => false,
            Via::Command | Via::Console | Via::Signal | Via::SavedFile | Via::Unlisted(_) => true,
        }
    }
}

impl FromRequestParts<Pages> for Asker {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Response> {
        let Said { who, why } = actor::said(&parts.headers)
            .map_err(|unread| refuse(StatusCode::BAD_REQUEST, &unread.to_string()))?;
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map(|ConnectInfo(peer)| peer.ip());
        let who = who.unwrap_or_else(|| nameless(pages.audit.has_token, peer));
        Ok(Self { who, why })
    }
}
