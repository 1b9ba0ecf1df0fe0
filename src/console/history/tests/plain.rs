//! A plain list of outcomes, against which the history is held.

use std::collections::{BTreeMap, BTreeSet};

use super::super::History;
use super::super::arriving::{Arriving, Content};
use super::super::told::{Bucket, Kind, KindCount, Span};
use super::{ALL, NOW_MS};
use crate::console::filter::Filter;
use wx_courier_core::model::outcome::Outcome;

#[derive(Default)]
pub(super) struct Plain {
    /// Each with when it was settled, in the order in which they came.
    outcomes: Vec<(i64, Outcome)>,
    ids: BTreeSet<String>,
    offsets: BTreeSet<(i32, i64)>,
}

impl Plain {
    pub(super) fn take(&mut self, batch: &[Arriving]) {
        for arriving in batch {
            let Content::Outcome(outcome) = &arriving.content else {
                continue;
            };
            let is_new = self
                .offsets
                .insert((arriving.partition, arriving.offsets.end - 1));
            if is_new && self.ids.insert(outcome.id.clone()) {
                let settled = outcome.settled_at.parse::<jiff::Timestamp>().unwrap();
                self.outcomes
                    .push((settled.as_millisecond(), outcome.as_ref().clone()));
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// Forgets what was settled before this time.
    pub(super) fn forget_before(&mut self, ms: i64) {
        self.outcomes.retain(|(settled_ms, _)| *settled_ms >= ms);
    }

    /// What a filter finds, the newest first.
    fn search(&self, filter: &Filter) -> Vec<&(i64, Outcome)> {
        let mut found: Vec<(usize, &(i64, Outcome))> = self
            .outcomes
            .iter()
            .enumerate()
            .filter(|(_, (ms, outcome))| is_meant(filter, *ms, outcome))
            .collect();
        found.sort_by_key(|(at, (ms, _))| std::cmp::Reverse((*ms, *at)));
        found.into_iter().map(|(_, one)| one).collect()
    }

    /// The history finds and counts what the list does.
    pub(super) async fn compare(&self, history: &History, query: &str) {
        let filter = Filter::of_query(query);
        let expected = self.search(&filter);
        for most in [1_000, 7] {
            let mut found = Vec::new();
            let mut before = None;
            loop {
                let page = history.search(&filter, before, most).await.unwrap();
                found.extend(
                    page.outcomes
                        .into_iter()
                        .map(|kept| (kept.settled_ms, kept.outcome)),
                );
                before = page.older;
                if before.is_none() {
                    break;
                }
            }
            let found: Vec<&(i64, Outcome)> = found.iter().collect();
            assert_eq!(found, expected, "{query}, {most} at once");
        }
        self.compare_counts(history, &filter, ALL).await;
        let day = Span {
            from_ms: NOW_MS - 86_400_000,
            to_ms: NOW_MS + 3_600_000,
        };
        self.compare_counts(history, &filter, day).await;
        let minutes = Span {
            from_ms: NOW_MS / 60_000 * 60_000 - 1_200_000,
            to_ms: NOW_MS / 60_000 * 60_000,
        };
        self.compare_counts(history, &filter, minutes).await;
    }

    /// In spans that begin and end with a minute.
    async fn compare_counts(&self, history: &History, filter: &Filter, span: Span) {
        let minute = |ms: i64| ms.div_euclid(60_000) * 60_000;
        let is_whole = [filter.from_ms, filter.to_ms]
            .into_iter()
            .flatten()
            .all(|ms| ms % 60_000 == 0);
        if !is_whole {
            return;
        }
        let span = Span {
            from_ms: minute(span.from_ms),
            to_ms: minute(span.to_ms),
        };
        let found = self.search(filter).into_iter();
        let found: Vec<&(i64, Outcome)> = found
            .filter(|(ms, _)| (span.from_ms..span.to_ms).contains(ms))
            .collect();
        let mut expected: BTreeMap<Kind, KindCount> = BTreeMap::new();
        for (ms, outcome) in &found {
            let kind = kind_of(outcome);
            let new = KindCount {
                kind: kind.clone(),
                count: 0,
                first_ms: minute(*ms),
                last_ms: minute(*ms),
            };
            let counted = expected.entry(kind).or_insert(new);
            counted.count += 1;
            counted.first_ms = counted.first_ms.min(minute(*ms));
            counted.last_ms = counted.last_ms.max(minute(*ms));
        }
        let kinds = history.kinds(filter, span).await.unwrap();
        assert!(kinds.is_sorted_by_key(|of| std::cmp::Reverse(of.count)));
        let kinds: BTreeMap<Kind, KindCount> =
            kinds.into_iter().map(|of| (of.kind.clone(), of)).collect();
        assert_eq!(kinds, expected, "{filter:?} in {span:?}");
        for n in [1, 5, 60] {
            let buckets = history.buckets(filter, span, n).await.unwrap();
            assert_eq!(buckets.len(), n);
            self.compare_buckets(&buckets, &found);
        }
    }

    fn compare_buckets(&self, buckets: &[Bucket], found: &[&(i64, Outcome)]) {
        let mut expected: Vec<BTreeMap<String, u64>> = vec![BTreeMap::new(); buckets.len()];
        for (ms, outcome) in found {
            // A minute counts where it begins.
            let at = ms.div_euclid(60_000) * 60_000;
            let bucket = buckets
                .iter()
                .rposition(|bucket| bucket.from_ms <= at)
                .unwrap_or(0);
            *expected[bucket]
                .entry(outcome.status.as_str().to_owned())
                .or_default() += 1;
        }
        let counts = buckets.iter().map(|bucket| {
            let counts = bucket.counts.iter();
            counts
                .map(|(status, count)| (status.to_string(), *count))
                .collect::<BTreeMap<_, _>>()
        });
        assert_eq!(counts.collect::<Vec<_>>(), expected);
    }
}

fn kind_of(outcome: &Outcome) -> Kind {
    Kind {
        status: outcome.status.as_str().into(),
        reason: outcome.reason.as_str().into(),
        errcode: outcome.errcode,
        rule: outcome.rule.clone(),
        app: outcome.app.clone(),
        template: outcome.template.clone(),
        rules_version: Some(outcome.rules_version.clone()),
    }
}

fn is_meant(filter: &Filter, ms: i64, outcome: &Outcome) -> bool {
    let any = |wanted: &[String], have: Option<&str>| {
        wanted.is_empty() || wanted.iter().any(|wanted| Some(wanted.as_str()) == have)
    };
    let json = serde_json::to_value(outcome).unwrap();
    let names = [
        "id",
        "message_id",
        "event_id",
        "business_key",
        "msgid",
        "rid",
        "recipient",
        "recipient_hash",
    ];
    let is_named = filter
        .id
        .as_ref()
        .is_none_or(|id| names.iter().any(|name| json[*name] == **id));
    is_named
        && any(&filter.statuses, Some(outcome.status.as_str()))
        && any(&filter.reasons, Some(outcome.reason.as_str()))
        && any(&filter.rules, outcome.rule.as_deref())
        && any(&filter.apps, outcome.app.as_deref())
        && any(&filter.templates, outcome.template.as_deref())
        && any(&filter.versions, Some(&outcome.rules_version))
        && (filter.errcodes.is_empty()
            || outcome
                .errcode
                .is_some_and(|code| filter.errcodes.contains(&code)))
        && filter.from_ms.is_none_or(|from| ms >= from)
        && filter.to_ms.is_none_or(|to| ms < to)
}
