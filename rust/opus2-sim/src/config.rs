//! Settings of a simulation.

use std::path::PathBuf;
use std::time::Duration;

use opus2_types::Venue;

use crate::SimError;
use crate::binance::rules::VenueRules;
use crate::coinbase::rules::CoinbaseRules;
use crate::fault::FaultPlan;
use crate::kraken::rules::KrakenRules;
use crate::market::{Laboratory, VENUE_INSTRUMENTS_LIMIT, VenueListings, check_laboratory};

/// Above this a single task cannot keep the schedule on the machines we know.
const MESSAGES_PER_SEC_LIMIT: f64 = 200_000.0;
/// Values of assets are remembered for about this long.
const LAG_LIMIT: Duration = Duration::from_millis(600);

/// What is simulated, and how strict the venues are.
///
/// The same settings give the same market: the same orders at the same times since the start.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// Decides the whole market.
    pub seed: u64,
    /// Which venues there are. Their books follow common values: `BTCUSDT`, `BTC-USD` and `BTC/USD` move together.
    pub venues: Vec<Venue>,
    /// How many instruments trade at all venues together: Binance lists half of them, or two parts of three beside one
    /// other venue; at most 2000 a venue. Each begins with BTC and ETH against its dollar, then SOL, `ETH/BTC`, another
    /// quote of BTC, then one instrument per market.
    pub instruments: usize,
    /// Messages per second that clients receive on average who listen, at Binance, to all `depth@100ms`, `trade` and
    /// `bookTicker` streams, at Coinbase to `level2_batch` and `matches`, at Kraken to `book`, `trade` and `ticker` (`bbo`).
    ///
    /// Shared out unequally, as traffic is: a venue's instrument *n* gets a share proportional to 1/√n. In bursts the rate
    /// is many times higher; over ten seconds it is kept. The clients have no influence on it.
    pub messages_per_sec: f64,
    /// How far each venue's prices run behind the common value, at most 600 ms. Venues without an entry: Binance not at
    /// all, Coinbase 30 ms, Kraken 60 ms.
    pub lags: Vec<(Venue, Duration)>,
    /// Other participants, whose market is known down to its law; `None` for the usual ones.
    pub laboratory: Option<Laboratory>,
    /// Limits and times of Binance, and of every connection.
    pub rules: VenueRules,
    /// Limits, times and test credentials of Coinbase.
    pub coinbase: CoinbaseRules,
    /// Limits, times and test credentials of Kraken.
    pub kraken: KrakenRules,
    /// What goes wrong by chance.
    pub faults: FaultPlan,
    /// Where to write a line for every fault. An existing file is replaced.
    pub fault_log: Option<PathBuf>,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            venues: vec![Venue::Binance],
            instruments: 5,
            messages_per_sec: 500.0,
            lags: Vec::new(),
            laboratory: None,
            rules: VenueRules::default(),
            coinbase: CoinbaseRules::default(),
            kraken: KrakenRules::default(),
            faults: FaultPlan::default(),
            fault_log: None,
        }
    }
}

impl SimConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`SimError::Config`] names the first one outside its range.
    pub fn validate(&self) -> Result<(), SimError> {
        let refuse = |field, value: String, expected| Err(SimError::Config { field, value, expected });
        if self.venues.is_empty() {
            return refuse(
                "the list of venues",
                "empty".into(),
                "at least one of: binance, coinbase, kraken",
            );
        }
        let split = self.instruments_by_venue();
        if split.iter().any(|(_, count)| !(1..=VENUE_INSTRUMENTS_LIMIT).contains(count)) {
            return refuse(
                "the number of instruments",
                self.instruments.to_string(),
                "at least one and at most 2000 for each venue",
            );
        }
        if !(0.1..=MESSAGES_PER_SEC_LIMIT).contains(&self.messages_per_sec) {
            return refuse(
                "the rate of messages per second",
                self.messages_per_sec.to_string(),
                "0.1 … 200000",
            );
        }
        if let Some((_, lag)) = self.lags.iter().find(|(_, lag)| *lag > LAG_LIMIT) {
            return refuse("a venue's lag", format!("{lag:?}"), "at most 600ms");
        }
        if let Some(laboratory) = &self.laboratory {
            check_laboratory(laboratory, &self.venue_listings())?;
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

    /// How many instruments each venue lists, Binance first: two parts for Binance, one for each other venue.
    #[must_use]
    pub fn instruments_by_venue(&self) -> Vec<(Venue, usize)> {
        let venues: Vec<Venue> = Venue::ALL.into_iter().filter(|venue| self.venues.contains(venue)).collect();
        let part = |venue: Venue| if venue == Venue::Binance { 2 } else { 1 };
        let parts: usize = venues.iter().map(|venue| part(*venue)).sum();
        let mut split: Vec<(Venue, usize)> = venues
            .iter()
            .map(|venue| (*venue, (self.instruments * part(*venue) / parts.max(1)).max(1)))
            .collect();
        let listed: usize = split.iter().map(|(_, count)| count).sum();
        for (_, count) in split.iter_mut().take(self.instruments.saturating_sub(listed)) {
            *count += 1;
        }
        split
    }

    /// The same with their lags, for the market.
    pub(crate) fn venue_listings(&self) -> Vec<VenueListings> {
        let split = self.instruments_by_venue().into_iter();
        split
            .map(|(venue, count)| {
                let lag_nanos = u64::try_from(self.lag(venue).as_nanos()).unwrap_or(u64::MAX);
                VenueListings { venue, count, lag_nanos }
            })
            .collect()
    }

    /// How far a venue's prices run behind the common value.
    #[must_use]
    pub fn lag(&self, venue: Venue) -> Duration {
        let given = self.lags.iter().find(|(lagging, _)| *lagging == venue);
        given.map_or_else(
            || match venue {
                Venue::Coinbase => Duration::from_millis(30),
                Venue::Kraken => Duration::from_millis(60),
                _ => Duration::ZERO,
            },
            |(_, lag)| *lag,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_outside_their_range_are_named() {
        SimConfig::default().validate().unwrap();
        let bad = SimConfig { instruments: 2001, ..SimConfig::default() };
        assert_eq!(
            bad.validate().unwrap_err().to_string(),
            "the number of instruments is 2001, but must be at least one and at most 2000 for each venue"
        );
        for messages_per_sec in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(SimConfig { messages_per_sec, ..SimConfig::default() }.validate().is_err());
        }
        assert!(SimConfig { venues: Vec::new(), ..SimConfig::default() }.validate().is_err());
        let lags = vec![(Venue::Kraken, Duration::from_secs(1))];
        assert!(SimConfig { lags, ..SimConfig::default() }.validate().is_err());
    }

    #[test]
    fn instruments_are_shared_out_over_the_venues() {
        let split = |venues: &[Venue], instruments| {
            let config = SimConfig { venues: venues.to_vec(), instruments, ..SimConfig::default() };
            config.instruments_by_venue().into_iter().map(|(_, count)| count).collect::<Vec<_>>()
        };
        for (venues, instruments, expect) in [
            (&[Venue::Binance][..], 5, &[5][..]),
            (&Venue::ALL, 3000, &[1500, 750, 750]),
            (&Venue::ALL, 5, &[3, 1, 1]),
            (&Venue::ALL, 50, &[26, 12, 12]),
            (&[Venue::Kraken], 7, &[7]),
            (&[Venue::Kraken, Venue::Binance], 9, &[6, 3]),
        ] {
            assert_eq!(split(venues, instruments), expect, "{venues:?} {instruments}");
        }
    }
}
