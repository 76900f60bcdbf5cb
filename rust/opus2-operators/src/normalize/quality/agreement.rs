//! Agreement with the market's other instruments.

use opus2_types::{BookState, Level, UnixNanos};
use serde::{Deserialize, Serialize};

use super::{Quality, Reason};

/// The newest mid of an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastMid {
    /// Bid plus ask, in price units.
    doubled: i64,
    price_scale: u8,
    recv_ts: UnixNanos,
}

impl LastMid {
    pub(super) fn new(bid: Level, ask: Level, price_scale: u8, recv_ts: UnixNanos) -> Option<Self> {
        let doubled = bid.price.0.checked_add(ask.price.0)?;
        Some(Self { doubled, price_scale, recv_ts })
    }

    /// Whether two mids are within `bps_max` of the other one. `None` where the numbers are too large to say.
    pub(super) fn agrees(&self, other: &Self, bps_max: u32) -> Option<bool> {
        let scale = self.price_scale.max(other.price_scale);
        let at_scale = |mid: &Self| {
            let factor = 10i128.checked_pow((scale - mid.price_scale).into())?;
            i128::from(mid.doubled).checked_mul(factor)
        };
        let (own, others) = (at_scale(self)?, at_scale(other)?);
        let distance = own.abs_diff(others).checked_mul(10_000)?;
        Some(distance <= others.unsigned_abs().checked_mul(bps_max.into())?)
    }
}

impl Quality {
    /// The mid, when it is time to compare it.
    pub(in super::super) fn mid_to_compare(&self, state: BookState) -> Option<LastMid> {
        self.mid.filter(|mid| state == BookState::Live && mid.recv_ts.0 >= self.next_comparison)
    }

    /// Whether this instrument's mid, which is live and new enough at `now`, agrees with `mid`.
    pub(in super::super) fn agrees_with(
        &self,
        mid: &LastMid,
        state: BookState,
        bps_max: u32,
    ) -> Option<bool> {
        let age_max = i64::from(self.rules.stale_ms) * 1_000_000;
        let own =
            self.mid.filter(|own| state == BookState::Live && mid.recv_ts.since(own.recv_ts) <= age_max)?;
        mid.agrees(&own, bps_max)
    }

    /// How far mids may be apart, basis points.
    pub(in super::super) const fn cross_venue_bps_max(&self) -> u32 {
        self.rules.cross_venue_bps_max
    }

    /// Takes a comparison with `others` instruments, of which `agreeing` agreed. An instrument is right when at least half
    /// agree with it: of two that disagree, nobody can say which is wrong.
    pub(in super::super) fn compared(&mut self, mid: &LastMid, agreeing: u32, others: u32) {
        if others == 0 {
            return;
        }
        self.next_comparison = mid.recv_ts.plus(i64::from(self.rules.cross_venue_check_ms) * 1_000_000).0;
        self.window.venues_compared += 1;
        if agreeing * 2 < others {
            self.window.add(Reason::CrossVenue, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(own: (i64, u8), other: (i64, u8), expect: Option<bool>) {
        let mid = |(price, scale): (i64, u8)| {
            let level = Level::new(price, 1);
            LastMid::new(level, level, scale, UnixNanos(0)).unwrap()
        };
        assert_eq!(mid(own).agrees(&mid(other), 50), expect, "{own:?} {other:?}");
    }

    #[test]
    fn mids_of_different_scales_are_compared_exactly() {
        check((10_000, 2), (1_000_000, 4), Some(true));
        check((10_050, 2), (100, 0), Some(true));
        check((10_051, 2), (100, 0), Some(false));
        check((9_950, 2), (100, 0), Some(true));
        check((i64::MAX / 2, 0), (i64::MAX / 2, 18), None);
    }
}
