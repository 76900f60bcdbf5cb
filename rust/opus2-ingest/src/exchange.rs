//! What differs from venue to venue, as the daemon sees it: which session, which requests, which limits.

use std::collections::BTreeMap;
use std::time::Duration;

use opus2_types::{InstrumentSpec, Venue};
use opus2_venue::coinbase::BookChannel;
use opus2_venue::listing::{Listing, ListingError, WeightLimit};
use opus2_venue::merge::Numbered;
use opus2_venue::session::{Request, Session};
use opus2_venue::turnover::dollar_volumes;
use opus2_venue::{binance, coinbase, kraken};

use crate::access::Access;
use crate::config::{FeedChoice, VenueConfig};
use crate::connection::nanos;

/// The pause between two subscription messages on a socket: three a second leave room for pongs below the venue's five.
pub(crate) const SEND_PAUSE_NANOS: i64 = 1_000_000_000 / binance::CONTROL_FRAMES_PER_SEC_MAX as i64 + 1;

/// A session for these instruments, or why there is none.
pub(crate) fn session(access: &Access, specs: Vec<InstrumentSpec>) -> Result<Box<dyn Session>, String> {
    let config = &access.config;
    // At the same time as all others of the process, connections would come back at the same time as well.
    let age = config.age_max.saturating_sub(config.age_jitter_max.mul_f64(rand::random()));
    match config.feed {
        FeedChoice::BinanceDepth => {
            let settings = binance::SessionSettings {
                snapshot_levels_first: config.snapshot_levels_first,
                snapshot_levels: config.snapshot_levels,
                // Sockets grow old and are replaced one by one; the connection does not.
                age_nanos_max: i64::MAX,
                silence_nanos_max: nanos(config.liveness.silence_max),
            };
            boxed(binance::Session::new(settings, specs))
        }
        FeedChoice::KrakenBook { .. } => boxed(kraken::Session::new(kraken_settings(config, age), specs)),
        FeedChoice::KrakenLevel3 { .. } => {
            let Some(credentials) = &config.credentials else { return Err("there is no account".into()) };
            let account = kraken::Account::new(credentials.key.as_str(), &credentials.secret)
                .map_err(|error| error.to_string())?;
            boxed(kraken::Session::with_account(kraken_settings(config, age), account, specs))
        }
        FeedChoice::CoinbaseLevel2Batch => coinbase_session(config, age, BookChannel::LevelBatch, specs),
        FeedChoice::CoinbaseLevel2 => coinbase_session(config, age, BookChannel::Levels, specs),
        FeedChoice::CoinbaseFull => coinbase_session(config, age, BookChannel::Full, specs),
        FeedChoice::CoinbaseLevel3 => coinbase_session(config, age, BookChannel::Orders, specs),
        FeedChoice::CoinbaseAdvanced => coinbase_session(config, age, BookChannel::Advanced, specs),
    }
}

fn coinbase_session(
    config: &VenueConfig,
    age: Duration,
    channel: BookChannel,
    specs: Vec<InstrumentSpec>,
) -> Result<Box<dyn Session>, String> {
    let settings = coinbase::SessionSettings {
        age_nanos_max: nanos(age),
        silence_nanos_max: nanos(config.liveness.silence_max),
    };
    // Keys of Exchange are no use at Advanced Trade, which needs none.
    let credentials = config.credentials.as_ref().filter(|_| channel != BookChannel::Advanced);
    let account = credentials
        .map(|of| coinbase::Account::new(of.key.as_str(), of.passphrase.as_str(), &of.secret))
        .transpose()
        .map_err(|error| error.to_string())?;
    boxed(coinbase::Session::new(settings, channel, account, specs))
}

fn boxed<S: Session + 'static, E: std::fmt::Display>(made: Result<S, E>) -> Result<Box<dyn Session>, String> {
    match made {
        Ok(session) => Ok(Box::new(session)),
        Err(error) => Err(error.to_string()),
    }
}

/// Of the silence that is allowed, the last part is for the answer to a ping.
fn kraken_settings(config: &VenueConfig, age: Duration) -> kraken::SessionSettings {
    let silence = nanos(config.liveness.silence_max) - kraken::session::PONG_NANOS_MAX;
    kraken::SessionSettings {
        age_nanos_max: nanos(age),
        silence_nanos_max: silence.max(1_000_000_000),
        refresh_nanos: None,
    }
}

/// How messages are numbered, where several sockets may bring the same ones.
pub(crate) fn numbering(feed: FeedChoice) -> Option<fn(&[u8]) -> Numbered<'_>> {
    match feed {
        FeedChoice::BinanceDepth => Some(binance::numbering),
        _ => None,
    }
}

/// The messages that subscribe a further socket, beyond what the address asks for.
pub(crate) fn subscriptions(feed: FeedChoice, specs: &[InstrumentSpec]) -> Vec<String> {
    match feed {
        // The session has been made of the same instruments, so they fit.
        FeedChoice::BinanceDepth => binance::Subscription::new(specs.iter().map(|spec| spec.symbol.as_str()))
            .map(|subscription| subscription.messages)
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// The request for a venue's list of instruments.
pub(crate) fn listing_request(config: &VenueConfig) -> Request {
    match (config.venue, config.feed) {
        (Venue::Kraken, _) => request(kraken::ASSET_PAIRS_PATH, 1),
        (Venue::Coinbase, FeedChoice::CoinbaseAdvanced) => request(coinbase::ADVANCED_PRODUCTS_PATH, 1),
        (Venue::Coinbase, _) => request(coinbase::PRODUCTS_PATH, 1),
        _ => request(binance::EXCHANGE_INFO_PATH, binance::EXCHANGE_INFO_WEIGHT),
    }
}

fn request(path: &str, weight: u32) -> Request {
    Request { path: path.to_owned(), weight }
}

/// Reads its answer.
pub(crate) fn parse_listing(config: &VenueConfig, body: &[u8]) -> Result<Listing, ListingError> {
    match config.venue {
        Venue::Kraken => kraken::parse_asset_pairs(body, config.feed.kind()),
        Venue::Coinbase => coinbase::parse_products(body, config.feed.kind()),
        _ => binance::parse_exchange_info(body),
    }
}

/// Where a venue says what has been traded of each of its instruments.
pub(crate) enum Volumes {
    /// In the answer to this request, for all at once.
    Request(Request),
    /// In its list.
    InList,
    /// Nowhere that one request would reach.
    Unknown,
}

/// Where the venue says so.
pub(crate) fn volumes_source(feed: FeedChoice) -> Volumes {
    match feed {
        FeedChoice::BinanceDepth => Volumes::Request(request(binance::TICKERS_PATH, binance::TICKERS_WEIGHT)),
        FeedChoice::KrakenBook { .. } | FeedChoice::KrakenLevel3 { .. } => {
            Volumes::Request(request(kraken::TICKERS_PATH, 1))
        }
        FeedChoice::CoinbaseAdvanced => Volumes::InList,
        _ => Volumes::Unknown,
    }
}

/// Reads it, beside the answer to the request for the list: dollars a day by symbol.
pub(crate) fn parse_volumes(
    venue: Venue,
    listing: &Listing,
    listing_body: &[u8],
    body: &[u8],
) -> Result<BTreeMap<String, u64>, ListingError> {
    let turnovers = match venue {
        Venue::Kraken => kraken::parse_tickers(body, listing_body)?,
        Venue::Coinbase => coinbase::parse_turnovers(body)?,
        _ => binance::parse_tickers(body)?,
    };
    Ok(dollar_volumes(listing, &turnovers))
}

/// How much a venue may be asked until it says otherwise: what it documents for an address, November 2026.
pub(crate) const fn request_limit(venue: Venue) -> WeightLimit {
    match venue {
        Venue::Coinbase => WeightLimit { weight: 10, interval_secs: 1 },
        // One a second is safe; a burst of about thirty is refused.
        Venue::Kraken => WeightLimit { weight: 10, interval_secs: 10 },
        _ => WeightLimit { weight: 6_000, interval_secs: 60 },
    }
}
