//! An operator behind a handle: its output buffers, what the host has not taken yet, and its last error.
//!
//! Everything here is safe code over byte slices. Nothing is allocated per call once the buffers have grown.

use opus2_operators::{Operator, Output};
use opus2_types::UnixNanos;

use crate::failure::Failure;
use crate::memory::Target;
use crate::text::FixedText;
use crate::{ERROR_TEXT_BYTES_LIMIT, ErrorCode, OUTPUT_BYTES_LIMIT};

/// Which buffer holds the result of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// Entries of `process` and `on_timer`.
    Output,
    /// Bytes of the other calls.
    Scratch,
}

/// An operator and all that belongs to its handle.
pub(crate) struct Engine {
    operator: Box<dyn Operator>,
    output: Output,
    scratch: Vec<u8>,
    pending: Option<Held>,
    last_error: FixedText<ERROR_TEXT_BYTES_LIMIT>,
}

impl Engine {
    pub(crate) fn new(operator: Box<dyn Operator>) -> Self {
        Self {
            operator,
            output: Output::new(),
            scratch: Vec::new(),
            pending: None,
            last_error: FixedText::new(),
        }
    }

    pub(crate) fn last_error(&self) -> &str {
        self.last_error.as_str()
    }

    pub(crate) fn set_last_error(&mut self, text: &str) {
        self.last_error.set(text);
    }

    /// Gives what is held to the host, or keeps it pending when the target is too small.
    pub(crate) fn give(&mut self, held: Held, target: Target<'_>) -> Result<i32, Failure> {
        let bytes = self.held(held);
        if bytes.len() > OUTPUT_BYTES_LIMIT {
            let text = format!("{} bytes of output, more than {OUTPUT_BYTES_LIMIT}", bytes.len());
            return Err(Failure::Fatal { code: ErrorCode::Operator, text });
        }
        let given = target.put(bytes);
        self.pending = if matches!(given, Err(Failure::OutputFull)) { Some(held) } else { None };
        given
    }

    /// How many bytes wait to be taken; 0 when none do.
    pub(crate) fn pending_length(&self) -> i32 {
        let length = self.pending.map_or(0, |held| self.held(held).len());
        i32::try_from(length).expect("OUTPUT_BYTES_LIMIT is below i32::MAX")
    }

    /// What waits to be taken.
    pub(crate) fn pending(&self) -> Option<Held> {
        self.pending
    }

    /// Refuses a call while output waits.
    pub(crate) fn expect_nothing_pending(&self) -> Result<(), Failure> {
        if self.pending.is_none() {
            return Ok(());
        }
        let text = format!(
            "{} bytes of the previous call wait; call takeOutput with a buffer of that size first",
            self.pending_length()
        );
        Err(Failure::Refused { code: ErrorCode::OutputPending, text: text.into() })
    }

    pub(crate) fn process(&mut self, key_and_record: &[u8]) -> Result<Held, Failure> {
        let (key, record) = split_key(key_and_record)?;
        self.output.clear();
        self.operator.process(key, record, &mut self.output).map_err(|error| Failure::fatal(&error))?;
        Ok(Held::Output)
    }

    pub(crate) fn on_timer(&mut self, key: &[u8], event_time: UnixNanos) -> Result<Held, Failure> {
        let key = key_text(key)?;
        self.output.clear();
        self.operator.on_timer(key, event_time, &mut self.output).map_err(|error| Failure::fatal(&error))?;
        Ok(Held::Output)
    }

    pub(crate) fn save(&mut self, key: &[u8]) -> Result<Held, Failure> {
        let key = key_text(key)?;
        self.scratch.clear();
        self.operator.save(key, &mut self.scratch).map_err(|error| Failure::fatal(&error))?;
        Ok(Held::Scratch)
    }

    /// An operator that refuses a blob is unchanged, so this is not fatal: the host decides.
    pub(crate) fn load(&mut self, key_and_blob: &[u8]) -> Result<(), Failure> {
        let (key, blob) = split_key(key_and_blob)?;
        self.operator.load(key, blob).map_err(|error| Failure::refused(&error))
    }

    pub(crate) fn drain_dirty(&mut self) -> Held {
        self.scratch.clear();
        self.operator.drain_dirty(&mut |key| {
            let length = u16::try_from(key.len()).expect("keys come in through `split_key` and `key_text`");
            self.scratch.extend_from_slice(&length.to_le_bytes());
            self.scratch.extend_from_slice(key.as_bytes());
        });
        Held::Scratch
    }

    pub(crate) fn counters(&mut self) -> Held {
        self.scratch.clear();
        self.operator.counters(&mut |name, value| {
            let length = u8::try_from(name.len()).expect("a counter's name is a short constant");
            self.scratch.push(length);
            self.scratch.extend_from_slice(name.as_bytes());
            self.scratch.extend_from_slice(&value.to_le_bytes());
        });
        Held::Scratch
    }

    fn held(&self, held: Held) -> &[u8] {
        match held {
            Held::Output => self.output.as_bytes(),
            Held::Scratch => &self.scratch,
        }
    }
}

/// Splits `u16 key length | key | rest`.
fn split_key(bytes: &[u8]) -> Result<(&str, &[u8]), Failure> {
    let split = bytes
        .split_first_chunk::<2>()
        .and_then(|(length, rest)| rest.split_at_checked(usize::from(u16::from_le_bytes(*length))));
    let (key, rest) = split.ok_or_else(|| {
        Failure::bad_argument(format!(
            "input of {} bytes ends within its key; it begins with u16 key length, key",
            bytes.len()
        ))
    })?;
    Ok((key_text(key)?, rest))
}

fn key_text(key: &[u8]) -> Result<&str, Failure> {
    if key.len() > usize::from(u16::MAX) {
        return Err(Failure::bad_argument(format!("key of {} bytes, more than {}", key.len(), u16::MAX)));
    }
    std::str::from_utf8(key).map_err(|error| Failure::bad_argument(format!("key is not UTF-8: {error}")))
}
