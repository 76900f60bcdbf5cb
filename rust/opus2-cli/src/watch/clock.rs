//! The wall clock of the subcommand, read in one place.

use std::time::{SystemTime, UNIX_EPOCH};

use opus2_types::UnixNanos;

/// Now, UTC. A machine whose clock stands before 1970 or after 2262 gives the nearest representable time.
#[expect(clippy::disallowed_methods, reason = "this is the one place where the clock is read")]
pub(crate) fn now() -> UnixNanos {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    UnixNanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}
