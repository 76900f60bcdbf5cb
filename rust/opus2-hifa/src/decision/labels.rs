//! What was predicted and is not known yet.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::combine::{FEATURES_MAX, MoveClass};
use crate::Absent;
use crate::exact::to_f64;

/// How many predictions may wait for their labels.
pub const PENDING_MAX: usize = 65_536;

/// A prediction whose label can be known now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Due<'a> {
    /// When it was made, ns.
    pub at: i64,
    /// Twice the mid then, in price units.
    pub mid_doubled: i64,
    /// The features it was made of.
    pub x: &'a [f64],
    /// The probability that was stated.
    pub p: f64,
}

impl Due<'_> {
    /// What the mid did since, in basis points of the log return, against the threshold `c`.
    ///
    /// # Errors
    /// `BadNumber` when a mid is not positive or the threshold is not finite.
    pub fn class(&self, mid_doubled: i64, threshold_bps: f64) -> Result<MoveClass, Absent> {
        if self.mid_doubled <= 0 || mid_doubled <= 0 {
            return Err(Absent::BadNumber);
        }
        let ratio = to_f64(mid_doubled.into()) / to_f64(self.mid_doubled.into());
        MoveClass::of(ratio.ln() * 1e4, threshold_bps)
    }
}

/// Predictions in the order they were made, each held until its horizon has passed: a ring without allocation.
///
/// The label of a prediction made at `t` is the mid in force at `t + horizon`, which is known only when a *later* event
/// arrives. So at every event, before its own mid is applied, [`take_due`](Self::take_due) is called until it gives
/// nothing, and each is labelled with the mid in force until then. To learn earlier would be look-ahead.
///
/// A full queue passes a new prediction over and counts it: what waits is never thrown away for it.
///
/// # Source
/// Methods reference 6.2.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelQueue {
    width: usize,
    first: usize,
    len: usize,
    /// Time, twice the mid, probability.
    heads: Box<[(i64, i64, f64)]>,
    rows: Box<[f64]>,
    passed_over: u64,
}

impl LabelQueue {
    /// An empty queue of predictions of `width` features. `capacity` is at least 1 and at most [`PENDING_MAX`], the width
    /// at most [`FEATURES_MAX`] and one for the bias; what is outside counts as the nearer end.
    #[must_use]
    pub fn new(width: usize, capacity: usize) -> Self {
        let (width, capacity) = (width.min(FEATURES_MAX + 1), capacity.clamp(1, PENDING_MAX));
        Self {
            width,
            first: 0,
            len: 0,
            heads: vec![(0, 0, 0.0); capacity].into_boxed_slice(),
            rows: vec![0.0; capacity * width].into_boxed_slice(),
            passed_over: 0,
        }
    }

    /// Holds a prediction; false when it was passed over: the queue is full, the features are not as many as they should
    /// be, a number is not finite, or time went back.
    pub fn push(&mut self, at: i64, mid_doubled: i64, x: &[f64], p: f64) -> bool {
        let is_sound = x.len() == self.width
            && x.iter().chain([&p]).all(|value| value.is_finite())
            && self.newest().is_none_or(|newest| newest <= at);
        if !is_sound || self.len >= self.heads.len() {
            self.passed_over = self.passed_over.saturating_add(1);
            return false;
        }
        let slot = (self.first + self.len) % self.heads.len();
        self.heads[slot] = (at, mid_doubled, p);
        self.rows[slot * self.width..(slot + 1) * self.width].copy_from_slice(x);
        self.len += 1;
        true
    }

    fn newest(&self) -> Option<i64> {
        let back = self.len.checked_sub(1)?;
        Some(self.heads[(self.first + back) % self.heads.len()].0)
    }

    /// Takes the oldest prediction when its horizon ended before `now`.
    pub fn take_due(&mut self, now: i64, horizon_ns: i64) -> Option<Due<'_>> {
        let slot = self.first;
        let (at, mid_doubled, p) = *self.heads.get(slot).filter(|_| self.len > 0)?;
        if at.saturating_add(horizon_ns.max(0)) >= now {
            return None;
        }
        self.first = (self.first + 1) % self.heads.len();
        self.len -= 1;
        Some(Due { at, mid_doubled, x: &self.rows[slot * self.width..(slot + 1) * self.width], p })
    }

    /// Data was lost: what waits can never be labelled, and goes.
    pub fn reset_reference(&mut self) {
        self.passed_over = self.passed_over.saturating_add(u64::try_from(self.len).unwrap_or(u64::MAX));
        (self.first, self.len) = (0, 0);
    }

    /// How many wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// True when none waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many predictions were never labelled: passed over, or lost in a gap.
    #[must_use]
    pub const fn passed_over(&self) -> u64 {
        self.passed_over
    }
}

/// What is saved: what waits, oldest first. Equal queues give equal bytes, wherever their rings begin.
#[derive(Serialize, Deserialize)]
struct Saved {
    width: u32,
    capacity: u32,
    passed_over: u64,
    waiting: Vec<(i64, i64, f64, Vec<f64>)>,
}

impl Serialize for LabelQueue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let narrow = |value: usize| u32::try_from(value).expect("both are bounded at construction");
        let waiting = (0..self.len).map(|age| {
            let slot = (self.first + age) % self.heads.len();
            let (at, mid_doubled, p) = self.heads[slot];
            (at, mid_doubled, p, self.rows[slot * self.width..(slot + 1) * self.width].to_vec())
        });
        let saved = Saved {
            width: narrow(self.width),
            capacity: narrow(self.heads.len()),
            passed_over: self.passed_over,
            waiting: waiting.collect(),
        };
        saved.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for LabelQueue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = Saved::deserialize(deserializer)?;
        let wide = |value: u32| usize::try_from(value).map_err(D::Error::custom);
        let (width, capacity) = (wide(saved.width)?, wide(saved.capacity)?);
        if width > FEATURES_MAX + 1 || !(1..=PENDING_MAX).contains(&capacity) {
            return Err(D::Error::custom("a queue of labels out of bounds"));
        }
        let mut queue = Self::new(width, capacity);
        for (at, mid_doubled, p, x) in saved.waiting {
            if !queue.push(at, mid_doubled, &x, p) {
                return Err(D::Error::custom("a prediction that no queue of labels can hold"));
            }
        }
        queue.passed_over = saved.passed_over;
        Ok(queue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(queue: &mut LabelQueue, now: i64, expect: &[i64]) {
        let mut found = Vec::new();
        while let Some(due) = queue.take_due(now, 10) {
            assert_eq!(due.x, [f64::from(i32::try_from(due.at).unwrap())]);
            found.push(due.at);
        }
        assert_eq!(found, expect);
    }

    fn push(queue: &mut LabelQueue, at: i32) -> bool {
        queue.push(at.into(), 200, &[f64::from(at)], 0.5)
    }

    #[test]
    fn a_label_is_known_only_after_its_horizon() {
        let mut queue = LabelQueue::new(1, 3);
        for at in [1, 2, 3] {
            assert!(push(&mut queue, at));
        }
        check(&mut queue, 11, &[]);
        check(&mut queue, 12, &[1]);
        assert!(push(&mut queue, 4));
        check(&mut queue, 100, &[2, 3, 4]);
        check(&mut queue, i64::MAX, &[]);
    }

    #[test]
    fn a_full_queue_keeps_what_waits() {
        let mut queue = LabelQueue::new(1, 2);
        assert!(push(&mut queue, 1) && push(&mut queue, 2) && !push(&mut queue, 3));
        assert_eq!((queue.len(), queue.passed_over()), (2, 1));
        queue.reset_reference();
        assert_eq!((queue.is_empty(), queue.passed_over()), (true, 3));
        assert!(!queue.push(1, 200, &[f64::NAN], 0.5) && !queue.push(1, 200, &[], 0.5));
    }

    #[test]
    fn a_move_is_classed_by_its_log_return() {
        let due = Due { at: 0, mid_doubled: 20_000, x: &[], p: 0.5 };
        assert_eq!(due.class(20_003, 1.0), Ok(MoveClass::Up));
        assert_eq!(due.class(20_001, 1.0), Ok(MoveClass::Flat));
        assert_eq!(due.class(19_997, 1.0), Ok(MoveClass::Down));
        assert_eq!(due.class(0, 1.0), Err(Absent::BadNumber));
    }

    #[test]
    fn equal_queues_give_equal_bytes() {
        let mut turned = LabelQueue::new(1, 3);
        for at in [1, 2] {
            assert!(push(&mut turned, at));
        }
        check(&mut turned, 13, &[1, 2]);
        assert!(push(&mut turned, 5));
        let mut fresh = LabelQueue::new(1, 3);
        assert!(push(&mut fresh, 5));
        let text = serde_json::to_string(&turned).unwrap();
        assert_eq!(text, serde_json::to_string(&fresh).unwrap());
        assert_eq!(serde_json::from_str::<LabelQueue>(&text).unwrap(), fresh);
        for wrong in [text.replace("\"capacity\":3", "\"capacity\":0"), text.replace("[5.0]", "[5.0,1.0]")] {
            assert!(serde_json::from_str::<LabelQueue>(&wrong).is_err(), "{wrong}");
        }
    }
}
