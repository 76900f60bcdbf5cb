//! The moves of one venue's mid over the last minutes, in a form that is small to keep and to save.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::hayashi_yoshida::Increment;
use crate::exact::{MILLI, bin_index, to_f64};

/// The most changes that are kept; saved, they take at most 16 KiB.
pub const CHANGES_MAX: usize = 2_000;
/// Moves within one step of this grid are one change, ms.
pub const GRID_MS: u32 = 10;
const GRID_NANOS: i64 = GRID_MS as i64 * MILLI;
/// What the changes shall reach back at least, in steps of the grid: 5 min.
pub(super) const WINDOW_MIN_BINS: i64 = 30_000;
/// What they reach back at most: 1 h.
const WINDOW_MAX_BINS: i64 = 360_000;
/// The coarsest spacing, in steps of the grid. 5 min have 938 of them: they always fit.
const SPACING_MAX: i64 = 32;
/// Log prices are kept in billionths: a hundred thousandth of a basis point.
const UNITS: f64 = 1e9;
/// No log price lies beyond.
pub(super) const LOG_MID_MAX: f64 = 100.0;
/// No time in nanoseconds has a bin beyond this.
const BIN_MAX: u64 = i64::MAX.unsigned_abs() / 1_000_000;

/// True for what can be the logarithm of a price.
pub(super) fn is_log_mid(log_mid: f64) -> bool {
    log_mid.abs() <= LOG_MID_MAX
}

/// A move, and how long after the one before it. Small, because thousands are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Change {
    after_bins: u16,
    step: i32,
}

impl Change {
    /// `None` when the silence or the jump is beyond what is kept: 11 min, or a factor of 8.
    fn new(after_bins: i64, step: i64) -> Option<Self> {
        Some(Self { after_bins: u16::try_from(after_bins).ok()?, step: i32::try_from(step).ok()? })
    }
}

/// A time on the grid, and the log mid there in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Point {
    bin: i64,
    level: i64,
}

/// The changes of one mid: at most [`CHANGES_MAX`], of the last 5 minutes at least and of the last hour at most.
///
/// Times are bins `(k - 1, k] * 10 ms` of the receive time. The mid in force at a bin's end is compared with that of the
/// last change; when it is the same, nothing is kept. When there is no room for 5 minutes, the spacing doubles: changes
/// that share a coarser bin become one, whose time is that of the last of them. When the changes reach back 20
/// minutes, it halves again. After lost data the moves go on from the new mid: no change crosses the hole.
///
/// # Source
/// Input of methods reference 3.9 and 3.10.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct MidChanges {
    /// Oldest first. The first one's interval starts at `first_bin`, the newest one's ends at `last`.
    changes: VecDeque<Change>,
    first_bin: i64,
    last: Option<Point>,
    /// The mid in force, and the bin it came in; `None` before the first and after lost data.
    open: Option<Point>,
    spacing: i64,
    overwritten: u64,
    thinned: u64,
    refused: u64,
}

impl Default for MidChanges {
    fn default() -> Self {
        Self {
            changes: VecDeque::with_capacity(CHANGES_MAX),
            first_bin: 0,
            last: None,
            open: None,
            spacing: 1,
            overwritten: 0,
            thinned: 0,
            refused: 0,
        }
    }
}

impl MidChanges {
    /// From `now` on, in nanoseconds, the logarithm of the mid is `log_mid`.
    ///
    /// What cannot be the logarithm of a price is counted and passed over. A time before the newest counts as the newest.
    pub fn observe(&mut self, now: i64, log_mid: f64) {
        if !is_log_mid(log_mid) {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        self.advance(now);
        let newest = self.open.or(self.last).map_or(i64::MIN, |point| point.bin);
        let point = Point { bin: self.bin(now).max(newest), level: level(log_mid) };
        match (self.open, self.last) {
            (None, Some(last)) if point.bin > last.bin => {
                // A change of nothing: the time of the hole passes, its move is not known.
                self.push(point, 0);
            }
            (None, Some(_)) => self.last = Some(point),
            (None, None) => self.restart(point),
            (Some(_), _) => {}
        }
        self.open = Some(point);
    }

    /// Lets the time until `now` pass: a change becomes visible once its bin has ended.
    pub fn advance(&mut self, now: i64) {
        if let (Some(open), Some(last)) = (self.open, self.last)
            && self.bin(now) > open.bin
            && open.level != last.level
        {
            if open.bin > last.bin {
                self.push(open, open.level - last.level);
            } else {
                // Still the bin that everything began in: the reference is the mid at its end.
                self.last = Some(open);
            }
        }
        self.expire(bin_index(now, GRID_NANOS));
    }

    /// Data was lost: no change may cross this moment.
    pub fn reset_reference(&mut self) {
        if let (Some(open), Some(last)) = (self.open.take(), self.last)
            && open.level != last.level
            && open.bin > last.bin
        {
            self.push(open, open.level - last.level);
        }
    }

    /// The bin of `now`: the end of the step it falls in, at the present spacing.
    fn bin(&self, now: i64) -> i64 {
        bin_index(now, GRID_NANOS * self.spacing) * self.spacing
    }

    fn restart(&mut self, point: Point) {
        self.changes.clear();
        self.first_bin = point.bin;
        self.last = Some(point);
    }

    fn push(&mut self, point: Point, step: i64) {
        let after_bins = self.last.map_or(0, |last| point.bin - last.bin);
        let Some(change) = Change::new(after_bins, step) else {
            self.restart(point);
            return;
        };
        if self.changes.len() >= CHANGES_MAX {
            self.make_room();
        }
        self.changes.push_back(change);
        self.last = Some(point);
    }

    fn make_room(&mut self) {
        while self.span_bins() < WINDOW_MIN_BINS
            && self.spacing < SPACING_MAX
            && self.changes.len() > CHANGES_MAX / 4 * 3
        {
            self.spacing *= 2;
            self.thin();
        }
        while self.changes.len() >= CHANGES_MAX {
            self.drop_oldest();
            self.overwritten = self.overwritten.saturating_add(1);
        }
        if self.span_bins() > 4 * WINDOW_MIN_BINS {
            self.spacing = (self.spacing / 2).max(1);
        }
    }

    /// Makes one change of those that share a bin of the present spacing.
    fn thin(&mut self) {
        let before = self.changes.len();
        let changes = self.changes.make_contiguous();
        let (mut kept, mut cell, mut end) = (0, i64::MIN, self.first_bin);
        let mut merged: Option<Change> = None;
        for index in 0..before {
            let next = changes[index];
            end += i64::from(next.after_bins);
            let of_next = end.div_euclid(self.spacing) + i64::from(end.rem_euclid(self.spacing) != 0);
            // What came back to where it was is no change: its time goes to the next one.
            let joins = |open: &Change| of_next == cell || open.step == 0;
            let sum = merged.filter(joins).and_then(|open| {
                let after_bins = i64::from(open.after_bins) + i64::from(next.after_bins);
                Change::new(after_bins, i64::from(open.step) + i64::from(next.step))
            });
            if let (None, Some(open)) = (sum, merged) {
                changes[kept] = open;
                kept += 1;
            }
            merged = Some(sum.unwrap_or(next));
            cell = of_next;
        }
        if let Some(open) = merged {
            changes[kept] = open;
            kept += 1;
        }
        self.changes.truncate(kept);
        self.thinned = self.thinned.saturating_add((before - kept) as u64);
    }

    fn expire(&mut self, now_bin: i64) {
        while !self.changes.is_empty() && now_bin.saturating_sub(self.first_bin) > WINDOW_MAX_BINS {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.changes.pop_front() {
            self.first_bin += i64::from(oldest.after_bins);
        }
    }

    /// The changes whose interval starts at `from_bin` or later, oldest first: times in bins of 10 ms, changes in
    /// billionths.
    pub(super) fn increments(&self, from_bin: i64) -> impl Iterator<Item = Increment<i64>> + Clone {
        let mut start = self.first_bin;
        self.changes.iter().filter_map(move |change| {
            let end = start + i64::from(change.after_bins);
            let increment = Increment { start, end, change: f64::from(change.step) };
            start = end;
            (increment.start >= from_bin).then_some(increment)
        })
    }

    /// Where the oldest change's interval starts; `None` before the first mid.
    pub(super) fn first_bin(&self) -> Option<i64> {
        self.last.map(|_| self.first_bin)
    }

    fn span_bins(&self) -> i64 {
        self.last.map_or(0, |last| last.bin - self.first_bin)
    }

    /// How many changes are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// True when there is no change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How far apart changes are at least, ms.
    #[must_use]
    pub fn spacing_ms(&self) -> i64 {
        self.spacing * i64::from(GRID_MS)
    }

    /// How many changes, still young, had to make room for newer ones.
    #[must_use]
    pub const fn overwritten(&self) -> u64 {
        self.overwritten
    }

    /// How many changes became part of another one, because the spacing doubled.
    #[must_use]
    pub const fn thinned(&self) -> u64 {
        self.thinned
    }

    /// How many mids could not be the logarithm of a price.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// How many changes there are, as the effective number of observations.
    #[must_use]
    pub fn n_eff(&self) -> f64 {
        to_f64(self.changes.len() as i128)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "at most a hundred billion")]
fn level(log_mid: f64) -> i64 {
    (log_mid * UNITS).round() as i64
}

/// What is loaded, before it is believed. The fields are those of [`MidChanges`], in their order.
#[derive(Deserialize)]
struct Saved {
    changes: VecDeque<Change>,
    first_bin: i64,
    last: Option<Point>,
    open: Option<Point>,
    spacing: i64,
    overwritten: u64,
    thinned: u64,
    refused: u64,
}

impl TryFrom<Saved> for MidChanges {
    type Error = &'static str;

    fn try_from(saved: Saved) -> Result<Self, Self::Error> {
        let Saved { mut changes, first_bin, last, open, spacing, overwritten, thinned, refused } = saved;
        let is_point = |point: Point| {
            point.bin.unsigned_abs() <= BIN_MAX
                && point.level.unsigned_abs() <= level(LOG_MID_MAX).unsigned_abs()
        };
        let after: i64 = changes.iter().map(|change| i64::from(change.after_bins)).sum();
        let is_chain = match last {
            Some(last) => is_point(last) && last.bin - after == first_bin,
            None => changes.is_empty() && open.is_none() && first_bin == 0,
        };
        let is_open = open.is_none_or(|open| is_point(open) && last.is_some_and(|last| open.bin >= last.bin));
        let is_spacing = (1..=SPACING_MAX).contains(&spacing) && spacing.count_ones() == 1;
        if changes.len() > CHANGES_MAX || !is_chain || !is_open || !is_spacing {
            return Err("changes of a mid that cannot be");
        }
        changes.reserve_exact(CHANGES_MAX - changes.len());
        Ok(Self { changes, first_bin, last, open, spacing, overwritten, thinned, refused })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays `(time in ms, log mid in billionths)`; NaN stands for lost data.
    fn play(path: &[(i64, f64)]) -> MidChanges {
        let mut changes = MidChanges::default();
        for (at_ms, billionths) in path {
            if billionths.is_nan() {
                changes.reset_reference();
            } else {
                changes.observe(at_ms * MILLI, billionths / UNITS);
            }
        }
        changes
    }

    #[track_caller]
    fn check(path: &[(i64, f64)], until_ms: i64, expect: &[(i64, i64, f64)]) {
        let mut changes = play(path);
        changes.advance(until_ms * MILLI);
        let found: Vec<_> =
            changes.increments(i64::MIN).map(|found| (found.start, found.end, found.change)).collect();
        assert_eq!(found, expect);
        let saved = serde_json::to_value(&changes).unwrap();
        assert!(serde_json::from_value::<MidChanges>(saved).unwrap() == changes);
    }

    #[test]
    fn a_change_is_seen_once_its_bin_has_ended() {
        check(&[(10, 0.0), (25, 5.0)], 30, &[]);
        check(&[(10, 0.0), (25, 5.0)], 31, &[(1, 3, 5.0)]);
        check(&[(10, 0.0), (25, 5.0), (100, 3.0)], 1_000, &[(1, 3, 5.0), (3, 10, -2.0)]);
    }

    #[test]
    fn what_comes_back_within_a_bin_is_no_change() {
        check(&[(10, 0.0), (21, 5.0), (29, 0.0), (55, 0.0)], 1_000, &[]);
        check(&[(1, 0.0), (9, 5.0), (25, 7.0)], 1_000, &[(1, 3, 2.0)]);
    }

    #[test]
    fn no_change_crosses_lost_data() {
        let lost = (0, f64::NAN);
        check(&[(10, 0.0), (20, 5.0), lost, (50, 90.0)], 1_000, &[(1, 2, 5.0), (2, 5, 0.0)]);
        check(&[(10, 0.0), lost, (50, 90.0), (60, 91.0)], 1_000, &[(1, 5, 0.0), (5, 6, 1.0)]);
        check(&[(10, 0.0), lost, lost, (10, 90.0), (60, 91.0)], 1_000, &[(1, 6, 1.0)]);
    }

    #[test]
    fn a_time_that_goes_back_counts_as_the_newest() {
        check(&[(100, 0.0), (200, 1.0), (50, 2.0), (210, 3.0)], 1_000, &[(10, 20, 2.0), (20, 21, 1.0)]);
    }

    #[test]
    fn a_silence_or_a_jump_beyond_all_bounds_starts_again() {
        check(&[(10, 0.0), (20, 1.0), (700_000, 2.0)], 800_000, &[]);
        check(&[(10, 0.0), (20, 1.0), (30, 9e9), (40, 9e9 + 1.0)], 1_000, &[(3, 4, 1.0)]);
    }

    #[test]
    fn five_minutes_fit_however_fast_the_mid_moves() {
        let mut changes = MidChanges::default();
        for bin in 0..120_000i64 {
            changes.observe(bin * GRID_NANOS, to_f64(i128::from(bin % 7)) * 1e-6);
            assert!(changes.len() <= CHANGES_MAX);
        }
        let reach = changes.span_bins();
        assert!(reach >= WINDOW_MIN_BINS, "{reach}");
        assert_eq!(changes.spacing_ms(), 160);
        assert!(changes.thinned() > 1_000 && changes.overwritten() > 0);
        // Slower again: finer again.
        for second in 1_200..30_000i64 {
            changes.observe(second * 1_000 * MILLI, to_f64(i128::from(second % 7)) * 1e-6);
        }
        assert_eq!(changes.spacing_ms(), 10);
        let reach = changes.span_bins();
        assert!((4 * WINDOW_MIN_BINS..=WINDOW_MAX_BINS).contains(&reach), "{reach}");
    }

    #[test]
    fn thinning_keeps_the_path_at_the_times_it_keeps() {
        let at = |bin: i64| bin * bin % 11 - bin % 5;
        let mut changes = MidChanges::default();
        for bin in 0..3_000 {
            changes.observe(bin * GRID_NANOS, to_f64(at(bin).into()) / UNITS);
        }
        assert_eq!(changes.spacing_ms(), 20);
        let mut level = to_f64(at(0).into());
        for found in changes.increments(i64::MIN) {
            level += found.change;
            assert!((level - to_f64(at(found.end).into())).abs() < 0.5, "{found:?}");
        }
    }

    #[test]
    fn what_cannot_be_is_not_loaded() {
        let saved = serde_json::to_value(play(&[(10, 0.0), (20, 1.0), (40, 2.0), (90, 2.0)])).unwrap();
        for (key, value) in [
            ("first_bin", serde_json::json!(7)),
            ("first_bin", serde_json::json!(i64::MIN)),
            ("spacing", serde_json::json!(0)),
            ("spacing", serde_json::json!(3)),
            ("last", serde_json::json!(null)),
            ("last", serde_json::json!({"bin": i64::MIN, "level": 0})),
            ("open", serde_json::json!({"bin": 0, "level": 0})),
            ("open", serde_json::json!({"bin": 9, "level": i64::MAX})),
        ] {
            let mut wrong = saved.clone();
            wrong[key] = value;
            assert!(serde_json::from_value::<MidChanges>(wrong).is_err(), "{key}");
        }
    }
}
