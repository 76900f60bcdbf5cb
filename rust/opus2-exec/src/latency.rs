//! When an order reaches the venue, and when its answer is seen.

use opus2_types::UnixNanos;
use serde::{Deserialize, Serialize};

/// The least latency that is assumed where none was measured, ns. Methods reference 7.2.
pub const UNMEASURED_FLOOR_NS: i64 = 10_000_000;

/// What became of an order on its way to the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// It reaches the venue's matching after so many nanoseconds.
    Accepted {
        /// From sending to matching.
        after_ns: i64,
    },
    /// The venue refuses it, which is known locally after so many nanoseconds.
    Rejected {
        /// From sending to knowing.
        after_ns: i64,
    },
}

impl Entry {
    /// From the published form, in which a negative latency is a refusal.
    #[must_use]
    pub const fn from_signed(ns: i64) -> Self {
        if ns < 0 {
            Self::Rejected { after_ns: ns.saturating_neg() }
        } else {
            Self::Accepted { after_ns: ns }
        }
    }

    /// The published form: nanoseconds, negative for a refusal.
    #[must_use]
    pub const fn signed_ns(self) -> i64 {
        match self {
            Self::Accepted { after_ns } => after_ns,
            Self::Rejected { after_ns } => after_ns.saturating_neg(),
        }
    }
}

/// One way's latency as a straight line over the feed's: `max(floor, offset + feed * per_mille / 1000)`, ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedLine {
    /// The part that does not depend upon the feed, ns.
    pub offset_ns: i64,
    /// How much of the feed's latency is added, in thousandths.
    pub per_mille: i64,
    /// Never less than this, ns.
    pub floor_ns: i64,
}

impl Default for FeedLine {
    /// Nothing measured: the feed's own latency, at least [`UNMEASURED_FLOOR_NS`].
    fn default() -> Self {
        Self { offset_ns: 0, per_mille: 1_000, floor_ns: UNMEASURED_FLOOR_NS }
    }
}

impl FeedLine {
    /// The latency while the feed's is `feed_ns`. A feed latency below zero (clocks disagree) counts as zero. Truncates
    /// toward zero, saturates.
    #[must_use]
    pub fn at(&self, feed_ns: i64) -> i64 {
        let share = i128::from(feed_ns.max(0)) * i128::from(self.per_mille) / 1_000;
        saturated(i128::from(self.offset_ns) + share).max(self.floor_ns)
    }
}

/// One measured order: when it was asked, matched, and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyRow {
    /// Sent, local clock.
    pub req_ts: UnixNanos,
    /// Matched, venue's clock. Zero or less: the venue refused it.
    pub exch_ts: UnixNanos,
    /// Answer seen, local clock.
    pub resp_ts: UnixNanos,
}

impl LatencyRow {
    const fn is_refused(&self) -> bool {
        self.exch_ts.0 <= 0
    }

    /// Nanoseconds to the venue; negative for a refusal, of the time until it was known.
    const fn signed_entry_ns(&self) -> i64 {
        if self.is_refused() {
            self.round_trip_ns().saturating_neg()
        } else {
            self.exch_ts.since(self.req_ts)
        }
    }

    const fn round_trip_ns(&self) -> i64 {
        self.resp_ts.since(self.req_ts)
    }
}

/// Why rows are no table of latencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LatencyError {
    /// There is no row.
    #[error("a table of latencies needs at least one measured order")]
    Empty,
    /// A row was asked before the one above it.
    #[error("row {row} was sent before the row above it; sort the table by sending time")]
    Unsorted {
        /// Counted from zero.
        row: usize,
    },
    /// An answer that was seen before it was asked for, on one and the same clock.
    #[error("row {row} was answered before it was sent")]
    AnsweredEarly {
        /// Counted from zero.
        row: usize,
    },
}

/// Latencies measured over time, in between straight lines; before the first row and after the last, that row's own.
///
/// # Source
/// hftbacktest `IntpOrderLatency` (public source); methods reference 7.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatencyTable {
    rows: Vec<LatencyRow>,
    /// Venue's time and nanoseconds to the answer, of the orders that were matched, by venue's time.
    answers: Vec<(i64, i64)>,
}

impl LatencyTable {
    /// A table of measured orders, by sending time.
    ///
    /// # Errors
    /// [`LatencyError`]: none at all, not sorted, or an answer before its request.
    pub fn new(rows: Vec<LatencyRow>) -> Result<Self, LatencyError> {
        if rows.is_empty() {
            return Err(LatencyError::Empty);
        }
        if let Some(at) = rows.windows(2).position(|pair| pair[1].req_ts < pair[0].req_ts) {
            return Err(LatencyError::Unsorted { row: at + 1 });
        }
        if let Some(row) = rows.iter().position(|row| row.resp_ts < row.req_ts) {
            return Err(LatencyError::AnsweredEarly { row });
        }
        let matched = rows.iter().filter(|row| !row.is_refused());
        let mut answers: Vec<(i64, i64)> =
            matched.map(|row| (row.exch_ts.0, row.resp_ts.since(row.exch_ts).max(0))).collect();
        answers.sort_by_key(|(exch_ts, _)| *exch_ts);
        Ok(Self { rows, answers })
    }

    /// What becomes of an order sent at `sent_at`. Between an order that was matched and one that was refused, orders are
    /// refused.
    #[must_use]
    pub fn entry(&self, sent_at: UnixNanos) -> Entry {
        let after = self.rows.partition_point(|row| row.req_ts <= sent_at);
        let next = self.rows.get(after);
        let signed = match (after.checked_sub(1).and_then(|at| self.rows.get(at)), next) {
            (Some(row), Some(next)) => {
                let (from, to) = (row.req_ts.0, next.req_ts.0);
                if row.is_refused() || next.is_refused() {
                    between(sent_at.0, (from, row.round_trip_ns()), (to, next.round_trip_ns()))
                        .saturating_neg()
                } else {
                    between(sent_at.0, (from, row.signed_entry_ns()), (to, next.signed_entry_ns()))
                }
            }
            (Some(edge), None) | (None, Some(edge)) => edge.signed_entry_ns(),
            (None, None) => 0,
        };
        Entry::from_signed(signed)
    }

    /// Nanoseconds from the matching at `matched_at` to the answer; `None` when no order of the table was matched.
    #[must_use]
    pub fn response_ns(&self, matched_at: UnixNanos) -> Option<i64> {
        let after = self.answers.partition_point(|(exch_ts, _)| *exch_ts <= matched_at.0);
        let next = self.answers.get(after);
        match (after.checked_sub(1).and_then(|at| self.answers.get(at)), next) {
            (Some(row), Some(next)) => Some(between(matched_at.0, *row, *next)),
            (Some(edge), None) | (None, Some(edge)) => Some(edge.1),
            (None, None) => None,
        }
    }
}

/// The straight line through two points at `x`, its slope term truncated toward zero.
fn between(x: i64, (x1, y1): (i64, i64), (x2, y2): (i64, i64)) -> i64 {
    let wide = |value: i64| i128::from(value);
    let run = wide(x2) - wide(x1);
    if run == 0 {
        return y1;
    }
    // `x` lies between, so the quotient is no larger than the rise; the product needs up to 130 bits only for times and
    // latencies of centuries.
    let rise = wide(y2) - wide(y1);
    let term = rise.checked_mul(wide(x) - wide(x1)).map_or(rise, |product| product / run);
    saturated(wide(y1) + term)
}

fn saturated(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// How long orders take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LatencyModel {
    /// Always the same.
    Constant {
        /// To the venue, ns; negative: every order is refused.
        entry_ns: i64,
        /// From the venue, ns.
        response_ns: i64,
    },
    /// Follows the feed's latency.
    Feed {
        /// To the venue.
        entry: FeedLine,
        /// From the venue.
        response: FeedLine,
    },
    /// As measured.
    Measured(LatencyTable),
}

impl Default for LatencyModel {
    /// Nothing measured: both ways as long as the feed takes, at least [`UNMEASURED_FLOOR_NS`].
    fn default() -> Self {
        Self::Feed { entry: FeedLine::default(), response: FeedLine::default() }
    }
}

/// A model and how much slower than it orders are: results are shown at one, two and four times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLatency {
    /// How long orders take.
    pub model: LatencyModel,
    /// Every latency is multiplied by this.
    pub factor: u16,
}

impl Default for OrderLatency {
    fn default() -> Self {
        Self { model: LatencyModel::default(), factor: 1 }
    }
}

impl OrderLatency {
    /// What becomes of an order sent at `sent_at` (local clock) while the feed is `feed_ns` behind the venue.
    #[must_use]
    pub fn entry(&self, sent_at: UnixNanos, feed_ns: i64) -> Entry {
        let signed = match &self.model {
            LatencyModel::Constant { entry_ns, .. } => *entry_ns,
            LatencyModel::Feed { entry, .. } => entry.at(feed_ns),
            LatencyModel::Measured(table) => table.entry(sent_at).signed_ns(),
        };
        Entry::from_signed(signed.saturating_mul(i64::from(self.factor)))
    }

    /// Nanoseconds from the matching at `matched_at` (venue's clock) to the answer, never negative. A table without one
    /// matched order has no answer to give, and none to wait for: zero.
    #[must_use]
    pub fn response_ns(&self, matched_at: UnixNanos, feed_ns: i64) -> i64 {
        let plain = match &self.model {
            LatencyModel::Constant { response_ns, .. } => *response_ns,
            LatencyModel::Feed { response, .. } => response.at(feed_ns),
            LatencyModel::Measured(table) => table.response_ns(matched_at).unwrap_or(0),
        };
        plain.max(0).saturating_mul(i64::from(self.factor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[[i64; 3]]) -> Result<LatencyTable, LatencyError> {
        let row = |&[req, exch, resp]: &[i64; 3]| LatencyRow {
            req_ts: UnixNanos(req),
            exch_ts: UnixNanos(exch),
            resp_ts: UnixNanos(resp),
        };
        LatencyTable::new(rows.iter().map(row).collect())
    }

    #[track_caller]
    fn check(rows: &[[i64; 3]], sent_at: i64, entry: i64, matched_at: i64, response: Option<i64>) {
        let table = table(rows).unwrap();
        assert_eq!(table.entry(UnixNanos(sent_at)).signed_ns(), entry, "entry at {sent_at}");
        assert_eq!(table.response_ns(UnixNanos(matched_at)), response, "response at {matched_at}");
    }

    #[test]
    fn between_rows_latency_is_a_line_and_outside_it_is_the_edge_row() {
        let rows = [[1_000, 1_400, 1_900], [2_000, 2_600, 3_200]];
        check(&rows, 1_500, 500, 2_000, Some(550));
        check(&rows, 1_000, 400, 1_400, Some(500));
        check(&rows, 0, 400, 0, Some(500));
        check(&rows, 2_000, 600, 9_000, Some(600));
    }

    #[test]
    fn the_slope_term_truncates_toward_zero() {
        check(&[[0, 10, 20], [3, 11, 30]], 1, 10, 0, Some(10));
        check(&[[0, 10, 20], [3, 23, 40]], 1, 13, 0, Some(10));
    }

    #[test]
    fn near_a_refusal_orders_are_refused_after_the_time_it_took_to_know() {
        let rows = [[1_000, 0, 1_800], [2_000, 2_600, 3_000], [3_000, 3_100, 3_300]];
        check(&rows, 500, -800, 2_600, Some(400));
        check(&rows, 1_500, -900, 0, Some(400));
        check(&rows, 2_500, 350, 2_850, Some(300));
        check(&[[5, 0, 9]], 7, -4, 7, None);
        assert_eq!(Entry::from_signed(-4), Entry::Rejected { after_ns: 4 });
    }

    #[test]
    fn rows_that_cannot_be_are_refused() {
        assert_eq!(table(&[]), Err(LatencyError::Empty));
        assert_eq!(table(&[[2, 3, 4], [1, 3, 4]]), Err(LatencyError::Unsorted { row: 1 }));
        assert_eq!(table(&[[2, 3, 1]]), Err(LatencyError::AnsweredEarly { row: 0 }));
    }

    #[test]
    fn the_unmeasured_follow_the_feed_above_a_floor_times_the_factor() {
        for (factor, feed_ns, expect) in
            [(1, 3_000_000, 10_000_000), (2, 30_000_000, 60_000_000), (4, -5, 40_000_000)]
        {
            let latency = OrderLatency { factor, ..OrderLatency::default() };
            assert_eq!(latency.entry(UnixNanos(0), feed_ns), Entry::Accepted { after_ns: expect });
            assert_eq!(latency.response_ns(UnixNanos(0), feed_ns), expect);
        }
        let line = FeedLine { offset_ns: 7, per_mille: 1_500, floor_ns: 0 };
        assert_eq!(line.at(3), 11);
    }

    #[test]
    fn extremes_saturate() {
        let edge = [[i64::MIN, 1, i64::MAX], [i64::MAX, i64::MAX, i64::MAX]];
        let table = table(&edge).unwrap();
        for at in [i64::MIN, -1, 0, i64::MAX] {
            assert!(table.entry(UnixNanos(at)).signed_ns() >= 0);
            assert!(table.response_ns(UnixNanos(at)).unwrap() >= 0);
        }
        let line = FeedLine { offset_ns: i64::MAX, per_mille: i64::MAX, floor_ns: i64::MIN };
        assert_eq!(line.at(i64::MAX), i64::MAX);
    }
}
