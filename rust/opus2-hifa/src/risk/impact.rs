//! What trading moves the price by, before it is done.

use crate::{Absent, Measure, measure::finite};

/// Below this share of the period's volume the square-root law says nothing. Methods reference 4.2.
pub const SQUARE_ROOT_SHARE_MIN: f64 = 1e-5;

/// The square-root law: `y * sigma * sqrt(qty / volume)`.
///
/// It is about orders that are split over time; one market order is walked ([`walk_quantity`](super::walk_quantity)).
///
/// # Source
/// Tóth et al. (2011), PRX 1, 021006; for Bitcoin Donier & Bonart (2015); methods reference 4.2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SquareRootLaw {
    /// The factor, about one. Without own fills to calibrate it (see [`calibrated_factor`]) it is an assumption.
    pub factor: f64,
    /// Volatility over the period, a fraction.
    pub sigma: f64,
    /// Volume over the same period, in the unit of the quantities asked about.
    pub volume: f64,
}

impl SquareRootLaw {
    /// The impact of trading `qty`, in basis points.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] without volume; [`Absent::BadNumber`] for anything negative or not finite.
    pub fn impact_bps(&self, qty: f64) -> Measure {
        if self.volume <= 0.0 {
            return Err(Absent::NoEvents);
        }
        if !(qty >= 0.0 && self.sigma >= 0.0 && self.factor >= 0.0) {
            return Err(Absent::BadNumber);
        }
        finite(1e4 * self.factor * self.sigma * (qty / self.volume).sqrt())
    }

    /// True when `qty` is large enough for the law: see [`SQUARE_ROOT_SHARE_MIN`].
    #[must_use]
    pub fn applies(&self, qty: f64) -> bool {
        self.volume > 0.0 && qty / self.volume >= SQUARE_ROOT_SHARE_MIN
    }

    /// What a schedule for `qty` costs: the half-spread, and the law where it applies.
    ///
    /// # Errors
    /// As [`impact_bps`](Self::impact_bps); [`Absent::BadNumber`] for a half-spread that is not finite.
    pub fn schedule_bps(&self, half_spread_bps: f64, qty: f64) -> Measure {
        let impact = self.impact_bps(qty)?;
        finite(half_spread_bps + if self.applies(qty) { impact } else { 0.0 })
    }
}

/// The factor of the square-root law that fits own fills: least squares through the origin of the impact that was
/// realised on `sigma * sqrt(qty / volume)`, given as `(predictor, realised)` in the same unit.
///
/// Pairs that are not finite are passed over.
///
/// # Errors
/// [`Absent::Cold`] without a pair whose predictor is positive.
pub fn calibrated_factor(pairs: impl IntoIterator<Item = (f64, f64)>) -> Measure {
    let (mut squares, mut products) = (0.0, 0.0);
    for (predictor, realised) in pairs {
        if predictor.is_finite() && realised.is_finite() && predictor > 0.0 {
            squares += predictor * predictor;
            products += predictor * realised;
        }
    }
    if squares > 0.0 { finite(products / squares) } else { Err(Absent::Cold) }
}

/// What the model of Almgren et al. is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeskOrder {
    /// Quantity of the order; its sign does not matter.
    pub qty: f64,
    /// Average daily volume, in the same unit.
    pub daily_volume: f64,
    /// Shares outstanding, in the same unit.
    pub outstanding: f64,
    /// Daily volatility, a fraction.
    pub sigma: f64,
    /// How long the order takes, in days.
    pub days: f64,
}

/// Impact by Almgren et al.: fitted to US equities and desk orders, here for tests of shape only.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeskImpact {
    /// Permanent: `0.314 sigma (X / V) (Theta / V)^(1/4)`, in basis points.
    pub permanent_bps: f64,
    /// Temporary: `0.142 sigma |X / (V T)|^0.6`, in basis points.
    pub temporary_bps: f64,
    /// The cost expected: half the permanent and the temporary impact, in basis points.
    pub cost_bps: f64,
}

impl DeskImpact {
    /// The impact of an order. All parts are positive when bad.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] without volume or time; [`Absent::BadNumber`] for anything negative or not finite.
    ///
    /// # Source
    /// Almgren, Thum, Hauptmann & Li (2005), Risk 18(7); methods reference 4.2.
    pub fn of(order: &DeskOrder) -> Result<Self, Absent> {
        let DeskOrder { qty, daily_volume, outstanding, sigma, days } = *order;
        if daily_volume <= 0.0 || days <= 0.0 {
            return Err(Absent::NoEvents);
        }
        if !(outstanding >= 0.0 && sigma >= 0.0) {
            return Err(Absent::BadNumber);
        }
        let share = (qty / daily_volume).abs();
        let permanent = finite(1e4 * 0.314 * sigma * share * (outstanding / daily_volume).powf(0.25))?;
        let temporary = finite(1e4 * 0.142 * sigma * (share / days).powf(0.6))?;
        Ok(Self {
            permanent_bps: permanent,
            temporary_bps: temporary,
            cost_bps: finite(permanent / 2.0 + temporary)?,
        })
    }
}

/// Which estimate a pre-trade cost rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CostBasis {
    /// One market order, walked through the book; contains the half-spread.
    Walk,
    /// A schedule: half-spread and square-root law.
    Schedule,
}

impl CostBasis {
    /// The name used in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Walk => "walk",
            Self::Schedule => "schedule",
        }
    }
}

/// A cost expected before trading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PreTradeCost {
    /// In basis points of the mid; positive when bad.
    pub bps: f64,
    /// The estimate it is.
    pub basis: CostBasis,
}

/// The larger of two estimates, never their sum: both contain the spread, and both are about the same liquidity.
///
/// One that is absent does not apply; of equal ones it is the walk.
///
/// # Errors
/// Why there is no walk, when there is neither.
///
/// # Source
/// Methods reference 4.2.
pub fn pre_trade_cost(walk_bps: Measure, schedule_bps: Measure) -> Result<PreTradeCost, Absent> {
    let finite_only = |bps: Measure, basis| bps.and_then(finite).map(|bps| PreTradeCost { bps, basis });
    let walk = finite_only(walk_bps, CostBasis::Walk);
    match (walk, finite_only(schedule_bps, CostBasis::Schedule)) {
        (Ok(walk), Ok(schedule)) if schedule.bps > walk.bps => Ok(schedule),
        (Err(_), Ok(schedule)) => Ok(schedule),
        (walk, _) => walk,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAW: SquareRootLaw = SquareRootLaw { factor: 1.0, sigma: 0.04, volume: 10_000.0 };

    #[test]
    fn the_law_is_quiet_where_it_does_not_hold() {
        assert_eq!(LAW.impact_bps(100.0), Ok(40.0));
        assert_eq!(LAW.schedule_bps(2.0, 100.0), Ok(42.0));
        assert!(!LAW.applies(0.05));
        assert_eq!(LAW.schedule_bps(2.0, 0.05), Ok(2.0));
        assert_eq!(LAW.impact_bps(-1.0), Err(Absent::BadNumber));
        assert_eq!(LAW.impact_bps(f64::NAN), Err(Absent::BadNumber));
        assert_eq!(SquareRootLaw { volume: 0.0, ..LAW }.impact_bps(1.0), Err(Absent::NoEvents));
        assert_eq!(SquareRootLaw { volume: f64::NAN, ..LAW }.impact_bps(1.0), Err(Absent::BadNumber));
    }

    #[test]
    fn the_factor_is_fitted_through_the_origin() {
        let pairs = [(1.0, 0.5), (2.0, 1.0), (f64::NAN, 3.0), (0.0, 9.0)];
        assert_eq!(calibrated_factor(pairs), Ok(0.5));
        assert_eq!(calibrated_factor([(0.0, 1.0)]), Err(Absent::Cold));
    }

    #[test]
    fn of_two_estimates_the_larger_counts_and_never_both() {
        let cost = |walk, schedule| pre_trade_cost(walk, schedule).map(|cost| (cost.bps, cost.basis));
        assert_eq!(cost(Ok(3.0), Ok(2.0)), Ok((3.0, CostBasis::Walk)));
        assert_eq!(cost(Ok(2.0), Ok(3.0)), Ok((3.0, CostBasis::Schedule)));
        assert_eq!(cost(Ok(2.0), Ok(2.0)), Ok((2.0, CostBasis::Walk)));
        assert_eq!(cost(Err(Absent::EmptySide), Ok(3.0)), Ok((3.0, CostBasis::Schedule)));
        assert_eq!(cost(Ok(2.0), Ok(f64::INFINITY)), Ok((2.0, CostBasis::Walk)));
        assert_eq!(cost(Err(Absent::EmptySide), Err(Absent::Cold)), Err(Absent::EmptySide));
    }

    #[test]
    fn an_order_of_nothing_has_no_impact() {
        let order = DeskOrder { qty: 0.0, daily_volume: 1.0, outstanding: 100.0, sigma: 0.02, days: 0.5 };
        assert_eq!(DeskImpact::of(&order).map(|impact| impact.cost_bps), Ok(0.0));
        assert_eq!(DeskImpact::of(&DeskOrder { days: 0.0, ..order }), Err(Absent::NoEvents));
        assert_eq!(DeskImpact::of(&DeskOrder { sigma: -1.0, ..order }), Err(Absent::BadNumber));
        let both = [1.0, -1.0].map(|qty| DeskImpact::of(&DeskOrder { qty, ..order }));
        assert_eq!(both[0], both[1]);
    }
}
