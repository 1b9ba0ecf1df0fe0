//! The task that posts pushes and tries again. WeChat: message push, three tries in all.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, redirect};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::callbacks::crypt::signature;
use crate::callbacks::message::Sealed;
use crate::callbacks::register::{Callback, Format};
use crate::callbacks::{Job, PushFate, Signature, Stamp, Try};
use crate::state::{Running, State, lock};

/// WeChat: message push.
const TRIES: usize = 3;
/// Posts at once, which is enough to keep up with a service that answers within milliseconds.
const MOST_AT_ONCE: usize = 64;
/// What is read of an answer, in bytes; the right one has seven.
const MOST_ANSWER: usize = 4096;

/// The client of all pushes. It fails only where the machine has no usable TLS.
pub(super) fn client(state: &State) -> Result<&Client, String> {
    let client = state.client.get_or_init(|| {
        Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| error.without_url().to_string())
    });
    client.as_ref().map_err(Clone::clone)
}

/// Why a request failed, without its address, whose query is signed.
pub(super) fn trouble(error: reqwest::Error, callback: &Callback) -> String {
    if error.is_timeout() {
        return format!("no answer within {} ms", callback.timeout_ms);
    }
    let error = error.without_url();
    let mut innermost: &dyn Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Posts what has to go out until the server is down; what is under way then is dropped.
pub(crate) async fn run(state: Arc<State>) {
    let mut running = state.running.subscribe();
    let permits = Arc::new(Semaphore::new(MOST_AT_ONCE));
    let mut posts = JoinSet::new();
    loop {
        tokio::select! {
            _ = running.wait_for(|running| *running == Running::Down) => return,
            () = state.pushed.notified() => {}
        }
        while let Some(job) = next_job(&state) {
            posts.spawn(deliver(Arc::clone(&state), Arc::clone(&permits), job));
        }
        while posts.try_join_next().is_some() {}
    }
}

fn next_job(state: &State) -> Option<Job> {
    lock(&state.callbacks).next_job()
}

async fn deliver(state: Arc<State>, permits: Arc<Semaphore>, job: Job) {
    tokio::time::sleep(Duration::from_millis(job.delay_ms)).await;
    let mut fate = PushFate::GivenUp;
    for n_tries in 0..TRIES {
        if n_tries > 0 {
            tokio::time::sleep(Duration::from_millis(job.callback.retry_after_ms)).await;
        }
        if !lock(&state.callbacks).wants(&job) {
            break;
        }
        let at_ms = state.clock.now_ms();
        // The semaphore is never closed.
        let Ok(permit) = permits.acquire().await else {
            break;
        };
        let began = tokio::time::Instant::now();
        let result = post(&state, &job, at_ms).await;
        drop(permit);
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let delivered = result.is_ok();
        let result = result.err().unwrap_or_else(|| "delivered".to_owned());
        lock(&state.callbacks).tried(
            job.index,
            Try {
                at_ms,
                took_ms,
                result,
            },
        );
        if delivered {
            fate = PushFate::Delivered;
            break;
        }
    }
    lock(&state.callbacks).ended(job.index, fate);
}

/// One try; the error says what was wrong with the answer.
async fn post(state: &State, job: &Job, now_ms: u64) -> Result<(), String> {
    let callback = &job.callback;
    let nonce = lock(&state.callbacks).random.u32(100_000_000..).to_string();
    let query = stamped(
        callback,
        &job.sealed,
        &job.openid,
        job.stamp,
        now_ms,
        &nonce,
    );
    let pairs: Vec<(&str, &str)> = query
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let url = callback.url_with(&pairs).ok_or("the url cannot be read")?;
    let content_type = match callback.format {
        Format::Xml => "text/xml",
        Format::Json => "application/json",
    };
    let response = client(state)?
        .post(url)
        .header(CONTENT_TYPE, content_type)
        .body(job.sealed.body.clone())
        .timeout(callback.timeout())
        .send()
        .await
        .map_err(|error| trouble(error, callback))?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("status {}", status.as_u16()));
    }
    let body = read(response)
        .await
        .map_err(|error| trouble(error, callback))?;
    match body.trim() {
        "" | "success" => Ok(()),
        other => {
            let shown: String = other.chars().take(60).collect();
            Err(format!(
                "the answer is {shown:?}, neither empty nor success"
            ))
        }
    }
}

async fn read(mut response: Response) -> Result<String, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_ANSWER {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// The query of a push: the signature of this try, and what says that the body is encrypted.
fn stamped(
    callback: &Callback,
    sealed: &Sealed,
    openid: &str,
    stamp: Stamp,
    now_ms: u64,
    nonce: &str,
) -> Vec<(&'static str, String)> {
    let timestamp = stamp.timestamp_s.unwrap_or(now_ms / 1000).to_string();
    let token = match stamp.signature {
        Signature::Valid => callback.token.as_str(),
        Signature::Forged => "forged",
    };
    let mut query = vec![
        ("signature", signature(&[token, &timestamp, nonce])),
        ("timestamp", timestamp.clone()),
        ("nonce", nonce.to_owned()),
    ];
    if !openid.is_empty() {
        query.push(("openid", openid.to_owned()));
    }
    if let Some(encrypt) = &sealed.encrypt {
        let signed = signature(&[token, &timestamp, nonce, encrypt]);
        query.push(("encrypt_type", "aes".to_owned()));
        query.push(("msg_signature", signed));
    }
    query
}
