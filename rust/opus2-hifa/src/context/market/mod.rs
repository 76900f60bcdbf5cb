//! Stage 2 of a market: its instruments together, second by second, and what the model says of it.
//!
//! | file | holds |
//! | --- | --- |
//! | `clock` | when the market's seconds end |
//! | `instrument` | what is kept of one instrument |
//! | `trade_flow`, `latency` | parts of it: which way trades went, how old events are when they come |
//! | `primary` | which instrument speaks for the market, and which are compared with it |
//! | `lead` | what another venue foretells |
//! | `pressure`, `found` | what was detected lately: as numbers that fade, and as a list |
//! | `features` | the names and values that a model may ask for |
//! | `candidate` | the model's opinion, and the outlook for the stages after this one |
//! | `second` | the end of a second |
//! | `rules` | what the configuration and the model come to |
//! | `saved` | the state as it is saved, and what is believed of one that is loaded |

mod candidate;
mod clock;
mod features;
mod found;
mod instrument;
mod latency;
mod lead;
mod pressure;
mod primary;
mod rules;
mod saved;
mod second;
#[cfg(test)]
mod tests;
mod trade_flow;

use opus2_types::{BookState, EventBody, MarketEvent, Venue};
use serde::{Deserialize, Serialize};

use crate::Absent;
use crate::context::{Candidate, InstrumentName, InstrumentScales, VpinHorizon};
use crate::cross_venue::VenuePairs;
use crate::detector::DetectorEvent;
use crate::detector::sweep::{CrossVenueSweeps, VenueSweep};
use crate::exact::scaled;
use crate::signal::Reading;
use clock::SecondClock;
use features::SlowContext;
use found::FoundList;
use instrument::{Instrument, InstrumentState};
use lead::Lead;
use pressure::Pressure;
use primary::compared_place;

pub use clock::{QUIET_SECONDS_MAX, SECOND_NANOS};
pub use features::{CONTEXT_FEATURES, CONTEXT_FEATURES_COUNT, FRAMES, WINDOW_NAMES, feature_names};
pub use found::{AbsorptionFound, FOUND_MAX, Found};
pub use instrument::InstrumentSecond;
pub use rules::ContextRules;
pub use saved::{SavedMarket, SavingMarket};
pub use second::{ClosedPair, ClosedSecond};

/// The most instruments of a market that stage 2 follows: a dozen venues' dollar coins of one asset. Of them
/// [`INSTRUMENTS_MAX`](crate::cross_venue::INSTRUMENTS_MAX) are compared.
pub const MARKET_INSTRUMENTS_MAX: usize = 32;

/// Stage 2 of one market.
///
/// For every event, in the order of the market's stream: take every second that [`close_due`](Self::close_due) gives up
/// to just before the event's receive time, then [`observe`](Self::observe) the event. When a timer for
/// [`next_end`](Self::next_end) fires, take those up to it. While a timer fires only when no event up to its time is still
/// to come, what comes out does not depend on when it does.
///
/// The primary instrument is the one that trades most; it changes at the end of a second only. Nothing allocates while
/// the instruments and the primary one stay the same.
#[derive(Debug, Clone, PartialEq)]
pub struct MarketContext {
    /// In the order of venue and symbol.
    instruments: Vec<Instrument>,
    state: MarketState,
    vpin_horizon: VpinHorizon,
    /// The model is meant for this market.
    has_model: bool,
}

/// What is kept of a market beside its instruments. Instruments are by their place in the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct MarketState {
    clock: SecondClock,
    primary: Option<u8>,
    /// `None` while there are no two to compare.
    pairs: Option<VenuePairs>,
    lead: Lead,
    sweeps: CrossVenueSweeps,
    found: FoundList,
    sweep_pressure: Pressure,
    refill_pressure: Pressure,
    slow: SlowContext,
    candidate: Option<Candidate>,
}

/// What an event did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observed {
    /// Its receive time is before that of an earlier event.
    pub is_late: bool,
    /// Its instrument is one too many and not followed.
    pub is_skipped: bool,
    /// The model had an opinion at it.
    pub has_candidate: bool,
    /// How many detections came with it.
    pub found: u32,
}

/// An instrument of a market.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InstrumentFacts<'a> {
    /// Its venue.
    pub venue: Venue,
    /// The venue's own symbol.
    pub symbol: &'a str,
    /// `venue:symbol`, cut to what a record between stages holds.
    pub name: &'a InstrumentName,
    /// How it counts.
    pub scales: InstrumentScales,
    /// The state of its book.
    pub book_state: BookState,
    /// It is kept from signals.
    pub is_fenced: bool,
}

impl MarketContext {
    /// A market of which nothing is known.
    #[must_use]
    pub fn new(market: &str, rules: &ContextRules) -> Self {
        Self {
            instruments: Vec::new(),
            state: MarketState {
                clock: SecondClock::default(),
                primary: None,
                pairs: None,
                lead: Lead::absent(Absent::Cold),
                sweeps: CrossVenueSweeps::default(),
                found: FoundList::default(),
                sweep_pressure: Pressure::default(),
                refill_pressure: Pressure::default(),
                slow: SlowContext::absent(Absent::Cold),
                candidate: None,
            },
            vpin_horizon: rules.vpin_horizon,
            has_model: rules.model.is_for(market),
        }
    }

    /// The market's time: the largest receive time of its events, ns.
    #[must_use]
    pub const fn time(&self) -> i64 {
        self.state.clock.time()
    }

    /// The end of the open second, ns: when a host should wake the market. `None` when nothing is to be done before the
    /// next event.
    #[must_use]
    pub const fn next_end(&self) -> Option<i64> {
        self.state.clock.next_end()
    }

    /// The instrument at a place of the table.
    #[must_use]
    pub fn instrument(&self, place: u8) -> Option<InstrumentFacts<'_>> {
        self.instruments.get(usize::from(place)).map(|instrument| InstrumentFacts {
            venue: instrument.venue,
            symbol: &instrument.symbol,
            name: &instrument.name,
            scales: instrument.state.scales(),
            book_state: instrument.state.book_state,
            is_fenced: instrument.state.is_fenced,
        })
    }

    /// Takes the next event with what stage 1 knows at it; every second that ends before it must have been closed.
    pub fn observe(&mut self, event: &MarketEvent<'_>, reading: &Reading, rules: &ContextRules) -> Observed {
        let mut observed = Observed { is_late: self.state.clock.see(event.recv_ts.0), ..Observed::default() };
        let now = self.time();
        let Some(at) = self.find_or_insert(event, rules) else {
            observed.is_skipped = true;
            return observed;
        };
        let Some(instrument) = self.instruments.get_mut(at) else { return observed };
        let taken = instrument.state.take(event, reading, now, rules);
        let log_mid = if taken.is_moved { instrument.state.log_mid() } else { None };
        let is_fenced = instrument.state.is_fenced;
        let place = compared_place(&self.instruments, at);
        if let (Some(pairs), Some(place)) = (&mut self.state.pairs, place) {
            if taken.is_interrupted {
                pairs.reset(place);
            }
            if let Some(log_mid) = log_mid {
                pairs.on_mid(place, now, log_mid, &rules.across);
            }
        }
        if !is_fenced {
            observed.found = self.detect(at, event, reading, rules);
        }
        if self.primary_place() == Some(at) {
            if is_fenced || taken.is_interrupted {
                self.state.candidate = None;
            }
            if taken.is_reading && reading.head.mid_doubled.is_some() {
                self.state.candidate = self.opine(now, rules);
                observed.has_candidate = self.state.candidate.is_some();
            }
        }
        observed
    }

    /// Takes what the detectors found at an event of the instrument at `at`; gives how many there were.
    fn detect(&mut self, at: usize, event: &MarketEvent<'_>, reading: &Reading, rules: &ContextRules) -> u32 {
        let (now, half_life_secs) = (self.time(), rules.pressure_half_life_secs);
        let Ok(instrument) = u8::try_from(at) else { return 0 };
        let state = &mut self.state;
        let mut count = 0;
        for found in reading.events.into_iter().flatten() {
            match found {
                DetectorEvent::Sweep(sweep) => {
                    let sign = scaled(sweep.aggressor.sign().into(), 0);
                    state.sweep_pressure.add(now, sign, half_life_secs);
                    let volume_base = scaled(sweep.volume, event.qty_scale);
                    let part = VenueSweep { received: sweep.received, volume_base };
                    if let Some(across) = state.sweeps.on_sweep(event.venue, sweep.aggressor, part) {
                        state.sweep_pressure.add(now, sign, half_life_secs);
                        state.found.push(Found::Across(across));
                        count += 1;
                    }
                }
                DetectorEvent::Refill(refill) => {
                    let amount = if refill.side == opus2_types::Side::Bid { 1.0 } else { -1.0 };
                    state.refill_pressure.add(now, amount, half_life_secs);
                }
                // The pressure is of levels: an iceberg's may be among them, and counts once.
                DetectorEvent::Iceberg(_) | DetectorEvent::WallEnded(_) | DetectorEvent::Layering(_) => {}
                // That a wall stands is a matter of stage 1's features.
                DetectorEvent::WallAppeared(_) => continue,
            }
            state.found.push(Found::Of { instrument, event: found });
            count += 1;
        }
        count
    }

    fn primary_place(&self) -> Option<usize> {
        self.state.primary.map(usize::from)
    }

    fn find_or_insert(&mut self, event: &MarketEvent<'_>, rules: &ContextRules) -> Option<usize> {
        let found = self.instruments.binary_search_by(|instrument| {
            (instrument.venue, instrument.symbol.as_str()).cmp(&(event.venue, event.symbol))
        });
        match found {
            Ok(at) => Some(at),
            Err(_) if self.instruments.len() >= MARKET_INSTRUMENTS_MAX => None,
            // Our own position says nothing of the market.
            Err(_) if matches!(event.body, EventBody::Position(_)) => None,
            Err(at) => {
                let state = InstrumentState::new(event, rules);
                let instrument = Instrument::new(event.venue, event.symbol.to_owned(), state);
                self.instruments.insert(at, instrument);
                let place = u8::try_from(at).ok()?;
                self.state.found.make_place(place);
                if let Some(primary) = self.state.primary.as_mut().filter(|primary| **primary >= place) {
                    *primary = primary.saturating_add(1);
                }
                Some(at)
            }
        }
    }
}
