//! The venue's limits, times, and the test credentials.

use std::time::Duration;

use crate::limits::Allowance;

/// What the venue demands of its clients. The defaults are the venue's own; tests shorten the times.
#[derive(Debug, Clone)]
pub struct CoinbaseRules {
    /// The API key that may subscribe to `level2`, `level3` and `full`.
    pub key: String,
    /// Its passphrase.
    pub passphrase: String,
    /// Its secret, in base 64.
    pub secret: String,
    /// A signature's time may differ from the venue's clock by this much. Venue: 30 s.
    pub clock_tolerance: Duration,
    /// A connection must subscribe within this time. Venue: 5 s.
    pub subscribe_within: Duration,
    /// Advanced Trade closes a connection to which nothing was sent for this long. Venue: 60 to 90 s.
    pub advanced_idle: Duration,
    /// Products of `level2` on one Advanced Trade connection. Venue: 30, undocumented.
    pub advanced_products_limit: usize,
    /// Connections of an address, of each feed. Venue: 8 a second, 20 at once.
    pub connects: Allowance,
    /// Frames a client of the Exchange feed may send within a second. Venue: 100.
    pub client_messages_per_sec: usize,
    /// Frames a client of the Advanced Trade feed may send within a second. Venue: 8.
    pub advanced_messages_per_sec: usize,
    /// Public requests of an address, of each interface. Venue: 10 a second, 15 at once.
    pub requests: Allowance,
}

impl Default for CoinbaseRules {
    fn default() -> Self {
        Self {
            key: "simulated-coinbase-key".into(),
            passphrase: "simulated-passphrase".into(),
            secret: "c2ltdWxhdGVkIGNvaW5iYXNlIHNlY3JldCwgZm9yIHRlc3Rz".into(),
            clock_tolerance: Duration::from_secs(30),
            subscribe_within: Duration::from_secs(5),
            advanced_idle: Duration::from_secs(90),
            advanced_products_limit: 30,
            connects: Allowance::per_sec(8, 20),
            client_messages_per_sec: 100,
            advanced_messages_per_sec: 8,
            requests: Allowance::per_sec(10, 15),
        }
    }
}
