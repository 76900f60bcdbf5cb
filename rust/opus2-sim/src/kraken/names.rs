//! The venue's older names of assets and pairs, which its REST interface still uses.

/// Assets with an old name of four letters, and the ticker in alternative names where it differs.
const OLD: [(&str, &str, &str); 12] = [
    ("BTC", "XXBT", "XBT"),
    ("DOGE", "XXDG", "XDG"),
    ("ETH", "XETH", "ETH"),
    ("ETC", "XETC", "ETC"),
    ("LTC", "XLTC", "LTC"),
    ("XRP", "XXRP", "XRP"),
    ("XLM", "XXLM", "XLM"),
    ("ZEC", "XZEC", "ZEC"),
    ("MLN", "XMLN", "MLN"),
    ("USD", "ZUSD", "USD"),
    ("EUR", "ZEUR", "EUR"),
    ("GBP", "ZGBP", "GBP"),
];

fn old(ticker: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    OLD.iter().find(|(known, _, _)| *known == ticker)
}

/// The name of an asset in `base` and `quote`: `XXBT`.
pub(crate) fn asset(ticker: &str) -> &str {
    old(ticker).map_or(ticker, |(_, name, _)| name)
}

/// The ticker in alternative names: `XBT`.
pub(crate) fn alternative(ticker: &str) -> &str {
    old(ticker).map_or(ticker, |(_, _, name)| name)
}

/// The alternative name of a pair: `XBTUSD`.
pub(crate) fn altname(base: &str, quote: &str) -> String {
    format!("{}{}", alternative(base), alternative(quote))
}

/// The key of a pair: `XXBTZUSD` when both assets are old, otherwise the alternative name.
pub(crate) fn key(base: &str, quote: &str) -> String {
    match (old(base), old(quote)) {
        (Some((_, base, _)), Some((_, quote, _))) => format!("{base}{quote}"),
        _ => altname(base, quote),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_pairs_have_old_names() {
        for (base, quote, expect) in [
            ("BTC", "USD", ("XXBTZUSD", "XBTUSD")),
            ("ETH", "BTC", ("XETHXXBT", "ETHXBT")),
            ("SOL", "USD", ("SOLUSD", "SOLUSD")),
            ("BTC", "USDT", ("XBTUSDT", "XBTUSDT")),
            ("DOGE", "EUR", ("XXDGZEUR", "XDGEUR")),
        ] {
            assert_eq!((key(base, quote).as_str(), altname(base, quote).as_str()), expect);
        }
    }
}
