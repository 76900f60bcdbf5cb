//! What is held, what it is worth, and the equity behind it.

use opus2_types::PositionEvent;
use serde::{Deserialize, Serialize};

use super::book::Units;
use crate::exact::scaled;
use crate::risk::amount::AMOUNT_SCALE;
use crate::risk::kill_switch::{KillLimits, KillSwitches};
use crate::{Absent, Measure, measure::finite};

/// What is held of one instrument, as it was told.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Holding {
    told: Option<Told>,
    /// Twice the mid from which its profit is counted, in `Price` units; `None` while that is not known.
    from_doubled: Option<i64>,
    /// Twice the newest mid.
    mid_doubled: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Told {
    qty: i64,
    qty_scale: u8,
    /// Average entry price, quote units.
    entry: Measure,
}

impl Holding {
    /// A position was told; gives what the one before has earned since its profit was last counted, in millionths.
    pub(super) fn tell(&mut self, position: &PositionEvent, units: Units) -> i128 {
        let earned = self.earned_micros(units);
        let was_flat = self.qty() == 0;
        let entry = position.entry_price.filter(|price| price.0 > 0);
        self.told = Some(Told {
            qty: position.qty.0,
            qty_scale: units.qty_scale,
            entry: entry
                .ok_or(Absent::NoEvents)
                .and_then(|price| finite(scaled(price.0.into(), units.price_scale))),
        });
        let entry_doubled = entry.and_then(|price| price.0.checked_mul(2));
        self.from_doubled = match entry_doubled.filter(|_| was_flat) {
            None => self.mid_doubled.or(entry_doubled),
            known => known,
        };
        earned
    }

    /// The newest mid, twice, in `Price` units.
    pub(super) fn observe_mid(&mut self, mid_doubled: i64) {
        self.mid_doubled = Some(mid_doubled);
        if self.qty() != 0 && self.from_doubled.is_none() {
            self.from_doubled = Some(mid_doubled);
        }
    }

    /// From now on profit counts from the newest mid.
    pub(super) fn restart(&mut self) {
        self.from_doubled = self.mid_doubled;
    }

    /// Prices count differently from now on; gives what was earned, in millionths.
    pub(super) fn rescale(&mut self, before: Units) -> i128 {
        let earned = self.earned_micros(before);
        (self.from_doubled, self.mid_doubled) = (None, None);
        earned
    }

    /// Profit since it was last counted, millionths of the quote asset; zero while a mid is not known, and for amounts beyond
    /// all bounds.
    pub(super) fn earned_micros(&self, units: Units) -> i128 {
        let (Some(told), Some(from), Some(mid)) = (self.told, self.from_doubled, self.mid_doubled) else {
            return 0;
        };
        if told.qty == 0 {
            return 0;
        }
        let places = i32::from(units.price_scale) + i32::from(told.qty_scale) - i32::from(AMOUNT_SCALE);
        let earned = || {
            let doubled = i128::from(told.qty).checked_mul(i128::from(mid) - i128::from(from))?;
            let power = 10i128.checked_pow(places.unsigned_abs())?;
            let micros = if places >= 0 { doubled / power } else { doubled.checked_mul(power)? };
            Some(micros / 2)
        };
        earned().unwrap_or(0)
    }

    /// True once a position was told.
    pub(super) const fn is_told(&self) -> bool {
        self.told.is_some()
    }

    /// Signed quantity, in units of the scale it was told in.
    pub(super) fn qty(&self) -> i64 {
        self.told.map_or(0, |told| told.qty)
    }

    /// Signed quantity and its scale.
    pub(super) fn scaled_qty(&self) -> (i64, u8) {
        self.told.map_or((0, 0), |told| (told.qty, told.qty_scale))
    }

    /// Average entry price, quote units.
    pub(super) fn entry(&self) -> Measure {
        self.told.ok_or(Absent::NoEvents)?.entry
    }

    pub(super) fn is_consistent(&self) -> bool {
        self.told.is_none_or(|told| {
            told.qty_scale <= opus2_types::SCALE_MAX && told.entry.map_or(true, f64::is_finite)
        })
    }
}

/// The account's equity and its kill switches.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Account {
    /// Equity as last told, millionths.
    told_micros: Option<i64>,
    /// Profit of this market that was counted since then, or ever while nothing was told.
    earned_micros: i128,
    /// What the kill switches' equity rests upon: equity that was told, or that of a configuration.
    basis: Option<Basis>,
    kill: KillSwitches,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Basis {
    Told,
    Configured { micros: i64 },
}

impl Account {
    /// Equity was told: it includes everything earned so far.
    pub(super) fn tell(&mut self, equity_micros: i64) {
        self.told_micros = Some(equity_micros);
        self.earned_micros = 0;
    }

    /// A profit that cannot change any more.
    pub(super) fn earn(&mut self, micros: i128) {
        self.earned_micros = self.earned_micros.saturating_add(micros);
    }

    /// Equity as told, or as configured.
    pub(super) fn equity_micros(&self, configured_micros: i64) -> i64 {
        self.told_micros.unwrap_or(configured_micros)
    }

    pub(super) const fn is_told(&self) -> bool {
        self.told_micros.is_some()
    }

    /// Equity with everything earned since, `open_micros` of it by what is still held.
    pub(super) fn marked_micros(&self, configured_micros: i64, open_micros: i128) -> i128 {
        i128::from(self.equity_micros(configured_micros))
            .saturating_add(self.earned_micros)
            .saturating_add(open_micros)
    }

    /// Feeds the kill switches with the equity at `now`.
    ///
    /// When it rests upon something else than before (it was told for the first time, or another amount was configured),
    /// the switches begin anew: the difference is no loss.
    pub(super) fn mark(&mut self, now: i64, configured_micros: i64, open_micros: i128, limits: &KillLimits) {
        let basis =
            if self.is_told() { Basis::Told } else { Basis::Configured { micros: configured_micros } };
        if self.basis.replace(basis).is_some_and(|before| before != basis) {
            self.kill.restart_equity();
        }
        self.kill.on_equity(now, self.marked_micros(configured_micros, open_micros), limits);
    }

    pub(super) const fn kill(&self) -> &KillSwitches {
        &self.kill
    }

    pub(super) const fn kill_mut(&mut self) -> &mut KillSwitches {
        &mut self.kill
    }
}

#[cfg(test)]
mod tests {
    use opus2_types::{Price, Qty};

    use super::*;
    use crate::risk::block::BlockReason;

    const UNITS: Units = Units { price_scale: 2, qty_scale: 3, lot: 1 };
    const MILLION: i128 = 1_000_000;

    fn told(qty: i64, entry: Option<i64>) -> PositionEvent {
        PositionEvent { qty: Qty(qty), entry_price: entry.map(Price), equity_micros: None }
    }

    /// Tells positions `(qty, entry)` at twice a mid each; what was earned in all, in whole quote units.
    #[track_caller]
    fn check(steps: &[(i64, Option<i64>, i64)], end: i64, expect: i128) {
        let mut holding = Holding::default();
        let mut earned = 0;
        for (qty, entry, mid) in steps {
            holding.observe_mid(*mid);
            earned += holding.tell(&told(*qty, *entry), UNITS);
            assert!(holding.is_consistent());
        }
        holding.observe_mid(end);
        assert_eq!(earned + holding.earned_micros(UNITS), expect * MILLION);
    }

    #[test]
    fn a_holding_earns_from_its_entry_or_from_the_mid() {
        check(&[(2_000, None, 20_000)], 20_200, 2);
        check(&[(2_000, Some(9_900), 20_000)], 20_200, 4);
        check(&[(-2_000, Some(10_100), 20_000)], 20_200, 0);
        check(&[(2_000, None, 20_000), (5_000, None, 20_200)], 20_400, 2 + 5);
        check(&[(2_000, None, 20_000), (0, None, 20_200)], 40_000, 2);
        check(&[], 20_000, 0);
    }

    #[test]
    fn a_holding_told_before_any_mid_waits_for_one() {
        let mut holding = Holding::default();
        holding.tell(&told(1_000, None), UNITS);
        assert_eq!(holding.earned_micros(UNITS), 0);
        holding.observe_mid(20_000);
        holding.observe_mid(20_200);
        assert_eq!(holding.earned_micros(UNITS), MILLION);
        assert_eq!(holding.rescale(UNITS), MILLION);
        assert_eq!(holding.earned_micros(UNITS), 0);
        let mut huge = Holding::default();
        huge.tell(&told(i64::MIN, Some(i64::MAX)), UNITS);
        huge.observe_mid(i64::MAX);
        huge.restart();
        huge.observe_mid(1);
        let _checked: i128 = huge.earned_micros(UNITS);
    }

    #[test]
    fn equity_that_is_told_begins_the_switches_anew() {
        let limits = KillLimits::default();
        let mut account = Account::default();
        let has_fallen =
            |account: &Account| account.kill().blocks(0, &limits).contains(BlockReason::DailyLoss);
        account.mark(1, 100_000, 0, &limits);
        account.mark(2, 100_000, -1_999, &limits);
        assert!(!has_fallen(&account));
        account.mark(3, 50_000, 0, &limits);
        assert!(!has_fallen(&account), "another configuration is no loss");
        account.tell(10_000);
        account.mark(4, 50_000, 0, &limits);
        assert!(!has_fallen(&account), "neither is equity that is told");
        account.earn(-200);
        account.mark(5, 50_000, 0, &limits);
        assert!(has_fallen(&account));
        assert_eq!(account.marked_micros(50_000, 10), 9_810);
    }
}
