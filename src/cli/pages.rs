//! Questions of commands to the pages of a running service.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use super::actor::{Why, with_actor};
use super::{Exit, block_on, complain, complain_of, say, sources};
use crate::config::{Http, Loaded, Secret, load};
use crate::edges::http::access::CHANGE_HEADER;

/// Which service is asked.
#[derive(clap::Args)]
pub(super) struct Instance {
    /// Where the service listens; http.listen of the settings unless said
    #[arg(long, value_name = "HOST:PORT")]
    at: Option<String>,
}

/// A change of a running service.
#[derive(clap::Args)]
pub(super) struct Change {
    #[command(flatten)]
    instance: Instance,
    #[command(flatten)]
    why: Why,
}

impl Change {
    /// Posts to a page, and says what the service says.
    pub(super) fn ask(&self, folder: PathBuf, page: &str) -> anyhow::Result<Exit> {
        self.instance.change(folder, page, &[], &self.why)
    }
}

/// A service that does not answer by then has other troubles: it waits five seconds for its store.
const TIMEOUT: Duration = Duration::from_secs(8);

/// The same for a change: it waits five seconds for the record of it, too.
pub(super) const CHANGE_TIMEOUT: Duration = Duration::from_secs(12);

impl Instance {
    /// Posts to a page, and says what the service says.
    pub(super) fn change(
        &self,
        folder: PathBuf,
        page: &str,
        query: &[(&str, &str)],
        why: &Why,
    ) -> anyhow::Result<Exit> {
        let Some(service) = self.find(folder) else {
            return Ok(Exit::BadConfiguration);
        };
        let address = &service.address;
        let url = reqwest::Url::parse_with_params(&format!("http://{address}{page}"), query)?;
        let request = with_actor(client(CHANGE_TIMEOUT)?.post(url), why);
        let request = with_proof(request, service.token.as_ref());
        block_on(tell_answer(request, address))
    }

    /// Asks for a page that needs no proof, and says what the service says.
    pub(super) fn look(&self, folder: PathBuf, page: &str) -> anyhow::Result<Exit> {
        Ok(match self.page(folder, page)? {
            Ok(answer) => {
                say(answer.trim_end());
                Exit::Done
            }
            Err(exit) => exit,
        })
    }

    /// Asks for a page that needs no proof, and gives it, or says why not.
    pub(super) fn page(&self, folder: PathBuf, page: &str) -> anyhow::Result<Result<String, Exit>> {
        let Some(service) = self.find(folder) else {
            return Ok(Err(Exit::BadConfiguration));
        };
        block_on(answer_to(service.page(page)?, &service.address))
    }

    /// Where the service is. Tells what is wrong with the settings, if they are needed for it.
    pub(super) fn find(&self, folder: PathBuf) -> Option<Service> {
        let loaded = load(&sources(folder, Vec::new()));
        let address = self.address(&loaded)?;
        let token = loaded.http.and_then(|http| http.token);
        Some(Service { address, token })
    }

    /// Where to ask. Tells what is wrong with the settings if they are needed for it and cannot be used.
    fn address(&self, loaded: &Loaded) -> Option<String> {
        if let Some(at) = &self.at {
            return Some(at.clone());
        }
        let Some(http) = &loaded.http else {
            complain_of(&loaded.problems);
            return None;
        };
        let address = reachable(http).to_string();
        if loaded.settings.is_none() {
            complain(format_args!(
                "note: the settings have mistakes (`wx-courier check` tells them); asking at {address}, as far as they can be read"
            ));
        }
        Some(address)
    }
}

/// A running service.
pub(super) struct Service {
    address: String,
    token: Option<Secret>,
}

impl Service {
    /// Asks for a page that needs no proof, and tells nothing: gives it, or why there is none.
    pub(super) fn ask(&self, page: &str) -> anyhow::Result<Result<String, String>> {
        let asked = question(self.page(page)?, &self.address);
        block_on(async { Ok(asked.await.map_err(|error| error.to_string())) })
    }

    fn page(&self, page: &str) -> anyhow::Result<RequestBuilder> {
        let url = format!("http://{}{page}", self.address);
        Ok(client(TIMEOUT)?.get(url))
    }
}

async fn tell_answer(request: RequestBuilder, address: &str) -> anyhow::Result<Exit> {
    Ok(match answer_to(request, address).await? {
        Ok(answer) => {
            say(answer.trim_end());
            Exit::Done
        }
        Err(exit) => exit,
    })
}

/// What a page answers. A refusal is told.
async fn answer_to(request: RequestBuilder, address: &str) -> anyhow::Result<Result<String, Exit>> {
    match question(request, address).await {
        Ok(answer) => Ok(Ok(answer)),
        Err(Unanswered::Refused(why)) => {
            complain(format_args!("error: {why}"));
            Ok(Err(Exit::No))
        }
        Err(Unanswered::Unreachable(error)) => Err(error),
    }
}

/// Why a page gives no answer.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    /// The service refuses, for this reason.
    #[error("{0}")]
    Refused(String),
    /// No service has answered.
    #[error("{0:#}")]
    Unreachable(anyhow::Error),
}

async fn question(request: RequestBuilder, address: &str) -> Result<String, Unanswered> {
    let asked = async {
        let response = request.send().await;
        let response = response.with_context(|| format!("no service answers at {address}"))?;
        let status = response.status();
        anyhow::Ok((status, response.text().await?))
    };
    let (status, answer) = asked.await.map_err(Unanswered::Unreachable)?;
    if status.is_success() {
        return Ok(answer);
    }
    let why = reason(&answer);
    Err(Unanswered::Refused(if why.is_empty() {
        format!("the service at {address} answers {status}")
    } else {
        why
    }))
}

/// A client for them. The token goes to the service and to no proxy.
pub(super) fn client(limit: Duration) -> reqwest::Result<Client> {
    Client::builder().timeout(limit).no_proxy().build()
}

/// Adds what a page wants to see before it changes something or tells of a user.
pub(super) fn with_proof(request: RequestBuilder, token: Option<&Secret>) -> RequestBuilder {
    let request = request.header(CHANGE_HEADER, "1");
    match token {
        Some(token) => request.bearer_auth(token.expose()),
        None => request,
    }
}

/// What a refusal says to a person.
pub(super) fn reason(body: &str) -> String {
    let parsed: Option<Value> = serde_json::from_str(body).ok();
    let message = parsed
        .as_ref()
        .and_then(|body| body.get("message")?.as_str());
    message
        .or_else(|| body.lines().next())
        .unwrap_or_default()
        .to_owned()
}

/// A service that listens on every address is reached on this machine's own.
pub(super) fn reachable(http: &Http) -> SocketAddr {
    let ip = match http.listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, http.listen.port())
}
