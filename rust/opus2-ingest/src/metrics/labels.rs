//! Metrics with a label, their children resolved once, and the maker that registers them.

use std::collections::{BTreeMap, HashMap};

use opus2_types::Channel;
use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

use super::names::{Spec, WIRE_TO_ACK_SECS};

/// One counter for every value of a label, resolved once.
#[derive(Debug)]
pub struct ByLabel<T>(HashMap<&'static str, T>);

impl ByLabel<IntCounter> {
    /// Adds one under `value`. A value that was not announced at the start counts nowhere; the tests try them all.
    pub fn add_one(&self, value: &'static str) {
        if let Some(counter) = self.0.get(value) {
            counter.inc();
        }
    }

    /// Adds some under `value`, as [`add_one`](Self::add_one) does.
    pub fn add(&self, value: &'static str, count: u64) {
        if let Some(counter) = self.0.get(value) {
            counter.inc_by(count);
        }
    }

    /// The count under `value`.
    #[must_use]
    pub fn get(&self, value: &str) -> u64 {
        self.0.get(value).map_or(0, IntCounter::get)
    }

    /// Every count that is not zero.
    #[must_use]
    pub fn not_zero(&self) -> BTreeMap<&'static str, u64> {
        self.0
            .iter()
            .map(|(value, counter)| (*value, counter.get()))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

/// One counter for every channel, by position.
#[derive(Debug)]
pub struct ByChannel([IntCounter; Channel::ALL.len()]);

impl ByChannel {
    /// Adds one.
    pub fn add_one(&self, channel: Channel) {
        if let Some(counter) = self.of(channel) {
            counter.inc();
        }
    }

    /// The count of one.
    #[must_use]
    pub fn get(&self, channel: Channel) -> u64 {
        self.of(channel).map_or(0, IntCounter::get)
    }

    fn of(&self, channel: Channel) -> Option<&IntCounter> {
        let index = Channel::ALL.iter().position(|other| *other == channel)?;
        self.0.get(index)
    }

    /// The sum over all channels.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().map(IntCounter::get).sum()
    }
}

/// Makes metrics and registers each as it is made.
pub(super) struct Maker(pub(super) Registry);

impl Maker {
    fn register<C: Collector + Clone + 'static>(&self, metric: Result<C, prometheus::Error>) -> C {
        let metric = metric.expect("the names in this file are valid metric names");
        self.0.register(Box::new(metric.clone())).expect("the names in this file are distinct");
        metric
    }

    pub(super) fn counter(&self, spec: &Spec) -> IntCounter {
        self.register(IntCounter::new(spec.name, spec.help))
    }

    pub(super) fn gauge(&self, spec: &Spec) -> IntGauge {
        self.register(IntGauge::new(spec.name, spec.help))
    }

    fn counters(&self, spec: &Spec) -> IntCounterVec {
        self.register(IntCounterVec::new(Opts::new(spec.name, spec.help), spec.label.as_slice()))
    }

    pub(super) fn by_label(
        &self,
        spec: &Spec,
        values: impl IntoIterator<Item = &'static str>,
    ) -> ByLabel<IntCounter> {
        let counters = self.counters(spec);
        ByLabel(values.into_iter().map(|value| (value, counters.with_label_values(&[value]))).collect())
    }

    pub(super) fn by_channel(&self, spec: &Spec) -> ByChannel {
        let counters = self.counters(spec);
        ByChannel(Channel::ALL.map(|channel| counters.with_label_values(&[channel.as_str()])))
    }

    pub(super) fn float(&self, spec: &Spec) -> Gauge {
        self.register(Gauge::new(spec.name, spec.help))
    }

    pub(super) fn floats<const N: usize>(&self, spec: &Spec, values: [&'static str; N]) -> [Gauge; N] {
        let gauges: GaugeVec =
            self.register(GaugeVec::new(Opts::new(spec.name, spec.help), spec.label.as_slice()));
        values.map(|value| gauges.with_label_values(&[value]))
    }

    pub(super) fn gauges<const N: usize>(&self, spec: &Spec, values: [&'static str; N]) -> [IntGauge; N] {
        let gauges: IntGaugeVec =
            self.register(IntGaugeVec::new(Opts::new(spec.name, spec.help), spec.label.as_slice()));
        values.map(|value| gauges.with_label_values(&[value]))
    }

    pub(super) fn histogram(&self, spec: &Spec) -> Histogram {
        let opts = HistogramOpts::new(spec.name, spec.help).buckets(WIRE_TO_ACK_SECS.to_vec());
        self.register(Histogram::with_opts(opts))
    }
}
