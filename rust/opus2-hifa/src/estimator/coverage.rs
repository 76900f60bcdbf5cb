//! Since when an estimator has seen everything.

use serde::{Deserialize, Serialize};

use crate::Absent;

/// The start of the span without holes that reaches to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Coverage {
    since: Option<i64>,
    was_interrupted: bool,
}

impl Coverage {
    /// The span begins, unless it has begun.
    pub(crate) fn start(&mut self, now: i64) {
        self.since.get_or_insert(now);
    }

    /// Data was lost: the span has ended.
    pub(crate) fn interrupt(&mut self) {
        self.was_interrupted |= self.since.take().is_some();
    }

    /// Why something that needs `nanos` of everything has no value at `now`; `Ok` when it has.
    pub(crate) fn check(&self, now: i64, nanos: i64) -> Result<(), Absent> {
        match self.since {
            Some(since) if now.saturating_sub(since) >= nanos => Ok(()),
            _ => Err(self.reason()),
        }
    }

    /// Why there is nothing yet.
    pub(crate) const fn reason(&self) -> Absent {
        if self.was_interrupted { Absent::Resync } else { Absent::Cold }
    }

    /// Nanoseconds covered at `now`.
    pub(crate) fn nanos(&self, now: i64) -> i64 {
        self.since.map_or(0, |since| now.saturating_sub(since))
    }
}
