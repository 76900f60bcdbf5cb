//! Which results the same returns would have given as well: the stationary bootstrap.

use serde::{Deserialize, Serialize};

use super::drawdown::RunningDrawdown;
use super::random::Random;
use super::sample::{nearest_rank, sharpe, size};

/// The random generator of every seeded draw of this crate, to be stored beside the seed.
pub const GENERATOR: &str = "ChaCha8, seed_from_u64 of rand_core 0.9";

/// The most resamples that are drawn.
pub const RESAMPLES_MAX: u32 = 100_000;

/// The index after `before`, or a new block's first: wraps around at `n`, which must not be zero.
fn step(before: Option<usize>, n: usize, is_new_block: bool, v: impl FnOnce() -> f64) -> usize {
    match before {
        Some(before) if !is_new_block => (before + 1) % n,
        _ => place(v(), n),
    }
}

/// `floor(v n)`, within `0..n`. What is not a number counts as zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index, clamped to the sample; a cast saturates"
)]
fn place(v: f64, n: usize) -> usize {
    ((v * size(n)) as usize).min(n.saturating_sub(1))
}

/// The indices of one resample of `n` elements, from given uniform numbers in `[0, 1)`: at each place a new block begins
/// at `floor(v n)` when `u < p`, else the index after the last, which wraps around. The first place always begins one.
///
/// As many indices as the shorter of `u` and `v`; none when `n` is zero. Blocks are `1 / p` long on average.
///
/// # Source
/// Politis and Romano (1994), JASA 89; methods reference 9.
#[must_use]
pub fn stationary_indices(n: usize, p: f64, u: &[f64], v: &[f64]) -> Vec<usize> {
    if n == 0 {
        return Vec::new();
    }
    let next = |before: &mut Option<usize>, (u, v): (&f64, &f64)| {
        *before = Some(step(*before, n, *u < p, || *v));
        *before
    };
    u.iter().zip(v).scan(None, next).collect()
}

/// How a bootstrap is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BootstrapSettings {
    /// How many resamples; at most [`RESAMPLES_MAX`] are drawn.
    pub resamples: u32,
    /// Of [`GENERATOR`].
    pub seed: u64,
    /// Of the intervals, such as 0.95.
    pub confidence: f64,
    /// The mean block length in periods; see [`super::block_length::BlockRule`].
    pub block_length: f64,
    /// Annualises the Sharpe ratio.
    pub periods_per_year: f64,
}

/// A range by ranks of the resamples, with their median.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub lo: f64,
    /// The median.
    pub median: f64,
    /// The upper end.
    pub hi: f64,
}

impl Interval {
    /// By nearest ranks; `None` for nothing.
    fn of(mut values: Vec<f64>, confidence: f64) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let tail = (1.0 - confidence) / 2.0;
        let at = |p| nearest_rank(&values, p);
        Some(Self { lo: at(tail)?, median: at(0.5)?, hi: at(1.0 - tail)? })
    }
}

/// Intervals of what the same returns could have given.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BootstrapIntervals {
    /// How they were drawn.
    pub settings: BootstrapSettings,
    /// Of the compounded return.
    pub total_return: Option<Interval>,
    /// Of the yearly Sharpe ratio, over the resamples that have one.
    pub sharpe_annual: Option<Interval>,
    /// Of the deepest drawdown.
    pub max_drawdown: Option<Interval>,
}

/// Draws resamples of returns on a grid and compounds each.
///
/// Sampling risk: neither the total nor the order is kept. `None` without returns, when one is not finite, or for settings
/// that draw nothing: no resamples, a confidence that is not between 0 and 1, a block shorter than a period.
///
/// # Source
/// Politis and Romano (1994), JASA 89; methods reference 9.
#[must_use]
pub fn bootstrap(returns: &[f64], settings: &BootstrapSettings) -> Option<BootstrapIntervals> {
    let BootstrapSettings { confidence, block_length, .. } = *settings;
    let is_drawable = confidence > 0.0 && confidence < 1.0 && block_length >= 1.0 && settings.resamples > 0;
    if returns.is_empty() || !is_drawable || returns.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let mut random = Random::seeded(settings.seed);
    let (mut totals, mut sharpes, mut drawdowns) = (Vec::new(), Vec::new(), Vec::new());
    let mut resample = Vec::with_capacity(returns.len());
    for _ in 0..settings.resamples.min(RESAMPLES_MAX) {
        draw(returns, block_length.recip(), &mut random, &mut resample);
        let mut equity = 1.0;
        let mut path = RunningDrawdown::default();
        path.update(equity);
        for x in &resample {
            equity *= 1.0 + x;
            path.update(equity);
        }
        totals.extend(Some(equity - 1.0).filter(|total| total.is_finite()));
        drawdowns.extend(path.deepest());
        let annual = sharpe(&resample).map(|ratio| ratio * settings.periods_per_year.sqrt());
        sharpes.extend(annual.filter(|ratio| ratio.is_finite()));
    }
    Some(BootstrapIntervals {
        settings: *settings,
        total_return: Interval::of(totals, confidence),
        sharpe_annual: Interval::of(sharpes, confidence),
        max_drawdown: Interval::of(drawdowns, confidence),
    })
}

fn draw(returns: &[f64], p: f64, random: &mut Random, resample: &mut Vec<f64>) {
    resample.clear();
    let mut before = None;
    for _ in 0..returns.len() {
        let is_new_block = random.unit() < p;
        let at = step(before, returns.len(), is_new_block, || random.unit());
        resample.push(returns[at]);
        before = Some(at);
    }
}

/// Draws resamples of rows whose statistics are for others to take: how often each row is in it.
pub(crate) struct Resampler {
    random: Random,
    rows: usize,
    new_block: f64,
}

impl Resampler {
    /// Of so many rows in blocks of a mean length of at least one.
    pub(crate) fn new(rows: usize, block_length: f64, seed: u64) -> Self {
        Self { random: Random::seeded(seed), rows, new_block: block_length.max(1.0).recip() }
    }

    /// The next resample: `weights` has one number a row.
    pub(crate) fn draw(&mut self, weights: &mut [f64]) {
        weights.fill(0.0);
        let mut before = None;
        for _ in 0..self.rows {
            let is_new_block = self.random.unit() < self.new_block;
            let at = step(before, self.rows, is_new_block, || self.random.unit());
            if let Some(weight) = weights.get_mut(at) {
                *weight += 1.0;
            }
            before = Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: BootstrapSettings = BootstrapSettings {
        resamples: 500,
        seed: 7,
        confidence: 0.9,
        block_length: 3.0,
        periods_per_year: 365.0,
    };

    fn wave() -> Vec<f64> {
        (0..120).map(|n| f64::from((n * 37) % 11 - 5) / 1e3 + 1e-3).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_intervals() {
        let found = bootstrap(&wave(), &SETTINGS);
        assert_eq!(found, bootstrap(&wave(), &SETTINGS));
        assert_ne!(found, bootstrap(&wave(), &BootstrapSettings { seed: 8, ..SETTINGS }));
    }

    #[test]
    fn intervals_hold_what_was_seen() {
        let found = bootstrap(&wave(), &SETTINGS).unwrap();
        let total = wave().iter().fold(1.0, |equity, x| equity * (1.0 + x)) - 1.0;
        let seen = found.total_return.unwrap();
        assert!(seen.lo < total && total < seen.hi && seen.lo < seen.median && seen.median < seen.hi);
        let ratio = sharpe(&wave()).unwrap() * 365.0f64.sqrt();
        let seen = found.sharpe_annual.unwrap();
        assert!(seen.lo < ratio && ratio < seen.hi);
        let seen = found.max_drawdown.unwrap();
        assert!(seen.lo > 0.0 && seen.hi < 1.0);
    }

    #[test]
    fn flat_returns_have_a_return_and_no_sharpe() {
        let found = bootstrap(&[0.0; 50], &SETTINGS).unwrap();
        assert_eq!(found.total_return, Some(Interval { lo: 0.0, median: 0.0, hi: 0.0 }));
        assert_eq!(found.sharpe_annual, None);
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert_eq!(bootstrap(&[], &SETTINGS), None);
        assert_eq!(bootstrap(&[0.1, f64::NAN], &SETTINGS), None);
        for settings in [
            BootstrapSettings { resamples: 0, ..SETTINGS },
            BootstrapSettings { confidence: 1.0, ..SETTINGS },
            BootstrapSettings { block_length: f64::NAN, ..SETTINGS },
        ] {
            assert_eq!(bootstrap(&[0.1], &settings), None);
        }
        assert!(stationary_indices(0, 0.1, &[0.5], &[0.5]).is_empty());
    }
}
