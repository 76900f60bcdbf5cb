//! Time inside the simulation.

/// Nanoseconds since the simulation began. A pause of the market stops it; the wall clock is the engine's affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct SimTime(pub(crate) u64);

impl SimTime {
    /// Nanoseconds in a second.
    pub(crate) const SECOND: u64 = 1_000_000_000;
    /// Nanoseconds in a millisecond.
    pub(crate) const MILLISECOND: u64 = 1_000_000;

    /// This time, `nanos` later. Saturates after 584 years.
    pub(crate) const fn plus(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Nanoseconds since `earlier`; zero when it is not earlier.
    pub(crate) const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The first instant of a grid with this period and phase that is later than `self`.
    pub(crate) const fn next_on_grid(self, period: u64, phase: u64) -> Self {
        let phase = phase % period;
        if self.0 < phase {
            return Self(phase);
        }
        Self(((self.0 - phase) / period + 1) * period + phase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_instant_is_later_and_less_than_a_period_away() {
        for (now, expect) in [(0, 30), (29, 30), (30, 130), (31, 130), (130, 230)] {
            assert_eq!(SimTime(now).next_on_grid(100, 30), SimTime(expect), "{now}");
        }
    }
}
