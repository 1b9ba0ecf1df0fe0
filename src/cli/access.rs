//! What is asked: the running service, or the state store itself where no service runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use crate::cli::actor::{Why, with_actor};
use crate::cli::pages::{CHANGE_TIMEOUT, client, reachable, reason, with_proof};
use crate::cli::{complain, now_ms};
use crate::config::{Secret, Settings, StateUrl};
use crate::edges::grants::{Line, Wanted, ask};
use crate::edges::http::grants::Row;
use crate::edges::http::messages::LOOK_PAGE;
use crate::edges::store::{Store, Stored};
use wx_courier_core::explanation::{LineTold, PauseTold, RuleNow, held_rules};
use wx_courier_core::holds;
use wx_courier_core::rules::RuleSet;
use wx_courier_core::state::{Look, Looked};

/// A store that does not answer by then has other troubles.
const TIMEOUT: Duration = Duration::from_secs(8);

/// What is done if there is no state file where the settings say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// It is an error: nothing is known of any user in a new file, and what is set there no service may ever read.
    Refuse,
    /// It is made, and said: a count is moved in before the service's first start.
    Make,
}

/// What is asked.
pub(super) enum StoreAccess {
    /// The running service, at this address.
    Service {
        http: reqwest::Client,
        address: String,
        token: Option<Secret>,
    },
    /// The store, opened by this process.
    Store {
        store: Store,
        said: mpsc::UnboundedReceiver<Stored>,
    },
}

impl StoreAccess {
    /// Looks for the service at `at`, or where the settings say. If no service listens there, the store of the settings is opened;
    /// but not if the user has said where to ask.
    pub(super) async fn open(
        settings: &Settings,
        at: Option<&str>,
        missing: Missing,
    ) -> anyhow::Result<Self> {
        let address = at.map_or_else(|| reachable(&settings.http).to_string(), str::to_owned);
        let http = client(CHANGE_TIMEOUT)?;
        match http.get(format!("http://{address}/healthz")).send().await {
            Ok(_) => Ok(Self::Service {
                http,
                address,
                token: settings.http.token.clone(),
            }),
            Err(error) if error.is_connect() && at.is_none() => {
                Self::open_store(settings, &address, missing)
            }
            Err(error) => {
                Err(error.without_url()).with_context(|| format!("no service answers at {address}"))
            }
        }
    }

    fn open_store(settings: &Settings, address: &str, missing: Missing) -> anyhow::Result<Self> {
        let new_file = match &settings.state.url {
            StateUrl::Memory => bail!(
                "no service answers at {address}, and with [state] url = \"memory:\" nothing is kept anywhere else: start the service, or say with --at where it listens"
            ),
            // One that was left behind is told where the store is opened.
            StateUrl::Sqlite(path) => {
                let is_new = !path.exists() && settings.state.left_behind.is_none();
                is_new.then(|| path.display())
            }
            StateUrl::Redis(_) => None,
        };
        match (new_file, missing) {
            (Some(path), Missing::Refuse) => bail!(
                "no service answers at {address}, and there is no state file {path}: check [state] url and the folder in which this runs, or say with --at where the service listens"
            ),
            (Some(path), Missing::Make) => complain(format_args!(
                "no service answers at {address}, and there is no state file {path}: a new one is made"
            )),
            (None, _) => complain(format_args!(
                "no service answers at {address}; the state store is asked itself"
            )),
        }
        let (answers, said) = mpsc::unbounded_channel();
        let store = Store::start(&settings.state, &settings.kafka.group, answers)?;
        Ok(Self::Store { store, said })
    }

    /// Asks for ledgers.
    pub(super) async fn ask_grants(&mut self, wanted: &[Wanted]) -> anyhow::Result<Vec<Line>> {
        self.set_grants(wanted, &Why::default()).await
    }

    /// Asks for ledgers, and sets those that are to be set. A service writes down who does; of a store it is to be written before.
    pub(super) async fn set_grants(
        &mut self,
        wanted: &[Wanted],
        why: &Why,
    ) -> anyhow::Result<Vec<Line>> {
        match self {
            Self::Service {
                http,
                address,
                token,
            } => ask_service(http, address, token.as_ref(), (wanted, why)).await,
            Self::Store { store, said } => {
                let client = store.client();
                unless_down(said, ask(&client, wanted, now_ms())).await
            }
        }
    }

    /// Asks what is known of messages, in the order of the questions.
    pub(super) async fn look(&mut self, looks: &[Look]) -> anyhow::Result<Vec<Looked>> {
        match self {
            Self::Service {
                http,
                address,
                token,
            } => {
                let mut found = Vec::new();
                for look in looks {
                    let ids = [
                        ("outcome_id", look.outcome_id.as_deref()),
                        ("message_id", look.message_id.as_deref()),
                    ];
                    let query = ids.into_iter().filter_map(|(name, id)| Some((name, id?)));
                    let page = format!("http://{address}{LOOK_PAGE}");
                    let url = reqwest::Url::parse_with_params(&page, query)?;
                    found.push(read(address, with_proof(http.get(url), token.as_ref())).await?);
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
    pub(super) async fn rules_now(&mut self, rules: Option<&RuleSet>) -> anyhow::Result<RulesNow> {
        match self {
            Self::Service { http, address, .. } => {
                let listed: Listed =
                    read(address, http.get(format!("http://{address}/rules"))).await?;
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
                    now_ms: now_ms(),
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
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Service { address, .. } => format!("the service at {address}"),
            Self::Store { .. } => "the state store itself".to_owned(),
        }
    }

    /// Lets go of a store; what it was asked is done.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        if let Self::Store { store, .. } = self {
            tokio::task::spawn_blocking(move || store.close(TIMEOUT)).await?;
        }
        Ok(())
    }
}

/// How rules run now, by their names.
pub(super) type RulesNow = BTreeMap<String, RuleNow>;

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

async fn ask_service(
    http: &reqwest::Client,
    address: &str,
    token: Option<&Secret>,
    (wanted, why): (&[Wanted], &Why),
) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    let rows: Vec<Row> = wanted.iter().filter_map(row).collect();
    if !rows.is_empty() {
        let url = format!("http://{address}/grants");
        let body = serde_json::to_vec(&rows)?;
        let request = http
            .post(url)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body);
        lines
            .extend(read::<Vec<Line>>(address, with_proof(with_actor(request, why), token)).await?);
    }
    for wanted in wanted.iter().filter(|wanted| wanted.left.is_none()) {
        let key = &wanted.named.key;
        let query = [
            ("app", key.app.as_ref()),
            ("openid", key.openid.as_ref()),
            ("template", key.template_id.as_ref()),
        ];
        let url = reqwest::Url::parse_with_params(&format!("http://{address}/grants"), query)?;
        lines.extend(read::<Vec<Line>>(address, with_proof(http.get(url), token)).await?);
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

async fn read<T: DeserializeOwned>(
    address: &str,
    request: reqwest::RequestBuilder,
) -> anyhow::Result<T> {
    // The URL names the user.
    let without_url = reqwest::Error::without_url;
    let response = request.send().await.map_err(without_url);
    let response = response.with_context(|| format!("the service at {address} did not answer"))?;
    let status = response.status();
    let body = response.text().await.map_err(without_url)?;
    if !status.is_success() {
        bail!(
            "the service at {address} answers {}: {}",
            status.as_u16(),
            reason(&body)
        );
    }
    serde_json::from_str(&body)
        .with_context(|| format!("what listens at {address} does not answer as wx-courier does"))
}
