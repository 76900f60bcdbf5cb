//! Time of stage 1 for one event, without decoding and JSON: see the bench of the same name in opus2-operators.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use opus2_hifa::SignalConfig;
use opus2_hifa::signal::{Detection, InstrumentState, Reading};
use opus2_types::{
    Aggressor, BookView, EventBody, Level, MarketEvent, Price, Qty, QualityFlags, QuoteEvent, SeqRange,
    TradeEvent, UnixNanos, Venue,
};

const EVENTS: usize = 24_000;
/// The share of a book's forty levels that change from one to the next in 346 s of BTCUSDT, `depth@100ms`: ten.
const CHANGES: usize = 10;
/// Prices of the simulated book, around its first bid.
const PRICES: usize = 4_096;

/// What comes, and how far apart.
struct Mix {
    name: &'static str,
    /// Of twelve events, by `b`, `q` and `t`.
    twelve: &'static [u8; 12],
    spacing_ns: i64,
}

/// As in those 346 s: 8 % books, 68 % quotes, 24 % trades, a book every 100 ms. Then its books alone.
const MIXES: [Mix; 2] = [
    Mix { name: "recorded_mix", twelve: b"qqtqqtqqtqqb", spacing_ns: 8_400_000 },
    Mix { name: "books", twelve: b"bbbbbbbbbbbb", spacing_ns: 100_800_000 },
];

/// A book at every tick, in which a few levels change at a time and the best price wanders.
struct Market {
    random: u64,
    bid: usize,
    qtys: Vec<i64>,
}

const BASE: i64 = 6_000_000;

impl Market {
    fn new() -> Self {
        let mut market = Self { random: 1, bid: PRICES / 2, qtys: vec![0; PRICES] };
        for index in 0..PRICES {
            market.qtys[index] = market.qty();
        }
        market
    }

    fn draw(&mut self, below: u64) -> u64 {
        // Knuth's MMIX generator: cheap, and the same everywhere.
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    /// Spread over three decades.
    fn qty(&mut self) -> i64 {
        let decade = [100, 1_000, 10_000][usize::try_from(self.draw(3)).unwrap_or(0)];
        decade + i64::try_from(self.draw(9_000)).unwrap_or(0) * decade / 1_000
    }

    fn change(&mut self, index: usize) {
        self.qtys[index] = self.qty();
    }

    fn level(&self, index: usize) -> Level {
        Level::new(BASE + i64::try_from(index).unwrap_or(0), self.qtys[index])
    }

    fn body(&mut self, kind: u8, number: usize) -> EventBody {
        match self.draw(32) {
            0 => self.bid = (self.bid + 1).min(PRICES - 22),
            1 => self.bid = (self.bid - 1).max(22),
            _ => {}
        }
        match kind {
            b'b' => {
                for _ in 0..CHANGES {
                    let rank = usize::try_from(self.draw(40)).unwrap_or(0);
                    self.change(self.bid + rank - 19);
                }
                let bids = (0..20).map(|rank| self.level(self.bid - rank));
                EventBody::Book(BookView::new(bids, (1..=20).map(|rank| self.level(self.bid + rank))))
            }
            b't' => {
                let is_buy = self.draw(2) == 0;
                let level = self.level(self.bid + usize::from(is_buy));
                let aggressor = if is_buy { Aggressor::Buy } else { Aggressor::Sell };
                let qty = Qty(1 + level.qty.0 / 10);
                EventBody::Trade(TradeEvent {
                    trade_id: number as u64,
                    price: level.price,
                    qty,
                    aggressor,
                    maker: None,
                })
            }
            _ => {
                let side = usize::try_from(self.draw(2)).unwrap_or(0);
                self.change(self.bid + side);
                EventBody::Quote(QuoteEvent { bid: self.level(self.bid), ask: self.level(self.bid + 1) })
            }
        }
    }
}

fn stage1(criterion: &mut Criterion) {
    for mix in &MIXES {
        let mut market = Market::new();
        let kinds = mix.twelve.iter().cycle().take(EVENTS).enumerate();
        let bodies: Vec<EventBody> = kinds.map(|(number, kind)| market.body(*kind, number)).collect();
        measure(criterion, mix, &bodies);
    }
}

fn measure(criterion: &mut Criterion, mix: &Mix, bodies: &[EventBody]) {
    let config = SignalConfig::default();
    let mut state = InstrumentState::new(Venue::Binance, 2, 5);
    let (mut now, mut seq, mut index) = (1_700_000_000_000_000_000i64, 1u64, 0usize);
    let mut group = criterion.benchmark_group("stage1");
    group.throughput(Throughput::Elements(1));
    group.bench_function(mix.name, |bencher| {
        bencher.iter(|| {
            index = (index + 1) % EVENTS;
            now += mix.spacing_ns;
            seq += 1;
            let event = MarketEvent {
                id: "binance:BTCUSDT:18c2f0a1b2c3-0-1:42",
                venue: Venue::Binance,
                symbol: "BTCUSDT",
                price_scale: 2,
                qty_scale: 5,
                tick: Price(1),
                lot: opus2_types::Qty(1),
                exch_ts: Some(UnixNanos(now)),
                recv_ts: UnixNanos(now),
                seq: SeqRange { first: seq, last: seq },
                flags: QualityFlags::default(),
                body: bodies[index],
            };
            let applied = state.apply(black_box(&event), true, &config);
            if matches!(event.body, EventBody::Trade(_)) {
                return black_box(Reading::new(&mut state, None, std::iter::empty(), applied.is_reset));
            }
            let features = state.features(&config);
            let found = Detection::find(&features, &applied, &config);
            black_box(Reading::new(&mut state, Some(features), found, applied.is_reset))
        });
    });
    group.finish();
}

criterion_group!(benches, stage1);
criterion_main!(benches);
