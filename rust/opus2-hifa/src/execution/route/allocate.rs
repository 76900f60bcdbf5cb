//! The cheapest split over a given set of venues.

use super::ROUTE_VENUES_MAX;
use super::ladder::{Cursor, Ladders, NextCost};
use super::repair::repair;

/// How much each seat takes, in the common unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Allocation {
    pub(super) qty: [i128; ROUTE_VENUES_MAX],
    pub(super) filled: i128,
    pub(super) objective: i128,
}

impl Allocation {
    pub(super) fn of(ladders: &Ladders, qty: [i128; ROUTE_VENUES_MAX]) -> Self {
        let objective = ladders.seats().iter().zip(qty).map(|(seat, qty)| ladders.objective(seat, qty)).sum();
        Self { qty, filled: qty.iter().sum(), objective }
    }

    /// More filled, else cheaper.
    pub(super) fn is_better_than(&self, other: &Self) -> bool {
        (other.filled, self.objective) < (self.filled, other.objective)
    }
}

/// A set of seats: bit `i` is seat `i`.
pub(super) type Members = u32;

pub(super) const fn is_member(members: Members, seat: usize) -> bool {
    members >> seat & 1 == 1
}

/// The cheapest split over `members`, each of which takes at least its minimum when `has_minimums`; `None` when the
/// minimums are more than there is to take.
///
/// Lot by lot the cheapest venue is taken. With one size of lot that is optimal: what a venue's next lot costs never
/// falls, so any other split trades used lots for unused ones, none of which is cheaper. With different sizes it is
/// mended afterwards, and exact but for the price difference of a coarsest lot.
///
/// # Source
/// Methods reference 5.1.
pub(super) fn allocate(ladders: &Ladders, members: Members, has_minimums: bool) -> Option<Allocation> {
    let mut cursors = [Cursor::default(); ROUTE_VENUES_MAX];
    let mut left = ladders.target;
    if has_minimums {
        for (at, (seat, cursor)) in ladders.seats().iter().zip(&mut cursors).enumerate() {
            if is_member(members, at) {
                if seat.minimum > left {
                    return None;
                }
                ladders.take(seat, cursor, seat.minimum);
                left -= seat.minimum;
            }
        }
    }
    while let Some((at, next)) = cheapest(ladders, members, &cursors, left) {
        let (Some(seat), Some(cursor)) = (ladders.seats().get(at), cursors.get_mut(at)) else { break };
        let lots = next.lots.min(left / seat.lot).min((seat.cap - cursor.qty) / seat.lot);
        ladders.take(seat, cursor, lots * seat.lot);
        left -= lots * seat.lot;
    }
    let taken = Allocation::of(ladders, cursors.map(|cursor| cursor.qty));
    Some(repair(ladders, members, has_minimums, taken))
}

/// The seat whose next lot is the cheapest, the first by name among equals; `None` when none has or fits a lot more.
fn cheapest(
    ladders: &Ladders,
    members: Members,
    cursors: &[Cursor; ROUTE_VENUES_MAX],
    left: i128,
) -> Option<(usize, NextCost)> {
    let mut best: Option<(usize, NextCost)> = None;
    for (at, (seat, cursor)) in ladders.seats().iter().zip(cursors).enumerate() {
        if !is_member(members, at) || seat.lot > left || seat.lot > seat.cap - cursor.qty {
            continue;
        }
        if let Some(next) = ladders.next_cost(seat, cursor)
            && best.is_none_or(|(_, best)| next.is_below(&best))
        {
            best = Some((at, next));
        }
    }
    best
}
