//! Whose order comes next: everybody who trades one instrument of a laboratory market.

use std::collections::{BTreeMap, VecDeque};

use opus2_types::{Aggressor, Price, Qty, Side};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};

use super::inject::{Episodes, Moment};
use super::lattice::{Lattice, quantity};
use super::path::MarketPath;
use super::settings::{InjectionKind, Laboratory};
use super::truth::TruthLine;
use crate::market::ladder::Ladder;
use crate::market::number::{to_float, to_nanos};
use crate::market::order::Order;
use crate::market::time::SimTime;

/// Of the orders at the touch, those that cross the spread and those that add; the rest cancel. On average as much goes as
/// comes.
const TAKE_SHARE: f64 = 0.1;
const ADD_SHARE: f64 = 0.5;
/// An order that takes or adds is this part of a level's size drawn anew, one that cancels this part of what is there.
const PART_MIN: f64 = 0.05;
const PART_MAX: f64 = 0.25;
/// No order takes more than this part of the best level: none moves the price.
const TAKEN_MAX: f64 = 0.5;
/// A touch that has grown beyond this many mean sizes loses parts of that only.
const TOUCH_MEANS_MAX: f64 = 2.0;
/// Messages of one order at the touch: a quote, and a trade if it takes.
const MESSAGES_PER_TOUCH: f64 = 1.0 + TAKE_SHARE;
/// Messages that come whatever the touch does: batches of depth.
const BATCHES_PER_SEC: f64 = 10.0;
/// At least this part of the messages is of the touch.
const TOUCH_MESSAGES_MIN: f64 = 0.3;

/// Something to be done at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// An order at the touch.
    Touch,
    /// A level further out is drawn anew.
    Redraw,
    /// The price jumps.
    Jump,
    /// An episode may begin.
    Begin(InjectionKind),
    /// An episode goes on.
    Continue(u64),
}

/// Tasks in the order of time; of equal times, in the order in which they were noted.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    tasks: BTreeMap<(SimTime, u64), Task>,
    noted: u64,
}

impl Agenda {
    /// Notes a task. Its time becomes odd: see [`MarketPath::jump`].
    pub(super) fn note(&mut self, at: SimTime, task: Task) {
        self.noted += 1;
        self.tasks.insert((SimTime(at.0 | 1), self.noted), task);
    }

    /// Notes a task after an exponential time.
    fn note_after(&mut self, now: SimTime, per_sec: f64, task: Task, rng: &mut ChaCha8Rng) {
        if per_sec > 0.0 {
            let wait: f64 = Exp1.sample(rng);
            self.note(now.plus(to_nanos(wait / per_sec).max(2)), task);
        }
    }

    fn next_at(&self) -> Option<SimTime> {
        self.tasks.first_key_value().map(|((at, _), _)| *at)
    }
}

/// The participants of one instrument.
#[derive(Debug)]
pub(super) struct Trader {
    settings: Laboratory,
    pub(super) lattice: Lattice,
    /// Nanoseconds behind the market's path.
    lag: u64,
    touches_per_sec: f64,
    redraws_per_sec: f64,
    /// Random numbers of the flow; episodes have their own, so that they do not change it.
    rng: ChaCha8Rng,
    now: SimTime,
    agenda: Agenda,
    /// Orders of the present instant.
    pending: VecDeque<Order>,
    next_jump: u64,
    episodes: Episodes,
}

impl Trader {
    /// Participants whose messages come at about `messages_per_sec`.
    pub(super) fn new(
        settings: &Laboratory,
        lattice: Lattice,
        lag: u64,
        messages_per_sec: f64,
        [mut rng, episode_rng]: [ChaCha8Rng; 2],
        path: &mut MarketPath,
    ) -> Self {
        let of_touch = (messages_per_sec - BATCHES_PER_SEC).max(TOUCH_MESSAGES_MIN * messages_per_sec);
        let touches_per_sec = of_touch / MESSAGES_PER_TOUCH;
        let others = 2.0 * (f64::from(settings.levels) - 1.0);
        let redraws_per_sec = others * settings.redraws_per_sec;
        let mut agenda = Agenda::default();
        agenda.note_after(SimTime(0), touches_per_sec, Task::Touch, &mut rng);
        agenda.note_after(SimTime(0), redraws_per_sec, Task::Redraw, &mut rng);
        agenda.note(path.jump(0).at.plus(lag), Task::Jump);
        let mut episodes = Episodes::new(episode_rng);
        let warm_up = SimTime(0).plus(to_nanos(settings.warm_up.as_secs_f64()));
        for kind in InjectionKind::ALL {
            let per_sec = settings.inject.per_hour(kind) / 3_600.0;
            agenda.note_after(warm_up, per_sec, Task::Begin(kind), episodes.rng());
        }
        Self {
            settings: settings.clone(),
            lattice,
            lag,
            touches_per_sec,
            redraws_per_sec,
            rng,
            now: SimTime(0),
            agenda,
            pending: VecDeque::new(),
            next_jump: 0,
            episodes,
        }
    }

    /// The book at the beginning: every level of the lattice on both sides.
    pub(super) fn opening_orders(&mut self) -> Vec<Order> {
        let best_bid = self.lattice.opening_bid();
        let best_ask = self.lattice.away(Side::Ask, best_bid, 1);
        let mut orders = Vec::new();
        for (side, best) in [(Side::Bid, best_bid), (Side::Ask, best_ask)] {
            for steps in 0..self.lattice.levels {
                let qty = self.lattice.draw(&mut self.rng);
                orders.push(Order::Add { side, price: self.lattice.away(side, best, steps), qty });
            }
        }
        orders
    }

    /// When there is something to do.
    pub(super) fn next_at(&self) -> SimTime {
        if self.pending.is_empty() { self.agenda.next_at().unwrap_or(SimTime(u64::MAX)) } else { self.now }
    }

    /// The next order; `None` for a moment at which nothing is to be done after all. `wall_ns` is the wall time of now.
    pub(super) fn next_order(
        &mut self,
        wall_ns: i64,
        ladder: &Ladder,
        path: &mut MarketPath,
        truth: &mut Vec<TruthLine>,
    ) -> Option<Order> {
        if self.pending.is_empty()
            && let Some(((at, _), task)) = self.agenda.tasks.pop_first()
        {
            self.now = at;
            self.begin(task, wall_ns, ladder, path, truth);
        }
        self.pending.pop_front()
    }

    fn begin(
        &mut self,
        task: Task,
        wall_ns: i64,
        ladder: &Ladder,
        path: &mut MarketPath,
        truth: &mut Vec<TruthLine>,
    ) {
        let Some((bid, ask)) = best(ladder) else { return };
        match task {
            Task::Touch => {
                let signal = path.signal_at(self.now);
                self.touch(signal, ladder, bid, ask);
                self.agenda.note_after(self.now, self.touches_per_sec, Task::Touch, &mut self.rng);
            }
            Task::Redraw => {
                self.redraw(ladder, bid, ask);
                self.agenda.note_after(self.now, self.redraws_per_sec, Task::Redraw, &mut self.rng);
            }
            Task::Jump => {
                let steps = path.jump(self.next_jump).steps;
                let cleared = self.jump(steps, ladder, bid, ask);
                if let Some((side, is_taken, beyond)) = cleared {
                    let (episodes, mut moment) = self.episodes_at(wall_ns, ladder);
                    episodes.cleared(side, beyond, is_taken, &mut moment, truth);
                }
                self.next_jump += 1;
                self.agenda.note(path.jump(self.next_jump).at.plus(self.lag), Task::Jump);
            }
            Task::Begin(kind) => {
                let (episodes, mut moment) = self.episodes_at(wall_ns, ladder);
                episodes.begin(kind, &mut moment, truth);
                let per_sec = self.settings.inject.per_hour(kind) / 3_600.0;
                self.agenda.note_after(self.now, per_sec, task, self.episodes.rng());
            }
            Task::Continue(id) => {
                let (episodes, mut moment) = self.episodes_at(wall_ns, ladder);
                episodes.go_on(id, &mut moment, truth);
            }
        }
    }

    /// The episodes, and the present moment for them to act in.
    fn episodes_at<'a>(&'a mut self, wall_ns: i64, ladder: &'a Ladder) -> (&'a mut Episodes, Moment<'a>) {
        let Self { now, lattice, agenda, pending, episodes, .. } = self;
        (episodes, Moment { now: *now, wall_ns, ladder, lattice, agenda, pending })
    }

    /// An order at the best quotes that leaves them where they are. It points up or down with the signal.
    fn touch(&mut self, signal: i8, ladder: &Ladder, bid: Price, ask: Price) {
        let up = 0.5 + 0.5 * self.settings.flow_bias * f64::from(signal);
        let is_up = self.rng.random::<f64>() < up;
        let part = self.rng.random_range(PART_MIN..PART_MAX);
        let kind: f64 = self.rng.random();
        let (helped, hurt) =
            if is_up { ((Side::Bid, bid), (Side::Ask, ask)) } else { ((Side::Ask, ask), (Side::Bid, bid)) };
        if kind >= 1.0 - ADD_SHARE {
            let qty = quantity(part * to_float(self.lattice.draw(&mut self.rng).0));
            self.pending.push_back(Order::Add { side: helped.0, price: helped.1, qty });
            return;
        }
        let (side, price) = hurt;
        let there = ladder.qty(side, price).0;
        let is_take = kind < TAKE_SHARE;
        let qty = quantity(if is_take {
            (part * to_float(self.lattice.draw(&mut self.rng).0)).min(TAKEN_MAX * to_float(there))
        } else {
            part * to_float(there).min(TOUCH_MEANS_MAX * self.lattice.mean())
        });
        if qty.0 >= there {
            return;
        }
        self.pending.push_back(if is_take {
            Order::Take { aggressor: taker_from(side), qty, limit: price }
        } else {
            Order::Cancel { side, price, qty }
        });
    }

    /// A level behind the best is drawn anew.
    fn redraw(&mut self, ladder: &Ladder, bid: Price, ask: Price) {
        let side = if self.rng.random_bool(0.5) { Side::Bid } else { Side::Ask };
        let steps = self.rng.random_range(1..self.lattice.levels);
        let qty = self.lattice.draw(&mut self.rng);
        let price = self.lattice.away(side, if side == Side::Bid { bid } else { ask }, steps);
        if self.episodes.holds(side, price) {
            return;
        }
        let there = ladder.qty(side, price);
        if qty > there {
            self.pending.push_back(Order::Add { side, price, qty: Qty(qty.0 - there.0) });
        } else if qty < there {
            // All of it and anew: a part of a queue cannot be cancelled exactly.
            self.pending.push_back(Order::Cancel { side, price, qty: there });
            self.pending.push_back(Order::Add { side, price, qty });
        }
    }

    /// Moves every quote by so many steps, at this instant. Gives the side that was in the way, whether it was taken, and
    /// the first price of it that was left.
    fn jump(&mut self, steps: i64, ladder: &Ladder, bid: Price, ask: Price) -> Option<(Side, bool, Price)> {
        let Lattice { step, levels, .. } = self.lattice;
        let is_taken = self.rng.random_bool(0.5);
        let distance = steps * step;
        if distance == 0 || bid.0 + distance < self.lattice.lowest_bid() {
            return None;
        }
        // Seen from the side that is in the way: `hurt` retreats, `helped` follows.
        let (hurt, best_hurt, helped, best_helped) =
            if steps > 0 { (Side::Ask, ask, Side::Bid, bid) } else { (Side::Bid, bid, Side::Ask, ask) };
        let (new_hurt, new_helped) = (Price(best_hurt.0 + distance), Price(best_helped.0 + distance));
        let is_in_way = |price: Price| match hurt {
            Side::Ask => price < new_hurt,
            Side::Bid => price > new_hurt,
        };
        let gone: Vec<_> = ladder.iter(hurt).take_while(|level| is_in_way(level.price)).collect();
        if let (true, Some(last)) = (is_taken, gone.last()) {
            let qty = Qty(gone.iter().map(|level| level.qty.0).sum());
            self.pending.push_back(Order::Take { aggressor: taker_from(hurt), qty, limit: last.price });
        } else {
            let cancel = |level: &opus2_types::Level| {
                let (price, qty) = (level.price, level.qty);
                Order::Cancel { side: hurt, price, qty }
            };
            self.pending.extend(gone.iter().map(cancel));
        }
        let count = steps.abs();
        // What retreats has kept its far levels but for the last ones.
        for further in levels - count..levels {
            let qty = self.lattice.draw(&mut self.rng);
            let price = self.lattice.away(hurt, new_hurt, further);
            if ladder.qty(hurt, price).0 == 0 {
                self.pending.push_back(Order::Add { side: hurt, price, qty });
            }
        }
        // What follows comes nearer level by level, and its end is let go.
        for nearer in (0..count).rev() {
            let qty = self.lattice.draw(&mut self.rng);
            let price = self.lattice.away(helped, new_helped, nearer);
            self.pending.push_back(Order::Add { side: helped, price, qty });
        }
        let end = self.lattice.away(helped, new_helped, levels - 1);
        let is_beyond = |price: Price| match helped {
            Side::Bid => price < end,
            Side::Ask => price > end,
        };
        let beyond: Vec<_> = ladder.iter(helped).filter(|level| is_beyond(level.price)).collect();
        for level in beyond {
            self.pending.push_back(Order::Cancel { side: helped, price: level.price, qty: level.qty });
        }
        Some((hurt, is_taken, new_hurt))
    }

    /// Writes down what is still going on.
    pub(super) fn finish(&mut self, wall_ns: i64, truth: &mut Vec<TruthLine>) {
        self.episodes.finish(wall_ns, &self.lattice, truth);
    }

    /// Names the episodes of this instrument.
    pub(super) fn name(&mut self, instrument: super::inject::Named) {
        self.episodes.name(instrument);
    }
}

/// Both best prices.
fn best(ladder: &Ladder) -> Option<(Price, Price)> {
    Some((ladder.best(Side::Bid)?.price, ladder.best(Side::Ask)?.price))
}

/// Who takes from a side.
pub(super) const fn taker_from(side: Side) -> Aggressor {
    match side {
        Side::Bid => Aggressor::Sell,
        Side::Ask => Aggressor::Buy,
    }
}
