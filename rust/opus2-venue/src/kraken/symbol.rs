//! Kraken's names of assets and pairs.

/// The common ticker of an asset that v1 and REST name otherwise.
///
/// Tokenised assets have names of mixed case (`AAPLx`), so case is kept.
#[must_use]
pub fn canonical_asset(name: &str) -> &str {
    match name {
        "XBT" => "BTC",
        "XDG" => "DOGE",
        _ => name,
    }
}

/// Base and quote of a pair by their common tickers, from its v1 or v2 name: `XBT/USD` and `BTC/USD` are both
/// `("BTC", "USD")`. `None` for a name without exactly one stroke between two names.
#[must_use]
pub fn split_symbol(symbol: &str) -> Option<(&str, &str)> {
    let (base, quote) = symbol.split_once('/')?;
    let is_pair = !base.is_empty() && !quote.is_empty() && !quote.contains('/');
    is_pair.then(|| (canonical_asset(base), canonical_asset(quote)))
}

/// The v2 name of a pair, from its v1 name or REST `wsname`. `None` as for [`split_symbol`].
#[must_use]
pub fn v2_symbol(symbol: &str) -> Option<String> {
    split_symbol(symbol).map(|(base, quote)| format!("{base}/{quote}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_names_become_common_tickers_and_case_is_kept() {
        for (symbol, expect) in [
            ("XBT/USD", Some("BTC/USD")),
            ("ADA/XBT", Some("ADA/BTC")),
            ("XDG/EUR", Some("DOGE/EUR")),
            ("BTC/USD", Some("BTC/USD")),
            ("AAPLx/USD", Some("AAPLx/USD")),
            ("XBTUSD", None),
            ("/USD", None),
            ("XBT/", None),
            ("A/B/C", None),
            ("", None),
        ] {
            assert_eq!(v2_symbol(symbol).as_deref(), expect, "{symbol:?}");
        }
    }
}
