//! How good stated probabilities were.

use super::FitError;
use crate::exact::{seconds, to_f64};
use crate::{Absent, Measure};

/// Bins by default. Methods reference 6.2.
pub const BINS: u32 = 10;

/// Bins at most.
pub const BINS_MAX: u32 = 1_000;

/// Skill must exceed it before a model may trade. Methods reference 6.2.
pub const SKILL_MIN: f64 = 0.0;

/// The expected calibration error must stay below it before a model may trade. Methods reference 6.2.
pub const ECE_MAX: f64 = 0.03;

/// One row of the reliability table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReliabilityBin {
    /// Which bin, from 0: it holds forecasts in `[bin, bin + 1) / bins`, the last one also 1.
    pub bin: u32,
    /// How many forecasts.
    pub count: u64,
    /// Their mean.
    pub forecast: f64,
    /// The share of them that came true.
    pub observed: f64,
}

/// How good forecasts were.
#[derive(Debug, Clone, PartialEq)]
pub struct Reliability {
    /// How many there were. Those whose horizons overlap are dependent: see [`effective_samples`].
    pub count: u64,
    /// Mean squared error of the forecasts, 0 to 1, lower is better.
    pub brier: f64,
    /// Murphy's reliability: how far bins are from what came true; lower is better.
    pub reliability: f64,
    /// Murphy's resolution: how far what came true differs between bins; higher is better.
    pub resolution: f64,
    /// Murphy's uncertainty: the Brier score of always stating the base rate.
    pub uncertainty: f64,
    /// `1 - brier / uncertainty`.
    ///
    /// `NoEvents` when every label is the same: nothing can be better than the base rate.
    pub skill: Measure,
    /// Expected calibration error: the mean distance of bins from what came true, weighted by their counts.
    pub ece: f64,
    /// The bins that hold something.
    pub table: Vec<ReliabilityBin>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Bin {
    count: u64,
    forecasts: f64,
    labels: f64,
}

/// Collects forecasts and what came of them; O(1) each, without allocation after construction.
///
/// `brier = reliability - resolution + uncertainty` is exact only when forecasts are constant inside each bin.
///
/// # Source
/// Brier (1950), MWR 78; Murphy (1973); Naeini et al. (2015) for the ECE; methods reference 6.2.
#[derive(Debug, Clone, PartialEq)]
pub struct ReliabilityTally {
    bins: Box<[Bin]>,
    squares: f64,
}

impl Default for ReliabilityTally {
    fn default() -> Self {
        Self::new(BINS)
    }
}

impl ReliabilityTally {
    /// Nothing collected; 1 to [`BINS_MAX`] bins of equal width, what is outside counts as the nearer end.
    #[must_use]
    pub fn new(bins: u32) -> Self {
        let bins = (0..bins.clamp(1, BINS_MAX)).map(|_| Bin::default()).collect();
        Self { bins, squares: 0.0 }
    }

    /// Takes a stated probability and the label, both 0 to 1.
    ///
    /// # Errors
    /// `BadNumber`, and nothing is taken, when either is outside or not a number.
    pub fn add(&mut self, p: f64, y: f64) -> Result<(), Absent> {
        if !(0.0..=1.0).contains(&p) || !(0.0..=1.0).contains(&y) {
            return Err(Absent::BadNumber);
        }
        let last = self.bins.len() - 1;
        let bin = &mut self.bins[bin_of(p, last)];
        bin.count = bin.count.saturating_add(1);
        bin.forecasts += p;
        bin.labels += y;
        self.squares += (p - y) * (p - y);
        Ok(())
    }

    /// Everything about what was collected.
    ///
    /// # Errors
    /// `Cold` when nothing was.
    pub fn report(&self) -> Result<Reliability, Absent> {
        let count = self.bins.iter().map(|bin| bin.count).fold(0, u64::saturating_add);
        if count == 0 {
            return Err(Absent::Cold);
        }
        let all = to_f64(count.into());
        let base = self.bins.iter().map(|bin| bin.labels).sum::<f64>() / all;
        let table: Vec<ReliabilityBin> = (0u32..)
            .zip(&self.bins)
            .filter(|(_, held)| held.count > 0)
            .map(|(bin, held)| {
                let count = to_f64(held.count.into());
                let (forecast, observed) = (held.forecasts / count, held.labels / count);
                ReliabilityBin { bin, count: held.count, forecast, observed }
            })
            .collect();
        let mean = |distance: fn(&ReliabilityBin, f64) -> f64| {
            table.iter().map(|bin| to_f64(bin.count.into()) * distance(bin, base)).sum::<f64>() / all
        };
        let brier = self.squares / all;
        let uncertainty = base * (1.0 - base);
        Ok(Reliability {
            count,
            brier,
            reliability: mean(|bin, _| (bin.forecast - bin.observed).powi(2)),
            resolution: mean(|bin, base| (bin.observed - base).powi(2)),
            uncertainty,
            skill: if uncertainty > 0.0 { Ok(1.0 - brier / uncertainty) } else { Err(Absent::NoEvents) },
            ece: mean(|bin, _| (bin.forecast - bin.observed).abs()),
            table,
        })
    }
}

/// The bin of a probability: `floor(p * bins)`, and 1 belongs to the last.
fn bin_of(p: f64, last: usize) -> usize {
    let bins = to_f64(i128::try_from(last).unwrap_or(0)) + 1.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1000")]
    let bin = (p * bins) as usize;
    bin.min(last)
}

/// How good a list of forecasts was: [`ReliabilityTally`] over all of them.
///
/// # Errors
/// `Shape` for lists of different lengths or a number of bins outside 1 to [`BINS_MAX`], `BadNumber` for a value outside 0
/// to 1, `Empty` for none.
pub fn reliability(forecasts: &[f64], labels: &[f64], bins: u32) -> Result<Reliability, FitError> {
    if forecasts.len() != labels.len() || !(1..=BINS_MAX).contains(&bins) {
        return Err(FitError::Shape);
    }
    let mut tally = ReliabilityTally::new(bins);
    for (p, y) in forecasts.iter().zip(labels) {
        tally.add(*p, *y).map_err(|_| FitError::BadNumber)?;
    }
    tally.report().map_err(|_| FitError::Empty)
}

/// How many independent labels a span of overlapping ones is worth: span over horizon, 0 for no span or horizon.
///
/// # Source
/// Methods reference 6.2.
#[must_use]
pub fn effective_samples(span_ns: i64, horizon_ns: i64) -> f64 {
    if span_ns <= 0 || horizon_ns <= 0 { 0.0 } else { seconds(span_ns) / seconds(horizon_ns) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(p: f64, bins: u32, expect: u32) {
        let table = reliability(&[p], &[1.0], bins).unwrap().table;
        assert_eq!(table.iter().map(|row| (row.bin, row.count)).collect::<Vec<_>>(), [(expect, 1)], "{p}");
    }

    #[test]
    fn a_bin_holds_its_lower_edge() {
        check(0.0, 5, 0);
        check(0.2, 5, 1);
        check(0.6, 5, 3);
        check(0.599_999, 5, 2);
        check(1.0, 5, 4);
        check(1.0, 1, 0);
        check(0.999, BINS_MAX, 999);
    }

    #[test]
    fn what_cannot_be_judged_is_said() {
        assert_eq!(reliability(&[], &[], 10), Err(FitError::Empty));
        assert_eq!(reliability(&[0.5], &[], 10), Err(FitError::Shape));
        assert_eq!(reliability(&[0.5], &[1.0], 0), Err(FitError::Shape));
        for (p, y) in [(1.1, 1.0), (f64::NAN, 1.0), (0.5, -0.1), (0.5, f64::NAN)] {
            assert_eq!(reliability(&[p], &[y], 10), Err(FitError::BadNumber));
        }
        assert_eq!(reliability(&[0.5, 0.7], &[1.0, 1.0], 10).unwrap().skill, Err(Absent::NoEvents));
    }

    #[test]
    fn overlapping_labels_count_as_their_span() {
        assert!((effective_samples(3_600_000_000_000, 15_000_000_000) - 240.0).abs() < 1e-12);
        assert!(effective_samples(-1, 1).abs() < 1e-12 && effective_samples(1, 0).abs() < 1e-12);
    }
}
