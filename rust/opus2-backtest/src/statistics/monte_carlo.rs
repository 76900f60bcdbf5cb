//! How much of a result is luck: of the order of trades, or of the times they were entered.

use serde::{Deserialize, Serialize};

use super::drawdown::drawdown;
use super::random::Random;
use super::sample::{finite, mean, nearest_rank, size};

/// Up to so many trades every order is walked: 362 880.
pub const EXHAUSTIVE_TRADES_MAX: usize = 9;

/// The most orders that are drawn.
pub const SAMPLES_MAX: u32 = 100_000;

/// How orders are drawn when there are too many to walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermutationSettings {
    /// How many; at most [`SAMPLES_MAX`] are drawn.
    pub samples: u32,
    /// Of [`super::bootstrap::GENERATOR`].
    pub seed: u64,
}

impl Default for PermutationSettings {
    fn default() -> Self {
        Self { samples: 10_000, seed: 0 }
    }
}

/// The deepest drawdowns of the same trades in other orders.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PermutationDrawdown {
    /// How many orders were walked; orders of equal trades count each.
    pub count: usize,
    /// True when these are all orders there are.
    pub is_exhaustive: bool,
    /// Mean of the deepest drawdowns.
    pub mean: f64,
    /// Their 95th percentile, by nearest rank.
    pub p95: f64,
    /// The deepest of all.
    pub max: f64,
}

/// Reorders trades: the total stays, only the path to it changes.
///
/// Every order for up to [`EXHAUSTIVE_TRADES_MAX`] trades, else as many as the settings say. The path begins at `equity`, and
/// is marked after each trade. `None` unless the equity is positive and every trade is finite, or when nothing is drawn.
///
/// # Source
/// Methods reference 9, Monte Carlo (a).
#[must_use]
pub fn permutation_drawdown(
    pnl: &[f64],
    equity: f64,
    settings: &PermutationSettings,
) -> Option<PermutationDrawdown> {
    if equity.is_nan() || equity <= 0.0 || pnl.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let mut order = pnl.to_vec();
    let mut found = Vec::new();
    let is_exhaustive = pnl.len() <= EXHAUSTIVE_TRADES_MAX;
    if is_exhaustive {
        each_order(&mut order, |order| found.extend(deepest(order, equity)));
    } else {
        let mut random = Random::seeded(settings.seed);
        for _ in 0..settings.samples.min(SAMPLES_MAX) {
            shuffle(&mut order, &mut random);
            found.extend(deepest(&order, equity));
        }
    }
    found.sort_by(f64::total_cmp);
    Some(PermutationDrawdown {
        count: found.len(),
        is_exhaustive,
        mean: mean(&found)?,
        p95: nearest_rank(&found, 0.95)?,
        max: found.last().copied().and_then(finite)?,
    })
}

fn deepest(pnl: &[f64], equity: f64) -> Option<f64> {
    let after = pnl.iter().scan(equity, |equity, x| {
        *equity += x;
        Some(*equity)
    });
    drawdown(std::iter::once(equity).chain(after)).deepest()
}

/// Visits every order of `items`, by Heap's algorithm: each differs from the last by one swap.
fn each_order(items: &mut [f64], mut visit: impl FnMut(&[f64])) {
    let mut turns = vec![0; items.len()];
    visit(items);
    let mut at = 1;
    while at < items.len() {
        if turns[at] < at {
            items.swap(if at % 2 == 0 { 0 } else { turns[at] }, at);
            visit(items);
            turns[at] += 1;
            at = 1;
        } else {
            turns[at] = 0;
            at += 1;
        }
    }
}

/// Fisher and Yates: every order is as likely.
fn shuffle(items: &mut [f64], random: &mut Random) {
    for at in (1..items.len()).rev() {
        items.swap(at, random.below(at + 1));
    }
}

/// How likely entries at random times do as well as the observed result: `(1 + #{placebo >= observed}) / (1 + n)`.
///
/// `None` when the result or a placebo's is not a number. Without placebos it is 1: nothing was shown.
///
/// # Source
/// Methods reference 9, Monte Carlo (d); the added one keeps a finite number of placebos from showing certainty.
#[must_use]
pub fn placebo_p_value(observed: f64, placebos: &[f64]) -> Option<f64> {
    if observed.is_nan() || placebos.iter().any(|placebo| placebo.is_nan()) {
        return None;
    }
    let as_good = placebos.iter().filter(|placebo| **placebo >= observed).count();
    finite(size(as_good + 1) / size(placebos.len() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: PermutationSettings = PermutationSettings { samples: 2_000, seed: 3 };

    #[test]
    fn every_order_is_visited_once() {
        for (n, count) in [(0, 1), (1, 1), (2, 2), (3, 6), (4, 24), (5, 120)] {
            let mut items: Vec<f64> = (0..n).map(f64::from).collect();
            let mut seen = Vec::new();
            each_order(&mut items, |order| seen.push(format!("{order:?}")));
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), count);
        }
    }

    #[test]
    fn an_order_has_the_same_trades_and_so_the_same_total() {
        let trades: Vec<f64> = (0..7).map(|n| f64::from(n * n % 5)).collect();
        let sorted = |order: &[f64]| {
            let mut order = order.to_vec();
            order.sort_by(f64::total_cmp);
            order
        };
        each_order(&mut trades.clone(), |order| assert_eq!(sorted(order), sorted(&trades)));
        let (mut order, mut random) = (trades.clone(), Random::seeded(5));
        for _ in 0..1_000 {
            shuffle(&mut order, &mut random);
            assert_eq!(sorted(&order), sorted(&trades));
        }
    }

    #[test]
    fn drawn_orders_agree_with_all_orders() {
        let pnl = [5.0, -3.0, 2.0, -4.0, 6.0, 1.0, -2.0, 3.0, -1.0];
        let all = permutation_drawdown(&pnl, 100.0, &SETTINGS).unwrap();
        assert!(all.is_exhaustive && all.count == 362_880);
        // A trade that changes nothing makes ten trades, whose orders are drawn.
        let longer: Vec<f64> = pnl.into_iter().chain([0.0]).collect();
        let drawn = permutation_drawdown(&longer, 100.0, &SETTINGS).unwrap();
        assert!(!drawn.is_exhaustive && drawn.count == 2_000);
        assert!(
            (all.mean - drawn.mean).abs() < 0.002
                && (all.p95 - drawn.p95).abs() < 0.01
                && drawn.max <= all.max
        );
        assert_eq!(permutation_drawdown(&longer, 100.0, &SETTINGS), Some(drawn));
    }

    #[test]
    fn no_trades_have_one_order_and_no_drawdown() {
        let found = permutation_drawdown(&[], 100.0, &SETTINGS).unwrap();
        assert_eq!(
            found,
            PermutationDrawdown { count: 1, is_exhaustive: true, mean: 0.0, p95: 0.0, max: 0.0 }
        );
    }

    #[test]
    fn garbage_has_no_drawdown() {
        for (pnl, equity) in [(&[f64::NAN][..], 1.0), (&[1.0], 0.0), (&[1.0], -1.0), (&[1.0], f64::NAN)] {
            assert_eq!(permutation_drawdown(pnl, equity, &SETTINGS), None);
        }
        let none = PermutationSettings { samples: 0, seed: 0 };
        assert_eq!(permutation_drawdown(&[1.0; 20], 1.0, &none), None);
    }

    #[test]
    fn a_placebo_p_value_is_never_zero() {
        assert_eq!(placebo_p_value(2.0, &[1.0, 1.5, 0.5]), Some(0.25));
        assert_eq!(placebo_p_value(1.0, &[1.0, 1.5, 0.5]), Some(0.75));
        assert_eq!(placebo_p_value(1.0, &[]), Some(1.0));
        assert_eq!(placebo_p_value(f64::NAN, &[]), None);
    }
}
