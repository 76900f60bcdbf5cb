//! Settings of a simulation.

use crate::SimError;
use crate::binance::rules::VenueRules;
use crate::market::INSTRUMENTS_LIMIT;

/// Above this a single task cannot keep the schedule on the machines we know.
const MESSAGES_PER_SEC_LIMIT: f64 = 200_000.0;

/// What is simulated, and how strict the venue is.
///
/// The same settings give the same market: the same orders at the same times since the start.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// Decides the whole market.
    pub seed: u64,
    /// How many instruments trade, 1 … 2000: `BTCUSDT`, `ETHUSDT`, `SOLUSDT`, `ETHBTC`, `BTCUSDC`, then one per market.
    pub instruments: usize,
    /// Messages per second that a client of all `depth@100ms`, `trade` and `bookTicker` streams receives on average.
    ///
    /// Shared out unequally, as traffic is: instrument *n* gets a share proportional to 1/√n. In bursts the rate is many
    /// times higher; over ten seconds it is kept. The clients have no influence on it.
    pub messages_per_sec: f64,
    /// Limits and times of the venue.
    pub rules: VenueRules,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self { seed: 1, instruments: 5, messages_per_sec: 500.0, rules: VenueRules::default() }
    }
}

impl SimConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`SimError::Config`] names the first one outside its range.
    pub fn validate(&self) -> Result<(), SimError> {
        let refuse = |field, value: String, expected| Err(SimError::Config { field, value, expected });
        if !(1..=INSTRUMENTS_LIMIT).contains(&self.instruments) {
            return refuse("the number of instruments", self.instruments.to_string(), "1 … 2000");
        }
        if !(0.1..=MESSAGES_PER_SEC_LIMIT).contains(&self.messages_per_sec) {
            return refuse(
                "the rate of messages per second",
                self.messages_per_sec.to_string(),
                "0.1 … 200000",
            );
        }
        let rules = &self.rules;
        let durations = [
            ("ping_interval", rules.ping_interval),
            ("pong_timeout", rules.pong_timeout),
            ("connection_lifetime", rules.connection_lifetime),
        ];
        for (field, duration) in durations {
            if duration.is_zero() {
                return refuse(field, "0".into(), "longer than 0");
            }
        }
        for (field, limit) in
            [("queue_frames_limit", rules.queue_frames_limit), ("queue_bytes_limit", rules.queue_bytes_limit)]
        {
            if limit == 0 {
                return refuse(field, "0".into(), "at least 1");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_outside_their_range_are_named() {
        SimConfig::default().validate().unwrap();
        let bad = SimConfig { instruments: 0, ..SimConfig::default() };
        assert_eq!(
            bad.validate().unwrap_err().to_string(),
            "the number of instruments is 0, but must be 1 … 2000"
        );
        for messages_per_sec in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(SimConfig { messages_per_sec, ..SimConfig::default() }.validate().is_err());
        }
    }
}
