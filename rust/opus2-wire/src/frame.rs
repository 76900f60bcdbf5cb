//! What one stage hands to the next: the market event, and what every stage before has found out about it.
//!
//! ```text
//! u8 version | sections: (u8 section | u32 length | bytes)…
//! ```
//!
//! A stage copies the frame it was given and appends a section of its own, so a later stage sees what all before it
//! saw. As a [market event](crate::event) it stays inside one Flink task chain, or one process, and is never stored.

use bincode::config::{Configuration, Fixint, LittleEndian};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::WireError;
use crate::append::Append;
use crate::reader::Reader;

/// The form that is written and read.
pub const FRAME_VERSION: u8 = 1;

/// The largest section that is read; every stage's is a few kilobytes at most.
pub const SECTION_BYTES_LIMIT: usize = 256 << 10;

/// Integers of a fixed width are larger and are read in a third of the time. No limit on what is read: a section is there
/// as a whole before it is read, and what claims more than it holds ends early.
const CONFIG: Configuration<LittleEndian, Fixint> = bincode::config::standard().with_fixed_int_encoding();

/// Bytes before a section's own.
const SECTION_HEADER_BYTES: usize = 5;

/// Who wrote a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The market event of `normalize`, as [`encode_event`](crate::event::encode_event) writes it. A frame that a stage
    /// makes of its own accord, at the end of a window, has none.
    Event,
    /// What stage 1 measured at it.
    Signal,
    /// What stage 2 makes of the market.
    Context,
    /// What stage 3 allows.
    Risk,
}

impl Section {
    const COUNT: usize = 4;

    const fn index(self) -> usize {
        match self {
            Self::Event => 0,
            Self::Signal => 1,
            Self::Context => 2,
            Self::Risk => 3,
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Event => 1,
            Self::Signal => 2,
            Self::Context => 3,
            Self::Risk => 4,
        }
    }
}

/// Begins a frame.
pub fn begin_frame(bytes: &mut Vec<u8>) {
    bytes.push(FRAME_VERSION);
}

/// Appends a section of bytes that are encoded already.
///
/// # Errors
/// More than [`SECTION_BYTES_LIMIT`] bytes.
pub fn append_bytes(section: Section, payload: &[u8], bytes: &mut Vec<u8>) -> Result<(), WireError> {
    if payload.len() > SECTION_BYTES_LIMIT {
        return Err(too_large(payload.len()));
    }
    bytes.push(section.code());
    let length = u32::try_from(payload.len()).map_err(|_| too_large(payload.len()))?;
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(payload);
    Ok(())
}

/// Appends a section that holds `value`.
///
/// # Errors
/// More than [`SECTION_BYTES_LIMIT`] bytes; the frame is then as it was before.
pub fn append_section<T: Serialize>(
    section: Section,
    value: &T,
    bytes: &mut Vec<u8>,
) -> Result<(), WireError> {
    let start = bytes.len();
    bytes.push(section.code());
    bytes.extend_from_slice(&[0; 4]);
    let written = bincode::serde::encode_into_writer(value, Append(bytes), CONFIG)
        .map_err(|error| invalid(error.to_string()))
        .map(|()| bytes.len() - start - SECTION_HEADER_BYTES)
        .and_then(|length| if length > SECTION_BYTES_LIMIT { Err(too_large(length)) } else { Ok(length) })
        .and_then(|length| u32::try_from(length).map_err(|_| too_large(length)));
    match written {
        Ok(length) => {
            bytes[start + 1..start + SECTION_HEADER_BYTES].copy_from_slice(&length.to_le_bytes());
            Ok(())
        }
        Err(error) => {
            bytes.truncate(start);
            Err(error)
        }
    }
}

/// A frame's sections, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    sections: [Option<&'a [u8]>; Section::COUNT],
}

impl<'a> Frame<'a> {
    /// Finds the sections of a frame.
    ///
    /// # Errors
    /// Another version, truncated bytes, an unknown section or one that is there twice.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8("frame version")?;
        if version != FRAME_VERSION {
            let reason =
                format!("version {version}, expected version {FRAME_VERSION}; are two builds in one job?");
            return Err(invalid(reason));
        }
        let mut sections = [None; Section::COUNT];
        while !reader.is_empty() {
            let code = reader.u8("section")?;
            let length = usize::try_from(reader.u32("section length")?).unwrap_or(usize::MAX);
            let payload = reader.take("section", length)?;
            let slot = usize::from(code).checked_sub(1).and_then(|index| sections.get_mut(index));
            match slot {
                Some(slot @ None) => *slot = Some(payload),
                Some(_) => return Err(invalid(format!("section {code} is there twice"))),
                None => return Err(invalid(format!("there is no section {code}"))),
            }
        }
        Ok(Self { sections })
    }

    /// The bytes of a section; `None` when the frame has none.
    #[must_use]
    pub const fn bytes(&self, section: Section) -> Option<&'a [u8]> {
        self.sections[section.index()]
    }

    /// The value in a section; `None` when the frame has none.
    ///
    /// # Errors
    /// The bytes are no such value, or there are some left over.
    pub fn value<T: DeserializeOwned>(&self, section: Section) -> Result<Option<T>, WireError> {
        let Some(payload) = self.bytes(section) else { return Ok(None) };
        let (value, used) =
            bincode::serde::decode_from_slice(payload, CONFIG).map_err(|error| invalid(error.to_string()))?;
        match payload.len() - used {
            0 => Ok(Some(value)),
            left => Err(WireError::LeftOver { what: "section", left }),
        }
    }

    /// The value that a section begins with; what follows it is not looked at. `None` when the frame has no such section.
    ///
    /// # Errors
    /// The bytes do not begin with such a value.
    pub fn head<T: DeserializeOwned>(&self, section: Section) -> Result<Option<T>, WireError> {
        let Some(payload) = self.bytes(section) else { return Ok(None) };
        let read = bincode::serde::decode_from_slice(payload, CONFIG);
        read.map(|(value, _)| Some(value)).map_err(|error| invalid(error.to_string()))
    }
}

fn invalid(reason: String) -> WireError {
    WireError::Invalid { what: "frame between stages", reason }
}

fn too_large(length: usize) -> WireError {
    invalid(format!("a section of {length} bytes; the limit is {SECTION_BYTES_LIMIT}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut bytes = Vec::new();
        begin_frame(&mut bytes);
        append_bytes(Section::Event, b"event", &mut bytes).unwrap();
        append_section(Section::Context, &(7u64, Some(0.5f64)), &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn every_stage_sees_what_those_before_it_wrote() {
        let bytes = sample();
        let frame = Frame::decode(&bytes).unwrap();
        assert_eq!(frame.bytes(Section::Event), Some(&b"event"[..]));
        assert_eq!(frame.value::<(u64, Option<f64>)>(Section::Context), Ok(Some((7, Some(0.5)))));
        assert_eq!(frame.value::<u64>(Section::Signal), Ok(None));
        assert!(frame.value::<u8>(Section::Context).is_err(), "bytes left over");
        assert_eq!(frame.head::<u64>(Section::Context), Ok(Some(7)));
        assert_eq!(frame.head::<u64>(Section::Signal), Ok(None));
        assert!(frame.head::<[u64; 4]>(Section::Context).is_err());
    }

    #[test]
    fn a_damaged_frame_is_an_error_and_never_a_panic() {
        let bytes = sample();
        assert!(Frame::decode(&[]).is_err());
        for end in [2, 5, 8, 13, 16, bytes.len() - 1] {
            assert!(Frame::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
        let mut twice = bytes.clone();
        append_bytes(Section::Event, b"", &mut twice).unwrap();
        assert_eq!(
            Frame::decode(&twice).unwrap_err().to_string(),
            "frame between stages: section 1 is there twice"
        );
        assert!(Frame::decode(&[FRAME_VERSION + 1]).is_err());
        assert!(Frame::decode(&[FRAME_VERSION, 9, 0, 0, 0, 0]).is_err());
    }

    #[test]
    fn a_section_too_large_leaves_no_trace() {
        let mut bytes = sample();
        let before = bytes.clone();
        append_bytes(Section::Risk, &vec![0; SECTION_BYTES_LIMIT + 1], &mut bytes).unwrap_err();
        assert_eq!(bytes, before);
    }
}
