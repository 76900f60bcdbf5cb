//! What each way of asking selects, of one small venue.

use opus2_types::{FeedKind, SpecOrigin, Venue};
use opus2_venue::listing::{InstrumentError, ListingStatus, RefusedInstrument};

use super::*;
use crate::config::RawConfig;

/// `SYMBOL BASE/QUOTE volume`, and perhaps a status or `=OTHER` for an alias.
const LISTED: [&str; 8] = [
    "BTCUSDT BTC/USDT 900",
    "ETHUSDT ETH/USDT 500",
    "ETHBTC ETH/BTC 50",
    "SOLUSDT SOL/USDT 700",
    "SOLBTC SOL/BTC 60",
    "LUNAUSDT LUNA/USDT 999 HALT",
    "BTC-USDC BTC/USDC 800 =BTCUSDT",
    "币USDT 币/USDT 10",
];

fn listing() -> (Listing, BTreeMap<String, u64>) {
    let mut listing = Listing::default();
    let mut volumes = BTreeMap::new();
    for line in LISTED {
        let words: Vec<&str> = line.split(' ').collect();
        let (base, quote) = words[1].split_once('/').unwrap();
        volumes.insert(words[0].to_owned(), words[2].parse().unwrap());
        let spec = InstrumentSpec {
            venue: Venue::Binance,
            symbol: words[0].into(),
            base: base.into(),
            quote: quote.into(),
            price_scale: 8,
            qty_scale: 8,
            tick: 1,
            lot: 1,
            origin: SpecOrigin::Venue,
            feed: FeedKind::BinanceDepth,
        };
        let status = words.get(3).filter(|word| !word.starts_with('='));
        listing.instruments.push(ListedInstrument {
            spec,
            status: status.map_or(ListingStatus::Trading, |word| ListingStatus::NotTrading((*word).into())),
            is_spot: true,
            alias_of: words.get(3).and_then(|word| word.strip_prefix('=')).map(str::to_owned),
        });
    }
    listing.refused.push(RefusedInstrument {
        symbol: "ODD".into(),
        reason: InstrumentError::Unreadable("no tick".into()),
    });
    (listing, volumes)
}

/// The keys of `[venue.binance]` that differ, and what they select; then what they leave out.
#[track_caller]
fn check(keys: &str, expect: &str, left_out: &str) {
    let config = RawConfig::parse(&format!("[venue.binance]\n{keys}")).unwrap().validate().unwrap();
    let (listing, volumes) = listing();
    let chosen = config.venues[0].selection.choose(&listing, &volumes);
    let symbols: Vec<&str> = chosen.specs.iter().map(|spec| spec.symbol.as_str()).collect();
    assert_eq!(symbols.join(" "), expect, "{keys}");
    let reasons: Vec<String> =
        chosen.left_out.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
    assert_eq!(reasons.join("; "), left_out, "{keys}");
}

#[test]
fn names_keep_their_order_and_may_be_the_venues_or_canonical() {
    check("instruments = [\"ETHBTC\", \"BTC/USDT\", \"btcusdt\"]", "ETHBTC BTCUSDT", "");
}

#[test]
fn a_name_that_cannot_be_followed_says_why() {
    check(
        "instruments = [\"ETHBTC\", \"LUNAUSDT\", \"NONE\", \"ODD\", \"BTC/USDC\", \"SOLBTC\"]\nexclude = [\"SOL*\"]",
        "ETHBTC",
        "LUNAUSDT: status HALT, spot true; NONE: not in the venue's list; ODD: unreadable: no tick; BTC/USDC: the \
         venue publishes it as BTCUSDT; SOLBTC: excluded",
    );
}

#[test]
fn patterns_select_what_trades_the_most_active_first() {
    check("instruments = [\"*USDT\"]", "BTCUSDT SOLUSDT ETHUSDT 币USDT", "");
    check("instruments = [\"SOL/*\"]", "SOLUSDT SOLBTC", "");
    check("instruments = [\"?USDT\"]", "币USDT", "");
    check("instruments = [\"ETHUSDT\", \"*USDT\"]", "ETHUSDT BTCUSDT SOLUSDT 币USDT", "");
}

#[test]
fn quotes_select_by_the_quote_asset() {
    check("instruments = []\nquotes = [\"BTC\"]", "SOLBTC ETHBTC", "");
}

#[test]
fn the_top_is_of_what_is_selected_or_of_all() {
    check("instruments = []\ntop_by_volume = 3", "BTCUSDT SOLUSDT ETHUSDT", "");
    check("instruments = []\nquotes = [\"BTC\"]\ntop_by_volume = 1", "SOLBTC", "");
    check("instruments = [\"ETHBTC\"]\ntop_by_volume = 1", "ETHBTC BTCUSDT", "");
}

#[test]
fn an_instrument_at_the_edge_of_the_top_stays() {
    let config =
        RawConfig::parse("[venue.binance]\ninstruments = []\ntop_by_volume = 2").unwrap().validate().unwrap();
    let selection = &config.venues[0].selection;
    let (listing, volumes) = listing();
    for (followed, expect) in
        [("", "BTCUSDT SOLUSDT"), ("ETHUSDT", "BTCUSDT SOLUSDT ETHUSDT"), ("SOLBTC", "BTCUSDT SOLUSDT")]
    {
        let chosen = selection.choose(&listing, &volumes);
        let kept = selection.keep_followed(chosen, &listing, &volumes, |symbol| symbol == followed);
        let symbols: Vec<&str> = kept.specs.iter().map(|spec| spec.symbol.as_str()).collect();
        assert_eq!(symbols.join(" "), expect, "{followed}");
    }
}

#[test]
fn the_limit_keeps_the_most_important() {
    check("instruments = [\"ETHBTC\", \"*USDT\"]\ninstruments_limit = 2", "ETHBTC BTCUSDT", "");
}

#[test]
fn a_star_matches_any_text_and_nothing_else_does() {
    for (pattern, text, expect) in [
        ("*", "", true),
        ("A*B*C", "AxxBxxC", true),
        ("A*B*C", "AxxBxx", false),
        ("*USDT", "USDTUSDT", true),
        ("A?C", "ABC", true),
        ("A?C", "AC", false),
        ("A", "AB", false),
    ] {
        assert_eq!(Pattern::new(pattern).matches(text), expect, "{pattern} {text}");
    }
}
