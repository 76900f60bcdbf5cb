//! Episodes that detectors are to find, and what is written down of each.
//!
//! None of them tells of the signal or of the next jump: sides are fair coins, and no quote's price is moved for longer
//! than an instant. What a jump runs over ends there.

use std::collections::VecDeque;

use opus2_types::{Level, Price, Qty, Scaled, Side, Venue};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::lattice::{Lattice, quantity};
use super::settings::InjectionKind;
use super::trader::{Agenda, Task, taker_from};
use super::truth::{Injected, TruthLine};
use crate::market::ladder::Ladder;
use crate::market::number::{to_float, to_nanos};
use crate::market::order::Order;
use crate::market::time::SimTime;

/// Episodes of one instrument at once; further ones do not begin.
const EPISODES_MAX: usize = 8;

/// A wall: so many levels from the best, in median sizes, alive for so long.
const WALL_STEPS: std::ops::RangeInclusive<i64> = 4..=10;
const WALL_MULTIPLE: std::ops::Range<f64> = 10.0..40.0;
const WALL_SECS: std::ops::Range<f64> = 3.0..30.0;

/// A sweep: levels, and how much of the last one.
const SWEEP_LEVELS: std::ops::RangeInclusive<usize> = 3..=6;
const SWEEP_LAST_PART: std::ops::Range<f64> = 0.3..0.9;

/// An iceberg: what it shows in median sizes, how often it refills, how long after a fill, time between fills, patience.
const PEAK_MULTIPLE: std::ops::Range<f64> = 0.5..1.0;
const REFILLS: std::ops::RangeInclusive<u32> = 4..=8;
const REFILL_SECS: std::ops::Range<f64> = 0.02..0.15;
const HIT_SECS: std::ops::Range<f64> = 0.2..0.6;
const ICEBERG_SECS: f64 = 40.0;

/// Layering: how many, within how many levels of the best, in median sizes, laid within, kept for, trades every.
const LAYERS: std::ops::RangeInclusive<usize> = 3..=5;
const LAYER_STEPS: i64 = 8;
const LAYER_MULTIPLE: std::ops::Range<f64> = 5.2..6.4;
const LAY_SECS: f64 = 0.3;
const LAYERING_SECS: std::ops::Range<f64> = 2.0..7.0;
const LAYERING_HIT_SECS: std::ops::Range<f64> = 0.15..0.4;
const LAYERING_HIT_PART: std::ops::Range<f64> = 0.3..0.5;

/// The present instant of one instrument.
pub(super) struct Moment<'a> {
    pub(super) now: SimTime,
    pub(super) wall_ns: i64,
    pub(super) ladder: &'a Ladder,
    pub(super) lattice: &'a Lattice,
    pub(super) agenda: &'a mut Agenda,
    pub(super) pending: &'a mut VecDeque<Order>,
}

impl Moment<'_> {
    fn best(&self, side: Side) -> Option<Level> {
        self.ladder.best(side)
    }

    fn later(&mut self, seconds: f64, id: u64) {
        self.agenda.note(self.now.plus(to_nanos(seconds).max(2)), Task::Continue(id));
    }
}

/// Whose episodes these are.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) venue: Venue,
    pub(super) symbol: String,
    pub(super) price_scale: u8,
    pub(super) qty_scale: u8,
    /// Distinguishes the ids of this instrument's episodes.
    pub(super) first_id: u64,
}

/// An episode under way.
#[derive(Debug)]
struct Episode {
    id: u64,
    side: Side,
    begin_ns: i64,
    begun: SimTime,
    /// Prices with what was put there, nearest to the spread first.
    placed: Vec<Level>,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Wall,
    Iceberg(Iceberg),
    Layering(Layering),
}

#[derive(Debug)]
struct Iceberg {
    /// What it shows at a time.
    peak: Qty,
    refills: u32,
    refills_left: u32,
    /// It shows it now.
    is_filled: bool,
}

#[derive(Debug)]
struct Layering {
    to_place: Vec<Level>,
    pull_at: SimTime,
    /// What jumps have taken or cancelled of it.
    run_over: i64,
}

/// The turn of one episode.
struct Turn<'a, 'b> {
    id: u64,
    side: Side,
    rng: &'a mut ChaCha8Rng,
    moment: &'a mut Moment<'b>,
}

impl Turn<'_, '_> {
    fn pull_wall(self, price: Price) {
        let Self { side, moment, .. } = self;
        let there = moment.ladder.qty(side, price);
        if there.0 > 0 {
            moment.pending.push_back(Order::Cancel { side, price, qty: there });
            let qty = moment.lattice.draw(self.rng);
            moment.pending.push_back(Order::Add { side, price, qty });
        }
    }

    fn refill_or_hit(self, price: Price, iceberg: &mut Iceberg) -> Option<&'static str> {
        let Self { id, side, rng, moment } = self;
        let qty = iceberg.peak;
        if !iceberg.is_filled {
            moment.pending.push_back(Order::Add { side, price, qty });
            iceberg.is_filled = true;
            iceberg.refills += 1;
            iceberg.refills_left = iceberg.refills_left.saturating_sub(1);
            if iceberg.refills_left == 0 {
                return Some("done");
            }
            moment.later(rng.random_range(HIT_SECS), id);
            return None;
        }
        let best = moment.best(side)?;
        if best.price == price && best.qty > qty {
            moment.pending.push_back(Order::Take { aggressor: taker_from(side), qty, limit: price });
            iceberg.is_filled = false;
            moment.later(rng.random_range(REFILL_SECS), id);
        } else {
            moment.later(rng.random_range(HIT_SECS), id);
        }
        None
    }

    fn lay_hit_or_pull(self, placed: &mut Vec<Level>, layering: &mut Layering) -> Option<&'static str> {
        let Self { id, side, rng, moment } = self;
        if let Some(level) = layering.to_place.pop() {
            let best = moment.best(side)?.price;
            let is_behind = match side {
                Side::Bid => level.price < best,
                Side::Ask => level.price > best,
            };
            if is_behind {
                moment.pending.push_back(Order::Add { side, price: level.price, qty: level.qty });
                placed.insert(0, level);
            }
            let is_last = layering.to_place.is_empty();
            moment.later(if is_last { rng.random_range(LAYERING_HIT_SECS) } else { LAY_SECS / 4.0 }, id);
            return None;
        }
        if moment.now >= layering.pull_at {
            for level in placed {
                let (price, qty) = (level.price, moment.ladder.qty(side, level.price));
                if qty.0 > 0 {
                    moment.pending.push_back(Order::Cancel { side, price, qty });
                }
            }
            return Some("pulled");
        }
        let other = side.opposite();
        let best = moment.best(other)?;
        let qty = quantity(rng.random_range(LAYERING_HIT_PART) * to_float(best.qty.0));
        if qty < best.qty {
            moment.pending.push_back(Order::Take { aggressor: taker_from(other), qty, limit: best.price });
        }
        moment.later(rng.random_range(LAYERING_HIT_SECS), id);
        None
    }
}

/// All episodes of one instrument.
#[derive(Debug)]
pub(super) struct Episodes {
    rng: ChaCha8Rng,
    named: Option<Named>,
    begun: u64,
    under_way: Vec<Episode>,
}

impl Episodes {
    pub(super) const fn new(rng: ChaCha8Rng) -> Self {
        Self { rng, named: None, begun: 0, under_way: Vec::new() }
    }

    pub(super) fn name(&mut self, named: Named) {
        self.named = Some(named);
    }

    pub(super) const fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.rng
    }

    /// Whether a price is an episode's own: nobody draws it anew.
    pub(super) fn holds(&self, side: Side, price: Price) -> bool {
        self.under_way
            .iter()
            .any(|episode| episode.side == side && episode.placed.iter().any(|level| level.price == price))
    }

    /// Begins an episode, unless there are too many or the book has no place for it now.
    pub(super) fn begin(&mut self, kind: InjectionKind, moment: &mut Moment<'_>, truth: &mut Vec<TruthLine>) {
        let side = if self.rng.random_bool(0.5) { Side::Bid } else { Side::Ask };
        if self.under_way.len() >= EPISODES_MAX {
            return;
        }
        match kind {
            InjectionKind::Wall => self.begin_wall(side, moment),
            InjectionKind::Sweep => self.sweep(side, moment, truth),
            InjectionKind::Iceberg => self.begin_iceberg(side, moment),
            InjectionKind::Layering => self.begin_layering(side, moment),
        }
    }

    fn follow(&mut self, side: Side, placed: Vec<Level>, form: Form, moment: &Moment<'_>) -> u64 {
        let id = self.next_id();
        let (begin_ns, begun) = (moment.wall_ns, moment.now);
        self.under_way.push(Episode { id, side, begin_ns, begun, placed, form });
        id
    }

    fn next_id(&mut self) -> u64 {
        self.begun += 1;
        self.named.as_ref().map_or(0, |named| named.first_id) + self.begun
    }

    fn begin_wall(&mut self, side: Side, moment: &mut Moment<'_>) {
        let Some(best) = moment.best(side) else { return };
        let steps = self.rng.random_range(WALL_STEPS);
        let qty = quantity(self.rng.random_range(WALL_MULTIPLE) * moment.lattice.median);
        let seconds = self.rng.random_range(WALL_SECS);
        let price = moment.lattice.away(side, best.price, steps);
        if self.holds(side, price) || moment.ladder.qty(side, price).0 == 0 {
            return;
        }
        moment.pending.push_back(Order::Add { side, price, qty });
        let id = self.follow(side, vec![Level { price, qty }], Form::Wall, moment);
        moment.later(seconds, id);
    }

    /// Takes whole levels from one side and puts others in their place, all at one instant.
    fn sweep(&mut self, side: Side, moment: &mut Moment<'_>, truth: &mut Vec<TruthLine>) {
        let wanted = self.rng.random_range(SWEEP_LEVELS);
        let part = self.rng.random_range(SWEEP_LAST_PART);
        let levels: Vec<Level> = moment.ladder.levels(side, wanted);
        if levels.iter().any(|level| self.holds(side, level.price)) {
            return;
        }
        let (Some(first), Some((last, whole))) = (levels.first(), levels.split_last()) else { return };
        let of_last = quantity(part * to_float(last.qty.0)).0.min(last.qty.0);
        let qty = Qty(whole.iter().map(|level| level.qty.0).sum::<i64>() + of_last);
        moment.pending.push_back(Order::Take { aggressor: taker_from(side), qty, limit: last.price });
        for level in whole {
            let qty = moment.lattice.draw(&mut self.rng);
            moment.pending.push_back(Order::Add { side, price: level.price, qty });
        }
        moment.pending.push_back(Order::Add { side, price: last.price, qty: Qty(of_last) });
        let count = u32::try_from(levels.len()).unwrap_or(u32::MAX);
        let id = self.next_id();
        let what = What { id, side, begin_ns: moment.wall_ns, prices: (first.price, last.price), qty, count };
        self.write(&what, moment.wall_ns, moment.lattice, ("done", 0.0), truth, TruthLine::Sweep);
    }

    fn begin_iceberg(&mut self, side: Side, moment: &mut Moment<'_>) {
        let Some(best) = moment.best(side) else { return };
        if self.holds(side, best.price) {
            return;
        }
        let peak = quantity(self.rng.random_range(PEAK_MULTIPLE) * moment.lattice.median);
        let refills_left = self.rng.random_range(REFILLS);
        moment.pending.push_back(Order::Add { side, price: best.price, qty: peak });
        let form = Form::Iceberg(Iceberg { peak, refills: 0, refills_left, is_filled: true });
        let id = self.follow(side, vec![Level { price: best.price, qty: peak }], form, moment);
        moment.later(self.rng.random_range(HIT_SECS), id);
    }

    fn begin_layering(&mut self, side: Side, moment: &mut Moment<'_>) {
        let Some(best) = moment.best(side) else { return };
        let count = self.rng.random_range(LAYERS);
        let gaps = rand::seq::index::sample(&mut self.rng, usize::try_from(LAYER_STEPS).unwrap_or(8), count);
        let mut gaps = gaps.into_vec();
        gaps.sort_unstable();
        let mut to_place: Vec<Level> = Vec::new();
        for gap in gaps {
            let steps = i64::try_from(gap).unwrap_or(0);
            // Between two levels of the lattice, where nothing rests.
            let (near, far) = (
                moment.lattice.away(side, best.price, steps),
                moment.lattice.away(side, best.price, steps + 1),
            );
            let price = Price(i64::midpoint(near.0, far.0));
            let qty = quantity(self.rng.random_range(LAYER_MULTIPLE) * moment.lattice.median);
            if moment.ladder.qty(side, price).0 > 0 {
                return;
            }
            to_place.push(Level { price, qty });
        }
        let pull_at = moment.now.plus(to_nanos(self.rng.random_range(LAYERING_SECS)));
        let form = Form::Layering(Layering { to_place, pull_at, run_over: 0 });
        let id = self.follow(side, Vec::new(), form, moment);
        self.go_on_with(self.under_way.len() - 1, id, moment);
    }

    /// An episode has its next turn, if it is still there.
    pub(super) fn go_on(&mut self, id: u64, moment: &mut Moment<'_>, truth: &mut Vec<TruthLine>) {
        let Some(at) = self.under_way.iter().position(|episode| episode.id == id) else { return };
        if let Some(end) = self.go_on_with(at, id, moment) {
            let episode = self.under_way.remove(at);
            self.tell(&episode, end, moment.wall_ns, moment.lattice, truth);
        }
    }

    /// Gives how it has ended, when it has.
    fn go_on_with(&mut self, at: usize, id: u64, moment: &mut Moment<'_>) -> Option<&'static str> {
        let Episode { side, placed, form, begun, .. } = self.under_way.get_mut(at)?;
        let turn = Turn { id, side: *side, rng: &mut self.rng, moment };
        match form {
            Form::Wall => {
                turn.pull_wall(placed.first()?.price);
                Some("pulled")
            }
            Form::Iceberg(_) if turn.moment.now.since(*begun) > to_nanos(ICEBERG_SECS) => Some("done"),
            Form::Iceberg(iceberg) => turn.refill_or_hit(placed.first()?.price, iceberg),
            Form::Layering(layering) => turn.lay_hit_or_pull(placed, layering),
        }
    }

    /// A jump has cleared a side up to `left`, the first price that stays: what stood there is over.
    pub(super) fn cleared(
        &mut self,
        side: Side,
        left: Price,
        is_taken: bool,
        moment: &mut Moment<'_>,
        truth: &mut Vec<TruthLine>,
    ) {
        let is_gone = |price: Price| match side {
            Side::Ask => price < left,
            Side::Bid => price > left,
        };
        let mut at = 0;
        while let Some(episode) = self.under_way.get_mut(at) {
            let is_hit = episode.side == side && episode.placed.iter().any(|level| is_gone(level.price));
            if !is_hit {
                at += 1;
                continue;
            }
            if let Form::Layering(Layering { run_over, .. }) = &mut episode.form {
                // The others stay. A level that a jump has cancelled was not taken away by who laid it.
                let gone = episode.placed.iter().filter(|level| is_gone(level.price));
                *run_over += gone.map(|level| level.qty.0).sum::<i64>();
                episode.placed.retain(|level| !is_gone(level.price));
                at += 1;
                continue;
            }
            let episode = self.under_way.remove(at);
            let end = if is_taken { "executed" } else { "cleared" };
            self.tell(&episode, end, moment.wall_ns, moment.lattice, truth);
        }
    }

    /// Writes down what is still going on.
    pub(super) fn finish(&mut self, wall_ns: i64, lattice: &Lattice, truth: &mut Vec<TruthLine>) {
        for episode in std::mem::take(&mut self.under_way) {
            self.tell(&episode, "open", wall_ns, lattice, truth);
        }
    }

    fn tell(
        &self,
        episode: &Episode,
        end: &'static str,
        end_ns: i64,
        lattice: &Lattice,
        truth: &mut Vec<TruthLine>,
    ) {
        let placed: i64 = episode.placed.iter().map(|level| level.qty.0).sum();
        let (Some(first), Some(last)) = (episode.placed.first(), episode.placed.last()) else { return };
        let levels = u32::try_from(episode.placed.len()).unwrap_or(u32::MAX);
        let (count, qty, cancelled_share, line): (_, _, _, fn(Injected) -> TruthLine) = match &episode.form {
            Form::Wall => {
                let share = if matches!(end, "pulled" | "cleared") { 1.0 } else { 0.0 };
                (1, placed, share, TruthLine::Wall)
            }
            Form::Iceberg(Iceberg { peak, refills, .. }) => (*refills, peak.0, 0.0, TruthLine::Iceberg),
            Form::Layering(Layering { run_over, .. }) => {
                let all = placed + run_over;
                let pulled = if end == "pulled" { placed } else { 0 };
                (levels, all, to_float(pulled) / to_float(all), TruthLine::Layering)
            }
        };
        let (id, side, begin_ns) = (episode.id, episode.side, episode.begin_ns);
        let what = What { id, side, begin_ns, prices: (first.price, last.price), qty: Qty(qty), count };
        self.write(&what, end_ns, lattice, (end, cancelled_share), truth, line);
    }

    fn write(
        &self,
        what: &What,
        end_ns: i64,
        lattice: &Lattice,
        (end, cancelled_share): (&str, f64),
        truth: &mut Vec<TruthLine>,
        line: fn(Injected) -> TruthLine,
    ) {
        let Some(named) = &self.named else { return };
        let price = |price: Price| Scaled::new(price.0, named.price_scale).to_string();
        truth.push(line(Injected {
            id: what.id,
            venue: named.venue,
            symbol: named.symbol.clone(),
            side: what.side,
            price: price(what.prices.0),
            price_last: price(what.prices.1),
            qty: Scaled::new(what.qty.0, named.qty_scale).to_string(),
            multiple: to_float(what.qty.0) / lattice.median,
            begin_ns: what.begin_ns,
            end_ns,
            end: end.to_owned(),
            count: what.count,
            cancelled_share,
        }));
    }
}

/// What is written down whatever the kind.
struct What {
    id: u64,
    side: Side,
    begin_ns: i64,
    prices: (Price, Price),
    qty: Qty,
    count: u32,
}
