//! How much is traded of each instrument, made comparable: which are the most active.

use std::collections::BTreeMap;

use opus2_types::quote_family;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use crate::listing::Listing;

/// What was traded of one instrument in 24 hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turnover {
    /// The venue's symbol.
    pub symbol: String,
    /// The last price, in the quote asset.
    pub last_price: Decimal,
    /// The sum of price times quantity, in the quote asset.
    pub quote_volume: Decimal,
}

/// Each instrument's 24-hour volume in whole dollars, by symbol.
///
/// Quote assets of the dollar family count as dollars. Another quote asset is worth the last price of its own instrument
/// against dollars (`ETH` by `ETHUSDT`), or one over that of the dollar against it (`TRY` by `USDTTRY`); the most traded
/// instrument decides. One without either is worth nothing: its instruments rank last. What overflows ranks last too.
///
/// A rank, not an amount: nothing else may be computed from it.
#[must_use]
pub fn dollar_volumes(listing: &Listing, turnovers: &[Turnover]) -> BTreeMap<String, u64> {
    let of_symbol: BTreeMap<&str, &Turnover> =
        turnovers.iter().map(|turnover| (turnover.symbol.as_str(), turnover)).collect();
    let traded = || {
        listing.instruments.iter().filter_map(|listed| {
            let turnover = of_symbol.get(listed.spec.symbol.as_str())?;
            Some((&listed.spec, *turnover))
        })
    };
    let is_dollar = |asset: &str| quote_family(asset) == Some("USD");
    // Asset to its price in dollars, and the volume in dollars of the instrument that says so.
    let mut prices: BTreeMap<&str, (Decimal, Decimal)> = BTreeMap::new();
    for (spec, turnover) in traded() {
        let (asset, price, volume) = match (is_dollar(&spec.base), is_dollar(&spec.quote)) {
            (false, true) => (spec.base.as_str(), Some(turnover.last_price), Some(turnover.quote_volume)),
            (true, false) => {
                let price = Decimal::ONE.checked_div(turnover.last_price);
                (spec.quote.as_str(), price, price.and_then(|price| price.checked_mul(turnover.quote_volume)))
            }
            _ => continue,
        };
        if let (Some(price), Some(volume)) = (price, volume)
            && prices.get(asset).is_none_or(|(_, most)| volume > *most)
        {
            prices.insert(asset, (price, volume));
        }
    }
    traded()
        .map(|(spec, turnover)| {
            let price = if is_dollar(&spec.quote) {
                Some(Decimal::ONE)
            } else {
                prices.get(spec.quote.as_str()).map(|(price, _)| *price)
            };
            let volume = price.and_then(|price| price.checked_mul(turnover.quote_volume));
            (spec.symbol.clone(), volume.and_then(|volume| volume.to_u64()).unwrap_or_default())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use opus2_types::{FeedKind, InstrumentSpec, SpecOrigin, Venue};

    use super::*;
    use crate::listing::{ListedInstrument, ListingStatus};

    /// `BASE/QUOTE price volume`, one a line; the outcome is `BASEQUOTE dollars`, the most traded first.
    #[track_caller]
    fn check(lines: &[&str], expect: &[&str]) {
        let mut listing = Listing::default();
        let mut turnovers = Vec::new();
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let (base, quote) = words[0].split_once('/').unwrap();
            let spec = InstrumentSpec {
                venue: Venue::Binance,
                symbol: format!("{base}{quote}"),
                base: base.into(),
                quote: quote.into(),
                price_scale: 8,
                qty_scale: 8,
                tick: 1,
                lot: 1,
                origin: SpecOrigin::Venue,
                feed: FeedKind::BinanceDepth,
            };
            turnovers.push(Turnover {
                symbol: spec.symbol.clone(),
                last_price: words[1].parse().unwrap(),
                quote_volume: words[2].parse().unwrap(),
            });
            listing.instruments.push(ListedInstrument {
                spec,
                status: ListingStatus::Trading,
                is_spot: true,
                alias_of: None,
            });
        }
        let mut volumes: Vec<(String, u64)> = dollar_volumes(&listing, &turnovers).into_iter().collect();
        volumes.sort_by_key(|(_, volume)| std::cmp::Reverse(*volume));
        let found: Vec<String> =
            volumes.iter().map(|(symbol, volume)| format!("{symbol} {volume}")).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn volumes_of_different_quote_assets_are_compared_in_dollars() {
        check(
            &["BTC/USDT 50000 1000000", "ETH/BTC 0.05 10", "USDT/TRY 40 8000000", "BTC/TRY 2000000 400000"],
            &["BTCUSDT 1000000", "ETHBTC 500000", "USDTTRY 200000", "BTCTRY 10000"],
        );
    }

    #[test]
    fn the_most_traded_instrument_gives_an_asset_its_price() {
        check(
            &["ETH/USDT 3000 9000", "ETH/DAI 1 10", "LINK/ETH 0.01 2"],
            &["ETHUSDT 9000", "LINKETH 6000", "ETHDAI 10"],
        );
    }

    #[test]
    fn an_asset_without_a_price_ranks_last() {
        check(&["A/XYZ 1 1000000", "B/USDT 1 5", "USDT/ZERO 0 5"], &["BUSDT 5", "AXYZ 0", "USDTZERO 0"]);
    }
}
