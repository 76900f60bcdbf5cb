//! What Kraken's checksum costs for each message of real books.
//!
//! Three runs over the same messages: keeping the book alone, keeping it and comparing every checksum with the kept text,
//! and the same with the whole text written anew each time. The differences are what the checksum costs. A fourth run is
//! all of it from the venue's text: `Feed::apply`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use opus2_benches::kraken::{BookMessage, recording, spec};
use opus2_book::L2Book;
use opus2_types::{Channel, InstrumentSpec, Side, UnixNanos};
use opus2_venue::Feed;
use opus2_venue::kraken::checksum::Checksum;

/// Which checksum is worked out after each message.
#[derive(Clone, Copy)]
enum Sum {
    None,
    Kept,
    Anew,
}

fn run(messages: &[BookMessage], depth: usize, sum: Sum) -> u32 {
    let mut book = L2Book::new();
    let mut checksum = Checksum::default();
    let mut wrong = 0;
    for message in messages {
        if message.channel == Channel::Snapshot {
            book.replace(&message.levels.bids, &message.levels.asks);
            checksum.reset();
        } else {
            for (side, levels) in [(Side::Bid, &message.levels.bids), (Side::Ask, &message.levels.asks)] {
                for level in levels {
                    if matches!(sum, Sum::Kept) {
                        checksum.touch(side, level.price);
                    }
                    book.apply(side, *level);
                }
            }
        }
        for side in [Side::Bid, Side::Ask] {
            while book.side(side).len() > depth {
                book.remove_worst(side);
            }
        }
        match sum {
            Sum::None => continue,
            Sum::Kept => {}
            Sum::Anew => checksum.reset(),
        }
        wrong += u32::from(checksum.of_levels(&book) != message.head.checksum);
    }
    black_box(&book);
    wrong
}

fn feed(messages: &[BookMessage], spec: &InstrumentSpec) -> u64 {
    let mut feed = Feed::new(spec.clone());
    feed.connected();
    for (at, message) in (1..).zip(messages) {
        black_box(feed.apply(message.channel, message.frame.as_bytes(), UnixNanos(at)));
    }
    feed.counts().checksums_ok
}

fn checksums(criterion: &mut Criterion) {
    for (name, file, symbol, price_scale, depth) in [
        ("btcusd_25", "crossbook_v2_book25_btcusd_20260802.jsonl.gz", "BTC/USD", 1, 25),
        ("ethusd_25", "crossbook_v2_book25_ethusd_20260802.jsonl.gz", "ETH/USD", 2, 25),
        ("btcusd_10", "crossbook_v2_book10_btcusd_20260801_resubscribes.jsonl.gz", "BTC/USD", 1, 10),
    ] {
        let spec = spec(symbol, price_scale, depth);
        let Some(messages) = recording(file, &spec) else { continue };
        let depth = usize::from(depth);
        assert_eq!(run(&messages, depth, Sum::Kept) + run(&messages, depth, Sum::Anew), 0);
        assert_eq!(feed(&messages, &spec), messages.len() as u64);
        let mut group = criterion.benchmark_group(format!("kraken_checksum_{name}"));
        group.throughput(Throughput::Elements(messages.len() as u64));
        group.bench_function("book", |bencher| bencher.iter(|| run(&messages, depth, Sum::None)));
        group.bench_function("book_and_checksum", |bencher| bencher.iter(|| run(&messages, depth, Sum::Kept)));
        group.bench_function("book_and_checksum_anew", |bencher| {
            bencher.iter(|| run(&messages, depth, Sum::Anew));
        });
        group.bench_function("feed", |bencher| bencher.iter(|| feed(&messages, &spec)));
        group.finish();
    }
}

criterion_group!(benches, checksums);
criterion_main!(benches);
