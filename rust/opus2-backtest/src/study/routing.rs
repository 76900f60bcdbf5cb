//! What the cheapest split over venues saves against the best venue alone.

use opus2_hifa::execution::fees::FeeRate;
use opus2_hifa::execution::route::{
    ROUTE_VENUES_MAX, RouteError, RouteRequest, RouteVenue, Router, VenueTerms,
};
use opus2_types::{Aggressor, BookView, Qty, SCALE_MAX, VIEW_LEVELS};

use crate::statistics::sample::{mean, nearest_rank, size};

/// One book to route over.
#[derive(Debug, Clone, Copy)]
pub struct RoutingBook<'a> {
    /// Decides between equal prices.
    pub name: &'a str,
    /// Its best levels.
    pub view: &'a BookView,
    /// Decimal places of its prices.
    pub price_scale: u8,
    /// Decimal places of its quantities.
    pub qty_scale: u8,
    /// Orders are multiples of it, in `Qty` units; zero when unknown.
    pub lot: i64,
    /// What the venue takes of an order that takes.
    pub fee: FeeRate,
}

/// Routes of one notional at one fee table, and what they saved.
#[derive(Debug, Clone)]
pub struct RoutingTally {
    notional: u32,
    router: Router,
    savings_bps: Vec<f64>,
    counts: RoutingCounts,
}

/// How routes ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoutingCounts {
    /// Routes that were filled.
    pub filled: u64,
    /// Routes that the books shown could not fill.
    pub unfilled: u64,
    /// Filled routes that went to more than one venue.
    pub split: u64,
    /// Filled routes that no venue alone could have filled: nothing to compare with.
    pub only_split: u64,
}

/// What is told of a tally.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoutingSummary {
    /// How routes ended.
    pub counts: RoutingCounts,
    /// Routes compared with the best venue alone.
    pub compared: u64,
    /// Mean saving, basis points of the notional; never negative.
    pub mean_bps: Option<f64>,
    /// Median saving.
    pub median_bps: Option<f64>,
    /// The saving that one in twenty exceeds.
    pub p95_bps: Option<f64>,
    /// The share of filled routes that went to more than one venue.
    pub split_share: Option<f64>,
}

impl RoutingTally {
    /// Of so much quote currency a route.
    #[must_use]
    pub fn new(notional: u32) -> Self {
        Self {
            notional,
            router: Router::new(VIEW_LEVELS),
            savings_bps: Vec::new(),
            counts: RoutingCounts::default(),
        }
    }

    /// Routes the notional over the books, bought or sold, and notes what came of it.
    ///
    /// The quantity is the notional over the mid of the best bid and the best ask of all venues, cut to the coarsest lot.
    /// Does nothing while a side of all books is empty or the quantity is below one lot.
    ///
    /// # Errors
    /// The books are none, or too many.
    pub fn route(&mut self, books: &[RoutingBook<'_>], side: Aggressor) -> Result<(), RouteError> {
        let Some(request) = request(books, side, self.notional) else { return Ok(()) };
        let mut venues =
            [RouteVenue { name: "", levels: &[], terms: VenueTerms::default() }; ROUTE_VENUES_MAX];
        let Some(venues) = venues.get_mut(..books.len()) else {
            return Err(RouteError::TooManyVenues { count: books.len() });
        };
        for (venue, book) in venues.iter_mut().zip(books) {
            let levels = match side {
                Aggressor::Buy => book.view.asks(),
                Aggressor::Sell => book.view.bids(),
            };
            let (price_scale, qty_scale) = (book.price_scale, book.qty_scale);
            let terms =
                VenueTerms { price_scale, qty_scale, lot: book.lot, fee: book.fee, ..VenueTerms::default() };
            *venue = RouteVenue { name: book.name, levels, terms };
        }
        let route = self.router.route(&request, venues)?;
        if route.unfilled > 0 {
            self.counts.unfilled += 1;
            return Ok(());
        }
        self.counts.filled += 1;
        self.counts.split += u64::from(route.venues.iter().filter(|slice| slice.qty.0 > 0).count() > 1);
        match route.saving() {
            Ok(saving) => self.savings_bps.push(saving / f64::from(self.notional) * 1e4),
            Err(_) => self.counts.only_split += 1,
        }
        Ok(())
    }

    /// What was found so far.
    #[must_use]
    pub fn summary(&self) -> RoutingSummary {
        let mut sorted = self.savings_bps.clone();
        sorted.sort_by(f64::total_cmp);
        let RoutingCounts { filled, split, .. } = self.counts;
        let share = |part: u64, whole: u64| {
            let count = |count: u64| size(usize::try_from(count).unwrap_or(usize::MAX));
            (whole > 0).then(|| count(part) / count(whole))
        };
        RoutingSummary {
            counts: self.counts,
            compared: sorted.len() as u64,
            mean_bps: mean(&sorted),
            median_bps: nearest_rank(&sorted, 0.5),
            p95_bps: nearest_rank(&sorted, 0.95),
            split_share: share(split, filled),
        }
    }
}

/// The quantity that a notional buys at the mid of all books together, exact but for the lot.
fn request(books: &[RoutingBook<'_>], side: Aggressor, notional: u32) -> Option<RouteRequest> {
    let price_scale = books.iter().map(|book| book.price_scale).max()?;
    let qty_scale = books.iter().map(|book| book.qty_scale).max()?.min(SCALE_MAX);
    let power = |from: u8, to: u8| 10i128.checked_pow(u32::from(to.checked_sub(from)?));
    let (mut bid, mut ask, mut lot) = (None, None, 1i128);
    for book in books {
        let to_price = power(book.price_scale, price_scale)?;
        let best =
            |levels: &[opus2_types::Level]| levels.first().map(|level| i128::from(level.price.0) * to_price);
        bid = bid.max(best(book.view.bids()));
        ask = match (ask, best(book.view.asks())) {
            (Some(ask), Some(other)) => Some(i128::min(ask, other)),
            (ask, other) => ask.or(other),
        };
        // Where the lot is unknown, no order is finer than the quantities that the venue prints.
        lot = lot.max(i128::from(book.lot.max(1)).checked_mul(power(book.qty_scale, qty_scale)?)?);
    }
    let mid_doubled = (bid? + ask?).max(1);
    let amount = i128::from(notional).checked_mul(2)?.checked_mul(power(0, price_scale)?)?;
    let qty = amount.checked_mul(power(0, qty_scale)?)? / mid_doubled / lot * lot;
    let qty = i64::try_from(qty).ok().filter(|qty| *qty > 0)?;
    Some(RouteRequest { side, qty: Qty(qty), qty_scale })
}

#[cfg(test)]
mod tests {
    use opus2_types::Level;

    use super::*;

    /// One bid and some asks at prices in hundredths, whole quantities; a fee in millionths.
    type BookAndFee<'a> = (i64, &'a [(i64, i64)], i32);

    #[track_caller]
    fn check(books: &[BookAndFee<'_>], notional: u32) -> RoutingSummary {
        let views: Vec<BookView> = books
            .iter()
            .map(|(bid, asks, _)| {
                BookView::new(
                    [Level::new(*bid, 50)],
                    asks.iter().map(|(price, qty)| Level::new(*price, *qty)),
                )
            })
            .collect();
        let books: Vec<RoutingBook<'_>> = books
            .iter()
            .zip(&views)
            .zip(["a", "b", "c"])
            .map(|(((_, _, ppm), view), name)| {
                let fee = FeeRate::from_ppm(*ppm).unwrap();
                RoutingBook { name, view, price_scale: 2, qty_scale: 0, lot: 0, fee }
            })
            .collect();
        let mut tally = RoutingTally::new(notional);
        tally.route(&books, Aggressor::Buy).unwrap();
        tally.summary()
    }

    #[test]
    fn a_split_saves_what_the_second_level_costs_more() {
        // Mid 1.00: ten units. Alone, a takes 5 at 1.01 and 5 at 1.03; together all are at 1.01.
        let found = check(&[(99, &[(101, 5), (103, 9)], 0), (99, &[(101, 5), (103, 9)], 0)], 10);
        assert_eq!((found.counts.filled, found.counts.split, found.compared), (1, 1, 1));
        assert!((found.mean_bps.unwrap() - 0.10 / 10.0 * 1e4).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn a_dear_venue_is_not_worth_a_split() {
        let found = check(&[(99, &[(101, 5), (103, 9)], 0), (99, &[(101, 5)], 50_000)], 10);
        assert_eq!((found.counts.split, found.mean_bps, found.split_share), (0, Some(0.0), Some(0.0)));
    }

    #[test]
    fn what_no_venue_holds_alone_is_not_compared() {
        let found = check(&[(99, &[(101, 5)], 0), (99, &[(101, 5)], 0)], 10);
        assert_eq!((found.counts.only_split, found.compared, found.mean_bps), (1, 0, None));
        let found = check(&[(99, &[(101, 5)], 0), (99, &[(101, 4)], 0)], 10);
        assert_eq!((found.counts.unfilled, found.counts.filled), (1, 0));
    }

    #[test]
    fn the_mid_is_that_of_all_books() {
        // Best bid 0.99 and best ask 1.01, of different books: ten units, all at b.
        let found = check(&[(99, &[(500, 50)], 0), (10, &[(101, 10)], 0)], 10);
        assert_eq!((found.counts.filled, found.mean_bps), (1, Some(0.0)));
    }

    #[test]
    fn a_quantity_is_no_finer_than_what_every_venue_prints() {
        let view = BookView::new([Level::new(99, 50)], [Level::new(101, 50)]);
        let book = |qty_scale| RoutingBook {
            name: "a",
            view: &view,
            price_scale: 0,
            qty_scale,
            lot: 0,
            fee: FeeRate::ZERO,
        };
        // 333 at a mid of 100: 3.33000000, cut to one decimal.
        let found = request(&[book(1), book(8)], Aggressor::Buy, 333).unwrap();
        assert_eq!((found.qty, found.qty_scale), (Qty(330_000_000), 8));
    }
}
