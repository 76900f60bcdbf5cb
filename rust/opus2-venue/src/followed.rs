//! What every session does with one of its instruments, whatever the venue.

use opus2_types::{BookState, Channel, InstrumentSpec, UnixNanos};

use crate::session::{Action, Note, ResyncReason, resync_reason};
use crate::{Applied, Feed, What};

/// An instrument of a session: its feed, and the running number of the records published of it.
///
/// Each method does one thing to the feed and appends what the host must do and may count, the book's change of state
/// included.
#[derive(Debug)]
pub(crate) struct Followed {
    pub(crate) feed: Feed,
    number: u64,
}

impl Followed {
    pub(crate) fn new(spec: InstrumentSpec) -> Self {
        Self { feed: Feed::new(spec), number: 0 }
    }

    /// The connection is up: the instrument's first record says how it counts.
    pub(crate) fn connect(&mut self, index: usize, actions: &mut Vec<Action>) {
        let from = self.feed.state();
        self.feed.connected();
        let number = self.next_number();
        actions.push(Action::PublishSpec { instrument: index, number });
        self.note_state(index, from, actions);
    }

    /// The connection is gone.
    pub(crate) fn disconnect(&mut self, index: usize, actions: &mut Vec<Action>) {
        let from = self.feed.state();
        self.feed.disconnected();
        self.note_state(index, from, actions);
    }

    /// Publishes the input's bytes and follows them.
    pub(crate) fn publish(
        &mut self,
        now: UnixNanos,
        index: usize,
        channel: Channel,
        bytes: &[u8],
        actions: &mut Vec<Action>,
    ) -> Applied {
        let number = self.next_number();
        actions.push(Action::Publish { instrument: index, channel, number });
        let applied = self.feed.apply(channel, bytes, now);
        if let What::Rejected(reject) = applied.what {
            actions.push(Action::Note(Note::Rejected { instrument: index, reject }));
        }
        if let Some(reason) = resync_reason(&applied) {
            actions.push(Action::Note(Note::Resync { instrument: index, reason }));
        }
        self.note_state(index, applied.before, actions);
        applied
    }

    /// A record of it did not reach the broker: its number is missing there, and the book downstream is lost as well.
    /// Whichever record that was, it may have been the one that says how the instrument counts: said again.
    pub(crate) fn lose_record(&mut self, index: usize, actions: &mut Vec<Action>) {
        let from = self.feed.state();
        self.feed.lost();
        let number = self.next_number();
        actions.push(Action::PublishSpec { instrument: index, number });
        actions.push(Action::Note(Note::Resync { instrument: index, reason: ResyncReason::Lost }));
        self.note_state(index, from, actions);
    }

    /// The book is lost for a reason that no message shows. A number that is left out tells it downstream.
    pub(crate) fn give_up(&mut self, index: usize, reason: ResyncReason, actions: &mut Vec<Action>) {
        self.next_number();
        let from = self.feed.state();
        self.feed.lost();
        actions.push(Action::Note(Note::Resync { instrument: index, reason }));
        self.note_state(index, from, actions);
    }

    /// It counts otherwise from now on: its book begins anew, and its next record says how it counts.
    pub(crate) fn respecify(&mut self, index: usize, spec: &InstrumentSpec, actions: &mut Vec<Action>) {
        let from = self.feed.state();
        self.feed = Feed::new(spec.clone());
        self.feed.connected();
        let number = self.next_number();
        actions.push(Action::PublishSpec { instrument: index, number });
        self.note_state(index, from, actions);
    }

    fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn note_state(&self, instrument: usize, from: BookState, actions: &mut Vec<Action>) {
        let to = self.feed.state();
        if from != to {
            actions.push(Action::Note(Note::State { instrument, from, to }));
        }
    }
}
