//! Sums over the last seconds: a ring of bins and a running total.

use std::ops::{AddAssign, SubAssign};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::exact::{MILLI, bin_index, slot};

/// A window's length and the width of its bins, ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSpan {
    /// Length.
    pub window_ms: u32,
    /// Width of a bin; divides the length.
    pub bin_ms: u32,
}

impl WindowSpan {
    /// The length in nanoseconds.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.window_ms as i64 * MILLI
    }

    const fn bin_nanos(self) -> i64 {
        self.bin_ms as i64 * MILLI
    }

    const fn bins(self) -> usize {
        (self.window_ms / self.bin_ms) as usize
    }
}

/// The standard windows of 1, 5 and 15 s, in bins of 10, 50 and 100 ms. Methods reference, section 12.
pub const WINDOWS: [WindowSpan; 3] = [
    WindowSpan { window_ms: 1_000, bin_ms: 10 },
    WindowSpan { window_ms: 5_000, bin_ms: 50 },
    WindowSpan { window_ms: 15_000, bin_ms: 100 },
];

/// What can be summed over a window: integers, so that what was added can be taken away again exactly.
pub trait Summand: Copy + Default + PartialEq + AddAssign + SubAssign {
    /// True when sums of such values stay far from overflow. Asked of loaded state only.
    fn is_plausible(&self) -> bool;
}

/// The sum of what was added during `(now - window, now]`.
///
/// Time is cut into bins `(k - 1, k] * bin` that are aligned to the epoch, and whole bins expire: the sum covers the
/// bin of `now` and those before it that fill up the window, so its true span is shorter than the window by less than
/// one bin, and equal to it when `now` is a multiple of the bin. Adding and expiring cost O(1) a bin.
#[derive(Debug, Clone, PartialEq)]
pub struct BinWindow<T> {
    span: WindowSpan,
    /// Index of the newest bin; `None` before the first.
    head: Option<i64>,
    bins: Box<[T]>,
    total: T,
}

impl<T: Summand> BinWindow<T> {
    /// An empty window.
    #[must_use]
    pub fn new(span: WindowSpan) -> Self {
        let bins = vec![T::default(); span.bins()].into_boxed_slice();
        Self { span, head: None, bins, total: T::default() }
    }

    /// The window's length and bins.
    #[must_use]
    pub const fn span(&self) -> WindowSpan {
        self.span
    }

    /// Adds `value` at `now`. A time before the newest bin counts as the newest bin.
    pub fn add(&mut self, now: i64, value: T) {
        self.advance(now);
        if let Some(head) = self.head {
            self.bins[slot(head, self.bins.len())] += value;
            self.total += value;
        }
    }

    /// Lets expire what is too old at `now`: a later [`sum`](Self::sum) has less to do. Nothing before the first value.
    pub fn expire(&mut self, now: i64) {
        if self.head.is_some() {
            self.advance(now);
        }
    }

    fn advance(&mut self, now: i64) {
        let index = bin_index(now, self.span.bin_nanos());
        let first = match self.head {
            Some(head) if index <= head => return,
            Some(head) => (head + 1).max(index.saturating_sub(self.len_i64() - 1)),
            None => index,
        };
        for expired in first..=index {
            let bin = &mut self.bins[slot(expired, self.span.bins())];
            self.total -= *bin;
            *bin = T::default();
        }
        self.head = Some(index);
    }

    /// The sum at `now`, without changing anything. A time before the newest bin counts as the newest bin.
    #[must_use]
    pub fn sum(&self, now: i64) -> T {
        let Some(head) = self.head else { return T::default() };
        let expired = bin_index(now, self.span.bin_nanos()).saturating_sub(head);
        if expired >= self.len_i64() {
            return T::default();
        }
        let mut total = self.total;
        for index in head + 1..=head + expired {
            total -= self.bins[slot(index, self.bins.len())];
        }
        total
    }

    fn len_i64(&self) -> i64 {
        i64::from(self.span.window_ms / self.span.bin_ms)
    }
}

/// What is saved: the bins that hold something, by age. Equal windows give equal bytes, wherever their rings begin.
#[derive(Serialize, Deserialize)]
struct Saved<T> {
    window_ms: u32,
    head: Option<i64>,
    bins: Vec<(u16, T)>,
}

impl<T: Summand + Serialize> Serialize for BinWindow<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bins = Vec::new();
        if let Some(head) = self.head {
            for (age, index) in (0u16..).zip((head - self.len_i64() + 1..=head).rev()) {
                let bin = self.bins[slot(index, self.bins.len())];
                if bin != T::default() {
                    bins.push((age, bin));
                }
            }
        }
        Saved { window_ms: self.span.window_ms, head: self.head, bins }.serialize(serializer)
    }
}

impl<'de, T: Summand + Deserialize<'de>> Deserialize<'de> for BinWindow<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = |what| serde::de::Error::custom(what);
        let saved = Saved::<T>::deserialize(deserializer)?;
        let span = WINDOWS
            .into_iter()
            .find(|span| span.window_ms == saved.window_ms)
            .ok_or_else(|| wrong("a window of another length"))?;
        // No time in nanoseconds has a bin beyond this.
        if saved.head.is_some_and(|head| head.unsigned_abs() > i64::MAX.unsigned_abs() / 1_000) {
            return Err(wrong("a window of no time"));
        }
        let mut window = Self::new(span);
        window.head = saved.head;
        for (age, value) in saved.bins {
            let Some(head) = saved.head else { return Err(wrong("bins of a window without time")) };
            if usize::from(age) >= span.bins() || !value.is_plausible() {
                return Err(wrong("a bin that no window can have"));
            }
            window.bins[slot(head - i64::from(age), span.bins())] = value;
        }
        for bin in &window.bins {
            window.total += *bin;
        }
        Ok(window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, Default, PartialEq)]
    struct One(i64);

    impl AddAssign for One {
        fn add_assign(&mut self, other: Self) {
            self.0 += other.0;
        }
    }

    impl SubAssign for One {
        fn sub_assign(&mut self, other: Self) {
            self.0 -= other.0;
        }
    }

    impl Summand for One {
        fn is_plausible(&self) -> bool {
            true
        }
    }

    #[track_caller]
    fn check(adds_ms: &[i64], now_ms: i64, expect: i64) {
        let mut window = BinWindow::new(WINDOWS[0]);
        for at in adds_ms {
            window.add(at * MILLI, One(1));
        }
        assert_eq!(window.sum(now_ms * MILLI), One(expect), "looked at");
        window.advance(now_ms * MILLI);
        assert_eq!(window.sum(now_ms * MILLI), One(expect), "advanced");
        assert_eq!(window.total, One(expect), "total");
    }

    #[test]
    fn a_window_is_open_on_the_left_and_closed_on_the_right() {
        check(&[], 5, 0);
        check(&[0, 10, 20, 1_000], 1_000, 3);
        check(&[0, 10, 20, 1_000], 1_010, 2);
        check(&[1, 1_000], 1_000, 2);
        check(&[5], 1_000_000_000, 0);
        check(&[5, 2_000], 2_000, 1);
        check(&[500, 400], 1_490, 2);
    }
}
