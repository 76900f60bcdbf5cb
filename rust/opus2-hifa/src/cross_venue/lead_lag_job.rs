//! The lead-lag scan and its test, in steps that a host can spread over several seconds.

use serde::{Deserialize, Serialize};

use super::common_window::CommonWindow;
use super::hayashi_yoshida::{Covariation, Increment, covariance, realised_variance};
use super::lead_lag::{Contrast, moved_back};
use super::mid_changes::{CHANGES_MAX, GRID_MS, MidChanges, WINDOW_MIN_BINS};
use crate::{Absent, Measure};

/// Changes that each venue must have in the common window, which must be 5 minutes long.
pub const SCAN_CHANGES_MIN: usize = 200;
/// How often the scan is repeated with one path displaced in time, to see what chance gives.
pub const NULL_SHIFTS: u32 = 200;
/// How many of them may reach the peak of a lead that is believed: it must exceed their 99th percentile.
const REACHED_MAX: u32 = 2;
/// Displacements are 30 s to 300 s, in steps of the grid, and leave 30 s on the other side of the circle too.
const NULL_SHIFT_BINS: (i64, i64) = (3_000, 30_000);

const FINE_LAGS: usize = 20;
const COARSE_LAGS: usize = 18;
/// How many lags are scanned.
pub const SCAN_LAGS: usize = 1 + 2 * (FINE_LAGS + COARSE_LAGS);

/// The lags that are scanned, in steps of 10 ms: every 10 ms up to 200 ms, then every 100 ms up to 2 s, both ways.
///
/// Small ones first, so that of equal peaks the one nearest to zero wins.
const LAG_BINS: [i64; SCAN_LAGS] = {
    let mut lags = [0; SCAN_LAGS];
    let (mut index, mut lag) = (1, 0);
    while index < SCAN_LAGS {
        lag += if index <= 2 * FINE_LAGS { 1 } else { 10 };
        lags[index] = lag;
        lags[index + 1] = -lag;
        index += 2;
    }
    lags
};

/// An increment of a snapshot: its end in steps of the grid since the window's start, its change in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Jump {
    end: i32,
    step: i32,
}

/// The first venue leads when the lag is positive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LeadLagFinding {
    /// Receive time at which the changes were taken, ns.
    pub as_of: i64,
    /// The lag with the largest `|correlation|`, ms; positive when the first venue leads.
    pub theta_ms: i32,
    /// The correlation there.
    pub correlation: f64,
    /// Squared correlations at positive lags over those at negative ones; above 1 the first venue leads.
    pub ratio: Measure,
    /// How many of the displaced scans reached the peak. Counting ends with the one that is too many.
    pub reached: u32,
    /// The changes of the venue that has fewer.
    pub changes: u32,
    /// How far apart the mids were sampled at least, ms. Around the peak the correlation is nearly flat over this width: a
    /// lag that is shorter says who leads, but not by how much.
    pub resolution_ms: u32,
}

impl LeadLagFinding {
    /// True when the peak exceeds the 99th percentile of what displaced paths give.
    #[must_use]
    pub const fn is_significant(&self) -> bool {
        self.reached <= REACHED_MAX
    }
}

/// One evaluation of the Hoffmann-Rosenbaum-Yoshida contrast with its test of significance.
///
/// [`start`](Self::start) takes a copy of both venues' changes; each unit of [`step`](Self::step) is one lag of one scan,
/// O(n + m) with at most [`CHANGES_MAX`] changes a venue. There are [`SCAN_LAGS`] units in the scan itself and as many
/// in each of up to [`NULL_SHIFTS`] displaced ones; a displaced scan ends where it reaches the peak, and the job ends
/// when a third one has, so that what is not significant costs little. The result does not depend on how the units
/// are spread. It is of receive times on one host: beside it belongs the difference of the feeds' latencies.
///
/// The displacements turn the second path in a circle by 30 s to 300 s, evenly spread by a fixed sequence.
///
/// # Source
/// Hoffmann, Rosenbaum & Yoshida (2013); Huth & Abergel (2014); methods reference 3.10.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct LeadLagJob {
    x: Vec<Jump>,
    y: Vec<Jump>,
    as_of: i64,
    resolution_ms: u32,
    is_running: bool,
    /// 0 for the scan itself, then the displaced ones.
    pass: u32,
    /// The next lag of the pass.
    lag: u32,
    contrast: Contrast<i64>,
    reached: u32,
}

impl Default for LeadLagJob {
    fn default() -> Self {
        Self {
            x: Vec::with_capacity(CHANGES_MAX),
            y: Vec::with_capacity(CHANGES_MAX),
            as_of: 0,
            resolution_ms: GRID_MS,
            is_running: false,
            pass: 0,
            lag: 0,
            contrast: Contrast::default(),
            reached: 0,
        }
    }
}

impl LeadLagJob {
    /// Begins an evaluation of two venues' changes as they are at `now`, in nanoseconds; one that runs is given up.
    ///
    /// # Errors
    /// [`Absent::Cold`] when the changes do not reach back 5 minutes, or are fewer than [`SCAN_CHANGES_MIN`].
    pub fn start(&mut self, now: i64, x: &MidChanges, y: &MidChanges) -> Result<(), Absent> {
        self.is_running = false;
        self.x.clear();
        self.y.clear();
        let window = CommonWindow::new(x, y).ok_or(Absent::Cold)?;
        let jump = |increment: Increment<i64>| {
            let end = i32::try_from(increment.end.saturating_sub(window.first_bin)).ok()?;
            Some(Jump { end, step: to_step(increment.change)? })
        };
        self.x.extend(window.x().map_while(jump).take(CHANGES_MAX));
        self.y.extend(window.y().map_while(jump).take(CHANGES_MAX));
        if self.changes() < SCAN_CHANGES_MIN || self.span() < WINDOW_MIN_BINS {
            return Err(Absent::Cold);
        }
        (self.as_of, self.resolution_ms) = (now, window.resolution_ms());
        (self.pass, self.lag, self.reached) = (0, 0, 0);
        self.contrast = Contrast::default();
        self.is_running = true;
        Ok(())
    }

    /// True between a start and its result.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.is_running
    }

    /// Does up to `units` units. Gives the result when it has just become known.
    ///
    /// The result is [`Absent::NoEvents`] when one of the mids did not move in sum.
    pub fn step(&mut self, units: u32) -> Option<Result<LeadLagFinding, Absent>> {
        if !self.is_running || units == 0 {
            return None;
        }
        let variances = [&self.x, &self.y].map(|path| realised_variance(unmoved(path)));
        for _ in 0..units {
            if let Some(result) = self.step_once(variances) {
                self.is_running = false;
                return Some(result);
            }
        }
        None
    }

    fn step_once(&mut self, [variance_x, variance_y]: [f64; 2]) -> Option<Result<LeadLagFinding, Absent>> {
        let theta = LAG_BINS.get(self.lag as usize).copied().unwrap_or_default();
        let covariance = match self.pass {
            0 => covariance(unmoved(&self.x), moved_back(unmoved(&self.y), theta)),
            pass => {
                let turned = turned(&self.y, self.span(), shift_bins(pass, self.span()));
                covariance(unmoved(&self.x), moved_back(turned, theta))
            }
        };
        let correlation = match (Covariation { covariance, variance_x, variance_y }).correlation() {
            Ok(correlation) => correlation,
            Err(reason) => return Some(Err(reason)),
        };
        self.lag += 1;
        let mut is_over = self.lag as usize >= SCAN_LAGS;
        if self.pass == 0 {
            self.contrast.push(theta, correlation);
        } else if self.contrast.peak().is_none_or(|(_, peak)| correlation.abs() >= peak.abs()) {
            self.reached += 1;
            is_over = true;
        }
        if is_over {
            self.lag = 0;
            self.pass += 1;
        }
        (self.reached > REACHED_MAX || self.pass > NULL_SHIFTS).then(|| self.finding())
    }

    fn finding(&self) -> Result<LeadLagFinding, Absent> {
        let (theta, correlation) = self.contrast.peak().ok_or(Absent::NoEvents)?;
        let theta_ms = i32::try_from(theta.saturating_mul(GRID_MS.into())).map_err(|_| Absent::BadNumber)?;
        Ok(LeadLagFinding {
            as_of: self.as_of,
            theta_ms,
            correlation,
            ratio: self.contrast.ratio(),
            reached: self.reached,
            changes: u32::try_from(self.changes()).unwrap_or(u32::MAX),
            resolution_ms: self.resolution_ms,
        })
    }

    fn changes(&self) -> usize {
        self.x.len().min(self.y.len())
    }

    /// The end of the window, in steps of the grid since its start.
    fn span(&self) -> i64 {
        let end = |path: &[Jump]| path.last().map_or(0, |jump| i64::from(jump.end));
        end(&self.x).max(end(&self.y))
    }
}

/// `None` for what is no whole number of billionths that fits.
#[expect(clippy::cast_possible_truncation, reason = "compared with the bounds of an i32 before")]
fn to_step(change: f64) -> Option<i32> {
    (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&change).then_some(change as i32)
}

fn unmoved(path: &[Jump]) -> impl Iterator<Item = Increment<i64>> {
    chain(path, 0, 0)
}

/// The increments of `path`, the first of which starts at `start`, all later by `shift`.
fn chain(path: &[Jump], start: i64, shift: i64) -> impl Iterator<Item = Increment<i64>> {
    let mut start = start;
    path.iter().map(move |jump| {
        let end = i64::from(jump.end) + shift;
        Increment { start: std::mem::replace(&mut start, end), end, change: f64::from(jump.step) }
    })
}

/// `path` turned by `shift` in a circle of `span`: what passes the end comes in again at the start. The increment that
/// would lie over the seam starts at it.
fn turned(path: &[Jump], span: i64, shift: i64) -> impl Iterator<Item = Increment<i64>> {
    let seam = path.partition_point(|jump| i64::from(jump.end) + shift <= span);
    let (stay, wrap) = path.split_at(seam);
    chain(wrap, 0, shift - span).chain(chain(stay, shift, shift))
}

/// The displacement of pass 1, 2, ...: multiples of the golden ratio modulo one, over the range allowed.
fn shift_bins(pass: u32, span: i64) -> i64 {
    let (low, high) = (NULL_SHIFT_BINS.0, NULL_SHIFT_BINS.1.min(span - NULL_SHIFT_BINS.0));
    let fraction = i64::from(pass.wrapping_mul(0x9E37_79B9) >> 16);
    low + (high - low).max(0) * fraction / 0x1_0000
}

/// What is loaded, before it is believed. The fields are those of [`LeadLagJob`], in their order.
#[derive(Deserialize)]
struct Saved {
    x: Vec<Jump>,
    y: Vec<Jump>,
    as_of: i64,
    resolution_ms: u32,
    is_running: bool,
    pass: u32,
    lag: u32,
    contrast: Contrast<i64>,
    reached: u32,
}

impl TryFrom<Saved> for LeadLagJob {
    type Error = &'static str;

    fn try_from(saved: Saved) -> Result<Self, Self::Error> {
        let Saved { mut x, mut y, as_of, resolution_ms, is_running, pass, lag, contrast, reached } = saved;
        let is_path = |path: &[Jump]| {
            path.len() <= CHANGES_MAX
                && path.iter().all(|jump| jump.end >= 0)
                && path.is_sorted_by_key(|jump| jump.end)
        };
        let is_place = pass <= NULL_SHIFTS + 1 && (lag as usize) < SCAN_LAGS && reached <= REACHED_MAX + 1;
        if !is_path(&x) || !is_path(&y) || !is_place || !contrast.is_consistent() {
            return Err("an evaluation of a lead that cannot be");
        }
        for path in [&mut x, &mut y] {
            // Nothing allocates later.
            path.reserve_exact(CHANGES_MAX - path.len());
        }
        Ok(Self { x, y, as_of, resolution_ms, is_running, pass, lag, contrast, reached })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::{MILLI, to_f64};

    #[test]
    fn lags_are_fine_near_zero_and_symmetric() {
        assert_eq!(LAG_BINS[..5], [0, 1, -1, 2, -2]);
        assert_eq!(LAG_BINS[39..43], [20, -20, 30, -30]);
        assert_eq!(LAG_BINS[SCAN_LAGS - 2..], [200, -200]);
    }

    #[test]
    fn displacements_stay_away_from_where_the_path_is() {
        for span in [WINDOW_MIN_BINS, 40_000, 360_000] {
            let shifts: Vec<i64> = (1..=NULL_SHIFTS).map(|pass| shift_bins(pass, span)).collect();
            let high = 30_000.min(span - 3_000);
            assert!(shifts.iter().all(|shift| (3_000..=high).contains(shift)), "{shifts:?}");
            let mut distinct = shifts;
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), NULL_SHIFTS as usize);
        }
    }

    #[test]
    fn a_turned_path_keeps_its_jumps_in_order() {
        let path = [(2, 1), (5, 2), (9, 4)].map(|(end, step)| Jump { end, step });
        let found: Vec<_> = turned(&path, 10, 4).map(|i| (i.start, i.end, i.change)).collect();
        assert_eq!(found, [(0, 3, 4.0), (4, 6, 1.0), (6, 9, 2.0)]);
    }

    /// Random jumps of a mid about twice a second, for ten minutes; `lag_ms` later at the second venue, which has its own
    /// jumps too when it is not the same asset.
    fn venues(lag_ms: i64, is_same: bool) -> [MidChanges; 2] {
        let mut random = 9_u64;
        let mut next = move |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i64::try_from((random >> 33) % below).unwrap()
        };
        let mut venues = [MidChanges::default(), MidChanges::default()];
        let (mut now, mut levels) = (1_000_000 * MILLI, [0i64; 2]);
        for _ in 0..1_200 {
            now += (100 + next(800)) * MILLI;
            let step = next(2_001) - 1_000;
            let steps = [step, if is_same { step } else { next(2_001) - 1_000 }];
            for ((venue, level), (step, later)) in
                venues.iter_mut().zip(&mut levels).zip(steps.into_iter().zip([0, lag_ms]))
            {
                *level += step;
                venue.observe(now + later * MILLI, 11.0 + to_f64((*level).into()) * 1e-9);
            }
        }
        venues
    }

    #[track_caller]
    fn check(lag_ms: i64, is_same: bool, units: u32, expect: Option<i32>) -> LeadLagFinding {
        let [x, y] = venues(lag_ms, is_same);
        let mut job = LeadLagJob::default();
        job.start(7, &x, &y).unwrap();
        let finding = loop {
            // Through a save and a load at every step.
            let saved = serde_json::to_value(&job).unwrap();
            assert!(serde_json::from_value::<LeadLagJob>(saved).unwrap() == job);
            if let Some(finding) = job.step(units) {
                break finding.unwrap();
            }
        };
        assert!(!job.is_running() && job.step(1).is_none());
        assert_eq!(finding.is_significant().then_some(finding.theta_ms), expect, "{finding:?}");
        finding
    }

    #[test]
    fn a_lead_is_found_and_significant() {
        let finding = check(70, true, 5_000, Some(70));
        assert!(finding.ratio.unwrap() > 1.0 && finding.correlation > 0.9, "{finding:?}");
        assert_eq!((finding.as_of, finding.reached), (7, 0));
        check(-300, true, 5_000, Some(-300));
    }

    #[test]
    fn venues_that_have_nothing_in_common_show_no_lead() {
        let finding = check(70, false, 5_000, None);
        // However the work is spread.
        assert_eq!(check(70, false, 50, None), finding);
    }

    #[test]
    fn five_minutes_of_changes_are_needed() {
        let [x, _] = venues(0, true);
        let mut job = LeadLagJob::default();
        assert_eq!(job.start(0, &x, &MidChanges::default()), Err(Absent::Cold));
        let mut short = MidChanges::default();
        for step in 0..1_000i64 {
            short.observe(step * 200 * MILLI, to_f64((step % 5).into()) * 1e-7);
        }
        assert_eq!(job.start(0, &short, &short), Err(Absent::Cold));
        assert!(!job.is_running() && job.step(9).is_none());
    }
}
