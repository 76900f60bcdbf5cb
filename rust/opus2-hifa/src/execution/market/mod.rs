//! Stage 4 of one market: the newest books, the decision at every frame, and the order that follows from it.
//!
//! | file | holds |
//! | --- | --- |
//! | `state` | [`MarketExecution`]: what is held, what was last decided, and the step from frame to frame |
//! | `books` | [`VenueBook`]: the newest live book of each instrument that stage 3 has judged |
//! | `queue` | what leaves the queues at the best prices of the candidate's instrument |
//! | `closing` | out of a position again, and what an exit leaves over |
//! | `desk` | from a quantity to an order over the venues |
//! | `verdict` | [`Verdict`]: one decision, its grounds and its order |
//! | `trail` | [`EventTrail`]: which events led to a decision |

mod books;
mod closing;
mod desk;
mod queue;
mod state;
mod trail;
mod verdict;

#[cfg(test)]
mod tests;

use opus2_types::MarketEvent;

use super::fees::FeeSchedule;
use super::plan::ExecutionConfig;
use super::{MinNotional, seed_of};
use crate::context::{InstrumentName, Outlook};
use crate::decision::model::Model;
use crate::decision::rule::DecisionRule;
use crate::risk::{Assessment, VenueAllowance};

pub use books::{Ladder, VenueBook};
pub use desk::{LATENCY_SECS_MIN, LATENCY_SECS_UNKNOWN};
pub use state::{MarketExecution, NOTICES_APART_NS};
pub use trail::EventTrail;
pub use verdict::{Action, Amount, Fault, Grounds, Order, OrderVenue, Verdict};

/// Under which terms decisions are made and orders planned.
#[derive(Debug, Clone, PartialEq)]
pub struct MarketTerms {
    /// The parameters of orders.
    pub config: ExecutionConfig,
    /// The rule of decision.
    pub rule: DecisionRule,
    /// What venues take.
    pub fees: FeeSchedule,
    /// The smallest orders of the venues.
    pub min_notional: MinNotional,
    /// The model whose probabilities are decided upon.
    pub model: Model,
}

impl MarketTerms {
    /// How far ahead the model looks, s.
    #[must_use]
    pub fn horizon_secs(&self) -> f64 {
        f64::from(self.model.horizon_ms) / 1e3
    }
}

/// One frame: what the stages before have made of an event, or of the end of a second.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The market.
    pub market: &'a str,
    /// The event; `None` at the end of a second.
    pub event: Option<&'a MarketEvent<'a>>,
    /// What stage 2 says.
    pub outlook: &'a Outlook,
    /// What stage 3 allows.
    pub assessment: &'a Assessment,
}

impl Look<'_> {
    /// What an instrument may be used for; `None` when stage 3 has not judged it.
    #[must_use]
    pub fn allowance(&self, name: &InstrumentName) -> Option<&VenueAllowance> {
        self.assessment.venues.iter().flatten().find(|allowance| allowance.instrument == *name)
    }

    /// Decides the moments of a decision's slices.
    fn seed(&self, number: u64) -> u64 {
        seed_of(decision_id(self.market, number).as_bytes())
    }
}

/// The identity of a market's decision by its number: the same in every replay.
#[must_use]
pub fn decision_id(market: &str, number: u64) -> String {
    format!("{market}:decision:{number}")
}
