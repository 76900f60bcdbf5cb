//! Keeps an instrument's messages at the rate it was given.

use super::number::{count_to_float, to_seconds};
use super::time::SimTime;

/// An order's expected number of messages before any was seen: fills, changes of the best, its share of a batch.
const MESSAGES_PER_ORDER_PRIOR: f64 = 0.55;

/// Weight of the prior, and memory of the estimate, in orders.
const MEMORY_ORDERS: f64 = 500.0;

/// A surplus or debt of messages is worked off over about this time. Longer than a burst, so that bursts survive.
const CATCH_UP_SECONDS: f64 = 5.0;

/// Turns a rate of messages into a rate of orders.
///
/// How many messages an order causes depends on the book, so it is measured: an average with memory, and a correction
/// by the messages still owed. All of it in simulated time, from the simulation's own counts, therefore repeatable.
#[derive(Debug)]
pub(crate) struct Pace {
    messages_per_sec: f64,
    recent_messages: f64,
    recent_orders: f64,
    messages: f64,
}

impl Pace {
    pub(crate) fn new(messages_per_sec: f64) -> Self {
        Self {
            messages_per_sec,
            recent_messages: MESSAGES_PER_ORDER_PRIOR * MEMORY_ORDERS,
            recent_orders: MEMORY_ORDERS,
            messages: 0.0,
        }
    }

    /// The rate that is kept.
    #[cfg(test)]
    pub(crate) const fn messages_per_sec(&self) -> f64 {
        self.messages_per_sec
    }

    /// Notes one order.
    pub(crate) fn count_order(&mut self) {
        let keep = 1.0 - 1.0 / MEMORY_ORDERS;
        self.recent_messages *= keep;
        self.recent_orders = self.recent_orders * keep + 1.0;
    }

    /// Notes published messages.
    pub(crate) fn count_messages(&mut self, messages: usize) {
        self.recent_messages += count_to_float(messages);
        self.messages += count_to_float(messages);
    }

    /// Orders per second that keep the rate.
    pub(crate) fn orders_per_sec(&self, now: SimTime) -> f64 {
        let debt = self.messages_per_sec * to_seconds(now.0) - self.messages;
        let wanted = self.messages_per_sec + debt / CATCH_UP_SECONDS;
        let wanted = wanted.clamp(0.1 * self.messages_per_sec, 3.0 * self.messages_per_sec);
        let messages_per_order = (self.recent_messages / self.recent_orders).clamp(0.02, 5.0);
        wanted / messages_per_order
    }
}
