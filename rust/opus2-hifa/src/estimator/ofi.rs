//! Order flow imbalance.

use std::ops::{AddAssign, SubAssign};

use opus2_types::Level;
use serde::{Deserialize, Serialize};

use super::Coverage;
use super::window::{BinWindow, Summand, WINDOWS, WindowSpan};
use crate::exact::{scaled, to_f64};
use crate::primitive::Bbo;
use crate::{Absent, Measure, measure::finite};

/// Order flow imbalance contributed by one change of the best bid and offer.
///
/// Positive when buying pressure grew, in `Qty` units. A best price that stays contributes the change of its quantity,
/// one that improves its whole new quantity, one that worsens minus its whole old quantity; asks count against.
///
/// # Source
/// Cont, Kukanov & Stoikov (2014), "The Price Impact of Order Book Events", definition of `e_n`.
#[must_use]
pub fn contribution(previous: &Bbo, next: &Bbo) -> i128 {
    let (old_bid, new_bid) = (previous.bid(), next.bid());
    let (old_ask, new_ask) = (previous.ask(), next.ask());
    qty_if(new_bid.price >= old_bid.price, new_bid)
        - qty_if(new_bid.price <= old_bid.price, old_bid)
        - qty_if(new_ask.price <= old_ask.price, new_ask)
        + qty_if(new_ask.price >= old_ask.price, old_ask)
}

fn qty_if(fires: bool, level: Level) -> i128 {
    if fires { i128::from(level.qty.0) } else { 0 }
}

/// What changes of the best bid and offer sum up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OfiSum {
    /// Sum of the contributions, in `Qty` units.
    pub ofi: i128,
    /// Sum over the events of both best quantities after the event, in `Qty` units.
    pub depth: i128,
    /// How many changes there were.
    pub events: i64,
    /// How many of them may hide changes in between, because the feed conflates.
    pub conflated: i64,
}

impl AddAssign for OfiSum {
    fn add_assign(&mut self, other: Self) {
        self.ofi += other.ofi;
        self.depth += other.depth;
        self.events += other.events;
        self.conflated += other.conflated;
    }
}

impl SubAssign for OfiSum {
    fn sub_assign(&mut self, other: Self) {
        self.ofi -= other.ofi;
        self.depth -= other.depth;
        self.events -= other.events;
        self.conflated -= other.conflated;
    }
}

impl Summand for OfiSum {
    fn is_plausible(&self) -> bool {
        let fits = |units: i128| units.unsigned_abs() < 1 << 110;
        let counts = 0..1 << 48;
        fits(self.ofi)
            && fits(self.depth)
            && counts.contains(&self.events)
            && counts.contains(&self.conflated)
    }
}

impl OfiSum {
    /// The average best depth `(bid + ask) / 2` over the quotes after each event, in base units.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] when there was none.
    pub fn average_depth(&self, qty_scale: u8) -> Measure {
        if self.events <= 0 {
            return Err(Absent::NoEvents);
        }
        finite(scaled(self.depth, qty_scale) / (2.0 * to_f64(self.events.into())))
    }

    /// OFI over the average best depth: without unit, comparable across instruments and times.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] when there was none, [`Absent::ZeroSize`] when nothing rested at the best prices.
    pub fn normalised(&self) -> Measure {
        if self.events <= 0 {
            return Err(Absent::NoEvents);
        }
        if self.depth <= 0 {
            return Err(Absent::ZeroSize);
        }
        finite(2.0 * to_f64(self.events.into()) * to_f64(self.ofi) / to_f64(self.depth))
    }
}

/// OFI of one stream of quotes, over the last 1, 5 and 15 s.
///
/// The first quote only initialises. A quote without one of its sides contributes nothing, and neither does the one
/// after it; a crossed quote is passed over as if it had not come. After [`reset_reference`](Self::reset_reference) the
/// next quote only initialises again, and a window has no value until it lies wholly after that quote.
///
/// # Source
/// Cont, Kukanov & Stoikov (2014); methods reference 2.3.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ofi {
    reference: Option<Bbo>,
    coverage: Coverage,
    windows: [BinWindow<OfiSum>; WINDOWS.len()],
}

impl Default for Ofi {
    fn default() -> Self {
        Self { reference: None, coverage: Coverage::default(), windows: WINDOWS.map(BinWindow::new) }
    }
}

impl Ofi {
    /// Takes the next quote of the stream; gives what it added to the windows, if it could be differenced.
    pub fn update(&mut self, now: i64, quote: Result<Bbo, Absent>, is_conflated: bool) -> Option<OfiSum> {
        let Ok(quote) = quote else {
            self.reference = None;
            return None;
        };
        if quote.is_crossed() {
            return None;
        }
        self.coverage.start(now);
        let previous = self.reference.replace(quote)?;
        let added = OfiSum {
            ofi: contribution(&previous, &quote),
            depth: quote.depth(),
            events: 1,
            conflated: is_conflated.into(),
        };
        for window in &mut self.windows {
            window.add(now, added);
        }
        Some(added)
    }

    /// Quotes were lost.
    pub fn reset_reference(&mut self) {
        self.reference = None;
        self.coverage.interrupt();
    }

    /// What the window [`WINDOWS`]`[index]` holds at `now`, whether or not it is covered.
    ///
    /// # Panics
    /// There is no such window.
    #[must_use]
    pub fn sum(&self, index: usize, now: i64) -> OfiSum {
        self.windows[index].sum(now)
    }

    /// What the window [`WINDOWS`]`[index]` holds at `now`.
    ///
    /// # Errors
    /// [`Absent::Cold`] or [`Absent::Resync`] while it is not wholly covered; [`Absent::DataType`] when the feed's
    /// messages are further apart than the window is long.
    ///
    /// # Panics
    /// There is no such window.
    pub fn measure(&self, index: usize, now: i64, conflation_ms: u32) -> Result<OfiSum, Absent> {
        let span = self.span(index);
        if conflation_ms > span.window_ms {
            return Err(Absent::DataType);
        }
        self.coverage.check(now, span.nanos())?;
        Ok(self.sum(index, now))
    }

    /// Why there is nothing yet.
    pub(crate) const fn reason(&self) -> Absent {
        self.coverage.reason()
    }

    fn span(&self, index: usize) -> WindowSpan {
        self.windows[index].span()
    }

    /// Events in the longest window at `now`.
    #[must_use]
    pub fn n_eff(&self, now: i64) -> f64 {
        to_f64(self.sum(WINDOWS.len() - 1, now).events.into())
    }

    /// True when every window is wholly covered at `now`.
    #[must_use]
    pub fn is_warm(&self, now: i64) -> bool {
        self.coverage.check(now, self.span(WINDOWS.len() - 1).nanos()).is_ok()
    }
}
