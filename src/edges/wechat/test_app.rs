//! The one app of the tests, and its client.

use std::sync::Arc;
use std::time::Duration;

use super::client::{AppClient, WeChat};
use crate::config::{App, MiniprogramState, Secret, TokenMode};
use wx_courier_core::catalog::Policy;

/// An app whose API is at this address.
pub(super) fn app(base_url: String) -> App {
    App {
        appid: "wx1".to_owned(),
        secret: Some(Secret::new("s")),
        base_url,
        token: TokenMode::Stable,
        rate: None,
        max_in_flight: 1,
        miniprogram_state: MiniprogramState::Formal,
        grants: Policy::Off,
    }
}

/// `WeChat` for this app, `shop`.
pub(super) fn wechat(base_url: String) -> WeChat {
    let http = reqwest::Client::new();
    let wechat = WeChat::without_apps(http, Duration::from_secs(5), &Arc::default());
    let apps = [(Arc::from("shop"), app(base_url))].into();
    let clients = wechat.clients_for(&apps).unwrap();
    wechat.adopt(clients);
    wechat
}

/// Its client.
pub(super) fn client(base_url: String) -> Arc<AppClient> {
    wechat(base_url).client("shop").unwrap()
}
