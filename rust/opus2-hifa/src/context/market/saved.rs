//! A market as it is saved.

use opus2_types::Venue;
use serde::{Deserialize, Serialize};

use super::instrument::{Instrument, InstrumentState};
use super::rules::ContextRules;
use super::{MARKET_INSTRUMENTS_MAX, MarketContext, MarketState, compared_place};
use crate::context::{Candidate, VpinHorizon};
use crate::cross_venue::INSTRUMENTS_MAX;

/// What is saved of a market.
#[derive(Debug, Serialize)]
pub struct SavingMarket<'a> {
    vpin_horizon: VpinHorizon,
    instruments: Vec<(Venue, &'a str, &'a InstrumentState)>,
    state: &'a MarketState,
}

/// What is loaded of a market: as [`SavingMarket`], owned.
#[derive(Debug, Deserialize)]
pub struct SavedMarket {
    vpin_horizon: VpinHorizon,
    instruments: Vec<(Venue, String, InstrumentState)>,
    state: MarketState,
}

impl MarketContext {
    /// What to save.
    #[must_use]
    pub fn to_saved(&self) -> SavingMarket<'_> {
        let instruments = self.instruments.iter();
        SavingMarket {
            vpin_horizon: self.vpin_horizon,
            instruments: instruments.map(|one| (one.venue, one.symbol.as_str(), &one.state)).collect(),
            state: &self.state,
        }
    }

    /// The market as it was saved; `None` for a state that no market can have. What the configuration measures otherwise
    /// now begins anew, and a candidate of another model is forgotten until the next reading.
    #[must_use]
    pub fn from_saved(market: &str, saved: SavedMarket, rules: &ContextRules) -> Option<Self> {
        let SavedMarket { vpin_horizon, instruments, mut state } = saved;
        let is_sorted = instruments.is_sorted_by(|a, b| (a.0, &a.1) < (b.0, &b.1));
        if !is_sorted
            || instruments.len() > MARKET_INSTRUMENTS_MAX
            || !instruments.iter().all(|(_, _, instrument)| instrument.is_consistent())
        {
            return None;
        }
        let mut instruments: Vec<Instrument> = instruments
            .into_iter()
            .map(|(venue, symbol, instrument)| Instrument::new(venue, symbol, instrument))
            .collect();
        if !state.is_consistent(&instruments) {
            return None;
        }
        if vpin_horizon != rules.vpin_horizon {
            for instrument in &mut instruments {
                instrument.state.restart_context(rules);
            }
        }
        let is_of_model =
            |candidate: &mut Candidate| usize::from(candidate.features_count) == rules.places.len();
        state.candidate = state.candidate.take_if(is_of_model);
        Some(Self {
            instruments,
            state,
            vpin_horizon: rules.vpin_horizon,
            has_model: rules.model.is_for(market),
        })
    }
}

impl MarketState {
    fn is_consistent(&self, instruments: &[Instrument]) -> bool {
        let primary = self.primary.map(usize::from);
        let compared = instruments.iter().filter(|instrument| instrument.state.is_compared).count();
        let are_pairs = match &self.pairs {
            None => compared < 2,
            Some(pairs) => {
                let place = primary.and_then(|primary| compared_place(instruments, primary));
                pairs.len() == compared && Some(pairs.primary()) == place
            }
        };
        self.clock.is_consistent()
            && primary.is_none_or(|primary| primary < instruments.len())
            && compared <= INSTRUMENTS_MAX
            && are_pairs
            && self.lead.is_consistent(self.pairs.as_ref())
            && self.sweeps.is_consistent()
            && self.found.is_consistent(instruments.len())
            && self.sweep_pressure.is_consistent()
            && self.refill_pressure.is_consistent()
            && self.slow.is_consistent()
            && self.candidate.is_none_or(|candidate| is_candidate(&candidate))
    }
}

fn is_candidate(candidate: &Candidate) -> bool {
    let Candidate { mid, half_spread_bps, logit, p_raw, p_up, score, .. } = *candidate;
    [mid, half_spread_bps, logit, p_raw, p_up, score].into_iter().all(f64::is_finite)
        && candidate.values().iter().flatten().all(|value| value.is_finite())
}
