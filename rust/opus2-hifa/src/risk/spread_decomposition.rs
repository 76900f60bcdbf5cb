//! Effective and realised spread: what a trade paid, and what was left of it a little later.

use std::collections::VecDeque;

use opus2_types::{Aggressor, Price};
use serde::{Deserialize, Deserializer, Serialize};

use super::decayed::{DecayedMoments, kept};
use crate::exact::{seconds, to_f64};
use crate::{Absent, measure::finite};

/// What one trade's price tells. All in basis points of the mid before the trade, both halves of the spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TradeSpread {
    /// `2 s (p - m0) / m0`: what the aggressor paid.
    pub effective_bps: f64,
    /// `2 s (p - m1) / m0`: what whoever rested there kept. Below zero: adverse selection.
    pub realised_bps: f64,
    /// The difference: how far the mid went with the aggressor.
    pub impact_bps: f64,
}

impl TradeSpread {
    /// From the trade, and twice the mid before and after it, in the `price`'s units.
    ///
    /// # Errors
    /// [`Absent::BadNumber`] for a price or mid that is not positive.
    ///
    /// # Source
    /// Huang & Stoll (1996), JFE 41(3); methods reference 4.3.
    pub fn of(
        aggressor: Aggressor,
        price: Price,
        before_doubled: i64,
        after_doubled: i64,
    ) -> Result<Self, Absent> {
        if price.0 <= 0 || before_doubled <= 0 || after_doubled <= 0 {
            return Err(Absent::BadNumber);
        }
        let [price, before, after] =
            [2 * i128::from(price.0), i128::from(before_doubled), i128::from(after_doubled)];
        let part = |difference: i128| {
            finite(2e4 * to_f64(difference * i128::from(aggressor.sign())) / to_f64(before))
        };
        Ok(Self {
            effective_bps: part(price - before)?,
            realised_bps: part(price - after)?,
            impact_bps: part(after - before)?,
        })
    }
}

/// How long after a trade the mid is looked at again, s. Methods reference 4.3.
pub const SPREAD_HORIZONS_SECS: [u32; 2] = [5, 60];

/// How many trades of one horizon wait at most.
const PENDING_MAX: usize = 64;

/// Between two trades that are followed lies this part of a horizon: one less than can wait, because the trade that is due
/// now still waits for a mid of now.
const SPACINGS: i64 = 63;

/// How the averages of a [`SpreadDecomposition`] forget and start.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpreadMemory {
    /// Half-life of a trade's weight, s.
    pub half_life_secs: f64,
    /// The effective number of trades from which there is an average.
    pub n_eff_min: f64,
}

impl Default for SpreadMemory {
    fn default() -> Self {
        Self { half_life_secs: 600.0, n_eff_min: 20.0 }
    }
}

/// Effective and realised spread of one instrument's trades, averaged, after each of [`SPREAD_HORIZONS_SECS`].
///
/// A trade waits until its horizon is over and is then compared with the mid in force at that moment, whenever the next
/// message comes. Of each horizon at most one trade per 63rd part of it is followed, so that memory is bounded and the
/// sample does not stop in a burst; which one does not depend on its price.
///
/// # Source
/// Huang & Stoll (1996); methods reference 4.3.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SpreadDecomposition {
    mid_doubled: Option<i64>,
    tracks: [Track; SPREAD_HORIZONS_SECS.len()],
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Track {
    #[serde(deserialize_with = "bounded")]
    pending: VecDeque<Pending>,
    next_from: Option<i64>,
    settled_at: i64,
    effective: DecayedMoments,
    realised: DecayedMoments,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Pending {
    due: i64,
    aggressor: Aggressor,
    price: Price,
    before_doubled: i64,
}

fn bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<VecDeque<Pending>, D::Error> {
    let loaded = VecDeque::<Pending>::deserialize(deserializer)?;
    if loaded.len() > PENDING_MAX {
        return Err(serde::de::Error::custom("more waiting trades than there can be"));
    }
    let mut pending = VecDeque::with_capacity(PENDING_MAX);
    pending.extend(loaded);
    Ok(pending)
}

impl Default for Track {
    fn default() -> Self {
        Self {
            pending: VecDeque::with_capacity(PENDING_MAX),
            next_from: None,
            settled_at: 0,
            effective: DecayedMoments::default(),
            realised: DecayedMoments::default(),
        }
    }
}

impl Track {
    fn settle(&mut self, is_due: impl Fn(i64) -> bool, mid_doubled: i64, memory: &SpreadMemory) {
        while let Some(trade) = self.pending.front().copied().filter(|trade| is_due(trade.due)) {
            self.pending.pop_front();
            let spread = TradeSpread::of(trade.aggressor, trade.price, trade.before_doubled, mid_doubled);
            let Ok(spread) = spread else { continue };
            let keep = kept(seconds(trade.due.saturating_sub(self.settled_at)), memory.half_life_secs);
            self.effective.update(spread.effective_bps, keep);
            self.realised.update(spread.realised_bps, keep);
            self.settled_at = trade.due;
        }
    }
}

const fn horizon_ns(index: usize) -> i64 {
    SPREAD_HORIZONS_SECS[index] as i64 * 1_000_000_000
}

impl SpreadDecomposition {
    /// The mid has changed; what was due before `now` is compared with the one before.
    pub fn on_mid(&mut self, now: i64, mid_doubled: i64, memory: &SpreadMemory) {
        self.advance(now, memory);
        self.mid_doubled = (mid_doubled > 0).then_some(mid_doubled);
        if let Some(mid_doubled) = self.mid_doubled {
            for track in &mut self.tracks {
                track.settle(|due| due <= now, mid_doubled, memory);
            }
        }
    }

    /// A trade. It is followed when the mid before it is known, and its horizon's next place is free.
    pub fn on_trade(&mut self, now: i64, aggressor: Aggressor, price: Price, memory: &SpreadMemory) {
        self.advance(now, memory);
        let Some(before_doubled) = self.mid_doubled else { return };
        for (index, track) in self.tracks.iter_mut().enumerate() {
            if track.next_from.is_some_and(|from| now < from) {
                continue;
            }
            if track.pending.len() >= PENDING_MAX {
                // Only a loaded state whose times cannot be: let the oldest go.
                track.pending.pop_front();
            }
            let horizon = horizon_ns(index);
            track.next_from = Some(now.saturating_add(horizon / SPACINGS));
            let due = now.saturating_add(horizon);
            track.pending.push_back(Pending { due, aggressor, price, before_doubled });
        }
    }

    /// Compares what was due before `now` with the mid in force since; without one it is given up.
    fn advance(&mut self, now: i64, memory: &SpreadMemory) {
        for track in &mut self.tracks {
            // A mid of zero is none, which nothing can be compared with.
            track.settle(|due| due < now, self.mid_doubled.unwrap_or(0), memory);
        }
    }

    /// Data was lost: the mid is not known, and neither is the one at which a waiting trade would be looked at again.
    pub fn reset_reference(&mut self) {
        self.mid_doubled = None;
        for track in &mut self.tracks {
            track.pending.clear();
        }
    }

    /// The averages after horizon [`SPREAD_HORIZONS_SECS`]`[index]`.
    ///
    /// # Errors
    /// [`Absent::Cold`] for fewer than `n_eff_min` trades, and for a horizon that there is not.
    pub fn measure(&self, index: usize, memory: &SpreadMemory) -> Result<TradeSpread, Absent> {
        let track = self.tracks.get(index).ok_or(Absent::Cold)?;
        let effective_bps = track.effective.mean(memory.n_eff_min)?;
        let realised_bps = track.realised.mean(memory.n_eff_min)?;
        Ok(TradeSpread { effective_bps, realised_bps, impact_bps: finite(effective_bps - realised_bps)? })
    }

    /// The effective number of trades behind the averages of the longest horizon.
    #[must_use]
    pub fn n_eff(&self) -> f64 {
        self.tracks.iter().map(|track| track.realised.n_eff()).fold(f64::INFINITY, f64::min)
    }

    /// True when every horizon has its averages.
    #[must_use]
    pub fn is_warm(&self, memory: &SpreadMemory) -> bool {
        self.n_eff() >= memory.n_eff_min
    }

    /// False for loaded state that cannot have come about.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.mid_doubled.is_none_or(|mid| mid > 0)
            && self.tracks.iter().all(|track| {
                track.pending.len() <= PENDING_MAX
                    && track.effective.is_consistent()
                    && track.realised.is_consistent()
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const MEMORY: SpreadMemory = SpreadMemory { half_life_secs: 600.0, n_eff_min: 1.0 };

    /// A buy at 10 005 with mid 10 000 at second 0, then `mids` (second, mid); the realised spread after 5 s, asked for
    /// after a last mid at second `last`.
    #[track_caller]
    fn check(mids: &[(i64, i64)], expect: Result<f64, Absent>) {
        let mut keeper = SpreadDecomposition::default();
        keeper.on_mid(0, 20_000, &MEMORY);
        keeper.on_trade(0, Aggressor::Buy, Price(10_005), &MEMORY);
        for (second, mid) in mids {
            keeper.on_mid(second * SECOND, 2 * mid, &MEMORY);
        }
        let found = keeper.measure(0, &MEMORY).map(|spread| (spread.realised_bps * 1e6).round() / 1e6);
        assert_eq!(found, expect);
    }

    #[test]
    fn a_trade_is_compared_with_the_mid_in_force_when_its_horizon_ends() {
        check(&[(4, 10_002)], Err(Absent::Cold));
        check(&[(5, 10_002)], Ok(6.0));
        check(&[(4, 10_002), (90, 10_020)], Ok(6.0));
        check(&[(4, 10_002), (5, 10_007)], Ok(-4.0));
        check(&[(4, 0), (6, 10_001)], Err(Absent::Cold));
        check(&[(4, 0), (5, 10_001)], Ok(8.0));
    }

    #[test]
    fn nothing_is_compared_across_lost_data() {
        let mut keeper = SpreadDecomposition::default();
        keeper.on_trade(0, Aggressor::Buy, Price(10_005), &MEMORY);
        keeper.on_mid(0, 20_000, &MEMORY);
        keeper.on_trade(0, Aggressor::Buy, Price(10_005), &MEMORY);
        keeper.reset_reference();
        keeper.on_mid(5 * SECOND, 20_000, &MEMORY);
        assert_eq!(keeper.measure(0, &MEMORY), Err(Absent::Cold));
        assert_eq!(keeper.measure(9, &MEMORY), Err(Absent::Cold));
    }

    #[test]
    fn a_burst_of_trades_is_sampled_within_bounded_memory() {
        let mut keeper = SpreadDecomposition::default();
        keeper.on_mid(0, 20_000, &MEMORY);
        for at in 0..40_000 {
            keeper.on_trade(at * SECOND / 100, Aggressor::Sell, Price(9_990), &MEMORY);
            assert!(keeper.tracks.iter().all(|track| track.pending.len() <= PENDING_MAX));
            assert!(keeper.tracks.iter().all(|track| track.pending.capacity() < 2 * PENDING_MAX));
        }
        let long = keeper.measure(1, &MEMORY).unwrap();
        assert!((long.effective_bps - 20.0).abs() < 1e-9 && long.impact_bps.abs() < 1e-9, "{long:?}");
        assert!(keeper.n_eff() > 100.0);
        let text = serde_json::to_string(&keeper).unwrap();
        let loaded: SpreadDecomposition = serde_json::from_str(&text).unwrap();
        assert!(loaded == keeper && loaded.is_consistent());
    }
}
