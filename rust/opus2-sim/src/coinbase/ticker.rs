//! Figures of the past day, and the `ticker` messages made of them.

use opus2_types::{Level, Price, Qty};

use super::message::{Match, TIME_DIGITS, side_name};
use crate::market::Listing;
use crate::text::{Symbol, push, write_scaled, write_time};

/// What a day of trading is summed up as. The day before the simulation is invented from the activity of the instrument.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DayFigures {
    pub(crate) open: Price,
    pub(crate) high: Price,
    pub(crate) low: Price,
    /// In quantity units.
    pub(crate) volume: i64,
}

impl DayFigures {
    pub(crate) fn new(listing: &Listing, price: Price) -> Self {
        Self { open: price, high: price, low: price, volume: listing.day_volume() }
    }

    pub(crate) fn note(&mut self, price: Price, qty: Qty) {
        self.high = self.high.max(price);
        self.low = self.low.min(price);
        self.volume = self.volume.saturating_add(qty.0);
    }
}

/// The Exchange feed's `ticker` after a taking order.
pub(crate) fn write_ticker(
    text: &mut String,
    last: &Match,
    day: &DayFigures,
    best: [Option<Level>; 2],
    symbol: &Symbol,
) {
    let Symbol { name, price_scale, qty_scale } = symbol;
    let price = |text: &mut String, field: &str, units: i64| amount(text, field, units, *price_scale);
    let size = |text: &mut String, field: &str, units: i64| amount(text, field, units, *qty_scale);
    let sequence = last.sequence;
    push(text, format_args!("{{\"type\":\"ticker\",\"sequence\":{sequence},\"product_id\":\"{name}\""));
    price(text, "price", last.price.0);
    price(text, "open_24h", day.open.0);
    size(text, "volume_24h", day.volume);
    price(text, "low_24h", day.low.0);
    price(text, "high_24h", day.high.0);
    size(text, "volume_30d", day.volume.saturating_mul(30));
    let [bid, ask] = best.map(Option::unwrap_or_default);
    price(text, "best_bid", bid.price.0);
    size(text, "best_bid_size", bid.qty.0);
    price(text, "best_ask", ask.price.0);
    size(text, "best_ask_size", ask.qty.0);
    push(text, format_args!(",\"side\":\"{}\",\"time\":\"", side_name(last.maker_side.opposite())));
    write_time(text, last.time, TIME_DIGITS);
    push(text, format_args!("\",\"trade_id\":{}", last.trade_id));
    size(text, "last_size", last.qty.0);
    text.push('}');
}

/// `,"field":"<decimal>"`
pub(crate) fn amount(text: &mut String, field: &str, units: i64, scale: u8) {
    push(text, format_args!(",\"{field}\":\""));
    write_scaled(text, units, scale);
    text.push('"');
}
