//! One send, judged as WeChat judges it: the token, the form of the body, the user, the template, the page, the values,
//! the grant. WeChat: `message/subscribe/send` and its error table.
//!
//! A send is judged when it arrives and answered when its latency is over, so a caller that stops waiting has sent the
//! message all the same.

use std::sync::Arc;
use std::time::Duration;

use crate::sandbox::answer::{Refusal, Reply};
use crate::sandbox::body::{Data, Field, SendBody, has_unicode_escape};
use crate::sandbox::log::Taken;
use crate::sandbox::script::{Answer, Call, Endpoint, Fate};
use crate::sandbox::settings::{App, Template};
use crate::sandbox::state::{Occupied, State, lock};
use crate::sandbox::values::{self, Fault};

/// What is to be answered, and when.
pub(super) struct Ruling {
    pub(super) reply: Reply,
    /// Beside the latency.
    pub(super) delay: Duration,
    /// The send that the reply tells of, if it tells that it was accepted.
    pub(super) told: Option<Taken>,
    /// Keeps other sends to the user away until the answer is out.
    pub(super) occupied: Option<Occupied>,
}

/// Judges a send that arrives now.
pub(super) fn judge(state: &Arc<State>, token: Option<&str>, raw: &[u8]) -> Ruling {
    let now_ms = state.clock.now_ms();
    let refuse = |refusal: &Refusal| Ruling {
        reply: Reply::refused(refusal, now_ms),
        delay: Duration::ZERO,
        told: None,
        occupied: None,
    };
    let appid = match appid_of(state, token, now_ms) {
        Ok(appid) => appid,
        Err(refusal) => return refuse(&refusal),
    };
    if let Err(refusal) = lock(&state.quotas).take(&appid, now_ms) {
        return refuse(&refusal);
    }
    // Bytes that are not UTF-8 are no reason to refuse the body: they turn up as invalid values.
    let text = String::from_utf8_lossy(raw);
    let body = match read(&text) {
        Ok(body) => body,
        Err(refusal) => return refuse(&refusal),
    };
    let openid = body.touser.text();
    if !lock(&state.openids).know(openid) {
        return refuse(&Refusal::of(40003));
    }
    let Some(occupied) = state.occupy(&appid, openid) else {
        return refuse(&Refusal::of(43108));
    };

    let sending = Sending {
        state,
        appid: &appid,
        body: &body,
        raw,
        now_ms,
    };
    let call = Call {
        on: Endpoint::Send,
        openid,
        template: body.template_id.text(),
    };
    let untold = |reply, delay_ms| (reply, None, delay_ms);
    let (reply, told, delay_ms) = match state.scripts.pick(&call) {
        None => sending.finish(0),
        Some(Answer::Delay { ms }) => sending.finish(ms),
        Some(Answer::Errcode {
            code,
            message: Some(message),
        }) => untold(Reply::verbatim(code, &message), 0),
        Some(Answer::Errcode {
            code,
            message: None,
        }) => untold(Reply::refused(&Refusal::of(code), now_ms), 0),
        Some(Answer::Http { status, body, fate }) => {
            sending.meet(fate);
            untold(Reply::Raw { status, body }, 0)
        }
        Some(Answer::Hang { ms, fate }) => {
            sending.meet(fate);
            untold(Reply::Cut, ms)
        }
        Some(Answer::Drop { fate }) => {
            sending.meet(fate);
            untold(Reply::Cut, 0)
        }
    };
    Ruling {
        reply,
        delay: Duration::from_millis(delay_ms),
        told,
        occupied: Some(occupied),
    }
}

/// The app that a call speaks for.
pub(super) fn appid_of(
    state: &State,
    token: Option<&str>,
    now_ms: u64,
) -> Result<Arc<str>, Refusal> {
    match token {
        None | Some("") => Err(Refusal::of(41001)),
        Some(token) => lock(&state.tokens).check(token, now_ms),
    }
}

fn read(text: &str) -> Result<SendBody<'_>, Refusal> {
    if text.is_empty() {
        return Err(Refusal::of(44002));
    }
    // A derived struct would also be read from an array, by position.
    if !text.trim_start().starts_with('{') {
        return Err(Refusal::of(47001));
    }
    let body = serde_json::from_str(text).map_err(|_| Refusal::of(47001))?;
    if has_unicode_escape(text) {
        Err(Refusal::of(47002))
    } else {
        Ok(body)
    }
}

/// A send of a known user.
struct Sending<'a> {
    state: &'a State,
    appid: &'a Arc<str>,
    body: &'a SendBody<'a>,
    raw: &'a [u8],
    now_ms: u64,
}

impl Sending<'_> {
    /// The true answer, and how much later it comes.
    fn finish(&self, delay_ms: u64) -> (Reply, Option<Taken>, u64) {
        match self.accept() {
            Ok(taken) => (Reply::sent(taken.msgid), Some(taken), delay_ms),
            Err(refusal) => (Reply::refused(&refusal, self.now_ms), None, delay_ms),
        }
    }

    /// Does what a script says became of the message. Nobody hears whether it was good.
    fn meet(&self, fate: Fate) {
        match fate {
            Fate::Lost => {}
            Fate::Accepted => drop(self.accept()),
        }
    }

    fn accept(&self) -> Result<Taken, Refusal> {
        let app = self
            .state
            .app(self.appid)
            .ok_or_else(|| Refusal::of(40013))?;
        let template_id = self.body.template_id.text();
        let template = app
            .templates
            .get(template_id)
            .ok_or_else(|| Refusal::of(40037))?;
        check_page(app, &self.body.page)?;
        check_data(template, &self.body.data)?;
        if !lock(&self.state.grants).take(self.body.touser.text(), template_id, template.kind) {
            return Err(Refusal::of(43101));
        }
        let msgid = self.state.next_msgid();
        let mut log = lock(&self.state.log);
        Ok(log.add(Arc::clone(self.appid), self.raw, msgid, self.now_ms))
    }
}

/// An empty page is none. A page is a path inside the app, without a slash before it; its query is the app's own affair.
fn check_page(app: &App, page: &Field<'_>) -> Result<(), Refusal> {
    let page = match page {
        Field::Absent => return Ok(()),
        Field::NotText => return Err(Refusal::of(41030)),
        Field::Text(page) if page.is_empty() => return Ok(()),
        Field::Text(page) => page.as_ref(),
    };
    let path = page.split('?').next().unwrap_or_default();
    let well_formed = !path.is_empty() && !path.starts_with(['/', '.']) && !path.contains("://");
    if well_formed && (app.pages.is_empty() || app.pages.contains(path)) {
        Ok(())
    } else {
        Err(Refusal::of(41030))
    }
}

/// Names the first bad value in the order of the template, or of the body where the template's params are not known.
fn check_data(template: &Template, data: &Data<'_>) -> Result<(), Refusal> {
    if !template.params.is_empty() {
        return template
            .params
            .iter()
            .try_for_each(|param| check_value(template, param, data.value(param)));
    }
    if data.0.is_empty() {
        return Err(Refusal::of(47003));
    }
    data.0
        .iter()
        .try_for_each(|(param, value)| check_value(template, param, value))
}

fn check_value(template: &Template, param: &str, value: &Field<'_>) -> Result<(), Refusal> {
    let allowed = template.enums.get(param).map_or(&[][..], Vec::as_slice);
    let checked = match value {
        Field::Absent => Err(Fault::Empty),
        Field::NotText => Err(Fault::Invalid),
        Field::Text(text) => values::check(param, text, allowed),
    };
    checked.map_err(|fault| Refusal::argument(param, fault.text()))
}

#[cfg(test)]
#[path = "send_tests.rs"]
mod tests;
