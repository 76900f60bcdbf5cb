//! What every asset is worth: the fair prices that the books follow.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::number::to_seconds;
use super::time::SimTime;

/// The grid of the value paths.
const STEP_NANOS: u64 = 10 * SimTime::MILLISECOND;

/// How many steps back a value can be asked for: 640 ms, more than any venue lags behind another.
const HISTORY_STEPS: usize = 64;

/// An asset forgets a shock to its value with this time constant, so that a long run stays near realistic prices.
const REVERSION_SECONDS: f64 = 6.0 * 3600.0;

/// One asset of the simulated economy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asset {
    /// Its ticker.
    pub(crate) ticker: &'static str,
    /// Its value at the start, in dollars.
    pub(crate) dollars: f64,
    /// Standard deviation of the log value over one second.
    pub(crate) volatility: f64,
    /// Correlation of its walk with the common factor.
    pub(crate) common: f64,
    /// Mean number of jumps per second.
    pub(crate) jumps_per_sec: f64,
}

/// Log values of all assets on a 10 ms grid.
///
/// One common factor, an own walk per asset, and jumps of a few volatility-seconds. A pair's fair price is the ratio of
/// two values, so that BTC/USDT, ETH/USDT and ETH/BTC always agree up to the delay of their books.
#[derive(Debug)]
pub(crate) struct AssetPaths {
    assets: Vec<Asset>,
    /// `HISTORY_STEPS` rows of one log value per asset.
    history: Vec<f64>,
    row: usize,
    steps: u64,
    /// Scales all volatility: a market with little traffic moves little.
    activity: f64,
    rng: ChaCha8Rng,
}

impl AssetPaths {
    pub(crate) fn new(assets: Vec<Asset>, activity: f64, rng: ChaCha8Rng) -> Self {
        let start: Vec<f64> = assets.iter().map(|asset| asset.dollars.ln()).collect();
        let history = start.repeat(HISTORY_STEPS);
        Self { assets, history, row: 0, steps: 0, activity, rng }
    }

    /// Extends the paths up to `now`.
    pub(crate) fn advance(&mut self, now: SimTime) {
        while self.steps < now.0 / STEP_NANOS {
            self.step();
            self.steps += 1;
        }
    }

    fn step(&mut self) {
        let width = self.assets.len();
        let next_row = (self.row + 1) % HISTORY_STEPS;
        let seconds = to_seconds(STEP_NANOS);
        let root = seconds.sqrt() * self.activity;
        let common: f64 = StandardNormal.sample(&mut self.rng);
        for (index, asset) in self.assets.iter().enumerate() {
            let own: f64 = StandardNormal.sample(&mut self.rng);
            let mixed = asset.common * common + (1.0 - asset.common * asset.common).sqrt() * own;
            let mut value = self.history[self.row * width + index];
            value += (asset.dollars.ln() - value) * seconds / REVERSION_SECONDS;
            value += asset.volatility * root * mixed;
            if self.rng.random::<f64>() < asset.jumps_per_sec * seconds {
                let size: f64 = StandardNormal.sample(&mut self.rng);
                value += 4.0 * asset.volatility * self.activity * size;
            }
            self.history[next_row * width + index] = value;
        }
        self.row = next_row;
    }

    /// The fair price of `base` in `quote`, as it was `lag` nanoseconds ago (up to 630 ms).
    pub(crate) fn ratio(&self, base: usize, quote: usize, lag: u64) -> f64 {
        let back = usize::try_from(lag / STEP_NANOS).unwrap_or(usize::MAX).min(HISTORY_STEPS - 1);
        let row = (self.row + HISTORY_STEPS - back) % HISTORY_STEPS * self.assets.len();
        (self.history[row + base] - self.history[row + quote]).exp()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn paths() -> AssetPaths {
        let asset =
            |ticker, dollars| Asset { ticker, dollars, volatility: 1e-4, common: 0.7, jumps_per_sec: 0.1 };
        let assets = vec![asset("BTC", 60_000.0), asset("ETH", 3_000.0), asset("USDT", 1.0)];
        AssetPaths::new(assets, 1.0, ChaCha8Rng::seed_from_u64(1))
    }

    #[test]
    fn pairs_of_three_assets_agree() {
        let mut paths = paths();
        paths.advance(SimTime(100 * SimTime::SECOND));
        let through_btc = paths.ratio(1, 0, 0) * paths.ratio(0, 2, 0);
        assert!((through_btc / paths.ratio(1, 2, 0) - 1.0).abs() < 1e-12);
        assert!((paths.ratio(0, 2, 0) / 60_000.0 - 1.0).abs() > 1e-6, "the value moved");
    }

    #[test]
    fn a_lagging_instrument_sees_the_past() {
        let mut paths = paths();
        paths.advance(SimTime(SimTime::SECOND));
        let then = paths.ratio(0, 2, 0);
        paths.advance(SimTime(SimTime::SECOND + 50 * SimTime::MILLISECOND));
        assert!((paths.ratio(0, 2, 50 * SimTime::MILLISECOND) / then - 1.0).abs() < 1e-15);
    }

    #[test]
    fn the_path_does_not_depend_on_how_often_it_is_looked_at() {
        let (mut often, mut once) = (paths(), paths());
        for millis in 0..2000 {
            often.advance(SimTime(millis * SimTime::MILLISECOND));
        }
        once.advance(SimTime(1_999 * SimTime::MILLISECOND));
        assert_eq!(often.ratio(0, 2, 0).to_bits(), once.ratio(0, 2, 0).to_bits());
    }
}
