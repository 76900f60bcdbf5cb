//! What happened to one instrument in the open bar.

use serde::{Deserialize, Serialize};

use crate::estimator::ofi::OfiSum;

/// Counts and sums of one bar. A bar is cut at whole seconds of the market's own time, `(end - 1 s, end]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BarTally {
    /// Book events.
    pub books: u64,
    /// Quote events.
    pub quotes: u64,
    /// Trade events.
    pub trades: u64,
    /// The contributions to OFI, added without regard to holes: bars add up to the whole.
    pub ofi: OfiSum,
    /// How often references were reset since the instrument's last bar: data was lost, or the book left its step.
    pub resets: u64,
    /// The mid in force when the bar began, or the first one after; doubled, in `Price` units.
    pub mid_open_doubled: Option<i64>,
}

impl BarTally {
    /// True when the bar has no market event.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.books == 0 && self.quotes == 0 && self.trades == 0
    }
}
