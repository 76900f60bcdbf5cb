//! Text of bounded length that lives in place.

use std::fmt;

/// Up to `BYTES` bytes of UTF-8 in place; what does not fit is cut off at a character.
///
/// It owns no heap memory and has no destructor, so a thread-local one leaves nothing behind that would keep the
/// library mapped after its class loader is gone.
#[derive(Debug)]
pub(crate) struct FixedText<const BYTES: usize> {
    bytes: [u8; BYTES],
    len: usize,
}

impl<const BYTES: usize> FixedText<BYTES> {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; BYTES], len: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    pub(crate) fn set(&mut self, text: &str) {
        self.clear();
        self.push(text);
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }

    fn push(&mut self, text: &str) {
        let text = cut(text, BYTES - self.len);
        self.bytes[self.len..self.len + text.len()].copy_from_slice(text.as_bytes());
        self.len += text.len();
    }
}

impl<const BYTES: usize> fmt::Write for FixedText<BYTES> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        Ok(())
    }
}

/// The longest beginning of `text` of at most `bytes_max` bytes that ends at a character.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_a_character() {
        let mut text = FixedText::<4>::new();
        for (input, expect) in [("", ""), ("abcd", "abcd"), ("abcde", "abcd"), ("abcé", "abc"), ("€€", "€")]
        {
            text.set(input);
            assert_eq!(text.as_str(), expect);
        }
    }
}
