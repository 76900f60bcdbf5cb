//! State blobs: what an operator saves for one key, and Flink keeps.
//!
//! ```text
//! 4 bytes magic | u16 version | u32 CRC-32 of the payload | payload (bincode, little-endian, variable-length integers)
//! ```

use std::ops::RangeInclusive;

use bincode::config::{Configuration, Limit};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::WireError;
use crate::append::Append;
use crate::reader::Reader;

/// The largest blob that is read: far above any operator's state, far below what could hurt a TaskManager.
pub const BLOB_BYTES_LIMIT: usize = 64 << 20;

const CONFIG: Configuration<bincode::config::LittleEndian, bincode::config::Varint, Limit<BLOB_BYTES_LIMIT>> =
    bincode::config::standard().with_limit::<BLOB_BYTES_LIMIT>();

const HEADER_BYTES: usize = 10;

/// Appends `state` as a blob. Equal state gives equal bytes, provided `T` holds no hash map.
///
/// # Errors
/// The state is larger than [`BLOB_BYTES_LIMIT`].
pub fn encode_blob<T: Serialize>(
    magic: [u8; 4],
    version: u16,
    state: &T,
    blob: &mut Vec<u8>,
) -> Result<(), WireError> {
    let start = blob.len();
    blob.extend_from_slice(&magic);
    blob.extend_from_slice(&version.to_le_bytes());
    blob.extend_from_slice(&[0; 4]);
    bincode::serde::encode_into_writer(state, Append(blob), CONFIG)
        .map_err(|error| WireError::Invalid { what: "state blob", reason: error.to_string() })?;
    let checksum = crc32fast::hash(&blob[start + HEADER_BYTES..]);
    blob[start + 6..start + HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    Ok(())
}

/// The version and the verified payload of a blob of one of the `readable` versions. Which of them it is decides how the
/// payload is read: whoever ignores it can read one version only.
///
/// # Errors
/// Another operator's magic, a version that is not readable, a wrong checksum, or too few bytes.
pub fn open_blob(
    magic: [u8; 4],
    readable: RangeInclusive<u16>,
    blob: &[u8],
) -> Result<(u16, &[u8]), WireError> {
    let mut reader = Reader::new(blob);
    let found = reader.take("state blob magic", 4)?;
    if found != magic {
        return Err(WireError::BlobMagic {
            expected: magic,
            found: [found[0], found[1], found[2], found[3]],
        });
    }
    let version = reader.u16("state blob version")?;
    if !readable.contains(&version) {
        let (oldest, newest) = readable.into_inner();
        return Err(WireError::BlobVersion { found: version, oldest, newest });
    }
    let expected = reader.u32("state blob checksum")?;
    let payload = &blob[HEADER_BYTES..];
    let found = crc32fast::hash(payload);
    if found != expected {
        return Err(WireError::BlobChecksum { expected, found });
    }
    Ok((version, payload))
}

/// Reads the payload of [`open_blob`] as a value of its version's type.
///
/// # Errors
/// The payload is not such a value, is larger than [`BLOB_BYTES_LIMIT`], or has bytes left over.
pub fn decode_payload<T: DeserializeOwned>(payload: &[u8]) -> Result<T, WireError> {
    let (state, used) = bincode::serde::decode_from_slice(payload, CONFIG)
        .map_err(|error| WireError::Invalid { what: "state blob", reason: error.to_string() })?;
    match payload.len() - used {
        0 => Ok(state),
        left => Err(WireError::LeftOver { what: "state blob", left }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: [u8; 4] = *b"TEST";

    #[test]
    fn a_damaged_blob_is_refused_at_every_byte() {
        let mut blob = Vec::new();
        encode_blob(MAGIC, 1, &(7u64, "state".to_owned()), &mut blob).unwrap();
        let (version, payload) = open_blob(MAGIC, 1..=1, &blob).unwrap();
        assert_eq!((version, decode_payload(payload)), (1, Ok((7u64, "state".to_owned()))));
        for at in 0..blob.len() {
            let mut damaged = blob.clone();
            damaged[at] ^= 0x80;
            assert!(open_blob(MAGIC, 1..=1, &damaged).is_err(), "byte {at}");
            assert!(open_blob(MAGIC, 1..=1, &blob[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_version_that_is_not_readable_is_refused_by_number() {
        for found in 1..=4 {
            let mut blob = Vec::new();
            encode_blob(MAGIC, found, &0u8, &mut blob).unwrap();
            let expect = if (2..=3).contains(&found) {
                Ok(found)
            } else {
                Err(WireError::BlobVersion { found, oldest: 2, newest: 3 })
            };
            assert_eq!(open_blob(MAGIC, 2..=3, &blob).map(|(version, _)| version), expect);
        }
    }
}
