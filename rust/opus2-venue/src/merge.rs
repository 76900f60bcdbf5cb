//! Several sockets that bring the same messages, made into one stream in which every message stands once.
//!
//! # Procedure
//!
//! A connection is fed by one or more **legs**, sockets with the same subscriptions: two where redundancy is asked for,
//! and two for a while whenever an old socket is replaced. The venue numbers its messages; code elsewhere refers to
//! these steps.
//!
//! 1. A message whose number has been passed on already is a duplicate, whichever leg brings it.
//! 2. A message that continues the numbering is passed on.
//! 3. A message that skips numbers is held while another open leg may still bring what is missing: one that has not
//!    passed that place itself. It is let go when the missing messages have come, when no open leg can bring them any
//!    more, or after [`HOLD_NANOS_MAX`]; from then on the hole is the book's to notice.
//! 4. Numbers that rise without a chain (best quotes) can only be old or new: old ones are duplicates.
//! 5. A message that was cut off is put aside while another leg is open: its whole copy is still to come.

use std::collections::{HashMap, VecDeque};

use opus2_types::UnixNanos;

/// How long a message waits for what is missing before it. Two sockets of one venue differ by milliseconds.
pub const HOLD_NANOS_MAX: i64 = 500_000_000;
/// How many messages are held at most. The oldest go first.
pub const HELD_FRAMES_MAX: usize = 4_096;
/// How many bytes they may have together.
pub const HELD_BYTES_MAX: usize = 16 << 20;
/// Legs that may be open at a time: two of redundancy, each with its replacement.
pub const LEGS_MAX: usize = 4;
/// Kinds of numbered messages of an instrument: depth, trades, quotes.
pub const KINDS_MAX: usize = 3;

/// The place of a message in its venue's numbering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbered<'a> {
    /// It covers the numbers `first..=last`, and the next one of its kind begins at `last + 1`.
    Chained {
        /// The instrument, in either case.
        symbol: &'a str,
        /// Which of the instrument's numberings, below [`KINDS_MAX`].
        kind: usize,
        /// Its first number.
        first: u64,
        /// Its last number.
        last: u64,
    },
    /// Its number is above that of every earlier message of its kind, by any distance.
    Rising {
        /// The instrument, in either case.
        symbol: &'a str,
        /// Which of the instrument's numberings, below [`KINDS_MAX`].
        kind: usize,
        /// Its number.
        number: u64,
    },
    /// The venue will close this leg.
    Closing,
    /// It was cut off, or is no message at all.
    Broken,
    /// It has no number: answers, errors, messages of other kinds.
    Plain,
}

/// What to do with a message. Afterwards ask [`Merge::next_due`] for messages that waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Pass it on.
    Forward,
    /// It has been passed on before: forget it.
    Duplicate,
    /// A copy is kept: forget it.
    Held,
    /// It is broken, and its whole copy may still come: put it aside.
    Broken,
    /// The leg that brought it will close: replace it. Nothing to pass on.
    Closing,
}

/// What has been seen, over all legs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MergeCounts {
    /// Messages that a leg brought after another had.
    pub duplicates: u64,
    /// Messages held for what was missing before them.
    pub held: u64,
    /// Holes that another leg filled.
    pub filled: u64,
    /// Held messages let go with the hole still open.
    pub unfilled: u64,
}

/// One connection's legs. Pure: times are given, nothing is read.
///
/// ```
/// use opus2_types::UnixNanos;
/// use opus2_venue::merge::{Merge, Verdict};
///
/// let mut merge = Merge::new(opus2_venue::binance::numbering, ["BTCUSDT"]);
/// let (first, second) = (merge.open_leg().unwrap(), merge.open_leg().unwrap());
/// let trade = br#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1,"s":"BTCUSDT","t":7,"p":"1","q":"1"}}"#;
/// assert_eq!(merge.offer(UnixNanos(1), first, trade), Verdict::Forward);
/// assert_eq!(merge.offer(UnixNanos(2), second, trade), Verdict::Duplicate);
/// ```
#[derive(Debug)]
pub struct Merge {
    numbering: fn(&[u8]) -> Numbered<'_>,
    /// Upper-case symbol to index. Looked up, never iterated.
    by_symbol: HashMap<String, usize>,
    symbol: String,
    streams: Vec<Stream>,
    is_open: [bool; LEGS_MAX],
    held: VecDeque<Held>,
    held_bytes: usize,
    counts: MergeCounts,
}

/// One numbering of one instrument.
#[derive(Debug, Clone, Copy, Default)]
struct Stream {
    /// The last number passed on; zero before the first.
    last: u64,
    /// The last number each leg has brought; zero before its first.
    of_leg: [u64; LEGS_MAX],
    held: u32,
}

#[derive(Debug)]
struct Held {
    stream: usize,
    first: u64,
    last: u64,
    until: UnixNanos,
    bytes: Vec<u8>,
}

impl Merge {
    /// A connection of these symbols, without legs. `numbering` reads the place of a message in the venue's numbering.
    pub fn new<'a>(numbering: fn(&[u8]) -> Numbered<'_>, symbols: impl IntoIterator<Item = &'a str>) -> Self {
        let by_symbol: HashMap<String, usize> = symbols
            .into_iter()
            .enumerate()
            .map(|(index, symbol)| (symbol.to_ascii_uppercase(), index))
            .collect();
        Self {
            numbering,
            streams: vec![Stream::default(); by_symbol.len() * KINDS_MAX],
            by_symbol,
            symbol: String::new(),
            is_open: [false; LEGS_MAX],
            held: VecDeque::new(),
            held_bytes: 0,
            counts: MergeCounts::default(),
        }
    }

    /// A new leg's place; `None` when [`LEGS_MAX`] are open.
    pub fn open_leg(&mut self) -> Option<usize> {
        let leg = self.is_open.iter().position(|is_open| !is_open)?;
        self.is_open[leg] = true;
        for stream in &mut self.streams {
            stream.of_leg[leg] = 0;
        }
        Some(leg)
    }

    /// A leg has ended: nothing more will come from it. Messages that waited for it may be due.
    pub fn close_leg(&mut self, leg: usize) {
        if let Some(is_open) = self.is_open.get_mut(leg) {
            *is_open = false;
        }
    }

    /// How many legs are open.
    #[must_use]
    pub fn legs_open(&self) -> usize {
        self.is_open.iter().filter(|is_open| **is_open).count()
    }

    /// What has been seen.
    #[must_use]
    pub const fn counts(&self) -> MergeCounts {
        self.counts
    }

    /// How many messages are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// True when `leg` has brought something of every stream of which `than` ever has: its subscriptions are open, and
    /// the older leg may be closed. Streams that are quiet for hours never say so; a host waits only so long.
    #[must_use]
    pub fn has_taken_over(&self, leg: usize, than: usize) -> bool {
        leg < LEGS_MAX
            && than < LEGS_MAX
            && self.streams.iter().all(|stream| stream.of_leg[leg] > 0 || stream.of_leg[than] == 0)
    }

    /// Takes one message of a leg: steps 1 to 5.
    pub fn offer(&mut self, now: UnixNanos, leg: usize, frame: &[u8]) -> Verdict {
        let (symbol, kind, first, last, is_chained) = match (self.numbering)(frame) {
            Numbered::Chained { symbol, kind, first, last } => (symbol, kind, first, last, true),
            Numbered::Rising { symbol, kind, number } => (symbol, kind, number, number, false),
            Numbered::Closing => return Verdict::Closing,
            Numbered::Broken if self.legs_open() > 1 => return Verdict::Broken,
            Numbered::Broken | Numbered::Plain => return Verdict::Forward,
        };
        self.symbol.clear();
        self.symbol.push_str(symbol);
        self.symbol.make_ascii_uppercase();
        let Some(index) = self.by_symbol.get(&self.symbol) else { return Verdict::Forward };
        let index = index * KINDS_MAX + kind.min(KINDS_MAX - 1);
        let is_alone = self.legs_open() == 1;
        let stream = &mut self.streams[index];
        let Some(of_leg) = stream.of_leg.get_mut(leg) else { return Verdict::Forward };
        let is_repeated = last <= *of_leg;
        *of_leg = last.max(*of_leg);
        if last <= stream.last {
            if is_alone && is_repeated {
                return Verdict::Forward;
            }
            self.counts.duplicates += 1;
            return Verdict::Duplicate;
        }
        let has_hole = is_chained && stream.last > 0 && first > stream.last.saturating_add(1);
        // What is held is older and goes first, so this one queues behind it even when nobody can fill the hole.
        if has_hole && (self.streams[index].held > 0 || self.may_be_filled(index, first)) {
            self.hold(Held {
                stream: index,
                first,
                last,
                until: now.plus(HOLD_NANOS_MAX),
                bytes: frame.to_vec(),
            });
            return Verdict::Held;
        }
        self.streams[index].last = last;
        Verdict::Forward
    }

    /// Whether an open leg has not passed the hole that ends before `first`.
    fn may_be_filled(&self, stream: usize, first: u64) -> bool {
        let of_leg = &self.streams[stream].of_leg;
        self.is_open.iter().zip(of_leg).any(|(is_open, passed)| *is_open && *passed < first)
    }

    fn hold(&mut self, held: Held) {
        if self.held.iter().any(|other| other.stream == held.stream && other.last == held.last) {
            self.counts.duplicates += 1;
            return;
        }
        self.counts.held += 1;
        self.streams[held.stream].held += 1;
        self.held_bytes += held.bytes.len();
        // In order of their numbers within a stream; several legs may bring them out of it.
        let place = self
            .held
            .iter()
            .position(|other| other.stream == held.stream && other.first > held.first)
            .unwrap_or(self.held.len());
        self.held.insert(place, held);
    }

    /// The next held message that is to be passed on now, if there is one. Ask after every message, after
    /// [`close_leg`](Self::close_leg), and from time to time, until there is none; it costs nothing when none is held.
    pub fn next_due(&mut self, now: UnixNanos) -> Option<Vec<u8>> {
        while !self.held.is_empty() {
            let place = self.held.iter().position(|held| self.is_due(held, now)).or_else(|| {
                let is_full = self.held.len() > HELD_FRAMES_MAX || self.held_bytes > HELD_BYTES_MAX;
                is_full.then_some(0)
            })?;
            let held = self.held.remove(place)?;
            self.held_bytes -= held.bytes.len();
            let stream = &mut self.streams[held.stream];
            stream.held -= 1;
            if held.last <= stream.last {
                self.counts.duplicates += 1;
                continue;
            }
            if held.first <= stream.last.saturating_add(1) {
                self.counts.filled += 1;
            } else {
                self.counts.unfilled += 1;
            }
            stream.last = held.last;
            return Some(held.bytes);
        }
        None
    }

    fn is_due(&self, held: &Held, now: UnixNanos) -> bool {
        let stream = &self.streams[held.stream];
        held.first <= stream.last.saturating_add(1)
            || held.until <= now
            || !self.may_be_filled(held.stream, held.first)
    }
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
