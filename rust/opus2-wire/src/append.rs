//! Encoding straight into a buffer.

use bincode::enc::write::Writer;
use bincode::error::EncodeError;

/// Appends to a buffer. What `bincode` has for this goes through `std::io::Write`, at a third more of an encoding's cost.
pub(crate) struct Append<'a>(pub(crate) &'a mut Vec<u8>);

impl Writer for Append<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}
