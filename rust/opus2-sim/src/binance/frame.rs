//! A publication as the venue's JSON text.

use opus2_types::{Aggressor, Level, UnixNanos};

use super::publisher::{Body, Publication};
use super::stream::StreamNames;
use crate::text::{Symbol, push};

/// The unit of every time of a connection (`timeUnit=`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum TimeUnit {
    /// 13 digits.
    #[default]
    Millisecond,
    /// 16 digits.
    Microsecond,
}

impl TimeUnit {
    /// Reads the URL option or header; the venue takes either case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "MILLISECOND" | "millisecond" => Some(Self::Millisecond),
            "MICROSECOND" | "microsecond" => Some(Self::Microsecond),
            _ => None,
        }
    }

    /// A time in this unit, cut off.
    pub(crate) const fn count(self, time: UnixNanos) -> i64 {
        match self {
            Self::Millisecond => time.0.div_euclid(1_000_000),
            Self::Microsecond => time.0.div_euclid(1_000),
        }
    }
}

/// How a connection wants its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) unit: TimeUnit,
    /// Wrapped in `{"stream":…,"data":…}`.
    pub(crate) is_combined: bool,
}

impl Form {
    /// A number 0 … 3, one per form.
    pub(crate) const fn index(self) -> usize {
        (self.is_combined as usize) * 2 + matches!(self.unit, TimeUnit::Microsecond) as usize
    }

    /// The form with this number.
    pub(crate) const fn from_index(index: usize) -> Self {
        let unit = if index % 2 == 1 { TimeUnit::Microsecond } else { TimeUnit::Millisecond };
        Self { unit, is_combined: index >= 2 }
    }
}

/// The two times of a publication.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    /// When the matching engine did it: `T`.
    pub(crate) matched: UnixNanos,
    /// When it is sent: `E`.
    pub(crate) sent: UnixNanos,
}

/// Writes a publication as one frame, appending to `text`.
pub(crate) fn write_frame(
    text: &mut String,
    publication: &Publication<'_>,
    symbol: &Symbol,
    names: &StreamNames,
    stamp: Stamp,
    form: Form,
) {
    if form.is_combined {
        push(text, format_args!("{{\"stream\":\"{}\",\"data\":", names.name(publication.stream)));
    }
    let event = form.unit.count(stamp.sent);
    let name = &symbol.name;
    match publication.body {
        Body::Depth { first, last, bids, asks } => {
            push(
                text,
                format_args!(r#"{{"e":"depthUpdate","E":{event},"s":"{name}","U":{first},"u":{last},"b":"#),
            );
            write_levels(text, bids, symbol);
            text.push_str(r#","a":"#);
            write_levels(text, asks, symbol);
            text.push('}');
        }
        Body::Trade { id, price, qty, aggressor } => {
            push(text, format_args!(r#"{{"e":"trade","E":{event},"s":"{name}","t":{id},"p":""#));
            write_fixed(text, price.0, symbol.price_scale);
            text.push_str(r#"","q":""#);
            write_fixed(text, qty.0, symbol.qty_scale);
            let matched = form.unit.count(stamp.matched);
            let is_buyer_maker = aggressor == Aggressor::Sell;
            push(text, format_args!(r#"","T":{matched},"m":{is_buyer_maker},"M":true}}"#));
        }
        Body::BookTicker { update_id, bid, ask } => {
            push(text, format_args!(r#"{{"u":{update_id},"s":"{name}","b":""#));
            write_fixed(text, bid.price.0, symbol.price_scale);
            text.push_str(r#"","B":""#);
            write_fixed(text, bid.qty.0, symbol.qty_scale);
            text.push_str(r#"","a":""#);
            write_fixed(text, ask.price.0, symbol.price_scale);
            text.push_str(r#"","A":""#);
            write_fixed(text, ask.qty.0, symbol.qty_scale);
            text.push_str("\"}");
        }
    }
    if form.is_combined {
        text.push('}');
    }
}

/// The venue's notice that it is about to close the connection.
pub(crate) fn server_shutdown(sent: UnixNanos, form: Form) -> String {
    let notice = format!(r#"{{"e":"serverShutdown","E":{}}}"#, form.unit.count(sent));
    if form.is_combined { format!(r#"{{"stream":"!serverShutdown","data":{notice}}}"#) } else { notice }
}

/// `[["price","quantity"],…]`
pub(crate) fn write_levels(text: &mut String, levels: &[Level], symbol: &Symbol) {
    text.push('[');
    for (index, level) in levels.iter().enumerate() {
        text.push_str(if index == 0 { "[\"" } else { ",[\"" });
        write_fixed(text, level.price.0, symbol.price_scale);
        text.push_str("\",\"");
        write_fixed(text, level.qty.0, symbol.qty_scale);
        text.push_str("\"]");
    }
    text.push(']');
}

/// The decimals of every number of the venue, whatever the instrument's scale.
const DECIMALS: usize = 8;

/// Writes `units * 10^-scale`, not negative, with exactly eight decimals: `61737.63000000`.
pub(crate) fn write_fixed(text: &mut String, units: i64, scale: u8) {
    debug_assert!(units >= 0 && usize::from(scale) <= DECIMALS, "{units} at scale {scale}");
    // 20 digits of a u64, a point, eight decimals.
    let mut buffer = [b'0'; 20 + 1 + DECIMALS];
    let mut at = buffer.len() - (DECIMALS - usize::from(scale));
    let mut rest = units.unsigned_abs();
    for _ in 0..scale {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    at -= 1;
    buffer[at] = b'.';
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    text.push_str(std::str::from_utf8(&buffer[at..]).expect("digits and a point"));
}

#[cfg(test)]
mod tests {
    use opus2_types::{Price, Qty};

    use super::*;
    use crate::market::SimTime;
    use crate::stream::{StreamId, StreamKind};

    #[track_caller]
    fn check(kind: StreamKind, body: Body<'_>, form: (TimeUnit, bool), expect: &str) {
        let symbol = Symbol { name: "BNBBTC".into(), price_scale: 4, qty_scale: 0 };
        let names = StreamNames::new(["BNBBTC"]);
        let publication = Publication { stream: StreamId { instrument: 0, kind }, at: SimTime(0), body };
        let stamp = Stamp {
            matched: UnixNanos(1_780_000_000_124_567_890),
            sent: UnixNanos(1_780_000_000_125_999_999),
        };
        let mut text = String::new();
        write_frame(
            &mut text,
            &publication,
            &symbol,
            &names,
            stamp,
            Form { unit: form.0, is_combined: form.1 },
        );
        assert_eq!(text, expect);
        let _: serde_json::Value = serde_json::from_str(&text).unwrap();
    }

    #[test]
    fn frames_are_the_documented_ones() {
        use TimeUnit::{Microsecond, Millisecond};
        let (bids, asks) = ([Level::new(24, 10)], [Level::new(26, 0), Level::new(27, 5)]);
        let depth = Body::Depth { first: 157, last: 160, bids: &bids, asks: &asks };
        check(
            StreamKind::Depth100Ms,
            depth,
            (Millisecond, true),
            r#"{"stream":"bnbbtc@depth@100ms","data":{"e":"depthUpdate","E":1780000000125,"s":"BNBBTC","U":157,"u":160,"b":[["0.00240000","10.00000000"]],"a":[["0.00260000","0.00000000"],["0.00270000","5.00000000"]]}}"#,
        );
        let trade = Body::Trade { id: 12345, price: Price(25), qty: Qty(100), aggressor: Aggressor::Sell };
        check(
            StreamKind::Trade,
            trade,
            (Microsecond, true),
            r#"{"stream":"bnbbtc@trade","data":{"e":"trade","E":1780000000125999,"s":"BNBBTC","t":12345,"p":"0.00250000","q":"100.00000000","T":1780000000124567,"m":true,"M":true}}"#,
        );
        let ticker = Body::BookTicker { update_id: 160, bid: Level::new(24, 10), ask: Level::new(27, 40) };
        check(
            StreamKind::BookTicker,
            ticker,
            (Millisecond, false),
            r#"{"u":160,"s":"BNBBTC","b":"0.00240000","B":"10.00000000","a":"0.00270000","A":"40.00000000"}"#,
        );
    }

    #[test]
    fn numbers_have_eight_decimals() {
        for (units, scale, expect) in [
            (6_173_763, 2, "61737.63000000"),
            (750, 8, "0.00000750"),
            (0, 0, "0.00000000"),
            (7, 0, "7.00000000"),
            (i64::MAX, 8, "92233720368.54775807"),
            (i64::MAX, 0, "9223372036854775807.00000000"),
        ] {
            let mut text = String::new();
            write_fixed(&mut text, units, scale);
            assert_eq!(text, expect);
        }
    }

    #[test]
    fn the_shutdown_notice_has_both_forms() {
        let sent = UnixNanos(1_770_123_456_789_000_000);
        let form = |is_combined| Form { unit: TimeUnit::Millisecond, is_combined };
        assert_eq!(server_shutdown(sent, form(false)), r#"{"e":"serverShutdown","E":1770123456789}"#);
        assert_eq!(
            server_shutdown(sent, form(true)),
            r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}"#
        );
    }
}
