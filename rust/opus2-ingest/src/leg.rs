//! The sockets of one connection.

use std::collections::VecDeque;
use std::task::Poll;
use std::time::Duration;

use futures_util::{SinkExt as _, Stream as _};
use opus2_types::UnixNanos;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::config::ConnectionSettings;
use crate::end::End;

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects, at most `connect_max` long.
pub(crate) async fn connect(base: &str, path: &str, settings: &ConnectionSettings) -> Result<Socket, End> {
    let limit = Some(settings.message_bytes_limit);
    let config = WebSocketConfig::default().max_message_size(limit).max_frame_size(limit);
    let attempt = connect_async_with_config(format!("{base}{path}"), Some(config), true);
    match tokio::time::timeout(settings.connect_max, attempt).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(error)) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(url = base, error, "cannot connect");
            Err(End::ConnectFailed)
        }
        Err(_) => {
            let secs = settings.connect_max.as_secs();
            tracing::warn!(url = base, secs, "cannot connect in time");
            Err(End::ConnectFailed)
        }
    }
}

/// One socket and how it is doing. Times are the connection's.
pub(crate) struct Leg {
    /// Its place in the merge.
    pub(crate) place: usize,
    socket: Socket,
    /// When its subscriptions had all been sent.
    pub(crate) ready_at: UnixNanos,
    /// When anything, also a ping, was heard last.
    pub(crate) heard_at: UnixNanos,
    /// When a message was heard last.
    pub(crate) data_at: UnixNanos,
    /// When it is to be replaced.
    pub(crate) expires_at: UnixNanos,
    /// Why and since when it is being replaced.
    pub(crate) leaving: Option<(End, UnixNanos)>,
    to_send: VecDeque<String>,
    send_at: UnixNanos,
}

impl Leg {
    /// A socket that has just been opened, and what is to be sent on it.
    pub(crate) fn new(
        place: usize,
        socket: Socket,
        to_send: Vec<String>,
        now: UnixNanos,
        expires_at: UnixNanos,
    ) -> Self {
        Self {
            place,
            socket,
            ready_at: now,
            heard_at: now,
            data_at: now,
            expires_at,
            leaving: None,
            to_send: to_send.into(),
            send_at: UnixNanos::MIN,
        }
    }

    /// The next subscription message, when it may be sent.
    pub(crate) fn next_to_send(&mut self, now: UnixNanos, pause_nanos: i64) -> Option<String> {
        if now < self.send_at {
            return None;
        }
        let message = self.to_send.pop_front()?;
        self.send_at = now.plus(pause_nanos);
        self.ready_at = now;
        Some(message)
    }

    /// True once nothing is left to be sent.
    pub(crate) fn is_subscribed(&self) -> bool {
        self.to_send.is_empty()
    }

    /// Sends a text frame, at most `send_max` long.
    pub(crate) async fn send(&mut self, text: String, send_max: Duration) -> Result<(), End> {
        match tokio::time::timeout(send_max, self.socket.send(Message::text(text))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(End::of_error(&error)),
            Err(_) => Err(End::Io),
        }
    }

    /// Says good-bye. The venue does not wait for it and neither do we.
    pub(crate) async fn close(&mut self) {
        drop(tokio::time::timeout(CLOSE_MAX, self.socket.close(None)).await);
    }
}

const CLOSE_MAX: Duration = Duration::from_millis(500);

/// The legs of one connection, read in turn.
#[derive(Default)]
pub(crate) struct Legs {
    legs: Vec<Leg>,
    /// Who is asked first the next time, so that a busy socket cannot starve the other.
    turn: usize,
}

impl Legs {
    pub(crate) fn push(&mut self, leg: Leg) {
        self.legs.push(leg);
    }

    pub(crate) fn len(&self) -> usize {
        self.legs.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut Leg> {
        self.legs.get_mut(index)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Leg> {
        self.legs.iter()
    }

    pub(crate) fn remove(&mut self, index: usize) -> Leg {
        self.legs.remove(index)
    }

    /// The next message of any leg, with the leg's index. Waits for ever when there is no leg. Cancelling loses nothing.
    pub(crate) async fn next(&mut self) -> (usize, Option<Result<Message, WsError>>) {
        std::future::poll_fn(|context| {
            let count = self.legs.len();
            for offset in 0..count {
                let index = (self.turn + offset) % count;
                let socket = std::pin::Pin::new(&mut self.legs[index].socket);
                if let Poll::Ready(message) = socket.poll_next(context) {
                    self.turn = index + 1;
                    return Poll::Ready((index, message));
                }
            }
            Poll::Pending
        })
        .await
    }
}
