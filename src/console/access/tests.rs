//! The pages as browsers, programs and attackers meet them, without a listener.

mod entering;
mod guarding;

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::http::HeaderMap;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use super::*;
use crate::config::{ConsoleUser, TokenHash};

pub(super) fn settings(listen: &str) -> Console {
    Console {
        listen: listen.parse().unwrap(),
        hosts: vec!["console.example".to_owned()],
        history: "/nowhere".into(),
        keep: Duration::from_hours(1),
        max_bytes: 1,
        instances: Vec::new(),
        users: BTreeMap::new(),
        proxy: None,
    }
}

pub(super) fn user(name: &str, token: &str, role: Role) -> BTreeMap<Arc<str>, ConsoleUser> {
    let user = ConsoleUser {
        token_hash: TokenHash::of(token),
        role,
    };
    BTreeMap::from([(Arc::from(name), user)])
}

const EDIT: &str = "the-token-of-wang";
const VIEW: &str = "the-token-of-li";

fn with_users() -> Console {
    let mut settings = settings("127.0.0.1:8070");
    settings.users = user("wang", EDIT, Role::Edit);
    settings.users.extend(user("li", VIEW, Role::View));
    settings
}

struct Site {
    access: Access,
    router: Router,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default()
    }

    /// What a browser keeps of it: `name=value`.
    fn cookie(&self) -> String {
        let cookie = self.header("set-cookie");
        cookie.split(';').next().unwrap().to_owned()
    }

    /// The stable word of a refusal.
    fn error(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["error"].as_str().unwrap_or_default().to_owned()
    }
}

const HOST: &str = "127.0.0.1:8070";
const HTML: (&str, &str) = ("accept", "text/html,*/*;q=0.8");
const ORIGIN: (&str, &str) = ("origin", "http://127.0.0.1:8070");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

impl Site {
    fn new(settings: &Console) -> Self {
        let access = Access::new(settings);
        let show = async |Extension(visitor): Extension<Visitor>| {
            let Visitor {
                name, role, via, ..
            } = &visitor;
            let forgery = visitor.forgery_token.as_str();
            format!("{name}|{}|{via}|{forgery}", role.as_str())
        };
        let pages = Router::new().route("/", get(show)).route(
            "/pause",
            post(async |body: String| format!("paused {body}")),
        );
        let open = Router::new().route("/assets/a.css", get(async || "css"));
        let router = with_headers(access.protect(pages, open));
        Self { access, router }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.ask_from("127.0.0.1:5", method, path, headers, body)
            .await
    }

    async fn ask_from(
        &self,
        peer: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", HOST);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let service = TowerToHyperService::new(self.router.clone());
        let response = service.call(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    async fn page(&self, path: &str, more: &[(&str, &str)]) -> Answer {
        let headers: Vec<_> = [HTML].iter().chain(more).copied().collect();
        self.ask("GET", path, &headers, "").await
    }

    async fn sign_in(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        let headers: Vec<_> = [HTML, ORIGIN, FORM].iter().chain(more).copied().collect();
        let body = format!("token={token}&to=%2Foutcomes%3Fa%3Db");
        self.ask("POST", SIGN_IN, &headers, &body).await
    }

    /// A browser that has signed in: its cookie, and the token of its pages.
    async fn browser(&self, token: &str) -> (String, String) {
        let answer = self.sign_in(token, &[]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let cookie = answer.cookie();
        let page = self.page("/", &[("cookie", &cookie)]).await;
        let forgery = page.body.rsplit('|').next().unwrap().to_owned();
        assert_eq!(forgery.len(), 43, "{}", page.body);
        (cookie, forgery)
    }
}
