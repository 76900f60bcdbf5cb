//! Records as `opus2 ingest` publishes them, of three instruments at two venues in good order: SYNTHETIC, seeded.

use std::fmt::Write as _;

use opus2_types::{Channel, FeedKind, InstrumentSpec, SpecOrigin, UnixNanos, Venue};
use opus2_wire::raw::RawRecord;
use opus2_wire::spec::encode_spec;

use crate::three_venues::{MARKET, START};

const INSTRUMENTS: [(Venue, &str, FeedKind); 3] = [
    (Venue::Binance, "BTCUSDT", FeedKind::BinanceDepth),
    (Venue::Binance, "BTCUSDC", FeedKind::BinanceDepth),
    (Venue::Coinbase, "BTC-USD", FeedKind::CoinbaseLevel2),
];

/// Price levels of a side.
const LEVELS: i64 = 20;

/// The venues: a record of one of them every `every_ns`.
pub(crate) struct Venues {
    every_ns: i64,
    at: i64,
    random: u64,
    /// Of all of them, in hundredths.
    bid: i64,
    /// The number of each instrument's last record, its last update, its last trade, and where its bid is.
    instruments: [Instrument; 3],
    turn: usize,
}

#[derive(Clone, Copy)]
struct Instrument {
    number: u64,
    update: u64,
    trade: u64,
    bid: i64,
}

impl Venues {
    pub(crate) fn new(every_ns: i64) -> Self {
        let instruments = [Instrument { number: 0, update: 1, trade: 0, bid: 9_990 }; 3];
        Self { every_ns, at: START, random: 1, bid: 9_990, instruments, turn: 0 }
    }

    /// The announcement and the first book of every instrument.
    pub(crate) fn announced(&mut self) -> Vec<(i64, Vec<u8>)> {
        let mut records = Vec::new();
        for (place, (venue, symbol, feed)) in INSTRUMENTS.into_iter().enumerate() {
            let spec = InstrumentSpec {
                venue,
                symbol: symbol.into(),
                base: "BTC".into(),
                quote: symbol.trim_start_matches("BTC").trim_start_matches('-').into(),
                price_scale: 2,
                qty_scale: 3,
                tick: 1,
                lot: 1,
                origin: SpecOrigin::Venue,
                feed,
            };
            records.push(self.record(place, Channel::Instrument, &encode_spec(&spec)));
            let bid = self.instruments[place].bid;
            let side = |sign: i64, best: i64| {
                let levels = (0..LEVELS).map(|rank| format!(r#"["{}","1.5"]"#, price(best + sign * rank)));
                levels.collect::<Vec<_>>().join(",")
            };
            let (bids, asks) = (side(-1, bid), side(1, bid + 1));
            let text = match venue {
                Venue::Binance => format!(r#"{{"lastUpdateId":1,"bids":[{bids}],"asks":[{asks}]}}"#),
                _ => format!(
                    r#"{{"type":"snapshot","product_id":"{symbol}","bids":[{bids}],"asks":[{asks}]}}"#
                ),
            };
            records.push(self.record(place, Channel::Snapshot, &text));
        }
        records
    }

    fn draw(&mut self, below: u64) -> i64 {
        // Knuth's MMIX generator: cheap, and the same everywhere.
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.random >> 33) % below).unwrap()
    }

    /// The next record: a change of a book, or one time of four a trade.
    pub(crate) fn next(&mut self) -> (i64, Vec<u8>) {
        self.at += self.every_ns;
        self.turn = (self.turn + 1) % INSTRUMENTS.len();
        let place = self.turn;
        match self.draw(40) {
            0 => self.bid += 1,
            1 => self.bid -= 1,
            _ => {}
        }
        let is_trade = self.draw(4) == 0;
        let (channel, text) = if is_trade { self.trade(place) } else { self.change(place) };
        self.record(place, channel, &text)
    }

    fn trade(&mut self, place: usize) -> (Channel, String) {
        let (qty, is_maker_buyer) = (1 + self.draw(9), self.draw(2) == 0);
        let at = &mut self.instruments[place];
        at.trade += 1;
        let (trade, millis) = (at.trade, self.at / 1_000_000 - 20);
        let price = price(at.bid + i64::from(!is_maker_buyer));
        let text = match INSTRUMENTS[place] {
            (Venue::Binance, symbol, _) => format!(
                r#"{{"e":"trade","E":{millis},"s":"{symbol}","t":{trade},"p":"{price}","q":"0.{qty}","T":{millis},"m":{is_maker_buyer}}}"#
            ),
            (_, symbol, _) => {
                let side = if is_maker_buyer { "buy" } else { "sell" };
                let time = time(self.at - 20_000_000);
                format!(
                    r#"{{"type":"match","trade_id":{trade},"maker_order_id":"m","taker_order_id":"t","side":"{side}","size":"0.{qty}","price":"{price}","product_id":"{symbol}","sequence":{trade},"time":"{time}"}}"#
                )
            }
        };
        (Channel::Trade, text)
    }

    /// Quantities of a few levels; with the mid that moved, the levels that it passed as well.
    fn change(&mut self, place: usize) -> (Channel, String) {
        let (before, bid) = (self.instruments[place].bid, self.bid);
        let (mut bids, mut asks) = (Vec::new(), Vec::new());
        let mut set = |is_bid: bool, at: i64, qty: i64| {
            let side = if is_bid { &mut bids } else { &mut asks };
            side.push((price(at), format!("{}.{}", qty / 10, qty % 10)));
        };
        // From the old best prices to the new ones, and at the other ends, so that the sides stay as deep as they were.
        for passed in before + 1..=bid {
            set(false, passed, 0);
            set(false, passed + LEVELS, 15);
            set(true, passed, 15);
            set(true, passed - LEVELS, 0);
        }
        for passed in (bid + 1..=before).rev() {
            set(true, passed, 0);
            set(true, passed - LEVELS, 15);
            set(false, passed, 15);
            set(false, passed + LEVELS, 0);
        }
        let (rank, qty) = (self.draw(2 * LEVELS.unsigned_abs()), 1 + self.draw(40));
        let is_bid = rank < LEVELS;
        set(is_bid, if is_bid { bid - rank } else { bid + 1 + rank - LEVELS }, qty);
        let at = &mut self.instruments[place];
        at.bid = bid;
        at.update += 1;
        let (update, millis) = (at.update, self.at / 1_000_000 - 20);
        let mut text = String::new();
        match INSTRUMENTS[place] {
            (Venue::Binance, symbol, _) => {
                let side = |levels: &[(String, String)]| {
                    let levels = levels.iter().map(|(price, qty)| format!(r#"["{price}","{qty}"]"#));
                    levels.collect::<Vec<_>>().join(",")
                };
                let (bids, asks) = (side(&bids), side(&asks));
                write!(
                    text,
                    r#"{{"e":"depthUpdate","E":{millis},"s":"{symbol}","U":{update},"u":{update},"b":[{bids}],"a":[{asks}]}}"#
                )
                .unwrap();
            }
            (_, symbol, _) => {
                let side = |name: &'static str, levels: Vec<(String, String)>| {
                    levels.into_iter().map(move |(price, qty)| format!(r#"["{name}","{price}","{qty}"]"#))
                };
                let changes: Vec<_> = side("buy", bids).chain(side("sell", asks)).collect();
                let (changes, time) = (changes.join(","), time(self.at - 20_000_000));
                write!(
                    text,
                    r#"{{"type":"l2update","product_id":"{symbol}","changes":[{changes}],"time":"{time}"}}"#
                )
                .unwrap();
            }
        }
        (Channel::Depth, text)
    }

    fn record(&mut self, place: usize, channel: Channel, value: &str) -> (i64, Vec<u8>) {
        let (venue, symbol, _) = INSTRUMENTS[place];
        self.instruments[place].number += 1;
        let record = RawRecord {
            symbol,
            venue,
            channel,
            market: MARKET,
            conn: ["18c2f0a1b2c3-0-1", "18c2f0a1b2c3-0-1", "18c2f0a1b2c3-1-1"][place],
            number: self.instruments[place].number,
            recv_ts: UnixNanos(self.at),
            value: value.as_bytes(),
        };
        let mut bytes = Vec::new();
        record.encode(&mut bytes).unwrap();
        (self.at, bytes)
    }
}

fn price(hundredths: i64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// The venue's text of a time within the day of the first record.
fn time(ns: i64) -> String {
    let of_day = ns.rem_euclid(86_400_000_000_000);
    let (secs, micros) = (of_day / 1_000_000_000, of_day % 1_000_000_000 / 1_000);
    format!("2023-11-14T{:02}:{:02}:{:02}.{micros:06}Z", secs / 3_600, secs / 60 % 60, secs % 60)
}
