//! Imbalance of the quantities at the best levels, near ones counting more.

use opus2_types::Level;

use crate::exact::to_f64;
use crate::{Absent, Measure, measure::finite};

/// `(B - A) / (B + A)` with `B = sum over i < n of exp(-decay * i) * bid_qty[i]` and the same for asks; in `-1..=1`.
///
/// Levels are best first and counted by rank, from 0. When one side has fewer than `n`, both are cut to the smaller
/// count; `decay = 0` is the plain imbalance of `n` levels.
///
/// # Errors
/// [`Absent::EmptySide`] when a side has no level, [`Absent::ZeroSize`] when all quantities are zero,
/// [`Absent::BadNumber`] for a negative quantity.
///
/// # Source
/// Cartea, Jaimungal & Penalva (2015), chapter 3; the exponential weights are the methods reference's (2.2).
pub fn depth_imbalance(bids: &[Level], asks: &[Level], n: usize, decay: f64) -> Measure {
    let fade = (-decay).exp();
    let mut weight = 1.0;
    let (mut bid_sum, mut ask_sum) = (0.0, 0.0);
    let mut levels_count = 0;
    for (bid, ask) in bids.iter().zip(asks).take(n) {
        if bid.qty.0 < 0 || ask.qty.0 < 0 {
            return Err(Absent::BadNumber);
        }
        bid_sum += weight * to_f64(bid.qty.0.into());
        ask_sum += weight * to_f64(ask.qty.0.into());
        weight *= fade;
        levels_count += 1;
    }
    let total = bid_sum + ask_sum;
    match levels_count {
        0 => Err(Absent::EmptySide),
        _ if total <= 0.0 => Err(Absent::ZeroSize),
        _ => finite((bid_sum - ask_sum) / total),
    }
}
