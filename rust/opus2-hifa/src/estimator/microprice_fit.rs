//! Fitting a micro-price to the quotes of a train window.

use super::microprice::{MicropriceTable, SavedTable, TableError, bucket, spread_ticks, thin_share};
use super::small_matrix::{Matrix, SIZE_MAX};
use crate::exact::to_f64;
use crate::primitive::Bbo;

/// How a micro-price is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MicropriceSettings {
    /// Buckets of the imbalance, an even number; their bounds are quantiles.
    pub imbalance_buckets: usize,
    /// Spreads from 1 to so many ticks; wider quotes are left out.
    pub spread_ticks_max: usize,
    /// Moves of the mid up to so many half-ticks; longer ones are left out.
    pub half_ticks_max: u32,
    /// A state that was seen less often leans towards its more balanced neighbour.
    pub visits_min: u64,
    /// Terms of the series.
    pub terms: usize,
}

impl Default for MicropriceSettings {
    fn default() -> Self {
        Self { imbalance_buckets: 10, spread_ticks_max: 3, half_ticks_max: 2, visits_min: 200, terms: 6 }
    }
}

/// Why no micro-price can be fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MicropriceError {
    /// The settings.
    #[error(
        "a micro-price needs an even number of imbalance buckets, a spread, a move, and {SIZE_MAX} states at most"
    )]
    Settings,
    /// The data.
    #[error("a micro-price needs two quotes in a row with a spread of few ticks, and a move of the mid")]
    TooFew,
    /// The result.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// One observed state of the best quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MicropriceState {
    /// Bucket of the imbalance, from asks-heavy to bids-heavy.
    pub imbalance: usize,
    /// Bucket of the spread, narrowest first.
    pub spread: usize,
    /// Twice the mid, in any unit whose moves are those of the counts.
    pub mid_doubled: i64,
}

/// How often each state was followed by each other, and by which moves of the mid.
///
/// Every transition counts twice: as seen, and mirrored (imbalance reversed, move negated), which makes the adjustments
/// antisymmetric and the series converge. State `(imbalance, spread)` has index `imbalance * spreads + spread`.
#[derive(Debug, Clone, PartialEq)]
pub struct MicropriceCounts {
    imbalances: usize,
    spreads: usize,
    half_ticks: Vec<i64>,
    previous: Option<MicropriceState>,
    stays: Matrix,
    moves: Matrix,
    lands: Matrix,
}

/// The probabilities of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Transitions {
    /// That the mid stays and the next state is this, by present state.
    pub stays: Matrix,
    /// That the mid makes this move, by present state.
    pub moves: Matrix,
    /// That the mid moves and the next state is this, by present state.
    pub lands: Matrix,
}

/// The adjustments of all states.
#[derive(Debug, Clone, PartialEq)]
pub struct Adjustments {
    /// Expected first move of the mid.
    pub first: Vec<f64>,
    /// Probability of the state after the first move, by present state.
    pub landing: Matrix,
    /// Expected sum of so many moves as terms were asked for.
    pub total: Vec<f64>,
}

impl MicropriceCounts {
    /// No counts yet, of moves by so many units of the doubled mid; `None` without states or moves, or with more states
    /// than a small matrix has.
    #[must_use]
    pub fn new(imbalances: usize, spreads: usize, half_ticks: Vec<i64>) -> Option<Self> {
        let states = imbalances.checked_mul(spreads).filter(|states| (1..=SIZE_MAX).contains(states))?;
        (1..=SIZE_MAX).contains(&half_ticks.len()).then(|| Self {
            imbalances,
            spreads,
            previous: None,
            stays: Matrix::zeros(states, states),
            moves: Matrix::zeros(states, half_ticks.len()),
            lands: Matrix::zeros(states, states),
            half_ticks,
        })
    }

    /// Takes the next state of the sequence; `None` when there is none (a spread too wide, a quote that cannot be used,
    /// data lost), across which nothing is counted. A state that the counts do not have is none.
    pub fn observe(&mut self, next: Option<MicropriceState>) {
        let next = next.filter(|next| next.imbalance < self.imbalances && next.spread < self.spreads);
        if let (Some(previous), Some(next)) = (self.previous, next) {
            // No difference of the two fits 64 bits: no move of a few half-ticks either.
            if let Some(by) = next.mid_doubled.checked_sub(previous.mid_doubled) {
                self.count(previous, next, by);
                self.count(self.mirrored(previous), self.mirrored(next), by.saturating_neg());
            }
        }
        self.previous = next;
    }

    const fn mirrored(&self, state: MicropriceState) -> MicropriceState {
        MicropriceState { imbalance: self.imbalances - 1 - state.imbalance, ..state }
    }

    const fn index(&self, state: MicropriceState) -> usize {
        state.imbalance * self.spreads + state.spread
    }

    fn count(&mut self, from: MicropriceState, to: MicropriceState, by: i64) {
        let (from, to) = (self.index(from), self.index(to));
        let add = |matrix: &mut Matrix, column| matrix.set(from, column, matrix.at(from, column) + 1.0);
        if by == 0 {
            add(&mut self.stays, to);
        } else if let Some(column) = self.half_ticks.iter().position(|half_ticks| *half_ticks == by) {
            add(&mut self.moves, column);
            add(&mut self.lands, to);
        }
    }

    /// How often each state was left, mirror images included.
    #[must_use]
    pub fn visits(&self) -> Vec<f64> {
        let sum = |row: &[f64]| row.iter().sum::<f64>();
        self.stays
            .iter_rows()
            .zip(self.moves.iter_rows())
            .map(|(stays, moves)| sum(stays) + sum(moves))
            .collect()
    }

    /// The counts as shares of their state's; a state that was never seen has zeros.
    #[must_use]
    pub fn transitions(&self) -> Transitions {
        let visits = self.visits();
        let shares = |counts: &Matrix| {
            let mut shares = counts.clone();
            for (row, visits) in visits.iter().enumerate().filter(|(_, visits)| **visits > 0.0) {
                for column in 0..counts.columns() {
                    shares.set(row, column, counts.at(row, column) / visits);
                }
            }
            shares
        };
        Transitions { stays: shares(&self.stays), moves: shares(&self.moves), lands: shares(&self.lands) }
    }
}

impl Transitions {
    /// `G1 = (1 - Q)^-1 R1 K`, `B = (1 - Q)^-1 R2`, and the first `terms` terms of `sum B^i G1`.
    ///
    /// `move_sizes` is `K`, and gives the unit. `None` when shapes do not fit, or the mid never moves from some state on.
    ///
    /// # Source
    /// Stoikov (2018), "The micro-price"; methods reference 2.5.
    #[must_use]
    pub fn adjustments(&self, move_sizes: &[f64], terms: usize) -> Option<Adjustments> {
        let until_move = Matrix::identity(self.stays.columns()).minus(&self.stays)?;
        let expected: Vec<Vec<f64>> =
            self.moves.times(move_sizes)?.into_iter().map(|size| vec![size]).collect();
        let first = until_move.solve(&Matrix::from_rows(&expected)?)?;
        let first: Vec<f64> = first.iter_rows().map(|row| row[0]).collect();
        let landing = until_move.solve(&self.lands)?;
        let mut term = first.clone();
        let mut total = vec![0.0; first.len()];
        for _ in 0..terms {
            for (total, term) in total.iter_mut().zip(&term) {
                *total += term;
            }
            term = landing.times(&term)?;
        }
        Some(Adjustments { first, landing, total })
    }

    /// The same with a hair of a chance that nothing more happens, so that a state out of which no move was seen has
    /// none, instead of making all of it insoluble.
    fn with_an_end(&self) -> Self {
        let mut damped = self.clone();
        for row in 0..damped.stays.rows() {
            for column in 0..damped.stays.columns() {
                damped.stays.set(row, column, self.stays.at(row, column) * (1.0 - 1e-9));
            }
        }
        damped
    }
}

/// Fits a micro-price to best quotes in their order, at a fixed step or at every change.
///
/// `None` among them is a hole: data lost, no quote. `tick` is in `Price` units.
///
/// # Errors
/// [`MicropriceError`]: settings that are none, or too little data.
///
/// # Source
/// Stoikov (2018), "The micro-price", estimation with symmetrised counts; methods reference 2.5 for the bounds, the visits and the shrinking.
pub fn fit_microprice(
    quotes: &[Option<Bbo>],
    tick: i64,
    settings: &MicropriceSettings,
) -> Result<MicropriceTable, MicropriceError> {
    let half = settings.imbalance_buckets / 2;
    let moves = i64::from(settings.half_ticks_max);
    let half_ticks: Vec<i64> = (-moves..=moves).filter(|by| *by != 0).take(SIZE_MAX + 1).collect();
    let counts = MicropriceCounts::new(settings.imbalance_buckets, settings.spread_ticks_max, half_ticks);
    let mut counts =
        counts.filter(|_| half * 2 == settings.imbalance_buckets).ok_or(MicropriceError::Settings)?;
    let is_narrow =
        |bbo: &Bbo| spread_ticks(bbo, tick).is_some_and(|spread| spread <= settings.spread_ticks_max);
    let edges = quantile_edges(quotes.iter().flatten().filter(|bbo| is_narrow(bbo)), half);
    for quote in quotes {
        counts.observe(quote.as_ref().and_then(|bbo| state_of(bbo, tick, &edges)));
    }
    let visits = counts.visits();
    let sizes: Vec<f64> = counts.half_ticks.iter().map(|by| to_f64((*by).into())).collect();
    if counts.moves.iter_rows().flatten().all(|count| *count == 0.0) {
        return Err(MicropriceError::TooFew);
    }
    let transitions = counts.transitions();
    let found = transitions
        .adjustments(&sizes, settings.terms)
        .or_else(|| transitions.with_an_end().adjustments(&sizes, settings.terms))
        .ok_or(MicropriceError::TooFew)?;
    let mut saved = SavedTable { thin_share_edges: edges, lean_half_ticks: Vec::new(), visits: Vec::new() };
    for spread in 0..settings.spread_ticks_max {
        let index = |imbalance| imbalance * settings.spread_ticks_max + spread;
        let lean = |thin: usize| {
            let heavy_bids = index(settings.imbalance_buckets - 1 - thin);
            (found.total[heavy_bids] - found.total[index(thin)]) / 2.0
        };
        let seen: Vec<f64> = (0..half).map(|thin| visits[index(thin)]).collect();
        saved.lean_half_ticks.extend(shrunk((0..half).map(lean).collect(), &seen, settings.visits_min));
        saved.visits.extend(seen.iter().map(|visits| to_count(*visits)));
    }
    Ok(saved.try_into()?)
}

/// Bounds of `half` buckets of the thinner side's share with equal numbers of quotes.
fn quantile_edges<'a>(quotes: impl Iterator<Item = &'a Bbo>, half: usize) -> Vec<f64> {
    let mut shares: Vec<f64> = quotes.filter_map(thin_share).collect();
    shares.sort_by(f64::total_cmp);
    (1..half).map(|bucket| shares.get(bucket * shares.len() / half).copied().unwrap_or(0.5)).collect()
}

/// The state of a quote, its mid in half-ticks; `None` where it cannot have one.
fn state_of(bbo: &Bbo, tick: i64, edges: &[f64]) -> Option<MicropriceState> {
    let thin = bucket(bbo, edges)?;
    let spread = spread_ticks(bbo, tick)? - 1;
    let is_bid_thin = bbo.bid().qty <= bbo.ask().qty;
    let imbalance = if is_bid_thin { thin } else { 2 * edges.len() + 1 - thin };
    // A best price between two ticks has no move in half-ticks.
    (bbo.bid().price.0 % tick == 0).then(|| MicropriceState {
        imbalance,
        spread,
        mid_doubled: bbo.mid_doubled() / tick,
    })
}

/// Leans of one spread, thinnest bucket first; what was seen too seldom leans towards its more balanced neighbour, and
/// the most balanced towards none.
fn shrunk(mut leans: Vec<f64>, seen: &[f64], visits_min: u64) -> Vec<f64> {
    let mut neighbour = 0.0;
    for (lean, visits) in leans.iter_mut().zip(seen).rev() {
        let weight = (visits / to_f64(i128::from(visits_min.max(1)))).min(1.0);
        *lean = weight * *lean + (1.0 - weight) * neighbour;
        neighbour = *lean;
    }
    leans
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a sum of ones, and `as` saturates"
)]
const fn to_count(visits: f64) -> u64 {
    visits as u64
}

#[cfg(test)]
mod tests {
    use opus2_types::Level;

    use super::*;

    /// A mid that follows the imbalance: bids-heavy quotes are followed by a rise of one tick, asks-heavy ones by a fall.
    fn quotes(count: i64, tick: i64) -> Vec<Option<Bbo>> {
        let mut bid = 1_000;
        let mut quotes = Vec::new();
        for step in 0..count {
            let qty = 1 + (step * 37) % 100;
            let (bid_qty, ask_qty) = if (step / 3) % 2 == 0 { (100 + qty, qty) } else { (qty, 100 + qty) };
            quotes.push(
                Bbo::new(Some(Level::new(bid * tick, bid_qty)), Some(Level::new((bid + 1) * tick, ask_qty)))
                    .ok(),
            );
            if step % 3 == 2 {
                bid += if bid_qty > ask_qty { 1 } else { -1 };
            }
        }
        quotes
    }

    #[test]
    fn a_mid_that_follows_the_imbalance_is_learned() {
        let settings = MicropriceSettings { terms: 1, ..MicropriceSettings::default() };
        let table = fit_microprice(&quotes(30_000, 5), 5, &settings).unwrap();
        let saved = table.as_saved();
        assert_eq!((saved.thin_share_edges.len(), saved.lean_half_ticks.len()), (4, 15));
        // Every first move goes two half-ticks towards the heavier side.
        assert!(saved.lean_half_ticks[..5].iter().all(|lean| (lean - 2.0).abs() < 1e-6), "{saved:?}");
        assert!(saved.visits[..5].iter().all(|visits| *visits > 200), "{saved:?}");
        assert!(saved.visits[5..].iter().all(|visits| *visits == 0), "{saved:?}");
    }

    #[test]
    fn what_was_seen_too_seldom_leans_towards_its_neighbour() {
        assert_eq!(shrunk(vec![1.0, 0.6, 0.2], &[100.0, 0.0, 400.0], 200), [0.6, 0.2, 0.2]);
        assert_eq!(shrunk(vec![1.0, 0.6], &[0.0, 0.0], 200), [0.0, 0.0]);
    }

    #[test]
    fn too_little_data_is_refused() {
        let settings = MicropriceSettings::default();
        assert_eq!(fit_microprice(&[], 1, &settings), Err(MicropriceError::TooFew));
        assert_eq!(fit_microprice(&quotes(2, 1), 1, &settings), Err(MicropriceError::TooFew));
        assert_eq!(fit_microprice(&quotes(100, 1), 0, &settings), Err(MicropriceError::TooFew));
        let odd = MicropriceSettings { imbalance_buckets: 5, ..settings };
        assert_eq!(fit_microprice(&quotes(100, 1), 1, &odd), Err(MicropriceError::Settings));
        let long = MicropriceSettings { half_ticks_max: u32::MAX, ..settings };
        assert_eq!(fit_microprice(&quotes(100, 1), 1, &long), Err(MicropriceError::Settings));
    }

    #[test]
    fn nothing_is_counted_across_a_hole() {
        let state = |imbalance, mid_doubled| Some(MicropriceState { imbalance, spread: 0, mid_doubled });
        let mut counts = MicropriceCounts::new(2, 1, vec![-1, 1]).unwrap();
        for next in [state(0, 10), None, state(1, 10), state(7, 10), state(1, 10)] {
            counts.observe(next);
        }
        assert_eq!(counts.visits(), [0.0, 0.0]);
        counts.observe(state(1, 11));
        assert_eq!(counts.visits(), [1.0, 1.0]);
        counts.observe(state(1, 99));
        assert_eq!(counts.visits(), [1.0, 1.0], "a long move is left out");
    }
}
