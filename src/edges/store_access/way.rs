//! Who is asked: an instance that answers, or else the store, where that may be opened.

use anyhow::{anyhow, bail};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::StoreAccess;
use crate::config::{Settings, Sharing, StateUrl};
use crate::edges::instance_pages::{InstancePages, Patience, Unanswered, reachable};
use crate::edges::store::Store;

/// What is done if there is no state file where the settings say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is an error: nothing is known of any user in a new file, and what is set there no service may ever read.
    Refuse,
    /// It is made, and said: a count is moved in before the service's first start.
    Make,
}

/// What is asked where no instance answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// Nothing: the instance was named.
    Nothing,
    /// The store, if it is one that several processes share: Redis. A file belongs to the service, which may only be silent for a moment.
    SharedStore,
    /// The store of the settings, whichever it is, if no process listens at the address: for a command, which a person runs in the service's place.
    OwnStore(Missing),
}

/// Who is asked.
#[derive(Clone, Debug)]
pub struct Way {
    /// Where instances have their pages, HOST:PORT. One that answers is asked.
    pub addresses: Vec<String>,
    /// What is asked where none does.
    pub otherwise: Otherwise,
    /// What an instance's answer may cost.
    pub patience: Patience,
}

impl Way {
    /// As a command asks: the service at this address, or where the settings say, or else the store.
    pub fn of_a_command(settings: &Settings, at: Option<&str>, missing: Missing) -> Self {
        let (address, otherwise) = match at {
            Some(at) => (at.to_owned(), Otherwise::Nothing),
            None => (
                reachable(&settings.http).to_string(),
                Otherwise::OwnStore(missing),
            ),
        };
        Self {
            addresses: vec![address],
            otherwise,
            patience: Patience::OF_A_COMMAND,
        }
    }

    /// As a server beside the fleet asks: it opens no file of a service's.
    pub fn of_a_server(addresses: Vec<String>) -> Self {
        Self {
            addresses,
            otherwise: Otherwise::SharedStore,
            patience: Patience::OF_A_SERVER,
        }
    }
}

/// What is there to be asked.
#[derive(Debug)]
pub enum Found {
    /// An instance.
    Service(InstancePages),
    /// The store, which is to be opened. Why, and what a person may want to know of it, in a sentence.
    Store(String),
}

impl Found {
    /// Looks for an instance, and if none answers, for what else may be asked.
    pub async fn look(settings: &Settings, way: &Way) -> anyhow::Result<Self> {
        let silence = match first_there(settings, way).await? {
            Ok(pages) => return Ok(Self::Service(pages)),
            Err(silence) => silence,
        };
        match way.otherwise {
            Otherwise::OwnStore(missing) if silence.is_nobody => {
                own_store(settings, &silence.at, missing).map(Self::Store)
            }
            Otherwise::SharedStore => match settings.state.url.sharing() {
                Sharing::WithOthers => Ok(Self::Store(silence.asked_itself())),
                Sharing::Alone => Err(silence.error.context(
                    "only an instance can be asked: the state store of [state] url belongs to one process",
                )),
            },
            Otherwise::Nothing | Otherwise::OwnStore(_) => Err(silence.error),
        }
    }

    /// What a person may want to know of it.
    pub fn note(&self) -> Option<&str> {
        match self {
            Self::Service(_) => None,
            Self::Store(note) => Some(note),
        }
    }

    /// Opens it.
    pub fn open(self, settings: &Settings) -> anyhow::Result<StoreAccess> {
        Ok(match self {
            Self::Service(pages) => StoreAccess::Service(pages),
            Self::Store(_) => {
                let (answers, said) = mpsc::unbounded_channel();
                let store = Store::start(&settings.state, &settings.kafka.group, answers)?;
                StoreAccess::Store { store, said }
            }
        })
    }
}

/// No instance answers.
struct Silence {
    /// Where they were looked for.
    at: String,
    error: anyhow::Error,
    /// No process listens at any of the addresses.
    is_nobody: bool,
}

impl Silence {
    fn asked_itself(&self) -> String {
        format!("{}; the state store is asked itself", nobody(&self.at))
    }
}

fn nobody(at: &str) -> String {
    if at.is_empty() {
        "no instance of the service is known".to_owned()
    } else {
        format!("no service answers at {at}")
    }
}

/// The first instance that answers. All are asked at once: one that is gone costs no time.
async fn first_there(
    settings: &Settings,
    way: &Way,
) -> reqwest::Result<Result<InstancePages, Silence>> {
    let mut asked = JoinSet::new();
    let pages = InstancePages::new("", settings.http.token.clone(), way.patience)?;
    for address in &way.addresses {
        let pages = pages.at(address);
        asked.spawn(async move { pages.is_there().await.map(|()| pages) });
    }
    let at = way.addresses.join(", ");
    let mut silence = Silence {
        error: anyhow!("{}", nobody(&at)),
        is_nobody: true,
        at,
    };
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok(Ok(pages)) => return Ok(Ok(pages)),
            Ok(Err(error)) => {
                silence.is_nobody &= error.is_nobody();
                silence.error = why(error).context(nobody(&silence.at));
            }
            Err(error) => silence.error = error.into(),
        }
    }
    Ok(Err(silence))
}

/// What kept an instance from answering, without saying where.
fn why(unanswered: Unanswered) -> anyhow::Error {
    match unanswered.without_url() {
        Unanswered::Unreachable { error, .. } | Unanswered::Broken(error) => error.into(),
        other @ (Unanswered::NoAddress { .. }
        | Unanswered::TooLong { .. }
        | Unanswered::Refused { .. }) => other.into(),
    }
}

/// The store of the settings, where no process listens at the address: what is told of it.
fn own_store(settings: &Settings, address: &str, missing: Missing) -> anyhow::Result<String> {
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
    Ok(match (new_file, missing) {
        (Some(path), Missing::Refuse) => bail!(
            "no service answers at {address}, and there is no state file {path}: check [state] url and the folder in which this runs, or say with --at where the service listens"
        ),
        (Some(path), Missing::Make) => format!(
            "no service answers at {address}, and there is no state file {path}: a new one is made"
        ),
        (None, _) => format!("no service answers at {address}; the state store is asked itself"),
    })
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::Secret;
    use crate::config::test_settings::sample;

    async fn listening() -> String {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap().to_string();
        let router = Router::new().route("/healthz", get(async || "ok"));
        tokio::spawn(async move { axum::serve(socket, router).await });
        address
    }

    /// Its port was free a moment ago.
    async fn nobody_there() -> String {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        socket.local_addr().unwrap().to_string()
    }

    fn with_state(url: StateUrl) -> Settings {
        let (mut settings, _) = sample("127.0.0.1:1");
        settings.state.url = url;
        settings.state.left_behind = None;
        settings
    }

    #[tokio::test]
    async fn of_several_instances_one_that_answers_is_asked() {
        let settings = with_state(StateUrl::Memory);
        let there = listening().await;
        let way = Way::of_a_server(vec![nobody_there().await, there.clone()]);
        let found = Found::look(&settings, &way).await.unwrap();
        assert!(matches!(&found, Found::Service(pages) if pages.address() == there));
        assert_eq!(found.note(), None);
    }

    #[tokio::test]
    async fn a_server_opens_no_file_and_a_command_does_where_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.db");
        let settings = with_state(StateUrl::Sqlite(file.clone()));
        let address = nobody_there().await;
        let way = Way::of_a_server(vec![address.clone()]);
        for way in [way, Way::of_a_server(Vec::new())] {
            let error = Found::look(&settings, &way).await.unwrap_err();
            assert!(error.to_string().contains("only an instance"), "{error:#}");
        }
        let of_command = |missing| Way {
            addresses: vec![address.clone()],
            otherwise: Otherwise::OwnStore(missing),
            patience: Patience::OF_A_COMMAND,
        };
        let refused = Found::look(&settings, &of_command(Missing::Refuse)).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("there is no state file"), "{refused}");
        assert!(!file.exists());
        let made = Found::look(&settings, &of_command(Missing::Make)).await;
        let access = made.unwrap().open(&settings).unwrap();
        access.close().await.unwrap();
        assert!(file.exists());
        let named = Way {
            otherwise: Otherwise::Nothing,
            ..of_command(Missing::Make)
        };
        let error = Found::look(&settings, &named).await.unwrap_err();
        let begin = format!("no service answers at {address}");
        assert_eq!(error.to_string(), begin);
    }

    #[tokio::test]
    async fn a_shared_store_is_asked_where_no_instance_answers() {
        let url = Secret::new("redis://127.0.0.1:1");
        let settings = with_state(StateUrl::Redis(url));
        let way = Way::of_a_server(Vec::new());
        let found = Found::look(&settings, &way).await.unwrap();
        let note = "no instance of the service is known; the state store is asked itself";
        assert_eq!(found.note(), Some(note));
    }
}
