//! Which events led to a decision.

use serde::{Deserialize, Serialize};

use crate::execution::seeded::{FNV_BASIS, fnv1a};

/// How many events a market has had, and a running hash of their identities in their order.
///
/// FNV-1a with 64 bits over each identity and a line's end after it: fast enough for every event, and any event that is
/// missing, moved or added shows in every later value. Against somebody who wants to deceive it is no protection; the chain
/// of records is. What was in the events is not hashed: an identity names one message of a venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventTrail {
    events: u64,
    hash: u64,
}

impl Default for EventTrail {
    fn default() -> Self {
        Self { events: 0, hash: FNV_BASIS }
    }
}

impl EventTrail {
    /// Takes the next event's identity.
    pub fn take(&mut self, id: &str) {
        self.events = self.events.saturating_add(1);
        self.hash = fnv1a(fnv1a(self.hash, id.as_bytes()), b"\n");
    }

    /// How many events there were.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The hash of their identities.
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::seed_of;

    #[test]
    fn the_trail_is_the_hash_of_the_identities_as_lines() {
        let mut trail = EventTrail::default();
        trail.take("a");
        trail.take("bc");
        assert_eq!((trail.events(), trail.hash()), (2, seed_of(b"a\nbc\n")));
        let mut other = EventTrail::default();
        other.take("ab");
        other.take("c");
        assert_ne!(other, trail);
    }
}
