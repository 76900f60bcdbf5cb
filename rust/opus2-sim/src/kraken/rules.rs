//! The venue's limits, times, and the test credentials.

use std::time::Duration;

use crate::limits::Allowance;

/// What the venue demands of its clients. The defaults are the venue's own; tests shorten the times.
#[derive(Debug, Clone)]
pub struct KrakenRules {
    /// The API key that may get tokens.
    pub key: String,
    /// Its secret, in base 64.
    pub secret: String,
    /// A token must be used within this time. Venue: 15 minutes.
    pub token_lifetime: Duration,
    /// A connection that has been sent nothing for this long gets a heartbeat, once it has a subscription. Venue: 1 s.
    pub heartbeat_after: Duration,
    /// A connection without subscription that says nothing is closed after this time. Venue: about a minute.
    pub idle_timeout: Duration,
    /// Connections of an address. Clients report about 150 in ten minutes.
    pub connects: Allowance,
    /// Public requests of an address. Clients report about 30 at once, one a second.
    pub requests: Allowance,
    /// Frames a client may send within a second; the venue documents none.
    pub client_messages_per_sec: usize,
    /// Symbols of `level3` on one connection. Venue: 200.
    pub level3_symbols_limit: usize,
    /// What subscriptions to `level3` may cost a connection in a second: 5, 25 or 100 each, by depth. Venue: 200.
    pub level3_cost_per_sec: u32,
}

impl Default for KrakenRules {
    fn default() -> Self {
        Self {
            key: "simulated-kraken-key".into(),
            secret: "c2ltdWxhdGVkIGtyYWtlbiBzZWNyZXQsIGZvciB0ZXN0cyBvbmx5".into(),
            token_lifetime: Duration::from_secs(15 * 60),
            heartbeat_after: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(60),
            connects: Allowance { burst: 150, refill: 150, seconds: 600 },
            requests: Allowance::per_sec(1, 30),
            client_messages_per_sec: 1000,
            level3_symbols_limit: 200,
            level3_cost_per_sec: 200,
        }
    }
}
