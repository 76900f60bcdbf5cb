//! What a market holds, and the step from frame to frame.

use opus2_types::{Aggressor, MarketEvent, SCALE_MAX};
use serde::{Deserialize, Serialize};

use super::books::{Books, VenueBook};
use super::desk::{Desk, Want};
use super::queue::QueueWatch;
use super::trail::EventTrail;
use super::verdict::{Action, Amount, Fault, Grounds, Verdict};
use super::{Look, MarketTerms};
use crate::decision::hysteresis::{Change, Hysteresis, Observation, Position};
use crate::decision::rule::{Decision, Proposal};
use crate::exact::MILLI;
use crate::execution::plan::Planner;
use crate::risk::Blocks;
use crate::{Absent, Direction};

/// Refusals of a market, and complaints that it cannot be left, are at least so far apart, ns of its own time.
pub const NOTICES_APART_NS: i64 = 250 * MILLI;

/// Stage 4 of one market. Allocates nothing at a frame without a decision.
///
/// At every frame the rule decides on a copy of what is held; the copy is taken over only when there is an order to go with
/// it. So what cannot be bought is not held, and what cannot be sold is held still.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MarketExecution {
    trail: EventTrail,
    books: Books,
    queue: Option<QueueWatch>,
    pub(super) hysteresis: Hysteresis,
    /// How many decisions there were: the number of the newest.
    pub(super) decisions: u64,
    /// There while the hysteresis holds something.
    pub(super) held: Option<Held>,
    /// There only while the hysteresis is flat.
    pub(super) closing: Option<Closing>,
    /// What was last told of a candidate that is refused, or a position that cannot be left.
    pub(super) notice: Option<Notice>,
    noticed_at: Option<i64>,
}

/// What was entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) entry: u64,
    pub(super) direction: Direction,
    pub(super) qty: Amount,
}

/// What is being closed, until it is told to be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Closing {
    pub(super) entry: Option<u64>,
    pub(super) direction: Direction,
    /// The orders sent for it are over from here on.
    pub(super) retry_at: i64,
}

/// What makes one notice differ from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Notice {
    direction: Direction,
    grounds: Grounds,
    blocks: Blocks,
}

/// One frame with what the rule says of it.
pub(super) struct Moment<'a> {
    pub(super) look: &'a Look<'a>,
    pub(super) terms: &'a MarketTerms,
    pub(super) decision: Decision,
}

impl Moment<'_> {
    pub(super) const fn now(&self) -> i64 {
        self.look.outlook.now
    }
}

impl MarketExecution {
    /// Takes a frame; gives the decision, if there is one. Never more than one a frame.
    pub fn step(&mut self, look: &Look<'_>, planner: &mut Planner, terms: &MarketTerms) -> Option<Verdict> {
        if let Some(event) = look.event {
            self.observe(event, look, terms);
        }
        self.find_left_over(look);
        let is_idle = look.outlook.candidate.is_none() && self.held.is_none() && self.closing.is_none();
        if is_idle {
            self.notice = None;
            return None;
        }
        let mut next = self.hysteresis;
        let decision = terms.rule.decide(&mut next, &proposal(look, terms));
        let at = Moment { look, terms, decision };
        match decision.change {
            Change::Entered(direction) => self.enter(next, direction, &at, planner),
            Change::Left { from, why } => self.leave(next, from, why, &at, planner),
            Change::Stay => {
                self.hysteresis = next;
                match self.held {
                    Some(held) => self.hold(held, &at),
                    None => self.close_left_over(&at, planner).or_else(|| self.refuse_candidate(&at)),
                }
            }
        }
    }

    /// Which events led here.
    #[must_use]
    pub const fn trail(&self) -> EventTrail {
        self.trail
    }

    /// Flat, long or short, and since when.
    #[must_use]
    pub const fn hysteresis(&self) -> &Hysteresis {
        &self.hysteresis
    }

    /// The instruments with their newest live books, in the order of their names.
    pub fn books(&self) -> impl Iterator<Item = &VenueBook> {
        self.books.iter()
    }

    /// False for a state that no market can have.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let held = self.held.map_or(Position::Flat, |held| Position::of(held.direction));
        let is_amount = self.held.is_none_or(|held| held.qty.units >= 0 && held.qty.scale <= SCALE_MAX);
        let is_apart = self.held.is_none() || self.closing.is_none();
        held == self.hysteresis.position() && is_amount && is_apart && self.books.is_consistent()
    }

    fn observe(&mut self, event: &MarketEvent<'_>, look: &Look<'_>, terms: &MarketTerms) {
        self.trail.take(event.id);
        if let Some(candidate) = &look.outlook.candidate
            && self.queue.as_ref().is_none_or(|queue| *queue.instrument() != candidate.instrument)
        {
            self.queue = Some(QueueWatch::new(candidate.instrument));
        }
        let Some(book) = self.books.apply(event, &look.assessment.venues) else { return };
        if let Some(queue) = self.queue.as_mut().filter(|queue| queue.instrument() == book.name()) {
            queue.observe(event, book, &terms.config);
        }
    }

    fn enter(
        &mut self,
        next: Hysteresis,
        direction: Direction,
        at: &Moment<'_>,
        planner: &mut Planner,
    ) -> Option<Verdict> {
        if let Some(closed) = self.close_left_over(at, planner) {
            self.pass(at);
            return Some(closed);
        }
        let assessment = at.look.assessment;
        let mut qty = Amount { units: assessment.qty, scale: assessment.qty_scale };
        let order = if self.closing.is_some() {
            Err(Fault::LeftOver)
        } else if assessment.direction != Some(direction) || qty.units <= 0 {
            Err(Fault::NoQuantity)
        } else {
            let want = Want {
                side: side_of(direction),
                qty,
                is_entry: true,
                // Who is nearly sure must not wait in a queue.
                urgency: at.decision.p.map_or(1.0, |p| (2.0 * p - 1.0).abs()),
                horizon_secs: at.terms.horizon_secs(),
                number: self.decisions.saturating_add(1),
            };
            self.desk(at).order(&want, planner)
        };
        match order {
            Ok(order) => {
                self.hysteresis = next;
                qty.units = qty.units.saturating_sub(order.plan.left_out.0);
                let verdict = self.verdict(Action::Enter, direction, Grounds::default(), at);
                self.held = Some(Held { entry: verdict.number, direction, qty });
                self.notice = None;
                Some(Verdict { qty, order: Some(order), ..verdict })
            }
            Err(fault) => {
                self.pass(at);
                let grounds = Grounds { fault: Some(fault), ..Grounds::default() };
                self.refuse(direction, grounds, at)
            }
        }
    }

    /// A frame at which the rule would enter was seen, and nothing was.
    fn pass(&mut self, at: &Moment<'_>) {
        let seen =
            Observation { now: at.now(), p_up: Err(Absent::NoEvents), may_enter: false, must_leave: false };
        self.hysteresis.step(seen, &at.terms.rule.config().hysteresis(f64::INFINITY));
    }

    fn hold(&mut self, held: Held, at: &Moment<'_>) -> Option<Verdict> {
        self.notice = None;
        at.look.outlook.bar_end?;
        let qty = self.to_close(held.direction, at.look);
        let verdict = self.verdict(Action::Hold, held.direction, Grounds::default(), at);
        Some(Verdict { entry: Some(held.entry), qty, ..verdict })
    }

    /// Tells of a candidate that is likely enough and yet not entered.
    fn refuse_candidate(&mut self, at: &Moment<'_>) -> Option<Verdict> {
        let decision = &at.decision;
        let is_active = decision.p.is_ok_and(|p| p >= at.terms.rule.config().p_in_min);
        if !is_active {
            self.notice = None;
            return None;
        }
        let grounds = Grounds { rejections: decision.rejections, ..Grounds::default() };
        self.refuse(decision.candidate, grounds, at)
    }

    fn refuse(&mut self, direction: Direction, grounds: Grounds, at: &Moment<'_>) -> Option<Verdict> {
        self.is_news(direction, grounds, at).then(|| self.verdict(Action::Reject, direction, grounds, at))
    }

    /// Whether it differs from what was last told, and enough time has passed; remembers it then.
    pub(super) fn is_news(&mut self, direction: Direction, grounds: Grounds, at: &Moment<'_>) -> bool {
        let notice = Notice { direction, grounds, blocks: at.look.assessment.gate.blocks };
        let now = at.now();
        let is_soon = self.noticed_at.is_some_and(|then| now.saturating_sub(then) < NOTICES_APART_NS);
        if is_soon || self.notice == Some(notice) {
            return false;
        }
        (self.notice, self.noticed_at) = (Some(notice), Some(now));
        true
    }

    pub(super) const fn desk<'a>(&'a self, at: &Moment<'a>) -> Desk<'a> {
        Desk { books: &self.books, queue: self.queue.as_ref(), look: at.look, terms: at.terms }
    }

    /// The next decision, of stage 3's quantity and without an order.
    pub(super) fn verdict(
        &mut self,
        action: Action,
        direction: Direction,
        grounds: Grounds,
        at: &Moment<'_>,
    ) -> Verdict {
        self.decisions = self.decisions.saturating_add(1);
        let assessment = at.look.assessment;
        let units = if assessment.direction == Some(direction) { assessment.qty.max(0) } else { 0 };
        Verdict {
            number: self.decisions,
            action,
            direction,
            decision: at.decision,
            grounds,
            entry: None,
            qty: Amount { units, scale: assessment.qty_scale },
            order: None,
        }
    }
}

fn proposal(look: &Look<'_>, terms: &MarketTerms) -> Proposal {
    let Look { outlook, assessment, .. } = look;
    let candidate = outlook.candidate.as_ref();
    Proposal {
        now: outlook.now,
        p_up: candidate.map_or(Err(Absent::NoEvents), |candidate| Ok(candidate.p_up)),
        flat_share: terms.model.flat_share,
        gain_bps: terms.model.payoff.gain_bps,
        loss_bps: terms.model.payoff.loss_bps,
        // A cost that is not known is a reason against an entry.
        cost_bps: assessment.cost.map_or(f64::NAN, |cost| cost.total_bps()),
        gate: assessment.gate.value,
        missing_share: candidate.map_or(1.0, crate::context::Candidate::missing_share),
        is_proven: terms.model.is_proven() && terms.model.is_for(look.market),
        must_leave: assessment.must_leave,
    }
}

pub(super) const fn side_of(direction: Direction) -> Aggressor {
    match direction {
        Direction::Up => Aggressor::Buy,
        Direction::Down => Aggressor::Sell,
    }
}
