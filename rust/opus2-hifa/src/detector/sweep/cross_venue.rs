//! Sweeps that begin on several venues at once.

use opus2_types::{Aggressor, Venue};
use serde::{Deserialize, Serialize};

use crate::exact::MILLI;

/// Sweeps of different venues that begin within this time of each other are one, ms of receive time.
pub const CROSS_VENUE_START_MS: i64 = 100;

/// What a venue's sweep adds to a sweep across venues.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VenueSweep {
    /// Receive time of its first trade, nanoseconds.
    pub received: i64,
    /// Traded quantity, base units: venues count in different scales.
    pub volume_base: f64,
}

/// One side swept on two or more venues at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CrossVenueSweep {
    /// Who took.
    pub aggressor: Aggressor,
    /// How many venues.
    pub venues: u32,
    /// The venue on which it was received first; of equal ones the first in order.
    pub leader: Venue,
    /// Receive time of its first trade, nanoseconds.
    pub received: i64,
    /// Traded quantity on all of them, base units.
    pub volume_base: f64,
}

/// The newest sweep of every venue and side of one market.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CrossVenueSweeps {
    newest: [[Option<VenueSweep>; 2]; Venue::ALL.len()],
}

impl CrossVenueSweeps {
    /// Takes a sweep of one venue. Gives back the sweep across venues that it belongs to: when a third venue joins, the
    /// same one is given again with three.
    pub fn on_sweep(
        &mut self,
        venue: Venue,
        aggressor: Aggressor,
        sweep: VenueSweep,
    ) -> Option<CrossVenueSweep> {
        let side = usize::from(aggressor == Aggressor::Sell);
        let mut found = CrossVenueSweep {
            aggressor,
            venues: 0,
            leader: venue,
            received: sweep.received,
            volume_base: 0.0,
        };
        for (other, newest) in Venue::ALL.into_iter().zip(&mut self.newest) {
            let newest = &mut newest[side];
            if other == venue {
                *newest = Some(sweep);
            }
            let Some(other_sweep) = *newest else { continue };
            let apart = other_sweep.received.abs_diff(sweep.received);
            if apart > (CROSS_VENUE_START_MS * MILLI).unsigned_abs() {
                continue;
            }
            found.venues += 1;
            found.volume_base += other_sweep.volume_base;
            if other_sweep.received < found.received {
                (found.leader, found.received) = (other, other_sweep.received);
            }
        }
        (found.venues >= 2).then_some(found)
    }

    /// False for a loaded state that no sweeps can have led to.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let mut sweeps = self.newest.iter().flatten().flatten();
        sweeps.all(|sweep| sweep.volume_base.is_finite() && sweep.volume_base >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sweeps of `(venue, sign, ms)` of 1 each; the last one's `venues leader`.
    #[track_caller]
    fn check(sweeps: &[(Venue, i64, i64)], expect: &str) {
        let mut state = CrossVenueSweeps::default();
        let mut newest = None;
        for (venue, sign, at) in sweeps {
            let aggressor = if *sign > 0 { Aggressor::Buy } else { Aggressor::Sell };
            newest = state.on_sweep(*venue, aggressor, VenueSweep { received: at * MILLI, volume_base: 1.0 });
            assert!(state.is_consistent());
        }
        let shown = newest.map(|found| format!("{} {} {}", found.venues, found.leader, found.volume_base));
        assert_eq!(shown.unwrap_or_default(), expect);
    }

    #[test]
    fn sweeps_of_two_venues_that_begin_together_are_one() {
        use Venue::{Binance, Coinbase, Kraken};
        check(&[(Coinbase, 1, 0), (Binance, 1, 100)], "2 coinbase 2");
        check(&[(Coinbase, 1, 50), (Binance, 1, 0), (Kraken, 1, 99)], "3 binance 3");
        check(&[(Coinbase, 1, 0), (Binance, 1, 101)], "");
        check(&[(Coinbase, 1, 0), (Binance, -1, 0)], "");
        check(&[(Coinbase, 1, 0), (Coinbase, 1, 10)], "");
    }
}
