//! What was detected in a second.

use arrayvec::ArrayVec;
use opus2_types::Aggressor;
use serde::{Deserialize, Serialize};

use crate::Measure;
use crate::detector::DetectorEvent;
use crate::detector::sweep::CrossVenueSweep;

/// How many detections of a second are told. More of them are counted and let go.
pub const FOUND_MAX: usize = 32;

/// The strongest absorption of an instrument within a second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AbsorptionFound {
    /// Who took.
    pub aggressor: Aggressor,
    /// What they took, base units.
    pub volume: f64,
    /// How far the mid was expected to move, quote units.
    pub expected_move: f64,
    /// How far it did not, 0 to 1.
    pub resistance: Measure,
    /// What was put back per executed quantity.
    pub replenishment: Measure,
    /// Both together, 0 to 1.
    pub score: f64,
}

/// Something that was detected in a second. Instruments are by their place in the market's table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Found {
    /// In one instrument: a sweep, a refill, an iceberg, the end of a wall, layering.
    Of {
        /// The instrument.
        instrument: u8,
        /// What.
        event: DetectorEvent,
    },
    /// One side was swept on several venues at once.
    Across(CrossVenueSweep),
    /// Much was taken from a side of one instrument, and the price stood.
    Absorbed {
        /// The instrument.
        instrument: u8,
        /// What.
        absorption: AbsorptionFound,
    },
}

/// The detections of the open second, in the order they came.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct FoundList {
    items: ArrayVec<Found, FOUND_MAX>,
    dropped: u32,
}

impl FoundList {
    pub(super) fn push(&mut self, found: Found) {
        if self.items.try_push(found).is_err() {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// An instrument has got the place `at` of the table: those from there on have moved up.
    pub(super) fn make_place(&mut self, at: u8) {
        for found in &mut self.items {
            if let Found::Of { instrument, .. } | Found::Absorbed { instrument, .. } = found
                && *instrument >= at
            {
                *instrument = instrument.saturating_add(1);
            }
        }
    }

    /// Puts all of them in the place of `found`, gives how many there was no room for, and begins anew.
    pub(super) fn take(&mut self, found: &mut ArrayVec<Found, FOUND_MAX>) -> u32 {
        found.clone_from(&self.items);
        self.items.clear();
        std::mem::take(&mut self.dropped)
    }

    /// False for a loaded list that names an instrument that there is not.
    pub(super) fn is_consistent(&self, instruments: usize) -> bool {
        self.items.iter().all(|found| match found {
            Found::Of { instrument, .. } | Found::Absorbed { instrument, .. } => {
                usize::from(*instrument) < instruments
            }
            Found::Across(_) => true,
        })
    }
}

#[cfg(test)]
mod tests {
    use opus2_types::{Price, Venue};

    use super::*;
    use crate::detector::iceberg::RefillFound;

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let event = DetectorEvent::Refill(RefillFound {
            side: opus2_types::Side::Bid,
            price: Price(1),
            refills: 3,
            refilled: 3,
            traded: 4,
            peak_cv: 0.1,
            refill_share: 0.75,
        });
        let mut list = FoundList::default();
        for instrument in 0..40 {
            list.push(Found::Of { instrument: instrument % 3, event });
        }
        list.make_place(1);
        assert!(list.is_consistent(4) && !list.is_consistent(3));
        let mut items = ArrayVec::new();
        let dropped = list.take(&mut items);
        assert_eq!((items.len(), dropped), (FOUND_MAX, 8));
        let places: Vec<_> = items.iter().take(3).collect();
        assert!(matches!(
            places[..],
            [
                Found::Of { instrument: 0, .. },
                Found::Of { instrument: 2, .. },
                Found::Of { instrument: 3, .. }
            ]
        ));
        assert_eq!(list, FoundList::default());
        list.push(Found::Across(CrossVenueSweep {
            aggressor: Aggressor::Buy,
            venues: 2,
            leader: Venue::Kraken,
            received: 0,
            volume_base: 1.0,
        }));
        assert!(list.is_consistent(0));
    }
}
