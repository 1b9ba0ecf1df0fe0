//! The series of every metric in the table, and the text that Prometheus scrapes.

use std::collections::BTreeMap;

use prometheus::core::Collector as _;
use prometheus::proto::MetricFamily;
use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder,
};

use super::table::{COUNTERS, Counter, GAUGES, Gauge, HISTOGRAMS, Histogram};

/// All series. Labels are given in the order of the table, all of them: any other number is a fault of ours, and panics.
pub(super) struct Collector {
    registry: Registry,
    counters: BTreeMap<Counter, IntCounterVec>,
    gauges: BTreeMap<Gauge, GaugeVec>,
    histograms: BTreeMap<Histogram, HistogramVec>,
}

impl Collector {
    /// No series but those without labels, which are at zero.
    pub(super) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let name = |name: &str| format!("wx_courier_{name}");
        let mut counters = BTreeMap::new();
        for (counter, of, labels, help) in COUNTERS {
            let family = IntCounterVec::new(Opts::new(name(of), *help), labels)?;
            registry.register(Box::new(family.clone()))?;
            counters.insert(*counter, family);
        }
        let mut gauges = BTreeMap::new();
        for (gauge, of, labels, help) in GAUGES {
            let family = GaugeVec::new(Opts::new(name(of), *help), labels)?;
            registry.register(Box::new(family.clone()))?;
            gauges.insert(*gauge, family);
        }
        let mut histograms = BTreeMap::new();
        for ((histogram, of, labels, help), buckets) in HISTOGRAMS {
            let opts = HistogramOpts::new(name(of), *help).buckets(buckets.to_vec());
            let family = HistogramVec::new(opts, labels)?;
            registry.register(Box::new(family.clone()))?;
            histograms.insert(*histogram, family);
        }
        let collector = Self {
            registry,
            counters,
            gauges,
            histograms,
        };
        collector.begin();
        Ok(collector)
    }

    fn begin(&self) {
        for (counter, _, labels, _) in COUNTERS {
            if labels.is_empty() {
                self.add(*counter, &[], 0);
            }
        }
        for (gauge, _, labels, _) in GAUGES {
            if labels.is_empty() {
                self.set(*gauge, &[], 0.0);
            }
        }
        for ((histogram, _, labels, _), _) in HISTOGRAMS {
            if let (true, Some(family)) = (labels.is_empty(), self.histograms.get(histogram)) {
                family.with_label_values::<&str>(&[]);
            }
        }
    }

    /// So many more.
    pub(super) fn add(&self, counter: Counter, labels: &[&str], more: u64) {
        if let Some(family) = self.counters.get(&counter) {
            family.with_label_values(labels).inc_by(more);
        }
    }

    /// So many in all: they are counted elsewhere.
    pub(super) fn set_total(&self, counter: Counter, labels: &[&str], total: u64) {
        if let Some(family) = self.counters.get(&counter) {
            let series = family.with_label_values(labels);
            series.reset();
            series.inc_by(total);
        }
    }

    /// Every series of a counter: its labels, in the order of the table, and its total.
    pub(super) fn totals(&self, counter: Counter) -> Vec<(Vec<String>, u64)> {
        let labels = COUNTERS.iter().find(|(known, ..)| *known == counter);
        let (Some(family), Some((_, _, labels, _))) = (self.counters.get(&counter), labels) else {
            return Vec::new();
        };
        let families = family.collect();
        let series = families.iter().flat_map(MetricFamily::get_metric);
        let totals = series.map(|series| {
            // A family gives its labels by name.
            let value = |label: &&str| {
                let mut pairs = series.get_label().iter();
                let pair = pairs.find(|pair| pair.name() == *label);
                pair.map(|pair| pair.value().to_owned()).unwrap_or_default()
            };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it counts whole things, upwards"
            )]
            let total = series.get_counter().get_value() as u64;
            (labels.iter().map(value).collect(), total)
        });
        totals.collect()
    }

    pub(super) fn set(&self, gauge: Gauge, labels: &[&str], value: f64) {
        if let Some(family) = self.gauges.get(&gauge) {
            family.with_label_values(labels).set(value);
        }
    }

    /// Forgets every series of a gauge whose labels come and go.
    pub(super) fn clear(&self, gauge: Gauge) {
        if let Some(family) = self.gauges.get(&gauge) {
            family.reset();
        }
    }

    pub(super) fn observe(&self, histogram: Histogram, labels: &[&str], seconds: f64) {
        if let Some(family) = self.histograms.get(&histogram) {
            family.with_label_values(labels).observe(seconds);
        }
    }

    pub(super) fn encode(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}
