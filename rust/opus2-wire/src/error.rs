//! What can be wrong with bytes.

/// Why bytes are not what they claim to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes end before the value does.
    #[error("{what}: {needed} bytes needed at offset {at}, {left} left")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where.
        at: usize,
        /// How many bytes it needs.
        needed: usize,
        /// How many there are.
        left: usize,
    },
    /// Bytes are left over after the value.
    #[error("{what}: {left} bytes left over")]
    LeftOver {
        /// What was being read.
        what: &'static str,
        /// How many bytes remain.
        left: usize,
    },
    /// Text that is not UTF-8.
    #[error("{what} is not UTF-8")]
    NotUtf8 {
        /// Which field.
        what: &'static str,
    },
    /// A record without a header it must have.
    #[error("record header {name:?} is missing; write records with `opus2 ingest` or `opus2 replay`")]
    HeaderMissing {
        /// The header's name.
        name: &'static str,
    },
    /// A header whose value cannot be read.
    #[error("record header {name:?} has the unreadable value {value:?}")]
    HeaderUnreadable {
        /// The header's name.
        name: &'static str,
        /// Its value, lossily as text.
        value: String,
    },
    /// A state blob that is not one, or of another operator.
    #[error("state blob starts with {found:?}, expected {expected:?}")]
    BlobMagic {
        /// The magic of the operator that reads.
        expected: [u8; 4],
        /// What the blob starts with.
        found: [u8; 4],
    },
    /// A state blob of a version we cannot read.
    #[error(
        "state blob has version {found}, this build reads {oldest} to {newest}; start without state, or with its build"
    )]
    BlobVersion {
        /// The blob's version.
        found: u16,
        /// The oldest readable version.
        oldest: u16,
        /// The newest readable version.
        newest: u16,
    },
    /// A state blob whose checksum does not match.
    #[error("state blob is damaged: checksum {found:08x}, expected {expected:08x}")]
    BlobChecksum {
        /// Stored in the blob.
        expected: u32,
        /// Computed over its payload.
        found: u32,
    },
    /// A value outside the range of its type, or a codec failure.
    #[error("{what}: {reason}")]
    Invalid {
        /// What was being read or written.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
}
