//! What the state store knows, asked from outside of the service: of a running instance, or of the store itself where that may be.

mod way;

pub use way::{Found, Missing, Otherwise, Way};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use crate::edges::grants::{Line, Wanted, ask};
use crate::edges::http::grants::Row;
use crate::edges::http::messages::LOOK_PAGE;
use crate::edges::instance_pages::{InstancePages, Unanswered};
use crate::edges::store::{Store, Stored};
use wx_courier_core::explanation::{LineTold, PauseTold, RuleNow, held_rules};
use wx_courier_core::holds;
use wx_courier_core::rules::RuleSet;
use wx_courier_core::state::{Look, Looked};

/// A store that does not answer by then has other troubles.
const TIMEOUT: Duration = Duration::from_secs(8);

/// What is asked.
pub enum StoreAccess {
    /// A running instance.
    Service(InstancePages),
    /// The store, opened by this process.
    Store {
        /// It.
        store: Store,
        /// What it says of itself.
        said: mpsc::UnboundedReceiver<Stored>,
    },
}

impl StoreAccess {
    /// Asks for ledgers, and sets those that are to be set, at this time.
    pub async fn ask_grants(
        &mut self,
        wanted: &[Wanted],
        now_ms: i64,
    ) -> anyhow::Result<Vec<Line>> {
        match self {
            Self::Service(pages) => ask_service(pages, wanted).await,
            Self::Store { store, said } => {
                let client = store.client();
                unless_down(said, ask(&client, wanted, now_ms)).await
            }
        }
    }

    /// Asks what is known of messages, in the order of the questions.
    pub async fn look(&mut self, looks: &[Look]) -> anyhow::Result<Vec<Looked>> {
        match self {
            Self::Service(pages) => {
                let mut found = Vec::new();
                for look in looks {
                    let ids = [
                        ("outcome_id", look.outcome_id.as_deref()),
                        ("message_id", look.message_id.as_deref()),
                    ];
                    let query = ids.into_iter().filter_map(|(name, id)| Some((name, id?)));
                    let query: Vec<(&str, &str)> = query.collect();
                    found.push(read(pages, pages.ask(LOOK_PAGE, &query).await)?);
                }
                Ok(found)
            }
            Self::Store { store, said } => {
                let client = store.client();
                let answers = async { Ok(client.ask_all(looks.iter().cloned()).await?) };
                let answers = unless_down(said, answers).await?.into_iter();
                // A row that cannot be read is told in the answer.
                Ok(answers.map(|answer| *answer.unwrap_or_default()).collect())
            }
        }
    }

    /// How rules run now, by their names: as the instance sees it, or as far as the store holds what is stopped.
    pub async fn rules_now(
        &mut self,
        rules: Option<&RuleSet>,
        now_ms: i64,
    ) -> anyhow::Result<RulesNow> {
        match self {
            Self::Service(pages) => {
                let listed: Listed = read(pages, pages.look("/rules").await)?;
                let of_rules = listed.rules.into_iter();
                let now = of_rules.map(|row| {
                    let now = RuleNow {
                        paused_by: row.paused_by,
                        line: Some(row.line),
                    };
                    (row.rule, now)
                });
                Ok(now.collect())
            }
            Self::Store { store, said } => {
                let Some(rules) = rules else {
                    bail!("the rules on disk cannot be used, and no running service tells");
                };
                let client = store.client();
                let ask_holds = holds::Ask {
                    change: None,
                    known: Arc::default(),
                    now_ms,
                };
                let holds = async { Ok(client.ask(ask_holds).await?) };
                match unless_down(said, holds).await? {
                    Ok(holds) => Ok(held_rules(rules, &holds)),
                    Err(_row) => bail!("what is stopped cannot be read in the state store"),
                }
            }
        }
    }

    /// Where it was asked, in words.
    pub fn in_words(&self) -> String {
        match self {
            Self::Service(pages) => format!("the service at {}", pages.address()),
            Self::Store { .. } => "the state store itself".to_owned(),
        }
    }

    /// Lets go of a store; what it was asked is done.
    pub async fn close(self) -> anyhow::Result<()> {
        if let Self::Store { store, .. } = self {
            tokio::task::spawn_blocking(move || store.close(TIMEOUT)).await?;
        }
        Ok(())
    }
}

/// How rules run now, by their names.
pub type RulesNow = BTreeMap<String, RuleNow>;

/// What `/rules` says, as far as it is needed.
#[derive(Deserialize)]
struct Listed {
    rules: Vec<ListedRule>,
}

#[derive(Deserialize)]
struct ListedRule {
    rule: String,
    paused_by: Vec<PauseTold>,
    #[serde(flatten)]
    line: LineTold,
}

/// What a store answers, or why it is down.
async fn unless_down<T>(
    said: &mut mpsc::UnboundedReceiver<Stored>,
    answer: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let why_down = async {
        // A store that is slow for a moment says that it is back, and answers.
        let mut why_down = "it does not answer".to_owned();
        let hear = async {
            while let Some(stored) = said.recv().await {
                if let Stored::Down { why } = stored {
                    why_down = why;
                }
            }
        };
        let _ended = tokio::time::timeout(TIMEOUT, hear).await.is_ok();
        why_down
    };
    tokio::select! {
        answer = answer => answer,
        why = why_down => Err(anyhow!("the state store is down: {why}")),
    }
}

async fn ask_service(pages: &InstancePages, wanted: &[Wanted]) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    let rows: Vec<Row> = wanted.iter().filter_map(row).collect();
    if !rows.is_empty() {
        let document = serde_json::to_vec(&rows)?;
        let set = pages.change_by("/grants", document).await;
        lines.extend(read::<Vec<Line>>(pages, set)?);
    }
    for wanted in wanted.iter().filter(|wanted| wanted.left.is_none()) {
        let key = &wanted.named.key;
        let query = [
            ("app", key.app.as_ref()),
            ("openid", key.openid.as_ref()),
            ("template", key.template_id.as_ref()),
        ];
        let told = pages.ask("/grants", &query).await;
        lines.extend(read::<Vec<Line>>(pages, told)?);
    }
    Ok(lines)
}

fn row(wanted: &Wanted) -> Option<Row> {
    let key = &wanted.named.key;
    Some(Row {
        app: key.app.to_string(),
        openid: key.openid.to_string(),
        template: key.template_id.to_string(),
        left: wanted.left?,
    })
}

fn read<T: DeserializeOwned>(
    pages: &InstancePages,
    answer: Result<String, Unanswered>,
) -> anyhow::Result<T> {
    let address = pages.address();
    // The address of the page names the user.
    let body = answer.map_err(|unanswered| match unanswered.without_url() {
        Unanswered::Unreachable { error, .. } => {
            anyhow::Error::new(error).context(format!("the service at {address} did not answer"))
        }
        Unanswered::Refused { status, why, .. } => {
            let status = status.as_u16();
            anyhow!("the service at {address} answers {status}: {why}")
        }
        other @ (Unanswered::NoAddress { .. }
        | Unanswered::Broken(_)
        | Unanswered::TooLong { .. }) => other.into(),
    })?;
    serde_json::from_str(&body)
        .with_context(|| format!("what listens at {address} does not answer as wx-courier does"))
}
