//! Laws of the detectors that hold for every input: methods reference, section 13.

use opus2_hifa::detector::absorption::{Taken, absorption};
use opus2_hifa::detector::iceberg::{IcebergLife, Survival};
use opus2_hifa::detector::level_flow::Stamp;
use opus2_hifa::detector::log_histogram::{BIN_WIDTH, LogHistogram};
use opus2_hifa::detector::sweep::{Sweep, SweepDetector, SweepSettings};
use opus2_hifa::detector::wall::{RobustFit, WallEpisode};
use opus2_hifa::detector::{DetectorSettings, Detectors, Units};
use opus2_types::{Aggressor, BookView, Level, Price, Qty, TradeEvent};
use proptest::prelude::*;

const MILLI: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MILLI;

/// An odd number of log-normal sizes around `exp(centre)`, from pairs of uniform numbers: none is further than the
/// 128 bins from the middle that a histogram resolves.
fn sizes() -> impl Strategy<Value = Vec<i64>> {
    let pairs = proptest::collection::vec((1e-3..1.0f64, 0.0..1.0f64), 50..400);
    (8.0..20.0f64, 0.3..1.5f64, pairs).prop_map(|(centre, spread, pairs)| {
        let normal = |(u, v): (f64, f64)| (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        #[expect(clippy::cast_possible_truncation, reason = "sizes of a test")]
        let size = |pair| (centre + spread * normal(pair)).exp().round().max(1.0) as i64;
        let mut sizes: Vec<i64> = pairs.into_iter().map(size).collect();
        sizes.truncate((sizes.len() - 1) / 2 * 2 + 1);
        sizes
    })
}

fn to_f64(qty: i64) -> f64 {
    // Sizes of these tests are far below 2^53.
    i32::try_from(qty >> 20).map_or(f64::NAN, f64::from) * 1_048_576.0
        + f64::from(u32::try_from(qty & 0xf_ffff).expect("twenty bits"))
}

fn exact(sizes: &[i64]) -> RobustFit {
    RobustFit::exact(&sizes.iter().map(|size| to_f64(*size)).collect::<Vec<_>>()).expect("positive sizes")
}

/// All sizes in one moment, the middle one first: the first sample is where the bins are put, and an outlier would put
/// them where half of the others are beyond their end.
fn binned(sizes: &[i64]) -> RobustFit {
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    let middle = sizes.len() / 2;
    sizes.rotate_left(middle);
    let mut histogram = LogHistogram::default();
    for size in sizes {
        histogram.add(0, size, 600.0);
    }
    histogram.fit().expect("samples")
}

/// Trades of `[ms since the one before, price, quantity, sign]`, and the sweeps among them.
fn sweeps(trades: &[[i64; 4]], is_mirrored: bool) -> Vec<Sweep> {
    let settings = SweepSettings::default();
    let mut detector = SweepDetector::default();
    let (mut now, mut found) = (0, Vec::new());
    for [after, price, qty, sign] in trades {
        now += after * MILLI;
        let price = Price(if is_mirrored { 1_000 - price } else { *price });
        let is_buy = (*sign > 0) != is_mirrored;
        let aggressor = if is_buy { Aggressor::Buy } else { Aggressor::Sell };
        let shown: Vec<Level> = (1..=10)
            .map(|rank| Level::new(if is_buy { price.0 - 1 + rank } else { price.0 + 1 - rank }, 3 * rank))
            .collect();
        let stamp = Stamp { now, venue: None };
        found.extend(detector.on_trade(stamp, price, Qty(*qty), aggressor, &shown, &settings));
    }
    found.extend(detector.finish(&settings));
    found
}

fn trades() -> impl Strategy<Value = Vec<[i64; 4]>> {
    let trade = (0i64..25, 495i64..506, 1i64..50, prop_oneof![4 => Just(1i64), 1 => Just(-1i64)]);
    proptest::collection::vec(trade.prop_map(|(after, price, qty, sign)| [after, price, qty, sign]), 0..80)
}

proptest! {
    #[test]
    fn the_histogram_agrees_with_the_exact_form_within_bins(sizes in sizes(), times in 1.0..50.0f64) {
        let (exact, binned) = (exact(&sizes), binned(&sizes));
        // Half a bin for the middle one, and as much again for each end of a distance.
        prop_assert!((exact.median - binned.median).abs() <= 0.51 * BIN_WIDTH, "{exact:?} {binned:?}");
        prop_assert!((exact.mad - binned.mad).abs() <= 1.51 * BIN_WIDTH, "{exact:?} {binned:?}");
        let size = exact.median.exp() * times;
        let (expect, found) = (exact.z(size).unwrap(), binned.z(size).unwrap());
        let bound = (0.51 + 1.51 * 1.4826 * expect.abs()) * BIN_WIDTH / binned.scale;
        prop_assert!((found - expect).abs() <= bound, "{found} is not {expect} within {bound}");
    }

    #[test]
    fn scaling_all_sizes_leaves_z_as_it_is(sizes in sizes(), factor in 2i64..500, at in 0usize..50) {
        let larger: Vec<i64> = sizes.iter().map(|size| size * factor).collect();
        let (size, larger_size) = (to_f64(sizes[at]), to_f64(larger[at]));
        let (one, other) = (exact(&sizes).z(size).unwrap(), exact(&larger).z(larger_size).unwrap());
        prop_assert!((one - other).abs() < 1e-6, "{one} is not {other}");
        let (one_fit, other_fit) = (binned(&sizes), binned(&larger));
        let (one, other) = (one_fit.z(size).unwrap(), other_fit.z(larger_size).unwrap());
        let bound = (1.1 + 3.1 * 1.4826 * one.abs()) * BIN_WIDTH / one_fit.scale.min(other_fit.scale);
        prop_assert!((one - other).abs() <= bound, "{one} is not {other} within {bound}");
    }

    #[test]
    fn the_account_of_a_wall_adds_up(
        first in 1i64..1_000,
        updates in proptest::collection::vec((0i64..1_000, 0i64..1_500, any::<bool>(), 0i64..50), 0..40),
    ) {
        let mut episode = WallEpisode::new(0, Qty(first));
        let (mut now, mut peak, mut beyond, mut explained) = (0, first, 0i128, 0i128);
        for (size, traded, is_near, late) in updates {
            now += SECOND;
            beyond += i128::from((traded - episode.size().0).max(0));
            episode.update(now, Qty(size), Qty(traded), is_near);
            episode.explain(Qty(late));
            explained += i128::from(late);
            peak = peak.max(size);
            let shares = [episode.pull_ratio().ok(), episode.near_fraction().ok()];
            prop_assert!(shares.into_iter().flatten().all(|share| (0.0..=1.0).contains(&share)));
            prop_assert!((0.0..=1.0).contains(&episode.spoof_likeness(30.0)));
        }
        let left = i128::from(first) + episode.refilled() - episode.executed() - episode.cancelled();
        prop_assert_eq!(left + beyond, i128::from(episode.size().0));
        prop_assert!(episode.cancelled() >= 0 && episode.executed() >= explained);
        prop_assert_eq!(episode.peak(), Qty(peak));
    }

    #[test]
    fn swapped_sides_give_mirrored_sweeps(trades in trades()) {
        let (found, mirrored) = (sweeps(&trades, false), sweeps(&trades, true));
        prop_assert_eq!(found.len(), mirrored.len());
        for (one, other) in found.iter().zip(&mirrored) {
            prop_assert_eq!(one.aggressor.sign(), -other.aggressor.sign());
            prop_assert_eq!((one.since, one.until, one.levels), (other.since, other.until, other.levels));
            prop_assert_eq!((one.volume, one.span()), (other.volume, other.span()));
            prop_assert_eq!(one.depth_ratio(), other.depth_ratio());
            prop_assert_eq!(one.first.0 + other.first.0, 1_000);
            prop_assert!(one.levels >= 3 && one.span().0 >= 2);
        }
        let total: i128 = trades.iter().map(|[_, _, qty, _]| i128::from(*qty)).sum();
        prop_assert!(found.iter().map(|sweep| sweep.volume).sum::<i128>() <= total);
    }

    #[test]
    fn survival_falls_from_one_and_is_exact_without_censoring(
        lives in proptest::collection::vec((0i64..50, any::<bool>()), 0..60),
        executed in 0i64..60,
        peak in 1i64..20,
    ) {
        let life = |(size, is_complete): (i64, bool)| IcebergLife { size, is_complete };
        let lives: Vec<IcebergLife> = lives.into_iter().map(life).collect();
        let survival = Survival::fit(&lives);
        let path: Vec<f64> = (-1..60).map(|size| survival.at(size)).collect();
        prop_assert!(path[0] >= 1.0 && path.windows(2).all(|pair| pair[1] <= pair[0] && pair[1] >= 0.0));
        // The sum over steps is the sum over peaks.
        if let Ok(found) = survival.expected_peaks(executed, peak) {
            let largest = lives.iter().map(|life| life.size).max().unwrap();
            let peaks = (1..).map(|count| executed + count * peak).take_while(|size| *size <= largest);
            let expect = peaks.map(|size| survival.at(size)).sum::<f64>() / survival.at(executed);
            prop_assert!((found - expect).abs() < 1e-9, "{found} is not {expect}");
        }
        let complete: Vec<IcebergLife> =
            lives.iter().map(|life| IcebergLife { is_complete: true, ..*life }).collect();
        if !complete.is_empty() {
            let larger = complete.iter().map(|life| f64::from(u8::from(life.size > executed)));
            let all = complete.iter().map(|_| 1.0).sum::<f64>();
            let share = larger.sum::<f64>() / all;
            prop_assert!((Survival::fit(&complete).at(executed) - share).abs() < 1e-9);
        }
    }

    #[test]
    fn absorption_is_a_share(
        volume in -10.0..1e6f64, signed_move in -10.0..10.0f64, lambda in -1e-3..1e-3f64,
        added in -1.0..1e6f64, executed in -1.0..1e6f64,
    ) {
        let found = absorption(&Taken { volume, signed_move, lambda, added, executed });
        for share in [found.resistance, found.score].into_iter().flatten() {
            prop_assert!((0.0..=1.0).contains(&share));
        }
        prop_assert!(found.replenishment.is_ok() == (executed > 0.0) && found.expected_move >= 0.0);
    }

    #[test]
    fn nothing_that_comes_in_breaks_the_detectors(
        steps in proptest::collection::vec(
            (
                -500i64..500,
                prop::option::of(-300i64..300),
                0u8..8,
                0i64..200,
                -2i64..40,
                prop_oneof![4 => 0i64..100, 1 => 10_000i64..20_000, 1 => Just(1i64 << 50), 1 => Just(-5i64)],
            ),
            1..120,
        ),
        tick in prop_oneof![Just(0i64), Just(1), Just(i64::MAX), Just(-3)],
    ) {
        let units = Units { price_scale: 2, qty_scale: 3, tick: Price(tick) };
        let settings = DetectorSettings { conflation_ms: 100, ..DetectorSettings::default() };
        let mut detectors = Detectors::default();
        let (mut now, mut holds_huge) = (1_700_000_000_000 * MILLI, false);
        for (after, venue, kind, bid, spread, qty) in steps {
            now += after * MILLI;
            let stamp = Stamp { now, venue: venue.map(|venue| now + venue * MILLI) };
            let side = |from: i64, step: i64, kept: i64| {
                (0..kept).map(move |rank| Level::new(from + step * rank, qty.saturating_mul(rank % 3)))
            };
            let bid = 100_000 + bid;
            match kind {
                0..=2 => {
                    let view = BookView::new(side(bid, -3, 25), side(bid + spread, 2, 7));
                    detectors.on_book(stamp, &view, units, &settings);
                }
                3 => detectors.on_book(stamp, &BookView::new(side(bid, -1, 25), []), units, &settings),
                4 => detectors.reset_reference(),
                5 => detectors.advance(now, &settings),
                _ => {
                    let aggressor = if kind == 6 { Aggressor::Buy } else { Aggressor::Sell };
                    let trade = TradeEvent { trade_id: 0, price: Price(bid + spread), qty: Qty(qty), aggressor, maker: None };
                    detectors.on_trade(stamp, &trade, &settings);
                }
            }
            prop_assert!(detectors.is_consistent());
            prop_assert!(detectors.signal().is_ok_and(f64::is_finite) || detectors.signal().is_err());
            // A JSON value holds no number beyond 64 bits; notional amounts are such.
            holds_huge |= qty > 1 << 40;
            if !holds_huge {
                let saved = serde_json::to_value(&detectors).unwrap();
                prop_assert_eq!(&serde_json::from_value::<Detectors>(saved).unwrap(), &detectors);
            }
        }
        prop_assert_eq!(detectors.events_dropped(), 0);
    }
}
