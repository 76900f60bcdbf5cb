//! The five parts of the gate, each from its own measurements: 0 nothing, 1 all of what is wanted.

use opus2_types::Qty;
use serde::{Deserialize, Serialize};

use super::block::{BlockReason, Blocks};
use super::tail::TailLimits;
use crate::exact::to_f64;
use crate::{Absent, Measure, measure::finite};

/// How much of the book an order may be.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LiquidityLimits {
    /// The most that an order may be of the depth within 10 bps on the side it takes.
    pub participation_max: f64,
    /// The half-life of a deficit from which on slower books count for less, s.
    pub half_life_secs: f64,
}

impl Default for LiquidityLimits {
    fn default() -> Self {
        Self { participation_max: 0.25, half_life_secs: 30.0 }
    }
}

/// `qty / D(10 bps)`: how much of the depth near the mid an order would take.
///
/// # Errors
/// [`Absent::EmptySide`] when nothing rests there, [`Absent::BadNumber`] for a negative quantity.
///
/// # Source
/// Methods reference 4.4.
pub fn participation(qty: Qty, depth_10_bps: i128) -> Measure {
    if qty.0 < 0 {
        Err(Absent::BadNumber)
    } else if depth_10_bps <= 0 {
        Err(Absent::EmptySide)
    } else {
        finite(to_f64(qty.0.into()) / to_f64(depth_10_bps))
    }
}

impl LiquidityLimits {
    /// `min(1, 0.25 / participation) * clamp(30 s * kappa / ln 2, 0, 1)`: what the book allows of an order.
    ///
    /// `kappa` is the rate at which the book fills up again ([`DepletionWatcher::kappa`]); when there was no depletion yet
    /// nothing is known against it, and the depth alone decides.
    ///
    /// # Errors
    /// As [`participation`]; its reason is passed on.
    ///
    /// # Source
    /// Methods reference 4.4.
    ///
    /// [`DepletionWatcher::kappa`]: super::DepletionWatcher::kappa
    pub fn gate(&self, participation: Measure, kappa: Measure) -> Measure {
        let participation = finite(participation?)?;
        let depth =
            if participation > self.participation_max { self.participation_max / participation } else { 1.0 };
        let resilience = kappa.map_or(1.0, |kappa| self.half_life_secs * kappa / std::f64::consts::LN_2);
        part(depth * resilience.clamp(0.0, 1.0))
    }

    /// True when the participation is a hard block. One that is not known is one for another reason.
    #[must_use]
    pub fn blocks(&self, participation: Measure) -> bool {
        participation.is_ok_and(|share| share > self.participation_max)
    }
}

/// What is at risk, in the unit of equity. Expected shortfalls are positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShortfallBudget {
    /// Equity.
    pub equity: f64,
    /// Of what is held in this market.
    pub position: f64,
    /// Of everything that is held, this market included, added up as if perfectly correlated.
    pub total: f64,
    /// What the order would add; zero or less for one that closes.
    pub added: f64,
}

impl TailLimits {
    /// The share of an order that fits under both limits of expected shortfall.
    ///
    /// # Errors
    /// [`Absent::BadNumber`] for anything that is not finite.
    ///
    /// # Source
    /// Methods reference 4.5 and 4.9: "ES headroom"; read as a share of the order, as the liquidity gate is.
    pub fn headroom(&self, budget: &ShortfallBudget) -> Measure {
        let ShortfallBudget { equity, position, total, added } = *budget;
        if ![equity, position, total, added].into_iter().all(f64::is_finite) {
            return Err(Absent::BadNumber);
        }
        if added <= 0.0 {
            return Ok(1.0);
        }
        let equity = equity.max(0.0);
        let free = (self.position_share_max * equity - position).min(self.total_share_max * equity - total);
        part((free / added).clamp(0.0, 1.0))
    }
}

/// What a data quality score allows.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct QualityLimits {
    /// From this score on everything.
    pub full: f64,
    /// At or below this score nothing, and it is a hard block: a feed of which one component is broken has no more.
    pub fence: f64,
}

impl Default for QualityLimits {
    fn default() -> Self {
        Self { full: 90.0, fence: crate::quality::SCORE_CAP }
    }
}

impl QualityLimits {
    /// Linear from 0 at the fence to 1 at `full`.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] without a score, [`Absent::BadNumber`] for one that is not finite.
    ///
    /// # Source
    /// Methods reference 4.8 (target above 90) and 4.9; the slope is a choice of this project.
    pub fn gate(&self, score: Option<f64>) -> Measure {
        let score = finite(score.ok_or(Absent::NoEvents)?)?;
        if score >= self.full {
            return Ok(1.0);
        }
        part(((score - self.fence) / (self.full - self.fence)).clamp(0.0, 1.0))
    }

    /// True when the score is a hard block.
    #[must_use]
    pub fn blocks(&self, score: Option<f64>) -> bool {
        score.is_none_or(|score| score.is_nan() || score <= self.fence)
    }
}

/// What slippage is borne.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlippageLimits {
    /// Up to this slippage everything, in basis points.
    pub full_bps: f64,
    /// From this slippage on nothing, in basis points.
    pub none_bps: f64,
}

impl Default for SlippageLimits {
    fn default() -> Self {
        Self { full_bps: 5.0, none_bps: 25.0 }
    }
}

impl SlippageLimits {
    /// Linear from 1 at `full_bps` to 0 at `none_bps`; a gain (negative slippage) allows everything.
    ///
    /// # Errors
    /// The reason why there is no slippage; [`Absent::BadNumber`] for one that is not finite.
    ///
    /// # Source
    /// Methods reference 4.9; both bounds are choices of this project.
    pub fn gate(&self, slippage_bps: Measure) -> Measure {
        let slippage = finite(slippage_bps?)?;
        if slippage <= self.full_bps {
            return Ok(1.0);
        }
        part(((self.none_bps - slippage) / (self.none_bps - self.full_bps)).clamp(0.0, 1.0))
    }
}

/// The five parts of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GateParts {
    /// How much of the order fits under the limits of expected shortfall: [`TailLimits::headroom`].
    pub es_headroom: Measure,
    /// What the book allows: [`LiquidityLimits::gate`].
    pub liquidity: Measure,
    /// What the venue's health allows: [`HealthCap::factor`](super::HealthCap::factor), times
    /// [`peg_factor`](super::peg_factor).
    pub health: Measure,
    /// What the data's quality allows: [`QualityLimits::gate`].
    pub quality: Measure,
    /// What the slippage allows: [`SlippageLimits::gate`].
    pub slippage: Measure,
}

impl GateParts {
    /// The hard blocks that the parts themselves are: whatever is not known shuts the gate.
    #[must_use]
    pub fn blocks(&self) -> Blocks {
        let mut blocks = Blocks::NONE;
        let is_missing = |value: Measure| value.and_then(finite).is_err();
        blocks.insert_if(is_missing(self.es_headroom), BlockReason::NoVolatility);
        blocks.insert_if(is_missing(self.liquidity) || is_missing(self.slippage), BlockReason::NoBook);
        blocks.insert_if(is_missing(self.health), BlockReason::Health);
        blocks.insert_if(is_missing(self.quality), BlockReason::QualityFence);
        blocks
    }
}

/// A part of the gate is a finite number between 0 and 1.
fn part(value: f64) -> Measure {
    finite(value).map(|value| value.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: Measure, expect: Measure) {
        assert_eq!(found.map(|value| (value * 1e9).round() / 1e9), expect);
    }

    #[test]
    fn a_large_order_or_a_slow_book_allows_less() {
        let limits = LiquidityLimits::default();
        let gate = |qty, depth, kappa| limits.gate(participation(Qty(qty), depth), kappa);
        check(gate(25, 100, Err(Absent::Cold)), Ok(1.0));
        check(gate(50, 100, Err(Absent::Cold)), Ok(0.5));
        check(gate(50, 100, Ok(std::f64::consts::LN_2 / 60.0)), Ok(0.25));
        check(gate(25, 100, Ok(0.0)), Ok(0.0));
        check(gate(0, 100, Ok(1.0)), Ok(1.0));
        check(gate(1, 0, Ok(1.0)), Err(Absent::EmptySide));
        check(gate(-1, 100, Ok(1.0)), Err(Absent::BadNumber));
        check(gate(25, 100, Ok(f64::NAN)), Err(Absent::BadNumber));
        assert!(
            limits.blocks(Ok(0.26)) && !limits.blocks(Ok(0.25)) && !limits.blocks(Err(Absent::EmptySide))
        );
    }

    #[test]
    fn an_order_must_fit_under_both_limits_of_shortfall() {
        let headroom = |position, total, added| {
            TailLimits::default().headroom(&ShortfallBudget { equity: 1_000.0, position, total, added })
        };
        check(headroom(0.0, 0.0, 5.0), Ok(1.0));
        check(headroom(0.0, 0.0, 20.0), Ok(0.5));
        check(headroom(5.0, 18.0, 10.0), Ok(0.2));
        check(headroom(11.0, 11.0, 1.0), Ok(0.0));
        check(headroom(11.0, 11.0, -1.0), Ok(1.0));
        check(headroom(f64::NAN, 0.0, 1.0), Err(Absent::BadNumber));
    }

    #[test]
    fn a_poor_feed_allows_less_and_a_broken_one_nothing() {
        let limits = QualityLimits::default();
        check(limits.gate(Some(95.0)), Ok(1.0));
        check(limits.gate(Some(70.0)), Ok(0.5));
        check(limits.gate(Some(50.0)), Ok(0.0));
        check(limits.gate(None), Err(Absent::NoEvents));
        assert_eq!(
            [Some(50.1), Some(50.0), Some(f64::NAN), None].map(|score| limits.blocks(score)),
            [false, true, true, true]
        );
    }

    #[test]
    fn slippage_allows_less_the_more_there_is() {
        let limits = SlippageLimits::default();
        check(limits.gate(Ok(-3.0)), Ok(1.0));
        check(limits.gate(Ok(15.0)), Ok(0.5));
        check(limits.gate(Ok(1e300)), Ok(0.0));
        check(limits.gate(Err(Absent::EmptySide)), Err(Absent::EmptySide));
    }

    #[test]
    fn what_is_not_known_shuts_the_gate() {
        let known = GateParts {
            es_headroom: Ok(1.0),
            liquidity: Ok(1.0),
            health: Ok(1.0),
            quality: Ok(1.0),
            slippage: Ok(1.0),
        };
        assert!(known.blocks().is_empty());
        let cold = Err(Absent::Cold);
        let unknown = GateParts {
            es_headroom: cold,
            liquidity: cold,
            health: cold,
            quality: Ok(f64::NAN),
            slippage: cold,
        };
        let names: Vec<&str> = unknown.blocks().iter().map(BlockReason::as_str).collect();
        assert_eq!(names, ["no_book", "health", "quality_fence", "no_volatility"]);
    }
}
