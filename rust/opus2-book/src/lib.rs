//! Order books.
//!
//! [`L2Book`] keeps the quantity resting at every price of one instrument, however far from the middle. It takes
//! absolute quantities, knows nothing of venues, sequence numbers or time, and cannot fail: whether a change may be
//! applied at all is decided before it, by the venue's sync machine.

mod chunk;
mod l2;
mod ladder;

pub use l2::L2Book;
pub use ladder::{Change, Ladder};
