//! Records that show when one of them was changed, removed or moved.
//!
//! Each record is one line of JSON that ends with the fields `prev` and `hash`. `prev` is the hash of the record before it of
//! the same market (zeros for the first), and `hash` is `SHA-256(prev as 32 bytes || canonical bytes)`; the canonical bytes are the
//! record's own text without the field `hash`: `{…,"prev":"…"}`. Writers give fields in one fixed order and floats in their
//! shortest exact form, so a replay makes the same chain bit for bit. Chains of several markets may be interleaved.
//!
//! Who can rewrite the whole file can make another chain that holds, and records taken off the end leave no trace in the file:
//! compare the [`Summary`]'s heads with ones that were kept elsewhere.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize};

use crate::content_hash::HEX_LEN;
use crate::{ContentHash, WireError};

/// Markets in one file at most.
pub const CHAINS_MAX: usize = 65_536;

const PREV: &[u8] = b"\"prev\":\"";
const HASH: &[u8] = b"\",\"hash\":\"";
const END: &[u8] = b"\"}";

/// The end of one market's chain: all that must be kept to go on with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AuditChain {
    /// The hash of the newest record; zeros before the first.
    pub head: ContentHash,
}

impl AuditChain {
    /// Seals a record: `record` is one whole JSON object, `{…}`, and its last brace becomes `,"prev":"…","hash":"…"}`.
    ///
    /// # Errors
    /// `record` does not begin and end with a brace, or holds a line's end; nothing is changed then.
    pub fn seal(&mut self, record: &mut Vec<u8>) -> Result<(), WireError> {
        self.seal_from(record, 0)
    }

    /// As [`seal`](Self::seal), of the record that begins at `start` of a buffer and ends with it.
    ///
    /// # Errors
    /// As [`seal`](Self::seal); `start` beyond the buffer.
    pub fn seal_from(&mut self, out: &mut Vec<u8>, start: usize) -> Result<(), WireError> {
        let inside = out.get(start..).and_then(|record| record.strip_prefix(b"{")?.strip_suffix(b"}"));
        let Some(inside) = inside.filter(|inside| !inside.contains(&b'\n')) else {
            let reason = "not one JSON object on one line".to_owned();
            return Err(WireError::Invalid { what: "audit record", reason });
        };
        let is_empty = inside.is_empty();
        out.pop();
        if !is_empty {
            out.push(b',');
        }
        out.extend_from_slice(PREV);
        out.extend_from_slice(&self.head.to_hex());
        // What is there now is hashed as an object of its own.
        self.head = ContentHash::after(&self.head, [out.get(start..).unwrap_or_default(), END]);
        out.extend_from_slice(HASH);
        out.extend_from_slice(&self.head.to_hex());
        out.extend_from_slice(END);
        Ok(())
    }
}

/// One market's chain, as far as it was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChainSummary {
    /// Records verified.
    pub records: u64,
    /// The newest one's hash.
    pub head: ContentHash,
}

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Records of all markets.
    pub records: u64,
    /// By market.
    pub chains: BTreeMap<String, ChainSummary>,
}

/// The first line that breaks a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}: {why}", market.as_ref().map(|market| format!(", market {market}")).unwrap_or_default())]
pub struct Broken {
    /// Its number, from 1.
    pub line: u64,
    /// Its market, when it could be read.
    pub market: Option<String>,
    /// What is wrong with it.
    pub why: Fault,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It does not end with `prev` and `hash` in their fixed form.
    #[error("it is not a sealed record")]
    NotSealed,
    /// Its own hash is another: the record was changed.
    #[error("the record was changed: its hash is {found}, its bytes give {expected}")]
    Hash {
        /// What its bytes give.
        expected: ContentHash,
        /// What it says.
        found: ContentHash,
    },
    /// It follows upon another record than the one before it.
    #[error(
        "a record before it was removed, added or moved: it follows {found}, the last record is {expected}"
    )]
    Prev {
        /// The hash of the record before it of the same market.
        expected: ContentHash,
        /// What it says.
        found: ContentHash,
    },
    /// It is no JSON object with one field `market`.
    #[error("it is not a JSON object with one text \"market\"")]
    NoMarket,
    /// There are more than [`CHAINS_MAX`] markets.
    #[error("more than {CHAINS_MAX} markets")]
    TooManyChains,
}

/// Verifies one line after the other; of each market it keeps the newest hash.
#[derive(Debug, Clone, Default)]
pub struct Verifier {
    summary: Summary,
    lines: u64,
}

impl Verifier {
    /// From the first record of every market.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A market whose chain began in an earlier file, which ended with `head`.
    #[must_use]
    pub fn with_head(mut self, market: &str, head: ContentHash) -> Self {
        self.summary.chains.insert(market.to_owned(), ChainSummary { records: 0, head });
        self
    }

    /// Takes the next line, without its end.
    ///
    /// # Errors
    /// The line breaks its chain. What follows upon it says nothing any more.
    pub fn line(&mut self, line: &[u8]) -> Result<(), Broken> {
        self.lines = self.lines.saturating_add(1);
        let broken = |market, why| Broken { line: self.lines, market, why };
        let sealed = Sealed::parse(line).ok_or_else(|| broken(None, Fault::NotSealed))?;
        let expected = sealed.hash_of_bytes();
        let market = market_of(line);
        if expected != sealed.hash {
            return Err(broken(market, Fault::Hash { expected, found: sealed.hash }));
        }
        let market = market.ok_or_else(|| broken(None, Fault::NoMarket))?;
        let chains = self.summary.chains.len();
        let chain = match self.summary.chains.entry(market) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) if chains >= CHAINS_MAX => {
                return Err(broken(Some(entry.into_key()), Fault::TooManyChains));
            }
            Entry::Vacant(entry) if sealed.prev != ContentHash::default() => {
                let fault = Fault::Prev { expected: ContentHash::default(), found: sealed.prev };
                return Err(broken(Some(entry.into_key()), fault));
            }
            Entry::Vacant(entry) => entry.insert(ChainSummary::default()),
        };
        if chain.head != sealed.prev {
            let fault = Fault::Prev { expected: chain.head, found: sealed.prev };
            return Err(broken(market_of(line), fault));
        }
        chain.head = sealed.hash;
        chain.records = chain.records.saturating_add(1);
        self.summary.records = self.summary.records.saturating_add(1);
        Ok(())
    }

    /// What was verified.
    #[must_use]
    pub fn finish(self) -> Summary {
        self.summary
    }
}

/// Verifies lines, each without its end. Split a file at `\n` alone: any other separation would hide changed bytes.
///
/// # Errors
/// The first line that breaks its chain.
pub fn verify<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Result<Summary, Broken> {
    let mut verifier = Verifier::new();
    lines.into_iter().try_for_each(|line| verifier.line(line))?;
    Ok(verifier.finish())
}

/// A line taken apart.
struct Sealed<'a> {
    /// `{…,"prev":"…`.
    canonical: &'a [u8],
    prev: ContentHash,
    hash: ContentHash,
}

impl<'a> Sealed<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let rest = line.strip_suffix(END)?;
        let (rest, hash) = rest.split_at_checked(rest.len().checked_sub(HEX_LEN)?)?;
        let canonical = rest.strip_suffix(HASH)?;
        let (rest, prev) = canonical.split_at_checked(canonical.len().checked_sub(HEX_LEN)?)?;
        rest.strip_suffix(PREV)?;
        Some(Self { canonical, prev: ContentHash::from_hex(prev)?, hash: ContentHash::from_hex(hash)? })
    }

    fn hash_of_bytes(&self) -> ContentHash {
        ContentHash::after(&self.prev, [self.canonical, END])
    }
}

/// The text of the field `market`, which a record has once.
fn market_of(line: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Keyed<'a> {
        #[serde(borrow)]
        market: Cow<'a, str>,
    }
    serde_json::from_slice::<Keyed<'_>>(line).ok().map(|keyed| keyed.market.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records of two markets, interleaved.
    fn sealed(count: u32) -> Vec<Vec<u8>> {
        let mut chains = [AuditChain::default(); 2];
        let record = |at: u32| {
            let odd = usize::from(at % 2 == 1);
            let mut record = format!(r#"{{"market":"M{odd}","n":{at},"hash":"inner"}}"#).into_bytes();
            chains[odd].seal(&mut record).unwrap();
            record
        };
        (0..count).map(record).collect()
    }

    #[track_caller]
    fn check(lines: &[Vec<u8>], expect: &str) {
        let found = verify(lines.iter().map(Vec::as_slice));
        let found = found.err().map(|broken| broken.to_string()).unwrap_or_default();
        assert!(found.starts_with(expect) && found.is_empty() == expect.is_empty(), "{found}");
    }

    #[test]
    fn the_first_broken_line_is_named() {
        let lines = sealed(6);
        check(&lines, "");
        let mut changed = lines.clone();
        changed[3] = String::from_utf8(lines[3].clone()).unwrap().replace("\"n\":3", "\"n\":4").into_bytes();
        check(&changed, "line 4, market M1: the record was changed");
        let mut removed = lines.clone();
        removed.remove(2);
        check(&removed, "line 4, market M0: a record before it was removed, added or moved");
        check(&lines[1..], "line 2, market M0: a record before it was removed");
        let mut moved = lines.clone();
        moved.swap(1, 3);
        check(&moved, "line 2, market M1: a record before it was removed, added or moved");
        let mut doubled = lines.clone();
        doubled.insert(1, lines[0].clone());
        check(&doubled, "line 2, market M0: a record before it was removed, added or moved");
        // Chains are apart: only the order within a market counts.
        let mut apart = lines;
        apart.swap(0, 1);
        check(&apart, "");
    }

    #[test]
    fn what_is_no_sealed_record_is_said() {
        check(&[b"".to_vec()], "line 1: it is not a sealed record");
        check(&[br#"{"market":"M"}"#.to_vec()], "line 1: it is not a sealed record");
        for nameless in [&b"{}"[..], br#"{"n":1}"#, br#"{"market":"a","market":"b"}"#, b"{oops}"] {
            let mut record = nameless.to_vec();
            AuditChain::default().seal(&mut record).unwrap();
            check(&[record], "line 1: it is not a JSON object with one text \"market\"");
        }
    }

    #[test]
    fn only_one_object_on_one_line_is_sealed() {
        let mut chain = AuditChain::default();
        for wrong in [&b""[..], b"{", b"[]", b"{}\n", b"{\n}"] {
            let mut record = wrong.to_vec();
            assert!(chain.seal(&mut record).is_err());
            assert_eq!((record.as_slice(), chain), (wrong, AuditChain::default()));
        }
        assert!(chain.seal_from(&mut b"{}".to_vec(), 3).is_err());
    }

    #[test]
    fn a_chain_goes_on_in_the_next_file() {
        let lines = sealed(4);
        let first = verify(lines[..2].iter().map(Vec::as_slice)).unwrap();
        let mut next = Verifier::new();
        for (market, chain) in &first.chains {
            next = next.with_head(market, chain.head);
        }
        for line in &lines[2..] {
            next.line(line).unwrap();
        }
        let (whole, rest) = (verify(lines.iter().map(Vec::as_slice)).unwrap(), next.finish());
        assert_eq!((whole.records, rest.records), (4, 2));
        assert!(whole.chains.iter().zip(&rest.chains).all(|(whole, rest)| whole.1.head == rest.1.head));
        // A tail that is missing shows in the head alone.
        assert_ne!(first.chains["M1"].head, whole.chains["M1"].head);
    }

    #[test]
    fn the_hash_is_of_the_previous_hash_and_the_canonical_bytes() {
        let mut out = b"before\n{\"market\":\"M\",\"p\":0.1}".to_vec();
        let mut chain = AuditChain::default();
        chain.seal_from(&mut out, 7).unwrap();
        let zeros = "0".repeat(64);
        let canonical = format!("{{\"market\":\"M\",\"p\":0.1,\"prev\":\"{zeros}\"}}");
        let hash = ContentHash::of(&[&[0; 32], canonical.as_bytes()].concat());
        let expect =
            format!("before\n{{\"market\":\"M\",\"p\":0.1,\"prev\":\"{zeros}\",\"hash\":\"{hash}\"}}");
        assert_eq!((String::from_utf8(out).unwrap(), chain.head), (expect, hash));
    }
}
