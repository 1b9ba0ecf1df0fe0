//! The floors of the bench: the least that a program in this language does for the same work (`bench/README.md`).
//!
//! `bare` sends the bodies that wx-courier would send, as fast as it can with `IN_FLIGHT` calls at once, and looks at each `errcode`: no Kafka, no
//! outcome. `bare kafka` does the whole job in the plainest way: consume, read the JSON, write five params, post, publish the outcome; no
//! claims, no limits, no retries, one token, and offsets that are committed whatever becomes of their messages.

#![expect(
    clippy::print_stderr,
    clippy::expect_used,
    clippy::panic,
    reason = "a program that is measured, and that says at once what went wrong"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "its settings are variables, as every peer's are"
)]

mod job;

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::json;

/// The one that wx-courier has: a floor with a slower one would be no floor.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let wechat = WeChat::connect().await;
        if env::args().nth(1).as_deref() == Some("kafka") {
            job::run(wechat).await;
        } else {
            send_for_ever(wechat).await;
        }
    });
}

/// A variable that the bench sets.
fn told(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

fn in_flight() -> usize {
    told("IN_FLIGHT").parse().expect("IN_FLIGHT is a number")
}

/// The API, with one token for the life of the program.
struct WeChat {
    client: Client,
    url: String,
    template_id: String,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

/// The part of the answer that matters.
#[derive(Deserialize)]
struct Answer {
    errcode: i64,
    msgid: Option<u64>,
}

impl WeChat {
    async fn connect() -> Self {
        let timeout_s: u64 = told("TIMEOUT_S").parse().expect("TIMEOUT_S is a number");
        let client = Client::builder()
            .timeout(Duration::from_secs(timeout_s))
            .tcp_nodelay(true)
            .pool_max_idle_per_host(usize::MAX)
            .no_proxy()
            .build()
            .expect("a client");
        let base_url = told("WECHAT_BASE_URL");
        let asked = json!({
            "grant_type": "client_credential",
            "appid": told("WECHAT_APPID"),
            "secret": told("WECHAT_SECRET"),
        });
        let request = client
            .post(format!("{base_url}/cgi-bin/stable_token"))
            .body(asked.to_string());
        let answer = request.send().await.expect("an answer");
        let answer = answer.bytes().await.expect("a body");
        let Token { access_token } = serde_json::from_slice(&answer).expect("a token");
        Self {
            client,
            url: format!("{base_url}/cgi-bin/message/subscribe/send?access_token={access_token}"),
            template_id: told("TEMPLATE_ID"),
        }
    }

    async fn send(&self, body: String) -> Result<Answer, reqwest::Error> {
        let request = self.client.post(&self.url);
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let answer = request.send().await?.bytes().await?;
        Ok(serde_json::from_slice(&answer).unwrap_or(Answer {
            errcode: i64::MIN,
            msgid: None,
        }))
    }

    /// The body that wx-courier makes of the bench's events.
    fn body(&self, message: &Message<'_>) -> String {
        let Message {
            openid,
            order_no,
            goods,
            amount,
            time,
        } = message;
        let template_id = &self.template_id;
        format!(
            r#"{{"touser":"{openid}","template_id":"{template_id}","page":"pages/order/detail?id={order_no}","miniprogram_state":"formal","lang":"zh_CN","data":{{"character_string1":{{"value":"{order_no}"}},"thing2":{{"value":"{goods}"}},"amount3":{{"value":"{amount}"}},"time4":{{"value":"{time}"}},"phrase5":{{"value":"已完成"}}}}}}"#
        )
    }
}

/// What changes from one body to the next.
struct Message<'a> {
    openid: &'a str,
    order_no: &'a str,
    goods: &'a str,
    amount: &'a str,
    time: &'a str,
}

async fn send_for_ever(wechat: WeChat) {
    let wechat = Arc::new(wechat);
    let next = Arc::new(AtomicU64::new(0));
    for _ in 0..in_flight() {
        let (wechat, next) = (Arc::clone(&wechat), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let message = Message {
                    openid: &format!("oBench{n:09}"),
                    order_no: &format!("SO{n:09}"),
                    goods: "拿铁 等2件",
                    amount: "￥128.50",
                    time: "2026年11月23日 10:00",
                };
                match wechat.send(wechat.body(&message)).await {
                    Ok(Answer { errcode: 0, .. }) => {}
                    Ok(Answer { errcode, .. }) => eprintln!("errcode {errcode}"),
                    Err(error) => eprintln!("{}", error.without_url()),
                }
            }
        });
    }
    // They do not end: the program that measures ends this one.
    std::future::pending::<()>().await;
}
