//! The one app of the tests, and its client.

use std::sync::Arc;
use std::time::Duration;

use super::client::AppClient;
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

/// Its client.
pub(super) fn client(base_url: String) -> AppClient {
    AppClient::new(
        reqwest::Client::new(),
        &app(base_url),
        Duration::from_secs(5),
        &Arc::default(),
    )
    .unwrap()
}
