//! One connection to a venue, without I/O: what to publish, what to ask for, when to give up.
//!
//! A [`Session`] lives from one connect to the next. It is told what arrived and what time it is, and answers with
//! [`Action`]s; it never reads a clock, a socket or a setting. So a production incident is a test: replay its records.
//! Each venue has its own; the host that moves the bytes knows only what is here.

use opus2_types::{BookState, Channel, InstrumentSpec, UnixNanos};

use crate::{Applied, Feed, Reject, What};

/// The decisions of one connection and the instruments it follows.
pub trait Session: Send + Sync {
    /// What to connect to: path and query of the address.
    fn path(&self) -> &str;

    /// Takes one input that happened at `now`, and appends what is to be done.
    ///
    /// `now` must not go back. Inputs before `Connected`, after [`Action::Close`] or after `Disconnected`, and inputs of
    /// an instrument that the session does not have, do nothing. In steady state a frame costs no heap memory.
    fn handle(&mut self, now: UnixNanos, input: Input<'_>, actions: &mut Vec<Action>);

    /// The feed of an instrument; `None` for an index that the session does not have.
    fn feed(&self, instrument: usize) -> Option<&Feed>;

    /// When the first frame of an instrument came: since then the connection has been of use.
    fn first_frame_at(&self) -> Option<UnixNanos>;
}

/// What a session is told. Every input comes with the time it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// The connection is up; what [`Session::path`] asks for is open.
    Connected,
    /// A text or binary frame.
    Frame(&'a [u8]),
    /// A ping or pong frame: the other side is alive.
    Alive,
    /// The body of the answer to [`Action::Fetch`].
    SnapshotBody {
        /// The instrument asked for.
        instrument: usize,
        /// The body.
        body: &'a [u8],
    },
    /// [`Action::Fetch`] had no usable answer.
    SnapshotFailed {
        /// The instrument asked for.
        instrument: usize,
    },
    /// Something that [`Action::Publish`] asked for was not published, for good.
    Lost {
        /// The instrument it belonged to.
        instrument: usize,
    },
    /// The venue's metadata of an instrument has changed: it counts otherwise from now on.
    Respecified {
        /// The instrument.
        instrument: usize,
        /// How it counts now. Same venue, symbol and feed.
        spec: &'a InstrumentSpec,
    },
    /// The body of the answer to [`Action::FetchToken`].
    TokenBody(&'a [u8]),
    /// [`Action::FetchToken`] had no usable answer.
    TokenFailed,
    /// Time has passed. Expected every [`TIMER_NANOS`] or so.
    Timer,
    /// The connection is gone.
    Disconnected,
}

/// How often a session wants [`Input::Timer`]: its waiting times are kept to about this.
pub const TIMER_NANOS: i64 = 50_000_000;

/// What the host must do, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Publish the instrument's specification, as record `number` of the instrument.
    PublishSpec {
        /// Index of the instrument in the session's list.
        instrument: usize,
        /// The record's running number, from 1.
        number: u64,
    },
    /// Publish the bytes of this input, as record `number` of the instrument.
    Publish {
        /// Index of the instrument in the session's list.
        instrument: usize,
        /// What kind of message it is.
        channel: Channel,
        /// The record's running number.
        number: u64,
    },
    /// Put the bytes of this input aside: they belong to no instrument we follow.
    DeadLetter(DeadLetter),
    /// Send this text frame.
    Send(String),
    /// Fetch a snapshot over REST and come back with [`Input::SnapshotBody`] or [`Input::SnapshotFailed`].
    Fetch {
        /// Index of the instrument in the session's list.
        instrument: usize,
        /// What to ask for.
        request: Request,
        /// Why it is needed.
        purpose: SnapshotPurpose,
    },
    /// Ask the venue, over REST, for the token of this connection and come back with [`Input::TokenBody`] or
    /// [`Input::TokenFailed`].
    FetchToken(SignedRequest),
    /// Close the connection and start a new session. Nothing else will come from this one.
    Close(CloseReason),
    /// Nothing to do, something to count and log.
    Note(Note),
}

/// A REST request that anybody may make: a GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Path and query.
    pub path: String,
    /// What it costs of the venue's request limit, in the venue's own unit; 1 where it counts requests.
    pub weight: u32,
}

/// A REST request of an account: a POST.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedRequest {
    /// Path and query.
    pub path: String,
    /// Headers, among them the key and the signature.
    pub headers: Vec<(&'static str, String)>,
    /// The form.
    pub body: String,
}

/// Headers and body hold secrets and are not shown.
impl std::fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedRequest").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Why a snapshot is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotPurpose {
    /// The instrument's first snapshot on this connection.
    Start,
    /// Its book was lost.
    Resync,
    /// Its book is in step; a larger snapshot will make it deeper. Whenever nobody else wants anything.
    Deepen,
}

/// Why a frame belongs to no instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadLetter {
    /// It cannot be read.
    Unreadable(Reject),
    /// It names a symbol that this session does not follow.
    UnknownSymbol,
}

impl DeadLetter {
    /// The reason's name in counters and dead letters: one of [`Reject::NAMES`], or `unknown_symbol`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unreadable(reject) => reject.as_str(),
            Self::UnknownSymbol => "unknown_symbol",
        }
    }
}

/// Why a session ends its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The venue announced that it will close.
    ServerShutdown,
    /// The connection has reached the age that the host allows it.
    Age,
    /// Nothing was heard for longer than the host allows.
    Silent,
    /// The venue answered with an error: some streams may never speak.
    Refused,
    /// The connection's own numbering has a hole: nobody can say whose message was lost.
    Gap,
}

impl CloseReason {
    /// Every reason.
    pub const ALL: [Self; 5] = [Self::ServerShutdown, Self::Age, Self::Silent, Self::Refused, Self::Gap];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerShutdown => "server_shutdown",
            Self::Age => "age",
            Self::Silent => "silent",
            Self::Refused => "refused",
            Self::Gap => "connection_gap",
        }
    }

    /// True when nothing is wrong and the next connection should follow without waiting.
    #[must_use]
    pub const fn is_orderly(self) -> bool {
        matches!(self, Self::ServerShutdown | Self::Age)
    }
}

/// Why an instrument's book was lost while its connection stayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResyncReason {
    /// The venue's numbering has a hole.
    Gap,
    /// A delta could not be read.
    BadDelta,
    /// The book stayed crossed.
    Crossed,
    /// A record did not reach the broker.
    Lost,
    /// The venue's checksum is not that of our book.
    Checksum,
    /// The venue's own signs of life say that something was missed.
    Heartbeat,
    /// Nothing is known to be wrong: a fresh snapshot in its turn, or a changed specification.
    Refresh,
}

impl ResyncReason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Gap,
        Self::BadDelta,
        Self::Crossed,
        Self::Lost,
        Self::Checksum,
        Self::Heartbeat,
        Self::Refresh,
    ];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::BadDelta => "bad_delta",
            Self::Crossed => "crossed",
            Self::Lost => "lost",
            Self::Checksum => "checksum",
            Self::Heartbeat => "heartbeat",
            Self::Refresh => "refresh",
        }
    }
}

/// Something to count and log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A book changed its state.
    State {
        /// Index of the instrument.
        instrument: usize,
        /// The state before.
        from: BookState,
        /// The state now.
        to: BookState,
    },
    /// A book was lost; a snapshot will be asked for.
    Resync {
        /// Index of the instrument.
        instrument: usize,
        /// Why.
        reason: ResyncReason,
    },
    /// A message of an instrument is of no use. It is published all the same: `normalize` decides for itself.
    Rejected {
        /// Index of the instrument.
        instrument: usize,
        /// Why.
        reject: Reject,
    },
    /// A book was lost too often in a row: it will not be subscribed to again for a while. Its messages are published all
    /// the same, and the other instruments go on.
    Quarantined {
        /// Index of the instrument.
        instrument: usize,
        /// How long until it is tried again.
        retry_nanos: i64,
    },
    /// The venue sent an error frame.
    VenueError {
        /// The venue's code.
        code: i64,
        /// The venue's words.
        message: String,
    },
}

/// Why a message cost the book, if it did.
pub(crate) fn resync_reason(applied: &Applied) -> Option<ResyncReason> {
    if applied.state != BookState::Gap || applied.before == BookState::Gap {
        return None;
    }
    Some(match applied.what {
        What::Rejected(Reject::BadChecksum { .. }) => ResyncReason::Checksum,
        What::Rejected(_) => ResyncReason::BadDelta,
        What::Crossed => ResyncReason::Crossed,
        // Of messages that nobody reads only a heartbeat can cost a book.
        What::Other => ResyncReason::Heartbeat,
        _ => ResyncReason::Gap,
    })
}
