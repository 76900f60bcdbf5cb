//! How two venues' prices correct their difference, estimated every hour from one look a second.

use serde::{Deserialize, Serialize};

use super::cholesky::Cholesky;
use super::mid_changes::LOG_MID_MAX;
use super::price_discovery::{ErrorCorrection, PriceDiscovery, price_discovery};
use crate::Absent;
use crate::exact::{bin_index, to_f64};

/// The looks before the first equation: one for the level, one for each lag.
const LOOKS_KNOWN: u8 = 2;
/// How many past returns of each venue explain the next ones.
///
/// One: venues correct most of a difference within a second, so that it is hardly more than the sum of the last few
/// returns; with these among the regressors its own coefficient could not be told any more.
pub const VECM_LAGS: usize = LOOKS_KNOWN as usize - 1;
/// A constant, the difference of the prices, and the past returns of both.
const REGRESSORS: usize = 2 + 2 * VECM_LAGS;
/// The one whose coefficients are sought.
const DIFFERENCE: usize = 1;
const STEP_NANOS: i64 = 1_000_000_000;
/// After how much time there is a new estimate, s.
const REFRESH_SECS: i64 = 3_600;
/// How many looks an estimate needs.
pub const VECM_LOOKS_MIN: u32 = 900;
/// The pull must be this many standard errors from zero for the prices to count as tied to each other: the 1 % point of the
/// Dickey-Fuller distribution with a constant, since the common trend is known and only its existence is in question.
pub const PULL_ERRORS_MIN: f64 = 3.43;
/// No second has an index beyond.
const SECOND_MAX: u64 = i64::MAX.unsigned_abs() / 1_000_000_000 + 1;

/// An estimated model, and how sure it is that the prices are tied to each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VecmEstimate {
    /// The model; steps are seconds.
    pub model: ErrorCorrection,
    /// `alpha2 - alpha1` in standard errors: how surely a difference of the prices shrinks.
    pub pull_errors: f64,
    /// How many looks it rests on.
    pub looks: u32,
    /// The second at whose end it was made, since the epoch.
    pub as_of_secs: i64,
}

impl VecmEstimate {
    /// The shares of the first venue in the discovery of the price.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] when the prices are not surely tied to each other; then as [`price_discovery`].
    pub fn shares(&self) -> Result<PriceDiscovery, Absent> {
        if self.pull_errors < PULL_ERRORS_MIN || self.pull_errors.is_nan() {
            return Err(Absent::NoEvents);
        }
        price_discovery(&self.model)
    }
}

/// A vector error correction model of two log mids, by least squares.
///
/// At the end of every second: `dp_i = c_i + alpha_i z + sum_l (b_il dp_1,-l + d_il dp_2,-l) + e_i` with `z` the difference
/// `p1 - p2` a second before and [`VECM_LAGS`] lags `l`. Sums of products are kept of one hour, then there is an estimate and they
/// start again. A second costs O(1), and so does a silence of any length. After lost data the equations wait until all
/// their lags lie after it; what has been summed up stays.
///
/// # Source
/// Engle & Granger (1987), Econometrica 55(2), with the known common trend `(1, -1)`; methods reference 3.12.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vecm {
    /// The second that has not ended; `None` before the first look and after lost data.
    head: Option<i64>,
    /// The log mids of the last look, and the returns up to it: newest first.
    mids: [f64; 2],
    returns: [[f64; 2]; VECM_LAGS],
    /// How many looks there have been without a hole, up to what the lags need.
    known: u8,
    /// The difference that counts as zero, lest the squares of a constant drown what varies.
    origin: Option<f64>,
    /// When the sums began.
    since: Option<i64>,
    /// Sums of the products of the regressors (lower triangle), of regressors and returns, and of returns.
    products: [[f64; REGRESSORS]; REGRESSORS],
    answers: [[f64; REGRESSORS]; 2],
    squares: [f64; 3],
    looks: u32,
    estimate: Result<VecmEstimate, Absent>,
}

impl Default for Vecm {
    fn default() -> Self {
        Self {
            head: None,
            mids: [0.0; 2],
            returns: [[0.0; 2]; VECM_LAGS],
            known: 0,
            origin: None,
            since: None,
            products: [[0.0; REGRESSORS]; REGRESSORS],
            answers: [[0.0; REGRESSORS]; 2],
            squares: [0.0; 3],
            looks: 0,
            estimate: Err(Absent::Cold),
        }
    }
}

impl Vecm {
    /// Lets the time until `now` pass, in nanoseconds, during which the log mids were `mids`.
    pub fn advance(&mut self, now: i64, mids: [f64; 2]) {
        let second = bin_index(now, STEP_NANOS);
        let head = *self.head.get_or_insert(second);
        let ended = second.saturating_sub(head);
        if ended <= 0 || !mids.iter().all(|mid| mid.is_finite()) {
            return;
        }
        // The first look may find a move; after the lags nothing changes any more.
        let moving = ended.min(i64::from(LOOKS_KNOWN));
        for _ in 0..moving {
            self.look(mids);
        }
        self.look_at_nothing(ended - moving);
        self.head = Some(second);
        let since = *self.since.get_or_insert(head);
        if second.saturating_sub(since) >= REFRESH_SECS {
            self.estimate = self.solve(second);
            self.start_again();
            self.since = Some(second);
        }
    }

    fn look(&mut self, mids: [f64; 2]) {
        let returns = [mids[0] - self.mids[0], mids[1] - self.mids[1]];
        if self.known >= LOOKS_KNOWN {
            self.accumulate(returns);
        }
        if self.known > 0 {
            self.returns.copy_within(..VECM_LAGS - 1, 1);
            self.returns[0] = returns;
        }
        self.mids = mids;
        self.known = (self.known + 1).min(LOOKS_KNOWN);
    }

    fn accumulate(&mut self, returns: [f64; 2]) {
        let mut regressors = [1.0; REGRESSORS];
        regressors[DIFFERENCE] = self.difference();
        for (pair, past) in regressors[2..].chunks_exact_mut(2).zip(&self.returns) {
            pair.copy_from_slice(past);
        }
        for (row, products) in self.products.iter_mut().enumerate() {
            for (product, regressor) in products[..=row].iter_mut().zip(&regressors) {
                *product += regressors[row] * regressor;
            }
        }
        for (answers, value) in self.answers.iter_mut().zip(returns) {
            for (answer, regressor) in answers.iter_mut().zip(&regressors) {
                *answer += value * regressor;
            }
        }
        let [first, second] = returns;
        for (square, value) in self.squares.iter_mut().zip([first * first, first * second, second * second]) {
            *square += value;
        }
        self.looks = self.looks.saturating_add(1);
    }

    /// `count` looks at mids that have not moved for longer than the lags reach: only the constant and the difference
    /// are not zero. At most as many as make an hour.
    fn look_at_nothing(&mut self, count: i64) {
        let Ok(count) = u32::try_from(count.min(REFRESH_SECS)) else { return };
        if count == 0 {
            return;
        }
        let (times, difference) = (f64::from(count), self.difference());
        self.products[0][0] += times;
        self.products[DIFFERENCE][0] += times * difference;
        self.products[DIFFERENCE][DIFFERENCE] += times * difference * difference;
        self.looks = self.looks.saturating_add(count);
    }

    fn difference(&mut self) -> f64 {
        let difference = self.mids[0] - self.mids[1];
        difference - *self.origin.get_or_insert(difference)
    }

    fn solve(&self, second: i64) -> Result<VecmEstimate, Absent> {
        if self.looks < VECM_LOOKS_MIN {
            return Err(Absent::Cold);
        }
        let factor = Cholesky::new(&self.products).ok_or(Absent::NoEvents)?;
        let coefficients = self.answers.map(|answers| factor.solve(&answers));
        // The looks that are left when every regressor has taken one.
        let freedom = f64::from(self.looks) - to_f64(REGRESSORS as i128);
        let residual = |square: f64, venue: usize, other: usize| {
            let explained: f64 =
                coefficients[venue].iter().zip(&self.answers[other]).map(|(b, answer)| b * answer).sum();
            (square - explained) / freedom
        };
        let [first, cross, second_square] = self.squares;
        let (variance1, variance2) = (residual(first, 0, 0), residual(second_square, 1, 1));
        // Written so that NaN is refused.
        if !(variance1 > 0.0 && variance2 > 0.0) {
            return Err(Absent::NoEvents);
        }
        let covariance = residual(cross, 0, 1);
        let (s1, s2) = (variance1.sqrt(), variance2.sqrt());
        let mut unit = [0.0; REGRESSORS];
        unit[DIFFERENCE] = 1.0;
        let inverse = factor.solve(&unit)[DIFFERENCE];
        let [alpha1, alpha2] = coefficients.map(|of_venue| of_venue[DIFFERENCE]);
        let error = ((variance1 + variance2 - 2.0 * covariance) * inverse).sqrt();
        let estimate = VecmEstimate {
            model: ErrorCorrection { alpha1, alpha2, s1, s2, rho: (covariance / (s1 * s2)).clamp(-1.0, 1.0) },
            pull_errors: (alpha2 - alpha1) / error,
            looks: self.looks,
            as_of_secs: second,
        };
        let ErrorCorrection { rho, .. } = estimate.model;
        let numbers = [alpha1, alpha2, s1, s2, rho, estimate.pull_errors];
        if numbers.into_iter().all(f64::is_finite) { Ok(estimate) } else { Err(Absent::BadNumber) }
    }

    fn start_again(&mut self) {
        self.products = [[0.0; REGRESSORS]; REGRESSORS];
        self.answers = [[0.0; REGRESSORS]; 2];
        self.squares = [0.0; 3];
        self.looks = 0;
        self.origin = None;
    }

    /// Data was lost: no return may cross this moment.
    pub fn reset_reference(&mut self) {
        self.head = None;
        self.known = 0;
    }

    /// The estimate of the last full hour.
    ///
    /// # Errors
    /// [`Absent::Cold`] before the first hour, or when it had fewer than [`VECM_LOOKS_MIN`] looks; [`Absent::NoEvents`] when
    /// too little moved; [`Absent::BadNumber`] when the result is not finite.
    pub const fn estimate(&self) -> Result<VecmEstimate, Absent> {
        self.estimate
    }

    /// How many looks the estimate rests on; before the first one, how many there are.
    #[must_use]
    pub fn n_eff(&self) -> f64 {
        f64::from(self.estimate.map_or(self.looks, |estimate| estimate.looks))
    }

    /// True when there is an estimate.
    #[must_use]
    pub const fn is_warm(&self) -> bool {
        self.estimate.is_ok()
    }

    pub(super) fn is_consistent(&self) -> bool {
        let is_time = |second: &i64| second.unsigned_abs() <= SECOND_MAX;
        let numbers = self.products.as_flattened().iter().chain(self.answers.as_flattened());
        let returns = self.returns.as_flattened().iter().chain(&self.squares);
        self.head.iter().chain(&self.since).all(is_time)
            && self.known <= LOOKS_KNOWN
            && self.mids.iter().all(|mid| mid.abs() <= LOG_MID_MAX)
            && self.origin.is_none_or(f64::is_finite)
            && numbers.chain(returns).all(|value| value.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An hour and a bit of two prices that follow `dp = alpha z + e`, `z` around `basis`.
    fn play(alphas: [f64; 2], basis: f64, noise: [f64; 2], seconds: i64) -> Vecm {
        let mut random = 3_u64;
        let mut next = move || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from(u32::try_from(random >> 33).unwrap()) / f64::from(1u32 << 31) - 0.5
        };
        let mut vecm = Vecm::default();
        let mut mids = [11.0, 11.0 - basis];
        for second in 0..seconds {
            vecm.advance(second * STEP_NANOS, mids);
            let z = mids[0] - mids[1] - basis;
            for (mid, (alpha, noise)) in mids.iter_mut().zip(alphas.into_iter().zip(noise)) {
                *mid += alpha * z + noise * next();
            }
        }
        vecm
    }

    #[track_caller]
    fn check(vecm: &Vecm, expect: Result<[f64; 2], Absent>) {
        let found = vecm.estimate().and_then(|estimate| estimate.shares().map(|_| estimate));
        match (found, expect) {
            (Ok(found), Ok(expect)) => {
                let ErrorCorrection { alpha1, alpha2, .. } = found.model;
                let error = (alpha2 - alpha1) / found.pull_errors;
                assert!(error < 0.06, "{found:?}");
                for (alpha, expect) in [alpha1, alpha2].into_iter().zip(expect) {
                    assert!((alpha - expect).abs() < 2.0 * error, "{found:?}");
                }
                assert!((VECM_LOOKS_MIN..=3_600).contains(&found.looks), "{found:?}");
            }
            (found, expect) => assert_eq!(found.err(), expect.err()),
        }
        let saved = serde_json::to_value(vecm).unwrap();
        assert!(serde_json::from_value::<Vecm>(saved).unwrap() == *vecm);
        assert!(vecm.is_consistent());
    }

    #[test]
    fn the_speeds_of_correction_are_found_around_any_basis() {
        for basis in [0.0, 5e-4, 1.0] {
            check(&play([-0.05, 0.15], basis, [1e-4, 2e-4], 3_700), Ok([-0.05, 0.15]));
        }
        check(&play([0.0, 0.3], 0.0, [1e-4, 1e-5], 7_300), Ok([0.0, 0.3]));
    }

    #[test]
    fn there_is_nothing_before_an_hour_and_without_movement() {
        check(&play([-0.05, 0.15], 0.0, [1e-4, 2e-4], 3_600), Err(Absent::Cold));
        check(&play([0.0, 0.0], 0.0, [0.0, 0.0], 3_700), Err(Absent::NoEvents));
        check(&play([0.0, 0.0], 0.0, [1e-4, 0.0], 3_700), Err(Absent::NoEvents));
    }

    #[test]
    fn prices_that_are_not_tied_have_no_shares() {
        check(&play([0.0, 0.0], 0.0, [1e-4, 1e-4], 3_700), Err(Absent::NoEvents));
    }

    #[test]
    fn a_silence_at_once_is_the_same_as_second_by_second() {
        let mut at_once = play([-0.05, 0.15], 1e-3, [1e-4, 2e-4], 2_000);
        let mut one_by_one = at_once.clone();
        let mids = [11.0, 11.1];
        at_once.advance(2_500 * STEP_NANOS, mids);
        (2_000..=2_500).for_each(|second| one_by_one.advance(second * STEP_NANOS, mids));
        assert_eq!((at_once.looks, at_once.returns), (one_by_one.looks, one_by_one.returns));
        for (a, b) in at_once.products.as_flattened().iter().zip(one_by_one.products.as_flattened()) {
            assert!((a - b).abs() <= 1e-9 * b.abs(), "{a} {b}");
        }
    }

    #[test]
    fn no_return_crosses_lost_data() {
        let mut vecm = play([-0.05, 0.15], 0.0, [1e-4, 2e-4], 1_000);
        let before = vecm.squares;
        vecm.reset_reference();
        (1_010..1_030).for_each(|second| vecm.advance(second * STEP_NANOS, [12.0, 12.0]));
        assert_eq!(vecm.squares.map(f64::to_bits), before.map(f64::to_bits));
    }
}
