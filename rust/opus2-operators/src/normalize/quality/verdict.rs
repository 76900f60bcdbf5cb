//! The end of a window: components, score, and what each reason has cost.

use opus2_hifa::quality::{Component, QualityCounts, QualityScore, share};
use opus2_types::BookState;

use super::clock::Spent;
use super::{FenceStep, Quality, Reason, Window};

/// What a window says of an instrument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Verdict {
    window: Window,
    spent: Spent,
    score: QualityScore,
    /// The points of the score; 0 when not even time was observed.
    pub(crate) points: f64,
    /// What it did to the fence.
    pub(crate) fence: FenceStep,
    /// Whether enough of the window was seen for the fence to move.
    pub(crate) is_telling: bool,
}

/// Points taken for one reason.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Deduction {
    pub(crate) reason: Reason,
    /// Occurrences; milliseconds for `stale` and `out_of_step`.
    pub(crate) count: u64,
    pub(crate) points: f64,
}

impl Verdict {
    pub(crate) const fn score(&self) -> &QualityScore {
        &self.score
    }

    /// The score in thousandths of a point.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "points are from 0 to 100")]
    pub(crate) fn thousandths(&self) -> u32 {
        (self.points.clamp(0.0, 100.0) * 1e3).round() as u32
    }

    pub(crate) fn received(&self) -> u64 {
        self.window.received.iter().sum()
    }

    /// Every reason that was seen, with its part of the points that its component has lost.
    pub(crate) fn deductions(&self) -> impl Iterator<Item = Deduction> + Clone + '_ {
        Reason::ALL.into_iter().filter_map(|reason| {
            let count = self.count(reason);
            let part = self.part(reason);
            (count > 0).then(|| {
                let component = reason.component();
                let all: f64 = Reason::ALL
                    .into_iter()
                    .filter(|other| other.component() == component)
                    .map(|other| self.part(other))
                    .sum();
                let points = if all > 0.0 { self.score.points_lost(component) * part / all } else { 0.0 };
                Deduction { reason, count, points }
            })
        })
    }

    pub(crate) fn count(&self, reason: Reason) -> u64 {
        let millis = |nanos: i64| u64::try_from(nanos / 1_000_000).unwrap_or(0);
        match reason {
            Reason::Stale => millis(self.spent.stale),
            Reason::OutOfStep => millis(self.spent.out_of_step),
            other => self.window.of(other),
        }
    }

    /// How large the reason is beside the others of its component.
    fn part(&self, reason: Reason) -> f64 {
        let (count, window, spent) = (self.window.of(reason), &self.window, &self.spent);
        let nanos = |nanos: i64| u64::try_from(nanos).unwrap_or(0);
        let whole = match reason {
            Reason::UpdatesMissing => window.updates_expected,
            Reason::TradesMissing => window.trades_expected,
            Reason::Late => window.timed.iter().sum(),
            Reason::Stale => return share(nanos(spent.stale), nanos(spent.observed)).unwrap_or(0.0),
            Reason::OutOfStep => {
                return share(nanos(spent.out_of_step), nanos(spent.observed)).unwrap_or(0.0);
            }
            Reason::ChecksumWrong => window.checksums,
            Reason::QuoteMismatch => window.quotes_compared,
            Reason::CrossVenue => window.venues_compared,
            Reason::RecordsLost => self.received() + count,
            _ => self.received(),
        };
        share(count, whole).unwrap_or(0.0)
    }
}

/// With fewer messages than this, one bad one would be a bad feed: the fence moves only if time itself was lost.
const MESSAGES_TELLING: u64 = 10;

/// After this many windows in a row without a message an instrument is taken for gone (delisted, or no longer followed).
const SILENT_WINDOWS_MAX: u8 = 10;

impl Quality {
    /// True when the instrument has been silent for so long that it is not judged over the window that ends at `end`. The
    /// fence stays as it is; the next message brings the instrument back.
    pub(in super::super) fn is_gone(&mut self, end: i64) -> bool {
        let is_gone = self.silent_windows >= SILENT_WINDOWS_MAX && self.window == Window::default();
        if is_gone {
            self.clock.skip_to(end);
        }
        is_gone
    }

    /// Ends the window at `end`, which is `window_ns` long: the score, and what it does to the fence.
    pub(in super::super) fn close(&mut self, end: i64, window_ns: i64, state: BookState) -> Verdict {
        let (spent, is_seen) = self.clock.close(end, window_ns, state, &self.rules);
        let window = std::mem::take(&mut self.window);
        let received = window.received.iter().sum::<u64>();
        self.silent_windows = if received > 0 { 0 } else { self.silent_windows.saturating_add(1) };
        let is_lost = (spent.stale + spent.out_of_step).saturating_mul(2) > spent.observed;
        let is_telling = is_seen && (is_lost || received >= MESSAGES_TELLING);
        let score = QualityScore::of(components(&window, &spent));
        let points = score.score.unwrap_or(0.0);
        let fence = if is_telling && score.score.is_some() {
            self.fence.take(points, &self.rules)
        } else {
            FenceStep::Stays
        };
        Verdict { window, spent, score, points, fence, is_telling }
    }

    /// Begins a window at `start` after a time that no window covers.
    pub(in super::super) fn begin_window(&mut self, start: i64) {
        self.clock.skip_to(start);
    }

    /// The score below which the instrument is fenced, and that from which it is let back, points.
    pub(in super::super) const fn thresholds(&self) -> (u32, u32) {
        (self.rules.fence_below, self.rules.recover_at)
    }
}

/// The components of the methods reference's section 4.8, with two rules of our own: where there are several numberings,
/// kinds of message or kinds of comparison, the worst one counts, so that many good ones of one kind cannot hide the failure
/// of another; and time without a usable book is taken from timeliness.
fn components(window: &Window, spent: &Spent) -> [Option<f64>; 6] {
    let of = |reason: Reason| window.of(reason);
    let received = window.received.iter().sum();
    let lost = of(Reason::RecordsLost);
    let records = if lost > 0 { (lost, received + lost) } else { (0, 0) };
    let (missing, expected) = worst([
        (of(Reason::UpdatesMissing), window.updates_expected),
        (of(Reason::TradesMissing), window.trades_expected),
        records,
    ]);
    let (failed, checks) = worst([
        (of(Reason::ChecksumWrong), window.checksums),
        (of(Reason::QuoteMismatch), window.quotes_compared),
        (of(Reason::CrossVenue), window.venues_compared),
    ]);
    let (invalid, judged) = worst(pairs(window.invalid, window.received));
    let (late, timed) = worst(pairs(window.late, window.timed));
    let sum = |component: Component| -> u64 {
        Reason::ALL.into_iter().filter(|reason| reason.component() == component).map(of).sum()
    };
    let mut components = QualityCounts {
        missing,
        expected,
        received,
        on_time: timed - late,
        timed,
        valid: judged - invalid,
        judged,
        checks,
        checks_passed: checks - failed,
        duplicates: sum(Component::Uniqueness),
        out_of_order: sum(Component::Ordering),
    }
    .components();
    let usable = spent.observed - spent.stale - spent.out_of_step;
    let nanos = |nanos: i64| u64::try_from(nanos).unwrap_or(0);
    if let Some(usable) = share(nanos(usable), nanos(spent.observed)) {
        let timeliness = &mut components[Component::Timeliness as usize];
        *timeliness = Some(timeliness.unwrap_or(1.0) * usable);
    }
    components
}

fn pairs<const N: usize>(parts: [u64; N], wholes: [u64; N]) -> [(u64, u64); N] {
    std::array::from_fn(|at| (parts[at], wholes[at]))
}

/// The pair with the largest share of the first in the second; pairs of nothing do not count. Shares are compared exactly.
fn worst<const N: usize>(pairs: [(u64, u64); N]) -> (u64, u64) {
    let mut worst = (0, 0);
    for (part, whole) in pairs {
        let (part, whole) = (part.min(whole), whole);
        let is_worse = u128::from(part) * u128::from(worst.1) > u128::from(worst.0) * u128::from(whole);
        if whole > 0 && (worst.1 == 0 || is_worse) {
            worst = (part, whole);
        }
    }
    worst
}
