//! When a crossed book is the venue's own doing.

use serde::{Deserialize, Serialize};

use crate::feed::core::Core;
use crate::feed::{Applied, What};

/// How long a book may stay crossed before it is taken for wrong: twenty of `level2_batch`'s intervals.
const CROSSED_NANOS_MAX: i64 = 1_000_000_000;

/// Tells a wrong book from an auction.
///
/// In an auction, and sometimes around a halt, the venue's book is crossed. A book that became crossed by updates may be
/// wrong, and is given up after [`CROSSED_NANOS_MAX`]. When the snapshot that follows is crossed as well, the venue means
/// it: then the book is kept, unusable but in step, until it uncrosses. So an auction costs one snapshot, not one a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Crossing {
    is_the_venues: bool,
}

impl Crossing {
    /// After a message of orders: these come one by one, no two halves of a match apart, so a book that one of them
    /// crosses is wrong at once, if it is no auction.
    pub(super) fn settle_orders(&mut self, core: &mut Core, applied: &mut Applied) -> What {
        let what = self.settle(core, applied, false);
        core.is_lost |= what == What::Crossed && !self.is_the_venues;
        what
    }

    pub(super) fn settle(&mut self, core: &mut Core, applied: &mut Applied, is_snapshot: bool) -> What {
        if is_snapshot {
            let what = core.settle_snapshot(applied, None);
            self.is_the_venues = what == What::Crossed;
            return what;
        }
        let what = core.settle(applied, (!self.is_the_venues).then_some(CROSSED_NANOS_MAX));
        self.is_the_venues &= what == What::Crossed;
        what
    }
}
