//! What the platform tells of an app and of those who have authorised it. WeChat: penalty for violation, change of authorised users'
//! information.

use serde_json::{Map, Value, json};

use crate::callbacks::{Stamp, push};
use crate::state::{State, lock};

/// From whom these events are: the name of a service of WeChat's, which looks like a user's.
const PLATFORM: &str = "oSandboxPlatform000000000001";

/// A punishment, or a warning of one, as its event tells it.
#[derive(Clone, Debug)]
pub(crate) struct Punishment {
    /// 1 warning, 2 functions, 3 taken down, 4 account, 10 page.
    pub(crate) event_type: u64,
    /// What `detail` says; WeChat writes it as text.
    pub(crate) detail: Map<String, Value>,
    pub(crate) punish_id: Option<String>,
    pub(crate) reason: Option<String>,
}

/// The app was punished. Gives the index of the push.
pub(crate) fn punished(state: &State, appid: &str, punishment: Punishment) -> Option<u64> {
    let Punishment {
        event_type,
        detail,
        punish_id,
        reason,
    } = punishment;
    let punish_time = state.clock.now_ms() / 1000;
    let fields = Map::from_iter(
        [
            ("MsgType", json!("event")),
            ("Event", json!("wxa_punish_event")),
            ("event_type", json!(event_type)),
            (
                "punish_id",
                json!(punish_id.unwrap_or_else(|| "649557".to_owned())),
            ),
            ("appid", json!(appid)),
            ("punish_time", json!(punish_time)),
            (
                "illegal_reason",
                json!(reason.unwrap_or_else(|| "存在诱导分享行为".to_owned())),
            ),
            ("illegal_content", json!(["违规内容测试"])),
            ("rule_name", json!("《微信小程序平台运营规范》")),
            ("detail", json!(Value::Object(detail).to_string())),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    push(state, appid, PLATFORM, fields, Stamp::default(), 0)
}

fn of_user(event: &str, appid: &str, openid: &str) -> Map<String, Value> {
    Map::from_iter(
        [
            ("MsgType", "event"),
            ("Event", event),
            ("OpenID", openid),
            ("AppID", appid),
        ]
        .map(|(name, value)| (name.to_owned(), value.into())),
    )
}

/// The user took back what these codes name. What was agreed to in popups is not among it.
pub(crate) fn revoked(state: &State, appid: &str, openid: &str, codes: &str) {
    let mut fields = of_user("user_authorization_revoke", appid, openid);
    fields.insert("RevokeInfo".to_owned(), codes.into());
    push(state, appid, PLATFORM, fields, Stamp::default(), 0);
}

/// The user closed the account with the app, and is a new one from now on.
pub(crate) fn cancelled(state: &State, appid: &str, openid: &str) {
    let templates = lock(&state.catalogs).of_app(appid);
    let mut grants = lock(&state.grants);
    for id in templates.into_keys() {
        grants.revoke(openid, &id);
    }
    drop(grants);
    lock(&state.users).forget(appid, openid);
    let fields = of_user("user_authorization_cancellation", appid, openid);
    push(state, appid, PLATFORM, fields, Stamp::default(), 0);
}
