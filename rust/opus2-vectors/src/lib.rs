//! Test vectors of the methods reference, through the production code.
//!
//! A file of the form `hifa-vectors/1` holds, for a quantity, inputs and what must come out. Every quantity has an
//! adapter: it turns the inputs into the production code's own types, calls that code, and names the results as
//! the file does. It computes nothing of its own. A quantity without one is a failure, not a skip.
//!
//! | module | quantities of |
//! | --- | --- |
//! | `book` | section 1, and those of section 2 that look at one book or quote stream |
//! | `flow` | the rest of stage 1: trades, multi-level OFI, micro-price, Hawkes |
//! | `events` | detections with an episode: walls, sweeps, icebergs, absorption |
//! | `context` | stage 2 of one venue: VPIN, lambda, volatility |
//! | `venues` | stage 2 across venues: covariance, lead-lag, price discovery |
//! | `risk` | stage 3 |
//! | `execution` | stage 4 |
//! | `decision` | combination, calibration, decision |
//! | `fills` | backtest realism: latency, queues, fees, round trips |
//! | `statistics` | performance and its validation |

mod book;
mod context;
mod decision;
mod events;
mod execution;
mod fills;
mod flow;
mod input;
mod risk;
mod statistics;
mod suite;
mod venues;

pub use suite::{Failure, Report, VectorError, run};

/// Computes the quantity of one vector: its `inputs` to what `expected` names.
pub(crate) type Adapter = fn(&serde_json::Value) -> Result<serde_json::Value, String>;

/// The names of all quantities that can be computed.
pub fn quantities() -> impl Iterator<Item = &'static str> {
    ADAPTERS.into_iter().flatten().map(|(name, _)| *name)
}

/// Every quantity that has an adapter.
pub(crate) const ADAPTERS: [&[(&str, Adapter)]; 10] = [
    book::ADAPTERS,
    flow::ADAPTERS,
    events::ADAPTERS,
    context::ADAPTERS,
    venues::ADAPTERS,
    risk::ADAPTERS,
    execution::ADAPTERS,
    decision::ADAPTERS,
    fills::ADAPTERS,
    statistics::ADAPTERS,
];
