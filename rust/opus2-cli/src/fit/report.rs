//! What was found, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use opus2_backtest::fit::correlation::Correlation;
use opus2_backtest::fit::judge::{OutOfSample, ReliabilityRow};
use opus2_backtest::fit::sample::SampleCounts;
use opus2_backtest::fit::walk::FitReport;
use opus2_hifa::decision::model::Model;
use opus2_hifa::decision::reliability::{ECE_MAX, SKILL_MIN};
use opus2_hifa::estimator::microprice::MicropriceTable;
use opus2_hifa::estimator::multi_level_ofi::LIVE_RANKS;
use opus2_wire::ContentHash;
use serde::Serialize;

use super::break_even::BreakEven;
use super::collect::Collected;
use super::trials::Looks;

/// Columns of the reliability picture, from 0 to 1.
const PICTURE: u8 = 40;

/// What was fitted to.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Dataset {
    pub(super) market: String,
    /// Each instrument that was predicted, with its share of the looks.
    pub(super) instruments: BTreeMap<String, f64>,
    pub(super) from: String,
    pub(super) until: String,
    pub(super) hours: f64,
    pub(super) counts: SampleCounts,
    /// The mean data quality score, 0 to 100.
    pub(super) quality: Option<f64>,
    pub(super) data_hash: String,
}

impl Dataset {
    pub(super) fn new(market: &str, collected: &Collected, report: &FitReport, data_hash: &str) -> Self {
        let looks: u64 = collected.instruments.values().sum();
        let share = |count: u64| as_f64(count) / as_f64(looks.max(1));
        let plan = &report.plan;
        #[expect(clippy::cast_precision_loss, reason = "a span of time")]
        let hours = (plan.data_until - plan.from) as f64 / 3.6e12;
        Self {
            market: market.to_owned(),
            instruments: collected
                .instruments
                .iter()
                .map(|(name, count)| (name.to_string(), share(*count)))
                .collect(),
            from: date(plan.from),
            until: date(plan.data_until),
            hours,
            counts: collected.counts,
            quality: collected.quality,
            data_hash: data_hash.to_owned(),
        }
    }
}

/// What was fitted besides the combination.
#[derive(Debug, Clone, Serialize)]
pub(super) struct StageOne {
    pub(super) cusum_h: Option<f64>,
    pub(super) microprice: Option<MicropriceTable>,
    pub(super) ofi_weights: Option<[f64; LIVE_RANKS]>,
}

/// Everything.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    pub(super) is_synthetic: bool,
    pub(super) is_proven: bool,
    pub(super) dataset: Dataset,
    pub(super) looks: Looks,
    pub(super) trials_file: PathBuf,
    pub(super) model_file: PathBuf,
    pub(super) model_hash: ContentHash,
    pub(super) break_even: Option<BreakEven>,
    pub(super) stage_one: StageOne,
    pub(super) model: &'a Model,
    pub(super) fit: &'a FitReport,
}

impl Display for Report<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write_dataset(f)?;
        self.write_folds(f)?;
        let judged = &self.fit.out_of_sample;
        write_reliability(f, judged)?;
        write_skill(f, judged)?;
        self.write_break_even(f)?;
        self.write_model(f)?;
        self.write_verdict(f)
    }
}

impl Report<'_> {
    /// ` (SYNTHETIC)` where it must be said.
    const fn mark(&self) -> &'static str {
        if self.is_synthetic { " (SYNTHETIC)" } else { "" }
    }

    fn write_dataset(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Dataset { market, instruments, from, until, hours, counts, quality, data_hash } = &self.dataset;
        if self.is_synthetic {
            writeln!(f, "SYNTHETIC: the data come from a simulator and say nothing about any real market\n")?;
        }
        writeln!(f, "data{}", self.mark())?;
        let shown: Vec<String> =
            instruments.iter().map(|(name, share)| format!("{name} {:.0} %", share * 100.0)).collect();
        writeln!(f, "  market      {market}, predicted: {}", shown.join(", "))?;
        writeln!(f, "  time        {from} to {until} UTC, {hours:.2} h")?;
        let sealed = if self.fit.config.use_sealed { "OPENED" } else { "sealed, not looked at" };
        writeln!(f, "  last fifth  from {}: {sealed}", date(self.sealed_from()))?;
        writeln!(
            f,
            "  rows        {} of {} looks, {} without label, {} gaps",
            self.fit.samples, counts.looks, counts.unlabelled, counts.gaps
        )?;
        match quality {
            Some(quality) => writeln!(f, "  quality     {quality:.1} of 100")?,
            None => writeln!(f, "  quality     no window was judged")?,
        }
        writeln!(f, "  hash        {data_hash}")?;
        let Looks { trials, sealed } = self.looks;
        writeln!(
            f,
            "  trials      {trials} configurations tried on it, {sealed} looks at the last fifth ({})",
            self.trials_file.display()
        )
    }

    fn sealed_from(&self) -> i64 {
        let plan = &self.fit.plan;
        if self.fit.config.use_sealed {
            plan.data_until - (plan.data_until - plan.from) / 5
        } else {
            plan.until
        }
    }

    fn write_folds(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let config = &self.fit.config;
        writeln!(
            f,
            "\nfolds{}: horizon {} ms, step {} ms, embargo {} ms, up or down beyond {} bp",
            self.mark(),
            config.horizon_ms,
            config.step_ms,
            self.fit.plan.embargo_ns / 1_000_000,
            config.class_threshold_bps
        )?;
        writeln!(
            f,
            "  {:<20} {:<20} {:>7} {:>7} {:<9} {:>7} {:>8} {:>7} {:>7}",
            "train from", "test from", "labels", "ridge", "map", "tested", "skill", "hit", "IC"
        )?;
        for fold in &self.fit.folds {
            let (train, test) = (date(fold.ranges.train.start), date(fold.ranges.test.start));
            if let Some(failure) = &fold.failure {
                writeln!(f, "  {train:<20} {test:<20} left out: {failure}")?;
                continue;
            }
            writeln!(
                f,
                "  {train:<20} {test:<20} {:>7} {:>7} {:<9} {:>7} {:>8} {:>7} {:>7}",
                fold.train_labels,
                fold.ridge.map_or_else(dash, |ridge| ridge.to_string()),
                fold.calibration,
                fold.predictions,
                fold.skill.map_or_else(dash, |skill| format!("{skill:.4}")),
                fold.hit_rate.map_or_else(dash, |rate| format!("{rate:.3}")),
                fold.ic.map_or_else(dash, |ic| format!("{ic:.3}")),
            )?;
        }
        let Some(drift) = &self.fit.drift else { return Ok(()) };
        let (Some(mean), Some(max)) = (drift.mean, drift.max) else { return Ok(()) };
        let word = if drift.is_unstable() { "unstable" } else { "stable" };
        writeln!(f, "  weights move by {mean:.3} from fold to fold, {max:.3} at most (shares of ±1): {word}")
    }

    fn write_break_even(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nbreak-even{}", self.mark())?;
        let Some(found) = &self.break_even else { return writeln!(f, "  the venue has no table of fees") };
        writeln!(
            f,
            "  a taker at {} pays {:.1} bp each way (fees of {}): {:.1} bp for a round trip without slippage",
            found.venue, found.fee_bps, found.as_of, found.cost_bps
        )?;
        let payoff = self.fit.out_of_sample.payoff;
        writeln!(
            f,
            "  a move within the horizon is {:.2} bp; right directions gained {:.2} bp, wrong ones lost {:.2} bp",
            found.mean_abs_move_bps, payoff.gain_bps, payoff.loss_bps
        )?;
        let share = |p: Option<f64>| match p {
            Some(p) if p < 1.0 => format!("{:.1} %", p * 100.0),
            Some(p) => format!("{:.1} %: no hit rate is enough", p * 100.0),
            None => "none: a right direction does not earn its costs".to_owned(),
        };
        writeln!(f, "  needed hit rate p* = 1/2 + cost / 2E|r| = {}", share(found.p_symmetric))?;
        writeln!(f, "  with the payoffs of the tests             {}", share(found.p_payoff))
    }

    fn write_model(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Model { features, bias, calibration, flat_share, .. } = self.model;
        writeln!(f, "\nmodel{}: {}", self.mark(), self.model_file.display())?;
        writeln!(f, "  hash        {}", self.model_hash)?;
        writeln!(
            f,
            "  fitted to   {} moves, ridge {}, bias {bias:.3}, calibration {}, {:.1} % flat",
            self.fit.last_labels,
            self.fit.last_ridge,
            calibration.as_str(),
            flat_share * 100.0
        )?;
        for feature in features {
            writeln!(
                f,
                "  {:<28} weight {:>7.3}   mean {:>12.5}   sd {:>12.5}",
                feature.name, feature.weight, feature.mean, feature.sd
            )?;
        }
        let StageOne { cusum_h, microprice, ofi_weights } = &self.stage_one;
        match cusum_h {
            Some(h) => writeln!(f, "  CUSUM rings six times an hour above {h:.2}")?,
            None => writeln!(f, "  CUSUM threshold left as configured")?,
        }
        if let Some(table) = microprice {
            let saved = table.as_saved();
            writeln!(f, "  micro-price of {} states", saved.lean_half_ticks.len())?;
        }
        if let Some(weights) = ofi_weights {
            writeln!(f, "  weights of the ranks {weights:.3?}")?;
        }
        Ok(())
    }

    fn write_verdict(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let OutOfSample { skill, ece, .. } = &self.fit.out_of_sample;
        let word = if self.is_proven { "PROVEN" } else { "NOT PROVEN" };
        writeln!(
            f,
            "\n{word}{}: skill {skill:.4} (must exceed {SKILL_MIN}), calibration error {ece:.4} (must be below {ECE_MAX})",
            self.mark()
        )?;
        writeln!(
            f,
            "proven means that the probability is better than the base rate; whether it pays is the backtest's to say"
        )
    }
}

fn write_reliability(f: &mut Formatter<'_>, judged: &OutOfSample) -> fmt::Result {
    writeln!(f, "\nreliability of {} moves in all tests: | stated, o came true", judged.labels)?;
    for row in &judged.table {
        let ReliabilityRow { from, until, count, forecast, observed } = row;
        writeln!(
            f,
            "  {from:.1}-{until:.1} {count:>8} {forecast:>7.3} {observed:>7.3}  {}",
            picture(*forecast, *observed)
        )?;
    }
    Ok(())
}

/// A line from 0 to 1 with both marks; `@` where they meet.
fn picture(forecast: f64, observed: f64) -> String {
    let column = |p: f64| (p * f64::from(PICTURE)).round();
    let (forecast, observed) = (column(forecast), column(observed));
    let mark = |at: u8| {
        let is_at = |column: f64| (column - f64::from(at)).abs() < 0.5;
        match (is_at(forecast), is_at(observed)) {
            (true, true) => '@',
            (true, false) => '|',
            (false, true) => 'o',
            (false, false) => '·',
        }
    };
    (0..=PICTURE).map(mark).collect()
}

fn write_skill(f: &mut Formatter<'_>, judged: &OutOfSample) -> fmt::Result {
    writeln!(
        f,
        "  Brier {:.4} ≈ reliability {:.4} - resolution {:.4} + uncertainty {:.4}",
        judged.brier, judged.reliability, judged.resolution, judged.uncertainty
    )?;
    writeln!(
        f,
        "  skill {:.4}, calibration error {:.4}, {} predictions, {:.1} % flat",
        judged.skill,
        judged.ece,
        judged.count,
        judged.flat_share * 100.0
    )?;
    match &judged.hit_rate {
        Some(hit) => writeln!(
            f,
            "  hit rate {:.1} % [{:.1}, {:.1}] of {} directions, worth {:.0} independent ones",
            hit.rate * 100.0,
            hit.interval.lo * 100.0,
            hit.interval.hi * 100.0,
            hit.count,
            hit.n_eff
        )?,
        None => writeln!(f, "  hit rate: no direction was stated")?,
    }
    write_ic(f, "IC (Pearson)", judged.ic_pearson)?;
    write_ic(f, "IC (Spearman)", judged.ic_spearman)?;
    write_ic(f, "control: score of the row before", judged.ic_delayed)?;
    writeln!(f, "  moves by score, lowest tenth first, bp ± standard error:")?;
    for group in &judged.groups {
        writeln!(
            f,
            "    p {:.3} {:>8.3} ± {:.3}  ({})",
            group.p_up, group.move_bps, group.standard_error_bps, group.count
        )?;
    }
    Ok(())
}

fn write_ic(f: &mut Formatter<'_>, name: &str, ic: Option<Correlation>) -> fmt::Result {
    match ic {
        Some(ic) => writeln!(f, "  {name} {:.4} [{:.4}, {:.4}]", ic.value, ic.lo, ic.hi),
        None => writeln!(f, "  {name}: the score or the mid did not vary, or there are too few"),
    }
}

fn dash() -> String {
    "-".to_owned()
}

#[expect(clippy::cast_precision_loss, reason = "a count of looks")]
const fn as_f64(count: u64) -> f64 {
    count as f64
}

/// A time as people write it, UTC, to the second.
fn date(nanos: i64) -> String {
    let secs = nanos.div_euclid(1_000_000_000);
    let (days, of_day) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
    // Hinnant, "chrono-compatible low-level date algorithms": days since 0000-03-01, in eras of 400 years.
    let z = days + 719_468;
    let (era, doe) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
