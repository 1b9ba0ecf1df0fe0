//! Asks a running instance on its private pages: how it is, what it knows, and that it changes something. For the commands, and for a server that
//! stands beside a fleet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;

use crate::config::{Http, Secret};
use crate::edges::http::access::CHANGE_HEADER;

/// What an answer may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long it may take, from the connection to the last byte.
    pub time: Duration,
    /// How many bytes it may have.
    pub most_bytes: usize,
}

impl Patience {
    /// For a person who waits at a terminal. An instance that does not answer by then has other troubles: it waits five seconds for its store.
    pub const OF_A_COMMAND: Self = Self {
        time: Duration::from_secs(8),
        most_bytes: 64 << 20,
    };

    /// For a server that asks for others: a page of a thousand rules is below a megabyte.
    pub const OF_A_SERVER: Self = Self {
        time: Duration::from_secs(8),
        most_bytes: 8 << 20,
    };
}

/// Why a page gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// No instance can be at such an address, or no page can be asked for like this.
    #[error("{why}")]
    NoAddress {
        /// What is wrong with it.
        why: String,
    },
    /// No instance has answered. The error may name the page with what was asked: [`Self::without_url`].
    #[error("no service answers at {address}")]
    Unreachable {
        /// Where it was asked.
        address: String,
        /// What happened.
        #[source]
        error: reqwest::Error,
    },
    /// The answer has no end.
    #[error(transparent)]
    Broken(reqwest::Error),
    /// The answer is longer than may be.
    #[error("what listens at {address} answers with more than {most} bytes")]
    TooLong {
        /// Where it was asked.
        address: String,
        /// How many there may be.
        most: usize,
    },
    /// The instance refuses.
    #[error("{}", refusal(.address, *.status, .why))]
    Refused {
        /// Where it was asked.
        address: String,
        /// By which status.
        status: StatusCode,
        /// Why, in a sentence; empty where it does not say.
        why: String,
    },
}

fn refusal(address: &str, status: StatusCode, why: &str) -> String {
    if why.is_empty() {
        format!("the service at {address} answers {status}")
    } else {
        why.to_owned()
    }
}

impl Unanswered {
    /// The same without the address of the page, which may name a user.
    #[must_use]
    pub fn without_url(self) -> Self {
        match self {
            Self::Unreachable { address, error } => Self::Unreachable {
                address,
                error: error.without_url(),
            },
            Self::Broken(error) => Self::Broken(error.without_url()),
            Self::NoAddress { .. } | Self::TooLong { .. } | Self::Refused { .. } => self,
        }
    }

    /// Whether no process listens there at all.
    pub fn is_nobody(&self) -> bool {
        match self {
            Self::Unreachable { error, .. } => error.is_connect(),
            Self::NoAddress { .. }
            | Self::Broken(_)
            | Self::TooLong { .. }
            | Self::Refused { .. } => false,
        }
    }

    /// The whole of it for a person, with no address of a page in it.
    pub fn in_words(self) -> String {
        format!("{:#}", anyhow::Error::new(self.without_url()))
    }
}

/// What a request shows of its right to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// Nothing: the page shows how the instance is.
    None,
    /// What is wanted before something is changed, or told of a user.
    Shown,
}

/// The pages of one instance. Copies share their connections.
#[derive(Clone, Debug)]
pub struct InstancePages {
    http: Client,
    address: String,
    token: Option<Secret>,
    most_bytes: usize,
}

impl InstancePages {
    /// Those at `HOST:PORT`, with the token of `[http]`. The token goes there and to no proxy.
    pub fn new(address: &str, token: Option<Secret>, patience: Patience) -> reqwest::Result<Self> {
        let http = Client::builder().timeout(patience.time).no_proxy();
        Ok(Self {
            http: http.build()?,
            address: address.to_owned(),
            token,
            most_bytes: patience.most_bytes,
        })
    }

    /// Those of another instance of the fleet.
    #[must_use]
    pub fn at(&self, address: &str) -> Self {
        Self {
            address: address.to_owned(),
            ..self.clone()
        }
    }

    /// Where they are.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether an instance answers there, whatever it says.
    pub async fn is_there(&self) -> Result<(), Unanswered> {
        match self.look("/healthz").await {
            Err(error @ (Unanswered::Unreachable { .. } | Unanswered::NoAddress { .. })) => {
                Err(error)
            }
            Ok(_)
            | Err(
                Unanswered::Broken(_) | Unanswered::TooLong { .. } | Unanswered::Refused { .. },
            ) => Ok(()),
        }
    }

    /// Looks at a page that shows how the instance is.
    pub async fn look(&self, page: &str) -> Result<String, Unanswered> {
        let request = self.http.get(self.url(page));
        self.answer_to(request, Proof::None).await
    }

    /// Asks for what is not for everyone.
    pub async fn ask(&self, page: &str, query: &[(&str, &str)]) -> Result<String, Unanswered> {
        let request = self.http.get(self.url_with(page, query)?);
        self.answer_to(request, Proof::Shown).await
    }

    /// Has something changed.
    pub async fn change(&self, page: &str, query: &[(&str, &str)]) -> Result<String, Unanswered> {
        let request = self.http.post(self.url_with(page, query)?);
        self.answer_to(request, Proof::Shown).await
    }

    /// Has something changed, by a JSON document.
    pub async fn change_by(&self, page: &str, document: Vec<u8>) -> Result<String, Unanswered> {
        let json = HeaderValue::from_static("application/json");
        let request = self.http.post(self.url(page)).header(CONTENT_TYPE, json);
        self.answer_to(request.body(document), Proof::Shown).await
    }

    fn url(&self, page: &str) -> String {
        format!("http://{}{page}", self.address)
    }

    fn url_with(&self, page: &str, query: &[(&str, &str)]) -> Result<Url, Unanswered> {
        Url::parse_with_params(&self.url(page), query).map_err(|error| Unanswered::NoAddress {
            why: error.to_string(),
        })
    }

    /// The one place where headers are put on.
    fn with_headers(&self, request: RequestBuilder, proof: Proof) -> RequestBuilder {
        let request = match proof {
            Proof::None => return request,
            Proof::Shown => request.header(CHANGE_HEADER, "1"),
        };
        match &self.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        }
    }

    async fn answer_to(&self, request: RequestBuilder, proof: Proof) -> Result<String, Unanswered> {
        let response = self.with_headers(request, proof).send().await;
        let response = response.map_err(|error| Unanswered::Unreachable {
            address: self.address.clone(),
            error,
        })?;
        let status = response.status();
        let answer = self.text(response).await?;
        if status.is_success() {
            return Ok(answer);
        }
        Err(Unanswered::Refused {
            address: self.address.clone(),
            status,
            why: reason(&answer),
        })
    }

    async fn text(&self, mut response: Response) -> Result<String, Unanswered> {
        let mut body = Vec::new();
        while let Some(more) = response.chunk().await.map_err(Unanswered::Broken)? {
            if body.len() + more.len() > self.most_bytes {
                return Err(Unanswered::TooLong {
                    address: self.address.clone(),
                    most: self.most_bytes,
                });
            }
            body.extend_from_slice(&more);
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}

/// What a refusal says to a person.
fn reason(body: &str) -> String {
    let parsed: Option<Value> = serde_json::from_str(body).ok();
    let message = parsed
        .as_ref()
        .and_then(|body| body.get("message")?.as_str());
    message
        .or_else(|| body.lines().next())
        .unwrap_or_default()
        .to_owned()
}

/// Where an instance with these settings is reached from this machine: one that listens on every address, on the machine's own.
pub fn reachable(http: &Http) -> SocketAddr {
    let ip = match http.listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, http.listen.port())
}

#[cfg(test)]
mod tests;
