//! The end of a window: every instrument of a market is judged, published, and told to the stages.

use std::fmt::Write;

use opus2_hifa::quality::Component;
use opus2_types::{
    EventBody, MarketEvent, Price, Qty, QualityEvent, QualityFlags, SeqRange, UnixNanos, Venue,
};
use opus2_wire::event::encode_event;
use opus2_wire::view::quality::{
    DeductionView, QualityHead, QualityView, VenueQualityView, write_quality, write_venue_quality,
};

use super::NAME;
use super::market::{Instrument, Market};
use super::quality::Verdict;
use super::tally::Tally;
use crate::{OperatorError, Output, OutputChannel};

/// The window that ends now.
#[derive(Debug, Clone, Copy)]
pub(super) struct WindowEnd<'a> {
    pub(super) market: &'a str,
    pub(super) end: i64,
    pub(super) length: i64,
}

/// What a window says of one venue's instruments in the market.
#[derive(Debug, Clone, Copy)]
struct VenueSum {
    venue: Venue,
    points: f64,
    points_min: f64,
    instruments: u32,
    fenced: u32,
}

impl Market {
    /// Judges every instrument over the window that ends now.
    pub(super) fn judge(
        &mut self,
        window: WindowEnd<'_>,
        id: &mut String,
        tally: &mut Tally,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        let mut sums = [None; Venue::ALL.len()];
        for instrument in self.instruments_mut() {
            if instrument.quality.is_gone(window.end) {
                continue;
            }
            let state = instrument.feed.state();
            let verdict = instrument.quality.close(window.end, window.length, state);
            let is_fenced = instrument.quality.is_fenced();
            let venue = instrument.feed.spec().venue;
            tally.verdict(venue, &verdict);
            publish(instrument, &verdict, window, id, out)?;
            tell_stages(instrument, &verdict, window, id, out)?;
            let sum = sums[usize::from(venue.code())].get_or_insert(VenueSum {
                venue,
                points: 0.0,
                points_min: 100.0,
                instruments: 0,
                fenced: 0,
            });
            sum.points += verdict.points;
            sum.points_min = sum.points_min.min(verdict.points);
            sum.instruments += 1;
            sum.fenced += u32::from(is_fenced);
        }
        sums.into_iter().flatten().try_for_each(|sum| publish_venue(&sum, window, id, out))
    }
}

fn failed(source: opus2_wire::WireError) -> OperatorError {
    OperatorError::Write { operator: NAME, source }
}

fn write_id(id: &mut String, name: impl std::fmt::Display, end: i64) {
    id.clear();
    write!(id, "{name}:quality:{end}").expect("a string takes every write");
}

fn publish(
    instrument: &Instrument,
    verdict: &Verdict,
    window: WindowEnd<'_>,
    id: &mut String,
    out: &mut Output,
) -> Result<(), OperatorError> {
    let spec = instrument.feed.spec();
    write_id(id, &instrument.key, window.end);
    let (fence_below, recover_at) = instrument.quality.thresholds();
    let score = verdict.score();
    let mut components = [("", None); Component::ALL.len()];
    for (slot, (component, value)) in
        components.iter_mut().zip(Component::ALL.into_iter().zip(score.components))
    {
        *slot = (component.as_str(), value);
    }
    let view = QualityView {
        head: head(id, "instrument", spec.venue, Some(&spec.symbol), window),
        score: verdict.points,
        components,
        capped_points: score.capped_points,
        deductions: verdict.deductions().map(|deduction| DeductionView {
            reason: deduction.reason.as_str(),
            component: deduction.reason.component().as_str(),
            count: deduction.count,
            points: deduction.points,
        }),
        messages: verdict.received(),
        state: instrument.feed.state().as_str(),
        is_fenced: instrument.quality.is_fenced(),
        fence_below,
        recover_at,
        is_partial: !verdict.is_telling,
    };
    out.record(OutputChannel::Quality, &instrument.key, UnixNanos(window.end), |bytes| {
        write_quality(&view, bytes)
    })
    .map_err(failed)
}

/// The stages hear every verdict: they need the fence, and later the score.
fn tell_stages(
    instrument: &Instrument,
    verdict: &Verdict,
    window: WindowEnd<'_>,
    id: &str,
    out: &mut Output,
) -> Result<(), OperatorError> {
    let spec = instrument.feed.spec();
    let event = MarketEvent {
        id,
        venue: spec.venue,
        symbol: &spec.symbol,
        price_scale: spec.price_scale,
        qty_scale: spec.qty_scale,
        tick: Price(spec.tick),
        lot: Qty(spec.lot),
        exch_ts: None,
        recv_ts: UnixNanos(window.end),
        seq: SeqRange::default(),
        flags: QualityFlags::default(),
        body: EventBody::Quality(QualityEvent {
            score_thousandths: verdict.thousandths(),
            is_fenced: instrument.quality.is_fenced(),
        }),
    };
    out.record(OutputChannel::Main, &instrument.key, event.recv_ts, |bytes| encode_event(&event, bytes))
        .map_err(failed)
}

fn publish_venue(
    sum: &VenueSum,
    window: WindowEnd<'_>,
    id: &mut String,
    out: &mut Output,
) -> Result<(), OperatorError> {
    write_id(id, format_args!("{}:{}", sum.venue, window.market), window.end);
    let view = VenueQualityView {
        head: head(id, "venue", sum.venue, None, window),
        score: sum.points / f64::from(sum.instruments),
        score_min: sum.points_min,
        instruments: sum.instruments,
        fenced: sum.fenced,
    };
    out.record(OutputChannel::Quality, sum.venue.as_str(), UnixNanos(window.end), |bytes| {
        write_venue_quality(&view, bytes)
    })
    .map_err(failed)
}

fn head<'a>(
    id: &'a str,
    kind: &'static str,
    venue: Venue,
    instrument: Option<&'a str>,
    window: WindowEnd<'a>,
) -> QualityHead<'a> {
    QualityHead {
        id,
        kind,
        venue: venue.as_str(),
        instrument,
        market: window.market,
        window_start: window.end.saturating_sub(window.length),
        window_end: window.end,
    }
}
