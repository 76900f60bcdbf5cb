//! The estimators of one instrument, wired to its events.

use opus2_types::{
    BookState, BookView, EventBody, Level, MarketEvent, Price, QualityFlags, VIEW_LEVELS, Venue,
};
use serde::{Deserialize, Serialize};

use super::trade_flow::{TradeFlow, loses_trades};
use super::{BarTally, BestQuote, Episodes, QuoteUpdate};
use crate::detector::{DetectorEvent, Units};
use crate::estimator::cusum::CusumStep;
use crate::estimator::depth_imbalance::depth_imbalance;
use crate::estimator::mid_path::{MidPath, PathRules};
use crate::estimator::multi_level_ofi::{LIVE_RANKS, MultiLevelOfi};
use crate::estimator::ofi::{Ofi, OfiSum};
use crate::estimator::queue_imbalance::HeldAverage;
use crate::estimator::window::Summand;
use crate::primitive::Bbo;
use crate::{Absent, Measure, SignalConfig};

/// The levels of the two multi-level imbalances.
const IMBALANCE_LEVELS: [usize; 2] = [5, 10];

/// Stage 1 of one instrument: everything that outlives an event.
///
/// Feed it the instrument's events in the order of their receive times ([`apply`](Self::apply)), then ask for
/// [`features`](Self::features). A receive time that goes back counts as the newest one seen.
///
/// Data loss (a status other than `live`, an event flagged `snapshot` or `after_gap`, new scales) resets the references:
/// nothing is differenced across it, and features whose windows reach over it are [`Absent::Resync`]. What is measured on
/// trades is reset where trades were lost, and only there; the detectors, which hold both against each other, in both cases.
///
/// `E` is only for what was saved before: see [`InstrumentStateV3`](super::InstrumentStateV3) and
/// [`InstrumentStateV4`](super::InstrumentStateV4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstrumentState<E = Box<Episodes>> {
    pub(super) venue: Venue,
    pub(super) price_scale: u8,
    pub(super) qty_scale: u8,
    pub(super) tick: i64,
    pub(super) now: i64,
    pub(super) book_state: BookState,
    /// The feed was judged too bad to be believed.
    pub(super) is_fenced: bool,
    pub(super) best: BestQuote,
    pub(super) queue_imbalance: HeldAverage,
    pub(super) depth_imbalances: [Measure; IMBALANCE_LEVELS.len()],
    pub(super) ofi: Ofi,
    pub(super) path: MidPath,
    /// Of book events alone.
    pub(super) rank_ofi: MultiLevelOfi<LIVE_RANKS>,
    pub(super) trade_flow: TradeFlow,
    /// The newest book's levels, best first; empty while there is no live book.
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
    /// What happened in the open bar. The host of the state cuts bars: see [`take_bar`](InstrumentState::take_bar).
    pub(super) bar: BarTally,
    pub(super) episodes: E,
}

/// What one event did.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Applied {
    /// What it meant for the best quote; `None` for trades and statuses.
    pub update: Option<QuoteUpdate>,
    /// Why a best quote that was taken, or a trade, could not be used.
    pub unusable: Option<Absent>,
    /// The alarm of the CUSUM.
    pub alarm: Option<CusumStep>,
    /// How many times their long-run rate orders come at, while they are in a burst: buys, sells. Asked at quotes and books.
    pub bursts: [Option<f64>; 2],
    /// How many findings of the detectors nobody will be told: found behind a fence, or pushed out by newer ones, or in
    /// scales that hold no more.
    pub findings_dropped: u32,
    /// References were reset.
    pub is_reset: bool,
    /// The instrument's scales have changed: everything started again.
    pub is_rescaled: bool,
    /// Its receive time was before that of an earlier event.
    pub clock_went_back: bool,
    /// The fence around the instrument was closed (true) or opened (false).
    pub fence_moved: Option<bool>,
}

impl InstrumentState {
    /// The state before the first event, of an instrument with these scales.
    #[must_use]
    pub fn new(venue: Venue, price_scale: u8, qty_scale: u8) -> Self {
        Self {
            venue,
            price_scale,
            qty_scale,
            tick: 0,
            now: i64::MIN,
            book_state: BookState::Empty,
            is_fenced: false,
            best: BestQuote::default(),
            queue_imbalance: HeldAverage::default(),
            depth_imbalances: [Err(Absent::DataType); IMBALANCE_LEVELS.len()],
            ofi: Ofi::default(),
            path: MidPath::default(),
            rank_ofi: MultiLevelOfi::default(),
            trade_flow: TradeFlow::default(),
            bids: Vec::with_capacity(VIEW_LEVELS),
            asks: Vec::with_capacity(VIEW_LEVELS),
            bar: BarTally::default(),
            episodes: Box::default(),
        }
    }

    /// Takes the next event. One that is not `in_bar`, because its bar has been published, moves no tally.
    pub fn apply(&mut self, event: &MarketEvent<'_>, in_bar: bool, config: &SignalConfig) -> Applied {
        let tally = self.bar;
        let applied = self.take(event, config);
        if !in_bar {
            self.bar = BarTally { resets: self.bar.resets, ..tally };
        }
        applied
    }

    fn take(&mut self, event: &MarketEvent<'_>, config: &SignalConfig) -> Applied {
        let mut applied = Applied::default();
        if (event.price_scale, event.qty_scale) != (self.price_scale, self.qty_scale) {
            applied.findings_dropped = self.episodes.waiting();
            self.rescale(event);
            applied.is_rescaled = true;
        }
        let was_fenced = self.is_fenced;
        applied.clock_went_back = event.recv_ts.0 < self.now;
        self.now = self.now.max(event.recv_ts.0);
        self.tick = event.tick.0;
        let lost = QualityFlags(QualityFlags::SNAPSHOT.0 | QualityFlags::AFTER_GAP.0);
        let is_lossy = match &event.body {
            EventBody::Status(status) => status.to != BookState::Live,
            _ => event.flags.0 & lost.0 != 0,
        };
        if is_lossy {
            self.reset_reference();
            applied.is_reset = true;
        }
        if loses_trades(event) {
            self.trade_flow.reset_reference();
            self.episodes.reset_reference();
        }
        match &event.body {
            EventBody::Status(status) => self.take_status(status.to),
            EventBody::Quality(quality) => {
                let is_moved = quality.is_fenced != self.is_fenced;
                applied.fence_moved = is_moved.then_some(quality.is_fenced);
                self.is_fenced = quality.is_fenced;
                if applied.fence_moved == Some(false) {
                    // What was measured behind the fence is not believed: everything starts from new references.
                    self.reset_reference();
                    self.trade_flow.reset_reference();
                    self.episodes.reset_reference();
                    self.bar = BarTally { resets: self.bar.resets, ..BarTally::default() };
                    applied.is_reset = true;
                }
            }
            EventBody::Position(_) => {}
            EventBody::Trade(trade) => {
                self.bar.trades += 1;
                applied.unusable = self.trade_flow.take(self.now, event, trade, config).err();
            }
            EventBody::Quote(quote) => {
                self.bar.quotes += 1;
                let update = self.best.take_quote(self.now, event.seq.last, quote, config.bbo_stale_ms);
                self.measure_best(update, false, config, &mut applied);
                self.pass_time(config, &mut applied);
            }
            EventBody::Book(view) => {
                self.bar.books += 1;
                let is_conflated = config.book_conflation_ms.of(event.venue) > 0;
                self.take_levels(view, is_conflated, config);
                let update = self.best.take_book(self.now, event.seq.last, view, config.bbo_stale_ms);
                self.measure_best(update, is_conflated, config, &mut applied);
                self.pass_time(config, &mut applied);
            }
        }
        match &event.body {
            EventBody::Book(view) => self.episodes.on_book(self.now, event, view, config),
            _ => self.episodes.on_other(self.now, event, config),
        }
        let dropped = self.episodes.collect(!was_fenced && !self.is_fenced);
        applied.findings_dropped = applied.findings_dropped.saturating_add(dropped);
        applied
    }

    /// Prices and quantities count differently from here on: nothing of before can be compared.
    fn rescale(&mut self, event: &MarketEvent<'_>) {
        let bar = BarTally {
            ofi: OfiSum::default(),
            mid_open_doubled: None,
            resets: self.bar.resets + 1,
            ..self.bar
        };
        let (now, book_state, is_fenced) = (self.now, self.book_state, self.is_fenced);
        *self = Self {
            now,
            book_state,
            is_fenced,
            bar,
            ..Self::new(self.venue, event.price_scale, event.qty_scale)
        };
    }

    fn take_status(&mut self, to: BookState) {
        self.book_state = to;
        if to == BookState::Live {
            return;
        }
        if to == BookState::Empty {
            self.best.forget();
        }
        self.bids.clear();
        self.asks.clear();
        let had_book = self.depth_imbalances.iter().any(|value| *value != Err(Absent::DataType));
        let reason = if had_book { Absent::Resync } else { Absent::Cold };
        self.depth_imbalances = [Err(reason); IMBALANCE_LEVELS.len()];
    }

    fn take_levels(&mut self, view: &BookView, is_conflated: bool, config: &SignalConfig) {
        // Only a live book comes as a book event.
        self.book_state = BookState::Live;
        for (kept, levels) in [(&mut self.bids, view.bids()), (&mut self.asks, view.asks())] {
            kept.clear();
            kept.extend_from_slice(levels);
        }
        self.rank_ofi.update(self.now, view.bids(), view.asks(), is_conflated);
        let decay = config.depth_imbalance_decay;
        self.depth_imbalances =
            IMBALANCE_LEVELS.map(|levels| depth_imbalance(view.bids(), view.asks(), levels, decay));
    }

    fn reset_reference(&mut self) {
        self.bar.resets += 1;
        self.best.reset_reference();
        self.rank_ofi.reset_reference();
        self.episodes.reset_reference();
        self.reset_estimators();
    }

    fn reset_estimators(&mut self) {
        self.queue_imbalance.reset_reference();
        self.ofi.reset_reference();
        self.path.reset_reference();
    }

    /// Lets time pass for what this event does not feed.
    fn pass_time(&mut self, config: &SignalConfig, applied: &mut Applied) {
        self.rank_ofi.advance(self.now);
        self.trade_flow.advance(self.now, config);
        let hawkes = self.trade_flow.look(self.now, config);
        applied.bursts = [hawkes.buy_burst, hawkes.sell_burst];
    }

    /// Feeds the best quote to what is measured on it, and lets time pass for it.
    fn measure_best(
        &mut self,
        update: QuoteUpdate,
        is_conflated: bool,
        config: &SignalConfig,
        applied: &mut Applied,
    ) {
        applied.update = Some(update);
        let rules = PathRules::new(config, self.tick);
        if update == QuoteUpdate::Restarted {
            self.bar.resets += 1;
            self.reset_estimators();
            applied.is_reset = true;
        }
        if !matches!(update, QuoteUpdate::Taken | QuoteUpdate::Restarted) {
            self.queue_imbalance.advance(self.now, config.queue_imbalance_ewma_ms);
            applied.alarm = self.path.advance(self.now, &rules);
            return;
        }
        let imbalance = self.measure_queue_imbalance();
        self.queue_imbalance.observe(self.now, imbalance.ok(), config.queue_imbalance_ewma_ms);
        let bbo = Bbo::new(self.best.bid(), self.best.ask());
        if let Some(added) = self.ofi.update(self.now, bbo, is_conflated) {
            self.bar.ofi += added;
        }
        match bbo {
            Ok(bbo) if !bbo.is_crossed() => {
                let mid = bbo.mid_doubled();
                applied.alarm = self.path.observe(self.now, mid, &rules);
                self.bar.mid_open_doubled.get_or_insert(mid);
            }
            Ok(_) => {
                applied.unusable = Some(Absent::Crossed);
                applied.alarm = self.path.advance(self.now, &rules);
            }
            Err(reason) => {
                applied.unusable = Some(reason);
                applied.alarm = self.path.advance(self.now, &rules);
            }
        }
    }

    /// Ends the open bar and begins the next with the mid in force. `None` when nothing happened in it; resets are then
    /// carried into the next.
    pub fn take_bar(&mut self) -> Option<BarTally> {
        let next = BarTally { mid_open_doubled: self.mid_doubled(), ..BarTally::default() };
        if self.bar.is_empty() {
            self.bar = BarTally { resets: self.bar.resets, ..next };
            return None;
        }
        Some(std::mem::replace(&mut self.bar, next))
    }

    /// What has happened in the open bar.
    #[must_use]
    pub const fn bar(&self) -> &BarTally {
        &self.bar
    }

    /// What the detectors have found and no record has told yet, oldest first.
    #[must_use]
    pub fn unpublished(&self) -> &[DetectorEvent] {
        self.episodes.unpublished()
    }

    /// A record tells of everything [`unpublished`](Self::unpublished).
    pub fn mark_published(&mut self) {
        self.episodes.mark_published();
    }

    /// The detectors, and what they have found.
    #[must_use]
    pub const fn episodes(&self) -> &Episodes {
        &self.episodes
    }

    pub(super) const fn units(&self) -> Units {
        Units { price_scale: self.price_scale, qty_scale: self.qty_scale, tick: Price(self.tick) }
    }

    /// The book's state, as last told.
    #[must_use]
    pub const fn book_state(&self) -> BookState {
        self.book_state
    }

    /// True while the feed is not to be believed: features are kept up, but nobody may be shown them.
    #[must_use]
    pub const fn is_fenced(&self) -> bool {
        self.is_fenced
    }

    /// The newest best quote.
    #[must_use]
    pub const fn best(&self) -> &BestQuote {
        &self.best
    }

    /// Decimal places of prices and quantities.
    #[must_use]
    pub const fn scales(&self) -> (u8, u8) {
        (self.price_scale, self.qty_scale)
    }

    /// False for a loaded state that no events can have led to, and that might not be safe to go on with.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let BarTally { books, quotes, trades, resets, ofi, .. } = &self.bar;
        let is_measured = |value: &Measure| value.is_ok_and(f64::is_finite) || value.is_err();
        [books, quotes, trades, resets].into_iter().all(|count| *count < 1 << 60)
            && ofi.is_plausible()
            && self.bids.len() <= VIEW_LEVELS
            && self.asks.len() <= VIEW_LEVELS
            && self.depth_imbalances.iter().all(is_measured)
            && self.queue_imbalance.is_consistent()
            && self.path.is_consistent()
            && self.trade_flow.is_consistent()
            && self.episodes.is_consistent()
    }
}
