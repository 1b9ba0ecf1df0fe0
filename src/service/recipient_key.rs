//! The key by which recipients are hashed, where the settings say none: all instances that share a store agree on one there.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::config::{Settings, StateUrl};
use crate::edges::store::{NoAnswer, Store, StoreClient};
use wx_courier_core::model::hex;
use wx_courier_core::model::outcome::RecipientKey;
use wx_courier_core::state::{Proposal, Row};

/// How often it is asked again. A store that has lost everything gets the key back from whichever instance asks first, and so the hashes stay
/// as they are for as long as one instance lives.
const AGREE_EVERY: Duration = Duration::from_mins(1);

/// How many bytes are drawn: as many as HMAC-SHA-256 gives.
const DRAWN_BYTES: usize = 32;

/// Has a key agreed on, unless the settings say one, until the first of these is dropped. The second tells which one it is.
pub(super) fn start(
    settings: &Settings,
    store: &Store,
) -> (JoinSet<()>, mpsc::Receiver<RecipientKey>) {
    let mut agreeing = JoinSet::new();
    let (keys_in, keys) = mpsc::channel(1);
    if settings.outcomes.recipient_key.is_none() {
        warn_of_memory(&settings.state.url);
        agreeing.spawn(agree(store.client(), keys_in));
    }
    (agreeing, keys)
}

/// Proposes a key, tells which one holds, and does so again from time to time. While the store is away it waits, as messages do.
async fn agree(store: StoreClient, keys: mpsc::Sender<RecipientKey>) {
    let mut proposed = match drawn() {
        Ok(key) => key,
        Err(error) => {
            tracing::error!(%error, "no key can be drawn: outcomes have no recipient_hash");
            return;
        }
    };
    let mut in_force: Option<RecipientKey> = None;
    let mut unreadable_told = Told::No;
    loop {
        match store
            .ask_in_turn(Proposal {
                key: proposed.clone(),
            })
            .await
        {
            Ok(Ok(key)) => {
                if in_force.as_ref() != Some(&key) {
                    if in_force.is_some() {
                        tracing::warn!(
                            "the state store has another key for recipient_hash than before: the hashes of all users change"
                        );
                    }
                    if keys.send(key.clone()).await.is_err() {
                        return;
                    }
                    in_force = Some(key.clone());
                    proposed = key;
                }
            }
            Ok(Err(row)) => unreadable_told.tell(row),
            Err(NoAnswer::Gone) => return,
            Err(error @ (NoAnswer::Full | NoAnswer::ToAnotherQuestion)) => {
                tracing::warn!(%error, "the key of recipient_hash was not asked for");
            }
        }
        tokio::time::sleep(AGREE_EVERY).await;
    }
}

/// Says once what the hashes are worth where nothing is kept.
fn warn_of_memory(url: &StateUrl) {
    if *url == StateUrl::Memory {
        tracing::info!(
            "recipient_hash is of this process alone, since its key is kept in memory: the hashes change with a restart. `[outcomes] recipient_key_file` keeps them"
        );
    }
}

/// Drawn from the operating system: a reader who has the key can find out whose hash it is.
fn drawn() -> Result<RecipientKey, getrandom::Error> {
    let mut drawn = [0; DRAWN_BYTES];
    getrandom::fill(&mut drawn)?;
    Ok(RecipientKey::new(hex(drawn)))
}

/// Whether something was said.
enum Told {
    No,
    Yes,
}

impl Told {
    fn tell(&mut self, row: Row) {
        if let Self::No = self {
            tracing::error!(
                row = row.as_str(),
                "the key of recipient_hash cannot be read in the state store: outcomes have none until it can, or `[outcomes] recipient_key_file` says one"
            );
        }
        *self = Self::Yes;
    }
}
