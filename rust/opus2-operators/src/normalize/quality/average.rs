//! An instrument's ordinary quantity.

use serde::{Deserialize, Serialize};

/// How many quantities are seen before one can be judged.
const SAMPLES_MIN: u32 = 50;
/// The weight of a new quantity is one in this many.
const MEMORY: i64 = 64;

/// The average quantity of late, by which an insane one is known. Integer, in quantity units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Ordinary {
    average: i64,
    samples: u32,
}

impl Ordinary {
    /// Takes a quantity; false when it is more than `ratio` times the average. Such a one does not move the average.
    pub(super) fn take(&mut self, qty: i64, ratio: u32) -> bool {
        if self.samples < SAMPLES_MIN {
            self.samples += 1;
            self.average =
                self.average.saturating_add(qty.saturating_sub(self.average) / i64::from(self.samples));
            return true;
        }
        if qty > self.average.max(1).saturating_mul(ratio.into()) {
            return false;
        }
        self.average = self.average.saturating_add(qty.saturating_sub(self.average) / MEMORY);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_insane_beside_the_instruments_own() {
        let mut ordinary = Ordinary::default();
        assert!(ordinary.take(1_000_000_000, 100), "nothing is known yet");
        assert!((0..10_000).all(|at| ordinary.take(100 + at % 7, 1_000_000_000)));
        assert!(ordinary.take(10_000, 100));
        assert!(!ordinary.take(10_000_000, 100));
        assert!(!ordinary.take(10_000_000, 100), "it did not move the average");
    }
}
