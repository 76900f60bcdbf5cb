//! A market whose truth is known: a planted edge of stated strength, or none at all, and injected episodes.
//!
//! The usual market ([`flow`](super::flow)) leans its orders towards a fair price that the mid follows, so there is always
//! something to predict in it. Here a second kind of participants trades instead, made so that what can be predicted is
//! exactly what was planted.
//!
//! ```text
//! signal   s(t) in {-1, +1}, common to a market: a telegraph process that is held exponentially long, `persistence` on average
//! price    moves by jumps alone: at Poisson times every quote moves by `jump_steps` steps of the lattice, up with
//!          probability 1/2 + tilt s / 2,    tilt = edge / (jumps_per_sec * jump_steps * step)
//!          so that E[change of the log mid per second | s] = edge * s       (edge and step in basis points)
//! flow     between jumps tells of s: an order at the touch is one that holds the price up with probability 1/2 + bias s / 2
//!          (bought, added to the bid, or cancelled from the ask), and none of them moves a quote's price
//! ```
//!
//! With an edge of zero the direction of every jump is a fair coin, thrown independently of everything that happened
//! before it: whatever is observed, the price's increments are independent and symmetric. That is an exact null, though
//! the flow tells of `s` as loudly as ever.
//!
//! A jump re-quotes the whole book at one instant, by orders: what is in the way is taken or cancelled (a fair coin), the
//! other side follows, both ends of the lattice are filled. No information waits between jump and price.
//!
//! | file | holds |
//! | --- | --- |
//! | `settings` | [`Laboratory`]: everything that is stated |
//! | `path` | [`MarketPath`]: signal and jumps of a market |
//! | `lattice` | [`Lattice`]: prices and sizes of an instrument |
//! | `trader` | [`Trader`]: whose order comes next |
//! | `inject` | walls, sweeps, icebergs and layering |
//! | `truth` | [`TruthLine`]: what is written down of it |
//! | `bench` | [`Bench`]: all of it, for a [`World`](super::World) |

mod bench;
mod inject;
mod lattice;
mod path;
mod settings;
mod trader;
mod truth;

pub(crate) use bench::{Bench, check};
pub use settings::{InjectionKind, Injections, Laboratory};
pub use truth::{Injected, TruthLine, TruthMarket, TruthSettings};
#[cfg(test)]
mod tests;
