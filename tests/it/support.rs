//! What the journeys and the soak run stand on: a real broker, the sandbox in this process, and the real binary as a child.
//!
//! Everything here blocks, as a person at a terminal would; only the sandbox has a runtime, and it has it to itself.

#![allow(
    dead_code,
    reason = "each crate that includes this file uses its own part of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a journey that cannot go on has failed, and says so at once"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "the rules about clocks, sleep and environment are for the service; waiting here always has a condition and a limit"
)]

// The paths are spelt out because a crate that includes this file by `#[path]` would look for them elsewhere.
#[path = "support/certificate.rs"]
pub(crate) mod certificate;
#[path = "support/chaos.rs"]
pub(crate) mod chaos;
#[path = "support/checks.rs"]
pub(crate) mod checks;
#[path = "support/courier.rs"]
pub(crate) mod courier;
#[path = "support/embedded.rs"]
pub(crate) mod embedded;
#[path = "support/events.rs"]
pub(crate) mod events;
#[path = "support/folder.rs"]
pub(crate) mod folder;
#[path = "support/kafka.rs"]
pub(crate) mod kafka;
#[path = "support/load.rs"]
pub(crate) mod load;
#[path = "support/mini_program.rs"]
pub(crate) mod mini_program;
#[path = "support/oracle.rs"]
pub(crate) mod oracle;
#[path = "support/pages.rs"]
pub(crate) mod pages;
#[path = "support/push.rs"]
pub(crate) mod push;
#[path = "support/redis.rs"]
pub(crate) mod redis;
#[path = "support/schema.rs"]
pub(crate) mod schema;
#[path = "support/topic.rs"]
pub(crate) mod topic;
#[path = "support/world.rs"]
pub(crate) mod world;

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// Nothing in a journey takes this long on an idle machine; a busy one gets the time it needs.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Waits until the condition holds. Panics after the limit, and says what was waited for.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds() {
        assert!(
            Instant::now() < deadline,
            "waited {LIMIT:?} in vain until {what}"
        );
        thread::sleep(LOOK_AGAIN);
    }
}

/// Sends a signal, named without its `SIG`. The standard library sends no other than SIGKILL; every shell does.
pub(crate) fn send_signal(name: &str, process: u32) -> bool {
    let sent = Command::new("sh")
        .args(["-c", "kill -\"$1\" \"$2\"", "sh", name])
        .arg(process.to_string())
        .status();
    sent.is_ok_and(|status| status.success())
}
