//! Which way an instrument's trades went in the last seconds.

use serde::{Deserialize, Serialize};

use crate::context::{Bar, WINDOWS_COUNT};
use crate::estimator::ring::Ring;
use crate::exact::to_f64;
use crate::{Absent, Measure, measure::finite};

/// The windows in bars of a second: those of every feature, shortest first.
const WINDOW_BARS: [usize; WINDOWS_COUNT] = [1, 5, 15];
const BARS: u16 = 15;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct FlowBar {
    signed: i128,
    volume: i128,
    is_broken: bool,
}

/// Volume imbalance over the newest bars: of whole seconds, so that they are cut where the mids are.
///
/// # Source
/// Methods reference 2.7.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TradeFlow {
    bars: Ring<FlowBar>,
}

impl Default for TradeFlow {
    fn default() -> Self {
        Self { bars: Ring::new(BARS) }
    }
}

impl TradeFlow {
    /// Takes the bar of the next second.
    pub(super) fn push(&mut self, bar: &Bar) {
        let Bar { signed_volume: signed, volume, is_broken, .. } = *bar;
        self.bars.push(FlowBar { signed, volume, is_broken });
    }

    /// Bought less sold over all that was traded, -1 to 1, by window.
    ///
    /// Each is [`Absent::Cold`] until its seconds were seen, [`Absent::Resync`] when data was lost in one, and
    /// [`Absent::NoEvents`] when nothing was traded.
    pub(super) fn imbalances(&self) -> [Measure; WINDOWS_COUNT] {
        WINDOW_BARS.map(|bars| {
            let before = self.bars.len().checked_sub(bars).ok_or(Absent::Cold)?;
            let (mut signed, mut volume) = (0i128, 0i128);
            for bar in self.bars.iter().skip(before) {
                if bar.is_broken {
                    return Err(Absent::Resync);
                }
                signed = signed.saturating_add(bar.signed);
                volume = volume.saturating_add(bar.volume);
            }
            if volume <= 0 { Err(Absent::NoEvents) } else { finite(to_f64(signed) / to_f64(volume)) }
        })
    }

    pub(super) fn is_consistent(&self) -> bool {
        self.bars.capacity() == usize::from(BARS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bars: &[(i128, i128, bool)], expect: [Measure; 3]) {
        let mut flow = TradeFlow::default();
        for (signed_volume, volume, is_broken) in bars.iter().copied() {
            flow.push(&Bar { signed_volume, volume, is_broken, ..Bar::default() });
        }
        assert_eq!(flow.imbalances(), expect);
        assert!(flow.is_consistent());
    }

    #[test]
    fn every_window_weighs_its_own_seconds() {
        let (cold, quiet, lost) = (Err(Absent::Cold), Err(Absent::NoEvents), Err(Absent::Resync));
        check(&[], [cold; 3]);
        check(&[(3, 4, false)], [Ok(0.75), cold, cold]);
        let mut bars = vec![(-10, 10, false); 15];
        check(&bars, [Ok(-1.0); 3]);
        bars.push((10, 10, false));
        check(&bars, [Ok(1.0), Ok(-0.6), Ok(-130.0 / 150.0)]);
        bars.push((0, 0, false));
        check(&bars, [quiet, Ok(-0.5), Ok(-120.0 / 140.0)]);
        bars[10].2 = true;
        check(&bars, [quiet, Ok(-0.5), lost]);
    }
}
