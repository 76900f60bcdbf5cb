//! Time as the core knows it: a number it was told.

/// Nanoseconds since the Unix epoch, UTC.
///
/// An `i64` reaches from 1677 to 2262. The core never asks what time it is; hosts tell it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct UnixNanos(pub i64);

impl UnixNanos {
    /// The earliest representable instant: before any event.
    pub const MIN: Self = Self(i64::MIN);

    /// From whole milliseconds; `None` outside the range of the type.
    #[must_use]
    pub fn from_millis(millis: i64) -> Option<Self> {
        millis.checked_mul(1_000_000).map(Self)
    }

    /// From whole microseconds; `None` outside the range of the type.
    #[must_use]
    pub fn from_micros(micros: i64) -> Option<Self> {
        micros.checked_mul(1_000).map(Self)
    }

    /// Whole milliseconds, rounded towards the past.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Nanoseconds since `earlier`; negative when `earlier` is later. Saturates.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This instant moved by `nanos`. Saturates.
    #[must_use]
    pub const fn plus(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }
}
