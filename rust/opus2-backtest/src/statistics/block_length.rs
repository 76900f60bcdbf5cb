//! How long returns remember: the mean block length of a bootstrap.

use super::sample::{autocovariances, finite, size};

/// How a block length is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BlockRule {
    /// Politis and White's automatic choice; [`BlockRule::CubeRoot`] where there is none.
    Automatic {
        /// The mean holding time, in periods.
        holding_periods: f64,
    },
    /// `max(n^(1/3), holding time)`.
    CubeRoot {
        /// The mean holding time, in periods.
        holding_periods: f64,
    },
    /// A given one.
    Fixed(f64),
}

impl BlockRule {
    /// The mean block length for these returns: from 1 to their number. A length that is not a number counts as 1.
    #[must_use]
    pub fn length(self, returns: &[f64]) -> f64 {
        let n = size(returns.len());
        let cube_root = |holding: f64| n.cbrt().max(holding);
        let length = match self {
            Self::Automatic { holding_periods } => {
                politis_white(returns).unwrap_or_else(|| cube_root(holding_periods))
            }
            Self::CubeRoot { holding_periods } => cube_root(holding_periods),
            Self::Fixed(length) => length,
        };
        // Of a NaN, `max` gives the other.
        length.max(1.0).min(n.max(1.0))
    }
}

/// The block length of a stationary bootstrap of the mean that makes its variance least wrong, in periods, at least 1.
///
/// `None` below nine returns, without dispersion, or when one is not finite.
///
/// # Source
/// Politis and White (2004), Econometric Reviews 23, with the correction of Patton, Politis and White (2009), Econometric
/// Reviews 28; methods reference 9.
#[must_use]
pub fn politis_white(returns: &[f64]) -> Option<f64> {
    const RETURNS_MIN: usize = 9;
    let n = size(returns.len());
    if returns.len() < RETURNS_MIN || super::sample::sharpe(returns).is_none() {
        return None;
    }
    let run = rounded_up(n.log10().sqrt()).max(5);
    let lags_max = (rounded_up(n.sqrt()) + run).min(returns.len() - 1);
    let covariances = autocovariances(returns, lags_max)?;
    let (variance, rest) = covariances.split_first()?;
    let threshold = 2.0 * (n.log10() / n).sqrt();
    let is_small: Vec<bool> =
        rest.iter().map(|covariance| (covariance / variance).abs() < threshold).collect();
    // The last lag before a run of lags that are all insignificant; where there is no such run, the window is the longest.
    let window = match is_small.windows(run).position(|lags| lags.iter().all(|is_small| *is_small)) {
        Some(memory) => (2 * memory.max(1)).min(lags_max),
        None => lags_max,
    };
    let (mut slope, mut spectrum) = (0.0, *variance);
    for (lag, covariance) in (1..=window).zip(rest) {
        let weight = flat_top(size(lag) / size(window));
        slope += 2.0 * weight * size(lag) * covariance;
        spectrum += 2.0 * weight * covariance;
    }
    let longest = (3.0 * n.sqrt()).min(n / 3.0).ceil();
    // (2 G^2 / D)^(1/3) n^(1/3) with D = 2 g(0)^2.
    finite(((slope / spectrum).powi(2) * n).cbrt()).map(|length| length.clamp(1.0, longest))
}

/// The trapezoid that is one up to a half and falls to zero at one.
fn flat_top(t: f64) -> f64 {
    (2.0 * (1.0 - t)).clamp(0.0, 1.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the root or logarithm of a count is small and not negative"
)]
fn rounded_up(x: f64) -> usize {
    x.ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::random::Random;

    /// An autoregression of order one with centred uniform shocks.
    fn autoregression(phi: f64, n: usize) -> Vec<f64> {
        let (mut random, mut x) = (Random::seeded(11), 0.0);
        let mut next = || {
            x = phi * x + random.unit() - 0.5;
            x
        };
        (0..n).map(|_| next()).collect()
    }

    #[test]
    fn longer_memory_asks_for_longer_blocks() {
        // In theory (2 phi / (1 - phi^2))^(2/3) n^(1/3).
        for (phi, expect) in [(0.3, 12.1), (0.5, 19.4), (0.8, 43.2)] {
            let found = politis_white(&autoregression(phi, 4_096)).unwrap();
            assert!((0.6 * expect..1.6 * expect).contains(&found), "{phi}: {found}");
        }
        assert!(politis_white(&autoregression(0.0, 4_096)).unwrap() < 6.0);
    }

    #[test]
    fn a_length_lies_between_one_and_the_sample() {
        let returns = autoregression(0.0, 27);
        for (rule, expect) in [
            (BlockRule::CubeRoot { holding_periods: 2.0 }, 3.0),
            (BlockRule::CubeRoot { holding_periods: 5.0 }, 5.0),
            (BlockRule::CubeRoot { holding_periods: f64::NAN }, 3.0),
            (BlockRule::Fixed(0.1), 1.0),
            (BlockRule::Fixed(1e9), 27.0),
            (BlockRule::Fixed(f64::NAN), 1.0),
        ] {
            assert!((rule.length(&returns) - expect).abs() < 1e-12, "{rule:?}");
        }
        let flat = BlockRule::Automatic { holding_periods: 4.0 }.length(&[0.0; 8]);
        assert!((flat - 4.0).abs() < 1e-12);
        assert!((BlockRule::Fixed(3.0).length(&[]) - 1.0).abs() < 1e-12);
    }
}
