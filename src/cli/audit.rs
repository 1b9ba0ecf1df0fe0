//! What a command writes down that changes something itself, and not through a running service: before it does, and what came of it.

use anyhow::anyhow;

use super::{actor, complain};
use crate::config::Settings;
use crate::edges::audit::{AuditClient, NotRecorded};
use wx_courier_core::model::audit::{Action, AuditRecord, Conclusion, Ended, Facts};

/// Something that is written down, and may be done.
pub(super) struct Noted {
    client: AuditClient,
    first: AuditRecord,
}

impl Noted {
    /// Writes down what is about to be done. An error means that it must not be done.
    pub(super) async fn begin(settings: &Settings, action: Action) -> anyhow::Result<Self> {
        let client = AuditClient::of_command(settings);
        let first = client.describe(actor::myself(), action);
        match client.record(&first).await {
            Ok(()) => Ok(Self { client, first }),
            Err(why) => Err(anyhow!("{why}. So nothing was done")),
        }
    }

    /// Writes down what came of it. It is done by now, so where that cannot be written it is said, and no more.
    pub(super) async fn end(self, ended: Ended, detail: &str, after: Option<Facts>) {
        let result = Conclusion {
            ended,
            detail: detail.to_owned(),
        };
        let second = self.client.conclude(&self.first, result, after);
        if let Err(NotRecorded { why }) = self.client.record(&second).await {
            complain(format_args!(
                "warning: it is recorded that this was begun (audit record {}), and not what came of it: {why}",
                self.first.id
            ));
        }
    }
}
