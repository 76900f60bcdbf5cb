//! Is the best in sample any good out of sample.

use super::sample::size;

/// The most blocks that periods may be cut into: 184 756 splits.
pub const BLOCKS_MAX: usize = 20;

/// How many blocks are usual.
pub const BLOCKS_DEFAULT: usize = 16;

/// With fewer strategies the result says little.
pub const STRATEGIES_MIN: usize = 10;

/// Why a probability of overfitting cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OverfittingError {
    /// The number of blocks.
    #[error("{blocks} blocks; it must be an even number from 2 to {BLOCKS_MAX}")]
    Blocks {
        /// As asked for.
        blocks: usize,
    },
    /// Fewer periods than blocks.
    #[error("fewer periods than blocks")]
    TooFewPeriods,
    /// No strategy at all.
    #[error("no strategy to choose among")]
    NoStrategies,
    /// A period without a return of every strategy.
    #[error("period {period} has not one return a strategy")]
    Ragged {
        /// Counted from zero.
        period: usize,
    },
    /// A return that is not finite.
    #[error("period {period} has a return that is not finite")]
    NotFinite {
        /// Counted from zero.
        period: usize,
    },
}

/// How often choosing the best in sample was worse than choosing blindly.
#[derive(Debug, Clone, PartialEq)]
pub struct Overfitting {
    /// Of every split in lexicographic order of its blocks in sample: `ln(w / (1 - w))`, `w` being the rank out of sample of
    /// the best in sample over one more than the number of strategies.
    pub logits: Vec<f64>,
    /// The share of logits that are zero or less.
    pub pbo: f64,
}

/// The probability of backtest overfitting by combinatorially symmetric cross-validation.
///
/// `returns` is one row a period with one column a strategy. Periods are cut into `blocks` of equal length (a rest at the end
/// is left out); every half of them is once the sample in which the strategy with the best Sharpe ratio is chosen. A
/// strategy without dispersion has a ratio of zero. Equal ratios share their mean rank, and of equally good ones in sample the
/// first is chosen.
///
/// # Errors
/// [`OverfittingError`]: an odd or extreme number of blocks, too few periods, no strategies, or a table that is not one of
/// finite numbers.
///
/// # Source
/// Bailey, Borwein, Lopez de Prado and Zhu (2017), J. Comp. Finance 20(4); methods reference 9.
pub fn pbo_cscv<R: AsRef<[f64]>>(returns: &[R], blocks: usize) -> Result<Overfitting, OverfittingError> {
    let moments = block_moments(returns, blocks)?;
    let mut logits = Vec::new();
    let mut chosen: Vec<usize> = (0..blocks / 2).collect();
    let mut is_in_sample = vec![false; blocks];
    loop {
        is_in_sample.fill(false);
        for block in &chosen {
            is_in_sample[*block] = true;
        }
        logits.push(logit_out_of_sample(&moments, &is_in_sample));
        if !advance(&mut chosen, blocks) {
            break;
        }
    }
    let poor = logits.iter().filter(|logit| **logit <= 0.0).count();
    let pbo = size(poor) / size(logits.len());
    Ok(Overfitting { logits, pbo })
}

/// The moments of every strategy (outer) in every block.
fn block_moments<R: AsRef<[f64]>>(
    returns: &[R],
    blocks: usize,
) -> Result<Vec<Vec<Moments>>, OverfittingError> {
    if !(2..=BLOCKS_MAX).contains(&blocks) || !blocks.is_multiple_of(2) {
        return Err(OverfittingError::Blocks { blocks });
    }
    let length = returns.len() / blocks;
    let strategies = returns.first().map_or(0, |row| row.as_ref().len());
    if length == 0 {
        return Err(OverfittingError::TooFewPeriods);
    }
    if strategies == 0 {
        return Err(OverfittingError::NoStrategies);
    }
    let mut moments = vec![vec![Moments::default(); blocks]; strategies];
    for (period, row) in returns.iter().map(AsRef::as_ref).enumerate() {
        if row.len() != strategies {
            return Err(OverfittingError::Ragged { period });
        }
        for (x, of_strategy) in row.iter().zip(&mut moments) {
            if !x.is_finite() {
                return Err(OverfittingError::NotFinite { period });
            }
            if let Some(of_block) = of_strategy.get_mut(period / length) {
                of_block.merge(&Moments { count: 1.0, mean: *x, squares: 0.0, largest: x.abs() });
            }
        }
    }
    Ok(moments)
}

/// What a block says of a strategy, in a form that blocks can be joined from.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    /// Sum of squared deviations from the mean.
    squares: f64,
    largest: f64,
}

impl Moments {
    /// Chan's pairwise update.
    fn merge(&mut self, other: &Self) {
        let count = self.count + other.count;
        if count > 0.0 {
            let apart = other.mean - self.mean;
            self.mean += apart * other.count / count;
            self.squares += other.squares + apart * apart * self.count * other.count / count;
            self.count = count;
            self.largest = self.largest.max(other.largest);
        }
    }

    /// Zero without dispersion beyond rounding.
    fn sharpe(&self) -> f64 {
        let deviation = (self.squares / (self.count - 1.0)).sqrt();
        let ratio = self.mean / deviation;
        if deviation > 1e-13 * self.largest && ratio.is_finite() { ratio } else { 0.0 }
    }
}

/// Ratios closer than this are equal: they differ by the order of adding up.
const RATIO_ROUNDING: f64 = 1e-12;

fn are_equal(a: f64, b: f64) -> bool {
    (a - b).abs() <= RATIO_ROUNDING * a.abs().max(b.abs())
}

fn logit_out_of_sample(moments: &[Vec<Moments>], is_in_sample: &[bool]) -> f64 {
    let sharpes = |wanted: bool| -> Vec<f64> {
        let of_strategy = |blocks: &Vec<Moments>| {
            let mut joined = Moments::default();
            let of_half = blocks.iter().zip(is_in_sample).filter(|(_, is_in)| **is_in == wanted);
            of_half.for_each(|(block, _)| joined.merge(block));
            joined.sharpe()
        };
        moments.iter().map(of_strategy).collect()
    };
    let (inside, outside) = (sharpes(true), sharpes(false));
    let better = |best: usize, at: usize| inside[at] > inside[best] && !are_equal(inside[at], inside[best]);
    let best = (1..inside.len()).fold(0, |best, at| if better(best, at) { at } else { best });
    let own = outside[best];
    let equal = outside.iter().filter(|ratio| are_equal(**ratio, own)).count();
    let below = outside.iter().filter(|ratio| **ratio < own && !are_equal(**ratio, own)).count();
    let rank = size(below) + f64::midpoint(size(equal), 1.0);
    // ln(w / (1 - w)) with w = rank / (n + 1), without the division that rounds.
    (rank / (size(outside.len()) + 1.0 - rank)).ln()
}

/// The next combination in lexicographic order; false after the last.
fn advance(chosen: &mut [usize], of: usize) -> bool {
    let len = chosen.len();
    let Some(at) = (0..len).rev().find(|at| chosen[*at] < of - (len - at)) else { return false };
    chosen[at] += 1;
    for next in at + 1..len {
        chosen[next] = chosen[next - 1] + 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_are_lexicographic() {
        let mut chosen = vec![0, 1];
        let mut all = vec![chosen.clone()];
        while advance(&mut chosen, 4) {
            all.push(chosen.clone());
        }
        assert_eq!(all, [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]);
    }

    #[test]
    fn a_strategy_that_is_always_best_is_not_overfitted() {
        let rows: Vec<[f64; 3]> = (0..64).map(|n| f64::from(n % 4)).map(|x| [x, x - 1.0, x - 2.0]).collect();
        let found = pbo_cscv(&rows, 8).unwrap();
        assert_eq!(found.logits.len(), 70);
        assert!(
            found.pbo.abs() < 1e-15 && found.logits.iter().all(|logit| (logit - 3.0f64.ln()).abs() < 1e-12)
        );
    }

    #[test]
    fn strategies_that_are_equal_share_the_middle_rank() {
        let rows: Vec<[f64; 4]> = (0..16).map(|n| [f64::from(n % 3); 4]).collect();
        let found = pbo_cscv(&rows, 4).unwrap();
        assert!((found.pbo - 1.0).abs() < 1e-15 && found.logits.iter().all(|logit| logit.abs() < 1e-15));
        let idle = pbo_cscv(&[[0.0, 0.5]; 8], 4).unwrap();
        assert!(idle.logits.iter().all(|logit| logit.abs() < 1e-15));
    }

    #[test]
    fn a_table_that_is_none_is_refused() {
        let check = |rows: &[&[f64]], blocks, expect| assert_eq!(pbo_cscv(rows, blocks), Err(expect));
        let four: [&[f64]; 4] = [&[1.0], &[2.0], &[3.0], &[4.0]];
        for blocks in [0, 1, 3, 22] {
            check(&four, blocks, OverfittingError::Blocks { blocks });
        }
        check(&[], 2, OverfittingError::TooFewPeriods);
        check(&four[..3], 4, OverfittingError::TooFewPeriods);
        check(&[&[], &[]], 2, OverfittingError::NoStrategies);
        check(&[&[1.0], &[1.0, 2.0]], 2, OverfittingError::Ragged { period: 1 });
        check(&[&[1.0], &[f64::NAN]], 2, OverfittingError::NotFinite { period: 1 });
    }
}
