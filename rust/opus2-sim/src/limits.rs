//! Token buckets: what an address may still ask for.

use std::collections::BTreeMap;
use std::net::IpAddr;

use opus2_types::UnixNanos;

/// Buckets remembered at once. The simulator listens on loopback; this only keeps a bound.
const BUCKETS_LIMIT: usize = 1024;
/// A bucket counts in millionths of a token.
const MICRO: i64 = 1_000_000;

/// What is limited. Each has a bucket of its own for every address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Limited {
    ExchangeConnects,
    ExchangeRest,
    AdvancedConnects,
    AdvancedRest,
    KrakenConnects,
    KrakenRest,
}

/// So many at once, and so many again in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Within a moment.
    pub burst: u32,
    /// As many as are given back in `seconds`.
    pub refill: u32,
    /// See `refill`.
    pub seconds: u32,
}

impl Allowance {
    /// `refill` a second, `burst` at once.
    #[must_use]
    pub const fn per_sec(refill: u32, burst: u32) -> Self {
        Self { burst, refill, seconds: 1 }
    }
}

#[derive(Debug)]
struct Bucket {
    micro_tokens: i64,
    at: UnixNanos,
}

/// All buckets.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    buckets: BTreeMap<(Limited, IpAddr), Bucket>,
}

impl Buckets {
    /// Takes a token; `false` when there is none.
    pub(crate) fn take(
        &mut self,
        limited: Limited,
        address: IpAddr,
        allowance: Allowance,
        now: UnixNanos,
    ) -> bool {
        let key = (limited, address);
        if self.buckets.len() >= BUCKETS_LIMIT && !self.buckets.contains_key(&key) {
            self.buckets.pop_first();
        }
        let full = i64::from(allowance.burst) * MICRO;
        let bucket = self.buckets.entry(key).or_insert(Bucket { micro_tokens: full, at: now });
        let elapsed_micros = i128::from(now.since(bucket.at).max(0) / 1000);
        let gained = elapsed_micros * i128::from(allowance.refill) / i128::from(allowance.seconds.max(1));
        bucket.micro_tokens =
            i64::try_from(i128::from(bucket.micro_tokens) + gained).unwrap_or(full).min(full);
        bucket.at = bucket.at.max(now);
        if bucket.micro_tokens < MICRO {
            return false;
        }
        bucket.micro_tokens -= MICRO;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_burst_is_followed_by_the_steady_rate() {
        let mut buckets = Buckets::default();
        let home = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut at = |millis: i64| {
            let now = UnixNanos(millis * 1_000_000);
            buckets.take(Limited::ExchangeRest, home, Allowance::per_sec(10, 3), now)
        };
        assert_eq!([0, 0, 0, 0].map(&mut at), [true, true, true, false]);
        assert_eq!([99, 100, 150, 200].map(&mut at), [false, true, false, true]);
        assert_eq!([9_000, 9_000, 9_000, 9_000].map(&mut at), [true, true, true, false]);
    }
}
