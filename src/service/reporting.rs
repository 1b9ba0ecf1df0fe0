//! What the service says of itself, twice a second.

use super::Service;
use wx_courier_core::flow;

impl Service {
    pub(super) fn renew_report(&mut self) {
        let engine: flow::Status = self.engine.status();
        let unpublished = self.engine.unpublished(self.clock.now());
        self.metrics.unpublished(unpublished.as_ref());
        self.publishing_news.tell(unpublished.as_ref());
        self.joining_news.tell(self.reports.borrow().phase);
        let tokens = self.wechat.tokens();
        let calendar = self.clock.status();
        let state = self.store.status();
        let producer = self.publisher.chosen();
        self.reports.send_modify(|report| {
            report.engine = engine;
            report.calendar = calendar;
            report.unpublished = unpublished;
            report.tokens = tokens;
            report.state = state;
            if report.producer.as_ref() != Some(producer) {
                report.producer = Some(producer.clone());
            }
        });
    }
}
