//! The end of a service: what talks to the outside is closed, each within its limit.

use std::time::Duration;

use super::Service;
use crate::edges::kafka::consumer::Command;

/// How a service ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything that had begun has its outcome, and offsets are committed.
    Clean,
    /// The drain's time was up with this many messages open; their records will be read again.
    Unfinished(usize),
    /// Nothing is open, but the group did not take our last positions in time: some records will be read again, and repeat their
    /// outcomes.
    NotCommitted,
}

/// How long the consumer may take to close, and after it the producer.
const CLOSE: Duration = Duration::from_secs(10);

/// How long the store may take to carry out what it was asked.
const CLOSE_STORE: Duration = Duration::from_secs(5);

impl Service {
    pub(super) async fn close(self, unfinished: usize) -> anyhow::Result<Ending> {
        let is_committed = self.close_edges().await?;
        if unfinished == 0 && !is_committed {
            return Ok(Ending::NotCommitted);
        }
        if unfinished == 0 {
            tracing::info!("shut down, nothing left open");
            return Ok(Ending::Clean);
        }
        tracing::warn!(
            unfinished,
            "shut down with messages open: their records will be read again"
        );
        Ok(Ending::Unfinished(unfinished))
    }

    /// Ends what talks to the outside, each within its limit. Gives whether the group took our last positions.
    pub(super) async fn close_edges(mut self) -> anyhow::Result<bool> {
        self.consumer.command(Command::Close);
        // The consumer may be waiting to hand a record over, which the service will not take any more.
        self.consumer.records.close();
        let closed = tokio::time::timeout(CLOSE, self.consumer.closed).await;
        if closed.is_err() {
            tracing::warn!(
                "the consumer did not leave its group in time; the group will notice by itself"
            );
        }
        // What WeChat pushed and is not kept yet it pushes again.
        drop(self.public.take());
        let (publisher, store) = (self.publisher, self.store);
        let close = move || {
            publisher.close(CLOSE);
            store.close(CLOSE_STORE);
        };
        tokio::task::spawn_blocking(close).await?;
        Ok(closed.is_ok())
    }
}
