//! Order books.
//!
//! [`L2Book`] keeps the quantity resting at every price of one instrument, however far from the middle. It takes
//! absolute quantities, knows nothing of venues, sequence numbers or time, and cannot fail: whether a change may be
//! applied at all is decided before it, by the venue's sync machine. [`L3Book`] does the same for every single order
//! and its place in the queue of its price, and keeps an `L2Book` of the sums.

mod chunk;
mod l2;
mod l3;
mod ladder;

pub use l2::L2Book;
pub use l3::{
    InsertRefused, L3Book, ORDERS_MAX, OrderChange, OrderQueue, Orders, QueuePosition, SavedOrders,
    SavedQueues,
};
pub use ladder::{Change, Ladder};
