//! Control from inside the process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::callbacks::{self, Callback, Push, SentEvents};
use crate::customer::{self, Act};
use crate::latency::{Latency, Tail};
use crate::log::Accepted;
use crate::path::Path;
use crate::script::{Endpoint, Failures, Script};
use crate::settings::{GrantCheck, Openids, Renewal, Template};
use crate::state::{Running, State, lock};
use crate::stats::Stats;
use crate::subscribe::{self, Choice, NotAsked};
use crate::token::{End, Refresh};
use crate::users::Switch;

/// Control over a sandbox from inside its process; what `/sandbox/` is from outside. It outlives the server, so a test
/// may look at the log after a shutdown.
#[derive(Clone)]
pub struct Handle(Arc<State>);

impl Handle {
    pub(super) fn new(state: Arc<State>) -> Self {
        Self(state)
    }

    /// Adds a scripted answer behind those that wait.
    pub fn script(&self, script: Script) {
        self.0.scripts.add(script);
    }

    /// Forgets all scripted answers.
    pub fn clear_scripts(&self) {
        self.0.scripts.clear();
    }

    /// Lets a share of sends fail, or none.
    pub fn fail_randomly(&self, failures: Option<Failures>) {
        self.fail_randomly_on(Endpoint::Send, failures);
    }

    /// Lets a share of an endpoint's calls fail, or none.
    pub fn fail_randomly_on(&self, endpoint: Endpoint, failures: Option<Failures>) {
        self.0.scripts.fail_randomly(endpoint, failures);
    }

    /// Sets how long answers take, for calls that arrive from now on. They have no tail.
    pub fn set_latency(&self, latency: Latency) {
        self.set_latency_with_tail(latency, Tail::default());
    }

    /// Sets how long answers take, and what comes on top of it.
    pub fn set_latency_with_tail(&self, latency: Latency, tail: Tail) {
        lock(&self.0.waits).set(latency, tail);
    }

    /// Draws how long the next answer takes, in milliseconds, which uses the draw up.
    #[cfg(test)]
    pub(super) fn next_latency_ms(&self) -> u128 {
        self.0.latency().as_millis()
    }

    /// Puts the sandbox's clock forward: tokens, codes, windows and quotas age at once.
    pub fn put_clock_forward(&self, by: Duration) {
        let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.clock.put_forward(ms);
    }

    /// A login code for this user of this app, as `wx.login` would give it: good once, for five minutes.
    pub fn login_code(&self, appid: &str, openid: &str) -> String {
        let now_ms = self.0.clock.now_ms();
        lock(&self.0.codes).make(appid, openid, now_ms, &mut lock(&self.0.ids))
    }

    /// The user is asked for permission by `wx.requestSubscribeMessage`, and answers.
    pub fn subscribe(
        &self,
        appid: &str,
        openid: &str,
        answers: &BTreeMap<String, Choice>,
    ) -> Result<BTreeMap<String, Choice>, NotAsked> {
        subscribe::ask(&self.0, appid, openid, answers)
    }

    /// The user switches templates on or off in the mini program's settings, by id. Off takes away what permissions there were.
    pub fn switch_templates(
        &self,
        appid: &str,
        openid: &str,
        templates: &BTreeMap<String, Switch>,
    ) {
        subscribe::switch(&self.0, appid, openid, templates);
    }

    /// The user writes to the customer service, which opens a window of five messages for 48 hours.
    pub fn customer_message(&self, appid: &str, openid: &str, text: &str) {
        let text = text.to_owned();
        customer::act(&self.0, appid, openid, &Act::Message { text });
    }

    /// The user opens the customer-service session, which opens a window of two messages for a minute.
    pub fn enter_session(&self, appid: &str, openid: &str) {
        let session_from = String::new();
        customer::act(&self.0, appid, openid, &Act::Enter { session_from });
    }

    /// These are the app's templates from now on, by id, and no others.
    pub fn set_templates(&self, appid: &str, templates: &BTreeMap<String, Template>) {
        lock(&self.0.catalogs).replace(appid, templates);
    }

    /// Sets which users exist.
    pub fn set_openids(&self, openids: Openids) {
        *lock(&self.0.openids) = openids;
    }

    /// Switches the check of grants.
    pub fn check_grants(&self, check: GrantCheck) {
        lock(&self.0.grants).check = check;
    }

    /// Gives a user's permission for this many messages of a template, by its id. Permissions add up.
    pub fn grant(&self, openid: &str, template_id: &str, times: u64) {
        lock(&self.0.grants).give(openid, template_id, times);
    }

    /// Lets every live token expire now (42001) and says how many there were.
    pub fn expire_tokens(&self) -> usize {
        lock(&self.0.tokens).end_all(End::Expired, self.0.clock.now_ms())
    }

    /// Makes every live token invalid now (40001), as if another holder had refreshed it, and says how many there were.
    pub fn invalidate_tokens(&self) -> usize {
        lock(&self.0.tokens).end_all(End::Superseded, self.0.clock.now_ms())
    }

    /// Wedges the present stable token of each app, and says how many there were: it is refused (40001) and handed out all the same, until a
    /// forced refresh, or its age, ends it.
    pub fn wedge_tokens(&self) -> usize {
        lock(&self.0.tokens).wedge_stable(self.0.clock.now_ms())
    }

    /// Another program renews an app's access token. False if WeChat would give the same one again, or refuse: forced refreshes have
    /// their limits.
    pub fn renew_token(&self, appid: &str, by: Renewal) -> bool {
        let now_ms = self.0.clock.now_ms();
        let mut tokens = lock(&self.0.tokens);
        let n_before = tokens.n_issued();
        match by {
            Renewal::Classic => drop(tokens.classic(appid, now_ms)),
            Renewal::Forced => drop(tokens.stable(appid, Refresh::Forced, now_ms)),
        }
        tokens.n_issued() > n_before
    }

    /// Sets how many sends an app may make in a day; one more is answered with 45009.
    pub fn limit_quota(&self, appid: &str, daily_limit: u64) {
        lock(&self.0.quotas).limit(appid, Path::Send, daily_limit);
    }

    /// Sets how many sends an app has made today.
    pub fn set_quota_used(&self, appid: &str, used: u64) {
        lock(&self.0.quotas).set_used(appid, Path::Send, used, self.0.clock.now_ms());
    }

    /// No app has a limit any more, and none has used anything.
    pub fn lift_quotas(&self) {
        lock(&self.0.quotas).lift();
    }

    /// Asks the address to prove itself, as WeChat does when it is entered in the console, and pushes there from now on. The error is a
    /// sentence that says why it failed.
    pub async fn register_callback(&self, appid: &str, callback: Callback) -> Result<(), String> {
        callbacks::register(&self.0, appid, callback).await
    }

    /// What the events after accepted sends say, and when they come.
    pub fn set_sent_events(&self, events: SentEvents) {
        lock(&self.0.callbacks).sent_events = events;
    }

    /// The pushes that the log still keeps, oldest first.
    pub fn pushes(&self) -> Vec<Push> {
        lock(&self.0.callbacks).log(0, usize::MAX)
    }

    /// Posts an earlier push once more, by its index. False if it is not in the log any more or its app has no address.
    pub fn push_again(&self, index: u64) -> bool {
        callbacks::push_again(&self.0, index).is_some()
    }

    /// Every accepted send that the log still keeps, oldest first.
    pub fn accepted(&self) -> Vec<Accepted> {
        self.accepted_since(0, usize::MAX)
    }

    /// At most `limit` accepted sends from this index on.
    pub fn accepted_since(&self, since: u64, limit: usize) -> Vec<Accepted> {
        let part = lock(&self.0.log).from(since, limit);
        part.read()
    }

    /// The counts.
    pub fn stats(&self) -> Stats {
        let n_accepted = lock(&self.0.log).n_accepted();
        let n_issued = lock(&self.0.tokens).n_issued();
        self.0.counters.read(n_accepted, n_issued)
    }

    /// Back to the settings: nothing scripted, granted, logged, counted or issued.
    pub fn reset(&self) {
        self.0.reset();
    }

    pub(super) fn stop(&self) {
        self.0.running.send_replace(Running::Down);
    }
}
