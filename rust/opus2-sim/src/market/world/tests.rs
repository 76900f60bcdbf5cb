//! Do the books stay plausible, and is everything decided by the seed?

use std::fmt::Write;

use super::*;
use crate::market::number::{to_float, to_units};

fn world(seed: u64, instruments: usize, messages_per_sec: f64) -> World {
    World::new(&test_config(seed, Venue::Binance, instruments, messages_per_sec), 0)
}

fn digest(seed: u64) -> String {
    let mut world = world(seed, 5, 500.0);
    let mut text = String::new();
    for _ in 0..2_000 {
        world.step(0);
        writeln!(text, "{:?}", world.latest()).unwrap();
    }
    text
}

#[test]
fn a_seed_decides_everything() {
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}

/// Plays a world and checks that every book stays a plausible one and that every instrument keeps its rate.
#[track_caller]
fn check(venue: Venue, instruments: usize, messages_per_sec: f64, seconds: u64) {
    let mut world = World::new(&test_config(7, venue, instruments, messages_per_sec), 0);
    let mut counts = vec![Counts::default(); instruments];
    while world.next_at() < SimTime(seconds * SimTime::SECOND) {
        world.step(0);
        let step = world.latest();
        let count = &mut counts[step.instrument];
        let slot = step.at.0 / (100 * SimTime::MILLISECOND);
        let batches = usize::from(std::mem::replace(&mut count.slot, slot) != slot);
        let messages = step.effects.fills.len() + usize::from(step.new_best.is_some()) + batches;
        count.messages += messages;
        count.trades += step.effects.fills.len();
        if let Some((bid, ask)) = step.new_best {
            assert!(bid.price < ask.price && bid.qty.0 > 0 && ask.qty.0 > 0, "{bid:?} {ask:?}");
            count.quotes += 1;
            count.tight += usize::from(ask.price.0 - bid.price.0 == 1);
        }
        let index = step.instrument;
        world.count_messages(index, messages);
        check_book(&world.instruments[index], &world.paths);
    }
    let seconds = to_float(i64::try_from(seconds).unwrap());
    for (count, instrument) in counts.iter().zip(&world.instruments) {
        let symbol = &instrument.listing.symbol;
        let share = count_to_float(count.messages) / seconds / instrument.pace.messages_per_sec();
        assert!((0.7..1.4).contains(&share), "{symbol} has {share} of its rate: {count:?}");
        assert!(count.trades * 40 > count.quotes, "{symbol} trades: {count:?}");
    }
    let sum = |count: fn(&Counts) -> usize| count_to_float(counts.iter().map(count).sum());
    let share = sum(|count| count.messages) / seconds / messages_per_sec;
    assert!((0.9..1.1).contains(&share), "all instruments have {share} of their rate");
    let tight = sum(|count| count.tight) / sum(|count| count.quotes);
    assert!(tight > 0.75, "the spread is one tick most of the time: {tight}");
}

#[derive(Debug, Clone, Default)]
struct Counts {
    slot: u64,
    messages: usize,
    trades: usize,
    quotes: usize,
    tight: usize,
}

fn check_book(instrument: &Instrument, paths: &AssetPaths) {
    let symbol = &instrument.listing.symbol;
    let target =
        instrument.listing.levels_target.min(usize::try_from(to_units(instrument.fair(paths)) / 3).unwrap());
    for side in [Side::Bid, Side::Ask] {
        let count = instrument.ladder.count(side);
        assert!((target / 4..target * 2).contains(&count), "{symbol} {side:?}: {count} levels of {target}");
    }
    let best = instrument.ladder.best(Side::Bid).unwrap();
    let gap = to_float(best.price.0) / instrument.fair(paths) - 1.0;
    let ticks = gap.abs() * instrument.fair(paths);
    assert!(gap.abs() < 0.005 || ticks < 3.0, "{symbol} follows its fair price: {gap}");
}

#[test]
fn books_stay_plausible_and_keep_their_rate() {
    check(Venue::Binance, 1, 100.0, 60);
    for venue in Venue::ALL {
        check(venue, 8, 1_000.0, 20);
    }
}

#[test]
fn books_of_coarse_and_tiny_prices_stay_plausible() {
    // PEPE has 750 ticks of price, and its price no digit before the eighth decimal.
    check(Venue::Binance, 64, 640.0, 20);
}

/// Mean distance of the mid of two instruments of one market, in parts of the price, over a while.
fn mean_distance(lag_nanos: u64) -> f64 {
    let venue = |venue, lag_nanos| VenueListings { venue, count: 1, lag_nanos };
    let venues = vec![venue(Venue::Binance, 0), venue(Venue::Kraken, lag_nanos)];
    let mut world =
        World::new(&WorldConfig { seed: 3, venues, messages_per_sec: 300.0, laboratory: None }, 0);
    let mid = |world: &World, instrument: usize| {
        let side = |side| world.ladder(instrument).best(side).unwrap().price.0;
        let scale = i32::from(world.listing(instrument).price_scale);
        f64::midpoint(to_float(side(Side::Bid)), to_float(side(Side::Ask))) / 10f64.powi(scale)
    };
    let (mut sum, mut samples) = (0.0, 0);
    while world.next_at() < SimTime(15 * SimTime::SECOND) {
        world.step(0);
        sum += (mid(&world, 0) / mid(&world, 1) - 1.0).abs();
        samples += 1;
    }
    sum / count_to_float(samples)
}

#[test]
fn venues_trade_around_a_common_price_some_behind_others() {
    let together = mean_distance(0);
    let behind = mean_distance(600 * SimTime::MILLISECOND);
    assert!(together < 2e-4, "{together}");
    assert!(behind > 1.02 * together, "{behind} and {together}");
}
