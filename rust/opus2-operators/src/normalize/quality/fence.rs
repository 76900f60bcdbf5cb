//! Whether an instrument is kept from signals.

use serde::{Deserialize, Serialize};

use super::rules::Rules;

/// A fence with hysteresis: closed by a score below one threshold, opened by a score from a higher one on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Fence {
    is_closed: bool,
}

/// What a score did to the fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FenceStep {
    /// Nothing.
    Stays,
    /// The instrument is kept from signals from now on.
    Closes,
    /// It is let back.
    Opens,
}

impl Fence {
    /// True while the instrument is kept from signals.
    pub(crate) const fn is_closed(self) -> bool {
        self.is_closed
    }

    pub(super) fn take(&mut self, score: f64, rules: &Rules) -> FenceStep {
        if !self.is_closed && score < f64::from(rules.fence_below) {
            self.is_closed = true;
            return FenceStep::Closes;
        }
        if self.is_closed && score >= f64::from(rules.recover_at) {
            self.is_closed = false;
            return FenceStep::Opens;
        }
        FenceStep::Stays
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_opens_later_than_it_closes() {
        let (mut fence, rules) = (Fence::default(), Rules::default());
        for (score, expect) in [
            (100.0, FenceStep::Stays),
            (70.0, FenceStep::Stays),
            (69.9, FenceStep::Closes),
            (75.0, FenceStep::Stays),
            (80.0, FenceStep::Opens),
            (75.0, FenceStep::Stays),
        ] {
            assert_eq!(fence.take(score, &rules), expect, "{score}");
        }
    }
}
