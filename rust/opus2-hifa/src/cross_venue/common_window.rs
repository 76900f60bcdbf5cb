//! Two venues' changes over the time that both cover, sampled as coarsely as their noise asks for.

use super::hayashi_yoshida::{Covariation, Increment, covariance, realised_variance};
use super::mid_changes::{GRID_MS, MidChanges};
use crate::{Absent, Measure};

/// How many increments each venue must have.
pub const INCREMENTS_MIN: usize = 20;
/// First-order autocorrelation of a venue's changes below which they are mostly bid-ask bounce.
pub const NOISE_AUTOCORRELATION: f64 = -0.1;
/// How far apart samples of noisy mids are, in steps of the grid: 100 ms.
const NOISY_SAMPLE_BINS: i64 = 10;

/// The changes of two venues since both are known.
#[derive(Debug, Clone, Copy)]
pub(super) struct CommonWindow<'a> {
    x: &'a MidChanges,
    y: &'a MidChanges,
    pub(super) first_bin: i64,
    sample_bins: i64,
}

impl<'a> CommonWindow<'a> {
    /// `None` before the first mid of both.
    pub(super) fn new(x: &'a MidChanges, y: &'a MidChanges) -> Option<Self> {
        let first_bin = x.first_bin()?.max(y.first_bin()?);
        let is_noisy = [x, y].into_iter().any(|path| {
            autocorrelation(path.increments(first_bin)).is_ok_and(|found| found < NOISE_AUTOCORRELATION)
        });
        let sample_bins = if is_noisy { NOISY_SAMPLE_BINS } else { 1 };
        Some(Self { x, y, first_bin, sample_bins })
    }

    pub(super) fn x(&self) -> impl Iterator<Item = Increment<i64>> {
        sampled(self.x.increments(self.first_bin), self.sample_bins)
    }

    pub(super) fn y(&self) -> impl Iterator<Item = Increment<i64>> {
        sampled(self.y.increments(self.first_bin), self.sample_bins)
    }

    /// How far apart the times that are told apart are, ms: of the samples, or of the changes where a venue moves so often
    /// that they had to be thinned.
    pub(super) fn resolution_ms(&self) -> u32 {
        let samples = self.sample_bins.saturating_mul(GRID_MS.into());
        let coarsest = samples.max(self.x.spacing_ms()).max(self.y.spacing_ms());
        u32::try_from(coarsest).unwrap_or(u32::MAX)
    }
}

/// How two venues' mids move together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VenueCorrelation {
    /// The Hayashi-Yoshida correlation; may lie outside `[-1, 1]`.
    pub correlation: f64,
    /// How far apart the mids were sampled at least, ms: 10, 100 where bounce rules their changes, or what a busy
    /// venue's changes have been thinned to.
    pub resolution_ms: u32,
    /// The increments of the venue that has fewer.
    pub increments: usize,
}

/// The Hayashi-Yoshida correlation of two venues' mid changes over the time that both cover. O(n + m).
///
/// When the changes of either have a first-order autocorrelation below [`NOISE_AUTOCORRELATION`], both are sampled at
/// 100 ms.
///
/// # Errors
/// [`Absent::Cold`] when one has fewer than [`INCREMENTS_MIN`] increments.
///
/// # Source
/// Hayashi & Yoshida (2005); methods reference 3.9.
pub fn correlate(x: &MidChanges, y: &MidChanges) -> Result<VenueCorrelation, Absent> {
    let window = CommonWindow::new(x, y).ok_or(Absent::Cold)?;
    let increments = window.x().count().min(window.y().count());
    if increments < INCREMENTS_MIN {
        return Err(Absent::Cold);
    }
    let covariation = Covariation {
        covariance: covariance(window.x(), window.y()),
        variance_x: realised_variance(window.x()),
        variance_y: realised_variance(window.y()),
    };
    Ok(VenueCorrelation {
        correlation: covariation.correlation()?,
        resolution_ms: window.resolution_ms(),
        increments,
    })
}

/// The first-order autocorrelation of the changes, taken as having mean zero.
///
/// # Errors
/// [`Absent::NoEvents`] when nothing moved.
pub(super) fn autocorrelation(path: impl Iterator<Item = Increment<i64>>) -> Measure {
    let (mut products, mut squares, mut previous) = (0.0, 0.0, 0.0);
    for increment in path {
        products += previous * increment.change;
        squares += increment.change * increment.change;
        previous = increment.change;
    }
    if squares > 0.0 { Ok(products / squares) } else { Err(Absent::NoEvents) }
}

/// The path at multiples of `every` bins: increments that end within one step become one.
fn sampled(path: impl Iterator<Item = Increment<i64>>, every: i64) -> impl Iterator<Item = Increment<i64>> {
    // Where every step is a sample, the path is its own.
    if every == 1 { Sampled::Whole(path) } else { Sampled::Grouped(grouped(path, every)) }
}

/// The one iterator or the other.
enum Sampled<W, G> {
    Whole(W),
    Grouped(G),
}

impl<T, W: Iterator<Item = T>, G: Iterator<Item = T>> Iterator for Sampled<W, G> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match self {
            Self::Whole(path) => path.next(),
            Self::Grouped(path) => path.next(),
        }
    }
}

fn grouped(path: impl Iterator<Item = Increment<i64>>, every: i64) -> impl Iterator<Item = Increment<i64>> {
    let mut path = path.peekable();
    let mut start = None;
    let end_of = move |bin: i64| {
        if bin.rem_euclid(every) == 0 { bin } else { (bin.div_euclid(every) + 1) * every }
    };
    std::iter::from_fn(move || {
        let first = path.next()?;
        let end = end_of(first.end);
        let mut change = first.change;
        while let Some(next) = path.next_if(|next| end_of(next.end) == end) {
            change += next.change;
        }
        let start = start.replace(end).unwrap_or(first.start.div_euclid(every) * every);
        Some(Increment { start, end, change })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::MILLI;

    /// A mid every 10 ms: the sum of `steps`, repeated.
    fn path(steps: &[f64], count: usize) -> MidChanges {
        let mut changes = MidChanges::default();
        let (mut now, mut log_mid) = (0, 11.0);
        for step in steps.iter().cycle().take(count) {
            changes.observe(now, log_mid);
            now += 10 * MILLI;
            log_mid += step * 1e-7;
        }
        changes.advance(now);
        changes
    }

    #[track_caller]
    fn check(x: &MidChanges, y: &MidChanges, expect: Result<(f64, u32), Absent>) {
        let found = correlate(x, y);
        assert_eq!(found.map(|found| (found.correlation, found.resolution_ms)), expect);
    }

    #[test]
    fn fewer_than_twenty_increments_are_not_enough() {
        let steps = [1.0, 2.0, -1.0, -1.5];
        let many = path(&steps, 100);
        check(&many, &many, Ok((1.0, 10)));
        check(&many, &path(&steps, 20), Err(Absent::Cold));
        assert!(correlate(&many, &path(&steps, 21)).is_ok());
        check(&many, &MidChanges::default(), Err(Absent::Cold));
    }

    #[test]
    fn mids_that_bounce_are_sampled_at_100_ms() {
        let bouncing = path(&[3.0, -3.0, 4.0, -3.0, 3.0, -4.5], 900);
        check(&bouncing, &bouncing, Ok((1.0, 100)));
    }

    #[test]
    fn samples_keep_the_path() {
        let raw = [(0, 3, 1.0), (3, 9, 2.0), (9, 10, 4.0), (10, 11, 8.0), (11, 35, 16.0)];
        let raw = raw.map(|(start, end, change)| Increment { start, end, change });
        let found: Vec<_> = sampled(raw.into_iter(), 10).map(|i| (i.start, i.end, i.change)).collect();
        assert_eq!(found, [(0, 10, 7.0), (10, 20, 8.0), (20, 40, 16.0)]);
        for same in [sampled(raw.into_iter(), 1).collect::<Vec<_>>(), grouped(raw.into_iter(), 1).collect()] {
            assert_eq!(same, raw);
        }
    }
}
