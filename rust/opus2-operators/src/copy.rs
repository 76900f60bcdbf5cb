//! The operator that only copies: the floor against which the others are measured, and the bridge's test subject.

use opus2_types::UnixNanos;
use opus2_wire::blob;
use rustc_hash::FxHashMap;

use crate::create::no_keys;
use crate::{Counters, Operator, OperatorError, Output, OutputChannel};

const NAME: &str = "copy";
const MAGIC: [u8; 4] = *b"OCPY";
const VERSION: u16 = 1;

/// Gives every record back unchanged on [`OutputChannel::Main`], and counts the records of each key in its state.
///
/// A record's event time is its number within the key: there is no other time in unread bytes.
#[derive(Debug)]
pub(crate) struct Copy {
    seen: FxHashMap<String, Seen>,
    dirty: Vec<String>,
    counters: Counters<1>,
}

#[derive(Debug, Default)]
struct Seen {
    records: u64,
    is_dirty: bool,
}

impl Copy {
    pub(crate) fn new(config: &toml::Table) -> Result<Self, OperatorError> {
        no_keys(NAME, config)?;
        Ok(Self { seen: FxHashMap::default(), dirty: Vec::new(), counters: Counters::new(["records"]) })
    }
}

impl Operator for Copy {
    fn process(&mut self, key: &str, record: &[u8], out: &mut Output) -> Result<(), OperatorError> {
        self.counters.add(0, 1);
        let seen = match self.seen.get_mut(key) {
            Some(seen) => seen,
            None => self.seen.entry(key.to_owned()).or_default(),
        };
        seen.records += 1;
        if !seen.is_dirty {
            seen.is_dirty = true;
            self.dirty.push(key.to_owned());
        }
        let records = seen.records;
        let event_time = UnixNanos(i64::try_from(records).unwrap_or(i64::MAX));
        out.record(OutputChannel::Main, key, event_time, |bytes| {
            bytes.extend_from_slice(record);
            Ok(())
        })
    }

    fn on_timer(&mut self, _: &str, _: UnixNanos, _: &mut Output) -> Result<(), OperatorError> {
        Ok(())
    }

    fn save(&mut self, key: &str, bytes: &mut Vec<u8>) -> Result<(), OperatorError> {
        let Some(seen) = self.seen.get(key) else { return Ok(()) };
        blob::encode_blob(MAGIC, VERSION, &seen.records, bytes).map_err(|source| OperatorError::State {
            operator: NAME,
            key: key.to_owned(),
            source,
        })
    }

    fn load(&mut self, key: &str, bytes: &[u8]) -> Result<(), OperatorError> {
        let records = blob::open_blob(MAGIC, VERSION..=VERSION, bytes)
            .and_then(|(_, payload)| blob::decode_payload(payload))
            .map_err(|source| OperatorError::State { operator: NAME, key: key.to_owned(), source })?;
        self.seen.insert(key.to_owned(), Seen { records, is_dirty: false });
        Ok(())
    }

    fn drain_dirty(&mut self, visit: &mut dyn FnMut(&str)) {
        for key in self.dirty.drain(..) {
            if let Some(seen) = self.seen.get_mut(&key) {
                seen.is_dirty = false;
            }
            visit(&key);
        }
    }

    fn counters(&self, visit: &mut dyn FnMut(&'static str, u64)) {
        self.counters.visit(visit);
    }
}
