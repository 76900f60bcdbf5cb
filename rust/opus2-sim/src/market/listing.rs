//! Which instruments there are, what they cost and how they count.

use opus2_types::Venue;

use super::assets::Asset;
use super::number::{count_to_float, to_units};
use super::time::SimTime;

/// Most instruments of a venue. Binance lists about 1,500 that trade, Kraken about 1,100, Coinbase about 800.
pub(crate) const VENUE_INSTRUMENTS_LIMIT: usize = 2000;

/// A price has at least this many ticks where eight decimals allow it, as most instruments do.
const PRICE_TICKS_MIN: f64 = 3000.0;

/// No venue prints more than this many decimals for the coins here.
const DECIMALS_MAX: u8 = 8;

/// Dollar values near those of August 2024, the month of the longest recording.
const COINS: &[(&str, f64)] = &[
    ("BTC", 61_700.0),
    ("ETH", 2_600.0),
    ("SOL", 150.0),
    ("BNB", 510.0),
    ("XRP", 0.61),
    ("DOGE", 0.104),
    ("ADA", 0.34),
    ("AVAX", 22.4),
    ("LINK", 10.5),
    ("DOT", 4.6),
    ("TRX", 0.13),
    ("TON", 6.6),
    ("LTC", 60.2),
    ("BCH", 331.0),
    ("UNI", 6.1),
    ("NEAR", 4.05),
    ("APT", 6.2),
    ("ICP", 8.1),
    ("ETC", 19.3),
    ("FIL", 3.62),
    ("ATOM", 4.63),
    ("XLM", 0.101),
    ("HBAR", 0.0553),
    ("INJ", 20.4),
    ("ARB", 0.532),
    ("OP", 1.36),
    ("SUI", 0.91),
    ("SEI", 0.272),
    ("RUNE", 4.02),
    ("AAVE", 101.0),
    ("MKR", 2_110.0),
    ("ALGO", 0.126),
    ("VET", 0.0221),
    ("GRT", 0.152),
    ("SAND", 0.253),
    ("MANA", 0.281),
    ("AXS", 4.72),
    ("EGLD", 27.3),
    ("THETA", 1.22),
    ("XTZ", 0.68),
    ("FLOW", 0.523),
    ("CHZ", 0.0554),
    ("KAVA", 0.322),
    ("ZEC", 30.4),
    ("DASH", 23.2),
    ("ENJ", 0.141),
    ("BAT", 0.172),
    ("COMP", 43.1),
    ("SNX", 1.31),
    ("CRV", 0.274),
    ("LDO", 1.02),
    ("IMX", 1.12),
    ("STX", 1.61),
    ("WLD", 1.63),
    ("TIA", 5.34),
    ("JUP", 0.81),
    ("PYTH", 0.304),
    ("ENA", 0.303),
    ("PEPE", 0.000_007_5),
    ("SHIB", 0.000_013_5),
    ("FLOKI", 0.000_12),
    ("BONK", 0.000_018),
    ("WIF", 1.52),
    ("币安人生", 0.21),
];

/// A quote asset of a venue.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Quote {
    ticker: &'static str,
    dollars: f64,
    /// The venue's smallest order value in it.
    notional_min: f64,
}

const fn quote(ticker: &'static str, dollars: f64, notional_min: f64) -> Quote {
    Quote { ticker, dollars, notional_min }
}

/// What a venue lists, and how its books look.
#[derive(Debug)]
struct Profile {
    /// Quote assets; the first one's pairs come first.
    quotes: &'static [Quote],
    /// The instruments of a small simulation, by index of coin and quote ticker: the majors and a cross pair.
    first: &'static [(&'static str, &'static str)],
    /// Decimals of the price of bitcoin and ether in dollars.
    price_decimals: (u8, u8),
    /// Between base and quote in the venue's symbols.
    separator: &'static str,
    /// How far its prices wander from the common value: standard deviation, in parts of the price.
    noise: f64,
    /// Its lasting distance from the common value, in parts of the price.
    basis: f64,
}

const BINANCE: Profile = Profile {
    quotes: &[
        quote("USDT", 1.0, 5.0),
        quote("USDC", 1.0, 5.0),
        quote("FDUSD", 1.0, 5.0),
        quote("BTC", 61_700.0, 0.0001),
        quote("ETH", 2_600.0, 0.001),
        quote("EUR", 1.093, 5.0),
        quote("TRY", 0.0299, 10.0),
        quote("BNB", 510.0, 0.01),
    ],
    first: &[("BTC", "USDT"), ("ETH", "USDT"), ("SOL", "USDT"), ("ETH", "BTC"), ("BTC", "USDC")],
    price_decimals: (2, 2),
    separator: "",
    noise: 1e-5,
    basis: 0.0,
};

const COINBASE: Profile = Profile {
    quotes: &[
        quote("USD", 1.0, 1.0),
        quote("EUR", 1.093, 0.84),
        quote("USDT", 1.0, 1.0),
        quote("GBP", 1.276, 0.72),
        quote("BTC", 61_700.0, 0.000_016),
        quote("ETH", 2_600.0, 0.000_22),
    ],
    first: &[("BTC", "USD"), ("ETH", "USD"), ("SOL", "USD"), ("ETH", "BTC"), ("BTC", "EUR")],
    price_decimals: (2, 2),
    separator: "-",
    noise: 4e-5,
    basis: 2e-5,
};

const KRAKEN: Profile = Profile {
    quotes: &[
        quote("USD", 1.0, 0.5),
        quote("EUR", 1.093, 0.45),
        quote("USDT", 1.0, 0.5),
        quote("USDC", 1.0, 0.5),
        quote("GBP", 1.276, 0.45),
        quote("BTC", 61_700.0, 0.000_02),
        quote("ETH", 2_600.0, 0.000_2),
    ],
    first: &[("BTC", "USD"), ("ETH", "USD"), ("SOL", "USD"), ("ETH", "BTC"), ("BTC", "EUR")],
    price_decimals: (1, 2),
    separator: "/",
    noise: 6e-5,
    basis: -3e-5,
};

const fn profile(venue: Venue) -> &'static Profile {
    match venue {
        Venue::Coinbase => &COINBASE,
        Venue::Kraken => &KRAKEN,
        _ => &BINANCE,
    }
}

/// One simulated instrument. Tick and lot are one unit of their scale.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    /// Where it trades.
    pub(crate) venue: Venue,
    /// The venue's symbol.
    pub(crate) symbol: String,
    /// Ticker of the base asset.
    pub(crate) base: String,
    /// Ticker of the quote asset.
    pub(crate) quote: String,
    /// Decimals of a price unit.
    pub(crate) price_scale: u8,
    /// Decimals of a quantity unit.
    pub(crate) qty_scale: u8,
    /// Index of the asset whose value the base follows.
    pub(crate) base_asset: usize,
    /// Index of the quote asset.
    pub(crate) quote_asset: usize,
    /// Value of one base asset in dollars at the start: sizes orders.
    pub(crate) base_dollars: f64,
    /// Quote assets per base asset at the start.
    pub(crate) opening_price: f64,
    /// The venue's smallest order value, in units of 10^-8 quote assets.
    pub(crate) notional_min: i64,
    /// Share of the traffic, relative to the other instruments.
    pub(crate) weight: f64,
    /// Levels per side that the flow keeps the book near.
    pub(crate) levels_target: usize,
    /// How far this book runs behind the value of its assets, in nanoseconds.
    pub(crate) lag: u64,
    /// How far its fair price wanders from the common one: standard deviation of the log.
    pub(crate) noise: f64,
    /// Lasting distance of its fair price from the common one, as a log.
    pub(crate) basis: f64,
}

/// What the most active instrument of a venue trades in a day, in dollars.
const DAY_DOLLARS: f64 = 1.2e9;

impl Listing {
    /// What a day trades, in quantity units: invented, in the order of activity.
    pub(crate) fn day_volume(&self) -> i64 {
        let dollars = DAY_DOLLARS * self.weight * self.weight;
        to_units(dollars / self.base_dollars * 10f64.powi(i32::from(self.qty_scale)))
    }
}

/// How many instruments of a venue there are, and how far it runs behind the common value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VenueListings {
    pub(crate) venue: Venue,
    /// Cut to [`VENUE_INSTRUMENTS_LIMIT`].
    pub(crate) count: usize,
    /// In nanoseconds. Books against another quote than the venue's first run [`MINOR_LAG_NANOS`] further behind.
    pub(crate) lag_nanos: u64,
}

/// Books against minor quotes follow those against the major one.
const MINOR_LAG_NANOS: u64 = 20 * SimTime::MILLISECOND;

/// The instruments of these venues, venue by venue, and the assets they trade.
///
/// In each venue: first five well-known ones, then every coin against the major quote (a market each), then the coins
/// against other quote assets (further instruments of the same markets, and new ones), and beyond that invented coins.
/// A venue's list of `n` instruments is a prefix of its list of `n + 1`. `BTC/USD*`, `ETH/USD*` and so on are markets of
/// every venue.
pub(crate) fn list_instruments(venues: &[VenueListings]) -> (Vec<Listing>, Vec<Asset>) {
    let mut assets: Vec<Asset> = Vec::new();
    let mut listings = Vec::new();
    for venue in venues {
        for (rank, pair) in pairs(venue.venue, venue.count.min(VENUE_INSTRUMENTS_LIMIT)).iter().enumerate() {
            let base = asset_index(&mut assets, pair.base, pair.base_dollars);
            let quote = asset_index(&mut assets, pair.quote.ticker, pair.quote.dollars);
            listings.push(listing(*venue, rank, pair, (base, quote)));
        }
    }
    (listings, assets)
}

struct Pair {
    base: &'static str,
    base_dollars: f64,
    quote: Quote,
    /// Ticker of the base: that of the asset, or an invented one.
    ticker: String,
}

fn pairs(venue: Venue, count: usize) -> Vec<Pair> {
    let Profile { quotes, first, .. } = profile(venue);
    let quote_of = |ticker: &str| quotes.iter().copied().find(|quote| quote.ticker == ticker);
    let coin_of = |ticker: &str| COINS.iter().copied().find(|coin| coin.0 == ticker);
    let majors = first.iter().filter_map(|(base, quote)| Some((coin_of(base)?, quote_of(quote)?)));
    let rest = quotes.iter().flat_map(|quote| COINS.iter().map(move |coin| (*coin, *quote)));
    let rest = rest.filter(|(coin, quote)| {
        !first.contains(&(coin.0, quote.ticker))
            && coin.0 != quote.ticker
            && coin.1 / quote.dollars * 1e8 >= 200.0
            // Only Binance lists a name like that.
            && (venue == Venue::Binance || coin.0.is_ascii())
    });
    let known = majors.chain(rest).map(|((base, base_dollars), quote)| Pair {
        base,
        base_dollars,
        quote,
        ticker: base.to_owned(),
    });
    // Invented coins differ in symbol and value, but share the asset of a real one: their books are their own.
    let invented = (1..).map(|number: usize| {
        let (base, base_dollars) = COINS[number % COINS.len()];
        Pair { base, base_dollars, quote: quotes[0], ticker: format!("SIM{number}") }
    });
    known.chain(invented).take(count).collect()
}

fn asset_index(assets: &mut Vec<Asset>, ticker: &'static str, dollars: f64) -> usize {
    if let Some(index) = assets.iter().position(|asset| asset.ticker == ticker) {
        return index;
    }
    let (volatility, common, jumps_per_sec) = match ticker {
        "USD" => (0.0, 0.0, 0.0),
        "USDT" | "USDC" | "FDUSD" => (1e-6, 0.0, 0.0),
        "EUR" | "GBP" | "TRY" => (1e-5, 0.0, 0.0),
        // The recorded mid of August 2024: 2,672 moves of about 100 ticks in 346 s.
        "BTC" => (5e-5, 0.85, 1.0 / 60.0),
        _ => (8e-5, 0.7, 1.0 / 40.0),
    };
    assets.push(Asset { ticker, dollars, volatility, common, jumps_per_sec });
    assets.len() - 1
}

fn listing(venue: VenueListings, rank: usize, pair: &Pair, assets: (usize, usize)) -> Listing {
    let profile = profile(venue.venue);
    let price = pair.base_dollars / pair.quote.dollars;
    let is_dollar_like = matches!(opus2_types::quote_family(pair.quote.ticker), Some("USD" | "EUR"));
    let price_scale = match pair.base {
        "BTC" if is_dollar_like => profile.price_decimals.0,
        "ETH" if is_dollar_like => profile.price_decimals.1,
        _ => decimals_for(PRICE_TICKS_MIN / price),
    };
    let is_major = pair.quote.ticker == profile.quotes[0].ticker;
    let rank = count_to_float(rank);
    Listing {
        venue: venue.venue,
        symbol: format!("{}{}{}", pair.ticker, profile.separator, pair.quote.ticker),
        base: pair.ticker.clone(),
        quote: pair.quote.ticker.to_owned(),
        price_scale,
        qty_scale: qty_scale(venue.venue, pair.base_dollars),
        base_asset: assets.0,
        quote_asset: assets.1,
        base_dollars: pair.base_dollars,
        opening_price: price,
        notional_min: to_units(pair.quote.notional_min * 1e8),
        weight: 1.0 / (rank + 1.0).sqrt(),
        levels_target: usize::try_from(to_units(120.0 + 1080.0 / (1.0 + 0.2 * rank))).unwrap_or(120),
        lag: venue.lag_nanos + if is_major { 0 } else { MINOR_LAG_NANOS },
        noise: profile.noise,
        basis: profile.basis,
    }
}

/// Decimals of a quantity: Binance prints as many as a dollar needs, the others up to eight.
fn qty_scale(venue: Venue, base_dollars: f64) -> u8 {
    match venue {
        Venue::Coinbase if base_dollars >= 100.0 => 8,
        Venue::Coinbase if base_dollars >= 1.0 => 6,
        Venue::Coinbase if base_dollars >= 0.01 => 4,
        Venue::Coinbase => 1,
        Venue::Kraken if base_dollars >= 0.1 => 8,
        Venue::Kraken => 5,
        _ => decimals_for(base_dollars),
    }
}

/// The fewest decimals whose power of ten is at least `times`.
fn decimals_for(times: f64) -> u8 {
    (0..DECIMALS_MAX).find(|decimals| 10f64.powi(i32::from(*decimals)) >= times).unwrap_or(DECIMALS_MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn list(venue: Venue, count: usize) -> Vec<Listing> {
        list_instruments(&[VenueListings { venue, count, lag_nanos: 0 }]).0
    }

    #[test]
    fn every_number_of_instruments_up_to_the_limit_is_listed() {
        for venue in Venue::ALL {
            let all = list(venue, VENUE_INSTRUMENTS_LIMIT);
            assert_eq!(all.len(), VENUE_INSTRUMENTS_LIMIT);
            let symbols: BTreeSet<&str> = all.iter().map(|listing| listing.symbol.as_str()).collect();
            assert_eq!(symbols.len(), VENUE_INSTRUMENTS_LIMIT, "symbols are unique");
            for listing in &all {
                assert!(listing.notional_min > 0 && listing.weight > 0.0, "{listing:?}");
            }
            assert_eq!(list(venue, VENUE_INSTRUMENTS_LIMIT + 1).len(), VENUE_INSTRUMENTS_LIMIT);
        }
    }

    #[test]
    fn venues_list_the_same_markets() {
        let markets = |venue| -> BTreeSet<String> {
            list(venue, 40)
                .iter()
                .map(|listing| opus2_types::market_name(&listing.base, &listing.quote))
                .collect()
        };
        let [binance, coinbase, kraken] = Venue::ALL.map(markets);
        assert!(binance.contains("BTC/USD*"));
        assert!(binance.intersection(&coinbase).filter(|market| kraken.contains(*market)).count() > 30);
    }

    #[test]
    fn scales_are_those_of_the_venue() {
        for (venue, symbol, price_scale, qty_scale) in [
            (Venue::Binance, "BTCUSDT", 2, 5),
            (Venue::Binance, "ETHUSDT", 2, 4),
            (Venue::Binance, "SOLUSDT", 2, 3),
            (Venue::Binance, "ETHBTC", 5, 4),
            (Venue::Binance, "DOGEUSDT", 5, 0),
            (Venue::Binance, "PEPEUSDT", 8, 0),
            (Venue::Coinbase, "BTC-USD", 2, 8),
            (Venue::Coinbase, "ETH-BTC", 5, 8),
            (Venue::Coinbase, "PEPE-USD", 8, 1),
            (Venue::Kraken, "BTC/USD", 1, 8),
            (Venue::Kraken, "ETH/USD", 2, 8),
            (Venue::Kraken, "PEPE/USD", 8, 5),
        ] {
            let listings = list(venue, 65);
            let listing = listings.iter().find(|listing| listing.symbol == symbol).unwrap();
            assert_eq!((listing.price_scale, listing.qty_scale), (price_scale, qty_scale), "{symbol}");
        }
    }
}
