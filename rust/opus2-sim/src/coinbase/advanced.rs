//! The Advanced Trade feed's messages as text. Each carries [`SEQUENCE_MARK`] where its connection's number belongs.

use opus2_types::{Level, Side, UnixNanos};

use super::message::{Match, Place, TIME_DIGITS};
use super::ticker::{DayFigures, amount};
use crate::dialect::SEQUENCE_MARK;
use crate::text::{Symbol, push, time_text, write_scaled, write_time};

/// Decimals of a second in the envelope's time.
const ENVELOPE_DIGITS: usize = 9;

/// Begins a message: everything up to the events.
pub(crate) fn write_envelope(text: &mut String, channel: &str, now: UnixNanos) {
    push(text, format_args!("{{\"channel\":\"{channel}\",\"client_id\":\"\",\"timestamp\":\""));
    write_time(text, now, ENVELOPE_DIGITS);
    push(text, format_args!("\",\"sequence_num\":{SEQUENCE_MARK},\"events\":["));
}

/// Levels of a book: a `snapshot` (whose levels have no time of their own) or an `update`.
pub(crate) fn write_l2(text: &mut String, kind: &str, changes: &[(Side, Level)], place: Place<'_>) {
    let Symbol { name, price_scale, qty_scale } = place.symbol;
    let time = if kind == "snapshot" {
        "1970-01-01T00:00:00Z".to_owned()
    } else {
        time_text(place.time, TIME_DIGITS)
    };
    write_envelope(text, "l2_data", place.time);
    push(text, format_args!("{{\"type\":\"{kind}\",\"product_id\":\"{name}\",\"updates\":["));
    for (index, (side, level)) in changes.iter().enumerate() {
        let side = match side {
            Side::Bid => "bid",
            Side::Ask => "offer",
        };
        let comma = if index == 0 { "" } else { "," };
        push(text, format_args!("{comma}{{\"side\":\"{side}\",\"event_time\":\"{time}\",\"price_level\":\""));
        write_scaled(text, level.price.0, *price_scale);
        text.push_str("\",\"new_quantity\":\"");
        write_scaled(text, level.qty.0, *qty_scale);
        text.push_str("\"}");
    }
    text.push_str("]}]}");
}

/// Trades: a `snapshot`, newest first, or an `update`, oldest first. `side` is the maker's, as documented.
pub(crate) fn write_trades<'a>(
    text: &mut String,
    kind: &str,
    trades: impl Iterator<Item = &'a Match>,
    symbol: &Symbol,
    now: UnixNanos,
) {
    let Symbol { name, price_scale, qty_scale } = symbol;
    write_envelope(text, "market_trades", now);
    push(text, format_args!("{{\"type\":\"{kind}\",\"trades\":["));
    for (index, one) in trades.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let trade_id = one.trade_id;
        push(text, format_args!("{comma}{{\"trade_id\":\"{trade_id}\",\"product_id\":\"{name}\""));
        amount(text, "price", one.price.0, *price_scale);
        amount(text, "size", one.qty.0, *qty_scale);
        let side = match one.maker_side {
            Side::Bid => "BUY",
            Side::Ask => "SELL",
        };
        push(text, format_args!(",\"side\":\"{side}\",\"time\":\""));
        write_time(text, one.time, TIME_DIGITS);
        text.push_str("\"}");
    }
    text.push_str("]}]}");
}

/// Best quotes and the past day after a taking order.
pub(crate) fn write_ticker(
    text: &mut String,
    last: &Match,
    day: &DayFigures,
    best: [Option<Level>; 2],
    symbol: &Symbol,
) {
    let Symbol { name, price_scale, qty_scale } = symbol;
    write_envelope(text, "ticker", last.time);
    push(
        text,
        format_args!("{{\"type\":\"update\",\"tickers\":[{{\"type\":\"ticker\",\"product_id\":\"{name}\""),
    );
    amount(text, "price", last.price.0, *price_scale);
    amount(text, "volume_24_h", day.volume, *qty_scale);
    amount(text, "low_24_h", day.low.0, *price_scale);
    amount(text, "high_24_h", day.high.0, *price_scale);
    let [bid, ask] = best.map(Option::unwrap_or_default);
    amount(text, "best_bid", bid.price.0, *price_scale);
    amount(text, "best_bid_quantity", bid.qty.0, *qty_scale);
    amount(text, "best_ask", ask.price.0, *price_scale);
    amount(text, "best_ask_quantity", ask.qty.0, *qty_scale);
    text.push_str("}]}]}");
}

/// A sign of life, once a second. Its time is written as Go prints times.
pub(crate) fn heartbeat_text(now: UnixNanos, count: u64) -> String {
    let mut text = String::with_capacity(256);
    write_envelope(&mut text, "heartbeats", now);
    let go_time = time_text(now, ENVELOPE_DIGITS).replace('T', " ").replace('Z', " +0000 UTC m=+");
    push(
        &mut text,
        format_args!(
            "{{\"current_time\":\"{go_time}{count}.000000000\",\"heartbeat_counter\":\"{count}\"}}]}}"
        ),
    );
    text
}

#[cfg(test)]
mod tests {
    use opus2_types::{Price, Qty};

    use super::*;

    const NOW: UnixNanos = UnixNanos(1_795_356_000_123_456_789);

    #[track_caller]
    fn check(write: impl FnOnce(&mut String, Place<'_>), expect: &str) {
        let symbol = Symbol { name: "BTC-USD".into(), price_scale: 2, qty_scale: 8 };
        let mut text = String::new();
        write(&mut text, Place { symbol: &symbol, instrument: 0, time: NOW });
        let text = text.replace(SEQUENCE_MARK, "5");
        assert_eq!(text, expect);
        let _: serde_json::Value = serde_json::from_str(&text).unwrap();
    }

    #[test]
    fn messages_are_the_documented_ones() {
        let changes = [(Side::Bid, Level::new(50_209, 50_000_000)), (Side::Ask, Level::new(50_210, 0))];
        let envelope = |channel| {
            format!(
                r#"{{"channel":"{channel}","client_id":"","timestamp":"2026-11-22T14:00:00.123456789Z","sequence_num":5,"events":["#
            )
        };
        check(
            |text, place| write_l2(text, "update", &changes, place),
            &(envelope("l2_data")
                + r#"{"type":"update","product_id":"BTC-USD","updates":[{"side":"bid","event_time":"2026-11-22T14:00:00.123456Z","price_level":"502.09","new_quantity":"0.50000000"},{"side":"offer","event_time":"2026-11-22T14:00:00.123456Z","price_level":"502.10","new_quantity":"0.00000000"}]}]}"#),
        );
        check(
            |text, place| write_l2(text, "snapshot", &changes[..1], place),
            &(envelope("l2_data")
                + r#"{"type":"snapshot","product_id":"BTC-USD","updates":[{"side":"bid","event_time":"1970-01-01T00:00:00Z","price_level":"502.09","new_quantity":"0.50000000"}]}]}"#),
        );
        let trade = Match {
            trade_id: 21,
            sequence: 9,
            maker: 1,
            taker: 2,
            price: Price(50_210),
            qty: Qty(1_000_000),
            maker_side: Side::Ask,
            time: NOW,
        };
        check(
            |text, place| write_trades(text, "update", [trade].iter(), place.symbol, NOW),
            &(envelope("market_trades")
                + r#"{"type":"update","trades":[{"trade_id":"21","product_id":"BTC-USD","price":"502.10","size":"0.01000000","side":"SELL","time":"2026-11-22T14:00:00.123456Z"}]}]}"#),
        );
        check(
            |text, _| text.push_str(&heartbeat_text(NOW, 1)),
            &(envelope("heartbeats")
                + r#"{"current_time":"2026-11-22 14:00:00.123456789 +0000 UTC m=+1.000000000","heartbeat_counter":"1"}]}"#),
        );
    }
}
