//! An instrument's bars of one second, and those of five seconds and a minute that are made of them.

use opus2_types::{Aggressor, Price, Qty};
use serde::{Deserialize, Serialize};

use crate::estimator::micro_move::log_return;
use crate::exact::bin_index;
use crate::{Absent, Measure};

const SECOND: i64 = 1_000_000_000;

/// A silence of more seconds is no sequence of quiet bars any more but a hole.
pub const SILENT_SECONDS_MAX: i64 = 900;

/// How long a bar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BarSpan {
    /// One second.
    Second,
    /// Five seconds.
    FiveSeconds,
    /// One minute.
    Minute,
}

impl BarSpan {
    /// The length, s.
    #[must_use]
    pub const fn secs(self) -> u8 {
        match self {
            Self::Second => 1,
            Self::FiveSeconds => 5,
            Self::Minute => 60,
        }
    }
}

/// What happened in `(end - span, end]`. Quotes and trades of one bar are cut at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bar {
    /// Its end, ns.
    pub end: i64,
    /// The mid in force when it began, or the first one after; doubled, in `Price` units.
    pub mid_open_doubled: Option<i64>,
    /// The mid in force when it ended, doubled, in `Price` units.
    pub mid_close_doubled: Option<i64>,
    /// Volume of aggressive buys minus sells, in `Qty` units.
    pub signed_volume: i128,
    /// Volume of all trades, in `Qty` units.
    pub volume: i128,
    /// Price times quantity of all trades, in `Price` times `Qty` units.
    pub notional: i128,
    /// How many trades.
    pub trades: u64,
    /// Data was lost in it: volumes are lower bounds, and its mids cannot be compared.
    pub is_broken: bool,
}

impl Bar {
    /// How far the mid went, doubled, in `Price` units.
    ///
    /// # Errors
    /// [`Absent::Resync`] when data was lost in the bar, [`Absent::Cold`] when there was no mid.
    pub fn mid_change_doubled(&self) -> Result<i128, Absent> {
        let (open, close) = self.mids()?;
        Ok(i128::from(close) - i128::from(open))
    }

    /// The log return of the mid.
    ///
    /// # Errors
    /// [`Absent::Resync`] when data was lost in the bar, [`Absent::Cold`] when there was no mid, [`Absent::BadNumber`]
    /// for one that is not positive.
    pub fn log_return(&self) -> Measure {
        let (open, close) = self.mids()?;
        log_return(open, close)
    }

    fn mids(&self) -> Result<(i64, i64), Absent> {
        if self.is_broken {
            return Err(Absent::Resync);
        }
        self.mid_open_doubled.zip(self.mid_close_doubled).ok_or(Absent::Cold)
    }

    /// Adds the bar that follows.
    fn join(&mut self, next: &Self) {
        self.end = next.end;
        self.mid_open_doubled = self.mid_open_doubled.or(next.mid_open_doubled);
        self.mid_close_doubled = next.mid_close_doubled;
        self.signed_volume = self.signed_volume.saturating_add(next.signed_volume);
        self.volume = self.volume.saturating_add(next.volume);
        self.notional = self.notional.saturating_add(next.notional);
        self.trades = self.trades.saturating_add(next.trades);
        self.is_broken |= next.is_broken;
    }
}

/// A longer bar in the making.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Group {
    /// How many bars of a second it has.
    seconds: u8,
    bar: Bar,
}

impl Group {
    /// Takes the bar of the second that ends at `index`; gives the longer bar that it completes. One whose beginning was
    /// not seen is dropped.
    fn take(&mut self, index: i64, next: &Bar, span: BarSpan) -> Option<Bar> {
        let place = (index - 1).rem_euclid(span.secs().into());
        if place == 0 {
            *self = Self { seconds: 1, bar: *next };
        } else if i64::from(self.seconds) == place {
            self.bar.join(next);
            self.seconds += 1;
        } else {
            self.seconds = 0;
        }
        (self.seconds == span.secs()).then_some(self.bar)
    }
}

/// The bars of one instrument.
///
/// Quotes and trades go into the open bar in the order they come; who owns the series knows the market's time and closes
/// the bar at whole seconds. Seconds in which nothing came get bars too, with the mid in force, so that every series of
/// bars has the same grid.
///
/// Each bar of a second is whole by construction, but the first may have begun before anything was seen. Bars of five
/// seconds and a minute end at whole multiples of their length since the epoch and come only when all their seconds did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BarSeries {
    open: Bar,
    /// The mid in force, doubled.
    mid: Option<i64>,
    /// The mid in force when the last bar ended.
    mid_before: Option<i64>,
    /// The end of the last bar, in seconds since the epoch; `None` before the first.
    closed: Option<i64>,
    five: Group,
    minute: Group,
}

impl BarSeries {
    /// From now on the mid is `mid_doubled`, in `Price` units. One that is not positive is passed over.
    pub fn observe_mid(&mut self, mid_doubled: i64) {
        if mid_doubled > 0 {
            self.mid = Some(mid_doubled);
            self.open.mid_open_doubled.get_or_insert(mid_doubled);
        }
    }

    /// A trade. True when it counts: one whose price or quantity is not positive is passed over.
    pub fn observe_trade(&mut self, price: Price, qty: Qty, aggressor: Aggressor) -> bool {
        if price.0 <= 0 || qty.0 <= 0 {
            return false;
        }
        let (price, qty) = (i128::from(price.0), i128::from(qty.0));
        let bar = &mut self.open;
        bar.signed_volume = bar.signed_volume.saturating_add(qty * i128::from(aggressor.sign()));
        bar.volume = bar.volume.saturating_add(qty);
        bar.notional = bar.notional.saturating_add(price * qty);
        bar.trades = bar.trades.saturating_add(1);
        true
    }

    /// Data was lost: the open bar is broken, and there is no mid until the next.
    pub const fn interrupt(&mut self) {
        self.mid = None;
        self.open.is_broken = true;
    }

    /// Ends the open bar at `end`, ns, a whole second (another time counts as the next one). Shows every bar that ends:
    /// first those of the silent seconds since the last, each second before the longer bars that it completes.
    ///
    /// A time at or before the last end closes nothing. Silence before an interruption may be part of it, so its bars are
    /// broken too; after more than [`SILENT_SECONDS_MAX`] seconds of silence there are no bars of it, and the bar that ends
    /// it is broken.
    pub fn close(&mut self, end: i64, mut closed: impl FnMut(BarSpan, &Bar)) {
        let index = bin_index(end, SECOND);
        let previous = self.closed.unwrap_or(index.saturating_sub(1));
        if index <= previous {
            return;
        }
        if index.saturating_sub(previous) - 1 > SILENT_SECONDS_MAX {
            self.open.is_broken = true;
            (self.five.seconds, self.minute.seconds) = (0, 0);
        } else {
            let mid = self.mid_before;
            let quiet = Bar {
                mid_open_doubled: mid,
                mid_close_doubled: mid,
                is_broken: self.open.is_broken,
                ..Bar::default()
            };
            for index in previous + 1..index {
                self.end_second(index, quiet, &mut closed);
            }
        }
        let next = Bar { mid_open_doubled: self.mid, ..Bar::default() };
        let mut bar = std::mem::replace(&mut self.open, next);
        bar.mid_close_doubled = self.mid;
        self.end_second(index, bar, &mut closed);
        (self.closed, self.mid_before) = (Some(index), self.mid);
    }

    fn end_second(&mut self, index: i64, mut bar: Bar, closed: &mut impl FnMut(BarSpan, &Bar)) {
        bar.end = index.saturating_mul(SECOND);
        closed(BarSpan::Second, &bar);
        if let Some(bar) = self.five.take(index, &bar, BarSpan::FiveSeconds) {
            closed(BarSpan::FiveSeconds, &bar);
        }
        if let Some(bar) = self.minute.take(index, &bar, BarSpan::Minute) {
            closed(BarSpan::Minute, &bar);
        }
    }

    /// The bar in the making.
    #[must_use]
    pub const fn open(&self) -> &Bar {
        &self.open
    }

    /// The mid in force, doubled, in `Price` units.
    #[must_use]
    pub const fn mid_doubled(&self) -> Option<i64> {
        self.mid
    }

    /// False for a loaded state that no events can have led to, and that might not be safe to go on with.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        // No time in nanoseconds has a second beyond this.
        self.closed
            .is_none_or(|index| index.unsigned_abs() <= i64::MAX.unsigned_abs() / SECOND.unsigned_abs() + 1)
            && self.five.seconds <= BarSpan::FiveSeconds.secs()
            && self.minute.seconds <= BarSpan::Minute.secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    enum Step {
        Mid(i64),
        Buy(i64),
        Sell(i64),
        Lost,
        Close(i64),
    }
    use Step::{Buy, Close, Lost, Mid, Sell};

    /// Each bar as `span@end open>close signed/volume`, broken ones with an exclamation mark.
    #[track_caller]
    fn check(steps: &[Step], expect: &str) {
        let mut series = BarSeries::default();
        let mut shown = Vec::new();
        for step in steps {
            match *step {
                Mid(mid) => series.observe_mid(mid),
                Buy(qty) => assert_eq!(series.observe_trade(Price(2), Qty(qty), Aggressor::Buy), qty > 0),
                Sell(qty) => assert_eq!(series.observe_trade(Price(2), Qty(qty), Aggressor::Sell), qty > 0),
                Lost => series.interrupt(),
                Close(secs) => series.close(secs * SECOND, |span, bar| {
                    let mid = |mid: Option<i64>| mid.map_or("-".to_owned(), |mid| mid.to_string());
                    let (open, close) = (mid(bar.mid_open_doubled), mid(bar.mid_close_doubled));
                    let broken = if bar.is_broken { "!" } else { "" };
                    assert_eq!(bar.notional, 2 * bar.volume);
                    shown.push(format!(
                        "{}@{} {open}>{close} {}/{}{broken}",
                        span.secs(),
                        bar.end / SECOND,
                        bar.signed_volume,
                        bar.volume
                    ));
                }),
            }
            let saved = serde_json::to_string(&series).unwrap();
            let loaded: BarSeries = serde_json::from_str(&saved).unwrap();
            assert!(loaded == series && loaded.is_consistent());
        }
        assert_eq!(shown.join(", "), expect);
    }

    #[test]
    fn a_bar_holds_what_came_before_its_end() {
        check(&[], "");
        check(&[Close(7)], "1@7 ->- 0/0");
        check(&[Mid(10), Buy(3), Mid(12), Sell(1), Close(7)], "1@7 10>12 2/4");
        check(&[Mid(10), Close(7), Mid(11), Close(8)], "1@7 10>10 0/0, 1@8 10>11 0/0");
    }

    #[test]
    fn silent_seconds_have_bars_with_the_mid_in_force() {
        check(&[Mid(10), Close(7), Mid(14), Buy(1), Close(9)], "1@7 10>10 0/0, 1@8 10>10 0/0, 1@9 10>14 1/1");
        check(&[Close(7), Mid(14), Close(9)], "1@7 ->- 0/0, 1@8 ->- 0/0, 1@9 14>14 0/0");
    }

    #[test]
    fn longer_bars_are_whole_and_end_on_their_multiples() {
        check(
            &[Mid(9), Close(4), Mid(10), Close(5), Buy(2), Mid(11), Close(6), Sell(5), Mid(13), Close(10)],
            "1@4 9>9 0/0, 1@5 9>10 0/0, 1@6 10>11 2/2, 1@7 11>11 0/0, 1@8 11>11 0/0, 1@9 11>11 0/0, \
             1@10 11>13 -5/5, 5@10 10>13 -3/7",
        );
    }

    #[test]
    fn a_minute_has_sixty_seconds() {
        let mut series = BarSeries::default();
        let mut minutes = Vec::new();
        for second in 30..=200 {
            series.observe_trade(Price(1), Qty(1), Aggressor::Buy);
            series.close(second * SECOND, |span, bar| {
                if span == BarSpan::Minute {
                    minutes.push((bar.end / SECOND, bar.trades));
                }
            });
        }
        assert_eq!(minutes, [(120, 60), (180, 60)]);
    }

    #[test]
    fn nothing_is_compared_across_a_loss() {
        check(
            &[Mid(10), Close(1), Lost, Mid(20), Close(3), Mid(21), Close(4)],
            "1@1 10>10 0/0, 1@2 10>10 0/0!, 1@3 10>20 0/0!, 1@4 20>21 0/0",
        );
        check(
            &[Mid(10), Close(1), Lost, Close(2), Mid(9), Close(3)],
            "1@1 10>10 0/0, 1@2 10>- 0/0!, 1@3 9>9 0/0",
        );
        let broken = Bar { is_broken: true, ..Bar::default() };
        assert_eq!(broken.log_return(), Err(Absent::Resync));
        assert_eq!(Bar::default().mid_change_doubled(), Err(Absent::Cold));
    }

    #[test]
    fn a_long_silence_is_a_loss() {
        check(
            &[Mid(10), Close(1), Mid(12), Close(SILENT_SECONDS_MAX + 3)],
            "1@1 10>10 0/0, 1@903 10>12 0/0!",
        );
    }

    #[test]
    fn no_longer_bar_is_glued_across_a_hole() {
        // Seconds 1 and 2 of one bar of five, then 3 to 5 of another: none is whole.
        let mut series = BarSeries::default();
        for second in [1, 2, 1_003, 1_004, 1_005] {
            series.close(second * SECOND, |span, _| assert_eq!(span, BarSpan::Second));
        }
        let mut longer = 0;
        series.close(1_010 * SECOND, |span, _| longer += u32::from(span == BarSpan::FiveSeconds));
        assert_eq!(longer, 1);
    }

    #[test]
    fn faults_and_time_that_goes_back_change_nothing() {
        check(&[Mid(10), Mid(0), Mid(-4), Buy(0), Sell(-3), Close(5), Close(5), Close(2)], "1@5 10>10 0/0");
        let mut series = BarSeries::default();
        let mut count = 0;
        for end in [i64::MIN, i64::MAX, i64::MIN, 0] {
            series.observe_trade(Price(i64::MAX), Qty(i64::MAX), Aggressor::Sell);
            series.close(end, |_, _| count += 1);
        }
        assert_eq!(count, 2);
    }
}
