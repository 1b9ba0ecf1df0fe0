//! What the log says, and says again while it lasts.

use std::time::Duration;

use tokio::time::Instant;

use wx_courier_core::flow::Unpublished;

/// A reader who begins in the middle of the log should find it within this time.
const SAY_AGAIN: Duration = Duration::from_mins(1);

/// That outcomes are not published: when it begins, once a minute while it lasts, and when it is over.
#[derive(Default)]
pub(super) struct PublishingNews {
    said: Option<Instant>,
}

impl PublishingNews {
    pub(super) fn tell(&mut self, unpublished: Option<&Unpublished>) {
        let now = Instant::now();
        match (unpublished, self.said) {
            (None, None) => {}
            (None, Some(_)) => {
                self.said = None;
                tracing::info!("outcomes are published again");
            }
            (Some(_), Some(said)) if now < said + SAY_AGAIN => {}
            (Some(unpublished), _) => {
                self.said = Some(now);
                tracing::error!(
                    "{unpublished}; their records are not committed, and publishing is tried again until it works"
                );
            }
        }
    }
}
