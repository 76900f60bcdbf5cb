//! The levels of one book that trade, and their refills of the last minute.

use opus2_types::{Price, Qty, Side};
use serde::{Deserialize, Serialize};

use super::{RefillSettings, RefillTally};
use crate::detector::bounded::Bounded;
use crate::detector::level_flow::{Explained, LevelStep, SIDES, side_index};
use crate::exact::MILLI;

/// How many levels are remembered on each side. The one that was filled the longest ago gives way.
pub const LEVELS_MAX: usize = 16;
/// How many refills of a level are remembered. Of more within the window, the newest count.
pub const REFILLS_MAX: usize = 16;
/// Volume that trades without a refill is kept together over such a time, ms.
const TOGETHER_MS: i64 = 5_000;

/// A level is refilled as an iceberg would be: an upper bound, for ordinary new orders look the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RefillFound {
    /// Its side of the book.
    pub side: Side,
    /// Its price.
    pub price: Price,
    /// Refills within the window.
    pub refills: u32,
    /// What was refilled, in `Qty` units.
    pub refilled: i128,
    /// What was traded, in `Qty` units.
    pub traded: i128,
    /// Coefficient of variation of the refills.
    pub peak_cv: f64,
    /// Refilled over traded volume.
    pub refill_share: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Entry {
    at: i64,
    traded: i64,
    refill: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct FilledLevel {
    price: Price,
    /// When it was filled last.
    filled: i64,
    entries: Bounded<Entry, REFILLS_MAX>,
    is_reported: bool,
}

/// Looks for levels of one instrument's book that are refilled.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RefillTable {
    sides: Box<[Bounded<FilledLevel, LEVELS_MAX>; 2]>,
    found: u64,
}

impl RefillTable {
    /// Takes what happened at one price. Gives back the level when it begins to look like an iceberg.
    pub(crate) fn on_step(
        &mut self,
        now: i64,
        step: &LevelStep,
        settings: &RefillSettings,
    ) -> Option<RefillFound> {
        let levels = &mut self.sides[side_index(step.side)];
        let window = i64::from(settings.window_secs) * 1_000 * MILLI;
        let known = levels.as_slice().iter().position(|level| level.price == step.price);
        if known.is_none() {
            if step.traded.0 <= 0 {
                return None;
            }
            levels.retain(|level| now.saturating_sub(level.filled) <= window);
            if levels.is_full() {
                let oldest = levels.as_slice().iter().enumerate().min_by_key(|(_, level)| level.filled);
                let oldest = oldest.map_or(0, |(index, _)| index);
                levels.remove(oldest);
            }
            levels.push(FilledLevel { price: step.price, ..FilledLevel::default() });
        }
        let level = match known {
            Some(index) => levels.as_mut_slice().get_mut(index),
            None => levels.as_mut_slice().last_mut(),
        };
        let level = level?;
        if step.traded.0 > 0 {
            level.filled = now;
        } else if now.saturating_sub(level.filled) > i64::from(settings.delay_ms) * MILLI {
            // An ordinary change of the level, long after a fill.
            return None;
        }
        level.add(now, step.traded.0, step.refill().0, window);
        let tally = level.tally();
        let was_reported = std::mem::replace(&mut level.is_reported, tally.is_iceberg(settings));
        if was_reported || !level.is_reported {
            return None;
        }
        self.found = self.found.saturating_add(1);
        Some(RefillFound {
            side: step.side,
            price: step.price,
            refills: tally.refills(),
            refilled: tally.refilled(),
            traded: tally.traded(),
            peak_cv: tally.peak_cv().ok()?,
            refill_share: tally.refill_share().ok()?,
        })
    }

    /// Takes a trade that explains what had been taken for cancelled: a fill, and no refill.
    pub(crate) fn on_explained(
        &mut self,
        now: i64,
        explained: &Explained,
        settings: &RefillSettings,
    ) -> Option<RefillFound> {
        let step = LevelStep {
            side: explained.side,
            price: explained.price,
            before: explained.qty,
            traded: explained.qty,
            after: Qty(0),
            is_best: false,
        };
        self.on_step(now, &step, settings)
    }

    /// The levels of one side that look like icebergs now, with their tallies.
    pub fn icebergs(&self, side: Side) -> impl Iterator<Item = (Price, RefillTally)> {
        let levels = self.sides[side_index(side)].as_slice().iter();
        levels.filter(|level| level.is_reported).map(|level| (level.price, level.tally()))
    }

    /// How many levels began to look like icebergs.
    #[must_use]
    pub const fn found(&self) -> u64 {
        self.found
    }

    /// Data was lost: what was not seen cannot be tallied, so all levels are forgotten.
    pub fn reset_reference(&mut self) {
        for levels in self.sides.iter_mut() {
            levels.clear();
        }
    }

    pub(crate) fn is_consistent(&self) -> bool {
        SIDES.into_iter().all(|side| {
            self.sides[side_index(side)].as_slice().iter().all(|level| {
                level.entries.as_slice().iter().all(|entry| entry.traded >= 0 && entry.refill >= 0)
            })
        })
    }
}

impl FilledLevel {
    fn add(&mut self, now: i64, traded: i64, refill: i64, window: i64) {
        self.entries.retain(|entry| now.saturating_sub(entry.at) < window);
        match self.entries.as_mut_slice().last_mut() {
            Some(last) if refill == 0 && now.saturating_sub(last.at) <= TOGETHER_MS * MILLI => {
                last.traded = last.traded.saturating_add(traded);
            }
            _ => {
                self.entries.push_evicting(Entry { at: now, traded, refill });
            }
        }
    }

    fn tally(&self) -> RefillTally {
        let mut tally = RefillTally::default();
        for entry in self.entries.as_slice() {
            tally.add(Qty(entry.traded), Qty(entry.refill));
        }
        tally
    }
}
