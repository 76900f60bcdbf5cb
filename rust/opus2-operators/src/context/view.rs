//! From the account of a second to its JSON.

use opus2_hifa::context::{
    CONTEXT_FEATURES, ClosedPair, ClosedSecond, FRAMES, Found, FrameReading, InstrumentFacts,
    InstrumentSecond, MarketContext,
};
use opus2_hifa::cross_venue::{LaggedFeature, PairFeatures};
use opus2_hifa::detector::DetectorEvent;
use opus2_hifa::estimator::window::WINDOWS;
use opus2_hifa::{Absent, Direction, Measure};
use opus2_types::{Aggressor, Side};
use opus2_wire::view::context::{
    CandidateView, ContextLists, ContextView, DetectionView, DiscoveryView, FrameView, InstrumentView,
    LaggedView, LeadLagView, ModelView, MultiplierPartsView, MultiplierView, PairView, WindowView,
    write_context,
};
use opus2_wire::view::detection::{ICEBERG_LEVELS, ICEBERG_ORDERS};
use opus2_wire::view::value::{DecimalView, FactView, MeasureView, NameView};

use super::Settings;

/// Appends the record of a second that has just ended.
pub(super) fn write_second(
    market: &str,
    context: &MarketContext,
    second: &ClosedSecond,
    settings: &Settings,
    bytes: &mut Vec<u8>,
) {
    let model = settings.rules.model();
    let facts = |place: u8| context.instrument(place);
    let candidate = context.candidate();
    let view = ContextView {
        market,
        bar_start: second.start(),
        bar_end: second.end,
        model: ModelView { name: &model.name, hash: settings.model_hash },
        primary: second.primary.and_then(facts).map(|facts| name(&facts)),
        leader: second.leader.and_then(facts).map(|facts| name(&facts)),
        volume_rate: measure(second.volume_rate),
        detections_dropped: second.found_dropped,
        multiplier: multiplier(second),
        candidate: candidate.map(|found| CandidateView {
            instrument: &found.instrument,
            mid: found.mid,
            half_spread_bps: found.half_spread_bps,
            logit: found.logit,
            p_raw: found.p_raw,
            p_up: found.p_up,
            score: found.score,
        }),
    };
    let primary = second.primary.and_then(|primary| second.instruments.get(usize::from(primary)));
    let frames = primary.map(|primary| primary.frames);
    let missing = candidate.map_or(0, |found| found.missing);
    let names = model.features.iter().map(|feature| feature.name.as_str());
    let lists = ContextLists {
        windows: FRAMES.into_iter().enumerate().map(|(at, name)| (name, frame(frames.map(|all| all[at])))),
        features: CONTEXT_FEATURES.iter().copied().zip(second.features.iter().copied().map(measure)),
        instruments: (0u8..)
            .zip(&second.instruments)
            .filter_map(|(place, found)| facts(place).map(|facts| instrument(&facts, found))),
        pairs: second
            .pairs
            .iter()
            .filter_map(|found| facts(found.instrument).map(|facts| pair(&facts, found))),
        detections: second.found.iter().filter_map(|found| detection(context, found)),
        missing: names.enumerate().filter(move |(at, _)| missing >> at & 1 == 1).map(|(_, name)| name),
    };
    write_context(&view, lists, bytes);
}

fn measure(value: Measure) -> MeasureView {
    MeasureView(value.map_err(Absent::as_str))
}

/// A number that is finite by construction.
const fn known(value: f64) -> MeasureView {
    MeasureView(Ok(value))
}

fn fact(value: Result<bool, Absent>) -> FactView {
    FactView(value.map_err(Absent::as_str))
}

const fn name<'a>(facts: &InstrumentFacts<'a>) -> NameView<'a> {
    NameView { venue: facts.venue.as_str(), symbol: facts.symbol }
}

fn frame(reading: Option<FrameReading>) -> FrameView {
    let windows = reading.map(|reading| reading.windows);
    let window = |at: usize| {
        let found = windows.as_ref().and_then(|windows| windows.get(at));
        WindowView {
            value: measure(found.map_or(Err(Absent::Cold), |found| found.value)),
            z: measure(found.map_or(Err(Absent::Cold), |found| found.z)),
        }
    };
    FrameView {
        one: window(0),
        five: window(1),
        fifteen: window(2),
        agreement: measure(reading.map_or(Err(Absent::Cold), |reading| reading.agreement)),
    }
}

fn instrument<'a>(facts: &InstrumentFacts<'a>, second: &InstrumentSecond) -> InstrumentView<'a> {
    let (price_scale, qty_scale) = (facts.scales.price, facts.scales.qty);
    let InstrumentSecond { bar, context, volatility, latency_ms, volume_rate, mid_doubled, .. } = second;
    let qty = |units| DecimalView { units, scale: qty_scale };
    InstrumentView {
        instrument: name(facts),
        state: facts.book_state.as_str(),
        fenced: facts.is_fenced,
        mid: mid_doubled.map(|doubled| DecimalView::half(doubled, price_scale)),
        signed_volume: qty(bar.signed_volume),
        volume: qty(bar.volume),
        notional: DecimalView { units: bar.notional, scale: price_scale.saturating_add(qty_scale) },
        trades: bar.trades,
        broken: bar.is_broken,
        vpin: measure(context.vpin),
        vpin_percentile: measure(context.vpin_percentile),
        lambda: measure(context.lambda),
        lambda_bps_per_100k: measure(context.lambda_bps_per_100k_quote),
        lambda_r2: measure(context.lambda_r2),
        amihud_per_million: measure(context.illiquidity_per_million),
        realised_variance: measure(context.realised.variance),
        bipower_variation: measure(context.realised.bipower),
        relative_jump: measure(context.realised.relative_jump),
        jump_z: measure(context.realised.z_ratio),
        jump: fact(context.realised.is_jump()),
        volatility: measure(*volatility),
        volatility_slow: measure(context.slow_volatility),
        volume_rate: measure(*volume_rate),
        feed_latency_ms: measure(*latency_ms),
    }
}

fn pair<'a>(facts: &InstrumentFacts<'a>, found: &ClosedPair) -> PairView<'a> {
    let PairFeatures { correlation, lead_lag, lagged, vecm, discovery } = found.features;
    PairView {
        instrument: name(facts),
        correlation: measure(correlation.map(|found| found.correlation)),
        correlation_resolution_ms: correlation.ok().map(|found| found.resolution_ms),
        lead_lag: LeadLagView {
            theta_ms: measure(lead_lag.map(|found| found.theta_ms.into())),
            correlation: measure(lead_lag.map(|found| found.correlation)),
            llr: measure(lead_lag.and_then(|found| found.ratio)),
            significant: fact(lead_lag.map(|found| found.is_significant())),
            as_of: lead_lag.ok().map(|found| found.as_of),
            resolution_ms: lead_lag.ok().map(|found| found.resolution_ms),
        },
        lagged: [0, 1, 2].map(|window| lagged_view(WINDOWS[window].bin_ms, lagged[window])),
        price_discovery: DiscoveryView {
            component: measure(discovery.map(|found| found.component)),
            information: measure(discovery.map(|found| found.information_mid)),
            information_lower: measure(discovery.map(|found| found.information_lower)),
            information_upper: measure(discovery.map(|found| found.information_upper)),
            leadership: measure(discovery.and_then(|found| found.leadership)),
            determined: fact(discovery.map(|found| found.is_determined())),
            pull_errors: measure(vecm.map(|found| found.pull_errors)),
        },
        feed_latency_ms_difference: measure(found.latency_difference_ms),
    }
}

fn lagged_view(bin_ms: u32, lagged: Result<LaggedFeature, Absent>) -> LaggedView {
    LaggedView {
        bin_ms,
        lag_ms: measure(lagged.map(|found| found.lag_ms.into())),
        correlation: measure(lagged.map(|found| found.finding.correlation)),
        standard_error: measure(lagged.map(|found| found.finding.standard_error)),
        significant: fact(lagged.map(|found| found.is_significant)),
    }
}

fn multiplier(second: &ClosedSecond) -> MultiplierView {
    let found = &second.multiplier;
    MultiplierView {
        value: found.value,
        unclamped: found.unclamped,
        clamped: found.is_clamped(),
        direction: second.direction.map(Direction::as_str),
        parts: MultiplierPartsView {
            agreement: measure(found.agreement),
            lead: measure(found.lead),
            toxicity: measure(found.toxicity),
            jump: measure(found.jump),
        },
    }
}

const fn with(aggressor: Aggressor) -> &'static str {
    match aggressor {
        Aggressor::Buy => Direction::Up.as_str(),
        Aggressor::Sell => Direction::Down.as_str(),
    }
}

const fn against(aggressor: Aggressor) -> &'static str {
    match aggressor {
        Aggressor::Buy => Direction::Down.as_str(),
        Aggressor::Sell => Direction::Up.as_str(),
    }
}

const fn side(side: Side) -> &'static str {
    match side {
        Side::Bid => "bid",
        Side::Ask => "ask",
    }
}

/// `None` for what is not published here.
fn detection<'a>(context: &'a MarketContext, found: &Found) -> Option<DetectionView<'a>> {
    Some(match found {
        Found::Of { instrument, event } => detected(&context.instrument(*instrument)?, event)?,
        Found::Across(sweep) => DetectionView::CrossVenueSweep {
            direction: with(sweep.aggressor),
            venues: sweep.venues,
            leader: sweep.leader.as_str(),
            received: sweep.received,
            volume: known(sweep.volume_base),
        },
        Found::Absorbed { instrument, absorption } => DetectionView::Absorption {
            instrument: name(&context.instrument(*instrument)?),
            direction: against(absorption.aggressor),
            volume: known(absorption.volume),
            expected_move: known(absorption.expected_move),
            resistance: measure(absorption.resistance),
            replenishment: measure(absorption.replenishment),
            score: known(absorption.score),
        },
        _ => return None,
    })
}

fn detected<'a>(facts: &InstrumentFacts<'a>, event: &DetectorEvent) -> Option<DetectionView<'a>> {
    let price = |units: i64| DecimalView { units: units.into(), scale: facts.scales.price };
    let qty = |units: i128| DecimalView { units, scale: facts.scales.qty };
    let instrument = name(facts);
    Some(match event {
        DetectorEvent::Sweep(sweep) => DetectionView::Sweep {
            instrument,
            direction: with(sweep.aggressor),
            levels: sweep.levels,
            volume: qty(sweep.volume),
            vwap: measure(sweep.vwap(facts.scales.price)),
            span: price(sweep.span().0),
            depth_ratio: measure(sweep.depth_ratio()),
            since: sweep.since,
            until: sweep.until,
        },
        DetectorEvent::Refill(refill) => DetectionView::Refill {
            instrument,
            direction: if refill.side == Side::Bid { with(Aggressor::Buy) } else { with(Aggressor::Sell) },
            price: price(refill.price.0),
            refills: refill.refills,
            refilled: qty(refill.refilled),
            traded: qty(refill.traded),
            peak_cv: known(refill.peak_cv),
            refill_share: known(refill.refill_share),
            feed: ICEBERG_LEVELS,
        },
        DetectorEvent::Iceberg(iceberg) => DetectionView::Iceberg {
            instrument,
            direction: if iceberg.side == Side::Bid { with(Aggressor::Buy) } else { with(Aggressor::Sell) },
            price: price(iceberg.price.0),
            refills: iceberg.refills,
            peak: qty(iceberg.peak.into()),
            executed: qty(iceberg.executed.into()),
            feed: ICEBERG_ORDERS,
        },
        DetectorEvent::WallEnded(wall) => DetectionView::WallEnded {
            instrument,
            side: side(wall.side),
            price: price(wall.price.0),
            end: wall.end.as_str(),
            peak: qty(wall.episode.peak().0.into()),
            executed: qty(wall.episode.executed()),
            cancelled: qty(wall.episode.cancelled()),
            refilled: qty(wall.episode.refilled()),
            life_secs: known(wall.episode.life_secs()),
            pull_ratio: measure(wall.episode.pull_ratio()),
            spoof_likeness: known(wall.spoof_likeness),
        },
        DetectorEvent::Layering(layering) => DetectionView::Layering {
            instrument,
            side: side(layering.side),
            levels: layering.levels,
            pull_ratio: known(layering.pull_ratio),
            opposite_share: known(layering.opposite_share),
            score: known(layering.score),
            since: layering.since,
            until: layering.until,
        },
        _ => return None,
    })
}
