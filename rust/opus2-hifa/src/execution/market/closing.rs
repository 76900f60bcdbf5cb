//! Out of a position again: the exit, and what it leaves over.

use opus2_types::Aggressor;

use super::Look;
use super::desk::Want;
use super::state::{Closing, MarketExecution, Moment, side_of};
use super::verdict::{Action, Amount, Fault, Grounds, Order, Verdict};
use crate::Direction;
use crate::decision::hysteresis::{Hysteresis, Leave};
use crate::exact::MILLI;
use crate::execution::plan::Planner;
use crate::risk::PositionSource;

/// How long nothing is tried again after what was left over could not be closed, ns.
const RETRY_NS: i64 = 1_000 * MILLI;

impl MarketExecution {
    /// The rule leaves: with an order that closes what is held, or not yet.
    pub(super) fn leave(
        &mut self,
        next: Hysteresis,
        from: Direction,
        why: Leave,
        at: &Moment<'_>,
        planner: &mut Planner,
    ) -> Option<Verdict> {
        let qty = self.to_close(from, at.look);
        let mut grounds = Grounds { leave: Some(why), ..Grounds::default() };
        let order = if qty.units == 0 {
            Err(Fault::NothingHeld)
        } else {
            self.closing_order(from, qty, why == Leave::Stop, at, planner)
        };
        let entry = self.held.map(|held| held.entry);
        grounds.fault = order.as_ref().err().copied();
        match grounds.fault {
            None | Some(Fault::NothingHeld | Fault::BelowLot) => {
                self.hysteresis = next;
                (self.held, self.notice) = (None, None);
                let order = order.ok();
                self.closing = order.as_ref().map(|order| Closing {
                    entry,
                    direction: from,
                    retry_at: over_at(order, at.now()),
                });
                let verdict = self.verdict(Action::Exit, from, grounds, at);
                Some(Verdict { entry, qty, order, ..verdict })
            }
            Some(_) => {
                let is_news = self.is_news(from, grounds, at);
                let is_told = is_news || at.look.outlook.bar_end.is_some();
                let held = is_told.then(|| self.verdict(Action::Hold, from, grounds, at))?;
                Some(Verdict { entry, qty, ..held })
            }
        }
    }

    /// Looks whether anything has to be closed while nothing is meant to be held: what an exit has left over, or whatever
    /// is told to be held when everything must be left.
    pub(super) fn find_left_over(&mut self, look: &Look<'_>) {
        let assessment = look.assessment;
        if self.held.is_some() || assessment.position_source != PositionSource::Told {
            self.closing = None;
            return;
        }
        let held = assessment.held_qty;
        match self.closing {
            Some(closing) if signed(held, closing.direction) <= 0 => self.closing = None,
            None if assessment.must_leave && held != 0 => {
                let direction = if held > 0 { Direction::Up } else { Direction::Down };
                self.closing = Some(Closing { entry: None, direction, retry_at: look.outlook.now });
            }
            _ => {}
        }
    }

    pub(super) fn close_left_over(&mut self, at: &Moment<'_>, planner: &mut Planner) -> Option<Verdict> {
        let mut closing = self.closing.filter(|closing| at.now() >= closing.retry_at)?;
        let qty = self.to_close(closing.direction, at.look);
        let order = self.closing_order(closing.direction, qty, at.look.assessment.must_leave, at, planner);
        let mut grounds = Grounds { is_left_over: true, ..Grounds::default() };
        match order {
            Ok(order) => {
                closing.retry_at = over_at(&order, at.now());
                (self.closing, self.notice) = (Some(closing), None);
                let verdict = self.verdict(Action::Exit, closing.direction, grounds, at);
                Some(Verdict { entry: closing.entry, qty, order: Some(order), ..verdict })
            }
            // What is below a lot nobody can sell.
            Err(Fault::BelowLot) => {
                self.closing = None;
                None
            }
            Err(fault) => {
                closing.retry_at = at.now().saturating_add(RETRY_NS);
                self.closing = Some(closing);
                grounds.fault = Some(fault);
                let is_news = self.is_news(closing.direction, grounds, at);
                let held = is_news.then(|| self.verdict(Action::Hold, closing.direction, grounds, at))?;
                Some(Verdict { entry: closing.entry, qty, ..held })
            }
        }
    }

    /// What is held in a direction: as told, else what was entered.
    pub(super) fn to_close(&self, direction: Direction, look: &Look<'_>) -> Amount {
        let assessment = look.assessment;
        match assessment.position_source {
            PositionSource::Told => {
                Amount { units: signed(assessment.held_qty, direction).max(0), scale: assessment.qty_scale }
            }
            PositionSource::AssumedFlat => self.held.map_or_else(Amount::default, |held| held.qty),
        }
    }

    /// An order that closes; in haste all at once, or as soon as the books allow.
    fn closing_order(
        &self,
        held: Direction,
        qty: Amount,
        is_hasty: bool,
        at: &Moment<'_>,
        planner: &mut Planner,
    ) -> Result<Order, Fault> {
        let want = Want {
            side: match side_of(held) {
                Aggressor::Buy => Aggressor::Sell,
                Aggressor::Sell => Aggressor::Buy,
            },
            qty,
            is_entry: false,
            urgency: 1.0,
            horizon_secs: at.terms.horizon_secs(),
            number: self.decisions.saturating_add(1),
        };
        let desk = self.desk(at);
        let at_once = is_hasty.then(|| desk.order(&Want { horizon_secs: 0.0, ..want }, planner));
        match at_once {
            None | Some(Err(Fault::Unfilled)) => desk.order(&want, planner),
            Some(order) => order,
        }
    }
}

/// When the orders of a plan are over.
fn over_at(order: &Order, now: i64) -> i64 {
    let after_ms = i64::try_from(order.plan.expires_after_ms).unwrap_or(i64::MAX);
    now.saturating_add(after_ms.saturating_mul(MILLI))
}

/// A signed quantity as seen from a direction: positive when it is held that way.
const fn signed(qty: i64, direction: Direction) -> i64 {
    match direction {
        Direction::Up => qty,
        Direction::Down => qty.saturating_neg(),
    }
}
