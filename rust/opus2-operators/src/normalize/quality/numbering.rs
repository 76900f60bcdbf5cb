//! What the venue's own numbering says is missing, repeated or out of order.

use opus2_types::SeqRange;
use serde::{Deserialize, Serialize};

/// The numbering of one instrument's book updates, on one connection.
///
/// It looks at what arrives, not at what the book makes of it: an update that a snapshot already covers is in order here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Numbering {
    /// The highest number seen; 0 before the first.
    last: u64,
    /// The newest hole that nothing has filled, both ends included.
    hole: Option<(u64, u64)>,
}

/// What one update's numbers mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It goes on where the one before ended.
    Next {
        /// Numbers it brings.
        expected: u64,
    },
    /// Numbers are missing before it.
    AfterHole {
        /// How many.
        missing: u64,
        /// Numbers it brings, those missing included.
        expected: u64,
    },
    /// It lies in a hole left earlier: late, not lost.
    OutOfOrder {
        /// Numbers of the hole that it fills.
        found: u64,
    },
    /// Its numbers have been there.
    Repeated,
}

impl Numbering {
    /// A new connection numbers on its own.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }

    /// Takes one update; the range must not be the empty `0..=0`.
    pub(super) fn take(&mut self, seq: SeqRange) -> Step {
        let SeqRange { first, last } = seq;
        let previous = self.last;
        if previous == 0 {
            self.last = last;
            return Step::Next { expected: 1 };
        }
        if last <= previous {
            return self.take_earlier(first, last);
        }
        self.last = last;
        let expected = last - previous;
        let next = previous + 1;
        if first > next {
            self.hole = Some((next, first - 1));
            return Step::AfterHole { missing: first - next, expected };
        }
        Step::Next { expected }
    }

    fn take_earlier(&mut self, first: u64, last: u64) -> Step {
        let Some((from, to)) = self.hole.filter(|(from, to)| first <= *to && last >= *from) else {
            return Step::Repeated;
        };
        let (low, high) = (first.max(from), last.min(to));
        // What comes in order fills a hole from its beginning; what is left of it before `low` stays missing.
        self.hole = (high < to).then_some((high + 1, to));
        Step::OutOfOrder { found: high - low + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_tell_loss_repetition_and_disorder_apart() {
        let mut numbering = Numbering::default();
        for (first, last, expect) in [
            (10, 12, Step::Next { expected: 1 }),
            (13, 15, Step::Next { expected: 3 }),
            (13, 15, Step::Repeated),
            (20, 21, Step::AfterHole { missing: 4, expected: 6 }),
            (10, 12, Step::Repeated),
            (16, 17, Step::OutOfOrder { found: 2 }),
            (16, 17, Step::Repeated),
            (18, 19, Step::OutOfOrder { found: 2 }),
            (18, 19, Step::Repeated),
            (20, 24, Step::Next { expected: 3 }),
        ] {
            assert_eq!(numbering.take(SeqRange { first, last }), expect, "{first}..={last}");
        }
        numbering.restart();
        assert_eq!(numbering.take(SeqRange { first: 1, last: 1 }), Step::Next { expected: 1 });
    }
}
