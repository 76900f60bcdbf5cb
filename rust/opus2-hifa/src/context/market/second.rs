//! The end of a second: what rests on whole seconds is measured, and an account of it is given.

use arrayvec::ArrayVec;

use super::clock::SECOND_NANOS;
use super::features::{CONTEXT_FEATURES_COUNT, SlowContext};
use super::found::{FOUND_MAX, Found};
use super::instrument::InstrumentSecond;
use super::lead::{Lead, latency_difference_ms};
use super::primary::{arrange, choose_primary, compared_place};
use super::rules::ContextRules;
use super::{MARKET_INSTRUMENTS_MAX, MarketContext};
use crate::context::{ContextMultiplier, mean_agreement};
use crate::cross_venue::{INSTRUMENTS_MAX, PairFeatures};
use crate::exact::seconds;
use crate::measure::finite;
use crate::{Absent, Direction, Measure};

/// How an instrument goes with the primary one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClosedPair {
    /// Its place in the market's table.
    pub instrument: u8,
    /// Its place among those that are compared.
    pub(super) place: u8,
    /// What is known of the two.
    pub features: PairFeatures,
    /// By how much later its events come than the primary one's, ms, as medians of receive time less the venue's time.
    pub latency_difference_ms: Measure,
}

/// The account of a second that has ended: one is filled for second after second, so that its memory is used again.
#[derive(Debug, Clone, PartialEq)]
pub struct ClosedSecond {
    /// Its end, ns.
    pub end: i64,
    /// By instrument, in the order of the market's table.
    pub instruments: Vec<InstrumentSecond>,
    /// The primary instrument's place in it.
    pub primary: Option<u8>,
    /// The instruments that are compared with the primary one.
    pub pairs: Vec<ClosedPair>,
    /// The instrument whose lead is followed.
    pub leader: Option<u8>,
    /// What was detected.
    pub found: ArrayVec<Found, FOUND_MAX>,
    /// Volume of all instruments per second, base units: see [`Outlook`](crate::context::Outlook).
    pub volume_rate: Measure,
    /// How many detections there was no room for.
    pub found_dropped: u32,
    /// The values of [`CONTEXT_FEATURES`](super::CONTEXT_FEATURES).
    pub features: [Measure; CONTEXT_FEATURES_COUNT],
    /// What the context does to the candidate's confidence.
    pub multiplier: ContextMultiplier,
    /// The direction it was weighed against: the candidate's.
    pub direction: Option<Direction>,
    /// The instruments that are compared, or the primary one, have changed.
    pub is_rearranged: bool,
}

impl MarketContext {
    /// Ends the open second when that is at `until` or before, and gives its account in `closed`; false when it does not
    /// end yet. Call it until it does not.
    pub fn close_due(&mut self, until: i64, rules: &ContextRules, closed: &mut ClosedSecond) -> bool {
        let before = self.state.clock.closed_until();
        let Some(end) = self.state.clock.close(until) else { return false };
        let elapsed_secs = if before == i64::MIN { 1.0 } else { seconds(end.saturating_sub(before)) };
        closed.end = end;
        closed.instruments.clear();
        for instrument in self.instruments.iter_mut().take(MARKET_INSTRUMENTS_MAX) {
            closed.instruments.push(instrument.state.close(end, elapsed_secs, rules));
        }
        let instruments = closed.instruments.as_slice();
        self.tell_absorbed(instruments);
        closed.is_rearranged = self.choose(end, rules);
        closed.pairs.clear();
        self.compare(end, instruments, rules, &mut closed.pairs);
        self.state.lead = match (&self.state.pairs, self.primary_place()) {
            (Some(all), Some(primary)) => Lead::choose(&self.instruments, primary, &closed.pairs, all, rules),
            _ => Lead::absent(Absent::DataType),
        };
        let fast = self.fast(end, rules);
        let primary = self.primary_place().and_then(|primary| instruments.get(primary));
        self.state.slow = slow(primary, fast.lead_z, volume_rate(instruments));
        closed.found_dropped = self.state.found.take(&mut closed.found);
        (closed.multiplier, closed.direction) = self.multiplier(rules);
        closed.primary = self.state.primary;
        let of_place = |place| closed.pairs.iter().find(|pair| pair.place == place);
        closed.leader = self.state.lead.place.and_then(of_place).map(|pair| pair.instrument);
        closed.volume_rate = self.state.slow.volume_rate;
        closed.features = self.state.slow.features(&fast);
        true
    }

    fn tell_absorbed(&mut self, instruments: &[InstrumentSecond]) {
        for (instrument, second) in (0u8..).zip(instruments) {
            if let Some(absorption) = second.absorbed {
                self.state.found.push(Found::Absorbed { instrument, absorption });
            }
        }
    }

    /// Chooses the primary instrument and those that are compared with it; true when any of it has changed.
    fn choose(&mut self, end: i64, rules: &ContextRules) -> bool {
        let before = self.primary_place();
        let Some(primary) = choose_primary(&self.instruments, before, rules.primary_margin) else {
            return false;
        };
        let is_other = before != Some(primary);
        if is_other {
            self.state.primary = u8::try_from(primary).ok();
            self.state.candidate = None;
        }
        let is_arranged = arrange(&mut self.instruments, primary, &mut self.state.pairs);
        if is_arranged && let Some(pairs) = &mut self.state.pairs {
            // Those that were known before are told what they know.
            let compared = self.instruments.iter().filter(|instrument| instrument.state.is_compared);
            for (place, instrument) in compared.enumerate() {
                if let Some(log_mid) = instrument.state.log_mid() {
                    pairs.on_mid(place, end, log_mid, &rules.across);
                }
            }
        }
        is_other || is_arranged
    }

    fn compare(
        &mut self,
        end: i64,
        instruments: &[InstrumentSecond],
        rules: &ContextRules,
        found: &mut Vec<ClosedPair>,
    ) {
        let primary = self.primary_place().and_then(|primary| instruments.get(primary));
        let (Some(pairs), Some(primary)) = (&mut self.state.pairs, primary) else { return };
        pairs.advance(end, &rules.across);
        for (instrument, second) in (0u8..).zip(instruments) {
            let place = compared_place(&self.instruments, instrument.into());
            let Some(place) = place.and_then(|place| u8::try_from(place).ok()) else { continue };
            if let Some(features) = pairs.features(place.into(), &rules.across)
                && found.len() < INSTRUMENTS_MAX
            {
                let latency_difference_ms = latency_difference_ms(primary, second);
                found.push(ClosedPair { instrument, place, features, latency_difference_ms });
            }
        }
    }
}

impl Default for ClosedSecond {
    /// Of nothing, to be filled.
    fn default() -> Self {
        let unknown = Err(Absent::Cold);
        Self {
            end: 0,
            instruments: Vec::new(),
            primary: None,
            pairs: Vec::new(),
            leader: None,
            found: ArrayVec::new(),
            volume_rate: unknown,
            found_dropped: 0,
            features: [unknown; CONTEXT_FEATURES_COUNT],
            multiplier: ContextMultiplier {
                agreement: unknown,
                lead: unknown,
                toxicity: unknown,
                jump: unknown,
                unclamped: 1.0,
                value: 1.0,
            },
            direction: None,
            is_rearranged: false,
        }
    }
}

impl ClosedSecond {
    /// Its beginning, which does not belong to it, ns.
    #[must_use]
    pub const fn start(&self) -> i64 {
        self.end.saturating_sub(SECOND_NANOS)
    }
}

/// What is known of a market by its primary instrument.
fn slow(primary: Option<&InstrumentSecond>, lead_z: Measure, volume_rate: Measure) -> SlowContext {
    let Some(InstrumentSecond { context, frames, volatility, .. }) = primary else {
        return SlowContext { volume_rate, ..SlowContext::absent(Absent::Cold) };
    };
    let [ofi, flow] = frames;
    let ratio = || {
        let (fast, slow) = ((*volatility)?, context.slow_volatility?);
        if slow > 0.0 { finite(fast / slow) } else { Err(Absent::NoEvents) }
    };
    SlowContext {
        agreement: mean_agreement(frames),
        agreement_ofi: ofi.agreement,
        agreement_flow: flow.agreement,
        lead_z,
        vpin: context.vpin,
        vpin_percentile: context.vpin_percentile,
        lambda: context.lambda,
        lambda_bps_per_100k: context.lambda_bps_per_100k_quote,
        volatility: *volatility,
        volatility_slow: context.slow_volatility,
        volatility_ratio: ratio(),
        relative_jump: context.realised.relative_jump,
        is_jump: context.realised.is_jump(),
        illiquidity: context.illiquidity_per_million,
        volume_rate,
    }
}

/// Of all instruments together. One of which nothing is known counts nothing, unless it is so of all.
fn volume_rate(instruments: &[InstrumentSecond]) -> Measure {
    let mut sum = Err(Absent::Cold);
    for second in instruments {
        match (second.volume_rate, sum) {
            (Ok(rate), before) => sum = finite(before.unwrap_or(0.0) + rate),
            (Err(reason), Err(_)) => sum = Err(reason),
            (Err(_), Ok(_)) => {}
        }
    }
    sum
}
