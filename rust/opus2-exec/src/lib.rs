//! What happens to an order that is sent: latency, queue position, fills, fees, round trips. Pure.
//!
//! The backtester and paper trading put orders of stage 4 through this crate; nothing in it reads a clock.
