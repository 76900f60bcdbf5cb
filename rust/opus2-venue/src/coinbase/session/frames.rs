//! What a session does with a frame, and with the body of a REST book.

use opus2_types::{BookState, Channel, QualityFlags, UnixNanos};

use super::{HEARTBEAT_NANOS_MAX, Session, Step};
use crate::coinbase::message::{Control, Frame, Kind, classify};
use crate::coinbase::subscribe::{BookChannel, Topic};
use crate::coinbase::{AdvancedFrame, AdvancedKind, classify_advanced};
use crate::session::{Action, CloseReason, DeadLetter, Note};
use crate::{Applied, What};

impl Session {
    pub(super) fn take_frame(&mut self, now: UnixNanos, frame: &[u8], actions: &mut Vec<Action>) {
        self.heard_at = now;
        if self.is_advanced() {
            self.take_advanced(now, frame, actions);
        } else {
            self.take_exchange(now, frame, actions);
        }
    }

    fn take_exchange(&mut self, now: UnixNanos, frame: &[u8], actions: &mut Vec<Action>) {
        match classify(frame) {
            Ok(Frame::Instrument { symbol, kind }) => match self.by_symbol.get(symbol).copied() {
                Some(index) => {
                    self.first_frame_at.get_or_insert(now);
                    if kind == Kind::Heartbeat {
                        self.instruments[index].heartbeat_due = Some(now.plus(HEARTBEAT_NANOS_MAX));
                    }
                    let channel = match (kind, self.channel) {
                        // Beside the arrays of orders, matches are no part of their numbered stream.
                        (Kind::Match, BookChannel::Orders) => Channel::Trade,
                        _ => kind.channel(self.channel.feed()),
                    };
                    self.publish(now, index, channel, frame, actions);
                }
                None => actions.push(Action::DeadLetter(DeadLetter::UnknownSymbol)),
            },
            // Every reader of every instrument needs it to read what follows.
            Ok(Frame::Schema) => {
                for index in 0..self.instruments.len() {
                    self.publish(now, index, Channel::Other, frame, actions);
                }
            }
            Ok(Frame::Control(Control::Subscriptions)) => self.take_subscriptions(now, actions),
            Ok(Frame::Control(Control::Error { message, reason })) => {
                self.take_error(now, &format!("{message}: {reason}"), actions);
            }
            Ok(Frame::Control(Control::Other)) => {}
            Err(reject) => actions.push(Action::DeadLetter(DeadLetter::Unreadable(reject))),
        }
    }

    fn take_advanced(&mut self, now: UnixNanos, frame: &[u8], actions: &mut Vec<Action>) {
        let Self { by_symbol, touched, .. } = self;
        touched.clear();
        let mut has_unknown = false;
        let classified = classify_advanced(frame, |symbol| match by_symbol.get(symbol) {
            Some(index) if !touched.contains(index) => touched.push(*index),
            Some(_) => {}
            None => has_unknown = true,
        });
        match classified {
            Ok(AdvancedFrame::Message { sequence, kind }) => {
                // Before anything else: after a hole nobody can say whose message is missing.
                if self.next_sequence.is_some_and(|next| next != sequence) {
                    return self.close(CloseReason::Gap, actions);
                }
                self.next_sequence = sequence.checked_add(1);
                match kind {
                    AdvancedKind::Heartbeats => self.heartbeat_due = now.plus(HEARTBEAT_NANOS_MAX),
                    AdvancedKind::Subscriptions => self.take_subscriptions(now, actions),
                    _ => {}
                }
                if self.touched.is_empty() && has_unknown {
                    return actions.push(Action::DeadLetter(DeadLetter::UnknownSymbol));
                }
                for at in 0..self.touched.len() {
                    self.first_frame_at.get_or_insert(now);
                    self.publish(now, self.touched[at], kind.channel(), frame, actions);
                }
            }
            Ok(AdvancedFrame::Error { message }) => self.take_error(now, message, actions),
            Err(reject) => actions.push(Action::DeadLetter(DeadLetter::Unreadable(reject))),
        }
    }

    fn publish(
        &mut self,
        now: UnixNanos,
        index: usize,
        channel: Channel,
        bytes: &[u8],
        actions: &mut Vec<Action>,
    ) {
        let of = &mut self.instruments[index];
        let applied = of.followed.publish(now, index, channel, bytes, actions);
        if self.has_orders() {
            if channel == Channel::Depth {
                self.instruments[index].snapshot.stream_has_begun();
            }
            self.plan_snapshot(now, index, actions);
        } else if is_loss(&applied, channel) {
            self.lose(now, index, actions);
        } else if applied.flags.contains(QualityFlags::SNAPSHOT) {
            self.instruments[index].plan.arrived(now);
        }
    }

    pub(super) fn take_body(&mut self, now: UnixNanos, index: usize, body: &[u8], actions: &mut Vec<Action>) {
        let Some(of) = self.instruments.get_mut(index) else { return };
        of.snapshot.answered(now);
        self.publish(now, index, Channel::Snapshot, body, actions);
    }

    /// The venue does in order what it is asked: who was leaving has left.
    fn take_subscriptions(&mut self, now: UnixNanos, actions: &mut Vec<Action>) {
        for index in 0..self.instruments.len() {
            if self.instruments[index].plan.left() {
                self.queue_book(index, Step::Subscribe);
            }
        }
        self.send_next(now, actions);
    }

    /// An error that names instruments of ours is about them: one wrong name must not cost all others their books.
    fn take_error(&mut self, now: UnixNanos, words: &str, actions: &mut Vec<Action>) {
        actions.push(Action::Note(Note::VenueError { code: 0, message: words.to_owned() }));
        let names = words.split(|letter: char| !(letter.is_alphanumeric() || letter == '-'));
        let mut refused: Vec<usize> = names.filter_map(|name| self.by_symbol.get(name).copied()).collect();
        refused.sort_unstable();
        refused.dedup();
        if refused.is_empty() || refused.len() == self.by_symbol.len() {
            return self.close(CloseReason::Refused, actions);
        }
        for index in &refused {
            let of = &mut self.instruments[*index];
            of.is_refused = true;
            self.by_symbol.remove(&of.followed.feed.spec().symbol);
            let retry_nanos = self.age_left(now);
            actions.push(Action::Note(Note::Quarantined { instrument: *index, retry_nanos }));
        }
        for request in &mut self.to_send {
            request.instruments.retain(|index| !refused.contains(index));
        }
        self.to_send.retain(|request| request.topic == Topic::Heartbeats || !request.instruments.is_empty());
        // The venue refuses a message as a whole: its other products are asked for again.
        let is_queued =
            |index: usize| self.to_send.iter().any(|request| request.instruments.contains(&index));
        let again = (0..self.instruments.len()).filter(|index| {
            let of = &self.instruments[*index];
            !of.is_refused && of.followed.feed.state() == BookState::Syncing && !is_queued(*index)
        });
        let again: Vec<usize> = again.collect();
        self.ask_for(&again);
    }
}

/// True when the book is lost, or a snapshot was of no use.
fn is_loss(applied: &Applied, channel: Channel) -> bool {
    let is_new_loss = applied.state == BookState::Gap && applied.before != BookState::Gap;
    let is_book = matches!(channel, Channel::Depth | Channel::Snapshot);
    let is_useless = is_book
        && matches!(applied.what, What::Rejected(_))
        && matches!(applied.state, BookState::Syncing | BookState::Gap);
    is_new_loss || is_useless
}
