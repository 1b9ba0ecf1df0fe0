//! What the edges say, in the engine's words.

use super::Service;
use crate::edges::http::Phase;
use crate::edges::kafka::consumer::{GroupEvent, Read};
use crate::edges::kafka::producer::{Publication, Replacement};
use crate::edges::store::Stored;
use wx_courier_core::flow::Input;

impl Service {
    /// What the engine has to know of it.
    pub(super) fn group_event(&self, event: GroupEvent) -> anyhow::Result<Option<Input>> {
        let input = match event {
            GroupEvent::TopicsCounted(layout) => Input::TopicsCounted(layout),
            GroupEvent::Assigned(partitions) => {
                self.passes(Phase::Joining, Phase::Running);
                Input::Assigned(partitions)
            }
            GroupEvent::Joined => {
                self.passes(Phase::Joining, Phase::Running);
                return Ok(None);
            }
            GroupEvent::Left => {
                self.passes(Phase::Running, Phase::Joining);
                return Ok(None);
            }
            GroupEvent::Revoked {
                handover,
                partitions,
            } => Input::Revoked {
                handover,
                partitions,
                timeout: self.handover,
            },
            GroupEvent::Lost(partitions) => Input::Lost(partitions),
            // The consumer has said so in the log.
            GroupEvent::Unread {
                partition,
                n_records,
            } => {
                self.metrics.unread(&partition.topic, n_records);
                return Ok(None);
            }
            GroupEvent::Fatal(error) => anyhow::bail!("the consumer cannot go on: {error}"),
        };
        Ok(Some(input))
    }

    /// From one phase into another, but not out of a drain.
    fn passes(&self, from: Phase, to: Phase) {
        let now = self.clock.now();
        self.reports.send_modify(|report| {
            if report.phase == from {
                report.passes_into(to, now);
            }
        });
    }

    pub(super) fn publication(&mut self, publication: Publication) -> Input {
        match publication {
            Publication::Acknowledged(ticket) => Input::Published { ticket },
            Publication::Failed { ticket, why } => {
                self.metrics.publish_failed();
                if self.publisher.replace_if_it_has_ended() == Replacement::Made {
                    self.metrics.producer_replaced();
                }
                Input::PublishFailed { ticket, why }
            }
        }
    }
}

pub(super) fn input_of_read(Read { epoch, record }: Read) -> Input {
    Input::Record { epoch, record }
}

pub(super) fn input_of(stored: Stored) -> Input {
    match stored {
        Stored::Answer { ticket, answer } => Input::StoreAnswered { ticket, answer },
        // The store has said so in the log.
        Stored::Down { .. } => Input::StoreDown,
        Stored::Back => Input::StoreBack,
    }
}
