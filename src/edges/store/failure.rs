//! What can go wrong with a batch, and what follows from it.

use wx_courier_core::state::Row;

/// Why a batch was not carried out.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing can be had of the store for now: the batch waits, and is tried again.
    Outage(anyhow::Error),
    /// It is the matter of one request, or of a row that it needs: the batch is divided until that request stands alone.
    Fault {
        /// Which kind of row, if that is known.
        row: Option<Row>,
        /// What was said. It may hold what stands in a row, and is not for the log.
        error: anyhow::Error,
    },
    /// What was kept is gone, and something else or nothing is in its place.
    Lost {
        /// What is gone, in words that hold no password.
        why: String,
    },
}

/// Says of an error that a row of this kind was read or written when it came.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a row cannot be read ({})", .0.as_str())]
pub(super) struct NotReadable(pub(super) Row);
