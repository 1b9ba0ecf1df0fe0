//! A look at the files, which may take long: a folder of the network may hang, and signals and people are heard all the same.

use std::path::PathBuf;

use tokio::task::JoinHandle;

use crate::config::{Fingerprint, fingerprint};

/// A look that is out for so many looks is told.
const LOOKS_UNTIL_TOLD: u32 = 30;

/// One look at a time.
#[derive(Default)]
pub(super) struct Looking {
    out: Option<JoinHandle<Fingerprint>>,
    /// For how many looks it has been out.
    looks: u32,
}

impl Looking {
    /// Looks, unless the last look has not come back.
    pub(super) fn begin(&mut self, folder: PathBuf, secrets: Vec<PathBuf>) {
        if self.out.is_none() {
            self.looks = 0;
            let look = move || fingerprint(&folder, &secrets);
            self.out = Some(tokio::task::spawn_blocking(look));
            return;
        }
        self.looks += 1;
        if self.looks == LOOKS_UNTIL_TOLD {
            tracing::warn!(
                looks = self.looks,
                "the folder of the configuration does not answer: nothing that is saved there comes into force until it does"
            );
        }
    }

    /// What the look has seen, when it comes back; `None` if it has failed, which is logged.
    pub(super) async fn come_back(&mut self) -> Option<Fingerprint> {
        let Some(out) = &mut self.out else {
            return std::future::pending().await;
        };
        let seen = out.await;
        self.out = None;
        seen.ok()
    }
}
