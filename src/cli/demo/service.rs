//! The service of the demo: `run`'s, but for its broker, its API and its store.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::opening::Opened;
use crate::cli::reload::Beginning;
use crate::config::{FlagSetting, Http};
use crate::edges::http::access::Access;
use crate::edges::kafka::producer::mode::{Chosen, Mode};
use wx_courier_core::rules::RuleSet;

/// Opens all that the service needs but its producer.
pub(super) fn open(
    socket: TcpListener,
    beginning: Beginning,
    rules: Arc<RuleSet>,
) -> anyhow::Result<Opened> {
    // The demo listens on this machine alone, whatever the settings say of their own listener.
    let access = Access::new(&Http {
        listen: socket.local_addr()?,
        token: None,
        hosts: Vec::new(),
    });
    let hangups = signal(SignalKind::hangup())?;
    let opened = Opened::new(socket, &access, hangups, beginning, rules)?;
    // Its broker is in this process.
    opened.troubles.answered();
    Ok(opened)
}

/// How outcomes are published to the embedded broker.
pub(super) fn producer() -> Chosen {
    Chosen {
        mode: Mode::Idempotent,
        why: "the embedded broker takes idempotent producers".to_owned(),
    }
}

/// What the demo changes in the configuration, as flags would: its own broker and API, a store that keeps nothing, and an outcome for
/// unmatched events too.
pub(super) fn flags(broker: &str, sandbox: &str) -> Vec<FlagSetting> {
    let settings = [
        // Of apps that are saved while it runs, too: the demo calls no other API.
        ("apps.*.base_url", sandbox),
        ("kafka.brokers", broker),
        ("outcomes.unmatched", "publish"),
        ("state.url", "memory:"),
    ];
    let flag = |(key, value): (&str, &str)| FlagSetting {
        flag: "demo",
        key: key.to_owned(),
        value: value.to_owned(),
    };
    settings.map(flag).into()
}
