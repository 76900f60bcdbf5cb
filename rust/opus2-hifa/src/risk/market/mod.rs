//! Stage 3 of one market.
//!
//! | file | holds |
//! | --- | --- |
//! | `settings` | [`RiskSettings`]: configuration, fees, what the model claims, and what follows from them |
//! | `instrument` | [`InstrumentRisk`]: what is kept of one instrument |
//! | `vitals` | the health of its venue, as its own events show it |
//! | `book` | its newest book: depths, and what the probe would cost |
//! | `account` | what is held, equity, kill switches |
//! | `order` | what is wanted at one instrument, and its cost |
//! | `assess` | the gate, and the assessment made of all of it |
//! | `sizing` | [`Sizing`]: how the quantity came about |

mod account;
mod assess;
mod book;
mod instrument;
mod order;
mod settings;
mod sizing;
mod vitals;

use arrayvec::ArrayVec;
use opus2_types::{EventBody, MarketEvent};
use serde::{Deserialize, Serialize};

use super::assessment::{ASSESSED_VENUES_MAX, Assessment};
use super::health_gate::peg_factor;
use super::kill_switch::KillSwitches;
use crate::context::Outlook;
use crate::exact::{MILLI, scaled, seconds};
use crate::measure::finite;
use crate::signal::ReadingHead;
use crate::{Absent, Direction, Measure};
use account::Account;
use assess::{Assessed, Inputs, Judge};
pub use instrument::InstrumentRisk;
pub use settings::{RiskSettings, Tails};
pub use sizing::{SizeBound, Sizing};

/// The most instruments of a market that stage 3 follows; later ones are not taken.
pub const INSTRUMENTS_MAX: usize = 64;

/// The longest that an assessment is used again while nothing has happened to it, ns: its ages must not grow old.
const REUSE_NS_MAX: i64 = 100 * MILLI;

/// The probability of its direction from which a candidate is active. Methods reference 6.3.
pub const ACTIVE_PROBABILITY_MIN: f64 = 0.60;

/// One frame of stage 2.
#[derive(Debug, Clone, Copy)]
pub struct RiskFrame<'a> {
    /// The event, and what stage 1 knows at it; `None` for a frame that stage 2 made at the end of a second.
    pub event: Option<(&'a MarketEvent<'a>, ReadingHead)>,
    /// What stage 2 makes of the market.
    pub outlook: &'a Outlook,
    /// The model may trade in this market: [`RiskSettings::may_trade`].
    pub may_trade: bool,
}

/// What a frame did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// There was an assessment, rather than the last one being used again.
    pub is_assessed: bool,
    /// The event's instrument is beyond [`INSTRUMENTS_MAX`].
    pub is_beyond_limit: bool,
    /// The event came at an earlier time than the market's own.
    pub is_late: bool,
}

/// Stage 3 of one market: takes frames of stage 2, gives an [`Assessment`] for each.
///
/// The market's time is the largest that any frame has shown. Health, latencies, pegs, ranks and the kill switches' equity
/// are looked at when a second ends; everything else at once. An assessment is used again when neither stage 2's inputs nor
/// any book, state, score or position has changed since, and it is not older than 100 ms.
///
/// Of up to [`INSTRUMENTS_MAX`] instruments [`ASSESSED_VENUES_MAX`] are assessed: those whose venue's health allows anything,
/// then those that traded most in the last ten minutes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MarketRisk {
    now: i64,
    /// In the order of venue and symbol.
    instruments: Vec<InstrumentRisk>,
    /// Places of those that are assessed, in the same order.
    assessed: ArrayVec<u8, ASSESSED_VENUES_MAX>,
    second_ended_at: Option<i64>,
    account: Account,
    last: Option<Assessed>,
    /// Something has changed since the last assessment.
    is_moved: bool,
}

impl Default for MarketRisk {
    fn default() -> Self {
        Self {
            now: i64::MIN,
            instruments: Vec::new(),
            assessed: ArrayVec::new(),
            second_ended_at: None,
            account: Account::default(),
            last: None,
            is_moved: true,
        }
    }
}

impl MarketRisk {
    /// Takes a frame; [`assessment`](Self::assessment) is then the one for it.
    pub fn take(&mut self, frame: &RiskFrame<'_>, settings: &RiskSettings) -> Taken {
        let mut taken = Taken::default();
        self.now = self.now.max(frame.outlook.now).max(frame.outlook.bar_end.unwrap_or(i64::MIN));
        if let Some((event, reading)) = frame.event {
            taken.is_late = event.recv_ts.0 < self.now;
            self.now = self.now.max(event.recv_ts.0);
            taken.is_beyond_limit = !self.take_event(event, &reading, settings);
        } else if frame.outlook.bar_end.is_some() {
            self.end_second(settings);
        }
        let inputs = Inputs::of(frame.outlook);
        let is_usable = |last: &Assessed| {
            last.inputs == inputs && (0..REUSE_NS_MAX).contains(&self.now.saturating_sub(last.at))
        };
        if self.is_moved || !self.last.as_ref().is_some_and(is_usable) {
            let judge = Judge { market: self, settings, now: self.now, inputs, may_trade: frame.may_trade };
            self.last = Some(judge.assess());
            self.is_moved = false;
            taken.is_assessed = true;
        }
        taken
    }

    /// False when there is no room for the event's instrument.
    fn take_event(
        &mut self,
        event: &MarketEvent<'_>,
        reading: &ReadingHead,
        settings: &RiskSettings,
    ) -> bool {
        let Some(place) = self.find_or_insert(event) else { return false };
        let Some(instrument) = self.instruments.get_mut(place) else { return false };
        let moved = instrument.take(self.now, event, reading, settings);
        self.account.earn(moved.earned_micros);
        if let Some(equity_micros) = moved.equity_micros {
            self.account.tell(equity_micros);
            self.instruments.iter_mut().for_each(|instrument| instrument.holding.restart());
        }
        let is_looked_at = self.assessed.iter().any(|index| usize::from(*index) == place);
        if moved.is_data && is_looked_at {
            self.account.kill_mut().on_data(event.recv_ts.0);
        }
        let is_ours = matches!(event.body, EventBody::Position(_));
        self.is_moved |= moved.is_assessed && (is_looked_at || is_ours);
        true
    }

    fn find_or_insert(&mut self, event: &MarketEvent<'_>) -> Option<usize> {
        let found =
            self.instruments.binary_search_by(|instrument| instrument.place(event.venue, event.symbol));
        match found {
            Ok(place) => Some(place),
            Err(_) if self.instruments.len() >= INSTRUMENTS_MAX => None,
            Err(place) => {
                self.instruments.insert(place, InstrumentRisk::new(event));
                let new = u8::try_from(place).ok()?;
                for index in &mut self.assessed {
                    *index += u8::from(*index >= new);
                }
                let at = self.assessed.iter().filter(|index| **index < new).count();
                // Without room it waits for the end of the second, when all are ranked.
                self.is_moved |= self.assessed.try_insert(at, new).is_ok();
                Some(place)
            }
        }
    }

    fn end_second(&mut self, settings: &RiskSettings) {
        let since = self.second_ended_at.replace(self.now);
        let dt_secs = since.map_or(0.0, |since| seconds(self.now.saturating_sub(since)).max(0.0));
        for instrument in &mut self.instruments {
            instrument.end_second(self.now, dt_secs, settings);
        }
        self.rank(settings);
        self.judge_pegs(settings);
        let config = settings.config();
        let open_micros = self.open_micros();
        self.account.mark(self.now, config.equity_quote.micros(), open_micros, &config.kill);
        self.is_moved = true;
    }

    /// Chooses which instruments are assessed.
    fn rank(&mut self, settings: &RiskSettings) {
        self.assessed.clear();
        for (place, instrument) in (0u8..).zip(&self.instruments) {
            if self.assessed.try_push(place).is_ok() {
                continue;
            }
            // Of equal ones the last has to go.
            let worst = self.assessed.iter().enumerate().rev().min_by(|(_, a), (_, b)| {
                let [a, b] = [**a, **b].map(|index| &self.instruments[usize::from(index)]);
                a.rank(b, settings)
            });
            let Some((at, worst)) = worst.map(|(at, worst)| (at, usize::from(*worst))) else { continue };
            if instrument.rank(&self.instruments[worst], settings).is_gt() {
                self.assessed.remove(at);
                self.assessed.push(place);
            }
        }
    }

    /// Compares every mid with the middle one: a currency that has lost its peg shows as a mid away from the others. Of two
    /// mids nobody can say which is wrong.
    fn judge_pegs(&mut self, settings: &RiskSettings) {
        let mut mids = ArrayVec::<f64, ASSESSED_VENUES_MAX>::new();
        for index in &self.assessed {
            let instrument = self.instruments.get(usize::from(*index));
            mids.extend(instrument.and_then(|instrument| instrument.book.look().ok()).map(|look| look.mid));
        }
        mids.sort_unstable_by(f64::total_cmp);
        let middle = mids.get(mids.len() / 2).copied().filter(|_| mids.len() >= 3);
        for instrument in &mut self.instruments {
            let mid = instrument.book.look().ok().map(|look| look.mid);
            let rate = mid.zip(middle).map(|(mid, middle)| finite(mid / middle));
            instrument.set_peg(peg_factor(rate, settings.config().peg_deviation_max));
        }
    }

    fn open_micros(&self) -> i128 {
        let earned =
            self.instruments.iter().map(|instrument| instrument.holding.earned_micros(instrument.units));
        earned.fold(0i128, i128::saturating_add)
    }

    /// The assessment for the last frame; `None` before the first.
    #[must_use]
    pub fn assessment(&self) -> Option<&Assessment> {
        self.last.as_ref().map(|last| &last.assessment)
    }

    /// How its quantity came about.
    #[must_use]
    pub fn sizing(&self) -> Option<&Sizing> {
        self.last.as_ref().map(|last| &last.sizing)
    }

    /// The likelier direction at the last frame, and its probability.
    #[must_use]
    pub fn candidate(&self) -> Option<(Direction, f64)> {
        self.last.as_ref()?.inputs.candidate()
    }

    /// The direction of the candidate when it is active: its probability is at least [`ACTIVE_PROBABILITY_MIN`].
    #[must_use]
    pub fn active(&self) -> Option<Direction> {
        self.candidate().filter(|(_, p)| *p >= ACTIVE_PROBABILITY_MIN).map(|(direction, _)| direction)
    }

    /// The market's time, ns.
    #[must_use]
    pub const fn now(&self) -> i64 {
        self.now
    }

    /// The kill switches.
    #[must_use]
    pub const fn kill(&self) -> &KillSwitches {
        self.account.kill()
    }

    /// Equity with what was earned since it was told, marked to the mid, millionths; beyond 64 bits it is the bound.
    #[must_use]
    pub fn marked_equity_micros(&self, settings: &RiskSettings) -> i64 {
        let configured = settings.config().equity_quote.micros();
        let marked = self.account.marked_micros(configured, self.open_micros());
        i64::try_from(marked).unwrap_or(if marked < 0 { i64::MIN } else { i64::MAX })
    }

    /// True when equity was told, false when it is the configuration's.
    #[must_use]
    pub const fn is_equity_told(&self) -> bool {
        self.account.is_told()
    }

    /// The average price at which what is held was entered, quote units, over the instruments that hold any.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] when nothing is held, an entry price was not told, or one instrument is held long and another
    /// short.
    pub fn entry_price(&self) -> Measure {
        let (mut cost, mut held) = (0.0f64, 0.0f64);
        for instrument in self.instruments.iter().filter(|instrument| instrument.holding.qty() != 0) {
            let (qty, scale) = instrument.holding.scaled_qty();
            let base = scaled(qty.into(), scale);
            if base * held < 0.0 {
                return Err(Absent::NoEvents);
            }
            cost += base * instrument.holding.entry()?;
            held += base;
        }
        if held == 0.0 { Err(Absent::NoEvents) } else { finite(cost / held) }
    }

    /// The instruments that are assessed, in the order of venue and symbol.
    pub fn assessed(&self) -> impl Iterator<Item = &InstrumentRisk> {
        self.assessed.iter().filter_map(|index| self.instruments.get(usize::from(*index)))
    }

    /// The instrument that the last assessment is of: where an order would go.
    #[must_use]
    pub fn judged(&self) -> Option<&InstrumentRisk> {
        let name = self.sizing()?.instrument?;
        self.assessed().find(|instrument| *instrument.name() == name)
    }

    /// Makes ready what was loaded; false for a state that no frames can have led to, and that might not be safe to go on
    /// with.
    #[must_use]
    pub fn restore(&mut self, settings: &RiskSettings) -> bool {
        let is_sorted =
            self.instruments.is_sorted_by(|before, after| before.place(after.venue, &after.symbol).is_lt());
        let is_placed = self.assessed.is_sorted_by(|before, after| before < after)
            && self.assessed.iter().all(|index| usize::from(*index) < self.instruments.len());
        let is_consistent = self.instruments.len() <= INSTRUMENTS_MAX
            && self.instruments.iter().all(InstrumentRisk::is_consistent)
            && self.last.as_ref().is_none_or(Assessed::is_consistent);
        if !(is_sorted && is_placed && is_consistent) {
            return false;
        }
        for instrument in &mut self.instruments {
            instrument.book.restore(instrument.units, settings);
        }
        true
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
