//! Is the law the one that is stated, and does the book stay one?

use std::time::Duration;

use opus2_types::{Side, Venue};
use proptest::prelude::*;

use super::{InjectionKind, Injections, Laboratory, TruthLine};
use crate::market::number::{count_to_float, to_float};
use crate::market::{SimTime, VenueListings, World, WorldConfig};

const SEED: u64 = 11;

fn world(seed: u64, laboratory: &Laboratory, messages_per_sec: f64) -> World {
    let venues = vec![VenueListings { venue: Venue::Binance, count: 1, lag_nanos: 0 }];
    World::new(&WorldConfig { seed, venues, messages_per_sec, laboratory: Some(laboratory.clone()) }, 0)
}

fn all_kinds() -> Injections {
    Injections { walls: 600.0, sweeps: 600.0, icebergs: 600.0, layering: 600.0 }
}

/// What one jump did, seen from outside.
struct Seen {
    /// Change of the doubled mid, price units.
    move_doubled: i64,
    /// Imbalance of the best quotes just before.
    imbalance_before: f64,
    /// The jump before.
    before: i64,
    signal: i8,
}

/// Plays and gives every jump, by the truth log and by the book.
fn jumps(laboratory: &Laboratory, seconds: u64) -> Vec<Seen> {
    let mut world = world(SEED, laboratory, 30.0);
    let mid = |world: &World| {
        let side = |side| world.ladder(0).best(side).unwrap();
        (side(Side::Bid), side(Side::Ask))
    };
    let (mut found, mut before) = (Vec::new(), 0);
    let mut settled = mid(&world);
    let mut at = SimTime(0);
    let mut signals = Vec::new();
    while world.next_at() < SimTime(seconds * SimTime::SECOND) {
        let next = world.next_at();
        if next != at {
            let now = mid(&world);
            let move_doubled = now.0.price.0 + now.1.price.0 - settled.0.price.0 - settled.1.price.0;
            if move_doubled != 0 {
                let (bid, ask) = (to_float(settled.0.qty.0), to_float(settled.1.qty.0));
                let imbalance_before = (bid - ask) / (bid + ask);
                found.push(Seen { move_doubled, imbalance_before, before, signal: 0 });
                before = move_doubled;
            }
            settled = now;
            at = next;
        }
        world.step(i64::try_from(next.0).unwrap());
        for line in world.take_truth() {
            if let TruthLine::Jump { steps, signal, .. } = line {
                signals.push((steps, signal));
            }
        }
    }
    // The last jump of the log may not have settled.
    assert!(signals.len() - found.len() <= 1, "{} and {}", signals.len(), found.len());
    for (seen, (steps, signal)) in found.iter_mut().zip(signals) {
        assert_eq!(seen.move_doubled.signum(), steps.signum());
        seen.signal = signal;
    }
    found
}

/// The mean of `values` in standard errors.
fn t_statistic(values: &[f64]) -> f64 {
    let n = count_to_float(values.len());
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    mean / (variance / n).sqrt()
}

/// With a fair coin each of these is beyond 3 standard errors once in 370 seeds; this seed is fixed.
#[test]
fn without_an_edge_jumps_are_symmetric_whatever_was_seen_before() {
    let seen = jumps(&Laboratory { inject: all_kinds(), ..Laboratory::default() }, 4_000);
    assert!(seen.len() > 3_500);
    let sign = |seen: &Seen| to_float(seen.move_doubled.signum());
    let plain: Vec<f64> = seen.iter().map(sign).collect();
    let after: Vec<f64> =
        seen.iter().skip(1).map(|seen| sign(seen) * to_float(seen.before.signum())).collect();
    let by_imbalance: Vec<f64> = seen.iter().map(|seen| sign(seen) * seen.imbalance_before).collect();
    let by_signal: Vec<f64> = seen.iter().map(|seen| sign(seen) * f64::from(seen.signal)).collect();
    for (what, values) in [
        ("direction", plain),
        ("direction after a jump", after),
        ("direction after an imbalance", by_imbalance),
        ("direction under the signal", by_signal),
    ] {
        let t = t_statistic(&values);
        assert!(t.abs() < 3.0, "{what}: {t} standard errors");
    }
    let telling: Vec<f64> = seen.iter().map(|seen| seen.imbalance_before * f64::from(seen.signal)).collect();
    assert!(t_statistic(&telling) > 20.0, "the flow tells of the signal, though it foretells nothing");
}

#[test]
fn the_drift_under_the_signal_is_the_edge_that_was_stated() {
    let laboratory = Laboratory { edge_bps: 0.3, ..Laboratory::default() };
    let seconds = 6_000;
    let seen = jumps(&laboratory, seconds);
    let mut world = world(SEED, &laboratory, 30.0);
    let market = world.take_truth().into_iter().find_map(|line| match line {
        TruthLine::Market(market) => Some(market),
        _ => None,
    });
    let market = market.unwrap();
    assert!((market.tilt - 0.3 / market.step_bps).abs() < 1e-12);
    let step = seen.iter().map(|seen| seen.move_doubled.abs()).min().unwrap();
    // Basis points per second, in the direction of the signal: jumps come independently, one at a time.
    let moves: Vec<f64> = seen
        .iter()
        .map(|seen| to_float(seen.move_doubled / step) * market.step_bps * f64::from(seen.signal))
        .collect();
    let per_second = moves.iter().sum::<f64>() / f64::from(u32::try_from(seconds).unwrap());
    let sum_of_squares: f64 = moves.iter().map(|change| change * change).sum();
    let error = sum_of_squares.sqrt() / f64::from(u32::try_from(seconds).unwrap());
    assert!((per_second - 0.3).abs() < 3.0 * error, "{per_second} ± {error}");
    assert!(per_second > 10.0 * error);
}

#[test]
fn a_seed_decides_everything_and_the_edge_decides_directions_only() {
    let told = |seed, edge_bps| {
        let mut world = world(seed, &Laboratory { edge_bps, ..Laboratory::default() }, 30.0);
        while world.next_at() < SimTime(60 * SimTime::SECOND) {
            world.step(0);
        }
        world.take_truth()
    };
    assert_eq!(told(1, 0.2), told(1, 0.2));
    assert_ne!(told(1, 0.2), told(2, 0.2));
    let times = |edge| -> Vec<_> {
        let told = told(1, edge).into_iter();
        told.filter_map(|line| {
            if let TruthLine::Jump { at_ns, signal, .. } = line { Some((at_ns, signal)) } else { None }
        })
        .collect()
    };
    assert_eq!(times(0.0), times(0.5));
}

#[test]
fn every_kind_of_episode_comes_at_its_rate() {
    let inject = Injections { walls: 240.0, sweeps: 240.0, icebergs: 240.0, layering: 240.0 };
    let laboratory = Laboratory { inject, warm_up: Duration::from_secs(10), ..Laboratory::default() };
    let mut world = world(SEED, &laboratory, 30.0);
    while world.next_at() < SimTime(1_810 * SimTime::SECOND) {
        let at = i64::try_from(world.next_at().0).unwrap();
        world.step(at);
    }
    world.finish_truth(1_810_000_000_000);
    let mut counts = [0usize; 4];
    for line in world.take_truth() {
        let (kind, injected) = match line {
            TruthLine::Wall(injected) => (InjectionKind::Wall, injected),
            TruthLine::Sweep(injected) => (InjectionKind::Sweep, injected),
            TruthLine::Iceberg(injected) => (InjectionKind::Iceberg, injected),
            TruthLine::Layering(injected) => (InjectionKind::Layering, injected),
            _ => continue,
        };
        assert!(injected.begin_ns >= 10_000_000_000 && injected.end_ns >= injected.begin_ns);
        counts[InjectionKind::ALL.iter().position(|known| *known == kind).unwrap()] += 1;
    }
    // 120 each, less those for which there was no place; three standard deviations above.
    for (kind, count) in InjectionKind::ALL.iter().zip(counts) {
        assert!((72..=153).contains(&count), "{kind:?}: {count}");
    }
}

#[test]
fn an_edge_beyond_what_jumps_can_have_is_refused() {
    let config = crate::SimConfig {
        laboratory: Some(Laboratory { edge_bps: 5.0, ..Laboratory::default() }),
        ..crate::SimConfig::default()
    };
    let error = config.validate().unwrap_err().to_string();
    assert!(error.contains("take a smaller edge or more jumps"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn books_are_never_crossed_and_keep_their_levels(
        seed in 0u64..1_000,
        edge_bps in -0.5f64..0.5,
        jump_steps in 1u32..4,
        jumps_per_sec in 1.0f64..5.0,
    ) {
        let laboratory = Laboratory {
            edge_bps,
            jump_steps,
            jumps_per_sec,
            warm_up: Duration::from_secs(1),
            inject: all_kinds(),
            ..Laboratory::default()
        };
        let mut world = world(seed, &laboratory, 40.0);
        let mut spread = None;
        while world.next_at() < SimTime(40 * SimTime::SECOND) {
            let at = world.next_at();
            world.step(0);
            let (bid, ask) = (world.ladder(0).best(Side::Bid).unwrap(), world.ladder(0).best(Side::Ask).unwrap());
            prop_assert!(bid.price < ask.price && bid.qty.0 > 0 && ask.qty.0 > 0);
            if world.next_at() != at {
                // Between instants the spread is a step, and twenty levels and more are shown.
                let now = ask.price.0 - bid.price.0;
                prop_assert_eq!(*spread.get_or_insert(now), now);
                for side in [Side::Bid, Side::Ask] {
                    prop_assert!((30..=30 + 8 * 5).contains(&world.ladder(0).count(side)));
                }
            }
        }
    }
}
