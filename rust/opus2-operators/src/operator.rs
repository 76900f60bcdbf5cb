//! The contract with every host.

use opus2_types::UnixNanos;

use crate::{OperatorError, Output};

/// One step of the data path, keyed by market.
///
/// # What a host does
///
/// 1. Gives every record of a key to [`process`](Self::process), in the order of the key's stream, and takes what is
///    in [`Output`] before the next call: records for channels, and event-time timers to register for that key.
/// 2. Calls [`on_timer`](Self::on_timer) when its watermark passes a registered timer.
/// 3. At a checkpoint, calls [`drain_dirty`](Self::drain_dirty) and [`save`](Self::save)s those keys.
/// 4. After a restart, calls [`load`](Self::load) for a key before its first record.
///
/// # Time
///
/// A key's time is the largest `recv_ts` its own records have shown. Before it reads a record, `process` does what
/// every timer due by then would have done; `on_timer` does the same for a key that has gone quiet, and does nothing
/// for a time that has already passed. So the output of a key is a function of its records alone, and not of when a
/// host's watermark happened to arrive: this is what makes Flink and the in-process pipeline equal byte by byte.
///
/// # Bad input
///
/// Untrusted bytes are never an error of `process`: they are counted, put on the dead-letter channel, and the
/// instrument resyncs if it must. An `Err` means that the host broke the contract or that there is a bug.
pub trait Operator: Send {
    /// Takes one record of `key`.
    ///
    /// # Errors
    /// [`OperatorError`] with [`Disposition::Fatal`](crate::Disposition::Fatal): the host must stop this operator.
    fn process(&mut self, key: &str, record: &[u8], out: &mut Output) -> Result<(), OperatorError>;

    /// The host's watermark has passed a timer that was registered for `key`.
    ///
    /// # Errors
    /// As [`process`](Self::process).
    fn on_timer(&mut self, key: &str, event_time: UnixNanos, out: &mut Output) -> Result<(), OperatorError>;

    /// Appends the state of `key` to `blob`: versioned, checksummed; equal state gives equal bytes. Nothing is
    /// appended for a key without state. Does not change what [`drain_dirty`](Self::drain_dirty) reports.
    ///
    /// # Errors
    /// The state is larger than a blob may be.
    fn save(&mut self, key: &str, blob: &mut Vec<u8>) -> Result<(), OperatorError>;

    /// Replaces the state of `key` by a saved one, of this version or the one before.
    ///
    /// # Errors
    /// The blob is damaged, of another operator, or of a version this build cannot read. The key's state is unchanged.
    fn load(&mut self, key: &str, blob: &[u8]) -> Result<(), OperatorError>;

    /// Gives every key whose state has changed since it was last given here, in the order of their first change.
    fn drain_dirty(&mut self, visit: &mut dyn FnMut(&str));

    /// The operator's counters since it was made, always the same names in the same order.
    fn counters(&self, visit: &mut dyn FnMut(&'static str, u64));
}
