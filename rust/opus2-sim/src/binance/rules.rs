//! The venue's limits, and the counters that enforce them. No clock, no socket: told what time it is.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use opus2_types::UnixNanos;

/// What the venue demands of its clients. The defaults are the venue's own; tests shorten the times.
#[derive(Debug, Clone)]
pub struct VenueRules {
    /// Between two pings of the server. Venue: 20 s.
    pub ping_interval: Duration,
    /// A ping must be answered within this time. Venue: 60 s.
    pub pong_timeout: Duration,
    /// A connection is closed at this age. Venue: 24 h.
    pub connection_lifetime: Duration,
    /// How long before that, and after a `server_shutdown` fault, `serverShutdown` announces it. The venue promises no
    /// lead time.
    pub shutdown_notice: Duration,
    /// Frames a client may send within a second: requests, pings and pongs. Venue: 5.
    pub client_messages_per_sec: usize,
    /// Streams of a connection. Venue: 1024.
    pub connection_streams_limit: usize,
    /// Connection attempts of an address within five minutes. Venue: 300.
    pub connects_limit: u32,
    /// Request weight of an address in a minute of the clock. Venue: 6000.
    pub weight_limit: u32,
    /// Frames waiting for a slow reader before it is disconnected.
    pub queue_frames_limit: usize,
    /// Bytes waiting for a slow reader before it is disconnected.
    pub queue_bytes_limit: usize,
    /// A REST answer leaves this long after the book was copied, as over a real network: deltas overtake snapshots.
    pub rest_latency: Duration,
}

impl Default for VenueRules {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_secs(20),
            pong_timeout: Duration::from_secs(60),
            connection_lifetime: Duration::from_secs(24 * 3600),
            shutdown_notice: Duration::from_secs(10),
            client_messages_per_sec: 5,
            connection_streams_limit: 1024,
            connects_limit: 300,
            weight_limit: 6000,
            queue_frames_limit: 20_000,
            queue_bytes_limit: 16 << 20,
            rest_latency: Duration::from_millis(20),
        }
    }
}

/// Counts what a client sends in a sliding second.
#[derive(Debug)]
pub(crate) struct MessageBudget {
    per_sec: usize,
    recent: VecDeque<tokio::time::Instant>,
}

impl MessageBudget {
    pub(crate) fn new(per_sec: usize) -> Self {
        Self { per_sec, recent: VecDeque::with_capacity(per_sec + 1) }
    }

    /// Notes a message; `false` when it is one too many.
    pub(crate) fn allows(&mut self, now: tokio::time::Instant) -> bool {
        while self.recent.front().is_some_and(|at| now.duration_since(*at) >= Duration::from_secs(1)) {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        self.recent.len() <= self.per_sec
    }
}

/// Pings without an answer. A pong answers the ping with the same payload, and every ping before it.
#[derive(Debug, Default)]
pub(crate) struct Liveness {
    unanswered: VecDeque<(String, tokio::time::Instant)>,
}

impl Liveness {
    pub(crate) fn ping_sent(&mut self, payload: String, now: tokio::time::Instant) {
        self.unanswered.push_back((payload, now));
    }

    /// `false` for a pong that answers nothing: allowed, and no sign of life.
    pub(crate) fn pong_received(&mut self, payload: &[u8]) -> bool {
        let Some(index) = self.unanswered.iter().position(|(sent, _)| sent.as_bytes() == payload) else {
            return false;
        };
        self.unanswered.drain(..=index);
        true
    }

    /// When the oldest unanswered ping was sent.
    pub(crate) fn waiting_since(&self) -> Option<tokio::time::Instant> {
        self.unanswered.front().map(|(_, at)| *at)
    }
}

/// Addresses remembered at once. The simulator listens on loopback; this only keeps a bound.
const ADDRESSES_LIMIT: usize = 1024;
/// The window of connection attempts.
const CONNECT_WINDOW_NANOS: i64 = 300 * 1_000_000_000;
const MINUTE_NANOS: i64 = 60 * 1_000_000_000;
/// Requests refused in one minute before the address is banned: it does not back off.
const REFUSALS_BEFORE_BAN: u32 = 20;
/// Bans grow from two minutes to three days.
const BAN_SECS: (i64, i64) = (120, 3 * 86_400);

/// The answer to a request for weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on; this much of the minute's weight is used.
    Allowed { used: u32 },
    /// HTTP 429.
    Limited { used: u32, retry_after_secs: i64 },
    /// HTTP 418.
    Banned { used: u32, retry_after_secs: i64, until: UnixNanos },
}

/// What every address has used of the request weight and of the connection attempts.
///
/// The weight window is the minute of the clock, as clients of the venue report.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    addresses: BTreeMap<IpAddr, Usage>,
}

#[derive(Debug, Default)]
struct Usage {
    minute: i64,
    weight: u32,
    refusals: u32,
    bans: u32,
    banned_until: UnixNanos,
    connect_window: i64,
    connects: u32,
}

impl Gate {
    /// Charges a request.
    pub(crate) fn charge(&mut self, address: IpAddr, weight: u32, limit: u32, now: UnixNanos) -> Verdict {
        let usage = self.usage(address);
        let minute = now.0.div_euclid(MINUTE_NANOS);
        if usage.minute != minute {
            (usage.minute, usage.weight, usage.refusals) = (minute, 0, 0);
        }
        if now < usage.banned_until {
            let (used, until) = (usage.weight, usage.banned_until);
            return Verdict::Banned { used, retry_after_secs: secs_up(until.since(now)), until };
        }
        if usage.weight.saturating_add(weight) <= limit {
            usage.weight += weight;
            return Verdict::Allowed { used: usage.weight };
        }
        usage.refusals += 1;
        if usage.refusals > REFUSALS_BEFORE_BAN {
            let secs = BAN_SECS.0.saturating_mul(1 << usage.bans.min(20)).min(BAN_SECS.1);
            usage.bans += 1;
            usage.banned_until = now.plus(secs * 1_000_000_000);
            return Verdict::Banned { used: usage.weight, retry_after_secs: secs, until: usage.banned_until };
        }
        let left = (minute + 1) * MINUTE_NANOS - now.0;
        Verdict::Limited { used: usage.weight, retry_after_secs: secs_up(left) }
    }

    /// Notes a connection attempt; the seconds to wait when it is one too many.
    pub(crate) fn connect(&mut self, address: IpAddr, limit: u32, now: UnixNanos) -> Result<(), i64> {
        let usage = self.usage(address);
        let window = now.0.div_euclid(CONNECT_WINDOW_NANOS);
        if usage.connect_window != window {
            (usage.connect_window, usage.connects) = (window, 0);
        }
        usage.connects = usage.connects.saturating_add(1);
        if usage.connects > limit {
            return Err(secs_up((window + 1) * CONNECT_WINDOW_NANOS - now.0));
        }
        Ok(())
    }

    fn usage(&mut self, address: IpAddr) -> &mut Usage {
        if self.addresses.len() >= ADDRESSES_LIMIT && !self.addresses.contains_key(&address) {
            self.addresses.pop_first();
        }
        self.addresses.entry(address).or_default()
    }
}

/// Whole seconds, rounded up.
const fn secs_up(nanos: i64) -> i64 {
    nanos.div_euclid(1_000_000_000) + (nanos.rem_euclid(1_000_000_000) != 0) as i64
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::time::Instant;

    use super::*;

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn the_sixth_message_of_a_second_is_one_too_many() {
        let start = Instant::now();
        let mut budget = MessageBudget::new(5);
        let sent = [0, 100, 200, 300, 999, 1000, 1099];
        let allowed = sent.map(|millis| budget.allows(start + Duration::from_millis(millis)));
        assert_eq!(allowed, [true, true, true, true, true, true, false]);
    }

    #[test]
    fn only_a_pong_with_a_pings_payload_is_a_sign_of_life() {
        let start = Instant::now();
        let later = start + Duration::from_secs(20);
        let mut liveness = Liveness::default();
        liveness.ping_sent("1".into(), start);
        liveness.ping_sent("2".into(), later);
        assert!(!liveness.pong_received(b""));
        assert_eq!(liveness.waiting_since(), Some(start));
        assert!(liveness.pong_received(b"1"));
        assert_eq!(liveness.waiting_since(), Some(later));
        assert!(liveness.pong_received(b"2"));
        assert_eq!(liveness.waiting_since(), None);
    }

    #[test]
    fn the_weight_of_a_minute_is_limited_until_the_next_minute() {
        let mut gate = Gate::default();
        let now = UnixNanos(10 * MINUTE_NANOS + 45 * SECOND + 1);
        assert_eq!(gate.charge(HOME, 250, 300, now), Verdict::Allowed { used: 250 });
        assert_eq!(gate.charge(HOME, 51, 300, now), Verdict::Limited { used: 250, retry_after_secs: 15 });
        assert_eq!(gate.charge(HOME, 50, 300, now), Verdict::Allowed { used: 300 });
        assert_eq!(gate.charge(HOME, 5, 300, now.plus(15 * SECOND)), Verdict::Allowed { used: 5 });
    }

    #[test]
    fn who_does_not_back_off_is_banned_for_longer_and_longer() {
        let mut gate = Gate::default();
        let mut now = UnixNanos(10 * MINUTE_NANOS);
        for expect in [120, 240, 480] {
            for _ in 0..REFUSALS_BEFORE_BAN {
                assert!(matches!(gate.charge(HOME, 2, 1, now), Verdict::Limited { .. }));
            }
            let Verdict::Banned { retry_after_secs, .. } = gate.charge(HOME, 2, 1, now) else {
                panic!("not banned")
            };
            assert_eq!(retry_after_secs, expect);
            let half = now.plus(expect * SECOND / 2);
            assert!(
                matches!(gate.charge(HOME, 1, 1, half), Verdict::Banned { .. }),
                "even for what would be allowed"
            );
            now = now.plus(expect * SECOND);
        }
        assert_eq!(gate.charge(HOME, 1, 1, now), Verdict::Allowed { used: 1 });
    }

    #[test]
    fn connection_attempts_are_counted_in_five_minutes() {
        let mut gate = Gate::default();
        let now = UnixNanos(CONNECT_WINDOW_NANOS * 7 + SECOND);
        assert_eq!([1, 2, 3].map(|_| gate.connect(HOME, 2, now)), [Ok(()), Ok(()), Err(299)]);
        assert_eq!(gate.connect(HOME, 2, now.plus(CONNECT_WINDOW_NANOS)), Ok(()));
    }
}
