//! What is asked: the running service, or the state store itself where no service runs.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use tokio::sync::mpsc;

use crate::cli::complain;
use crate::cli::pages::{client, reachable, reason, with_proof};
use crate::config::{Secret, Settings, StateUrl};
use crate::edges::grants::{Line, Wanted, ask};
use crate::edges::http::grants::Row;
use crate::edges::store::{Store, Stored};

/// A service or a store that does not answer by then has other troubles. The service waits five seconds for its store.
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
pub(super) enum GrantAccess {
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

impl GrantAccess {
    /// Looks for the service at `at`, or where the settings say. If no service listens there, the store of the settings is opened;
    /// but not if the user has said where to ask.
    pub(super) async fn open(
        settings: &Settings,
        at: Option<&str>,
        missing: Missing,
    ) -> anyhow::Result<Self> {
        let address = at.map_or_else(|| reachable(&settings.http).to_string(), str::to_owned);
        let http = client(TIMEOUT)?;
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

    /// Asks for ledgers, and sets those that are to be set.
    pub(super) async fn ask(&mut self, wanted: &[Wanted]) -> anyhow::Result<Vec<Line>> {
        match self {
            Self::Service {
                http,
                address,
                token,
            } => ask_service(http, address, token.as_ref(), wanted).await,
            Self::Store { store, said } => {
                let client = store.client();
                #[expect(
                    clippy::disallowed_methods,
                    reason = "a command has no earlier reading to tell a jump by"
                )]
                let now_ms = jiff::Timestamp::now().as_millisecond();
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
                    lines = ask(&client, wanted, now_ms) => lines,
                    why = why_down => Err(anyhow!("the state store is down: {why}")),
                }
            }
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

async fn ask_service(
    http: &reqwest::Client,
    address: &str,
    token: Option<&Secret>,
    wanted: &[Wanted],
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
        lines.extend(read(address, with_proof(request, token)).await?);
    }
    for wanted in wanted.iter().filter(|wanted| wanted.left.is_none()) {
        let key = &wanted.named.key;
        let query = [
            ("app", key.app.as_ref()),
            ("openid", key.openid.as_ref()),
            ("template", key.template_id.as_ref()),
        ];
        let url = reqwest::Url::parse_with_params(&format!("http://{address}/grants"), query)?;
        lines.extend(read(address, with_proof(http.get(url), token)).await?);
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

async fn read(address: &str, request: reqwest::RequestBuilder) -> anyhow::Result<Vec<Line>> {
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
