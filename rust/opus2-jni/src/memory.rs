//! The host's memory, for the length of one call.
//!
//! What a host passes is an address and a signed length. A [`Source`] or a [`Target`] carries the two unchecked to where
//! the handle is known, so that a nonsensical one is an error of that handle; it is checked when it is first used.

#![expect(unsafe_code, reason = "addresses given by the host become slices here and nowhere else")]

use std::marker::PhantomData;
use std::{ptr, slice};

use crate::failure::Failure;

/// Bytes the host wants read.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    address: *const u8,
    length: i64,
    memory: PhantomData<&'a [u8]>,
}

impl<'a> Source<'a> {
    /// # Safety
    /// Either `address` is null or `length` is not positive, or `length` bytes can be read at `address` and nobody
    /// writes there during `'a`.
    pub(crate) const unsafe fn from_host(address: *const u8, length: i32) -> Self {
        Self { address, length: length as i64, memory: PhantomData }
    }

    pub(crate) fn bytes(self, what: &str) -> Result<&'a [u8], Failure> {
        let length = checked_length(what, self.address, self.length)?;
        if length == 0 {
            return Ok(&[]);
        }
        // SAFETY: the address is not null and the length is positive, so the promise of `from_host` holds, or this was
        // made from a slice.
        Ok(unsafe { slice::from_raw_parts(self.address, length) })
    }

    pub(crate) fn text(self, what: &str) -> Result<&'a str, Failure> {
        std::str::from_utf8(self.bytes(what)?)
            .map_err(|error| Failure::bad_argument(format!("{what} is not UTF-8: {error}")))
    }
}

impl<'a> From<&'a [u8]> for Source<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        Self { address: bytes.as_ptr(), length, memory: PhantomData }
    }
}

/// Where the host wants bytes written. May be the same memory as the call's [`Source`]: it is written last.
#[derive(Debug)]
pub struct Target<'a> {
    address: *mut u8,
    capacity: i64,
    memory: PhantomData<&'a mut [u8]>,
}

impl Target<'_> {
    /// # Safety
    /// Either `address` is null or `capacity` is not positive, or `capacity` bytes can be written at `address` and
    /// nobody else reads or writes there during the call, but for a [`Source`] of the same call.
    pub(crate) const unsafe fn from_host(address: *mut u8, capacity: i32) -> Self {
        Self { address, capacity: capacity as i64, memory: PhantomData }
    }

    /// How many bytes fit.
    pub(crate) fn capacity(&self) -> Result<usize, Failure> {
        checked_length("output", self.address, self.capacity)
    }

    /// Writes `bytes`, unless they do not fit. Says how many bytes were written.
    pub(crate) fn put(self, bytes: &[u8]) -> Result<i32, Failure> {
        let written = i32::try_from(bytes.len()).map_err(|_| Failure::OutputFull)?;
        if bytes.len() > self.capacity()? {
            return Err(Failure::OutputFull);
        }
        if written > 0 {
            // SAFETY: the address is not null and the capacity is at least the length, so the promise of `from_host`
            // holds, or this was made from a slice. `bytes` is the library's own memory, so the two do not overlap.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.address, bytes.len()) };
        }
        Ok(written)
    }
}

impl<'a> From<&'a mut [u8]> for Target<'a> {
    fn from(bytes: &'a mut [u8]) -> Self {
        let capacity = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        Self { address: bytes.as_mut_ptr(), capacity, memory: PhantomData }
    }
}

fn checked_length(what: &str, address: *const u8, length: i64) -> Result<usize, Failure> {
    let Ok(length_checked) = usize::try_from(length) else {
        return Err(Failure::bad_argument(format!("{what}: length {length} is negative")));
    };
    if address.is_null() && length_checked > 0 {
        return Err(Failure::bad_argument(format!(
            "{what}: {length} bytes at a null address; is the buffer a direct one?"
        )));
    }
    Ok(length_checked)
}
