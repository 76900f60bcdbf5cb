//! The kill switches: what stops all new risk, and when it may go on.

use serde::{Deserialize, Serialize};

use super::block::{BlockReason, Blocks};
use crate::exact::{MILLI, to_f64};

/// When the switches fall.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct KillLimits {
    /// Loss since the day began, as a share of the equity then.
    pub daily_loss_share: f64,
    /// Loss since the highest equity, as a share of it.
    pub drawdown_share: f64,
    /// Rejected orders in a row.
    pub rejects_in_a_row: u32,
    /// Age of the newest data, ms.
    pub stale_data_ms: u32,
}

impl Default for KillLimits {
    fn default() -> Self {
        Self { daily_loss_share: 0.02, drawdown_share: 0.1, rejects_in_a_row: 5, stale_data_ms: 2_000 }
    }
}

const DAY_NS: i64 = 86_400_000_000_000;

/// The kill switches of an account.
///
/// | switch | falls | rises |
/// | --- | --- | --- |
/// | daily loss | equity has lost its share since the day (UTC) began | with the next day |
/// | drawdown | equity has lost its share since its highest | by [`rearm`](Self::rearm), from the equity then |
/// | rejects | so many orders in a row were rejected | by [`rearm`](Self::rearm) |
/// | stale data | the newest data is too old, or there is none | with newer data |
///
/// Equity is marked to the mid, open positions included, in any one unit; only its ratios count. `now` is the receive
/// time of the data and does not go back.
///
/// # Source
/// Methods reference 4.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KillSwitches {
    day: Option<Day>,
    equity: i128,
    highest: i128,
    rejects: u32,
    data_at: Option<i64>,
    fallen: Blocks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Day {
    index: i64,
    equity: i128,
}

impl KillSwitches {
    /// The account's equity at `now`. A day begins with the last equity of the one before.
    pub fn on_equity(&mut self, now: i64, equity: i128, limits: &KillLimits) {
        let index = now.div_euclid(DAY_NS);
        let day = match self.day {
            Some(day) if index <= day.index => day,
            Some(_) => {
                self.fallen.remove(BlockReason::DailyLoss);
                Day { index, equity: self.equity }
            }
            None => Day { index, equity },
        };
        self.day = Some(day);
        self.equity = equity;
        self.highest = self.highest.max(equity);
        self.fallen.insert_if(has_lost(day.equity, equity, limits.daily_loss_share), BlockReason::DailyLoss);
        self.fallen.insert_if(has_lost(self.highest, equity, limits.drawdown_share), BlockReason::Drawdown);
    }

    /// An order was accepted.
    pub fn on_accept(&mut self) {
        self.rejects = 0;
    }

    /// An order was rejected.
    pub fn on_reject(&mut self, limits: &KillLimits) {
        self.rejects = self.rejects.saturating_add(1);
        self.fallen.insert_if(self.rejects >= limits.rejects_in_a_row, BlockReason::Rejects);
    }

    /// Data that decisions rest upon has come.
    pub fn on_data(&mut self, now: i64) {
        self.data_at = Some(self.data_at.map_or(now, |before| before.max(now)));
    }

    /// Equity is of something else from now on: what was lost of the one before is forgotten, and what fell by it rises.
    pub fn restart_equity(&mut self) {
        (self.day, self.equity, self.highest) = (None, 0, 0);
        self.fallen.remove(BlockReason::DailyLoss);
        self.fallen.remove(BlockReason::Drawdown);
    }

    /// Somebody has looked: everything may rise, and the highest equity is the present one. The day's loss stays.
    pub fn rearm(&mut self) {
        self.rejects = 0;
        self.highest = self.equity;
        self.fallen.remove(BlockReason::Rejects);
        self.fallen.remove(BlockReason::Drawdown);
    }

    /// The switches that are down at `now`.
    #[must_use]
    pub fn blocks(&self, now: i64, limits: &KillLimits) -> Blocks {
        let mut blocks = self.fallen;
        let oldest = now.saturating_sub(i64::from(limits.stale_data_ms) * MILLI);
        blocks.insert_if(self.data_at.is_none_or(|at| at < oldest), BlockReason::StaleData);
        blocks
    }

    /// Loss since the day began, as a share of the equity then; negative for a gain, zero before the first equity.
    #[must_use]
    pub fn daily_loss_share(&self) -> f64 {
        self.day.map_or(0.0, |day| lost_share(day.equity, self.equity))
    }

    /// Loss since the highest equity, as a share of it.
    #[must_use]
    pub fn drawdown_share(&self) -> f64 {
        lost_share(self.highest, self.equity)
    }
}

/// True when `now` is less than `before` by the share, or there is nothing left to lose.
fn has_lost(before: i128, now: i128, share: f64) -> bool {
    now <= 0 || lost_share(before, now) >= share
}

fn lost_share(before: i128, now: i128) -> f64 {
    if before > 0 { to_f64(before.saturating_sub(now)) / to_f64(before) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 20_000 * DAY_NS + DAY_NS / 2;
    const LIMITS: KillLimits =
        KillLimits { daily_loss_share: 0.02, drawdown_share: 0.1, rejects_in_a_row: 5, stale_data_ms: 2_000 };

    /// Equities `(day, equity)` at noon; which switches are down in the end.
    #[track_caller]
    fn check(equities: &[(i64, i128)], expect: &[BlockReason]) -> KillSwitches {
        let mut switches = KillSwitches::default();
        for (day, equity) in equities {
            switches.on_equity(NOON + day * DAY_NS, *equity, &LIMITS);
        }
        switches.on_data(NOON);
        assert!(switches.blocks(NOON, &LIMITS).iter().eq(expect.iter().copied()), "{switches:?}");
        switches
    }

    #[test]
    fn a_days_loss_stops_the_day_and_no_other() {
        use BlockReason::{DailyLoss, Drawdown};
        check(&[(0, 10_000), (0, 9_801)], &[]);
        check(&[(0, 10_000), (0, 9_800)], &[DailyLoss]);
        check(&[(0, 10_000), (0, 9_800), (0, 10_100)], &[DailyLoss]);
        check(&[(0, 10_000), (0, 9_800), (1, 9_790)], &[]);
        // The day began with what the day before ended with.
        check(&[(0, 10_000), (1, 9_700)], &[DailyLoss]);
        check(&[(0, 10_000), (1, 9_900), (2, 9_750), (3, 9_600), (4, 9_450), (5, 9_300), (6, 9_150)], &[]);
        let slow: Vec<(i64, i128)> = (0..11).map(|day| (day, 10_000 - 100 * i128::from(day))).collect();
        let mut switches = check(&slow, &[Drawdown]);
        switches.on_equity(NOON + 11 * DAY_NS, 9_500, &LIMITS);
        assert!(switches.blocks(NOON, &LIMITS).contains(Drawdown), "a recovery does not lift it");
        switches.rearm();
        assert!(switches.blocks(NOON, &LIMITS).is_empty());
        assert!(switches.drawdown_share().abs() < 1e-12);
    }

    #[test]
    fn an_account_with_nothing_left_is_stopped() {
        use BlockReason::{DailyLoss, Drawdown};
        check(&[(0, 0)], &[DailyLoss, Drawdown]);
        check(&[(0, i128::MIN), (0, i128::MIN)], &[DailyLoss, Drawdown]);
    }

    #[test]
    fn rejects_in_a_row_stop_everything_until_somebody_looked() {
        let mut switches = check(&[], &[]);
        let mut play = |events: &str| {
            for event in events.chars() {
                match event {
                    'r' => switches.on_reject(&LIMITS),
                    'a' => switches.on_accept(),
                    _ => switches.rearm(),
                }
            }
            switches.blocks(NOON, &LIMITS).contains(BlockReason::Rejects)
        };
        assert!(!play("rrrrarrrr"));
        assert!(play("r"));
        assert!(play("aaa"));
        assert!(!play("!rrrr"));
    }

    #[test]
    fn old_data_stops_until_newer_comes() {
        let is_stale =
            |switches: &KillSwitches, now| switches.blocks(now, &LIMITS).contains(BlockReason::StaleData);
        let mut switches = KillSwitches::default();
        assert!(is_stale(&switches, NOON));
        switches.on_data(NOON);
        assert!(!is_stale(&switches, NOON + 2_000 * MILLI));
        assert!(is_stale(&switches, NOON + 2_000 * MILLI + 1));
        switches.on_data(NOON + 3_000 * MILLI);
        assert!(!is_stale(&switches, NOON + 3_000 * MILLI));
    }
}
