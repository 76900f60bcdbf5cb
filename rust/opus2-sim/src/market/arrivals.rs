//! When the next order comes: a self-exciting point process.

use rand::Rng;
use rand_distr::{Distribution, Exp1};

use super::number::{to_nanos, to_seconds};
use super::time::SimTime;

/// A kernel of the process: every arrival causes `children` further ones on average, after about `seconds`.
#[derive(Debug, Clone, Copy)]
struct Kernel {
    children: f64,
    seconds: f64,
}

/// A fast and a slow reaction. Together 0.7 children an order: bursts, but no explosion.
///
/// # Source
/// Estimates of the branching ratio of order flow lie between 0.6 and 1; two time scales are the least that gives both
/// the millisecond clusters and the busy seconds of the BTCUSDT recording of August 2024 (median 19, maximum 1,466
/// book updates in 100 ms).
const KERNELS: [Kernel; 2] =
    [Kernel { children: 0.35, seconds: 0.020 }, Kernel { children: 0.35, seconds: 0.500 }];

/// The share of arrivals that no earlier arrival caused.
const SPONTANEOUS_SHARE: f64 = 1.0 - KERNELS[0].children - KERNELS[1].children;

/// An excited process never runs faster than this many times its mean.
const INTENSITY_TIMES_MEAN_MAX: f64 = 60.0;

/// How much faster orders come while the book is unsettled (wide, or far from the fair price): market makers hurry.
const UNSETTLED_TIMES_MEAN: f64 = 6.0;

/// A Hawkes process with exponential kernels, sampled exactly.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    /// Extra intensity of each kernel, per second, at `at`.
    excitation: [f64; KERNELS.len()],
    at: SimTime,
}

impl Arrivals {
    /// The time of the last order drawn.
    pub(crate) const fn now(&self) -> SimTime {
        self.at
    }

    /// The time of the next order, and its effect on the orders after it.
    ///
    /// `mean_per_sec` is the long-run mean that the spontaneous arrivals are chosen for; it may differ from call to call.
    ///
    /// # Source
    /// Dassios & Zhao (2013), "Exact simulation of Hawkes process with exponentially decaying intensity": the first of
    /// independent waiting times, one for the constant part and one for each decaying part.
    pub(crate) fn next(&mut self, mean_per_sec: f64, is_unsettled: bool, rng: &mut impl Rng) -> SimTime {
        let constant =
            mean_per_sec * (SPONTANEOUS_SHARE + if is_unsettled { UNSETTLED_TIMES_MEAN } else { 0.0 });
        let exponential: f64 = Exp1.sample(rng);
        let mut wait = exponential / constant.max(1e-9);
        for (kernel, level) in KERNELS.iter().zip(self.excitation) {
            let exponential: f64 = Exp1.sample(rng);
            let left = 1.0 - exponential / (level * kernel.seconds).max(1e-12);
            if left > 0.0 {
                wait = wait.min(-left.ln() * kernel.seconds);
            }
        }
        let next = self.at.plus(to_nanos(wait).max(1));
        let wait = to_seconds(next.since(self.at));
        for (kernel, level) in KERNELS.iter().zip(&mut self.excitation) {
            let jump = kernel.children / kernel.seconds;
            let raised = *level * (-wait / kernel.seconds).exp() + jump;
            *level = raised.min((mean_per_sec * INTENSITY_TIMES_MEAN_MAX).max(3.0 * jump));
        }
        self.at = next;
        next
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn counts(seconds: u64, mean_per_sec: f64) -> Vec<u32> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut arrivals = Arrivals::default();
        let mut counts = vec![0; usize::try_from(seconds * 10).unwrap()];
        loop {
            let at = arrivals.next(mean_per_sec, false, &mut rng);
            let slot = usize::try_from(at.0 / (SimTime::SECOND / 10)).unwrap();
            match counts.get_mut(slot) {
                Some(count) => *count += 1,
                None => return counts,
            }
        }
    }

    #[test]
    fn the_mean_is_kept_and_the_arrivals_cluster() {
        let counts = counts(400, 100.0);
        let slots = f64::from(u32::try_from(counts.len()).unwrap());
        let mean = f64::from(counts.iter().sum::<u32>()) / slots;
        assert!((9.0..11.0).contains(&mean), "mean per 100 ms: {mean}");
        let variance = counts.iter().map(|count| (f64::from(*count) - mean).powi(2)).sum::<f64>() / slots;
        assert!(variance > 2.0 * mean, "a Poisson process has variance {mean}, this one {variance}");
    }
}
