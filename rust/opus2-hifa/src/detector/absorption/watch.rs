//! Absorption of one instrument's trades, window by window.

use std::ops::{AddAssign, SubAssign};

use opus2_types::{Aggressor, Qty, Side};
use serde::{Deserialize, Serialize};

use super::{AbsorbedFlow, Absorption, absorption};
use crate::detector::level_flow::{Explained, LevelStep, side_index};
use crate::detector::log_histogram::LogHistogram;
use crate::detector::look::Units;
use crate::detector::sweep::taken_from;
use crate::estimator::Coverage;
use crate::estimator::window::{BinWindow, Summand, WINDOWS};
use crate::exact::{scaled, to_f64};
use crate::{Absent, Measure, measure::finite};

/// The parameters of absorption.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AbsorptionSettings {
    /// The share of windows whose volume is smaller than that of one which is asked.
    pub volume_quantile: f64,
    /// Half-life of what volumes are usual, s.
    pub half_life_secs: f64,
    /// The least decayed number of windows to know what is usual.
    pub windows_min: f64,
}

impl Default for AbsorptionSettings {
    fn default() -> Self {
        Self { volume_quantile: 0.9, half_life_secs: 3_600.0, windows_min: 50.0 }
    }
}

/// Absorption of the newest window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AbsorptionReading {
    /// Who took more during the window.
    pub aggressor: Aggressor,
    /// What was absorbed of it.
    pub absorption: Absorption,
}

impl AbsorptionReading {
    /// The score with its direction, against the aggressor: positive when selling was absorbed.
    ///
    /// # Errors
    /// Those of the score.
    #[expect(clippy::cast_precision_loss, reason = "plus or minus one")]
    pub fn signal(&self) -> Measure {
        self.absorption.score.map(|score| -score * self.aggressor.sign() as f64 + 0.0)
    }
}

/// What happened during a window. Bids first.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct TouchedFlow {
    /// Taken from each side, in `Qty` units.
    taken: [i128; 2],
    /// Added and executed at the touched levels of each side.
    added: [i128; 2],
    executed: [i128; 2],
    /// Change of the doubled mid, in `Price` units.
    mid_change_doubled: i128,
}

impl TouchedFlow {
    /// Takes what happened at one price between two books.
    pub(crate) fn on_step(&mut self, step: &LevelStep) {
        if step.is_best || step.traded.0 > 0 {
            let side = side_index(step.side);
            self.added[side] = self.added[side].saturating_add(step.refill().0.into());
            self.executed[side] = self.executed[side].saturating_add(step.traded.0.max(0).into());
        }
    }
}

impl AddAssign for TouchedFlow {
    fn add_assign(&mut self, other: Self) {
        for side in 0..2 {
            self.taken[side] += other.taken[side];
            self.added[side] += other.added[side];
            self.executed[side] += other.executed[side];
        }
        self.mid_change_doubled += other.mid_change_doubled;
    }
}

impl SubAssign for TouchedFlow {
    fn sub_assign(&mut self, other: Self) {
        for side in 0..2 {
            self.taken[side] -= other.taken[side];
            self.added[side] -= other.added[side];
            self.executed[side] -= other.executed[side];
        }
        self.mid_change_doubled -= other.mid_change_doubled;
    }
}

impl Summand for TouchedFlow {
    fn is_plausible(&self) -> bool {
        let sums = self.taken.iter().chain(&self.added).chain(&self.executed);
        sums.chain([&self.mid_change_doubled]).all(|sum| sum.unsigned_abs() < 1 << 100)
    }
}

/// Watches one instrument for absorption over the window of 5 s.
///
/// Touched levels are the best one and those at which something was traded. What volumes are usual is sampled once a
/// window, from the side from which more was taken; windows without a trade are no windows to compare with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AbsorptionWatch {
    flow: BinWindow<TouchedFlow>,
    coverage: Coverage,
    mid_doubled: Option<i64>,
    volumes: LogHistogram,
    sampled: Option<i64>,
    /// The volume, in `Qty` units, from which on a window is asked; `None` while that is unknown.
    volume_min: Option<f64>,
}

impl Default for AbsorptionWatch {
    fn default() -> Self {
        Self {
            flow: BinWindow::new(WINDOWS[1]),
            coverage: Coverage::default(),
            mid_doubled: None,
            volumes: LogHistogram::default(),
            sampled: None,
            volume_min: None,
        }
    }
}

impl AbsorptionWatch {
    /// Takes a trade.
    pub(crate) fn on_trade(&mut self, now: i64, resting: Side, qty: Qty) {
        let mut flow = TouchedFlow::default();
        flow.taken[side_index(resting)] = i128::from(qty.0.max(0));
        self.flow.add(now, flow);
    }

    /// Takes a trade that explains what had been taken for cancelled.
    pub(crate) fn on_explained(&mut self, now: i64, explained: &Explained) {
        let mut flow = TouchedFlow::default();
        flow.executed[side_index(explained.side)] = i128::from(explained.qty.0.max(0));
        self.flow.add(now, flow);
    }

    /// Takes the mid of the next book, and what had happened at its levels.
    pub(crate) fn on_book(
        &mut self,
        now: i64,
        mut touched: TouchedFlow,
        mid_doubled: i64,
        settings: &AbsorptionSettings,
    ) {
        self.coverage.start(now);
        if let Some(before) = self.mid_doubled.replace(mid_doubled) {
            touched.mid_change_doubled = i128::from(mid_doubled) - i128::from(before);
        }
        self.flow.add(now, touched);
        let is_due =
            self.sampled.is_none_or(|sampled| now.saturating_sub(sampled) >= self.flow.span().nanos());
        if is_due && self.coverage.check(now, self.flow.span().nanos()).is_ok() {
            let [bids, asks] = self.flow.sum(now).taken;
            let volume = i64::try_from(bids.max(asks)).unwrap_or(i64::MAX);
            self.sampled = Some(now);
            if volume == 0 {
                return;
            }
            self.volumes.add(now, volume, settings.half_life_secs);
            self.volumes.recentre();
            let is_known = self.volumes.n_eff(now, settings.half_life_secs) >= settings.windows_min;
            self.volume_min = if is_known { self.volumes.quantile(settings.volume_quantile) } else { None };
        }
    }

    /// What was taken during the window that ends at `now`, if that is much.
    ///
    /// # Errors
    /// [`Absent::Cold`] or [`Absent::Resync`] before a window is full and 50 or so were seen; [`Absent::NoEvents`] when its
    /// volume is not among the largest tenth; [`Absent::BadNumber`].
    pub fn taken(&self, now: i64, units: Units) -> Result<AbsorbedFlow, Absent> {
        self.coverage.check(now, self.flow.span().nanos())?;
        let volume_min = self.volume_min.ok_or(Absent::Cold)?;
        let flow = self.flow.sum(now);
        let [bids, asks] = flow.taken;
        let aggressor = if asks >= bids { Aggressor::Buy } else { Aggressor::Sell };
        let side = side_index(taken_from(aggressor));
        let volume = flow.taken[side];
        if volume <= 0 || to_f64(volume) < volume_min {
            return Err(Absent::NoEvents);
        }
        let sign = i128::from(aggressor.sign());
        let base = |units_of_qty| finite(scaled(units_of_qty, units.qty_scale));
        Ok(AbsorbedFlow {
            aggressor,
            volume: base(volume)?,
            signed_move: finite(scaled(sign * flow.mid_change_doubled, units.price_scale) / 2.0)?,
            added: base(flow.added[side])?,
            executed: base(flow.executed[side])?,
        })
    }

    /// Absorption of the window that ends at `now`, given Kyle's lambda in quote units per base unit.
    ///
    /// # Errors
    /// Those of [`taken`](Self::taken); the reason why there is no lambda.
    pub fn measure(&self, now: i64, lambda: Measure, units: Units) -> Result<AbsorptionReading, Absent> {
        let taken = self.taken(now, units)?;
        let absorption = absorption(&taken.with_lambda(lambda?));
        Ok(AbsorptionReading { aggressor: taken.aggressor, absorption })
    }

    /// The decayed number of windows from which it knows what volumes are usual.
    #[must_use]
    pub fn n_eff(&self, now: i64, settings: &AbsorptionSettings) -> f64 {
        self.volumes.n_eff(now, settings.half_life_secs)
    }

    /// True when it knows what volumes are usual.
    #[must_use]
    pub const fn is_warm(&self) -> bool {
        self.volume_min.is_some()
    }

    /// Data was lost: nothing is measured until a window lies after it. What volumes are usual is kept.
    pub fn reset_reference(&mut self) {
        self.coverage.interrupt();
        self.mid_doubled = None;
    }

    pub(crate) fn is_consistent(&self) -> bool {
        self.volume_min.is_none_or(|volume| volume.is_finite() && volume >= 0.0)
    }
}
