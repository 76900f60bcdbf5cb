//! When to enter, and every reason not to.

use serde::{Deserialize, Serialize};

use super::combine::ClassProbabilities;
use super::config::DecisionConfig;
use super::hysteresis::{Change, Hysteresis, Observation, Position, probability_of};
use crate::measure::finite;
use crate::{Absent, ConfigError, Direction, Measure};

/// Why nothing is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rejection {
    /// There is no probability, or it is none from 0 to 1.
    NoProbability,
    /// A payoff or cost is not finite, or the loss is below zero.
    BadNumber,
    /// More of the model's features are missing than may be.
    MissingFeatures,
    /// The model has not proved itself.
    Unproven,
    /// A stop or kill switch is on.
    Stop,
    /// After costs even a win loses.
    CostAboveGain,
    /// The probability does not reach the entry threshold.
    LowProbability,
    /// The expected net edge does not exceed its threshold.
    LowEdge,
    /// The risk gate does not exceed its threshold, or is no number up to 1.
    LowGate,
    /// Too soon after an exit.
    CoolDown,
}

impl Rejection {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::NoProbability,
        Self::BadNumber,
        Self::MissingFeatures,
        Self::Unproven,
        Self::Stop,
        Self::CostAboveGain,
        Self::LowProbability,
        Self::LowEdge,
        Self::LowGate,
        Self::CoolDown,
    ];

    /// The name used in JSON and in counters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoProbability => "no_probability",
            Self::BadNumber => "bad_number",
            Self::MissingFeatures => "missing_features",
            Self::Unproven => "unproven",
            Self::Stop => "stop",
            Self::CostAboveGain => "cost_above_gain",
            Self::LowProbability => "low_probability",
            Self::LowEdge => "low_edge",
            Self::LowGate => "low_gate",
            Self::CoolDown => "cool_down",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// The reasons that apply, in the order of [`Rejection::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rejections(u16);

impl Rejections {
    /// The reasons.
    pub fn iter(self) -> impl Iterator<Item = Rejection> {
        Rejection::ALL.into_iter().filter(move |reason| self.contains(*reason))
    }

    /// Whether a reason applies.
    #[must_use]
    pub const fn contains(self, reason: Rejection) -> bool {
        self.0 & reason.bit() != 0
    }

    /// True when none applies.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    const fn set_if(&mut self, reason: Rejection, applies: bool) {
        if applies {
            self.0 |= reason.bit();
        }
    }
}

/// What is known when a decision is due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proposal {
    /// Receive time of the triggering event, ns.
    pub now: i64,
    /// Calibrated probability of an upward move, 0 to 1.
    pub p_up: Measure,
    /// The share of moves that stay within the threshold, 0 to 1; with 0 the edge is the two-class one.
    pub flat_share: f64,
    /// What a right trade gains before costs, basis points.
    pub gain_bps: f64,
    /// What a wrong one loses before costs, basis points, positive.
    pub loss_bps: f64,
    /// What a round trip costs, basis points.
    pub cost_bps: f64,
    /// The risk gate, 0 to 1.
    pub gate: f64,
    /// The share of the model's features that are missing, 0 to 1.
    pub missing_share: f64,
    /// Whether the model proved itself on its last walk-forward test.
    pub is_proven: bool,
    /// A stop, kill switch or gap: leave what is held, enter nothing.
    pub must_leave: bool,
}

/// What was decided, with all that led to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    /// What is held from now on.
    pub position: Position,
    /// What changed.
    pub change: Change,
    /// The direction that was judged: the one held before, else the likelier.
    pub candidate: Direction,
    /// Its probability.
    pub p: Measure,
    /// The break-even probability `l / (g + l)`, both net of costs.
    pub break_even: Measure,
    /// The entry threshold `max(p_in_min, break_even + p_in_margin)`; absent as the break-even is. Above 1 it cannot be reached.
    pub p_in: Measure,
    /// The candidate's expected net edge, basis points.
    pub edge_bps: Measure,
    /// Why nothing was entered; empty when something was, or something was held.
    pub rejections: Rejections,
}

/// Enters a direction when its probability, edge, gate and cool-down allow, and leaves it by the hysteresis.
///
/// ```text
/// g = gain - cost, l = loss + cost, p* = l / (g + l), p_in = max(0.60, p* + 0.05)
/// enter:  p >= p_in,  edge = up g - down l - flat cost > edge_min,  gate > 0.3,  cool-down over
/// ```
/// With no flat share `edge = p g - (1 - p) l`. Every reason that speaks against an entry is given, not only the first.
///
/// # Source
/// Project definition, methods reference 6.3; break-even 4.6; the three classes 6.1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DecisionRule {
    config: DecisionConfig,
}

impl DecisionRule {
    /// Under a configuration.
    ///
    /// # Errors
    /// A parameter out of bounds.
    pub fn new(config: DecisionConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config })
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &DecisionConfig {
        &self.config
    }

    /// Decides. `state` is the market's own.
    pub fn decide(&self, state: &mut Hysteresis, proposal: &Proposal) -> Decision {
        let p_up =
            proposal.p_up.and_then(|p| if (0.0..=1.0).contains(&p) { Ok(p) } else { Err(Absent::BadNumber) });
        let candidate = match state.position() {
            Position::Long => Direction::Up,
            Position::Short => Direction::Down,
            Position::Flat => Direction::of(p_up.map_or(0.0, |p| p - 0.5)),
        };
        let p = p_up.map(|p_up| probability_of(candidate, Ok(p_up)).unwrap_or(p_up));
        let break_even = break_even(proposal);
        let p_in = break_even.map(|p_star| self.config.p_in_min.max(p_star + self.config.p_in_margin));
        let edge_bps = p.and_then(|p| edge(p, proposal));
        let settings = self.config.hysteresis(p_in.unwrap_or(f64::INFINITY));
        let mut rejections = Rejections::default();
        if state.position() == Position::Flat {
            rejections = self.judge(proposal, p, edge_bps, break_even);
            let is_low = p.ok().zip(p_in.ok()).is_some_and(|(p, p_in)| p < p_in);
            rejections.set_if(Rejection::LowProbability, is_low);
            let is_cooling_down = state.is_cooling_down(proposal.now, settings.cool_down_ns);
            rejections.set_if(Rejection::CoolDown, is_cooling_down);
        }
        let observation = Observation {
            now: proposal.now,
            p_up,
            may_enter: rejections.is_empty(),
            must_leave: proposal.must_leave,
        };
        let change = state.step(observation, &settings);
        Decision { position: state.position(), change, candidate, p, break_even, p_in, edge_bps, rejections }
    }

    /// Everything but the probability and the cool-down.
    fn judge(&self, proposal: &Proposal, p: Measure, edge_bps: Measure, break_even: Measure) -> Rejections {
        let config = &self.config;
        let net_gain = proposal.gain_bps - proposal.cost_bps;
        let mut rejections = Rejections::default();
        // Written so that NaN is a reason.
        rejections.set_if(Rejection::NoProbability, p.is_err());
        rejections.set_if(
            Rejection::BadNumber,
            break_even == Err(Absent::BadNumber) || (p.is_ok() && edge_bps.is_err()),
        );
        rejections.set_if(
            Rejection::MissingFeatures,
            proposal.missing_share.is_nan() || proposal.missing_share > config.missing_share_max,
        );
        rejections.set_if(Rejection::Unproven, config.require_proven && !proposal.is_proven);
        rejections.set_if(Rejection::Stop, proposal.must_leave);
        rejections.set_if(Rejection::CostAboveGain, net_gain.is_nan() || net_gain <= 0.0);
        rejections.set_if(Rejection::LowEdge, edge_bps.is_ok_and(|edge| edge <= config.edge_bps_min));
        // A gate above 1 is none that a risk can have.
        let is_open = proposal.gate > config.gate_min && proposal.gate <= 1.0;
        rejections.set_if(Rejection::LowGate, !is_open);
        rejections
    }
}

/// `l / (g + l)` net of costs. `NoEvents` when a win does not pay for its costs.
fn break_even(proposal: &Proposal) -> Measure {
    let (gain, loss) = (proposal.gain_bps - proposal.cost_bps, proposal.loss_bps + proposal.cost_bps);
    if !gain.is_finite() || !loss.is_finite() || loss < 0.0 {
        return Err(Absent::BadNumber);
    }
    if gain <= 0.0 {
        return Err(Absent::NoEvents);
    }
    finite(loss / (gain + loss))
}

fn edge(p: f64, proposal: &Proposal) -> Measure {
    let classes = ClassProbabilities::new(p, proposal.flat_share);
    let (gain, loss) = (proposal.gain_bps - proposal.cost_bps, proposal.loss_bps + proposal.cost_bps);
    finite(classes.up * gain - classes.down * loss - classes.flat * proposal.cost_bps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::hysteresis::Leave;

    /// Break-even (10 + 2) / (18 + 12) = 0.4, so the threshold is 0.60.
    fn good() -> Proposal {
        Proposal {
            now: 0,
            p_up: Ok(0.7),
            flat_share: 0.0,
            gain_bps: 20.0,
            loss_bps: 10.0,
            cost_bps: 2.0,
            gate: 0.31,
            missing_share: 0.0,
            is_proven: true,
            must_leave: false,
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Proposal), expect: &[&str]) {
        let mut proposal = good();
        change(&mut proposal);
        let decision = DecisionRule::default().decide(&mut Hysteresis::default(), &proposal);
        let found: Vec<&str> = decision.rejections.iter().map(Rejection::as_str).collect();
        assert_eq!(found, expect, "{decision:?}");
        assert_eq!(decision.position == Position::Flat, !expect.is_empty(), "{decision:?}");
    }

    #[test]
    fn every_reason_against_an_entry_is_given() {
        check(|_| {}, &[]);
        check(|at| at.p_up = Ok(0.3), &[]);
        check(|at| at.p_up = Ok(0.59), &["low_probability"]);
        check(|at| at.p_up = Err(Absent::Cold), &["no_probability"]);
        check(|at| at.p_up = Ok(1.5), &["no_probability"]);
        check(|at| at.missing_share = 0.6, &["missing_features"]);
        check(|at| at.is_proven = false, &["unproven"]);
        check(|at| at.must_leave = true, &["stop"]);
        check(|at| at.gate = 0.3, &["low_gate"]);
        check(|at| at.gate = f64::NAN, &["low_gate"]);
        check(|at| at.gate = f64::INFINITY, &["low_gate"]);
        check(|at| at.cost_bps = 20.0, &["cost_above_gain", "low_edge"]);
        check(|at| at.cost_bps = f64::NAN, &["bad_number", "cost_above_gain"]);
        check(|at| at.loss_bps = -3.0, &["bad_number"]);
        // Nine trades of ten do not move beyond the threshold and pay their costs.
        check(|at| at.flat_share = 0.9, &["low_edge"]);
        check(
            |at| (at.p_up, at.gate, at.is_proven) = (Ok(0.5), 0.0, false),
            &["unproven", "low_probability", "low_gate"],
        );
    }

    #[test]
    fn the_threshold_rises_with_the_break_even_probability() {
        let proposal = Proposal { gain_bps: 12.0, loss_bps: 8.0, ..good() };
        let decision = DecisionRule::default().decide(&mut Hysteresis::default(), &proposal);
        assert_eq!((decision.break_even, decision.p_in), (Ok(0.5), Ok(0.6)));
        let proposal = Proposal { gain_bps: 10.0, ..good() };
        let decision = DecisionRule::default().decide(&mut Hysteresis::default(), &proposal);
        assert!((decision.p_in.unwrap() - 0.65).abs() < 1e-12, "{decision:?}");
        assert!((decision.edge_bps.unwrap() - (0.7 * 8.0 - 0.3 * 12.0)).abs() < 1e-12);
    }

    #[test]
    fn what_is_held_needs_no_reason_to_stay() {
        let (rule, mut state) = (DecisionRule::default(), Hysteresis::default());
        assert_eq!(rule.decide(&mut state, &good()).change, Change::Entered(Direction::Up));
        let mut bad = Proposal { now: 999_999_999, p_up: Ok(0.4), gate: 0.0, is_proven: false, ..good() };
        let held = rule.decide(&mut state, &bad);
        assert_eq!(
            (held.position, held.candidate, held.rejections.is_empty()),
            (Position::Long, Direction::Up, true)
        );
        bad.now += 1;
        let left = rule.decide(&mut state, &bad);
        assert_eq!(left.change, Change::Left { from: Direction::Up, why: Leave::Probability });
        bad = Proposal { now: 2_999_999_999, ..good() };
        assert!(rule.decide(&mut state, &bad).rejections.contains(Rejection::CoolDown));
        bad.now += 1;
        assert_eq!(rule.decide(&mut state, &bad).position, Position::Long);
    }
}
