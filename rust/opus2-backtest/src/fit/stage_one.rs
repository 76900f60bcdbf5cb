//! What stage 1 has of parameters: the micro-price and the weights of the ranks.

use std::ops::Range;

use opus2_hifa::estimator::integrated_ofi::{CommonFlow, common_flow};
use opus2_hifa::estimator::microprice::MicropriceTable;
use opus2_hifa::estimator::microprice_fit::{MicropriceError, MicropriceSettings, fit_microprice};
use opus2_hifa::estimator::multi_level_ofi::{LIVE_RANKS, MultiLevelOfi};
use opus2_hifa::primitive::Bbo;
use opus2_types::BookView;

/// Distance of the quotes, ns: a fixed step, so that a busy second counts as a quiet one.
const QUOTE_STEP_NS: i64 = 100_000_000;

/// After so many steps without a look nothing is compared.
const SILENT_STEPS_MAX: i64 = 600;

/// Distance of the rows of level OFIs, ns, and the window they are of: the shortest.
const FLOW_STEP_NS: i64 = 1_000_000_000;
const FLOW_WINDOW: usize = 0;

/// The most quotes, and the most rows, that are kept: a week of quotes.
const KEPT_MAX: usize = 6_048_000;

/// The fewest rows that a direction is taken from.
const FLOW_ROWS_MIN: usize = 300;

/// The best quotes of one instrument at a fixed step, and its level OFIs.
#[derive(Debug, Default)]
pub struct StageOneData {
    tick: i64,
    quotes: Vec<(i64, Option<Bbo>)>,
    quote: Option<Bbo>,
    quote_step: i64,
    flow: MultiLevelOfi<LIVE_RANKS>,
    flow_step: i64,
    rows: Vec<(i64, Vec<f64>)>,
}

impl StageOneData {
    /// Nothing seen of an instrument whose tick, in `Price` units, is this; 0 when unknown: then there is no micro-price.
    #[must_use]
    pub fn new(tick: i64) -> Self {
        Self { tick, quote_step: i64::MIN, flow_step: i64::MIN, ..Self::default() }
    }

    /// From `now` on this is the best quote; `None` when there is none.
    ///
    /// The first look of a step notes the quote in force until then. Steps without a look are left out: a chain that stays
    /// where it is longer moves on no differently.
    pub fn observe_quote(&mut self, now: i64, quote: Option<Bbo>) {
        let step = now.div_euclid(QUOTE_STEP_NS);
        if step > self.quote_step {
            let is_silence = step.saturating_sub(self.quote_step) > SILENT_STEPS_MAX;
            self.note(step, self.quote.filter(|_| !is_silence));
            self.quote_step = step;
        }
        self.quote = quote;
    }

    fn note(&mut self, step: i64, quote: Option<Bbo>) {
        if self.quotes.len() < KEPT_MAX {
            self.quotes.push((step.saturating_mul(QUOTE_STEP_NS), quote));
        }
    }

    /// The next book, best levels first.
    pub fn observe_book(&mut self, now: i64, book: &BookView, is_conflated: bool) {
        let step = now.div_euclid(FLOW_STEP_NS);
        if step > self.flow_step {
            let at = step.saturating_mul(FLOW_STEP_NS);
            let found = self.flow.measure(FLOW_WINDOW, at, 0).and_then(|sum| sum.depth_scaled());
            if let Ok(row) = found
                && self.rows.len() < KEPT_MAX
            {
                self.rows.push((at, row.to_vec()));
            }
            self.flow_step = step;
        }
        self.flow.update(now, book.bids(), book.asks(), is_conflated);
    }

    /// Data was lost: nothing is compared across this moment.
    pub fn reset_reference(&mut self) {
        self.flow.reset_reference();
        self.quote = None;
        self.note(self.quote_step, None);
    }

    /// The micro-price of a training window, and of nothing outside it.
    ///
    /// # Errors
    /// [`MicropriceError`]: too little data, or a tick that is not known.
    ///
    /// # Source
    /// Stoikov (2018); methods reference 2.5.
    pub fn microprice(&self, train: &Range<i64>) -> Result<MicropriceTable, MicropriceError> {
        let quotes: Vec<Option<Bbo>> =
            self.quotes.iter().filter(|(at, _)| train.contains(at)).map(|(_, quote)| *quote).collect();
        fit_microprice(&quotes, self.tick, &MicropriceSettings::default())
    }

    /// The weights of the ranks in the integrated OFI: the first principal component of a training window's level OFIs.
    /// `None` with fewer than 300 rows, or without variance.
    ///
    /// # Source
    /// Cont, Cucuringu & Zhang (2023); methods reference 2.4.
    #[must_use]
    pub fn rank_weights(&self, train: &Range<i64>) -> Option<[f64; LIVE_RANKS]> {
        let rows: Vec<Vec<f64>> =
            self.rows.iter().filter(|(at, _)| train.contains(at)).map(|(_, row)| row.clone()).collect();
        let CommonFlow { weights, .. } =
            Some(rows).filter(|rows| rows.len() >= FLOW_ROWS_MIN).and_then(|rows| common_flow(&rows))?;
        weights.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use opus2_types::Level;

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// Books a fifth of a second apart whose first two ranks grow and shrink together; the heavier side wins after six.
    fn seen(books: i64) -> StageOneData {
        let mut data = StageOneData::new(1);
        let mut bid = 10_000;
        for book in 0..books {
            let now = book * SECOND / 5;
            let heavy = 50 + (book * 37) % 100;
            let is_up = (book / 6) % 2 == 0;
            let (bids, asks) = if is_up { (100 + heavy, heavy) } else { (heavy, 100 + heavy) };
            let levels = |best: i64, by: i64, qty: i64| {
                (0..5).map(move |rank| {
                    Level::new(best + by * rank, if rank < 2 { qty * (2 - rank) } else { 70 })
                })
            };
            let view = BookView::new(levels(bid, -1, bids), levels(bid + 1, 1, asks));
            data.observe_book(now, &view, false);
            let quote = Bbo::new(view.bids().first().copied(), view.asks().first().copied());
            data.observe_quote(now, quote.ok());
            if book % 6 == 5 {
                bid += if is_up { 1 } else { -1 };
            }
        }
        data
    }

    #[track_caller]
    fn check(data: &StageOneData, secs: Range<i64>, has_table: bool, has_weights: bool) {
        let train = secs.start * SECOND..secs.end * SECOND;
        assert_eq!(data.microprice(&train).is_ok(), has_table);
        let weights = data.rank_weights(&train);
        assert_eq!(weights.is_some(), has_weights);
        if let Some(weights) = weights {
            let sum: f64 = weights.iter().map(|weight| weight.abs()).sum();
            assert!((sum - 1.0).abs() < 1e-12 && weights[0] > weights[4].abs(), "{weights:?}");
        }
    }

    #[test]
    fn only_the_training_window_is_fitted() {
        let data = seen(3_000);
        check(&data, 0..600, true, true);
        check(&data, 0..200, true, false);
        check(&data, 600..1_200, false, false);
        let whole = data.microprice(&(0..300 * SECOND)).unwrap();
        assert_eq!(
            whole,
            seen(1_600).microprice(&(0..300 * SECOND)).unwrap(),
            "what came later changes nothing"
        );
    }

    #[test]
    fn nothing_is_compared_across_a_loss() {
        let mut data = seen(3);
        let before = data.quotes.len();
        data.reset_reference();
        data.observe_quote(SECOND, None);
        assert!(data.quotes[before..].iter().all(|(_, quote)| quote.is_none()));
    }
}
