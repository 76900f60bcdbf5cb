//! Laws of order flow, micro-price and Hawkes intensity that hold for every input: methods reference, section 13.

#![expect(clippy::unwrap_used, reason = "this is a test, helpers included")]

use std::sync::LazyLock;

use opus2_hifa::estimator::hawkes::HawkesParams;
use opus2_hifa::estimator::hawkes_fit::hawkes_path;
use opus2_hifa::estimator::integrated_ofi::{common_flow, integrated};
use opus2_hifa::estimator::microprice::{MicropriceTable, microprice};
use opus2_hifa::estimator::microprice_fit::{MicropriceSettings, fit_microprice};
use opus2_hifa::estimator::multi_level_ofi::{MlofiSum, MultiLevelOfi};
use opus2_hifa::estimator::ofi_regression::{fit_line, fit_ridge};
use opus2_hifa::estimator::signed_volume::{FlowSum, SignedVolume, flow_within};
use opus2_hifa::estimator::small_matrix::Matrix;
use opus2_hifa::estimator::trade_sign::LeeReady;
use opus2_hifa::estimator::window::WINDOWS;
use opus2_hifa::primitive::Bbo;
use opus2_types::{Aggressor, Level, Price, Qty};
use proptest::prelude::*;

const MILLI: i64 = 1_000_000;
const RANKS: usize = 5;
/// Prices of a mirrored book are this less the plain ones.
const MIRROR: i64 = 2_000;

/// A book: best bid, spread, and quantities of both sides.
type Book = (i64, i64, Vec<i64>, Vec<i64>);

fn books() -> impl Strategy<Value = Vec<Book>> {
    let qtys = || proptest::collection::vec(1i64..1_000, 0..8);
    proptest::collection::vec((995i64..1_005, 1i64..3, qtys(), qtys()), 1..20)
}

/// The books at one a millisecond, mirrored and with quantities times `factor`.
fn mlofi(books: &[Book], is_mirrored: bool, factor: i64) -> MlofiSum<RANKS> {
    let mut ofi = MultiLevelOfi::<RANKS>::default();
    for (at, (bid, spread, bids, asks)) in (0i64..).zip(books) {
        let side = |qtys: &[i64], best: i64, step: i64| -> Vec<Level> {
            let level = |(rank, qty): (i64, &i64)| Level::new(best + step * rank, qty * factor);
            (0i64..).zip(qtys).map(level).collect()
        };
        let (mut bids, mut asks) = (side(bids, *bid, -1), side(asks, bid + spread, 1));
        if is_mirrored {
            std::mem::swap(&mut bids, &mut asks);
            for level in bids.iter_mut().chain(&mut asks) {
                level.price = Price(MIRROR - level.price.0);
            }
        }
        ofi.update(at * MILLI, &bids, &asks, false);
    }
    ofi.sum(WINDOWS.len() - 1, 0)
}

fn near(a: f64, b: f64, scale: f64) -> bool {
    (a - b).abs() <= 1e-9 * scale.abs().max(1.0)
}

fn rows(columns: usize, rows: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Vec<f64>>> {
    proptest::collection::vec(proptest::collection::vec(-10.0f64..10.0, columns), rows)
}

static TABLE: LazyLock<MicropriceTable> = LazyLock::new(|| {
    let mut quotes = Vec::new();
    let mut bid = 1_000i64;
    for step in 0..5_000i64 {
        let (bid_qty, ask_qty) = (1 + (step * 37) % 101, 1 + (step * 61) % 103);
        let spread = 1 + (step / 7) % 2;
        quotes.push(Bbo::new(Some(Level::new(bid, bid_qty)), Some(Level::new(bid + spread, ask_qty))).ok());
        bid += [0, 0, 1, -1][usize::try_from((step * step / 3 + bid_qty) % 4).unwrap()];
    }
    fit_microprice(&quotes, 1, &MicropriceSettings { visits_min: 10, ..MicropriceSettings::default() })
        .unwrap()
});

proptest! {
    #[test]
    fn swapping_sides_negates_every_rank(books in books()) {
        let (plain, mirrored) = (mlofi(&books, false, 1), mlofi(&books, true, 1));
        prop_assert_eq!(plain.ofi, mirrored.ofi.map(|ofi| -ofi));
        prop_assert_eq!((plain.depth, plain.ranks), (mirrored.depth, mirrored.ranks));
    }

    #[test]
    fn scaling_quantities_scales_the_sums_and_not_their_ratio(books in books(), factor in 2i64..1_000) {
        let (plain, scaled) = (mlofi(&books, false, 1), mlofi(&books, false, factor));
        prop_assert_eq!(plain.ofi.map(|ofi| ofi * i128::from(factor)), scaled.ofi);
        match (plain.depth_scaled(), scaled.depth_scaled()) {
            (Ok(plain), Ok(scaled)) => {
                prop_assert!(plain.iter().zip(scaled).all(|(plain, scaled)| near(*plain, scaled, *plain)));
            }
            (plain, scaled) => prop_assert_eq!(plain, scaled),
        }
    }

    #[test]
    fn ofi_of_two_stretches_is_the_sum_of_both(books in books(), cut in 0usize..20) {
        let cut = cut.min(books.len() - 1);
        let (mut parts, whole) = (mlofi(&books[..=cut], false, 1), mlofi(&books, false, 1));
        parts += mlofi(&books[cut..], false, 1);
        prop_assert_eq!(parts, whole);
    }

    #[test]
    fn the_common_flow_explains_most_and_has_weights_of_one(rows in rows(4, 2..30)) {
        let Some(flow) = common_flow(&rows) else { return Ok(()) };
        let norm: f64 = flow.weights.iter().map(|weight| weight.abs()).sum();
        prop_assert!(near(norm, 1.0, 1.0) && flow.weights.iter().sum::<f64>() >= 0.0);
        prop_assert!(flow.explained >= 0.25 - 1e-12 && flow.explained <= 1.0 + 1e-12);
        let zeros = [0.0; 4];
        prop_assert!(integrated(&flow.weights, &zeros).abs() == 0.0);
    }

    #[test]
    fn a_system_that_is_solved_is_solved(rows in rows(5, 5..6), right in proptest::collection::vec(-10.0f64..10.0, 5)) {
        let left = Matrix::from_rows(&rows).unwrap();
        let column: Vec<Vec<f64>> = right.iter().map(|value| vec![*value]).collect();
        let Some(found) = left.solve(&Matrix::from_rows(&column).unwrap()) else { return Ok(()) };
        let found: Vec<f64> = found.iter_rows().map(|row| row[0]).collect();
        let largest = found.iter().fold(1.0f64, |largest, value| largest.max(value.abs()));
        for (again, right) in left.times(&found).unwrap().into_iter().zip(right) {
            prop_assert!(near(again, right, 100.0 * largest));
        }
    }

    #[test]
    fn ridge_without_penalty_is_least_squares_and_shrinks_with_it(
        points in proptest::collection::vec((-10.0f64..10.0, -10.0f64..10.0), 3..30),
        lambda in 0.1f64..100.0,
    ) {
        let (x, y): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        let rows: Vec<Vec<f64>> = x.iter().map(|x| vec![*x]).collect();
        let (Some(line), Some(plain)) = (fit_line(&x, &y), fit_ridge(&rows, &y, Some(0.0))) else { return Ok(()) };
        prop_assert!(near(plain.beta[0], line.beta, line.beta) && near(plain.intercept, line.alpha, 100.0 * line.beta));
        let held = fit_ridge(&rows, &y, Some(lambda)).unwrap();
        prop_assert!(held.beta[0].abs() <= plain.beta[0].abs());
    }

    #[test]
    fn windows_of_bins_are_exact_at_their_ends(
        trades in proptest::collection::vec((0i64..700, 1i64..1_000, any::<bool>()), 0..100),
        which in 0usize..3,
    ) {
        let mut volume = SignedVolume::default();
        let (mut now, mut all) = (7 * MILLI + 13, Vec::new());
        let span = WINDOWS[which];
        let bin = i64::from(span.bin_ms) * MILLI;
        for (after_ms, qty, is_buy) in trades {
            now += after_ms * MILLI;
            let side = if is_buy { Aggressor::Buy } else { Aggressor::Sell };
            let print = FlowSum::of(side, Price(100), Qty(qty), true).unwrap();
            volume.add(now, print);
            all.push((now, print));
            let end = (now + bin - 1).div_euclid(bin) * bin;
            prop_assert_eq!(volume.sum(which, end), flow_within(&all, end, span.nanos()));
            let sum = volume.sum(which, now);
            prop_assert!((-1.0..=1.0).contains(&sum.imbalance()));
            prop_assert!(sum.shrunk_imbalance(qty.into()).abs() <= sum.imbalance().abs());
        }
    }

    #[test]
    fn signs_of_mirrored_prices_are_opposite(trades in proptest::collection::vec((90i64..110, 90i64..110, 0i64..5), 1..50)) {
        let (mut plain, mut mirrored) = (LeeReady::default(), LeeReady::default());
        for (price, bid, spread) in trades {
            let ask = bid + spread;
            let sign = plain.sign(Price(price), Some((Price(bid), Price(ask)))).map(Aggressor::sign);
            let other = mirrored.sign(Price(-price), Some((Price(-ask), Price(-bid)))).map(Aggressor::sign);
            prop_assert_eq!(sign, other.map(|sign| -sign));
        }
    }

    #[test]
    fn the_recursion_of_hawkes_is_the_direct_sum(
        waits in proptest::collection::vec(0.0f64..3.0, 0..40),
        mu in 0.1f64..3.0,
        alpha in 0.0f64..3.0,
        beta in 0.1f64..10.0,
    ) {
        let mut times = Vec::new();
        let mut end = 0.0;
        for wait in waits {
            end += wait;
            times.push(end);
        }
        end += 1.0;
        let params = HawkesParams { mu, alpha, beta };
        let path = hawkes_path(&times, end, &params);
        let direct = |at: f64, until: usize| {
            mu + times[..until].iter().map(|time| alpha * (-beta * (at - time)).exp()).sum::<f64>()
        };
        for (index, (at, found)) in times.iter().zip(&path.before_events).enumerate() {
            prop_assert!(near(*found, direct(*at, index), *found));
        }
        prop_assert!(near(path.at_end, direct(end, times.len()), path.at_end));
        let last = path.compensator - path.increments.iter().sum::<f64>();
        let state = times.iter().map(|time| (-beta * (end - 1.0 - time)).exp()).sum::<f64>();
        let until_end = mu * (end - times.last().unwrap_or(&0.0)) + alpha / beta * (1.0 - (-beta).exp()) * state;
        prop_assert!(near(last, until_end, path.compensator), "the increments and the rest are the whole");
    }

    #[test]
    fn a_micro_price_is_mirrored_by_swapping_sides(bid_qty in 0i64..1_000, ask_qty in 0i64..1_000, spread in 1i64..5) {
        let quote = |bid: i64, bids: i64, asks: i64| {
            Bbo::new(Some(Level::new(bid, bids)), Some(Level::new(bid + spread, asks))).unwrap()
        };
        let (plain, plain_basis) = microprice(&quote(1_000, bid_qty, ask_qty), 1, 0, &TABLE).unwrap();
        let mirrored_bid = MIRROR - 1_000 - spread;
        let (mirrored, basis) = microprice(&quote(mirrored_bid, ask_qty, bid_qty), 1, 0, &TABLE).unwrap();
        prop_assert_eq!(plain_basis, basis);
        prop_assert!(near(plain + mirrored, 2_000.0, 1.0), "{} {}", plain, mirrored);
    }
}
