//! Simulated Coinbase and Kraken, seen through real sockets: do they behave as the venues' documentation says? The clients
//! here know nothing of the simulator or of this repository's readers: text, maps, and the documented rules.
#![expect(clippy::unwrap_used, reason = "a test that fails says so")]

mod advanced;
mod coinbase;
mod faults;
mod kraken;
mod kraken_orders;
mod scale;
#[path = "../binance/venue.rs"]
#[expect(dead_code, reason = "Binance's tests need more of it")]
mod venue;
