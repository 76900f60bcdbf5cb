//! The feeds of the simulated venues, and how each is followed.

use anyhow::{Context, Result};
use opus2_sim::SimConfig;
use opus2_sim::embedded::{Door, Embedded};
use opus2_types::{FeedKind, InstrumentSpec, SpecOrigin, Venue};
use opus2_venue::session::Session;
use opus2_venue::{binance, coinbase, kraken};

const SECOND_NANOS: i64 = 1_000_000_000;
/// A day: no connection is closed for its age.
const AGE_NANOS_MAX: i64 = 86_400 * SECOND_NANOS;
/// As many levels as the stages look at, and some.
const RECORDED_KRAKEN_DEPTH: u16 = 25;
const SILENCE_NANOS_MAX: i64 = 10 * SECOND_NANOS;

/// A feed and how it is followed.
///
/// Coinbase's `level2_batch` is none of them: it has neither numbers nor checksums, so nobody can see a loss in it.
/// Kraken's books are ten levels deep, which is as far as its checksum reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) feed: FeedKind,
    /// Instruments of one connection.
    pub(crate) per_connection: usize,
    /// A lost message costs the whole connection, because it is numbered as a whole.
    pub(crate) is_numbered_as_a_whole: bool,
    /// Its messages carry the number by which the simulator can be asked for the truth.
    pub(crate) has_true_numbers: bool,
    /// Books are joined with snapshots over REST.
    pub(crate) has_rest_books: bool,
}

impl Plan {
    pub(crate) const ALL: [Self; 5] = [
        Self {
            feed: FeedKind::BinanceDepth,
            per_connection: 100,
            is_numbered_as_a_whole: false,
            has_true_numbers: true,
            has_rest_books: true,
        },
        Self {
            feed: FeedKind::CoinbaseFull,
            per_connection: 10,
            is_numbered_as_a_whole: false,
            has_true_numbers: true,
            has_rest_books: true,
        },
        Self {
            feed: FeedKind::CoinbaseAdvanced,
            per_connection: 2,
            is_numbered_as_a_whole: true,
            has_true_numbers: false,
            has_rest_books: false,
        },
        Self {
            feed: FeedKind::KrakenBook { depth: 10 },
            per_connection: 50,
            is_numbered_as_a_whole: false,
            has_true_numbers: false,
            has_rest_books: false,
        },
        Self {
            feed: FeedKind::KrakenOrders { depth: 10 },
            per_connection: 50,
            is_numbered_as_a_whole: false,
            has_true_numbers: false,
            has_rest_books: false,
        },
    ];

    /// The one by which a recording of a venue is made.
    pub(crate) fn for_recording(venue: Venue) -> Self {
        let feed = match venue {
            Venue::Coinbase => FeedKind::CoinbaseFull,
            Venue::Kraken => FeedKind::KrakenBook { depth: RECORDED_KRAKEN_DEPTH },
            _ => FeedKind::BinanceDepth,
        };
        let is_like = |plan: &&Self| std::mem::discriminant(&plan.feed) == std::mem::discriminant(&feed);
        let known = Self::ALL.iter().find(is_like).copied();
        Self { feed, ..known.unwrap_or(Self::ALL[0]) }
    }

    pub(crate) const fn venue(self) -> Venue {
        self.feed.venue()
    }

    pub(crate) fn session(self, specs: &[InstrumentSpec]) -> Result<Box<dyn Session>> {
        let specs = specs.to_vec();
        let config = SimConfig::default();
        Ok(match self.feed {
            FeedKind::BinanceDepth => {
                let settings = binance::SessionSettings {
                    // All of it: a part could not be compared with the whole.
                    snapshot_levels_first: 5000,
                    snapshot_levels: 5000,
                    age_nanos_max: AGE_NANOS_MAX,
                    silence_nanos_max: SILENCE_NANOS_MAX,
                };
                Box::new(binance::Session::new(settings, specs)?)
            }
            FeedKind::CoinbaseFull | FeedKind::CoinbaseAdvanced => {
                let settings = coinbase::SessionSettings {
                    age_nanos_max: AGE_NANOS_MAX,
                    silence_nanos_max: SILENCE_NANOS_MAX,
                };
                let rules = config.coinbase;
                let account = coinbase::Account::new(rules.key, rules.passphrase, &rules.secret)
                    .context("the simulator's own key")?;
                let channel = match self.feed {
                    FeedKind::CoinbaseFull => coinbase::BookChannel::Full,
                    _ => coinbase::BookChannel::Advanced,
                };
                let account = Some(account).filter(|_| self.feed == FeedKind::CoinbaseFull);
                Box::new(coinbase::Session::new(settings, channel, account, specs)?)
            }
            feed => {
                let settings = kraken::SessionSettings {
                    age_nanos_max: AGE_NANOS_MAX,
                    silence_nanos_max: SILENCE_NANOS_MAX,
                    refresh_nanos: None,
                };
                if feed.is_order_by_order() {
                    let rules = config.kraken;
                    let account =
                        kraken::Account::new(rules.key, &rules.secret).context("the simulator's own key")?;
                    Box::new(kraken::Session::with_account(settings, account, specs)?)
                } else {
                    Box::new(kraken::Session::new(settings, specs)?)
                }
            }
        })
    }

    pub(crate) fn door(self, path: &str) -> Door {
        match self.feed {
            FeedKind::BinanceDepth => Door::Binance(path.to_owned()),
            FeedKind::CoinbaseAdvanced => Door::Advanced,
            FeedKind::CoinbaseFull | FeedKind::CoinbaseLevel2 => Door::Exchange,
            _ => Door::Kraken,
        }
    }

    /// How every instrument of the simulated venue counts, by this feed. Assets are not told apart: each instrument is a
    /// market of its own.
    pub(crate) fn specs(self, sim: &Embedded) -> Vec<InstrumentSpec> {
        sim.symbols(self.venue())
            .filter_map(|symbol| {
                let (price_scale, qty_scale) = sim.scales(symbol)?;
                Some(InstrumentSpec {
                    venue: self.venue(),
                    symbol: symbol.to_owned(),
                    base: symbol.to_owned(),
                    quote: "?".to_owned(),
                    price_scale,
                    qty_scale,
                    tick: 0,
                    lot: 0,
                    origin: SpecOrigin::Venue,
                    feed: self.feed,
                })
            })
            .collect()
    }
}
