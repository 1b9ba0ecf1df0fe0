//! A request's body, read within bounds.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};

/// How long a body may take to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoBody {
    /// It is larger than allowed.
    TooLarge,
    /// It did not come in time.
    TooSlow,
}

/// Reads a body of at most so many bytes.
pub(crate) async fn read_body(body: Body, at_most: usize) -> Result<Bytes, NoBody> {
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, at_most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // A connection that breaks off gets no answer anyway.
        Ok(Err(_)) => Err(NoBody::TooLarge),
        Err(_) => Err(NoBody::TooSlow),
    }
}
