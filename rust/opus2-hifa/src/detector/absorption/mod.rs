//! Absorption: much is taken from a side, the price hardly moves, and what was taken is put back.
//!
//! ```text
//! resistance    = 1 - min(1, max(0, d) / (lambda V))     d: move of the mid in the aggressor's direction
//! replenishment = added / executed                        at the levels that were touched
//! score         = resistance * min(1, replenishment)      its sign is against the aggressor
//! ```
//!
//! Where `lambda V`, the move to be expected, is near zero, it means nothing: it is only asked when the volume of a
//! window is in its own upper tenth ([`AbsorptionWatch`]).
//!
//! # Source
//! Methods reference 3.8 (project definition, on Kyle (1985), Econometrica 53(6)).

mod watch;

use opus2_types::Aggressor;
use serde::{Deserialize, Serialize};

use crate::{Absent, Measure, measure::finite};

pub(crate) use watch::TouchedFlow;
pub use watch::{AbsorptionReading, AbsorptionSettings, AbsorptionWatch};

/// Aggressive volume of a window into one side, and what the book did about it. How far it was absorbed depends on what
/// move is to be expected of it: see [`with_lambda`](Self::with_lambda).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AbsorbedFlow {
    /// Who took more during the window.
    pub aggressor: Aggressor,
    /// What they took, base units.
    pub volume: f64,
    /// Move of the mid in their direction, quote units; negative when it went against them.
    pub signed_move: f64,
    /// What was added at the touched levels, base units.
    pub added: f64,
    /// What was executed at them, base units.
    pub executed: f64,
}

impl AbsorbedFlow {
    /// The same with Kyle's lambda, in quote units per base unit.
    #[must_use]
    pub const fn with_lambda(self, lambda: f64) -> Taken {
        let Self { volume, signed_move, added, executed, .. } = self;
        Taken { volume, signed_move, lambda, added, executed }
    }
}

/// What was taken during a window, and what came of it. Quantities in base units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taken {
    /// Aggressive volume into one side.
    pub volume: f64,
    /// Move of the mid in the aggressor's direction, quote units; negative when it went against them.
    pub signed_move: f64,
    /// Kyle's lambda: quote units per base unit. A negative one counts as zero.
    pub lambda: f64,
    /// What was added at the touched levels.
    pub added: f64,
    /// What was executed at them.
    pub executed: f64,
}

/// How far it was absorbed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Absorption {
    /// `lambda V`, quote units.
    pub expected_move: f64,
    /// In `[0, 1]`: 1 when the price did not give way. [`Absent::NoEvents`] when no move was to be expected.
    pub resistance: Measure,
    /// Added over executed. [`Absent::NoEvents`] when nothing was executed.
    pub replenishment: Measure,
    /// Both together, in `[0, 1]`.
    pub score: Measure,
}

/// How far what was taken was absorbed.
///
/// # Source
/// Methods reference 3.8.
#[must_use]
pub fn absorption(taken: &Taken) -> Absorption {
    let expected_move = (taken.lambda.max(0.0) * taken.volume.max(0.0)).max(0.0);
    let resistance = if expected_move > 0.0 {
        finite(1.0 - (taken.signed_move.max(0.0) / expected_move).min(1.0))
    } else {
        Err(Absent::NoEvents)
    };
    let replenishment = if taken.executed > 0.0 {
        finite(taken.added.max(0.0) / taken.executed)
    } else {
        Err(Absent::NoEvents)
    };
    let score = resistance.and_then(|resistance| finite(resistance * replenishment?.min(1.0)));
    Absorption { expected_move, resistance, replenishment, score }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(signed_move: f64, lambda: f64, added: f64, executed: f64, expect: Measure) {
        let found = absorption(&Taken { volume: 40.0, signed_move, lambda, added, executed });
        match (found.score, expect) {
            (Ok(found), Ok(expect)) => assert!((found - expect).abs() < 1e-12, "{found} is not {expect}"),
            (found, expect) => assert_eq!(found, expect),
        }
    }

    #[test]
    fn a_price_that_stands_and_a_side_that_is_put_back_absorb() {
        check(0.0, 0.01, 10.0, 10.0, Ok(1.0));
        check(-5.0, 0.01, 20.0, 10.0, Ok(1.0));
        check(0.1, 0.01, 10.0, 10.0, Ok(0.75));
        check(0.1, 0.01, 5.0, 10.0, Ok(0.375));
        check(0.4, 0.01, 10.0, 10.0, Ok(0.0));
        check(0.0, 0.01, 0.0, 10.0, Ok(0.0));
    }

    #[test]
    fn without_an_expected_move_or_an_execution_there_is_no_score() {
        for lambda in [0.0, -0.01, f64::NAN] {
            check(0.0, lambda, 10.0, 10.0, Err(Absent::NoEvents));
        }
        check(0.0, 0.01, 10.0, 0.0, Err(Absent::NoEvents));
    }
}
