//! What is done when lots of different size do not add up, or leave a dearer split than need be.

use super::allocate::{Allocation, Members, is_member};
use super::ladder::{Ladders, Seat};

/// Each step fills more or costs less; a handful is the rule.
const STEPS_MAX: usize = 32;

/// Moves lots between venues while that fills more, or the same for less. Does nothing when all lots are of one size.
pub(super) fn repair(
    ladders: &Ladders,
    members: Members,
    has_minimums: bool,
    start: Allocation,
) -> Allocation {
    let seats = ladders.seats();
    let in_use = || seats.iter().enumerate().filter(|(at, _)| is_member(members, *at));
    let mut lots = in_use().map(|(_, seat)| seat.lot);
    let first = lots.next().unwrap_or(1);
    if lots.all(|lot| lot == first) {
        return start;
    }
    let mut best = start;
    for _ in 0..STEPS_MAX {
        let before = best;
        for (from, source) in in_use() {
            for (to, sink) in in_use() {
                if from == to {
                    continue;
                }
                let floor = if has_minimums { source.minimum } else { 0 };
                let left = ladders.target - before.filled;
                for (returned, added) in moves(source, sink, left) {
                    if let Some(moved) =
                        moved(ladders, &before, (from, returned, floor), (to, added, sink.cap))
                        && moved.is_better_than(&best)
                    {
                        best = moved;
                    }
                }
            }
        }
        if best == before {
            break;
        }
    }
    best
}

/// Pairs of what one venue gives back and another takes more: one lot of the other's for the lots that make room for
/// it, and the smallest quantity that both can do.
fn moves(source: &Seat, sink: &Seat, left: i128) -> [(i128, i128); 2] {
    let room = (sink.lot - left).max(0);
    let returned = room + (source.lot - room % source.lot) % source.lot;
    let common = source.lot / divisor(source.lot, sink.lot);
    let both = common.checked_mul(sink.lot).unwrap_or(i128::MAX);
    [(returned, sink.lot), (both, both)]
}

fn moved(
    ladders: &Ladders,
    before: &Allocation,
    (from, returned, floor): (usize, i128, i128),
    (to, added, cap): (usize, i128, i128),
) -> Option<Allocation> {
    let mut qty = before.qty;
    let source = qty.get_mut(from)?;
    if returned > *source - floor {
        return None;
    }
    *source -= returned;
    let sink = qty.get_mut(to)?;
    if added > cap - *sink {
        return None;
    }
    *sink += added;
    let moved = Allocation::of(ladders, qty);
    (moved.filled <= ladders.target).then_some(moved)
}

/// The greatest common divisor of two positive numbers.
const fn divisor(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
