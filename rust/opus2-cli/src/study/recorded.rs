//! The bars of every instrument of a recording, from the books that production code keeps.

use std::collections::BTreeMap;

use anyhow::Result;
use opus2_backtest::study::bars::{BarBuilder, BarSettings};
use opus2_backtest::study::ofi::Units;
use opus2_hifa::BookConflation;
use opus2_hifa::estimator::signed_volume::FlowSum;
use opus2_types::{
    Aggressor, BookState, BookView, Channel, InstrumentSpec, Price, Qty, Side, UnixNanos, Venue, parse_scaled,
};
use opus2_venue::{Feed, What};
use opus2_wire::raw::RawRecord;
use serde::Deserialize;

use super::ofi::Series;
use crate::recording::{Files, play, survey};

/// One instrument while it is played.
struct Track {
    feed: Feed,
    bars: BarBuilder,
    /// Binance's trades by order, used when the recording has no plain ones.
    aggregated: Vec<(i64, FlowSum)>,
    is_conflated: bool,
}

pub(super) fn read(files: &Files, settings: BarSettings) -> Result<Vec<Series>> {
    let survey = survey(files)?;
    let mut tracks: BTreeMap<Venue, BTreeMap<String, Track>> = BTreeMap::new();
    for spec in survey.specs() {
        let track = Track {
            feed: Feed::new(spec.clone()),
            bars: BarBuilder::new(settings),
            aggregated: Vec::new(),
            is_conflated: BookConflation::default().of(spec.venue) > 0,
        };
        tracks.entry(spec.venue).or_default().insert(spec.symbol.clone(), track);
    }
    play(files, &survey, "study", |record| {
        if let Some(track) = tracks.get_mut(&record.venue).and_then(|tracks| tracks.get_mut(record.symbol)) {
            track.take(record);
        }
        Ok(())
    })?;
    Ok(tracks
        .into_values()
        .flat_map(BTreeMap::into_values)
        .map(|track| track.finish(settings, survey.is_synthetic))
        .collect())
}

impl Track {
    /// Stamps are the venue's own where it gives them: book and trades then have one clock.
    fn take(&mut self, record: &RawRecord<'_>) {
        if record.channel == Channel::Instrument {
            self.feed.connected();
            return self.bars.lost();
        }
        if record.channel == Channel::Other {
            self.aggregated.extend(read_aggregated(record.value, self.feed.spec()));
        }
        let applied = self.feed.apply(record.channel, record.value, record.recv_ts);
        let at = applied.exch_ts.unwrap_or(applied.recv_ts);
        for trade in self.feed.trades() {
            let event = &trade.event;
            let at = trade.exch_ts.unwrap_or(at);
            if let Some(flow) = FlowSum::of(event.aggressor, event.price, event.qty, true) {
                self.bars.trade(at.0, flow);
            }
        }
        match applied.what {
            What::Book => self.take_book(at),
            // A new book: nothing is differenced across it, and it has no time of its own.
            What::Snapshot => self.bars.lost(),
            _ if applied.before == BookState::Live
                && !matches!(applied.state, BookState::Live | BookState::Crossed) =>
            {
                self.bars.lost();
            }
            _ => {}
        }
    }

    fn take_book(&mut self, at: UnixNanos) {
        let book = self.feed.book();
        let view = BookView::new(book.side(Side::Bid).levels(), book.side(Side::Ask).levels());
        self.bars.book(at.0, view.bids(), view.asks(), self.is_conflated);
    }

    fn finish(mut self, settings: BarSettings, is_synthetic: bool) -> Series {
        if self.feed.counts().trades == 0 {
            for (at, flow) in self.aggregated {
                self.bars.trade(at, flow);
            }
        }
        let spec = self.feed.spec();
        let (bars, counts) = self.bars.finish();
        Series {
            name: format!("{}:{}", spec.venue, spec.symbol),
            form: format!(
                "{}{}, conflated: {}",
                if is_synthetic { "SYNTHETIC, " } else { "" },
                spec.feed,
                if self.is_conflated { "yes" } else { "no" }
            ),
            is_since_midnight: false,
            // The smallest step that a recording shows is one unit of its own scale.
            units: Units { price_scale: spec.price_scale, qty_scale: spec.qty_scale, tick: spec.tick.max(1) },
            settings,
            bars,
            counts,
        }
    }
}

/// A trade of Binance's `aggTrade` stream, which the operators do not read: all fills of one order at one price.
#[derive(Deserialize)]
struct Aggregated<'a> {
    #[serde(rename = "e")]
    kind: &'a str,
    #[serde(rename = "p")]
    price: &'a str,
    #[serde(rename = "q")]
    qty: &'a str,
    #[serde(rename = "T")]
    at_ms: i64,
    #[serde(rename = "m")]
    is_buyer_maker: bool,
}

fn read_aggregated(text: &[u8], spec: &InstrumentSpec) -> Option<(i64, FlowSum)> {
    #[derive(Deserialize)]
    struct Wrapped<'a> {
        #[serde(borrow)]
        data: Aggregated<'a>,
    }
    let trade: Aggregated<'_> = serde_json::from_slice(text)
        .or_else(|_| serde_json::from_slice::<Wrapped<'_>>(text).map(|wrapped| wrapped.data))
        .ok()
        .filter(|trade: &Aggregated<'_>| trade.kind == "aggTrade")?;
    let taker = if trade.is_buyer_maker { Aggressor::Sell } else { Aggressor::Buy };
    let price = parse_scaled(trade.price.as_bytes(), spec.price_scale).ok()?;
    let qty = parse_scaled(trade.qty.as_bytes(), spec.qty_scale).ok()?;
    Some((UnixNanos::from_millis(trade.at_ms)?.0, FlowSum::of(taker, Price(price), Qty(qty), true)?))
}

#[cfg(test)]
mod tests {
    use opus2_types::{FeedKind, SpecOrigin};

    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<(i64, i128)>) {
        let spec = InstrumentSpec {
            venue: Venue::Binance,
            symbol: "ETHBTC".to_owned(),
            base: "ETH".to_owned(),
            quote: "BTC".to_owned(),
            price_scale: 6,
            qty_scale: 3,
            tick: 0,
            lot: 0,
            origin: SpecOrigin::Recording,
            feed: FeedKind::BinanceDepth,
        };
        let found = read_aggregated(text.as_bytes(), &spec);
        assert_eq!(found.map(|(at, flow)| (at, flow.signed())), expect);
    }

    #[test]
    fn an_aggregated_trade_is_signed_by_who_took() {
        let trade = r#"{"e":"aggTrade","p":"0.02818200","q":"2.02000000","T":1604221202527,"m":true}"#;
        check(trade, Some((1_604_221_202_527_000_000, -2_020)));
        check(
            &format!(r#"{{"stream":"ethbtc@aggTrade","data":{trade}}}"#),
            Some((1_604_221_202_527_000_000, -2_020)),
        );
        check(&trade.replace("aggTrade", "kline"), None);
        check(&trade.replace("0.02818200", "-1"), None);
        check("{}", None);
    }
}
