//! The venues of one market: each against the primary one.

use serde::{Deserialize, Serialize};

use super::common_window::{VenueCorrelation, correlate};
use super::lag_products::{HALF_LIFE_SECS_MIN, LagFinding, LeadWeights, Leg};
use super::lagged_correlation::{LagRules, LaggedCorrelation};
use super::lead_lag_job::{LeadLagFinding, LeadLagJob};
use super::mid_changes::{MidChanges, is_log_mid};
use super::price_discovery::PriceDiscovery;
use super::vecm::{Vecm, VecmEstimate};
use crate::estimator::window::WINDOWS;
use crate::{Absent, Measure};

/// The most instruments of one market that are compared.
pub const INSTRUMENTS_MAX: usize = 8;

/// After a round in which a pair had too little data, the next one begins after so many seconds at most: the changes of
/// two venues must reach back as long before they can be evaluated.
const COLD_RETRY_SECS: i64 = 300;

/// The parameters of stage 2 across venues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrossVenueSettings {
    /// Half-life of the lagged correlations, s; below 60 nothing of them is significant.
    pub half_life_secs: u32,
    /// After how long a round of lead-lag evaluations begins again, s.
    pub lead_lag_every_secs: u32,
    /// Units of [`LeadLagJob`] that one [`VenuePairs::advance`] does: bounds its cost.
    pub lead_lag_units: u32,
}

impl Default for CrossVenueSettings {
    fn default() -> Self {
        Self { half_life_secs: 60, lead_lag_every_secs: 300, lead_lag_units: 32 }
    }
}

/// What the settings come to, computed once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CrossVenueRules {
    lags: [LagRules; WINDOWS.len()],
    half_life_secs: f64,
    lead_lag_every_nanos: i64,
    lead_lag_units: u32,
}

impl CrossVenueRules {
    /// From the settings.
    #[must_use]
    pub fn new(settings: &CrossVenueSettings) -> Self {
        let half_life_secs = f64::from(settings.half_life_secs);
        Self {
            lags: WINDOWS.map(|span| LagRules::new(span, half_life_secs)),
            half_life_secs,
            lead_lag_every_nanos: i64::from(settings.lead_lag_every_secs) * 1_000_000_000,
            lead_lag_units: settings.lead_lag_units,
        }
    }
}

/// A venue's own part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Instrument {
    /// The log mid in force; `None` before the first and after lost data.
    log_mid: Option<f64>,
    changes: MidChanges,
}

/// What is kept of the primary venue and another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pair {
    /// By the windows of [`WINDOWS`].
    lagged: [LaggedCorrelation; WINDOWS.len()],
    vecm: Vecm,
    lead_lag: Result<LeadLagFinding, Absent>,
}

impl Default for Pair {
    fn default() -> Self {
        Self { lagged: Default::default(), vecm: Vecm::default(), lead_lag: Err(Absent::Cold) }
    }
}

/// How a venue goes with the primary one. Lags are positive, and shares are large, where the primary leads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairFeatures {
    /// Hayashi-Yoshida correlation of the mid changes.
    pub correlation: Result<VenueCorrelation, Absent>,
    /// The last evaluation of lead and lag, with its time and whether it is significant.
    pub lead_lag: Result<LeadLagFinding, Absent>,
    /// The best lag of the binned returns, for the bins of [`WINDOWS`].
    pub lagged: [Result<LaggedFeature, Absent>; WINDOWS.len()],
    /// The error correction of the last hour.
    pub vecm: Result<VecmEstimate, Absent>,
    /// The primary's shares of price discovery by it.
    pub discovery: Result<PriceDiscovery, Absent>,
}

/// A lagged correlation as a feature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LaggedFeature {
    /// Lag in bins, correlation, standard error.
    pub finding: LagFinding,
    /// The lag, ms; positive when the primary leads.
    pub lag_ms: i32,
    /// True when it may be acted upon.
    pub is_significant: bool,
}

/// The venues of one market, told of every mid.
///
/// Times are receive times of one host, in nanoseconds; one that goes back counts as the newest. [`on_mid`](Self::on_mid) is
/// O(venues); [`advance`](Self::advance), to be called every second, also does a bounded part of the lead-lag evaluation, which
/// goes round the venues one after the other. Nothing allocates after construction. The state of three venues takes
/// less than 128 KiB when saved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct VenuePairs {
    now: i64,
    primary: u8,
    instruments: Vec<Instrument>,
    /// By instrument; the primary's own is never fed.
    pairs: Vec<Pair>,
    job: LeadLagJob,
    /// Whose evaluation runs, or is next.
    turn: u8,
    next_round: i64,
}

impl VenuePairs {
    /// `count` instruments before their first mid, compared with the one at `primary`.
    ///
    /// `None` when there are more than [`INSTRUMENTS_MAX`], or the primary is not one of them.
    #[must_use]
    pub fn new(count: usize, primary: usize) -> Option<Self> {
        if count > INSTRUMENTS_MAX || primary >= count {
            return None;
        }
        Some(Self {
            now: i64::MIN,
            primary: u8::try_from(primary).ok()?,
            // One by one: copies of an empty ring would have no room.
            instruments: (0..count).map(|_| Instrument::default()).collect(),
            pairs: vec![Pair::default(); count],
            job: LeadLagJob::default(),
            turn: 0,
            next_round: i64::MIN,
        })
    }

    /// The same market when the instruments compared or the primary have changed: the instrument at place `i` was at
    /// `sources[i]` before; `None` for a newcomer. The mids of those that stay are kept, and so is what two of them have in
    /// common as long as the primary is the same; the evaluation that runs is given up, and the next one begins at once.
    ///
    /// `None` as for [`new`](Self::new). Allocates for newcomers.
    #[must_use]
    pub fn rearranged(mut self, sources: &[Option<usize>], primary: usize) -> Option<Self> {
        let mut next = Self::new(sources.len(), primary)?;
        next.now = self.now;
        let is_same_primary = sources.get(primary).copied().flatten() == Some(usize::from(self.primary));
        for (to, from) in sources.iter().enumerate() {
            let Some(from) = *from else { continue };
            if let (Some(to), Some(from)) = (next.instruments.get_mut(to), self.instruments.get_mut(from)) {
                std::mem::swap(to, from);
            }
            if is_same_primary
                && let (Some(to), Some(from)) = (next.pairs.get_mut(to), self.pairs.get_mut(from))
            {
                std::mem::swap(to, from);
            }
        }
        Some(next)
    }

    /// From `now` on the log mid of instrument `index` is `log_mid`.
    ///
    /// What cannot be the logarithm of a price is counted (see [`MidChanges::refused`]) and passed over, and so is an
    /// instrument that there is not.
    pub fn on_mid(&mut self, index: usize, now: i64, log_mid: f64, rules: &CrossVenueRules) {
        self.now = self.now.max(now);
        let now = self.now;
        self.look(now);
        let Some(instrument) = self.instruments.get_mut(index) else { return };
        instrument.changes.observe(now, log_mid);
        if !is_log_mid(log_mid) {
            return;
        }
        let previous = instrument.log_mid.replace(log_mid);
        let is_primary = index == usize::from(self.primary);
        let leg = if is_primary { Leg::X } else { Leg::Y };
        for other in 0..self.pairs.len() {
            if other == usize::from(self.primary)
                || !(is_primary || other == index)
                || self.mids(other).is_none()
            {
                continue;
            }
            for (lagged, rules) in self.pairs[other].lagged.iter_mut().zip(&rules.lags) {
                lagged.start(now, rules);
                if let Some(previous) = previous {
                    lagged.add(now, leg, log_mid - previous, rules);
                }
            }
        }
    }

    /// Lets the time until `now` pass. To be called every second.
    pub fn advance(&mut self, now: i64, rules: &CrossVenueRules) {
        self.now = self.now.max(now);
        let now = self.now;
        self.look(now);
        for instrument in &mut self.instruments {
            instrument.changes.advance(now);
        }
        for pair in &mut self.pairs {
            for (lagged, rules) in pair.lagged.iter_mut().zip(&rules.lags) {
                lagged.advance(now, rules);
            }
        }
        self.evaluate(now, rules);
    }

    /// Data of instrument `index` was lost: nothing of it is compared across this moment.
    pub fn reset(&mut self, index: usize) {
        let Some(instrument) = self.instruments.get_mut(index) else { return };
        instrument.log_mid = None;
        instrument.changes.reset_reference();
        for (other, pair) in self.pairs.iter_mut().enumerate() {
            if other == index || index == usize::from(self.primary) {
                pair.lagged.iter_mut().for_each(LaggedCorrelation::reset_reference);
                pair.vecm.reset_reference();
            }
        }
    }

    /// The log mids of the primary and another instrument, when both are known.
    fn mids(&self, other: usize) -> Option<[f64; 2]> {
        let mid = |index: usize| self.instruments.get(index).and_then(|instrument| instrument.log_mid);
        Some([mid(self.primary.into())?, mid(other)?])
    }

    /// Shows the mids in force to the models of the full seconds that have ended.
    fn look(&mut self, now: i64) {
        for other in 0..self.pairs.len() {
            if other != usize::from(self.primary)
                && let Some(mids) = self.mids(other)
            {
                self.pairs[other].vecm.advance(now, mids);
            }
        }
    }

    fn evaluate(&mut self, now: i64, rules: &CrossVenueRules) {
        if self.job.is_running() {
            if let Some(result) = self.job.step(rules.lead_lag_units) {
                self.finish_turn(result, now, rules);
            }
            return;
        }
        if now < self.next_round {
            return;
        }
        if self.turn == self.primary {
            self.next_turn(now, rules);
            return;
        }
        let (primary, turn) = (usize::from(self.primary), usize::from(self.turn));
        if let (Some(x), Some(y)) = (self.instruments.get(primary), self.instruments.get(turn))
            && let Err(reason) = self.job.start(now, &x.changes, &y.changes)
        {
            self.finish_turn(Err(reason), now, rules);
        }
    }

    fn finish_turn(&mut self, result: Result<LeadLagFinding, Absent>, now: i64, rules: &CrossVenueRules) {
        if let Some(pair) = self.pairs.get_mut(usize::from(self.turn)) {
            pair.lead_lag = result;
        }
        self.next_turn(now, rules);
    }

    fn next_turn(&mut self, now: i64, rules: &CrossVenueRules) {
        self.turn += 1;
        if usize::from(self.turn) >= self.instruments.len() {
            self.turn = 0;
            let is_cold = self.pairs.iter().enumerate().any(|(other, pair)| {
                other != usize::from(self.primary) && pair.lead_lag == Err(Absent::Cold)
            });
            let retry = if is_cold { COLD_RETRY_SECS * 1_000_000_000 } else { i64::MAX };
            self.next_round = now.saturating_add(rules.lead_lag_every_nanos.min(retry));
        }
    }

    /// How instrument `index` goes with the primary one, as of the newest time told. `None` for the primary itself and for
    /// an instrument that there is not. The correlation is computed here, in O(changes).
    #[must_use]
    pub fn features(&self, index: usize, rules: &CrossVenueRules) -> Option<PairFeatures> {
        let primary = usize::from(self.primary);
        let (pair, x, y) =
            (self.pairs.get(index)?, self.instruments.get(primary)?, self.instruments.get(index)?);
        if index == primary {
            return None;
        }
        let vecm = pair.vecm.estimate();
        let mut lagged = [Err(Absent::Cold); WINDOWS.len()];
        for (window, feature) in lagged.iter_mut().enumerate() {
            let bin_ms = i32::try_from(WINDOWS[window].bin_ms).unwrap_or(i32::MAX);
            *feature = pair.lagged[window].measure(&rules.lags[window]).map(|finding| LaggedFeature {
                finding,
                lag_ms: finding.lag.saturating_mul(bin_ms),
                is_significant: finding.is_significant(rules.half_life_secs),
            });
        }
        Some(PairFeatures {
            correlation: correlate(&x.changes, &y.changes),
            lead_lag: pair.lead_lag,
            lagged,
            vecm,
            discovery: vecm.and_then(|estimate| estimate.shares()),
        })
    }

    /// What the returns of one venue in the newest bins of [`WINDOWS`]`[window]` say about the next one of the other: see
    /// [`LagProducts::lead_signal`](super::LagProducts::lead_signal). [`Leg::X`] is the primary, [`Leg::Y`] instrument `index`.
    ///
    /// # Errors
    /// [`Absent::DataType`] when there is no such pair or window, [`Absent::Cold`] while a mid is not known.
    pub fn lead_signal(&self, index: usize, window: usize, leader: Leg, weights: &[f64]) -> Measure {
        if index == usize::from(self.primary) {
            return Err(Absent::DataType);
        }
        let pair = self.pairs.get(index).ok_or(Absent::DataType)?;
        let lagged = pair.lagged.get(window).ok_or(Absent::DataType)?;
        self.mids(index).ok_or(Absent::Cold)?;
        lagged.products().lead_signal(leader, weights)
    }

    /// Lets the time until `now` pass for the binned returns of instrument `index` and the primary, so that a
    /// [`lead_signal`](Self::lead_signal) is of `now`. O(lags).
    pub fn advance_lags(&mut self, index: usize, now: i64, rules: &CrossVenueRules) {
        self.now = self.now.max(now);
        let now = self.now;
        if let Some(pair) = self.pairs.get_mut(index) {
            for (lagged, rules) in pair.lagged.iter_mut().zip(&rules.lags) {
                lagged.advance(now, rules);
            }
        }
    }

    /// Weights for [`lead_signal`](Self::lead_signal), from the correlations themselves: see
    /// [`LagProducts::lead_weights`](super::LagProducts::lead_weights).
    ///
    /// # Errors
    /// [`Absent::DataType`] when there is no such pair or window, or the half-life is too short to act upon;
    /// [`Absent::Cold`] until the memory has been filled for one half-life.
    pub fn lead_weights(
        &self,
        index: usize,
        window: usize,
        leader: Leg,
        rules: &CrossVenueRules,
    ) -> Result<LeadWeights, Absent> {
        if index == usize::from(self.primary) || rules.half_life_secs < HALF_LIFE_SECS_MIN {
            return Err(Absent::DataType);
        }
        let pair = self.pairs.get(index).ok_or(Absent::DataType)?;
        let (lagged, rules) = pair.lagged.get(window).zip(rules.lags.get(window)).ok_or(Absent::DataType)?;
        if !lagged.is_warm(rules) {
            return Err(Absent::Cold);
        }
        lagged.products().lead_weights(leader, rules.memory())
    }

    /// The changes of instrument `index`, for its counters.
    #[must_use]
    pub fn changes(&self, index: usize) -> Option<&MidChanges> {
        self.instruments.get(index).map(|instrument| &instrument.changes)
    }

    /// How many instruments there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.instruments.len()
    }

    /// Never true: there is at least the primary.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.instruments.is_empty()
    }

    /// The instrument that the others are compared with.
    #[must_use]
    pub fn primary(&self) -> usize {
        self.primary.into()
    }
}

/// What is loaded, before it is believed. The fields are those of [`VenuePairs`], in their order.
#[derive(Deserialize)]
struct Saved {
    now: i64,
    primary: u8,
    instruments: Vec<Instrument>,
    pairs: Vec<Pair>,
    job: LeadLagJob,
    turn: u8,
    next_round: i64,
}

impl TryFrom<Saved> for VenuePairs {
    type Error = &'static str;

    fn try_from(saved: Saved) -> Result<Self, Self::Error> {
        let Saved { now, primary, instruments, pairs, job, turn, next_round } = saved;
        let count = instruments.len();
        let is_count = count <= INSTRUMENTS_MAX && pairs.len() == count;
        let is_pair = |pair: &Pair| {
            pair.lagged.iter().all(LaggedCorrelation::is_consistent) && pair.vecm.is_consistent()
        };
        if !is_count
            || usize::from(primary) >= count
            || usize::from(turn) >= count
            || !instruments.iter().all(|instrument| instrument.log_mid.is_none_or(is_log_mid))
            || !pairs.iter().all(is_pair)
        {
            return Err("venues of a market that cannot be");
        }
        Ok(Self { now, primary, instruments, pairs, job, turn, next_round })
    }
}
