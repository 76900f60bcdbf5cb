//! What the venue that goes with the primary one most foretells of it.

use serde::{Deserialize, Serialize};

use super::instrument::{Instrument, InstrumentSecond};
use super::rules::ContextRules;
use super::second::ClosedPair;
use crate::cross_venue::{LeadWeights, Leg, VenuePairs};
use crate::measure::finite;
use crate::{Absent, Measure};

/// The window whose bins a lead is sought in: 50 ms up to a second, about what a feed's conflation lets through.
const LEAD_WINDOW: usize = 1;

/// The leader of a market, chosen at the end of every second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Lead {
    /// Its place among the instruments that are compared.
    pub(super) place: Option<u8>,
    weights: Result<LeadWeights, Absent>,
}

impl Lead {
    /// No leader, for this reason.
    pub(super) const fn absent(reason: Absent) -> Self {
        Self { place: None, weights: Err(reason) }
    }

    /// The other venue's instrument whose mid is correlated most with the primary one's.
    pub(super) fn choose(
        instruments: &[Instrument],
        primary: usize,
        found: &[ClosedPair],
        pairs: &VenuePairs,
        rules: &ContextRules,
    ) -> Self {
        let venue = |at: usize| instruments.get(at).map(|instrument| instrument.venue);
        let others = found
            .iter()
            .filter(|pair| venue(pair.instrument.into()).is_some_and(|other| Some(other) != venue(primary)));
        let mut best: Result<(usize, f64), Absent> = Err(Absent::DataType);
        for pair in others {
            match (pair.features.correlation, best) {
                (Ok(found), Ok((_, most))) if found.correlation.abs() <= most => {}
                (Ok(found), _) => best = Ok((pair.place.into(), found.correlation.abs())),
                (Err(reason), Err(_)) => best = Err(reason),
                (Err(_), Ok(_)) => {}
            }
        }
        match best {
            Err(reason) => Self::absent(reason),
            Ok((place, _)) => Self {
                place: u8::try_from(place).ok(),
                weights: pairs.lead_weights(place, LEAD_WINDOW, Leg::Y, &rules.across),
            },
        }
    }

    /// The log return that is foretold for the primary one's next bin, and in its own standard deviations; both zero
    /// where no lag is significant.
    pub(super) fn signal(
        &self,
        pairs: Option<&mut VenuePairs>,
        now: i64,
        rules: &ContextRules,
    ) -> (Measure, Measure) {
        let signal = || {
            let weights = self.weights?;
            let (pairs, place) = pairs.zip(self.place).ok_or(Absent::DataType)?;
            let place = usize::from(place);
            pairs.advance_lags(place, now, &rules.across);
            Ok((pairs.lead_signal(place, LEAD_WINDOW, Leg::Y, &weights.weights)?, weights.signal_sd))
        };
        match signal() {
            Ok((signal, sd)) => (finite(signal), if sd > 0.0 { finite(signal / sd) } else { Ok(0.0) }),
            Err(reason) => (Err(reason), Err(reason)),
        }
    }

    /// False for a loaded lead that no mids can have led to.
    pub(super) fn is_consistent(&self, pairs: Option<&VenuePairs>) -> bool {
        self.place.is_none_or(|place| {
            pairs.is_some_and(|pairs| {
                usize::from(place) < pairs.len() && usize::from(place) != pairs.primary()
            })
        }) && self.weights.iter().all(LeadWeights::is_consistent)
    }
}

/// By how much later the other instrument's events come than the primary one's, ms: what of a lag is the feeds'.
pub(super) fn latency_difference_ms(primary: &InstrumentSecond, other: &InstrumentSecond) -> Measure {
    finite(other.latency_ms? - primary.latency_ms?)
}
