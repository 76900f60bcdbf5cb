//! Which instruments there are, what they cost and how they count.

use opus2_types::{FeedKind, InstrumentSpec, SpecOrigin, Venue};

use super::assets::Asset;
use super::number::{count_to_float, to_units};
use super::time::SimTime;

/// Most instruments of a simulation. Binance lists about 1,500 that trade.
pub(crate) const INSTRUMENTS_LIMIT: usize = 2000;

/// A price has at least this many ticks where eight decimals allow it, as most Binance instruments do.
const PRICE_TICKS_MIN: f64 = 3000.0;

/// Binance prints no more than this many decimals.
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

/// Quote assets, their dollar value and Binance's minimum order value in them.
const QUOTES: &[(&str, f64, f64)] = &[
    ("USDT", 1.0, 5.0),
    ("USDC", 1.0, 5.0),
    ("FDUSD", 1.0, 5.0),
    ("BTC", 61_700.0, 0.0001),
    ("ETH", 2_600.0, 0.001),
    ("EUR", 1.093, 5.0),
    ("TRY", 0.0299, 10.0),
    ("BNB", 510.0, 0.01),
];

/// The instruments of a small simulation: the majors, a cross pair, and two quote assets that share a market.
const FIRST: &[(&str, &str)] =
    &[("BTC", "USDT"), ("ETH", "USDT"), ("SOL", "USDT"), ("ETH", "BTC"), ("BTC", "USDC")];

/// One simulated instrument.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    /// Scales, tick and lot. Tick and lot are one unit of their scale.
    pub(crate) spec: InstrumentSpec,
    /// Index of the base asset.
    pub(crate) base: usize,
    /// Index of the quote asset.
    pub(crate) quote: usize,
    /// Value of one base asset in dollars at the start: sizes orders.
    pub(crate) base_dollars: f64,
    /// The venue's smallest order value, in units of 10^-8 quote assets.
    pub(crate) notional_min: i64,
    /// Share of the traffic, relative to the other instruments.
    pub(crate) weight: f64,
    /// Levels per side that the flow keeps the book near.
    pub(crate) levels_target: usize,
    /// How far this book runs behind the value of its assets, in nanoseconds.
    pub(crate) lag: u64,
}

/// The first `count` instruments and the assets they trade. `count` is cut to [`INSTRUMENTS_LIMIT`].
///
/// First five well-known ones, then every coin against USDT (a market each), then the coins against other quote assets
/// (further instruments of the same markets, and new ones), and beyond that invented coins. The list of `n` instruments
/// is a prefix of the list of `n + 1`.
pub(crate) fn list_instruments(count: usize) -> (Vec<Listing>, Vec<Asset>) {
    let mut assets: Vec<Asset> = Vec::new();
    let listings = pairs(count.min(INSTRUMENTS_LIMIT))
        .into_iter()
        .enumerate()
        .map(|(rank, pair)| {
            let base = asset_index(&mut assets, pair.base, pair.base_dollars);
            let quote = asset_index(&mut assets, pair.quote.0, pair.quote.1);
            listing(rank, &pair, base, quote)
        })
        .collect();
    (listings, assets)
}

struct Pair {
    base: &'static str,
    base_dollars: f64,
    quote: (&'static str, f64, f64),
    symbol: String,
}

fn pairs(count: usize) -> Vec<Pair> {
    let quote_of = |ticker: &str| QUOTES.iter().copied().find(|quote| quote.0 == ticker);
    let coin_of = |ticker: &str| COINS.iter().copied().find(|coin| coin.0 == ticker);
    let first = FIRST.iter().filter_map(|(base, quote)| Some((coin_of(base)?, quote_of(quote)?)));
    let rest = QUOTES.iter().flat_map(|quote| COINS.iter().map(move |coin| (*coin, *quote)));
    let rest = rest.filter(|(coin, quote)| {
        !FIRST.contains(&(coin.0, quote.0)) && coin.0 != quote.0 && coin.1 / quote.1 * 1e8 >= 200.0
    });
    let known = first.chain(rest).map(|((base, base_dollars), quote)| Pair {
        base,
        base_dollars,
        quote,
        symbol: format!("{base}{}", quote.0),
    });
    // Invented coins differ in symbol and value, but share the asset of a real one: their books are their own.
    let invented = (1..).map(|number: usize| {
        let (base, base_dollars) = COINS[number % COINS.len()];
        Pair { base, base_dollars, quote: QUOTES[0], symbol: format!("SIM{number}USDT") }
    });
    known.chain(invented).take(count).collect()
}

fn asset_index(assets: &mut Vec<Asset>, ticker: &'static str, dollars: f64) -> usize {
    if let Some(index) = assets.iter().position(|asset| asset.ticker == ticker) {
        return index;
    }
    let (volatility, common, jumps_per_sec) = match ticker {
        "USDT" | "USDC" | "FDUSD" => (1e-6, 0.0, 0.0),
        "EUR" | "TRY" => (1e-5, 0.0, 0.0),
        // The recorded mid of August 2024: 2,672 moves of about 100 ticks in 346 s.
        "BTC" => (5e-5, 0.85, 1.0 / 60.0),
        _ => (8e-5, 0.7, 1.0 / 40.0),
    };
    assets.push(Asset { ticker, dollars, volatility, common, jumps_per_sec });
    assets.len() - 1
}

fn listing(rank: usize, pair: &Pair, base: usize, quote: usize) -> Listing {
    let price = pair.base_dollars / pair.quote.1;
    let price_scale = match (pair.base, pair.quote.0) {
        ("BTC" | "ETH", "USDT" | "USDC" | "FDUSD" | "EUR") => 2,
        _ => decimals_for(PRICE_TICKS_MIN / price),
    };
    let spec_base = pair.symbol.strip_suffix(pair.quote.0).unwrap_or(pair.base);
    let spec = InstrumentSpec {
        venue: Venue::Binance,
        symbol: pair.symbol.clone(),
        base: spec_base.to_owned(),
        quote: pair.quote.0.to_owned(),
        price_scale,
        qty_scale: decimals_for(pair.base_dollars),
        tick: 1,
        lot: 1,
        origin: SpecOrigin::Venue,
        feed: FeedKind::BinanceDepth,
    };
    let rank = count_to_float(rank);
    Listing {
        spec,
        base,
        quote,
        base_dollars: pair.base_dollars,
        notional_min: to_units(pair.quote.2 * 1e8),
        weight: 1.0 / (rank + 1.0).sqrt(),
        levels_target: usize::try_from(to_units(300.0 + 700.0 / (1.0 + 0.2 * rank))).unwrap_or(300),
        lag: if pair.quote.0 == "USDT" { 0 } else { 20 * SimTime::MILLISECOND },
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

    #[test]
    fn every_number_of_instruments_up_to_the_limit_is_listed() {
        let (all, _) = list_instruments(INSTRUMENTS_LIMIT);
        assert_eq!(all.len(), INSTRUMENTS_LIMIT);
        let symbols: BTreeSet<&str> = all.iter().map(|listing| listing.spec.symbol.as_str()).collect();
        assert_eq!(symbols.len(), INSTRUMENTS_LIMIT, "symbols are unique");
        for listing in &all {
            listing.spec.validate().unwrap();
            assert!(listing.notional_min > 0 && listing.weight > 0.0);
        }
        assert_eq!(list_instruments(INSTRUMENTS_LIMIT + 1).0.len(), INSTRUMENTS_LIMIT);
    }

    #[test]
    fn scales_are_those_of_the_venue() {
        let (listings, _) = list_instruments(65);
        for (symbol, price_scale, qty_scale) in [
            ("BTCUSDT", 2, 5),
            ("ETHUSDT", 2, 4),
            ("SOLUSDT", 2, 3),
            ("ETHBTC", 5, 4),
            ("DOGEUSDT", 5, 0),
            ("PEPEUSDT", 8, 0),
        ] {
            let listing = listings.iter().find(|listing| listing.spec.symbol == symbol).unwrap();
            assert_eq!(
                (listing.spec.price_scale, listing.spec.qty_scale),
                (price_scale, qty_scale),
                "{symbol}"
            );
        }
    }
}
