//! When sockets are added, replaced and given up.

use std::time::Duration;

use opus2_types::UnixNanos;
use opus2_venue::session::CloseReason;

use super::{Connection, End, Leg, Socket, connect, exchange, nanos};

/// An old socket is closed after so many times the overlap, even when a quiet stream has not spoken on the new one.
const OVERLAPS_MAX: i64 = 3;

impl Connection<'_> {
    /// Takes a socket that has just been opened.
    pub(super) fn add_leg(&mut self, socket: Socket) {
        let place = match &mut self.merge {
            Some(merge) => merge.open_leg(),
            None => Some(0),
        };
        // One opening at a time, and never more sockets than wanted plus as many replacements.
        let Some(place) = place else { return };
        let now = self.shared.clock.now().recv_ts;
        let config = &self.shared.config;
        let age = config.age_max.saturating_sub(config.age_jitter_max.mul_f64(rand::random()));
        let to_send = exchange::subscriptions(config.feed, &self.members.specs());
        self.legs.push(Leg::new(place, socket, to_send, now, now.plus(nanos(age))));
        self.shared.metrics.sockets_open.inc();
    }

    /// Forgets a socket; its good-bye is said on the side.
    pub(super) fn drop_leg(&mut self, index: usize) {
        let mut leg = self.legs.remove(index);
        if let Some(merge) = &mut self.merge {
            merge.close_leg(leg.place);
        }
        self.shared.metrics.sockets_open.dec();
        tokio::spawn(async move { leg.close().await });
    }

    /// A socket has ended. With the last one the connection ends; otherwise it goes on.
    pub(super) async fn end_leg(&mut self, index: usize, end: End) -> Result<(), End> {
        let leaving = self.legs.iter().nth(index).and_then(|leg| leg.leaving);
        // One that was on its way out ended for the reason for which it had to go.
        let end = leaving.map_or(end, |(reason, _)| reason);
        self.drop_leg(index);
        self.release(self.shared.clock.now()).await?;
        if self.legs.is_empty() {
            return Err(end);
        }
        self.shared.metrics.socket_ended(end, self.conn);
        Ok(())
    }

    /// The socket goes on until another has taken its place.
    pub(super) fn replace_leg(&mut self, index: usize, reason: End) {
        let now = self.now;
        if let Some(leg) = self.legs.get_mut(index) {
            leg.leaving.get_or_insert((reason, now));
        }
    }

    /// A further socket has been opened, or not.
    pub(super) fn take_opening(&mut self, opened: Result<Socket, End>) {
        match opened {
            Ok(socket) => {
                tracing::info!(conn = self.conn, "further socket opened");
                self.add_leg(socket);
            }
            Err(end) => {
                let pause = self.leg_backoff.after(Duration::ZERO, false, rand::random());
                self.open_at = self.now.plus(nanos(pause));
                self.shared.metrics.socket_ended(end, self.conn);
            }
        }
    }

    /// Subscribes on, ends what is silent, replaces what is old, opens what is missing.
    pub(super) async fn tend_legs(&mut self) -> Result<(), End> {
        let now = self.now;
        let liveness = self.shared.config.liveness;
        if self.merge.is_none() {
            // Whether the other side is alive, its session knows: quiet has its own rules at every venue.
            let is_frozen = now.since(self.data_at) >= nanos(liveness.data_silence_max);
            return if is_frozen { Err(End::DataSilent) } else { Ok(()) };
        }
        let mut index = 0;
        while index < self.legs.len() {
            let Some(leg) = self.legs.get_mut(index) else { break };
            if let Some(text) = leg.next_to_send(now, exchange::SEND_PAUSE_NANOS) {
                let sent = leg.send(text, self.shared.settings.connect_max).await;
                if let Err(end) = sent {
                    self.end_leg(index, end).await?;
                    continue;
                }
            }
            let Some(leg) = self.legs.get_mut(index) else { break };
            let end = if now.since(leg.heard_at) >= nanos(liveness.silence_max) {
                Some(End::Session(CloseReason::Silent))
            } else if now.since(leg.data_at) >= nanos(liveness.data_silence_max) {
                Some(End::DataSilent)
            } else {
                None
            };
            if let Some(end) = end {
                self.end_leg(index, end).await?;
                continue;
            }
            index += 1;
        }
        self.replace_old_legs(now).await?;
        self.release(self.shared.clock.now()).await
    }

    async fn replace_old_legs(&mut self, now: UnixNanos) -> Result<(), End> {
        for index in 0..self.legs.len() {
            if self.legs.get_mut(index).is_some_and(|leg| leg.leaving.is_none() && leg.expires_at <= now) {
                self.replace_leg(index, End::Session(CloseReason::Age));
            }
        }
        let staying = self.legs.iter().filter(|leg| leg.leaving.is_none()).count();
        if staying < self.shared.config.sockets_per_connection
            && self.openings.is_empty()
            && self.open_at <= now
        {
            self.open_another();
        }
        loop {
            let replaced = self.legs.iter().position(|leg| self.is_replaced(leg, now));
            let Some(index) = replaced else { return Ok(()) };
            let end = End::Session(CloseReason::Age);
            self.end_leg(index, end).await?;
        }
    }

    /// True when the old socket may go: a younger one has been speaking beside it for long enough.
    fn is_replaced(&self, old: &Leg, now: UnixNanos) -> bool {
        let Some((_, since)) = old.leaving else { return false };
        let overlap = nanos(self.shared.config.overlap);
        let staying = || self.legs.iter().filter(|leg| leg.leaving.is_none());
        staying().count() >= self.shared.config.sockets_per_connection
            && staying().filter(|leg| leg.ready_at >= since && leg.is_subscribed()).any(|leg| {
                let beside = now.since(leg.ready_at);
                let has_taken_over =
                    self.merge.as_ref().is_some_and(|merge| merge.has_taken_over(leg.place, old.place));
                beside >= overlap && (has_taken_over || beside >= overlap.saturating_mul(OVERLAPS_MAX))
            })
    }

    fn open_another(&mut self) {
        let shared = std::sync::Arc::clone(self.shared);
        let path = self.session.path().to_owned();
        self.openings.spawn(async move {
            shared.wait_for_turn().await;
            let opened = connect(&shared.config.ws_url, &path, &shared.settings).await;
            match &opened {
                Ok(_) => shared.succeeded(),
                Err(_) => shared.failed(),
            }
            opened
        });
    }

    /// Brings the metrics up to the merge's counts.
    pub(super) fn count_merge(&mut self) {
        let Some(merge) = &self.merge else { return };
        let (now, before) = (merge.counts(), self.counted);
        let metrics = &self.shared.metrics;
        metrics.duplicates.inc_by(now.duplicates - before.duplicates);
        metrics.holes.add("filled", now.filled - before.filled);
        metrics.holes.add("unfilled", now.unfilled - before.unfilled);
        self.counted = now;
    }
}
