//! What is known of the service when it is scraped, as series.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use super::table::{Counter, Gauge};
use super::{Metrics, log};
use crate::edges::kafka::trouble::{About, ClusterStatus, Trouble};
use crate::edges::store::StateStatus;
use crate::edges::wechat::{TokenState, TokenStatus};
use wx_courier_core::calendar::CalendarStatus;
use wx_courier_core::catalog::drift::{DriftKind, TemplateStatus};
use wx_courier_core::flow::Status;
use wx_courier_core::grants::Source;
use wx_courier_core::state::Row;

impl Metrics {
    /// The text that Prometheus scrapes.
    pub fn encode(
        &self,
        engine: &Status,
        calendar: CalendarStatus,
        tokens: &BTreeMap<Arc<str>, TokenStatus>,
        templates: &BTreeMap<Arc<str>, TemplateStatus>,
        state: &StateStatus,
        cluster: &ClusterStatus,
    ) -> anyhow::Result<String> {
        // Two scrapes at once would reset each other's series.
        let _one_at_a_time = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        let all = &self.collector;
        all.set_total(Counter::LogLinesDropped, &[], log::n_lost());
        for unknown in self.unknown().list() {
            let labels = [unknown.kind.as_str(), unknown.name.as_str()];
            all.set_total(Counter::Unknown, &labels, unknown.count);
        }
        self.engine_is(engine);
        self.calendar_is(calendar);
        self.tokens_are(tokens);
        self.templates_are(templates);
        self.state_is(state, engine.store_is_down);
        self.cluster_is(cluster);
        Ok(all.encode()?)
    }

    fn engine_is(&self, engine: &Status) {
        let all = &self.collector;
        let totals = &engine.totals;
        all.set_total(Counter::Records, &[], totals.records);
        all.set_total(Counter::Unmatched, &[], totals.unmatched);
        for seen in &engine.unmatched_types {
            all.set_total(Counter::UnmatchedEvents, &[&seen.event_type], seen.count);
        }
        all.set_total(Counter::InternalErrors, &[], totals.internal_errors);
        let by_event = [Source::Event.as_str()];
        all.set_total(Counter::GrantReports, &by_event, totals.grant_reports);
        for (how, number) in [
            ("overcounted", totals.grants_overcounted),
            ("undercounted", totals.grants_undercounted),
        ] {
            all.set_total(Counter::LedgerWrong, &[how], number);
        }
        for (stage, number) in [
            ("reporting", engine.reporting),
            ("unaddressed", engine.unaddressed),
            ("waiting", engine.waiting),
            ("set_aside", engine.set_aside.values().sum()),
            ("claiming", engine.claiming),
            ("at_gate", engine.at_gate),
            ("sending", engine.sending),
            ("backing_off", engine.backing_off),
            ("settling", engine.settling),
            ("publishing", engine.publishing),
        ] {
            all.set(Gauge::MessagesInHand, &[stage], count(number));
        }
        all.set(Gauge::BytesInHand, &[], count(engine.bytes_in_hand));
        all.set(Gauge::ReadingPaused, &[], flag(engine.paused));
        let share = engine.share;
        all.set(Gauge::SharePartitions, &[], f64::from(share.partitions));
        all.set(Gauge::SourcePartitions, &[], f64::from(share.of));
        all.clear(Gauge::Pause);
        for pause in &engine.pauses {
            all.set(Gauge::Pause, &[pause.subject.as_str(), pause.cause], 1.0);
        }
        all.clear(Gauge::PunishmentEnd);
        for ((app, measure), end_ms) in punishment_ends(engine) {
            all.set(Gauge::PunishmentEnd, &[app, measure], whole(end_ms / 1000));
        }
        all.clear(Gauge::Position);
        for partition in &engine.partitions {
            let number = partition.partition.to_string();
            let labels = [partition.topic.as_str(), &number];
            all.set(
                Gauge::Position,
                &labels,
                whole(partition.position.unwrap_or(-1)),
            );
        }
    }

    fn calendar_is(&self, calendar: CalendarStatus) {
        let ahead_s = whole(calendar.system_ahead_ms) / 1000.0;
        self.collector.set(Gauge::CalendarSystemAhead, &[], ahead_s);
        self.collector
            .set_total(Counter::CalendarBreaks, &[], calendar.breaks);
    }

    fn tokens_are(&self, tokens: &BTreeMap<Arc<str>, TokenStatus>) {
        let all = &self.collector;
        for (app, status) in tokens {
            for (kind, number) in [
                ("fetched", status.fetched),
                ("forced", status.forced),
                ("failed", status.failed),
            ] {
                all.set_total(Counter::TokenFetches, &[app, kind], number);
            }
            all.set_total(Counter::TokensInvalidated, &[app], status.invalidated);
            let by_others = status.state == TokenState::InvalidatedByOthers;
            all.set(Gauge::TokenInvalidatedByOthers, &[app], flag(by_others));
            for state in TokenState::ALL {
                let is_this = flag(state == status.state);
                all.set(Gauge::TokenState, &[app, state.as_str()], is_this);
            }
        }
    }

    /// An app that was never compared has no drift, not none.
    fn templates_are(&self, templates: &BTreeMap<Arc<str>, TemplateStatus>) {
        let all = &self.collector;
        all.clear(Gauge::TemplateDrift);
        all.clear(Gauge::TemplateListUnanswered);
        for (app, status) in templates {
            let is_unanswered = flag(status.error.is_some());
            all.set(Gauge::TemplateListUnanswered, &[app], is_unanswered);
            if status.checked_at.is_none() {
                continue;
            }
            for kind in DriftKind::ALL {
                let number = status.n_drifts.get(kind.as_str()).copied().unwrap_or(0);
                all.set(Gauge::TemplateDrift, &[app, kind.as_str()], count(number));
            }
        }
    }

    fn cluster_is(&self, cluster: &ClusterStatus) {
        let all = &self.collector;
        all.set(Gauge::KafkaReached, &[], flag(cluster.reached));
        for about in About::KINDS {
            let of_kind = |trouble: &&Trouble| trouble.about.kind() == about;
            let number = cluster.troubles.iter().filter(of_kind).count();
            all.set(Gauge::KafkaTroubles, &[about], count(number));
        }
    }

    fn state_is(&self, state: &StateStatus, store_is_down: bool) {
        let all = &self.collector;
        all.set(Gauge::StoreDown, &[], flag(store_is_down));
        for row in Row::ALL {
            let number = state.unreadable.get(row.as_str()).copied().unwrap_or(0);
            all.set_total(Counter::StoreUnreadable, &[row.as_str()], number);
        }
        let loss = state.loss.as_ref();
        all.set(Gauge::StoreLost, &[], flag(loss.is_some()));
        let is_paused = loss.is_some_and(|loss| loss.paused);
        all.set(Gauge::StoreLostPaused, &[], flag(is_paused));
    }
}

/// The next end of each kind, in Unix milliseconds: of a warning and another with a later deadline the first one counts.
fn punishment_ends(engine: &Status) -> BTreeMap<(&str, &'static str), i64> {
    let mut ends = BTreeMap::new();
    for told in &engine.punishments {
        let end_ms = ends.entry((told.app.as_str(), told.measure)).or_insert(0);
        *end_ms = match (*end_ms, told.until_ms) {
            (0, until_ms) => until_ms.unwrap_or(0),
            (known_ms, until_ms) => until_ms.unwrap_or(known_ms).min(known_ms),
        };
    }
    ends
}

pub(super) fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

pub(super) fn count(number: usize) -> f64 {
    whole(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Prometheus knows floating-point numbers only.
#[expect(
    clippy::cast_precision_loss,
    reason = "what is beyond 52 bits is exact enough"
)]
pub(super) fn whole(number: i64) -> f64 {
    number as f64
}
