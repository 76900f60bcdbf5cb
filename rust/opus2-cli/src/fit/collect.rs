//! What the operators say of a market, as rows.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use opus2_backtest::fit::alarms::AlarmLadder;
use opus2_backtest::fit::config::FitConfig;
use opus2_backtest::fit::sample::{Look, Sample, SampleCounts, Sampler};
use opus2_backtest::fit::stage_one::StageOneData;
use opus2_hifa::SignalConfig;
use opus2_hifa::context::{Candidate, InstrumentName, Outlook};
use opus2_hifa::decision::calibration::CalibrationMap;
use opus2_hifa::decision::model::{MODEL_SCHEMA, Model, ModelFeature, ModelOrigin, ModelThresholds, Payoff};
use opus2_hifa::primitive::Bbo;
use opus2_hifa::signal::Reading;
use opus2_operators::OutputChannel;
use opus2_types::{EventBody, MarketEvent};
use opus2_wire::event::decode_event;
use opus2_wire::frame::{Frame, Section};
use serde::Deserialize;

use crate::pipeline::chain::Sink;

/// A model that asks for features and says nothing of its own: one half, whatever they are.
pub(crate) fn silent_model(market: &str, names: &[String], config: &FitConfig) -> Model {
    let feature = |name: &String| ModelFeature { name: name.clone(), mean: 0.0, sd: 1.0, weight: 0.0 };
    Model {
        schema: MODEL_SCHEMA,
        name: "collector".to_owned(),
        origin: ModelOrigin::default(),
        market: market.to_owned(),
        horizon_ms: config.horizon_ms,
        features: names.iter().map(feature).collect(),
        bias: 0.0,
        class_threshold_bps: config.class_threshold_bps,
        flat_share: 0.0,
        calibration: CalibrationMap::None,
        payoff: Payoff { gain_bps: 0.0, loss_bps: 0.0 },
        thresholds: ModelThresholds::default(),
        microprice: None,
        ofi_weights: None,
        validation: None,
    }
}

/// Takes what stage 2 hands on.
pub(super) struct Collector {
    signal: SignalConfig,
    sampler: Sampler,
    ladder: AlarmLadder,
    stage_one: StageOneData,
    /// The first instrument that was predicted: the one whose alarms, quotes and ranks are kept.
    main: Option<InstrumentName>,
    instruments: BTreeMap<InstrumentName, u64>,
    quality_sum: f64,
    quality_windows: u32,
}

/// Everything that was collected.
pub(super) struct Collected {
    pub(super) samples: Vec<Sample>,
    pub(super) counts: SampleCounts,
    /// Each instrument that was predicted, with its looks.
    pub(super) instruments: BTreeMap<InstrumentName, u64>,
    /// The first of them.
    pub(super) main: Option<InstrumentName>,
    /// The mean data quality score of the market's instruments.
    pub(super) quality: Option<f64>,
    pub(super) ladder: AlarmLadder,
    pub(super) stage_one: StageOneData,
}

impl Collector {
    pub(super) fn new(config: &FitConfig, signal: &SignalConfig) -> Self {
        Self {
            sampler: Sampler::new(config),
            ladder: AlarmLadder::new(signal),
            stage_one: StageOneData::default(),
            main: None,
            instruments: BTreeMap::new(),
            quality_sum: 0.0,
            quality_windows: 0,
            signal: *signal,
        }
    }

    pub(super) fn finish(self) -> Collected {
        let (samples, counts) = self.sampler.finish();
        let quality = (self.quality_windows > 0).then(|| self.quality_sum / f64::from(self.quality_windows));
        let Self { instruments, main, ladder, stage_one, .. } = self;
        Collected { samples, counts, instruments, main, quality, ladder, stage_one }
    }

    fn take(&mut self, outlook: &Outlook, event: Option<&MarketEvent<'_>>, reading: Option<&Reading>) {
        let Some(candidate) = &outlook.candidate else {
            // Only an event can say that the mid is lost; the end of a second repeats what is known.
            if outlook.bar_end.is_none() {
                self.sampler.lose(outlook.now);
                self.ladder.reset_reference();
                self.stage_one.reset_reference();
            }
            return;
        };
        let own = event.zip(reading).filter(|(event, _)| is_of(&candidate.instrument, event));
        if own.is_some_and(|(_, reading)| reading.head.is_reset) {
            self.sampler.lose(outlook.now);
        }
        self.sampler.look(&Look {
            now: outlook.now,
            instrument: &candidate.instrument,
            mid: candidate.mid,
            half_spread_bps: candidate.half_spread_bps,
            values: candidate.values(),
        });
        *self.instruments.entry(candidate.instrument).or_default() += 1;
        if let Some((event, reading)) = own {
            self.take_stage_one(candidate, outlook.now, event, reading);
        }
    }

    fn take_stage_one(
        &mut self,
        candidate: &Candidate,
        now: i64,
        event: &MarketEvent<'_>,
        reading: &Reading,
    ) {
        if self.main.is_none() {
            self.main = Some(candidate.instrument);
            self.stage_one = StageOneData::new(event.tick.0);
        }
        // Another instrument has another tick and other scales.
        if self.main != Some(candidate.instrument) {
            return;
        }
        if reading.head.is_reset {
            self.ladder.reset_reference();
            self.stage_one.reset_reference();
        }
        self.ladder.observe(now, reading.head.mid_doubled, event.tick.0);
        match &event.body {
            EventBody::Book(book) => {
                let is_conflated = self.signal.book_conflation_ms.of(event.venue) > 0;
                self.stage_one.observe_book(now, book, is_conflated);
                self.stage_one.observe_quote(now, Bbo::new(reading.head.bid, reading.head.ask).ok());
            }
            EventBody::Quote(_) => {
                self.stage_one.observe_quote(now, Bbo::new(reading.head.bid, reading.head.ask).ok());
            }
            _ => {}
        }
    }
}

/// Whether an event is of the instrument of that name, which may have been cut.
fn is_of(name: &InstrumentName, event: &MarketEvent<'_>) -> bool {
    let Some(symbol) = name.strip_prefix(event.venue.as_str()).and_then(|rest| rest.strip_prefix(':')) else {
        return false;
    };
    event.symbol == symbol || name.is_full() && event.symbol.starts_with(symbol)
}

#[derive(Deserialize)]
struct Quality<'a> {
    kind: &'a str,
    score: f64,
}

impl Sink for Collector {
    fn publish(&mut self, channel: OutputChannel, payload: &[u8]) -> Result<()> {
        if channel == OutputChannel::Quality
            && let Ok(Quality { kind: "instrument", score }) = serde_json::from_slice(payload)
        {
            self.quality_sum += score;
            self.quality_windows += 1;
        }
        Ok(())
    }

    fn hand_on(&mut self, payload: &[u8]) -> Result<()> {
        let frame = Frame::decode(payload)?;
        let outlook: Outlook = frame
            .value(Section::Context)?
            .context("what the last operator hands on has no outlook; is `context` the last one?")?;
        let reading: Option<Reading> = frame.value(Section::Signal)?;
        let event = frame.bytes(Section::Event).map(decode_event).transpose()?;
        self.take(&outlook, event.as_ref(), reading.as_ref());
        Ok(())
    }
}

#[cfg(test)]
#[path = "collect_tests.rs"]
pub(super) mod tests;
