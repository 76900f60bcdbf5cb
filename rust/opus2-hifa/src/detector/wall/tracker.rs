//! The walls of one instrument's book.

use opus2_types::{Price, Qty, Side, VIEW_LEVELS};
use serde::{Deserialize, Serialize};

use super::WallEpisode;
use super::grid::{Cell, Grid};
use super::sizes::UsualSizes;
use super::spoof_memory::SpoofMemory;
use crate::detector::bounded::Bounded;
use crate::detector::event::{DetectorEvent, EventQueue};
use crate::detector::level_flow::{Explained, LevelStep, SIDES, side_index, side_sign};
use crate::detector::look::BookLook;
use crate::exact::{seconds, to_f64};
use crate::primitive::{Depth, depth_within};
use crate::{Absent, Measure, measure::finite};

/// How many episodes are followed on each side at once, walls and what may become one.
pub const EPISODES_MAX: usize = 8;

/// The parameters of walls.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WallSettings {
    /// The least z.
    pub z_min: f64,
    /// The z beyond which a wall signals no more.
    pub z_full: f64,
    /// The least share of its side's depth within the band.
    pub depth_share_min: f64,
    /// How far from the mid walls are looked for, whole basis points; at most 50, where usual sizes end.
    pub band_bps: u32,
    /// The least price times quantity, quote units.
    pub notional_min: f64,
    /// For how long it must have been there, s.
    pub alive_secs: f64,
    /// Half-life of the usual sizes, s.
    pub half_life_secs: f64,
    /// The share of its peak below which it has ended.
    pub end_share: f64,
    /// How near the mid must be for a cancellation to look like a flight, basis points.
    pub near_bps: f64,
    /// Time constant by which a long life speaks against a spoof, s.
    pub tau_secs: f64,
    /// Distance over which a wall's signal falls to `1/e`, basis points.
    pub reach_bps: f64,
}

impl Default for WallSettings {
    fn default() -> Self {
        Self {
            z_min: 4.0,
            z_full: 8.0,
            depth_share_min: 0.10,
            band_bps: 50,
            notional_min: 10_000.0,
            alive_secs: 2.0,
            half_life_secs: 600.0,
            end_share: 0.20,
            near_bps: 5.0,
            tau_secs: 30.0,
            reach_bps: 5.0,
        }
    }
}

/// A level has become a wall.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WallAppeared {
    /// Its side of the book.
    pub side: Side,
    /// The best price of its cell when it was first large enough.
    pub price: Price,
    /// What it shows.
    pub qty: Qty,
    /// How unusual that is.
    pub z: f64,
    /// Its distance from the mid, basis points.
    pub dist_bps: f64,
    /// Its share of its side's depth within the band.
    pub depth_share: f64,
    /// The levels shown end within the band: the share is an upper bound.
    pub is_share_bound: bool,
    /// When it was first large enough, nanoseconds.
    pub since: i64,
}

/// Why an episode has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WallEnd {
    /// Too little of it is left: executed or cancelled, as its account says.
    Shrunk,
    /// The mid went away from it.
    OutOfBand,
    /// It is beyond the levels shown.
    OutOfSight,
    /// It was gone after data had been lost: nobody knows why.
    Lost,
    /// Ticks are merged otherwise from here on.
    Regrouped,
}

impl WallEnd {
    /// The name used in JSON and in counters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shrunk => "shrunk",
            Self::OutOfBand => "out_of_band",
            Self::OutOfSight => "out_of_sight",
            Self::Lost => "lost",
            Self::Regrouped => "regrouped",
        }
    }

    /// True when the account tells what became of the wall, so that it can be remembered.
    const fn is_known(self) -> bool {
        matches!(self, Self::Shrunk | Self::OutOfBand)
    }
}

/// A wall has ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WallEnded {
    /// Its side of the book.
    pub side: Side,
    /// The best price of its cell when it was first large enough.
    pub price: Price,
    /// Why.
    pub end: WallEnd,
    /// Its closed account.
    pub episode: WallEpisode,
    /// A likeness in `[0, 1]`, nobody's intent.
    pub spoof_likeness: f64,
}

/// How many walls there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WallCounts {
    /// Became a wall.
    pub appeared: u64,
    /// Ended after having been a wall.
    pub ended: u64,
    /// Were large enough for one, but [`EPISODES_MAX`] were being followed.
    pub crowded_out: u64,
}

/// An episode, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Tracked {
    cell: i64,
    price: Price,
    episode: WallEpisode,
    /// Traded since the last book.
    traded: i64,
    /// It has been alive for long enough, and was reported.
    is_wall: bool,
    z: f64,
    dist_bps: f64,
    /// Since when it is over. Its account stays open for as long as a trade may still explain how.
    over: Option<(i64, WallEnd)>,
}

impl Tracked {
    /// True for a wall that is not over.
    const fn stands(&self) -> bool {
        self.is_wall && self.over.is_none()
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct SideWalls {
    tracked: Bounded<Tracked, EPISODES_MAX>,
    memory: SpoofMemory,
}

/// The walls of one instrument's book: usual sizes, episodes, signal.
///
/// Fed by [`Detectors`](crate::detector::Detectors), with every step and trade that was attributed to a level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WallTracker {
    grid: Grid,
    sizes: UsualSizes,
    sides: [SideWalls; 2],
    /// The next book is the first after lost data.
    needs_rebase: bool,
    signal: Measure,
    counts: WallCounts,
}

impl Default for WallTracker {
    fn default() -> Self {
        Self {
            grid: Grid::default(),
            sizes: UsualSizes::default(),
            sides: Default::default(),
            needs_rebase: true,
            signal: Err(Absent::Cold),
            counts: WallCounts::default(),
        }
    }
}

impl WallTracker {
    /// Takes what happened at one price; its book follows in [`on_book`](Self::on_book).
    pub(crate) fn on_step(&mut self, step: &LevelStep) {
        if step.traded.0 > 0
            && let Some(tracked) = self.tracked_at(step.side, step.price)
        {
            tracked.traded = tracked.traded.saturating_add(step.traded.0);
        }
    }

    /// Takes a trade that explains what had been taken for cancelled.
    pub(crate) fn on_explained(&mut self, explained: &Explained) {
        if let Some(tracked) = self.tracked_at(explained.side, explained.price) {
            tracked.episode.explain(explained.qty);
        }
    }

    fn tracked_at(&mut self, side: Side, price: Price) -> Option<&mut Tracked> {
        let tracked = self.sides[side_index(side)].tracked.as_mut_slice();
        // Nearly always there is none, and the cell need not be found.
        let cell = if tracked.is_empty() { return None } else { self.grid.index(price) };
        tracked.iter_mut().find(|tracked| tracked.cell == cell)
    }

    /// Takes the next book, after its steps.
    pub(crate) fn on_book(&mut self, look: &BookLook<'_>, settings: &WallSettings, events: &mut EventQueue) {
        let is_first = std::mem::replace(&mut self.needs_rebase, false);
        if self.grid.fit(look.mid_doubled, look.units.tick.0) {
            for side in SIDES {
                self.end_where(side, settings, events, look.now, |tracked| {
                    Some(tracked.over.map_or(WallEnd::Regrouped, |(_, end)| end))
                });
            }
        }
        let turns = self.sizes.is_due(look.now);
        for side in SIDES {
            let cells = self.grid.cells(look.levels(side));
            self.account(side, look, cells.as_slice(), is_first, settings, events);
            self.find(side, look, cells.as_slice(), settings, events);
            if turns.is_some() {
                self.sizes.sample(look, side, cells.as_slice(), settings.half_life_secs);
            }
        }
        if let Some(turns) = turns {
            self.sizes.fit(look.now, turns, settings.half_life_secs, settings.z_min);
        }
        self.signal = self.sum_signals(look.now, settings);
    }

    /// Brings the episodes of a side up to date, and ends those that are over.
    fn account(
        &mut self,
        side: Side,
        look: &BookLook<'_>,
        cells: &[Cell],
        is_first: bool,
        settings: &WallSettings,
        events: &mut EventQueue,
    ) {
        let (grid, sizes) = (self.grid, &self.sizes);
        for tracked in self.sides[side_index(side)].tracked.as_mut_slice() {
            if tracked.over.is_some() {
                continue;
            }
            if !grid.sees(side, look.levels(side), tracked.cell) {
                tracked.over = Some((look.now, WallEnd::OutOfSight));
                continue;
            }
            let cell = cells.iter().find(|cell| cell.index == tracked.cell);
            let qty = cell.map_or(Qty(0), |cell| cell.qty);
            tracked.dist_bps = look.dist_bps(cell.map_or(tracked.price, |cell| cell.price));
            let traded = Qty(std::mem::take(&mut tracked.traded));
            if is_first {
                tracked.episode.rebase(look.now, qty);
            } else {
                let is_near = tracked.dist_bps <= settings.near_bps;
                tracked.episode.update(look.now, qty, traded, is_near);
            }
            if let Ok(z) = sizes.z(side, tracked.dist_bps, qty) {
                tracked.z = z;
            }
            let end = if tracked.episode.is_below(settings.end_share) {
                Some(if is_first { WallEnd::Lost } else { WallEnd::Shrunk })
            } else if tracked.dist_bps > f64::from(settings.band_bps) {
                Some(WallEnd::OutOfBand)
            } else {
                None
            };
            tracked.over = end.map(|end| (look.now, end));
        }
        self.end_where(side, settings, events, look.now, |tracked| {
            let (at, end) = tracked.over?;
            (look.now.saturating_sub(at) >= look.match_nanos).then_some(end)
        });
    }

    /// Ends the episodes of a side for which there is a reason; those of walls are reported and remembered.
    fn end_where(
        &mut self,
        side: Side,
        settings: &WallSettings,
        events: &mut EventQueue,
        now: i64,
        reason: impl Fn(&Tracked) -> Option<WallEnd>,
    ) {
        let (walls, counts) = (&mut self.sides[side_index(side)], &mut self.counts);
        let memory = &mut walls.memory;
        walls.tracked.retain(|tracked| {
            let Some(end) = reason(tracked) else { return true };
            if tracked.is_wall {
                let spoof_likeness = tracked.episode.spoof_likeness(settings.tau_secs);
                if end.is_known() {
                    memory.add(now, spoof_likeness);
                }
                counts.ended = counts.ended.saturating_add(1);
                let Tracked { price, episode, .. } = *tracked;
                events.push(DetectorEvent::WallEnded(WallEnded {
                    side,
                    price,
                    end,
                    episode,
                    spoof_likeness,
                }));
            }
            false
        });
    }

    /// Tests every cell of a side that is large enough anywhere.
    fn find(
        &mut self,
        side: Side,
        look: &BookLook<'_>,
        cells: &[Cell],
        settings: &WallSettings,
        events: &mut EventQueue,
    ) {
        let size_min = self.sizes.wall_size_min(side);
        let mut depth = None;
        for cell in cells.iter().filter(|cell| to_f64(cell.qty.0.into()) >= size_min) {
            let dist_bps = look.dist_bps(cell.price);
            if dist_bps > f64::from(settings.band_bps) {
                break;
            }
            let depth = depth.get_or_insert_with(|| {
                let band = settings.band_bps.saturating_mul(1_000);
                depth_within(side, look.levels(side), look.mid_doubled, band, VIEW_LEVELS)
            });
            let Some(mut wall) = self.judge(side, look, cell, dist_bps, depth, settings) else { continue };
            let tracked = &mut self.sides[side_index(side)].tracked;
            match tracked.as_mut_slice().iter_mut().find(|tracked| tracked.cell == cell.index) {
                Some(tracked) => {
                    wall.since = tracked.episode.since();
                    wall.price = tracked.price;
                    let age = seconds(look.now.saturating_sub(wall.since));
                    if !tracked.is_wall && tracked.over.is_none() && age >= settings.alive_secs {
                        tracked.is_wall = true;
                        self.counts.appeared = self.counts.appeared.saturating_add(1);
                        events.push(DetectorEvent::WallAppeared(wall));
                    }
                }
                None => self.follow(side, cell, &wall),
            }
        }
    }

    /// What a cell would be reported as; `None` when it is not large enough.
    fn judge(
        &self,
        side: Side,
        look: &BookLook<'_>,
        cell: &Cell,
        dist_bps: f64,
        depth: &Depth,
        settings: &WallSettings,
    ) -> Option<WallAppeared> {
        let qty = to_f64(cell.qty.0.into());
        let size_min = self.sizes.wall_size(side, dist_bps).ok()?;
        // A cell may reach out of the band, and a distance may round into it.
        let depth_share = (qty / to_f64(depth.qty)).min(1.0);
        let notional = look.units.notional(i128::from(cell.price.0).saturating_mul(cell.qty.0.into()));
        let is_large =
            qty >= size_min && depth_share >= settings.depth_share_min && notional >= settings.notional_min;
        // The logarithm is only worth its price for the few that are large.
        let z = if is_large { self.sizes.z(side, dist_bps, cell.qty).ok()? } else { return None };
        Some(WallAppeared {
            side,
            price: cell.price,
            qty: cell.qty,
            z,
            dist_bps,
            depth_share,
            is_share_bound: depth.is_truncated,
            since: look.now,
        })
    }

    /// Begins an episode. When there is no room, a smaller one that is no wall yet gives way.
    fn follow(&mut self, side: Side, cell: &Cell, wall: &WallAppeared) {
        let tracked = &mut self.sides[side_index(side)].tracked;
        if tracked.is_full() {
            let smallest = tracked
                .as_slice()
                .iter()
                .enumerate()
                .filter(|(_, tracked)| !tracked.is_wall && tracked.episode.size() < cell.qty)
                .min_by_key(|(_, tracked)| tracked.episode.size())
                .map(|(index, _)| index);
            self.counts.crowded_out = self.counts.crowded_out.saturating_add(1);
            let Some(smallest) = smallest else { return };
            tracked.remove(smallest);
        }
        tracked.push(Tracked {
            cell: cell.index,
            price: cell.price,
            episode: WallEpisode::new(wall.since, cell.qty),
            traded: 0,
            is_wall: false,
            z: wall.z,
            dist_bps: wall.dist_bps,
            over: None,
        });
    }

    fn sum_signals(&self, now: i64, settings: &WallSettings) -> Measure {
        if !self.sizes.is_warm() {
            return Err(Absent::Cold);
        }
        let mut signal = 0.0;
        for (side, walls) in SIDES.into_iter().zip(&self.sides) {
            let standing = walls.tracked.as_slice().iter().filter(|tracked| tracked.stands());
            let strength: f64 = standing
                .map(|wall| {
                    let size = wall.z.clamp(0.0, settings.z_full) / settings.z_full;
                    size * (-wall.dist_bps / settings.reach_bps).exp()
                })
                .sum();
            if strength > 0.0 {
                signal += side_sign(side) * strength * (1.0 - walls.memory.average(now));
            }
        }
        finite(signal)
    }

    /// The sum over standing walls of `sgn(side) * min(z, 8)/8 * exp(-dist/5 bps) * (1 - spoof)`, as of the newest book:
    /// positive when bids stand firm. Within plus and minus [`EPISODES_MAX`]; zero when no wall stands.
    ///
    /// # Errors
    /// [`Absent::Cold`] before enough sizes were seen on both sides, [`Absent::Resync`] from lost data to the next book.
    pub const fn signal(&self) -> Measure {
        self.signal
    }

    /// How unusual a quantity is at a distance, against the usual sizes of its side.
    ///
    /// # Errors
    /// [`Absent::Cold`] before enough sizes were seen there, [`Absent::DataType`] beyond 50 basis points,
    /// [`Absent::ZeroSize`] without a quantity.
    pub fn z(&self, side: Side, dist_bps: f64, qty: Qty) -> Measure {
        self.sizes.z(side, dist_bps, qty)
    }

    /// The walls that stand on one side, with their accounts so far.
    pub fn standing(&self, side: Side) -> impl Iterator<Item = (Price, &WallEpisode)> {
        let tracked = self.sides[side_index(side)].tracked.as_slice().iter();
        tracked.filter(|tracked| tracked.stands()).map(|tracked| (tracked.price, &tracked.episode))
    }

    /// The average spoof-likeness of the walls of one side that ended in the last hour; zero when there was none.
    #[must_use]
    pub fn spoof_likeness(&self, side: Side, now: i64) -> f64 {
        self.sides[side_index(side)].memory.average(now)
    }

    /// How many walls there were.
    #[must_use]
    pub const fn counts(&self) -> WallCounts {
        self.counts
    }

    /// The decayed number of sizes that the fullest distance bucket rests on, on the side with fewer.
    #[must_use]
    pub fn n_eff(&self, now: i64, settings: &WallSettings) -> f64 {
        self.sizes.n_eff(now, settings.half_life_secs)
    }

    /// True when enough sizes were seen on both sides.
    #[must_use]
    pub fn is_warm(&self) -> bool {
        self.sizes.is_warm()
    }

    /// Data was lost: episodes go on, but what the next book shows is accounted to nobody. Usual sizes are kept.
    pub fn reset_reference(&mut self) {
        self.needs_rebase = true;
        for walls in &mut self.sides {
            for tracked in walls.tracked.as_mut_slice() {
                tracked.traded = 0;
            }
        }
        if self.signal.is_ok() {
            self.signal = Err(Absent::Resync);
        }
    }

    pub(crate) fn is_consistent(&self) -> bool {
        self.grid.is_consistent()
            && self.sizes.is_consistent()
            && self.signal.is_ok_and(f64::is_finite) | self.signal.is_err()
            && self.sides.iter().all(|walls| {
                walls.tracked.as_slice().iter().all(|tracked| {
                    tracked.episode.is_consistent()
                        && tracked.traded >= 0
                        && tracked.z.is_finite()
                        && tracked.dist_bps.is_finite()
                })
            })
    }
}
