//! The detectors of one instrument, and what they found until everybody who is to be told has been.

use opus2_types::{BookView, EventBody, MarketEvent};
use serde::{Deserialize, Deserializer, Serialize};

use super::reading::READING_EVENTS_MAX;
use crate::detector::absorption::AbsorbedFlow;
use crate::detector::level_flow::Stamp;
use crate::detector::{DetectorEvent, Detectors, DetectorsV4, EVENTS_MAX, Units};
use crate::{Absent, SignalConfig};

/// The detectors of one instrument, and their findings.
///
/// A finding is told twice: in the next record that is published of the instrument, and in the next
/// [`Reading`](super::Reading), which comes at every event but holds only so many. So each waits until it has been told
/// both ways. When too many wait, the oldest gives way and is counted.
///
/// `D` is only for what was saved before: see [`EpisodesV4`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Episodes<D = Detectors> {
    detectors: D,
    findings: Findings,
}

/// Episodes without icebergs of orders, as version 4 of the operator `signal` saved them.
pub type EpisodesV4 = Episodes<DetectorsV4>;

impl From<EpisodesV4> for Episodes {
    /// The same, with icebergs of no order so far.
    fn from(old: EpisodesV4) -> Self {
        Self { detectors: old.detectors.into(), findings: old.findings }
    }
}

/// What was found, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Findings {
    waiting: Vec<DetectorEvent>,
    /// How many of those that wait are in a record, and how many in a reading.
    published: usize,
    told: usize,
}

impl Default for Findings {
    fn default() -> Self {
        Self { waiting: Vec::with_capacity(EVENTS_MAX), published: 0, told: 0 }
    }
}

impl Findings {
    /// Adds one; true when the oldest had to give way.
    fn push(&mut self, found: DetectorEvent) -> bool {
        let is_full = self.waiting.len() >= EVENTS_MAX;
        if is_full {
            self.waiting.remove(0);
            self.published = self.published.saturating_sub(1);
            self.told = self.told.saturating_sub(1);
        }
        self.waiting.push(found);
        is_full
    }

    /// Forgets those that everybody has been told.
    fn forget_told(&mut self) {
        let done = self.published.min(self.told);
        if done > 0 {
            self.waiting.drain(..done);
            self.published -= done;
            self.told -= done;
        }
    }
}

impl Episodes {
    pub(super) fn on_book(
        &mut self,
        now: i64,
        event: &MarketEvent<'_>,
        view: &BookView,
        config: &SignalConfig,
    ) {
        let settings = config.detector_settings(event.venue);
        self.detectors.on_book(stamp(now, event), view, units(event), &settings);
    }

    /// Takes any other event: a trade, or only its time.
    pub(super) fn on_other(&mut self, now: i64, event: &MarketEvent<'_>, config: &SignalConfig) {
        let settings = config.detector_settings(event.venue);
        match &event.body {
            EventBody::Trade(trade) => self.detectors.on_trade(stamp(now, event), trade, &settings),
            _ => self.detectors.advance(now, &settings),
        }
    }

    /// Data was lost.
    pub(super) fn reset_reference(&mut self) {
        self.detectors.reset_reference();
    }

    /// Takes over what the detectors have found; how many findings were let go, all of them when nobody `is_believed`.
    pub(super) fn collect(&mut self, is_believed: bool) -> u32 {
        let mut dropped = 0;
        for found in self.detectors.drain_events() {
            if !is_believed || self.findings.push(found) {
                dropped += 1;
            }
        }
        dropped
    }

    /// How many findings would be lost with it.
    pub(super) fn waiting(&self) -> u32 {
        u32::try_from(self.findings.waiting.len()).unwrap_or(u32::MAX)
    }

    /// What no record has told yet, oldest first.
    pub(super) fn unpublished(&self) -> &[DetectorEvent] {
        self.findings.waiting.get(self.findings.published..).unwrap_or_default()
    }

    /// A record has told everything.
    pub(super) fn mark_published(&mut self) {
        self.findings.published = self.findings.waiting.len();
        self.findings.forget_told();
    }

    /// What no reading has told yet, oldest first, as much as one can tell.
    pub(super) fn tell(&mut self) -> [Option<DetectorEvent>; READING_EVENTS_MAX] {
        let mut told = [None; READING_EVENTS_MAX];
        let Findings { waiting, told: count, .. } = &mut self.findings;
        for (slot, found) in told.iter_mut().zip(waiting.get(*count..).unwrap_or_default()) {
            *slot = Some(*found);
            *count += 1;
        }
        self.findings.forget_told();
        told
    }

    /// What was taken during the newest window, if that is much.
    pub(super) fn absorbed(&self, units: Units) -> Result<AbsorbedFlow, Absent> {
        self.detectors.absorbed(units)
    }

    /// The detectors.
    #[must_use]
    pub const fn detectors(&self) -> &Detectors {
        &self.detectors
    }

    pub(super) fn is_consistent(&self) -> bool {
        self.detectors.is_consistent() && self.findings.waiting.iter().all(DetectorEvent::is_consistent)
    }
}

fn stamp(now: i64, event: &MarketEvent<'_>) -> Stamp {
    Stamp { now, venue: event.exch_ts.map(|at| at.0) }
}

const fn units(event: &MarketEvent<'_>) -> Units {
    Units { price_scale: event.price_scale, qty_scale: event.qty_scale, tick: event.tick }
}

impl<'de> Deserialize<'de> for Findings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Saved {
            waiting: Vec<DetectorEvent>,
            published: usize,
            told: usize,
        }
        let Saved { waiting, published, told } = Saved::deserialize(deserializer)?;
        if waiting.len() > EVENTS_MAX || published.max(told) > waiting.len() {
            return Err(serde::de::Error::custom("more findings than may wait"));
        }
        let mut findings = Self { published, told, ..Self::default() };
        findings.waiting.extend(waiting);
        Ok(findings)
    }
}
