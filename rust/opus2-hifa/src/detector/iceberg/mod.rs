//! Icebergs: orders that show less than they hold.
//!
//! | feed | how | what it is worth |
//! | --- | --- | --- |
//! | levels ([`RefillTable`]) | what must have been put back at a price for so much to be shown | an upper bound: an ordinary new order looks the same |
//! | every order ([`OrderIcebergs`]) | an order that executes more than it showed, or shows again after a fill | exact |
//!
//! How much of one is left is a question of survival: of all icebergs that reached this size, how many went on
//! ([`Survival`]).
//!
//! # Source
//! Zotikov and Antonov (2021), Quantitative Finance 21(11), reduced to levels; methods reference 3.7. Their validation
//! is of another market and says nothing about this one.

mod order;
mod refill;
mod survival;
mod table;

pub use order::{ORDERS_MAX, OrderFill, OrderIceberg, OrderIcebergEnd, OrderIcebergs};
pub use refill::{RefillSettings, RefillTally, refill};
pub use survival::{IcebergLife, Survival, SurvivalStep};
pub use table::{LEVELS_MAX, REFILLS_MAX, RefillFound, RefillTable};
