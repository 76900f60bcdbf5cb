//! What stage 1 tells the stages after it.

use opus2_types::{BookState, Level};
use serde::{Deserialize, Serialize};

use super::{AbsorbedFlow, DETECTIONS_MAX, Detection, Features, InstrumentState};
use crate::Absent;
use crate::detector::DetectorEvent;

/// The most episodes that one reading tells of; more wait for the next.
pub const READING_EVENTS_MAX: usize = 4;

/// What stands in a [`Reading`] first: the quote in force, and how far it may be believed. The stages that need no more
/// read no more of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadingHead {
    /// Best bid in force, in the event's scales.
    pub bid: Option<Level>,
    /// Best ask in force, in the event's scales.
    pub ask: Option<Level>,
    /// Twice the mid in force, in `Price` units; `None` when crossed, one-sided or unknown.
    pub mid_doubled: Option<i64>,
    /// The book's state.
    pub book_state: BookState,
    /// The feed is not to be believed.
    pub is_fenced: bool,
    /// Data was lost before this event: nothing may be differenced across it.
    pub is_reset: bool,
}

/// Everything that stage 1 knows of one instrument at one of its events.
///
/// There is one for every event that `normalize` passes on, trades and changes of state too; the event itself comes with
/// it. Features of an instrument behind a fence are not measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// What stands first; a reader of the head alone stops after it.
    pub head: ReadingHead,
    /// The features; `None` behind a fence, and at events that publish none (trades, states, scores, positions).
    pub features: Option<Features>,
    /// What was detected at this event.
    pub detections: [Option<Detection>; DETECTIONS_MAX],
    /// Episodes that began or ended since the last reading.
    pub events: [Option<DetectorEvent>; READING_EVENTS_MAX],
    /// The newest window's aggressive volume, when it is among the largest tenth; why there is none otherwise. The window
    /// is of 5 s: one volume is in many readings.
    pub absorbed: Result<AbsorbedFlow, Absent>,
}

impl Reading {
    /// What is known now, once for every event; `features` are those published at the event, if it publishes any. The
    /// episodes that it tells of are told.
    #[must_use]
    pub fn new(
        state: &mut InstrumentState,
        features: Option<Features>,
        detections: impl Iterator<Item = Detection>,
        is_reset: bool,
    ) -> Self {
        let mut found = [None; DETECTIONS_MAX];
        for (slot, detection) in found.iter_mut().zip(detections) {
            *slot = Some(detection);
        }
        Self {
            head: ReadingHead {
                bid: state.best().bid(),
                ask: state.best().ask(),
                mid_doubled: state.mid_doubled(),
                book_state: state.book_state(),
                is_fenced: state.is_fenced(),
                is_reset,
            },
            features,
            detections: found,
            events: state.episodes.tell(),
            absorbed: state.episodes.absorbed(state.units()),
        }
    }
}
