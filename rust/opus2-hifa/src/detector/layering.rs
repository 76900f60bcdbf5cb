//! Layering: several unusual levels laid on one side at once, and taken away while the other side trades.
//!
//! ```text
//! within 10 bps of the mid, on one side:
//!   at least 3 new levels, each z >= 3, within 500 ms            the layering begins
//!   at least 80 % of their size cancelled unexecuted within 10 s  it ends
//!   and, from begin to end, more aggressive volume into the other side of the book than into this one
//! score = mean pull ratio of the levels * share of that volume which went into the other side
//! ```
//!
//! Bids that are laid and taken away push the price up for somebody who sells on the ask side: what is executed there,
//! by aggressive buyers, is what trades against the direction that the bids imply. A likeness, and a feature only: no
//! account or trader is ever labelled by it. Volume counts from the moment the third level is there.
//!
//! # Source
//! Methods reference 2.9 (project definition).

use opus2_types::{Price, Qty, Side};
use serde::{Deserialize, Serialize};

use super::bounded::Bounded;
use super::event::{DetectorEvent, EventQueue};
use super::level_flow::{Explained, LevelStep, SIDES, side_index};
use super::look::BookLook;
use super::wall::{WallEpisode, WallTracker};
use crate::exact::{MILLI, to_f64};
use crate::{Absent, Measure, measure::finite};

/// How many new levels of one side are remembered at once. More of them take nothing from the verdict.
pub const NEW_LEVELS_MAX: usize = 16;

/// The parameters of layering.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LayeringSettings {
    /// The least z of a new level.
    pub z_min: f64,
    /// How far from the mid new levels are looked for, basis points.
    pub band_bps: f64,
    /// How many new levels it takes.
    pub levels_min: usize,
    /// Within how long they must come, ms.
    pub appear_ms: u32,
    /// Within how long they must be taken away, ms.
    pub cancel_ms: u32,
    /// The least share of their size that must be cancelled.
    pub cancelled_share_min: f64,
    /// For how long a score is shown, ms.
    pub hold_ms: u32,
}

impl Default for LayeringSettings {
    fn default() -> Self {
        Self {
            z_min: 3.0,
            band_bps: 10.0,
            levels_min: 3,
            appear_ms: 500,
            cancel_ms: 10_000,
            cancelled_share_min: 0.8,
            hold_ms: 10_000,
        }
    }
}

/// Levels were laid on one side and taken away while the other side traded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LayeringFound {
    /// The side they were laid on.
    pub side: Side,
    /// When the first of them appeared, nanoseconds.
    pub since: i64,
    /// When enough of them was cancelled, nanoseconds.
    pub until: i64,
    /// How many there were.
    pub levels: u32,
    /// The mean of their pull ratios, in `[0, 1]`.
    pub pull_ratio: f64,
    /// The share of aggressive volume that went into the other side, above one half.
    pub opposite_share: f64,
    /// Both together, in `[0, 1]`.
    pub score: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct NewLevel {
    price: Price,
    first: i64,
    episode: WallEpisode,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct SideLayering {
    levels: Bounded<NewLevel, NEW_LEVELS_MAX>,
    /// Enough of them are there, and since when volume counts.
    is_suspect: bool,
    /// Volume executed on this side and on the other since then.
    same: i128,
    opposite: i128,
    /// When enough of them was gone. The verdict waits for as long as a trade may still explain how.
    gone: Option<i64>,
    newest: Option<(i64, f64)>,
}

/// Looks for layering on both sides of one instrument's book.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Layering {
    sides: [SideLayering; 2],
    found: u64,
}

impl Layering {
    /// Takes what happened at one price. `walls` knows what sizes are usual.
    pub(crate) fn on_step(
        &mut self,
        step: &LevelStep,
        look: &BookLook<'_>,
        walls: &WallTracker,
        settings: &LayeringSettings,
    ) {
        let side = &mut self.sides[side_index(step.side)];
        if let Some(level) = side.at(step.price) {
            let is_near = look.dist_bps(step.price) <= settings.band_bps;
            level.episode.update(look.now, step.after, step.traded, is_near);
            return;
        }
        let is_new = step.before.0 == 0 && step.after.0 > 0 && step.traded.0 == 0;
        if !is_new {
            return;
        }
        let dist_bps = look.dist_bps(step.price);
        if dist_bps > settings.band_bps {
            return;
        }
        let has_room = !side.levels.is_full() && (!side.is_suspect || side.is_joinable(look.now, settings));
        if has_room && walls.z(step.side, dist_bps, step.after).is_ok_and(|z| z >= settings.z_min) {
            let episode = WallEpisode::new(look.now, step.after);
            side.levels.push(NewLevel { price: step.price, first: step.after.0, episode });
        }
    }

    /// Takes a trade that explains what had been taken for cancelled.
    pub(crate) fn on_explained(&mut self, explained: &Explained) {
        if let Some(level) = self.sides[side_index(explained.side)].at(explained.price) {
            level.episode.explain(explained.qty);
        }
    }

    /// Takes a trade against `resting`.
    pub(crate) fn on_trade(&mut self, resting: Side, qty: Qty) {
        let qty = i128::from(qty.0.max(0));
        let same = &mut self.sides[side_index(resting)];
        same.same = same.same.saturating_add(qty);
        let other = &mut self.sides[side_index(resting.opposite())];
        other.opposite = other.opposite.saturating_add(qty);
    }

    /// Takes the next book, after its steps.
    pub(crate) fn on_book(
        &mut self,
        look: &BookLook<'_>,
        settings: &LayeringSettings,
        events: &mut EventQueue,
    ) {
        for side in SIDES {
            if let Some(found) = self.sides[side_index(side)].judge(look, side, settings) {
                self.found = self.found.saturating_add(1);
                events.push(DetectorEvent::Layering(found));
            }
        }
    }

    /// The newest score of one side, in `[0, 1]`, while it is held; zero when there was no layering of late.
    ///
    /// # Errors
    /// [`Absent::Cold`] while `walls` does not know what sizes are usual.
    pub fn score(&self, now: i64, side: Side, walls: &WallTracker, settings: &LayeringSettings) -> Measure {
        if !walls.is_warm() {
            return Err(Absent::Cold);
        }
        match self.sides[side_index(side)].newest {
            Some((at, score)) if now.saturating_sub(at) <= i64::from(settings.hold_ms) * MILLI => {
                finite(score)
            }
            _ => Ok(0.0),
        }
    }

    /// How often layering was found.
    #[must_use]
    pub const fn found(&self) -> u64 {
        self.found
    }

    /// Data was lost: what was being followed is given up.
    pub fn reset_reference(&mut self) {
        for side in &mut self.sides {
            side.give_up();
        }
    }

    pub(crate) fn is_consistent(&self) -> bool {
        self.sides.iter().all(|side| {
            side.same >= 0
                && side.opposite >= 0
                && side.newest.is_none_or(|(_, score)| (0.0..=1.0).contains(&score))
                && side.levels.as_slice().iter().all(|level| level.first > 0 && level.episode.is_consistent())
        })
    }
}

impl SideLayering {
    fn at(&mut self, price: Price) -> Option<&mut NewLevel> {
        self.levels.as_mut_slice().iter_mut().find(|level| level.price == price)
    }

    fn since(&self) -> Option<i64> {
        self.levels.as_slice().first().map(|level| level.episode.since())
    }

    /// True while a further level still belongs to those that began it.
    fn is_joinable(&self, now: i64, settings: &LayeringSettings) -> bool {
        let appear = i64::from(settings.appear_ms) * MILLI;
        self.since().is_some_and(|since| now.saturating_sub(since) <= appear)
    }

    fn give_up(&mut self) {
        self.levels.clear();
        (self.is_suspect, self.gone) = (false, None);
    }

    fn judge(
        &mut self,
        look: &BookLook<'_>,
        side: Side,
        settings: &LayeringSettings,
    ) -> Option<LayeringFound> {
        let now = look.now;
        if !self.is_suspect {
            let appear = i64::from(settings.appear_ms) * MILLI;
            self.levels.retain(|level| now.saturating_sub(level.episode.since()) <= appear);
            if self.levels.as_slice().len() < settings.levels_min.max(1) {
                return None;
            }
            (self.is_suspect, self.same, self.opposite) = (true, 0, 0);
        }
        let since = self.since()?;
        let deadline = since.saturating_add(i64::from(settings.cancel_ms) * MILLI);
        if self.cancelled_share() < settings.cancelled_share_min {
            self.gone = None;
            if now > deadline {
                self.give_up();
            }
            return None;
        }
        let until = *self.gone.get_or_insert(now);
        if until <= deadline && now.saturating_sub(until) < look.match_nanos {
            return None;
        }
        let found = (until <= deadline).then(|| self.verdict(side, since, until)).flatten();
        self.give_up();
        self.newest = found.map(|found| (until, found.score)).or(self.newest);
        found
    }

    fn cancelled_share(&self) -> f64 {
        let sums = self.levels.as_slice().iter().fold((0i128, 0i128), |(size, cancelled), level| {
            let first = i128::from(level.first);
            (size.saturating_add(first), cancelled.saturating_add(level.episode.cancelled().min(first)))
        });
        if sums.0 > 0 { to_f64(sums.1) / to_f64(sums.0) } else { 0.0 }
    }

    fn verdict(&self, side: Side, since: i64, until: i64) -> Option<LayeringFound> {
        if self.opposite <= self.same {
            return None;
        }
        let levels = self.levels.as_slice();
        let count = u32::try_from(levels.len()).ok()?;
        let pulled: f64 = levels.iter().filter_map(|level| level.episode.pull_ratio().ok()).sum();
        let pull_ratio = pulled / f64::from(count);
        let volume = self.opposite.saturating_add(self.same);
        let opposite_share = to_f64(self.opposite) / to_f64(volume);
        let score = finite((pull_ratio * opposite_share).clamp(0.0, 1.0)).ok()?;
        Some(LayeringFound { side, since, until, levels: count, pull_ratio, opposite_share, score })
    }
}
