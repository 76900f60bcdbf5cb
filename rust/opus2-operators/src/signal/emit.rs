//! Writing what was measured into the output.

use opus2_hifa::primitive::DEPTH_BANDS_BPS;
use opus2_hifa::signal::{
    Applied, BarFeatures, BarTally, Detection, Feature, FeatureSpec, Features, InstrumentState, QuoteUpdate,
    Reading,
};
use opus2_types::{MarketEvent, QualityEvent, Side, UnixNanos};
use opus2_wire::frame::{Section, append_bytes, append_section, begin_frame};
use opus2_wire::view::signal::{
    BarView, BestView, DepthView, FeatureFormat, FeatureView, FenceView, SignalHead, SignalView, write_bar,
    write_fence, write_signal,
};

use super::NAME;
use super::finding::{episode, threshold};
use super::market::{BAR_NS, Instrument, Received};
use super::settings::{Settings, SettingsByMarket};
use super::tally::{Count, Tally};
use crate::{OperatorError, Output, OutputChannel};

/// The configuration, and the constant text that follows from it.
#[derive(Debug)]
pub(super) struct Emitter {
    settings: SettingsByMarket,
    signal_format: FeatureFormat,
    bar_format: FeatureFormat,
}

impl Emitter {
    pub(super) fn new(settings: SettingsByMarket) -> Self {
        let format = |specs: &[FeatureSpec]| {
            FeatureFormat::new(specs.iter().map(|spec| (spec.name, (spec.window_ms)(settings.config()))))
        };
        Self { signal_format: format(Features::SPECS), bar_format: format(BarFeatures::SPECS), settings }
    }

    pub(super) fn settings(&self, market: &str) -> &Settings {
        self.settings.of(market)
    }

    /// The record of one book or quote event that has been applied, and what it holds for the next stage.
    pub(super) fn signal(
        &self,
        instrument: &mut Instrument,
        event: &MarketEvent<'_>,
        applied: &Applied,
        settings: &Settings,
        tally: &mut Tally,
        out: &mut Output,
    ) -> Reading {
        let state = &instrument.state;
        let features = state.features_with(&settings.config, &settings.model);
        let detections = Detection::find(&features, applied, &settings.config);
        let (price_scale, _) = state.scales();
        let episodes = state.unpublished().iter().filter_map(|found| episode(found, price_scale));
        let findings = detections.clone().map(threshold).chain(episodes);
        tally.add(Count::Signals);
        let view = SignalView {
            head: SignalHead { exch_ts: event.exch_ts, ..head(instrument, event.recv_ts) },
            event_id: event.id,
            trigger: event.body.kind(),
            flags: event.flags,
            update: applied.update.map_or("", QuoteUpdate::as_str),
            best: best(state),
        };
        let written = out.record(OutputChannel::Signals, &instrument.key, event.recv_ts, |bytes| {
            let features = features.values().map(feature);
            let findings = findings.inspect(|_| tally.add(Count::Detections));
            write_signal(&view, &self.signal_format, features, findings, bytes);
            Ok::<(), std::convert::Infallible>(())
        });
        let Ok(()) = written;
        instrument.state.mark_published();
        Reading::new(&mut instrument.state, Some(features), detections, applied.is_reset)
    }

    /// Hands the event on to stage 2, with what is known of its instrument.
    #[expect(clippy::unused_self, reason = "every writer into the output is a method of the emitter")]
    pub(super) fn forward(
        &self,
        instrument: &Instrument,
        event: &Received<'_>,
        reading: &Reading,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        out.record(OutputChannel::Main, &instrument.key, event.event.recv_ts, |bytes| {
            begin_frame(bytes);
            append_bytes(Section::Event, event.bytes, bytes)?;
            append_section(Section::Signal, reading, bytes)
        })
        .map_err(|source| OperatorError::Write { operator: NAME, source })
    }

    /// The record of a fence that was closed or opened.
    #[expect(clippy::unused_self, reason = "every writer into the output is a method of the emitter")]
    pub(super) fn fence(
        &self,
        instrument: &Instrument,
        event: &MarketEvent<'_>,
        quality: QualityEvent,
        out: &mut Output,
    ) {
        let view = FenceView {
            head: head(instrument, event.recv_ts),
            event_id: event.id,
            is_fenced: quality.is_fenced,
            score: f64::from(quality.score_thousandths) / 1e3,
        };
        let written = out.record(OutputChannel::Signals, &instrument.key, event.recv_ts, |bytes| {
            write_fence(&view, bytes);
            Ok::<(), std::convert::Infallible>(())
        });
        let Ok(()) = written;
    }

    /// The record of one instrument's bar that ends at `end`.
    pub(super) fn bar(
        &self,
        instrument: &Instrument,
        bar: &BarTally,
        end: i64,
        tally: &mut Tally,
        out: &mut Output,
    ) {
        let state = &instrument.state;
        tally.add(Count::Bars);
        let view = BarView {
            head: head(instrument, UnixNanos(end)),
            length_ns: BAR_NS,
            books: bar.books,
            quotes: bar.quotes,
            trades: bar.trades,
            ofi: bar.ofi.ofi,
            ofi_events: bar.ofi.events,
            ofi_conflated: bar.ofi.conflated,
            resets: bar.resets,
            mid_open_doubled: bar.mid_open_doubled,
            mid_close_doubled: state.mid_doubled(),
        };
        let features = state.bar_features(end, self.settings.config());
        let depths = DEPTH_BANDS_BPS.into_iter().filter_map(|bps| depth(state, bps));
        let written = out.record(OutputChannel::Signals, &instrument.key, UnixNanos(end), |bytes| {
            write_bar(&view, &self.bar_format, features.values().map(feature), depths, bytes);
            Ok::<(), std::convert::Infallible>(())
        });
        let Ok(()) = written;
    }
}

fn head(instrument: &Instrument, recv_ts: UnixNanos) -> SignalHead<'_> {
    let (price_scale, qty_scale) = instrument.state.scales();
    SignalHead {
        text: &instrument.text,
        exch_ts: None,
        recv_ts,
        state: instrument.state.book_state().as_str(),
        price_scale,
        qty_scale,
    }
}

fn best(state: &InstrumentState) -> Option<BestView> {
    let best = state.best();
    Some(BestView {
        source: best.source()?.as_str(),
        seq: best.seq(),
        bid: best.bid(),
        ask: best.ask(),
        mid_doubled: state.mid_doubled(),
    })
}

fn feature(feature: Feature) -> FeatureView {
    FeatureView {
        value: feature.value.map_err(opus2_hifa::Absent::as_str),
        conflation_ms: feature.conflation_ms,
    }
}

/// Both sides of one band; `None` without a usable book.
fn depth(state: &InstrumentState, bps: u32) -> Option<DepthView> {
    let band_millibps = bps.saturating_mul(1_000);
    let bid = state.depth(Side::Bid, band_millibps).ok()?;
    let ask = state.depth(Side::Ask, band_millibps).ok()?;
    Some(DepthView {
        bps,
        bid: bid.qty,
        ask: ask.qty,
        bid_truncated: bid.is_truncated,
        ask_truncated: ask.is_truncated,
    })
}
