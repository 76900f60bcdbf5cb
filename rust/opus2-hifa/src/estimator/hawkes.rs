//! How excited the flow of orders is: self-exciting intensity, live.

use opus2_types::Aggressor;
use serde::{Deserialize, Serialize};

use super::Coverage;
use crate::exact::{MILLI, seconds};
use crate::{Absent, Measure, measure::finite};

/// A self-exciting process: `lambda(t) = mu + sum alpha exp(-beta (t - t_i))`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HawkesParams {
    /// Events per second that nothing excites.
    pub mu: f64,
    /// By how much an event raises the intensity, per second.
    pub alpha: f64,
    /// How fast that fades, per second.
    pub beta: f64,
}

impl HawkesParams {
    /// With the long-run mean `rate` and the branching ratio `branching`.
    #[must_use]
    pub fn with_mean_rate(rate: f64, branching: f64, beta: f64) -> Self {
        Self { mu: rate * (1.0 - branching), alpha: branching * beta, beta }
    }

    /// The branching ratio `alpha / beta`: how many events one event excites in the mean, itself not counted.
    #[must_use]
    pub fn branching(&self) -> f64 {
        self.alpha / self.beta
    }

    /// The long-run mean intensity `mu / (1 - branching)`; `None` from a branching ratio of one on, where it explodes.
    #[must_use]
    pub fn mean_rate(&self) -> Option<f64> {
        let rate = self.mu / (1.0 - self.branching());
        (self.branching() < 1.0 && rate.is_finite()).then_some(rate)
    }

    /// The intensity, events per second.
    #[must_use]
    pub fn intensity(&self, excitation: &Excitation) -> f64 {
        self.mu + self.alpha * excitation.value()
    }

    /// The intensity over its long-run mean; `None` where that is not positive.
    #[must_use]
    pub fn burst_ratio(&self, excitation: &Excitation) -> Option<f64> {
        let mean = self.mean_rate().filter(|mean| *mean > 0.0)?;
        Some(self.intensity(excitation) / mean).filter(|ratio| ratio.is_finite())
    }
}

/// `sum exp(-beta (t - t_i))` over the events so far, by the recursion `R <- exp(-beta dt) R`, `R <- R + 1`.
///
/// # Source
/// Ozaki (1979), "Maximum likelihood estimation of Hawkes' self-exciting point processes"; methods reference 2.11.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Excitation(f64);

impl Excitation {
    /// Lets `dt_secs` pass; time that does not pass fades nothing.
    pub fn fade(&mut self, dt_secs: f64, beta: f64) {
        self.0 *= fading(dt_secs, beta);
    }

    /// An event happens.
    pub fn excite(&mut self) {
        self.0 += 1.0;
    }

    /// The sum.
    #[must_use]
    pub const fn value(&self) -> f64 {
        self.0
    }
}

/// `exp(-rate dt)`; one for time that does not pass.
fn fading(dt_secs: f64, rate: f64) -> f64 {
    if dt_secs > 0.0 { (-rate * dt_secs).exp() } else { 1.0 }
}

/// What a live intensity goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HawkesRules {
    /// How fast excitement fades, per second.
    pub beta: f64,
    /// The branching ratio, 0 to 1.
    pub branching: f64,
    /// The memory of the long-run rate, s.
    pub rate_tau_secs: f64,
    /// From which ratio of intensity to long-run rate a burst begins.
    pub burst_ratio_min: f64,
    /// For how long the ratio must have held, ms.
    pub burst_ms: u32,
    /// Of how many orders a burst must be: to a rate of few orders a minute a single one is many times the mean.
    pub burst_orders_min: u32,
}

impl Default for HawkesRules {
    fn default() -> Self {
        Self {
            beta: 2.0,
            branching: 0.6,
            rate_tau_secs: 600.0,
            burst_ratio_min: 3.0,
            burst_ms: 100,
            burst_orders_min: 3,
        }
    }
}

/// The long-run rate needs so much time, s, …
const RATE_SECS_MIN: f64 = 60.0;
/// … and so many orders.
const ORDERS_MIN: f64 = 20.0;
/// After lost trades the excitement is what it would have been within `exp(-5)`, less than a hundredth, after five times
/// its fading time.
const FADING_TIMES: f64 = 5.0;

/// One side's orders.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct SideFlow {
    excitation: Excitation,
    /// Orders, faded with the memory of the rate.
    orders: f64,
    /// Since when the ratio has been that of a burst, as of the last order.
    above_since: Option<i64>,
    /// Orders since then.
    orders_above: u32,
}

/// The intensities of buy and sell orders of one instrument, unfitted: `mu` follows from the rate of the last ten minutes.
///
/// Orders, not prints: see [`OrderPrints`](super::trade_sign::OrderPrints). Two sides, each exciting itself alone.
///
/// # Source
/// Hawkes (1971), "Spectra of some self-exciting and mutually exciting point processes"; methods reference 2.11.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HawkesFlow {
    at: i64,
    coverage: Coverage,
    /// Seconds seen, faded with the memory of the rate: orders over it are their rate from the first minute on.
    secs: f64,
    buy: SideFlow,
    sell: SideFlow,
}

impl Default for HawkesFlow {
    fn default() -> Self {
        let side = SideFlow::default();
        Self { at: i64::MIN, coverage: Coverage::default(), secs: 0.0, buy: side, sell: side }
    }
}

/// The intensities at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HawkesLook {
    /// Intensity of buy orders over their long-run rate.
    pub buy_ratio: Measure,
    /// Intensity of sell orders over their long-run rate.
    pub sell_ratio: Measure,
    /// `(buy - sell) / (buy + sell)` of the intensities, -1 to 1.
    pub imbalance: Measure,
    /// The ratio of buy orders, while they are in a burst.
    pub buy_burst: Option<f64>,
    /// The ratio of sell orders, while they are in a burst.
    pub sell_burst: Option<f64>,
}

impl HawkesLook {
    const fn absent(reason: Absent) -> Self {
        Self {
            buy_ratio: Err(reason),
            sell_ratio: Err(reason),
            imbalance: Err(reason),
            buy_burst: None,
            sell_burst: None,
        }
    }
}

impl HawkesFlow {
    /// Takes an order.
    pub fn take(&mut self, now: i64, side: Aggressor, rules: &HawkesRules) {
        self.advance(now, rules);
        self.coverage.start(now);
        self.at = self.at.max(now);
        let secs = self.secs;
        let flow = match side {
            Aggressor::Buy => &mut self.buy,
            Aggressor::Sell => &mut self.sell,
        };
        flow.end_burst_below(secs, rules);
        flow.excitation.excite();
        flow.orders += 1.0;
        if flow.ratio(secs, rules).is_ok_and(|ratio| ratio >= rules.burst_ratio_min) {
            flow.above_since.get_or_insert(now);
            flow.orders_above = flow.orders_above.saturating_add(1);
        }
    }

    /// Lets time pass until `now`: a [`look`](Self::look) at that time has nothing to do for it. Time after lost trades does
    /// not pass before the next order.
    pub fn advance(&mut self, now: i64, rules: &HawkesRules) {
        if self.coverage.nanos(now) > 0 {
            self.fade_to(now, rules);
        }
    }

    /// What the intensities are at `now`, which is not before the last order.
    #[must_use]
    pub fn look(&self, now: i64, rules: &HawkesRules) -> HawkesLook {
        // In nanoseconds a float has digits to spare; no config makes it as long as a century.
        let needed_ms = FADING_TIMES / rules.beta * 1e3;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "`as` saturates, and a bounded beta keeps it small"
        )]
        let needed = needed_ms as i64;
        if let Err(reason) = self.coverage.check(now, needed.saturating_mul(MILLI)) {
            return HawkesLook::absent(reason);
        }
        let mut later = *self;
        later.fade_to(now, rules);
        let buy_ratio = later.buy.ratio(later.secs, rules);
        let sell_ratio = later.sell.ratio(later.secs, rules);
        HawkesLook {
            buy_ratio,
            sell_ratio,
            imbalance: later.imbalance(rules),
            buy_burst: later.buy.burst(now, buy_ratio, rules),
            sell_burst: later.sell.burst(now, sell_ratio, rules),
        }
    }

    /// Trades were lost. What excited the flow is not known; the long-run rate stays, without the time that was lost.
    pub fn reset_reference(&mut self) {
        self.coverage.interrupt();
        for side in [&mut self.buy, &mut self.sell] {
            *side = SideFlow { orders: side.orders, ..SideFlow::default() };
        }
    }

    /// Orders that the long-run rates rest on.
    #[must_use]
    pub fn n_eff(&self) -> f64 {
        self.buy.orders + self.sell.orders
    }

    /// True when [`look`](Self::look) has an imbalance at `now`.
    #[must_use]
    pub fn is_warm(&self, now: i64, rules: &HawkesRules) -> bool {
        self.look(now, rules).imbalance.is_ok()
    }

    /// False for a loaded state that no orders can have led to.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let is_amount = |value: f64| (0.0..1e15).contains(&value);
        let is_sound = |side: &SideFlow| is_amount(side.excitation.value()) && is_amount(side.orders);
        is_amount(self.secs) && is_sound(&self.buy) && is_sound(&self.sell)
    }

    fn fade_to(&mut self, now: i64, rules: &HawkesRules) {
        let dt_secs = seconds(now.saturating_sub(self.at));
        if dt_secs <= 0.0 {
            return;
        }
        let tau = rules.rate_tau_secs;
        let (excitation, memory) = (fading(dt_secs, rules.beta), fading(dt_secs, 1.0 / tau));
        self.secs = self.secs * memory - tau * (-dt_secs / tau).exp_m1();
        for side in [&mut self.buy, &mut self.sell] {
            side.excitation.0 *= excitation;
            side.orders *= memory;
        }
        self.at = now;
    }

    fn imbalance(&self, rules: &HawkesRules) -> Measure {
        if self.secs < RATE_SECS_MIN || self.n_eff() < ORDERS_MIN {
            return Err(Absent::Cold);
        }
        let [bought, sold] = [&self.buy, &self.sell].map(|side| side.intensity(self.secs, rules));
        finite((bought - sold) / (bought + sold))
    }
}

impl SideFlow {
    fn params(&self, secs: f64, rules: &HawkesRules) -> HawkesParams {
        HawkesParams::with_mean_rate(self.orders / secs, rules.branching, rules.beta)
    }

    fn intensity(&self, secs: f64, rules: &HawkesRules) -> f64 {
        self.params(secs, rules).intensity(&self.excitation)
    }

    fn ratio(&self, secs: f64, rules: &HawkesRules) -> Measure {
        if secs < RATE_SECS_MIN || self.orders < ORDERS_MIN {
            return Err(Absent::Cold);
        }
        let ratio = self.params(secs, rules).burst_ratio(&self.excitation);
        finite(ratio.ok_or(Absent::BadNumber)?)
    }

    /// Between orders the ratio only falls: a burst that is one still has been one all the while.
    fn end_burst_below(&mut self, secs: f64, rules: &HawkesRules) {
        if !self.ratio(secs, rules).is_ok_and(|ratio| ratio >= rules.burst_ratio_min) {
            (self.above_since, self.orders_above) = (None, 0);
        }
    }

    fn burst(&self, now: i64, ratio: Measure, rules: &HawkesRules) -> Option<f64> {
        let lasted = now.saturating_sub(self.above_since?);
        let is_burst =
            lasted >= i64::from(rules.burst_ms) * MILLI && self.orders_above >= rules.burst_orders_min;
        ratio.ok().filter(|ratio| is_burst && *ratio >= rules.burst_ratio_min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: HawkesRules = HawkesRules {
        beta: 2.0,
        branching: 0.6,
        rate_tau_secs: 600.0,
        burst_ratio_min: 3.0,
        burst_ms: 100,
        burst_orders_min: 3,
    };

    /// A buy and a sell order every 500 ms from `from` to `to` seconds.
    fn steady(flow: &mut HawkesFlow, from: i64, to: i64) {
        for half in 2 * from..2 * to {
            flow.take(half * 500 * MILLI, Aggressor::Buy, &RULES);
            flow.take(half * 500 * MILLI, Aggressor::Sell, &RULES);
        }
    }

    #[test]
    fn a_steady_flow_is_near_its_mean() {
        let mut flow = HawkesFlow::default();
        assert_eq!(flow.look(0, &RULES).imbalance, Err(Absent::Cold));
        steady(&mut flow, 0, 59);
        assert_eq!(flow.look(59_000 * MILLI, &RULES).buy_ratio, Err(Absent::Cold));
        steady(&mut flow, 59, 300);
        let look = flow.look(300_000 * MILLI, &RULES);
        assert!((look.buy_ratio.unwrap() - 1.0).abs() < 0.4, "{look:?}");
        assert_eq!((look.imbalance, look.buy_burst), (Ok(0.0), None));
        assert!((flow.n_eff() - 2.0 * 2.0 * 600.0 * (1.0 - (-0.5f64).exp())).abs() < 5.0);
        assert!(flow.is_consistent() && flow.is_warm(300_000 * MILLI, &RULES));
    }

    /// A steady flow, then buys every `step_ms` from 300 s on; the burst, `at_ms` after.
    fn burst(orders: i64, step_ms: i64, at_ms: i64) -> Option<f64> {
        let mut flow = HawkesFlow::default();
        steady(&mut flow, 0, 300);
        for order in 0..orders {
            flow.take((300_001 + order * step_ms) * MILLI, Aggressor::Buy, &RULES);
        }
        let look = flow.look((300_001 + at_ms) * MILLI, &RULES);
        assert_eq!(look.sell_burst, None);
        look.buy_burst
    }

    #[test]
    fn a_burst_is_many_orders_for_a_tenth_of_a_second() {
        assert!(burst(10, 10, 150).is_some_and(|ratio| ratio > 3.0));
        assert_eq!(burst(10, 10, 90), None, "not yet for 100 ms");
        assert_eq!(burst(10, 10, 5_000), None, "over");
        assert_eq!(burst(1, 10, 150), None, "one order");
    }

    #[test]
    fn one_order_of_a_slow_flow_is_no_burst() {
        let mut flow = HawkesFlow::default();
        for order in 0..60 {
            flow.take(order * 10_000 * MILLI, Aggressor::Buy, &RULES);
        }
        let look = flow.look(590_200 * MILLI, &RULES);
        assert!(look.buy_ratio.unwrap() > 3.0 && look.buy_burst.is_none(), "{look:?}");
        assert_eq!(look.sell_ratio, Err(Absent::Cold));
        assert_eq!(look.imbalance, Ok(1.0));
    }

    #[test]
    fn lost_trades_take_the_excitement_and_leave_the_rate() {
        let mut flow = HawkesFlow::default();
        steady(&mut flow, 0, 300);
        let before = flow.n_eff();
        flow.reset_reference();
        assert_eq!(flow.look(300_000 * MILLI, &RULES).imbalance, Err(Absent::Resync));
        steady(&mut flow, 400, 402);
        assert_eq!(flow.look(402_000 * MILLI, &RULES).imbalance, Err(Absent::Resync));
        steady(&mut flow, 402, 403);
        assert!(flow.look(402_500 * MILLI, &RULES).imbalance.is_ok());
        assert!(flow.n_eff() > before, "the time that was lost fades nothing");
    }
}
