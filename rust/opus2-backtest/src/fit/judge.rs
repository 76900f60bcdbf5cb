//! What the tests' predictions were worth.

use opus2_hifa::decision::combine::{MoveClass, score_of};
use opus2_hifa::decision::model::{Payoff, Validation};
use opus2_hifa::decision::reliability::{BINS, Reliability, reliability};
use serde::Serialize;

use super::config::FitConfig;
use super::correlation::{Correlation, Overlap};
use super::train::payoff_of;
use crate::statistics::proportion::{Bounds, wilson};
use crate::statistics::sample::{mean, size};

/// Groups of equal size by score.
pub const GROUPS: usize = 10;

/// A probability that was stated for a row of a test, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Prediction {
    /// The row's step, ns.
    pub at: i64,
    /// Which fold.
    pub fold: usize,
    /// Calibrated probability of an upward move.
    pub p_up: f64,
    /// What the same model said of the row before: the control of a delayed signal.
    pub p_up_delayed: Option<f64>,
    /// What the mid did, basis points.
    pub move_bps: f64,
    /// Half the spread, basis points.
    pub half_spread_bps: f64,
}

impl Prediction {
    fn label(&self, config: &FitConfig) -> Option<f64> {
        MoveClass::of(self.move_bps, config.class_threshold_bps).ok()?.label()
    }
}

/// A row of the reliability table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReliabilityRow {
    /// The lowest probability of the bin.
    pub from: f64,
    /// The highest.
    pub until: f64,
    /// How many forecasts.
    pub count: u64,
    /// Their mean.
    pub forecast: f64,
    /// The share that came true.
    pub observed: f64,
}

/// How often the likelier direction was right.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HitRate {
    /// The share, 0 to 1.
    pub rate: f64,
    /// Wilson's interval of 95 % at `n_eff`.
    pub interval: Bounds,
    /// How many directions were stated.
    pub count: usize,
    /// How many independent ones they are worth.
    pub n_eff: f64,
}

/// What the mid did after scores of one group.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ScoreGroup {
    /// The group's mean probability.
    pub p_up: f64,
    /// The mean move, basis points.
    pub move_bps: f64,
    /// Its standard error, with the effective number.
    pub standard_error_bps: f64,
    /// How many rows.
    pub count: usize,
}

/// What the predictions of all tests, as one curve, were worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutOfSample {
    /// Predictions.
    pub count: usize,
    /// Of them, up or down.
    pub labels: usize,
    /// The share that stayed flat.
    pub flat_share: f64,
    /// How many independent labels they are worth.
    pub n_eff: f64,
    /// Brier score.
    pub brier: f64,
    /// Murphy's reliability; lower is better.
    pub reliability: f64,
    /// Murphy's resolution; higher is better.
    pub resolution: f64,
    /// Murphy's uncertainty: the score of the base rate.
    pub uncertainty: f64,
    /// Brier skill against the tests' own base rate.
    pub skill: f64,
    /// Expected calibration error over ten bins.
    pub ece: f64,
    /// The bins that hold something.
    pub table: Vec<ReliabilityRow>,
    /// How often the likelier direction was right; `None` when none was stated.
    pub hit_rate: Option<HitRate>,
    /// Score against move.
    pub ic_pearson: Option<Correlation>,
    /// Their ranks.
    pub ic_spearman: Option<Correlation>,
    /// The score of the row before against the move: must not be better.
    pub ic_delayed: Option<Correlation>,
    /// Moves by score, lowest first.
    pub groups: Vec<ScoreGroup>,
    /// What right and wrong directions were worth.
    pub payoff: Payoff,
    /// Mean absolute move of those up or down, basis points.
    pub mean_abs_move_bps: f64,
    /// Mean half spread, basis points.
    pub half_spread_bps: f64,
}

impl OutOfSample {
    /// Judges predictions in order of time; `None` when not a single one was of a move up or down.
    ///
    /// # Source
    /// Methods reference 6.2.
    #[must_use]
    pub fn of(predictions: &[Prediction], config: &FitConfig) -> Option<Self> {
        let labelled: Vec<(&Prediction, f64)> =
            predictions.iter().filter_map(|found| Some((found, found.label(config)?))).collect();
        let stated: Vec<f64> = labelled.iter().map(|(found, _)| found.p_up).collect();
        let labels: Vec<f64> = labelled.iter().map(|(_, label)| *label).collect();
        let found = reliability(&stated, &labels, BINS).ok()?;
        let is_right = |(found, label): &(&Prediction, f64)| (found.p_up >= 0.5) == (*label > 0.5);
        let moves: Vec<f64> = labelled.iter().map(|(found, _)| found.move_bps.abs()).collect();
        let spreads: Vec<f64> = predictions.iter().map(|found| found.half_spread_bps).collect();
        let delayed: Vec<Prediction> = predictions
            .iter()
            .filter_map(|found| Some(Prediction { p_up: found.p_up_delayed?, ..*found }))
            .collect();
        Some(Self {
            count: predictions.len(),
            labels: labelled.len(),
            flat_share: 1.0 - size(labelled.len()) / size(predictions.len()),
            n_eff: config.effective(labelled.len()),
            brier: found.brier,
            reliability: found.reliability,
            resolution: found.resolution,
            uncertainty: found.uncertainty,
            // Where every label is the same nothing can be better than the base rate.
            skill: found.skill.unwrap_or(0.0),
            ece: found.ece,
            table: table(&found),
            hit_rate: hit_rate(&labelled, config),
            ic_pearson: ic(predictions, config, Correlation::pearson),
            ic_spearman: ic(predictions, config, Correlation::spearman),
            ic_delayed: ic(&delayed, config, Correlation::pearson),
            groups: groups(predictions, config),
            payoff: payoff_of(labelled.iter().map(|row| (is_right(row), row.0.move_bps))),
            mean_abs_move_bps: mean(&moves)?,
            half_spread_bps: mean(&spreads)?,
        })
    }

    /// As a model carries it.
    #[must_use]
    pub const fn validation(&self, folds: u32) -> Validation {
        Validation { skill: self.skill, ece: self.ece, brier: self.brier, folds, n_eff: self.n_eff }
    }
}

fn table(found: &Reliability) -> Vec<ReliabilityRow> {
    let width = 1.0 / f64::from(BINS);
    let row = |bin: &opus2_hifa::decision::reliability::ReliabilityBin| ReliabilityRow {
        from: f64::from(bin.bin) * width,
        until: f64::from(bin.bin + 1) * width,
        count: bin.count,
        forecast: bin.forecast,
        observed: bin.observed,
    };
    found.table.iter().map(row).collect()
}

/// A probability of exactly one half is no direction.
fn hit_rate(labelled: &[(&Prediction, f64)], config: &FitConfig) -> Option<HitRate> {
    let hits: Vec<bool> = labelled
        .iter()
        .filter_map(|(found, label)| match found.p_up.total_cmp(&0.5) {
            std::cmp::Ordering::Equal => None,
            side => Some(side.is_gt() == (*label > 0.5)),
        })
        .collect();
    let n_eff = config.effective(hits.len());
    let rate = size(hits.iter().filter(|hit| **hit).count()) / size(hits.len());
    let (successes, trials) = (whole(rate * n_eff), whole(n_eff));
    let interval = wilson(successes.min(trials), trials, 0.95)?;
    Some(HitRate { rate, interval, count: hits.len(), n_eff })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count from 0 on; a cast saturates"
)]
const fn whole(count: f64) -> usize {
    count.round() as usize
}

fn ic(
    predictions: &[Prediction],
    config: &FitConfig,
    correlation: fn(&[f64], &[f64], Overlap) -> Option<Correlation>,
) -> Option<Correlation> {
    let scores: Vec<f64> = predictions.iter().map(|found| score_of(found.p_up, 1.0).0).collect();
    let moves: Vec<f64> = predictions.iter().map(|found| found.move_bps).collect();
    // Twice the overlap: scores remember as well.
    let overlap = 2 * config.horizon_ms.div_ceil(config.step_ms.max(1));
    let overlap = Overlap {
        lags: usize::try_from(overlap).unwrap_or(usize::MAX),
        n_eff: config.effective(predictions.len()),
    };
    correlation(&scores, &moves, overlap)
}

fn groups(predictions: &[Prediction], config: &FitConfig) -> Vec<ScoreGroup> {
    let mut by_score: Vec<&Prediction> = predictions.iter().collect();
    by_score.sort_by(|a, b| a.p_up.total_cmp(&b.p_up).then(a.at.cmp(&b.at)));
    let bound = |group: usize| group * by_score.len() / GROUPS;
    let group = |group: usize| {
        let rows = by_score.get(bound(group)..bound(group + 1))?;
        let p: Vec<f64> = rows.iter().map(|found| found.p_up).collect();
        let moves: Vec<f64> = rows.iter().map(|found| found.move_bps).collect();
        let sd = crate::statistics::sample::standard_deviation(&moves)?;
        Some(ScoreGroup {
            p_up: mean(&p)?,
            move_bps: mean(&moves)?,
            standard_error_bps: sd / config.effective(rows.len()).max(1.0).sqrt(),
            count: rows.len(),
        })
    };
    (0..GROUPS).filter_map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions(rows: &[(f64, f64)]) -> Vec<Prediction> {
        let row = |(at, (p_up, move_bps)): (i64, &(f64, f64))| Prediction {
            at,
            fold: 0,
            p_up: *p_up,
            p_up_delayed: None,
            move_bps: *move_bps,
            half_spread_bps: 0.5,
        };
        (0..).zip(rows).map(row).collect()
    }

    /// Hit rate, flat share, gain, loss.
    #[track_caller]
    fn check(rows: &[(f64, f64)], expect: Option<[f64; 4]>) {
        let config = FitConfig { class_threshold_bps: 1.0, step_ms: 5_000, ..FitConfig::default() };
        let found = OutOfSample::of(&predictions(rows), &config).map(|found| {
            let rate = found.hit_rate.map_or(f64::NAN, |hit| hit.rate);
            [rate, found.flat_share, found.payoff.gain_bps, found.payoff.loss_bps]
        });
        match (found, expect) {
            (Some(found), Some(expect)) => {
                let is_near = |(x, y): (&f64, &f64)| (x - y).abs() < 1e-12 || x.is_nan() && y.is_nan();
                assert!(found.iter().zip(&expect).all(is_near), "{found:?}");
            }
            (found, expect) => assert_eq!(found, expect),
        }
    }

    #[test]
    fn directions_are_judged_where_the_mid_moved() {
        check(
            &[(0.7, 3.0), (0.7, 5.0), (0.6, -2.0), (0.3, -6.0), (0.3, 0.5)],
            Some([0.75, 0.2, 14.0 / 3.0, 2.0]),
        );
        check(&[(0.7, 3.0)], Some([1.0, 0.0, 3.0, 3.0]));
        check(&[(0.5, 3.0)], Some([f64::NAN, 0.0, 3.0, 3.0]));
        check(&[(0.7, 0.5)], None);
        check(&[], None);
    }

    #[test]
    fn groups_hold_every_row_once_and_rise() {
        let rows: Vec<(f64, f64)> =
            (0..97).map(|n| f64::from(n * 31 % 97) / 97.0).map(|p| (p, 10.0 * p - 5.0)).collect();
        let found = OutOfSample::of(&predictions(&rows), &FitConfig::default()).unwrap();
        assert_eq!(found.groups.iter().map(|group| group.count).sum::<usize>(), 97);
        assert!(found.groups.is_sorted_by(|a, b| a.p_up < b.p_up && a.move_bps < b.move_bps));
        assert!(found.ic_pearson.unwrap().value > 0.999 && found.ic_spearman.unwrap().value > 0.999);
    }
}
