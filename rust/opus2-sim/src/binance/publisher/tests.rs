//! A client that believes what is published ends with the true book.

use std::collections::BTreeMap;
use std::fmt::Write;

use proptest::prelude::*;

use super::*;
use opus2_types::Venue;

use crate::market::test_config;

type Levels = BTreeMap<(Side, Price), Qty>;

/// A client that believes only what is published.
#[derive(Debug, Default)]
struct Client {
    /// Book and last update id by depth stream.
    books: [(Levels, u64); 2],
    ticker: Option<(u64, Level, Level)>,
    trade_id: u64,
    batches: u32,
    tickers_compared: u32,
}

impl Client {
    fn from_snapshot(world: &World, instrument: usize) -> Self {
        let book = world.book(instrument, usize::MAX);
        let sides = [(Side::Bid, &book.bids), (Side::Ask, &book.asks)];
        let levels: Levels = sides
            .into_iter()
            .flat_map(|(side, levels)| levels.iter().map(move |level| ((side, level.price), level.qty)))
            .collect();
        let books = [(levels.clone(), book.update_id), (levels, book.update_id)];
        Self { books, trade_id: book.trade_id, ..Self::default() }
    }

    fn hear(&mut self, publication: &Publication<'_>) {
        match publication.body {
            Body::Depth { first, last, bids, asks } => {
                let is_slow = publication.stream.kind == StreamKind::Depth1000Ms;
                let (book, known) = &mut self.books[usize::from(is_slow)];
                assert_eq!(first, *known + 1, "batches are chained");
                assert!(last >= first && !(bids.is_empty() && asks.is_empty()));
                *known = last;
                assert!(
                    bids.is_sorted_by(|a, b| a.price > b.price)
                        && asks.is_sorted_by(|a, b| a.price < b.price)
                );
                for (side, level) in
                    bids.iter().map(|l| (Side::Bid, l)).chain(asks.iter().map(|l| (Side::Ask, l)))
                {
                    match level.qty.0 {
                        0 => book.remove(&(side, level.price)),
                        _ => book.insert((side, level.price), level.qty),
                    };
                }
                if !is_slow {
                    self.batches += 1;
                    self.compare_ticker(last);
                }
            }
            Body::Trade { id, .. } => {
                assert_eq!(id, self.trade_id + 1, "trade ids have no holes");
                self.trade_id = id;
            }
            Body::BookTicker { update_id, bid, ask } => {
                assert!(update_id > self.books[0].1, "a ticker comes before the batch that covers it");
                assert!(
                    self.ticker
                        .is_none_or(|ticker| ticker.0 < update_id && (ticker.1, ticker.2) != (bid, ask))
                );
                self.ticker = Some((update_id, bid, ask));
            }
        }
    }

    /// At the end of a batch the last ticker is the best of the book, whatever its update id.
    fn compare_ticker(&mut self, last: u64) {
        let Some((update_id, bid, ask)) = self.ticker else { return };
        assert!(update_id <= last);
        let book = &self.books[0].0;
        let best_bid = book.iter().rfind(|((side, _), _)| *side == Side::Bid).unwrap();
        let best_ask = book.iter().find(|((side, _), _)| *side == Side::Ask).unwrap();
        assert_eq!((best_bid.0.1, *best_bid.1), (bid.price, bid.qty));
        assert_eq!((best_ask.0.1, *best_ask.1), (ask.price, ask.qty));
        self.tickers_compared += 1;
    }
}

/// A world with this venue's instruments, and what is published of it.
struct Played {
    world: World,
    publisher: Publisher,
}

impl Played {
    fn new(seed: u64, instruments: usize, messages_per_sec: f64) -> Self {
        let world = World::new(&test_config(seed, Venue::Binance, instruments, messages_per_sec), 0);
        let publisher = Publisher::new(&world, instruments);
        Self { world, publisher }
    }

    fn next_at(&self) -> SimTime {
        self.publisher.next_at().min(self.world.next_at())
    }

    fn step(&mut self, publish: &mut impl FnMut(&Publication<'_>)) {
        if self.publisher.next_at() <= self.world.next_at() {
            self.publisher.end_interval(&self.world, publish);
        } else {
            self.world.step(0);
            self.publisher.on_step(&self.world.latest(), publish);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_client_of_the_feed_always_has_the_true_book(seed: u64, instruments in 1usize..6, rate in 50.0..2_000.0) {
        let mut played = Played::new(seed, instruments, rate);
        let mut clients: Vec<Client> =
            (0..instruments).map(|instrument| Client::from_snapshot(&played.world, instrument)).collect();
        while played.next_at() < SimTime(2 * SimTime::SECOND) {
            played.step(&mut |publication| clients[publication.stream.instrument].hear(publication));
        }
        let now = played.next_at();
        let Played { world, publisher } = &mut played;
        publisher.publish_waiting(world, now, &mut |publication| clients[publication.stream.instrument].hear(publication));
        for (instrument, client) in clients.iter().enumerate() {
            let truth = Client::from_snapshot(&played.world, instrument);
            assert_eq!(client.books, truth.books, "both depth streams lead to the book");
            assert_eq!(client.trade_id, truth.trade_id);
            assert!(client.batches > 0 && client.tickers_compared > 0, "{instrument}: {client:?}");
        }
    }
}

#[test]
fn batches_end_on_the_grid_of_their_instrument() {
    let mut played = Played::new(6, 3, 300.0);
    while played.next_at() < SimTime(2 * SimTime::SECOND) {
        played.step(&mut |publication| {
            if publication.stream.kind == StreamKind::Depth100Ms {
                let phase = publication.stream.instrument as u64 * 37 * SimTime::MILLISECOND;
                let period = 100 * SimTime::MILLISECOND;
                assert_eq!(publication.at.0 % period, phase % period);
            }
        });
    }
}

#[test]
fn the_same_seed_publishes_the_same() {
    let digest = |seed| {
        let mut played = Played::new(seed, 3, 300.0);
        let mut text = String::new();
        while played.next_at() < SimTime(SimTime::SECOND) {
            played.step(&mut |publication| writeln!(text, "{publication:?}").unwrap());
        }
        text
    };
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}
