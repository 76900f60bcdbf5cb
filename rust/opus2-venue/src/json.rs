//! A pull scanner for the JSON that venues send.
//!
//! A depth message is a thousand short decimal strings in arrays of two. A general parser spends most of its time
//! making strings and trees that nobody wants; this one gives the caller the next token's bytes and lets it decide.
//! It accepts keys in any order, white space, and unknown fields (which are checked for nesting, not for meaning);
//! strings are given as they stand between their quotes. Measured against `serde_json` and the SIMD parsers in
//! docs/performance.md.

use opus2_types::parse_scaled;

use crate::Reject;
use crate::decimal::{parse_number, read_bare, read_pair, read_quoted};

/// How deep objects and arrays may nest in a field that is skipped.
pub const NESTING_MAX: usize = 64;

/// A position in a JSON text.
#[derive(Debug, Clone, Copy)]
pub struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    /// At the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// What a failure here is called.
    #[must_use]
    pub const fn bad(&self) -> Reject {
        Reject::BadJson { at: self.at }
    }

    /// The next byte that is not white space, without passing it; zero at the end.
    #[inline]
    pub fn peek(&mut self) -> u8 {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(byte) => return *byte,
                None => return 0,
            }
        }
    }

    /// Passes `byte`, after white space.
    ///
    /// # Errors
    /// Another byte is there.
    #[inline]
    pub fn expect(&mut self, byte: u8) -> Result<(), Reject> {
        if self.peek() == byte {
            self.at += 1;
            Ok(())
        } else {
            Err(self.bad())
        }
    }

    /// Passes `byte` if it is next.
    #[inline]
    pub fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == byte;
        self.at += usize::from(is_next);
        is_next
    }

    /// The bytes between the quotes of the next string, escapes not resolved.
    ///
    /// # Errors
    /// No string here, or one that does not end.
    #[inline]
    pub fn string(&mut self) -> Result<&'a [u8], Reject> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            self.at += plain_bytes(self.bytes.get(self.at..).unwrap_or_default());
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(&self.bytes[start..self.at - 1]);
                }
                Some(b'\\') => self.at += 2,
                Some(0..=0x1f) | None => return Err(self.bad()),
                Some(_) => self.at += 1,
            }
        }
    }

    /// The text between the quotes of the next string, escapes not resolved.
    ///
    /// # Errors
    /// As [`string`](Self::string), or it is not UTF-8.
    #[inline]
    pub fn text(&mut self) -> Result<&'a str, Reject> {
        std::str::from_utf8(self.string()?).map_err(|_| Reject::NotUtf8)
    }

    /// The next string as a count of `10^-scale` units.
    ///
    /// # Errors
    /// No string here, or its text is no number of this scale ([`Reject::BadNumber`]).
    #[inline]
    pub fn decimal(&mut self, scale: u8) -> Result<i64, Reject> {
        self.peek();
        if let Some((units, used)) = read_quoted(self.bytes.get(self.at..).unwrap_or_default(), scale) {
            self.at += used;
            return Ok(units);
        }
        Ok(parse_scaled(self.string()?, scale)?)
    }

    /// The next array of two decimal strings: a price and a quantity.
    ///
    /// # Errors
    /// As [`decimal`](Self::decimal), or not an array of two.
    #[inline]
    pub fn decimal_pair(&mut self, price_scale: u8, qty_scale: u8) -> Result<(i64, i64), Reject> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if let Some((price, qty, used)) = read_pair(rest, price_scale, qty_scale) {
            self.at += used;
            return Ok((price, qty));
        }
        self.expect(b'[')?;
        let price = self.decimal(price_scale)?;
        self.expect(b',')?;
        let qty = self.decimal(qty_scale)?;
        self.expect(b']')?;
        Ok((price, qty))
    }

    /// The next JSON number as a count of `10^-scale` units, by its text: exponent forms are exact too.
    ///
    /// # Errors
    /// No number here, or no number of this scale ([`Reject::BadNumber`]).
    #[inline]
    pub fn number(&mut self, scale: u8) -> Result<i64, Reject> {
        self.peek();
        if let Some((units, used)) = read_bare(self.bytes.get(self.at..).unwrap_or_default(), scale) {
            self.at += used;
            return Ok(units);
        }
        Ok(parse_number(self.lexeme()?, scale)?)
    }

    /// The text of the next JSON number, as it stands.
    ///
    /// # Errors
    /// No number here.
    pub fn lexeme(&mut self) -> Result<&'a [u8], Reject> {
        match self.peek() {
            b'-' | b'0'..=b'9' => {
                let start = self.at;
                self.skip_scalar()?;
                Ok(&self.bytes[start..self.at])
            }
            _ => Err(self.bad()),
        }
    }

    /// Passes `text` if it is next to the letter, without white space before it.
    #[inline]
    pub fn eat_text(&mut self, text: &[u8]) -> bool {
        let is_next = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(text));
        self.at += if is_next { text.len() } else { 0 };
        is_next
    }

    /// A whole number without sign, fraction or exponent.
    ///
    /// # Errors
    /// Something else is here, or it is above `u64::MAX`.
    #[inline]
    pub fn u64(&mut self) -> Result<u64, Reject> {
        self.peek();
        let start = self.at;
        let mut value: u64 = 0;
        while let Some(digit) =
            self.bytes.get(self.at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10)
        {
            value = value
                .checked_mul(10)
                .and_then(|value| value.checked_add(u64::from(digit)))
                .ok_or(self.bad())?;
            self.at += 1;
        }
        match self.bytes.get(self.at) {
            Some(b'.' | b'e' | b'E') => Err(self.bad()),
            _ if self.at == start => Err(self.bad()),
            _ => Ok(value),
        }
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// Neither is here.
    pub fn bool(&mut self) -> Result<bool, Reject> {
        self.peek();
        let rest = &self.bytes[self.at..];
        let (value, length) = if rest.starts_with(b"true") {
            (true, 4)
        } else if rest.starts_with(b"false") {
            (false, 5)
        } else {
            return Err(self.bad());
        };
        self.at += length;
        Ok(value)
    }

    /// Passes one value of any kind.
    ///
    /// # Errors
    /// No value here, or nesting beyond [`NESTING_MAX`].
    pub fn skip_value(&mut self) -> Result<(), Reject> {
        match self.peek() {
            b'"' => self.string().map(drop),
            b'{' | b'[' => self.skip_nested(),
            _ => self.skip_scalar(),
        }
    }

    fn skip_nested(&mut self) -> Result<(), Reject> {
        let mut closers = [0u8; NESTING_MAX];
        let mut depth = 0;
        loop {
            match self.peek() {
                open @ (b'{' | b'[') => {
                    self.at += 1;
                    let close = if open == b'{' { b'}' } else { b']' };
                    if !self.eat(close) {
                        *closers.get_mut(depth).ok_or(self.bad())? = close;
                        depth += 1;
                        if close == b'}' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                b'"' => drop(self.string()?),
                _ => self.skip_scalar()?,
            }
            // A value has ended: close what ends with it, or go on to its neighbour.
            loop {
                let Some(close) = depth.checked_sub(1).map(|last| closers[last]) else { return Ok(()) };
                if self.eat(b',') {
                    if close == b'}' {
                        self.key()?;
                    }
                    break;
                }
                self.expect(close)?;
                depth -= 1;
            }
        }
    }

    /// A key and its colon.
    ///
    /// # Errors
    /// Something else is here.
    #[inline]
    pub fn key(&mut self) -> Result<&'a [u8], Reject> {
        let key = self.string()?;
        self.expect(b':')?;
        Ok(key)
    }

    fn skip_scalar(&mut self) -> Result<(), Reject> {
        let start = self.at;
        while let Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.') = self.bytes.get(self.at)
        {
            self.at += 1;
        }
        if self.at == start { Err(self.bad()) } else { Ok(()) }
    }

    /// Reads an object: `field` is called at each value, with its key, and must pass that value.
    ///
    /// # Errors
    /// Not an object, or what `field` returns.
    #[inline]
    pub fn object(
        &mut self,
        mut field: impl FnMut(&mut Self, &'a [u8]) -> Result<(), Reject>,
    ) -> Result<(), Reject> {
        self.expect(b'{')?;
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            let key = self.key()?;
            field(self, key)?;
            if !self.eat(b',') {
                return self.expect(b'}');
            }
        }
    }

    /// Reads an array: `element` is called at each value and must pass it.
    ///
    /// # Errors
    /// Not an array, or what `element` returns.
    #[inline]
    pub fn array(&mut self, mut element: impl FnMut(&mut Self) -> Result<(), Reject>) -> Result<(), Reject> {
        self.expect(b'[')?;
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            element(self)?;
            if !self.eat(b',') {
                return self.expect(b']');
            }
        }
    }

    /// Checks that only white space is left.
    ///
    /// # Errors
    /// Something else is.
    pub fn finish(&mut self) -> Result<(), Reject> {
        match (self.peek(), self.at == self.bytes.len()) {
            (_, true) => Ok(()),
            _ => Err(self.bad()),
        }
    }

    /// The bytes from here to where `later`, a later position in the same text, stands.
    #[must_use]
    pub fn until(&self, later: &Self) -> &'a [u8] {
        self.bytes.get(self.at..later.at).unwrap_or_default()
    }
}

/// How many bytes at the start of `text` have no meaning inside a JSON string: neither quote nor backslash nor control
/// character. Looks at eight at a time, and says nothing of the last few.
#[inline]
fn plain_bytes(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    // The top bit of every byte that is zero. Bytes above a zero may be marked too, which does not matter: only the lowest
    // mark is looked at.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & TOPS;
    let mut at = 0;
    while let Some(bytes) = text.get(at..at + 8) {
        let word = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        let controls = word.wrapping_sub(ONES * 0x20) & !word & TOPS;
        let marks =
            zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\'))) | controls;
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Scanner;

    /// Byte by byte, as the grammar says: what is between the quotes, and how many bytes that took.
    fn naive(text: &[u8]) -> Option<(&[u8], usize)> {
        let mut at = 1;
        (*text.first()? == b'"').then_some(())?;
        loop {
            match *text.get(at)? {
                b'"' => return Some((&text[1..at], at + 1)),
                b'\\' => at += 2,
                0..=0x1f => return None,
                _ => at += 1,
            }
        }
    }

    proptest! {
        #[test]
        fn a_string_ends_where_the_grammar_says(
            letters in prop::collection::vec(prop_oneof![20 => any::<u8>(), 20 => b'a'..=b'z', 1 => Just(b'"'), 1 => Just(b'\\')], 0..60),
        ) {
            let text = [b"\"", &letters[..]].concat();
            let mut scanner = Scanner::new(&text);
            let read = scanner.string().ok();
            prop_assert_eq!(read.map(|read| (read, scanner.at)), naive(&text));
        }
    }
}
