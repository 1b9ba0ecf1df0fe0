//! What the log says, and says again while it lasts.

use std::time::Duration;

use tokio::time::Instant;

use crate::edges::http::{Phase, WHY_JOINING_LASTS};
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

/// That joining the group takes its time: said after some seconds, and once a minute while it lasts.
#[derive(Default)]
pub(super) struct JoiningNews {
    began: Option<Instant>,
    said: Option<Instant>,
}

const TAKES_ITS_TIME: Duration = Duration::from_secs(5);

impl JoiningNews {
    pub(super) fn tell(&mut self, phase: Phase) {
        if phase != Phase::Joining {
            *self = Self::default();
            return;
        }
        let now = Instant::now();
        let began = *self.began.get_or_insert(now);
        let is_due = match self.said {
            None => began + TAKES_ITS_TIME <= now,
            Some(said) => said + SAY_AGAIN <= now,
        };
        if is_due {
            self.said = Some(now);
            let for_s = now.duration_since(began).as_secs();
            tracing::info!(for_s, "joining the consumer group{WHY_JOINING_LASTS}");
        }
    }
}
