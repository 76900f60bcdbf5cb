//! What a session does with a frame.

use opus2_types::{BookState, Channel, InstrumentSpec, UnixNanos};

use super::{EXTRA_PAUSE_NANOS, EXTRA_TRIES_MAX, Extra, Session};
use crate::kraken::asset_pairs::read_pairs;
use crate::kraken::message::{Ack, Control, Frame, classify};
use crate::kraken::subscribe::{Request, Topic};
use crate::resubscription::{Loss, QUARANTINE_NANOS, Step};
use crate::session::{Action, DeadLetter, Note, ResyncReason};
use crate::{Applied, Reject, What};

impl Session {
    pub(super) fn take_frame(&mut self, now: UnixNanos, frame: &[u8], actions: &mut Vec<Action>) {
        self.hear(now);
        match classify(frame) {
            Ok(Frame::Instrument { symbol, channel, .. }) => match self.by_symbol.get(symbol).copied() {
                Some(instrument) => {
                    self.first_frame_at.get_or_insert(now);
                    self.publish(now, instrument, channel, frame, actions);
                }
                None => actions.push(Action::DeadLetter(DeadLetter::UnknownSymbol)),
            },
            Ok(Frame::Pairs) => self.take_pairs(now, frame, actions),
            Ok(Frame::Control(Control::Ack(ack))) => self.take_ack(now, ack, actions),
            // Books of a halted engine stand still; what changes when it starts again is found by the checksums.
            Ok(Frame::Control(Control::Status { system })) if system != "online" => {
                note_words(format!("the trading system is in state {system:?}"), actions);
            }
            Ok(Frame::Control(Control::Error { message })) => note_words(message.to_owned(), actions),
            Ok(Frame::Control(Control::Status { .. } | Control::Heartbeat | Control::Pong)) => {}
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
        if is_loss(&applied, channel) {
            self.lose(now, index, actions);
        } else if channel == Channel::Snapshot {
            of.plan.arrived(now);
        }
    }

    /// The book is lost: subscribe to it anew.
    pub(super) fn lose(&mut self, now: UnixNanos, index: usize, actions: &mut Vec<Action>) {
        if self.instruments[index].plan.lost(now) == Loss::Quarantined {
            let note = Note::Quarantined { instrument: index, retry_nanos: QUARANTINE_NANOS };
            actions.push(Action::Note(note));
        }
    }

    fn take_pairs(&mut self, now: UnixNanos, frame: &[u8], actions: &mut Vec<Action>) {
        let Ok(listing) = read_pairs(frame, self.feed) else {
            let reject = Reject::MissingField { field: "data.pairs" };
            return actions.push(Action::DeadLetter(DeadLetter::Unreadable(reject)));
        };
        for listed in listing.instruments {
            let theirs = listed.spec;
            let Some(index) = self.by_symbol.get(&theirs.symbol).copied() else { continue };
            let ours = self.instruments[index].followed.feed.spec();
            let counting = |spec: &InstrumentSpec| (spec.price_scale, spec.qty_scale, spec.tick, spec.lot);
            if counting(ours) != counting(&theirs) {
                // The assets keep the names under which the host grouped them.
                let (base, quote) = (ours.base.clone(), ours.quote.clone());
                self.respecify(now, index, &InstrumentSpec { base, quote, ..theirs }, actions);
            }
        }
        self.begin(now);
    }

    /// The instrument counts otherwise from now on: its book begins anew.
    pub(super) fn respecify(
        &mut self,
        now: UnixNanos,
        index: usize,
        spec: &InstrumentSpec,
        actions: &mut Vec<Action>,
    ) {
        let Some(of) = self.instruments.get_mut(index) else { return };
        of.followed.respecify(index, spec, actions);
        if of.plan.refresh(now) {
            let reason = ResyncReason::Refresh;
            actions.push(Action::Note(Note::Resync { instrument: index, reason }));
        }
    }

    fn take_ack(&mut self, now: UnixNanos, ack: Ack<'_>, actions: &mut Vec<Action>) {
        self.has_ack |= ack.is_success;
        if let Some(error) = ack.error {
            note_words(format!("{error} ({})", ack.symbol.unwrap_or("no symbol given")), actions);
        }
        let instrument = ack.symbol.map(|symbol| self.by_symbol.get(symbol).copied());
        // `Some(None)` is a symbol that is not ours.
        let (Some(id), None | Some(Some(_))) = (ack.request, instrument) else { return };
        let Some(request) = self.open.answered(id, instrument.flatten()) else { return };
        match (request.topic, request.is_subscribe, ack.is_success) {
            (Topic::Book, true, false) => {
                for index in request.instruments {
                    self.lose(now, index, actions);
                }
            }
            // Refused means that there was nothing to leave.
            (Topic::Book, false, _) => {
                for index in request.instruments {
                    if self.instruments[index].plan.left() {
                        self.queue_book(index, Step::Subscribe);
                    }
                }
            }
            (Topic::Pairs, true, false) => self.begin(now),
            (Topic::Trades | Topic::Quotes, true, is_success) => self.take_extra(now, &request, is_success),
            _ => {}
        }
        self.send_next(now, actions);
    }

    /// Notes which subscriptions to trades and quotes are to be tried again.
    fn take_extra(&mut self, now: UnixNanos, request: &Request, is_success: bool) {
        for index in &request.instruments {
            let is_it = |extra: &Extra| extra.topic == request.topic && extra.instrument == *index;
            if is_success {
                self.extras.retain(|extra| !is_it(extra));
                continue;
            }
            let at = now.plus(EXTRA_PAUSE_NANOS);
            match self.extras.iter_mut().find(|extra| is_it(extra)) {
                Some(extra) if extra.tries >= EXTRA_TRIES_MAX => {}
                Some(extra) => (extra.at, extra.tries) = (at, extra.tries + 1),
                None => {
                    self.extras.push(Extra { topic: request.topic, instrument: *index, at, tries: 1 });
                }
            }
        }
    }
}

/// Whether a message has cost the book, or failed to bring it back.
fn is_loss(applied: &Applied, channel: Channel) -> bool {
    let is_bad_snapshot = channel == Channel::Snapshot && matches!(applied.what, What::Rejected(_));
    applied.state == BookState::Gap && (applied.before != BookState::Gap || is_bad_snapshot)
}

fn note_words(message: String, actions: &mut Vec<Action>) {
    actions.push(Action::Note(Note::VenueError { code: 0, message }));
}
