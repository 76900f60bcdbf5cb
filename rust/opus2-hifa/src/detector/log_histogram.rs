//! How large quantities have been lately: a histogram of their logarithms that forgets.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::wall::RobustFit;
use crate::exact::{seconds, to_f64};

/// How many bins there are.
pub const BINS: usize = 256;
/// Half of them.
const HALF_WINDOW: i32 = 128;
/// Bins are summed in blocks, so that a search need not look at each.
const BLOCK: usize = 16;
const BLOCKS: usize = BINS / BLOCK;
/// `ln 1.05`: a bin is 5 % wide.
pub const BIN_WIDTH: f64 = 0.048_790_164_169_432_05;
/// Half-lives after which weights are brought back to one, long before a float could overflow.
const RENORMALISE_HALF_LIVES: f64 = 16.0;
/// A bin that counts for less than this many samples when weights are brought back is empty.
const DUST: f32 = 1e-4;
/// Bins kept free of the median on both ends: beyond them, the window of bins moves.
const MARGIN: usize = BINS / 4;

/// Decayed counts of quantities in 256 bins of 5 % relative width: five decades and a half around what is usual.
///
/// A sample counts 1 when it is added and half as much one half-life later. Nothing is touched for that: later samples
/// weigh more instead (`2^(age of the histogram / half-life)`), and all are divided again every 16 half-lives.
/// Quantities beyond the bins count in the outermost ones. The window of bins follows the median
/// ([`recentre`](Self::recentre)).
///
/// # Source
/// Methods reference 2.8 (project definition).
#[derive(Debug, Clone, PartialEq)]
pub struct LogHistogram {
    /// Logarithm of the smallest quantity, in bins; `None` while there is no sample.
    base: Option<i32>,
    /// When a sample weighed one.
    since: i64,
    bins: Box<[f32; BINS]>,
}

impl Default for LogHistogram {
    fn default() -> Self {
        Self { base: None, since: 0, bins: Box::new([0.0; BINS]) }
    }
}

impl LogHistogram {
    /// Adds `qty`, in `Qty` units, at `now`. One below 1 counts as 1: as the least there is.
    pub fn add(&mut self, now: i64, qty: i64, half_life_secs: f64) {
        let weight = self.weight(now, half_life_secs);
        self.add_weighted(qty, weight);
    }

    /// [`add`](Self::add) with the [`weight`](Self::weight) of now: several samples of one moment have the same.
    pub(crate) fn add_weighted(&mut self, qty: i64, weight: SampleWeight) {
        let index = bin_of(qty);
        let base = *self.base.get_or_insert(index - HALF_WINDOW);
        let offset = usize::try_from(index - base).unwrap_or(0).min(BINS - 1);
        self.bins[offset] += weight.0;
    }

    /// What a sample of `now` weighs; brings all weights back to one when it is much.
    pub(crate) fn weight(&mut self, now: i64, half_life_secs: f64) -> SampleWeight {
        if self.base.is_none() {
            self.since = now;
        }
        let half_lives = seconds(now.saturating_sub(self.since).max(0)) / half_life_secs;
        if half_lives <= RENORMALISE_HALF_LIVES {
            return SampleWeight(single(half_lives.exp2()));
        }
        let factor = single((-half_lives).exp2());
        for bin in self.bins.iter_mut() {
            *bin *= factor;
            if *bin < DUST {
                *bin = 0.0;
            }
        }
        self.since = now;
        SampleWeight(1.0)
    }

    /// The sums of all blocks of bins.
    fn blocks(&self) -> [f64; BLOCKS] {
        let mut sums = [0.0; BLOCKS];
        for (sum, block) in sums.iter_mut().zip(self.bins.chunks_exact(BLOCK)) {
            // Four sums side by side, in an order that never changes, are one instruction each.
            let mut lanes = [0.0; 4];
            for quarter in block.chunks_exact(4) {
                for (lane, bin) in lanes.iter_mut().zip(quarter) {
                    *lane += f64::from(*bin);
                }
            }
            *sum = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
        }
        sums
    }

    fn mass(&self) -> f64 {
        self.blocks().iter().sum()
    }

    /// The decayed number of samples at `now`.
    #[must_use]
    pub fn n_eff(&self, now: i64, half_life_secs: f64) -> f64 {
        if self.base.is_none() { 0.0 } else { self.mass() * self.decay(now, half_life_secs) }
    }

    /// What a sample of the moment when one weighed one counts at `now`.
    fn decay(&self, now: i64, half_life_secs: f64) -> f64 {
        let half_lives = seconds(now.saturating_sub(self.since).max(0)) / half_life_secs;
        (-half_lives).exp2()
    }

    /// The first bin with which a share `share` of all mass is reached, and all mass; `None` without samples.
    fn reach(&self, share: f64) -> Option<(usize, f64)> {
        self.base?;
        let blocks = self.blocks();
        let mass: f64 = blocks.iter().sum();
        let target = share * mass;
        let mut below = 0.0;
        let block = blocks.iter().position(|block| {
            let is_here = below + block >= target;
            below += if is_here { 0.0 } else { *block };
            is_here
        });
        let first = block.unwrap_or(BLOCKS - 1) * BLOCK;
        let bins = self.bins.get(first..)?;
        // Sums of blocks and of bins round differently: the last bin of the block is at least as far.
        let within = bins.iter().take(BLOCK - 1).take_while(|bin| {
            below += f64::from(**bin);
            below < target
        });
        if mass > 0.0 { Some((first + within.count(), mass)) } else { None }
    }

    /// Logarithm of the middle of a bin.
    fn centre(&self, index: usize) -> Option<f64> {
        let index = i32::try_from(index).ok()?;
        Some((f64::from(self.base?.saturating_add(index)) + 0.5) * BIN_WIDTH)
    }

    /// The quantity below which a share `share` of the samples lies, in `Qty` units; `None` without samples.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let (index, _) = self.reach(share)?;
        Some(self.centre(index)?.exp())
    }

    /// Median and spread of the logarithms of `Qty` units: the median to half a bin, the MAD to a bin. As in the exact
    /// form, when half of all lies in one bin the mean distance takes the place of the MAD. `None` without samples.
    #[must_use]
    pub fn fit(&self) -> Option<RobustFit> {
        let (middle, mass) = self.reach(0.5)?;
        self.fit_around(middle, mass)
    }

    /// [`recentre`](Self::recentre) and [`fit`](Self::fit) in one look at the bins; `None` for fewer than `samples_min`
    /// decayed samples.
    pub(crate) fn refit(&mut self, now: i64, half_life_secs: f64, samples_min: f64) -> Option<RobustFit> {
        let (middle, mass) = self.reach(0.5)?;
        let middle = self.recentre_around(middle);
        let is_warm = mass * self.decay(now, half_life_secs) >= samples_min;
        if is_warm { self.fit_around(middle, mass) } else { None }
    }

    fn fit_around(&self, middle: usize, mass: f64) -> Option<RobustFit> {
        let at = |index: Option<usize>| {
            index.and_then(|index| self.bins.get(index)).map_or(0.0, |bin| f64::from(*bin))
        };
        let mut within = at(Some(middle));
        let mut mad = 0.0;
        if within < mass / 2.0 {
            for distance in 1..BINS {
                let ring = at(middle.checked_sub(distance)) + at(middle.checked_add(distance));
                if within + ring >= mass / 2.0 {
                    // The ring holds distances from half a bin less to half a bin more.
                    let share = (mass / 2.0 - within) / ring;
                    mad = (to_f64(i128::try_from(distance).ok()?) - 0.5 + share) * BIN_WIDTH;
                    break;
                }
                within += ring;
            }
        }
        let mean = if mad > 0.0 { 0.0 } else { self.sum_distances(middle) / mass };
        Some(RobustFit::new(self.centre(middle)?, mad, mean))
    }

    /// Sum of the distances of all samples from the middle of a bin.
    fn sum_distances(&self, middle: usize) -> f64 {
        let distances = self.bins.iter().enumerate().map(|(index, bin)| {
            let distance = u32::try_from(middle.abs_diff(index)).unwrap_or(u32::MAX);
            f64::from(*bin) * f64::from(distance)
        });
        distances.sum::<f64>() * BIN_WIDTH
    }

    /// Moves the window of bins when the median has come near an end of it.
    pub fn recentre(&mut self) {
        if let Some((middle, _)) = self.reach(0.5) {
            self.recentre_around(middle);
        }
    }

    /// Where the median's bin lies after that.
    fn recentre_around(&mut self, middle: usize) -> usize {
        let Some(base) = self.base.filter(|_| !(MARGIN..BINS - MARGIN).contains(&middle)) else {
            return middle;
        };
        let mut moved = [0.0; BINS];
        for (index, bin) in self.bins.iter().enumerate() {
            let target = (index + BINS / 2).saturating_sub(middle).min(BINS - 1);
            moved[target] += *bin;
        }
        let shift = i32::try_from(middle).unwrap_or(0) - HALF_WINDOW;
        self.base = Some(base.saturating_add(shift));
        *self.bins = moved;
        BINS / 2
    }
}

/// What a sample counts beside those of other moments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SampleWeight(f32);

/// `log2(1 + f) = f + f (1 - f) p(f)` to 5e-5, for `f` in `[0, 1)`: a polynomial through the true values at four points.
/// Exact at both ends, and rising.
const LOG2_COEFFICIENTS: [f64; 4] =
    [0.442_418_578_542_117_1, -0.269_578_014_948_874_2, 0.150_533_196_598_771_2, -0.044_873_955_263_228_55];
/// Bins per doubling: `ln 2 / ln 1.05`.
const BINS_PER_DOUBLING: f64 = std::f64::consts::LN_2 / BIN_WIDTH;
const MANTISSA_BITS: u32 = 52;
const EXPONENT_BIAS: i32 = 1_023;

/// The bin of a quantity, counted from that of quantity 1.
///
/// A float's exponent is the whole part of its binary logarithm, and a polynomial of its mantissa is the rest, to a
/// thousandth of a bin: it costs a fraction of a logarithm, and is the same on every machine.
fn bin_of(qty: i64) -> i32 {
    let bits = to_f64(qty.max(1).into()).to_bits();
    let exponent = i32::try_from(bits >> MANTISSA_BITS).unwrap_or(EXPONENT_BIAS) - EXPONENT_BIAS;
    let mantissa = bits & ((1 << MANTISSA_BITS) - 1);
    let f = f64::from_bits(mantissa | 1.0f64.to_bits()) - 1.0;
    let [c0, c1, c2, c3] = LOG2_COEFFICIENTS;
    let log2 = f64::from(exponent) + f + f * (1.0 - f) * (c0 + f * (c1 + f * (c2 + f * c3)));
    #[expect(clippy::cast_possible_truncation, reason = "the logarithm of a 64-bit number is below 896 bins")]
    let bin = (log2 * BINS_PER_DOUBLING) as i32;
    bin
}

#[expect(clippy::cast_possible_truncation, reason = "24 bits are enough for a weight")]
fn single(weight: f64) -> f32 {
    weight as f32
}

/// What is saved: the bins that hold something.
#[derive(Serialize, Deserialize)]
struct Saved {
    base: Option<i32>,
    since: i64,
    bins: Vec<(u8, f32)>,
}

impl Serialize for LogHistogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bins = (0..=u8::MAX).zip(self.bins.iter().copied()).filter(|(_, bin)| *bin > 0.0).collect();
        Saved { base: self.base, since: self.since, bins }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for LogHistogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = Saved::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom("a histogram that cannot be");
        // A logarithm of 64 bits is below 896 bins, and the window's start at most half a window below.
        if saved.base.is_some_and(|base| !(-1_024..=1_024).contains(&base)) {
            return Err(wrong());
        }
        let mut histogram = Self { base: saved.base, since: saved.since, ..Self::default() };
        for (index, bin) in saved.bins {
            if !bin.is_finite() || !(0.0..1e15).contains(&bin) || saved.base.is_none() {
                return Err(wrong());
            }
            histogram.bins[usize::from(index)] = bin;
        }
        Ok(histogram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn of(qtys: &[i64]) -> LogHistogram {
        let mut histogram = LogHistogram::default();
        for qty in qtys {
            histogram.add(0, *qty, 600.0);
        }
        histogram
    }

    #[test]
    fn a_sample_counts_half_after_a_half_life() {
        let mut histogram = of(&[1_000]);
        assert!((histogram.n_eff(600 * SECOND, 600.0) - 0.5).abs() < 1e-9);
        histogram.add(600 * SECOND, 5_000, 600.0);
        assert!((histogram.n_eff(600 * SECOND, 600.0) - 1.5).abs() < 1e-6);
        histogram.add(600 * SECOND * 100, 7, 600.0);
        assert!((histogram.n_eff(600 * SECOND * 100, 600.0) - 1.0).abs() < 1e-6, "the rest is dust");
    }

    #[test]
    fn the_bin_of_a_quantity_is_that_of_its_logarithm_to_a_thousandth() {
        let (mut qty, mut last, mut random) = (1i64, 0, 1u64);
        while qty < i64::MAX / 2 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let bin = bin_of(qty);
            assert!(bin >= last, "{qty}: a larger quantity is in no smaller bin");
            let exact = to_f64(qty.into()).ln() / BIN_WIDTH;
            let within = f64::from(bin) - 1e-3..f64::from(bin) + 1.0 + 1e-3;
            assert!(within.contains(&exact), "{qty}: {bin} is not {exact}");
            last = bin;
            qty += 1 + qty / (100 + i64::from(random.to_le_bytes()[7]));
        }
        assert_eq!((bin_of(1), bin_of(0), bin_of(i64::MIN)), (0, 0, 0));
        assert!((890..896).contains(&bin_of(i64::MAX)));
    }

    #[test]
    fn equal_sizes_have_the_floor_for_a_spread() {
        let fit = of(&[2_000; 9]).fit().unwrap();
        assert!((fit.median - 2_000f64.ln()).abs() <= BIN_WIDTH / 2.0);
        assert_eq!((fit.mad, fit.scale), (0.0, 0.05));
    }

    #[test]
    fn the_window_of_bins_follows_the_median() {
        let mut histogram = of(&[1]);
        for _ in 0..10 {
            histogram.add(0, 1_000_000_000_000, 600.0);
            histogram.recentre();
        }
        let found = histogram.fit().unwrap().median;
        assert!(found < 1e12f64.ln(), "the first ones were beyond the bins: {found}");
        for _ in 0..200 {
            histogram.add(0, 1_000_000_000_000, 600.0);
            histogram.recentre();
        }
        let found = histogram.fit().unwrap().median;
        assert!((found - 1e12f64.ln()).abs() <= BIN_WIDTH, "{found}");
    }

    #[test]
    fn what_is_saved_is_what_is_loaded() {
        let histogram = of(&[1, 1, 5, 1_000_000, i64::MAX, 0, -4]);
        let saved = serde_json::to_string(&histogram).unwrap();
        assert_eq!(serde_json::from_str::<LogHistogram>(&saved).unwrap(), histogram);
        for wrong in [
            r#"{"base":2000,"since":0,"bins":[]}"#,
            r#"{"base":0,"since":0,"bins":[[1,-1.0]]}"#,
            r#"{"base":null,"since":0,"bins":[[1,1.0]]}"#,
        ] {
            assert!(serde_json::from_str::<LogHistogram>(wrong).is_err(), "{wrong}");
        }
    }
}
