//! What a session wants done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opus2_types::{BookState, Channel};
use opus2_venue::Feed;
use opus2_venue::session::{Action, DeadLetter, Note, Request, SignedRequest, SnapshotPurpose};
use opus2_wire::raw::RawRecord;
use opus2_wire::spec::encode_spec;
use opus2_wire::view::dead_letter::{self, excerpt, write_dead_letter};

use super::{CUT_OFF, Connection, End};
use crate::access::{Answer, stopped};
use crate::clock::Stamp;
use crate::metrics::Loss;
use crate::publisher::PublishError;
use crate::snapshots::SnapshotRequest;
use crate::weight::Purpose;

const FULL_PAUSE: Duration = Duration::from_millis(5);

impl Connection<'_> {
    pub(super) async fn act(&mut self, action: Action, bytes: &[u8], read_at: Instant) -> Result<(), End> {
        match action {
            Action::Publish { instrument, .. } | Action::PublishSpec { instrument, .. }
                if self.members.is_retired(instrument) =>
            {
                Ok(())
            }
            Action::PublishSpec { instrument, number } => {
                let route = self.members.route(instrument);
                let spec = self.session.feed(instrument).map_or(&route.spec, Feed::spec);
                let text = encode_spec(spec);
                self.publish(instrument, Channel::Instrument, number, text.as_bytes(), read_at).await
            }
            Action::Publish { instrument, channel, number } => {
                self.data_at = self.now;
                self.sample_latency(instrument, channel);
                self.shared.metrics.frames_received.add_one(channel);
                self.publish(instrument, channel, number, bytes, read_at).await
            }
            Action::DeadLetter(letter) => self.put_aside(letter, bytes, read_at).await,
            Action::Send(text) => self.send(text).await,
            Action::Fetch { instrument, request, purpose } => {
                self.ask(instrument, request, purpose);
                Ok(())
            }
            Action::FetchToken(request) => {
                self.ask_token(request);
                Ok(())
            }
            Action::Close(reason) => Err(End::Session(reason)),
            Action::Note(note) => {
                self.note(note);
                Ok(())
            }
        }
    }

    /// Where every socket has its own subscriptions, they are sent by the socket; else the session has them sent.
    async fn send(&mut self, text: String) -> Result<(), End> {
        if self.merge.is_some() {
            return Ok(());
        }
        match self.legs.get_mut(0) {
            Some(leg) => leg.send(text, self.shared.settings.connect_max).await,
            None => Err(End::Io),
        }
    }

    async fn publish(
        &self,
        instrument: usize,
        channel: Channel,
        number: u64,
        value: &[u8],
        read_at: Instant,
    ) -> Result<(), End> {
        let route = self.members.route(instrument);
        let record = RawRecord {
            symbol: &route.spec.symbol,
            venue: self.shared.config.venue,
            channel,
            market: &route.market,
            conn: self.conn,
            number,
            recv_ts: self.now,
            value,
        };
        let of = (&self.losses, instrument);
        let attempt = || self.shared.publisher.try_publish(self.shared.topic, route, &record, read_at, of);
        match self.when_there_is_room(attempt, &route.key).await? {
            Ok(()) => {}
            // The number is now missing on the topic: the book downstream resyncs, and so does ours.
            Err(loss) => {
                self.losses.mark(instrument);
                self.shared.metrics.lose(loss, &route.key);
            }
        }
        Ok(())
    }

    /// A message that was cut off on one socket, and whose whole copy another will bring.
    pub(super) async fn put_broken_aside(&mut self, bytes: &[u8], stamp: Stamp) -> Result<(), End> {
        self.put_aside(DeadLetter::Unreadable(CUT_OFF), bytes, stamp.instant).await
    }

    async fn put_aside(&mut self, letter: DeadLetter, bytes: &[u8], read_at: Instant) -> Result<(), End> {
        self.letters += 1;
        let id = format!("{}::{}:letter-{}", self.shared.config.venue, self.conn, self.letters);
        self.shared.metrics.put_aside(letter.as_str(), &id);
        let error = match letter {
            DeadLetter::Unreadable(reject) => reject.to_string(),
            DeadLetter::UnknownSymbol => "a message of an instrument that was not asked for".into(),
        };
        let mut text = Vec::new();
        let view = dead_letter::DeadLetter {
            id: &id,
            kind: "dead_letter",
            step: "follow",
            reason: letter.as_str(),
            error: &error,
            channel: None,
            recv_ts: Some(self.now.0),
            bytes: bytes.len(),
            excerpt: &excerpt(bytes),
        };
        if let Err(error) = write_dead_letter(&view, &mut text) {
            tracing::error!(error = %error, "dead letter cannot be written");
            return Ok(());
        }
        let key = self.shared.config.venue.as_str();
        let attempt =
            || self.shared.publisher.try_publish_dead_letter(key, &text, read_at, &self.shared.metrics);
        if let Err(loss) = self.when_there_is_room(attempt, key).await? {
            self.shared.metrics.lose(loss, &id);
        }
        Ok(())
    }

    /// Tries until there is room on the way to the broker. While it waits, the socket is not read: the venue's own
    /// buffers fill, and what does not fit there is lost with the connection, which is given up after `full_max`.
    async fn when_there_is_room(
        &self,
        mut attempt: impl FnMut() -> Result<(), PublishError>,
        what: &str,
    ) -> Result<Result<(), Loss>, End> {
        match attempt() {
            Ok(()) => return Ok(Ok(())),
            Err(PublishError::Lost(loss)) => return Ok(Err(loss)),
            Err(PublishError::Full) => {}
        }
        self.shared.metrics.queue_full.inc();
        let mut stop = self.stop.clone();
        let deadline = tokio::time::sleep(self.shared.full_max);
        tokio::pin!(deadline);
        let end = loop {
            tokio::select! {
                () = self.shared.publisher.room() => match attempt() {
                    Ok(()) => return Ok(Ok(())),
                    Err(PublishError::Lost(loss)) => return Ok(Err(loss)),
                    Err(PublishError::Full) => tokio::time::sleep(FULL_PAUSE).await,
                },
                () = &mut deadline => break End::Backpressure,
                () = stopped(&mut stop) => break End::Stopped,
            }
        };
        self.shared.metrics.lose(Loss::Backpressure, what);
        Err(end)
    }

    fn ask(&mut self, instrument: usize, request: Request, purpose: SnapshotPurpose) {
        if self.members.is_retired(instrument) {
            return;
        }
        let rank = self.members.route(instrument).rank;
        let request = SnapshotRequest { instrument, rank, request, purpose, reply: self.reply.clone() };
        if self.shared.snapshots.try_send(request).is_err() {
            self.unasked.push(instrument);
        }
    }

    /// Asks for the connection's token, past the queue of snapshots: without it there is nothing to take one for.
    fn ask_token(&self, request: SignedRequest) {
        let (shared, reply) = (Arc::clone(self.shared), self.reply.clone());
        tokio::spawn(async move {
            while let Err(pause) = shared.rest.spend(1, Purpose::Start) {
                if reply.is_closed() {
                    return;
                }
                tokio::time::sleep(pause).await;
            }
            let result = shared.rest.post(request).await;
            // A connection that has ended does not want it any more.
            drop(reply.try_send(Answer::Token(result)));
        });
    }

    /// Counts and logs.
    pub(super) fn note(&mut self, note: Note) {
        let metrics = &self.shared.metrics;
        let of = match &note {
            Note::State { instrument, .. }
            | Note::Resync { instrument, .. }
            | Note::Rejected { instrument, .. }
            | Note::Quarantined { instrument, .. } => Some(*instrument),
            Note::VenueError { .. } => None,
        };
        if of.is_some_and(|instrument| self.members.is_retired(instrument)) {
            return;
        }
        match note {
            Note::State { instrument, from, to } => {
                metrics.book_moved(from, to);
                self.live_count += usize::from(to == BookState::Live);
                self.live_count -= usize::from(from == BookState::Live);
                let key = self.members.key(instrument);
                tracing::debug!(instrument = key, from = from.as_str(), to = to.as_str(), "book");
                if self.live_count == self.members.active() && !std::mem::replace(&mut self.has_synced, true)
                {
                    tracing::info!(conn = self.conn, instruments = self.live_count, "synced");
                }
            }
            Note::Resync { instrument, reason } => {
                metrics.resync(reason, self.members.key(instrument));
            }
            Note::Rejected { instrument, reject } => metrics.reject(reject, self.members.key(instrument)),
            Note::Quarantined { instrument, retry_nanos } => {
                metrics.quarantine(self.members.key(instrument), retry_nanos / 1_000_000_000);
            }
            Note::VenueError { code, message } => metrics.venue_error(code, &message, self.conn),
        }
    }
}
