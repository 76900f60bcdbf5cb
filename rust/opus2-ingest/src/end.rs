//! Why connections end.

use opus2_venue::session::CloseReason;
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::error::ProtocolError;

/// Why a connection, or one of its sockets, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The session ended it.
    Session(CloseReason),
    /// Nothing of any instrument came for `data_silence_secs_max`, though the other side answered pings.
    DataSilent,
    /// The venue closed it.
    ClosedByVenue,
    /// The network, or TLS, broke it.
    Io,
    /// The venue broke the WebSocket protocol.
    Protocol,
    /// A message larger than `connection.message_bytes_limit`.
    MessageTooLarge,
    /// A text frame that is not UTF-8: the protocol demands the end of the connection.
    NotUtf8,
    /// Too much was on its way to the broker for `kafka.full_secs_max`.
    Backpressure,
    /// It did not come about.
    ConnectFailed,
    /// We are stopping.
    Stopped,
}

impl End {
    /// Every name [`as_str`](Self::as_str) gives but that of [`End::Stopped`], which is no reconnect.
    pub const NAMES: [&'static str; 13] = [
        "server_shutdown",
        "age",
        "silent",
        "refused",
        "connection_gap",
        "data_silent",
        "closed_by_venue",
        "io",
        "protocol",
        "message_too_large",
        "not_utf8",
        "backpressure",
        "connect_failed",
    ];

    /// The names of those after which nothing is wrong.
    pub const ORDERLY_NAMES: [&'static str; 2] = ["server_shutdown", "age"];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session(reason) => reason.as_str(),
            Self::DataSilent => "data_silent",
            Self::ClosedByVenue => "closed_by_venue",
            Self::Io => "io",
            Self::Protocol => "protocol",
            Self::MessageTooLarge => "message_too_large",
            Self::NotUtf8 => "not_utf8",
            Self::Backpressure => "backpressure",
            Self::ConnectFailed => "connect_failed",
            Self::Stopped => "stopped",
        }
    }

    /// True when nothing is wrong and the next connection should follow without waiting.
    #[must_use]
    pub const fn is_orderly(self) -> bool {
        matches!(self, Self::Session(reason) if reason.is_orderly())
    }

    pub(crate) fn of_error(error: &WsError) -> Self {
        match error {
            WsError::ConnectionClosed | WsError::AlreadyClosed => Self::ClosedByVenue,
            WsError::Capacity(_) => Self::MessageTooLarge,
            WsError::Utf8(_) => Self::NotUtf8,
            WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Io,
            WsError::Protocol(_) | WsError::AttackAttempt => Self::Protocol,
            _ => Self::Io,
        }
    }
}
