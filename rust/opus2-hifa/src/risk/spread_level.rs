//! How unusual a spread is.

use serde::{Deserialize, Serialize};

use super::decayed::{DecayedMoments, kept};
use super::spread_decomposition::SpreadMemory;
use crate::exact::seconds;
use crate::{Measure, measure::finite};

/// How unusual the present spread is: its distance from the decayed mean, in standard deviations.
///
/// # Source
/// Methods reference 4.4, "spread z-score"; the memory is a choice of this project.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct SpreadLevel {
    moments: DecayedMoments,
    updated_at: i64,
}

impl SpreadLevel {
    /// No deviation counts as smaller, in basis points: a spread that hardly ever changes is not alarming when it does.
    pub const DEVIATION_BPS_MIN: f64 = 0.01;

    /// The z-score of `spread_bps` against what came before it, which it then joins.
    ///
    /// # Errors
    /// [`Absent::Cold`](crate::Absent::Cold) before enough spreads, [`Absent::BadNumber`](crate::Absent::BadNumber) for one that is not finite.
    pub fn update(&mut self, now: i64, spread_bps: f64, memory: &SpreadMemory) -> Measure {
        let z = self.z(spread_bps, memory);
        let keep = kept(seconds(now.saturating_sub(self.updated_at)), memory.half_life_secs);
        self.moments.update(spread_bps, keep);
        self.updated_at = now;
        z
    }

    fn z(&self, spread_bps: f64, memory: &SpreadMemory) -> Measure {
        let deviation = self.moments.deviation(memory.n_eff_min)?.max(Self::DEVIATION_BPS_MIN);
        finite((spread_bps - self.moments.mean(memory.n_eff_min)?) / deviation)
    }

    /// The effective number of spreads it rests on.
    #[must_use]
    pub fn n_eff(&self) -> f64 {
        self.moments.n_eff()
    }

    /// False for loaded state that cannot have come about.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.moments.is_consistent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Absent;

    const MEMORY: SpreadMemory = SpreadMemory { half_life_secs: 600.0, n_eff_min: 1.0 };

    #[test]
    fn a_spread_is_compared_with_those_before_it() {
        let mut level = SpreadLevel::default();
        assert_eq!(level.update(0, 5.0, &MEMORY), Err(Absent::Cold));
        for at in 1..100 {
            level.update(at, if at % 2 == 0 { 4.0 } else { 6.0 }, &MEMORY).unwrap();
        }
        let z = level.update(100, 8.0, &MEMORY).unwrap();
        assert!((z - 3.0).abs() < 0.1, "{z}");
        assert_eq!(level.update(101, f64::NAN, &MEMORY), Err(Absent::BadNumber));
        assert!(level.is_consistent());
    }
}
