//! One send, judged as WeChat judges it: the token, the form of the body, the user, the template, the page, the values,
//! the grant. WeChat: `message/subscribe/send` and its error table.
//!
//! A send is judged when it arrives and answered when its latency is over, so a caller that stops waiting has sent the
//! message all the same.

use std::sync::Arc;

use crate::answer::{Refusal, Reply};
use crate::body::{Data, Field, SendBody, has_unicode_escape};
use crate::call::{Ruling, play};
use crate::callbacks;
use crate::grant::Turn;
use crate::log::Taken;
use crate::path::Path;
use crate::script::{Call, Endpoint};
use crate::settings::{App, GrantCheck, Kind, Template};
use crate::state::{State, lock};
use crate::users::Switch;
use crate::values::{self, Fault};

/// Judges a send that arrives now.
pub(super) fn judge(state: &Arc<State>, token: Option<&str>, raw: &[u8]) -> Ruling {
    let now_ms = state.clock.now_ms();
    let refuse = |refusal: &Refusal| Ruling::plain(state.refuse(refusal, now_ms));
    let appid = match appid_of(state, token, now_ms) {
        Ok(appid) => appid,
        Err(refusal) => return refuse(&refusal),
    };
    if let Err(refusal) = lock(&state.quotas).take(&appid, Path::Send, now_ms) {
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
    let ruling = play(state, state.scripts.pick(&call), now_ms, || {
        sending.finish()
    });
    Ruling {
        occupied: Some(occupied),
        ..ruling
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
    /// The true answer.
    fn finish(&self) -> (Reply, Option<Taken>) {
        match self.accept() {
            Ok(taken) => (Reply::sent(taken.msgid), Some(taken)),
            Err(refusal) => (self.state.refuse(&refusal, self.now_ms), None),
        }
    }

    fn accept(&self) -> Result<Taken, Refusal> {
        let app = self
            .state
            .app(self.appid)
            .ok_or_else(|| Refusal::of(40013))?;
        let template_id = self.body.template_id.text();
        let template = lock(&self.state.catalogs)
            .find(self.appid, template_id)
            // WeChat's code for a service card is not known; a device template gets this one here.
            .filter(|template| template.kind != Kind::ServiceCard)
            .ok_or_else(|| Refusal::of(40037))?;
        check_page(app, &self.body.page)?;
        check_data(&template, &self.body.data)?;
        if !self.is_due(&template) || !self.may_reach(template_id, template.kind) {
            return Err(Refusal::of(43101));
        }
        self.close_turn(&template);
        let msgid = self.state.next_msgid();
        let appid = Arc::clone(self.appid);
        let taken = lock(&self.state.log).add(appid, self.raw, msgid, self.now_ms);
        let openid = self.body.touser.text();
        callbacks::sent(self.state, self.appid, openid, template_id, msgid);
        Ok(taken)
    }
}

impl Sending<'_> {
    /// Whether a template that is limited by frequency may be sent again. WeChat's code for one that may not is not known.
    fn is_due(&self, template: &Template) -> bool {
        let turn = self.turn(template);
        turn.is_none_or(|(turn, _)| lock(&self.state.grants).is_open(&turn, self.now_ms))
    }

    fn close_turn(&self, template: &Template) {
        if let Some((turn, per_ms)) = self.turn(template) {
            let until_ms = self.now_ms.saturating_add(per_ms);
            lock(&self.state.grants).close(turn, until_ms, self.now_ms);
        }
    }

    fn turn(&self, template: &Template) -> Option<(Turn, u64)> {
        let (key, per_ms) = template.frequency()?;
        let turn = Turn {
            template_id: self.body.template_id.text().to_owned(),
            openid: self.body.touser.text().to_owned(),
            value: self.body.data.value(key).text().to_owned(),
        };
        Some((turn, per_ms))
    }

    /// Whether the user agreed, if that matters; uses up what the user gave.
    fn may_reach(&self, template_id: &str, kind: Kind) -> bool {
        let openid = self.body.touser.text();
        let mut users = lock(&self.state.users);
        let user = users.find(self.appid, openid);
        let switched_off = user.is_some_and(|user| user.main_switch == Switch::Off);
        drop(users);
        let mut grants = lock(&self.state.grants);
        let matters = grants.check == GrantCheck::On;
        !(matters && switched_off) && grants.take(openid, template_id, kind)
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
    if let Some((key, _)) = template.frequency() {
        check_value(template, key, data.value(key))?;
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
