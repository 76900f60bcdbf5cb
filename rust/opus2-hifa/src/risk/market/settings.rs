//! What stage 3 is told once: its configuration, the venues' fees, and what the model claims.

use opus2_types::Venue;

use crate::decision::combine::ClassProbabilities;
use crate::decision::model::{Model, Payoff};
use crate::execution::fees::{FeeSchedule, Role};
use crate::measure::finite;
use crate::risk::kelly::lower_probability;
use crate::risk::limits::RiskConfig;
use crate::risk::tail::{ReturnModel, Tail};
use crate::{Absent, ConfigError, Measure};

/// Configuration, fees and model, and what follows from them once and for all.
#[derive(Debug, Clone, PartialEq)]
pub struct RiskSettings {
    config: RiskConfig,
    /// What a taker pays at each venue, by [`Venue::code`], as a share.
    taker_fees: [Option<f64>; Venue::ALL.len()],
    market: String,
    is_proven: bool,
    /// Independent labels of the model's validation.
    n_eff: Option<f64>,
    horizon_secs: f64,
    payoff: Payoff,
    flat_share: f64,
    normal: Result<Tail, Absent>,
    student: Result<Tail, Absent>,
}

/// Value at risk and expected shortfall of a unit deviation, by both distributions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tails {
    /// Of normal returns.
    pub normal: Result<Tail, Absent>,
    /// Of Student's t, which limits rest upon.
    pub student: Result<Tail, Absent>,
}

impl Default for RiskSettings {
    fn default() -> Self {
        Self::of(&RiskConfig::default(), &Model::unfitted(), &FeeSchedule::default())
    }
}

impl RiskSettings {
    /// From a configuration, the model in use, and the fees in force.
    ///
    /// # Errors
    /// The first parameter out of bounds.
    pub fn new(config: &RiskConfig, model: &Model, fees: &FeeSchedule) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self::of(config, model, fees))
    }

    fn of(config: &RiskConfig, model: &Model, fees: &FeeSchedule) -> Self {
        let unit = ReturnModel { sigma: 1.0, mu: 0.0, periods: 1.0 };
        Self {
            config: *config,
            taker_fees: Venue::ALL.map(|venue| fees.rate(venue, Role::Taker).map(|rate| rate.bps() / 1e4)),
            market: model.market.clone(),
            is_proven: model.is_proven(),
            n_eff: model.validation.map(|found| found.n_eff),
            horizon_secs: f64::from(model.horizon_ms) / 1e3,
            payoff: model.payoff,
            flat_share: model.flat_share,
            normal: unit.normal_tail(config.tail.confidence),
            student: unit.student_tail(config.tail.confidence, config.tail.degrees),
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &RiskConfig {
        &self.config
    }

    /// Whether the model may trade in a market: it is meant for it, and has proved itself or need not.
    #[must_use]
    pub fn may_trade(&self, market: &str) -> bool {
        let is_ours = self.market == crate::decision::model::ANY_MARKET || self.market == market;
        is_ours && (self.is_proven || !self.config.require_proven)
    }

    /// What a taker pays at a venue, as a share of the notional.
    ///
    /// # Errors
    /// [`Absent::DataType`] for a venue without a table.
    pub fn taker_fee(&self, venue: Venue) -> Measure {
        let fee = self.taker_fees.get(usize::from(venue.code())).copied().flatten();
        finite(fee.ok_or(Absent::DataType)?)
    }

    /// How far ahead the model looks, s.
    #[must_use]
    pub const fn horizon_secs(&self) -> f64 {
        self.horizon_secs
    }

    /// What a trade is worth before costs.
    pub(super) const fn payoff(&self) -> Payoff {
        self.payoff
    }

    /// The probability that sizing believes.
    ///
    /// # Errors
    /// [`Absent::NoModel`] for a model that was never tested; as [`lower_probability`].
    pub(super) fn believed(&self, probability: f64) -> Measure {
        let n_eff = self.n_eff.filter(|n_eff| *n_eff > 0.0).ok_or(Absent::NoModel)?;
        lower_probability(probability, n_eff, self.config.kelly.confidence)
    }

    /// What a trade is expected to be worth net of `cost_bps`, basis points, when its direction has this probability among
    /// the moves that are large enough.
    pub(super) fn edge_bps(&self, probability: f64, cost_bps: f64) -> Measure {
        let classes = ClassProbabilities::new(probability, self.flat_share);
        let (gain, loss) = (self.payoff.gain_bps - cost_bps, self.payoff.loss_bps + cost_bps);
        finite(classes.up * gain - classes.down * loss - classes.flat * cost_bps)
    }

    /// The tails of a return whose standard deviation is `deviation`, a fraction.
    #[must_use]
    pub fn tails(&self, deviation: Measure) -> Tails {
        let scale = |unit: Result<Tail, Absent>| {
            let (unit, deviation) = (unit?, deviation?);
            Ok(Tail { var: finite(unit.var * deviation)?, es: finite(unit.es * deviation)? })
        };
        Tails { normal: scale(self.normal), student: scale(self.student) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::model::Validation;

    #[test]
    fn tails_of_a_deviation_are_those_of_the_model_of_returns() {
        let settings = RiskSettings::default();
        let returns = ReturnModel { sigma: 0.001, mu: 0.0, periods: 9.0 };
        let found = settings.tails(Ok(0.003));
        let expect = [returns.normal_tail(0.975).unwrap(), returns.student_tail(0.975, 4.0).unwrap()];
        for (found, expect) in [found.normal, found.student].into_iter().zip(expect) {
            let found = found.unwrap();
            assert!((found.var - expect.var).abs() < 1e-12 && (found.es - expect.es).abs() < 1e-12);
        }
        assert_eq!(settings.tails(Err(Absent::Cold)).student, Err(Absent::Cold));
    }

    #[test]
    fn a_model_trades_only_its_market_and_only_when_proven() {
        let mut model = Model::unfitted();
        let may = |model: &Model, require_proven| {
            let config = RiskConfig { require_proven, ..RiskConfig::default() };
            let settings = RiskSettings::new(&config, model, &FeeSchedule::default()).unwrap();
            [settings.may_trade("BTC/USD*"), settings.believed(0.7).is_ok()]
        };
        assert_eq!(may(&model, true), [false, false]);
        assert_eq!(may(&model, false), [true, false], "what was never tested is not believed");
        model.validation = Some(Validation { skill: 0.1, ece: 0.01, brier: 0.2, folds: 5, n_eff: 1_000.0 });
        assert_eq!(may(&model, true), [true, true]);
        model.market = "ETH/USD*".to_owned();
        assert_eq!(may(&model, false), [false, true]);
    }

    #[test]
    fn an_edge_is_net_of_costs_and_of_moves_too_small() {
        let mut model = Model::unfitted();
        model.payoff = Payoff { gain_bps: 30.0, loss_bps: 20.0 };
        let edge = |model: &Model, p| {
            RiskSettings::of(&RiskConfig::default(), model, &FeeSchedule::default())
                .edge_bps(p, 10.0)
                .unwrap()
        };
        assert!((edge(&model, 0.7) - 5.0).abs() < 1e-9);
        model.flat_share = 0.5;
        assert!((edge(&model, 0.7) + 2.5).abs() < 1e-9);
    }
}
