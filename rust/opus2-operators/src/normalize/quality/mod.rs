//! Data quality of one instrument: what is wrong with its feed, counted over a window and judged at its end.
//!
//! Contract: docs/contracts/quality.md. The formula is `opus2_hifa::quality`; this folder counts.
//!
//! | file | holds |
//! | --- | --- |
//! | `rules` | the thresholds, from YAML |
//! | `reason` | why points are taken |
//! | `numbering`, `clock`, `average` | what is missing or repeated; how time was spent; what is an ordinary quantity |
//! | `agreement` | the comparison with the market's other instruments |
//! | `verdict` | the end of a window: components, score, deductions |
//! | `fence` | whether the instrument is kept from signals |

pub(super) mod agreement;
mod average;
mod clock;
mod fence;
mod numbering;
mod reason;
mod rules;
mod verdict;

pub(super) use fence::{Fence, FenceStep};
pub(super) use reason::{REASONS, Reason};
pub(super) use rules::Rules;
pub(crate) use rules::ValidationRules;
pub(super) use verdict::Verdict;

use opus2_types::{BookState, Channel, Level, NumberError, QualityFlags, SeqRange, UnixNanos};
use opus2_venue::{Applied, Feed, FeedCounts, Reject, What};
use serde::{Deserialize, Serialize};

use agreement::LastMid;
use average::Ordinary;
use clock::Clock;
use numbering::{Numbering, Step};

/// The kinds of messages that are judged apart: a good one must not hide a bad one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Book,
    Trade,
    Quote,
}

const KINDS: usize = 3;

impl Kind {
    const fn of(channel: Channel) -> Option<Self> {
        match channel {
            Channel::Depth | Channel::Snapshot => Some(Self::Book),
            Channel::Trade => Some(Self::Trade),
            Channel::Quote => Some(Self::Quote),
            _ => None,
        }
    }
}

/// What has been counted of the open window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Window {
    /// By kind of message: see [`Kind`].
    received: [u64; KINDS],
    invalid: [u64; KINDS],
    timed: [u64; KINDS],
    late: [u64; KINDS],
    updates_expected: u64,
    trades_expected: u64,
    checksums: u64,
    quotes_compared: u64,
    venues_compared: u64,
    reasons: [u64; REASONS],
}

impl Window {
    fn add(&mut self, reason: Reason, amount: u64) {
        self.reasons[reason as usize] += amount;
    }

    const fn of(&self, reason: Reason) -> u64 {
        self.reasons[reason as usize]
    }
}

/// The data quality of one instrument: everything that outlives a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Quality {
    #[serde(skip)]
    rules: Rules,
    window: Window,
    clock: Clock,
    numbering: Numbering,
    /// The newest time of the venue's, by kind of message.
    exch_ts: [Option<UnixNanos>; KINDS],
    /// How far the venue's clock is proven to be ahead of ours: the least delay seen, when that is negative, ns.
    offset: i64,
    trade_qty: Ordinary,
    best_qty: Ordinary,
    mid: Option<LastMid>,
    next_comparison: i64,
    fence: Fence,
    /// Windows in a row without a message.
    silent_windows: u8,
}

/// One message of the instrument, after its feed has taken it.
pub(super) struct Message<'a> {
    pub(super) channel: Channel,
    pub(super) applied: &'a Applied,
    pub(super) feed: &'a Feed,
    /// The feed's counts before.
    pub(super) counts: &'a FeedCounts,
    /// Records lost between ingest and here, just before it.
    pub(super) lost_records: u64,
}

impl Quality {
    /// Of an instrument that is announced at `now`.
    pub(super) fn new(now: UnixNanos, rules: Rules) -> Self {
        Self {
            rules,
            window: Window::default(),
            clock: Clock::new(now.0),
            numbering: Numbering::default(),
            exch_ts: [None; KINDS],
            offset: 0,
            trade_qty: Ordinary::default(),
            best_qty: Ordinary::default(),
            mid: None,
            next_comparison: i64::MIN,
            fence: Fence::default(),
            silent_windows: 0,
        }
    }

    /// The thresholds are configuration, not state.
    pub(super) fn with_rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// The instrument counts differently from here on: what rests on its units is forgotten.
    pub(super) fn rescaled(&self, rules: Rules) -> Self {
        let (trade_qty, best_qty) = (Ordinary::default(), Ordinary::default());
        Self { rules, trade_qty, best_qty, mid: None, ..self.clone() }
    }

    /// True while the instrument is kept from signals.
    pub(super) const fn is_fenced(&self) -> bool {
        self.fence.is_closed()
    }

    /// The connection is a new one: numbers and clocks start again.
    pub(super) fn connected(&mut self, now: UnixNanos, before: BookState) {
        self.clock.message(now.0, before, &self.rules);
        self.numbering.restart();
        self.exch_ts = [None; KINDS];
        self.offset = 0;
        self.mid = None;
    }

    /// A record that had been there before, and that nobody looked at.
    pub(super) fn repeated(&mut self, channel: Channel, now: UnixNanos, state: BookState) {
        let Some(kind) = Kind::of(channel) else { return };
        self.clock.message(now.0, state, &self.rules);
        self.window.received[kind as usize] += 1;
        self.window.add(Reason::RecordRepeated, 1);
    }

    /// Counts one message.
    pub(super) fn take(&mut self, message: &Message<'_>) {
        let Message { channel, applied, feed, counts, lost_records } = *message;
        let Some(kind) = Kind::of(channel) else { return };
        self.clock.message(applied.recv_ts.0, applied.before, &self.rules);
        if applied.state == BookState::Live {
            self.clock.live(applied.recv_ts.0);
        }
        self.window.received[kind as usize] += 1;
        self.window.add(Reason::RecordsLost, lost_records);
        self.take_counts(counts, feed.counts(), channel, applied);
        self.take_times(kind, channel, applied);
        let has_numbers = feed.spec().feed.has_update_numbers();
        if has_numbers && channel == Channel::Depth && applied.seq != SeqRange::default() {
            self.take_numbers(applied.seq);
        }
        let is_valid = self.check_content(feed, applied);
        self.window.invalid[kind as usize] += u64::from(!is_valid);
    }

    /// What the feed itself has found.
    fn take_counts(&mut self, before: &FeedCounts, after: &FeedCounts, channel: Channel, applied: &Applied) {
        let window = &mut self.window;
        window.checksums += after.checksums_ok - before.checksums_ok;
        let checksums_bad = after.checksums_bad - before.checksums_bad;
        window.checksums += checksums_bad;
        window.add(Reason::ChecksumWrong, checksums_bad);
        let compared = after.bbo_checks - before.bbo_checks;
        window.quotes_compared += compared;
        window.add(Reason::QuoteMismatch, compared - (after.bbo_matches - before.bbo_matches));
        let trades_missing = after.trade_gaps - before.trade_gaps;
        window.trades_expected += after.trades - before.trades + trades_missing;
        window.add(Reason::TradesMissing, trades_missing);
        if channel == Channel::Trade && applied.what == What::Covered {
            window.add(Reason::TradeRepeated, 1);
        }
    }

    fn take_times(&mut self, kind: Kind, channel: Channel, applied: &Applied) {
        if applied.flags.contains(QualityFlags::CLOCK_WENT_BACK) {
            self.window.add(Reason::RecvClockBack, 1);
        }
        // What joins with a snapshot happened while the snapshot was fetched; a repeated trade is late by its nature.
        let is_timed = channel != Channel::Snapshot && applied.what != What::Covered;
        let Some(exch_ts) = applied.exch_ts.filter(|_| is_timed) else { return };
        let delay = applied.recv_ts.since(exch_ts);
        self.offset = self.offset.min(delay);
        self.window.timed[kind as usize] += 1;
        if delay.saturating_sub(self.offset) > i64::from(self.rules.latency_ms_max) * 1_000_000 {
            self.window.late[kind as usize] += 1;
            self.window.add(Reason::Late, 1);
        }
        let newest = &mut self.exch_ts[kind as usize];
        if newest.is_some_and(|newest| exch_ts < newest) {
            self.window.add(Reason::ExchClockBack, 1);
        }
        *newest = (*newest).max(Some(exch_ts));
    }

    fn take_numbers(&mut self, seq: SeqRange) {
        let window = &mut self.window;
        match self.numbering.take(seq) {
            Step::Next { expected } => window.updates_expected += expected,
            Step::AfterHole { missing, expected } => {
                window.updates_expected += expected;
                window.add(Reason::UpdatesMissing, missing);
            }
            Step::OutOfOrder { found } => {
                let missing = &mut window.reasons[Reason::UpdatesMissing as usize];
                *missing = missing.saturating_sub(found);
                window.add(Reason::UpdateOutOfOrder, 1);
            }
            Step::Repeated => window.add(Reason::UpdateRepeated, 1),
        }
    }

    /// Whether what the message says can be true.
    fn check_content(&mut self, feed: &Feed, applied: &Applied) -> bool {
        let reason = match applied.what {
            What::Rejected(Reject::SnapshotTooOld | Reject::NotConnected) => return true,
            What::Rejected(Reject::BadNumber(NumberError::TooFine { .. })) => Some(Reason::OffTick),
            // Counted as a repetition: what it says can be true.
            What::Rejected(Reject::DuplicateOrder) => {
                self.window.add(Reason::OrderRepeated, 1);
                return true;
            }
            What::Rejected(_) => Some(Reason::Unreadable),
            What::Crossed => Some(Reason::Crossed),
            _ => None,
        };
        if let Some(reason) = reason {
            self.window.add(reason, 1);
        }
        let is_on_tick = is_on_tick(feed, applied);
        if !is_on_tick {
            self.window.add(Reason::OffTick, 1);
        }
        let is_sane = self.check_volume(feed) & self.check_best(feed, applied);
        reason.is_none() && is_on_tick && is_sane
    }

    fn check_volume(&mut self, feed: &Feed) -> bool {
        let mut is_sane = true;
        for trade in feed.trades() {
            is_sane &= self.trade_qty.take(trade.event.qty.0, self.rules.volume_ratio_max);
        }
        if !is_sane {
            self.window.add(Reason::InsaneVolume, 1);
        }
        is_sane
    }

    /// Looks at the best levels, and keeps their mid for the comparison with other instruments.
    fn check_best(&mut self, feed: &Feed, applied: &Applied) -> bool {
        let (bid, ask) = match applied.what {
            What::Book | What::Snapshot => match feed.book().best() {
                Some(best) => best,
                None => return true,
            },
            What::Quote(quote) if quote.bid.price > quote.ask.price => {
                self.window.add(Reason::Crossed, 1);
                return false;
            }
            _ => return true,
        };
        self.mid = LastMid::new(bid, ask, feed.spec().price_scale, applied.recv_ts);
        let mut is_sane = true;
        if bid.price == ask.price {
            self.window.add(Reason::Locked, 1);
            is_sane = false;
        }
        if !is_within_spread(bid, ask, self.rules.spread_bps_max) {
            self.window.add(Reason::WideSpread, 1);
            is_sane = false;
        }
        let qty = bid.qty.0.max(ask.qty.0);
        if !self.best_qty.take(qty, self.rules.volume_ratio_max) {
            self.window.add(Reason::InsaneVolume, 1);
            is_sane = false;
        }
        is_sane
    }
}

/// Whether every price in the message is a multiple of the tick. Unknown ticks, and those of one unit, bind nothing.
fn is_on_tick(feed: &Feed, applied: &Applied) -> bool {
    let tick = feed.spec().tick;
    if tick <= 1 || matches!(applied.what, What::Rejected(_) | What::Other) {
        return true;
    }
    let (bids, asks) = feed.changes();
    // Trades, quotes and what was covered leave the levels of an earlier message.
    let levels_are_new = matches!(applied.what, What::Book | What::Snapshot | What::Crossed | What::Kept);
    let mut levels = bids.iter().chain(asks).filter(|_| levels_are_new);
    levels.all(|level| level.price.0 % tick == 0)
        && feed.trades().iter().all(|trade| trade.event.price.0 % tick == 0)
}

/// `(ask - bid) / mid <= bps_max`, exactly.
fn is_within_spread(bid: Level, ask: Level, bps_max: u32) -> bool {
    let (bid, ask) = (i128::from(bid.price.0), i128::from(ask.price.0));
    (ask - bid) * 20_000 <= (ask + bid) * i128::from(bps_max)
}
