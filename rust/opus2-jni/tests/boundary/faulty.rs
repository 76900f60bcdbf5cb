//! An operator that fails on demand: the key of a call says how.
//!
//! | key | the call |
//! | --- | --- |
//! | `panic-str`, `panic-string` | panics with a `&str`, a `String` |
//! | `panic-other` | panics with a payload that is not text, and that panics again when it is dropped |
//! | `error` | is refused with a fatal error |
//! | `arm-drain`, `arm-counters`, `arm-drop` | succeeds; the next `drain_dirty`, `counters`, or the destructor panics |
//! | any other | `process` copies the record; `on_timer` asks for a timer 1 ns later; `save` gives the last record |

use std::collections::BTreeMap;

use opus2_operators::{Operator, OperatorError, Output, OutputChannel};
use opus2_types::UnixNanos;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Faulty {
    records: u64,
    last: BTreeMap<String, Vec<u8>>,
    dirty: Vec<String>,
    armed: Option<Armed>,
}

/// What a careless payload may be.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("asked to panic with a payload that panics");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Armed {
    Drain,
    Counters,
    Drop,
}

impl Faulty {
    /// The operator, boxed as hosts keep it.
    #[must_use]
    pub(crate) fn boxed() -> Box<dyn Operator> {
        Box::new(Self::default())
    }

    fn obey(&mut self, key: &str) -> Result<(), OperatorError> {
        match key {
            "panic-str" => panic!("asked to panic"),
            "panic-string" => panic!("asked to panic by key {key:?}"),
            "panic-other" => std::panic::panic_any(Bomb),
            "error" => {
                let reason = "asked to fail".to_owned();
                return Err(OperatorError::Config { operator: "faulty", reason });
            }
            "arm-drain" => self.armed = Some(Armed::Drain),
            "arm-counters" => self.armed = Some(Armed::Counters),
            "arm-drop" => self.armed = Some(Armed::Drop),
            _ => {}
        }
        Ok(())
    }

    fn fire(&self, armed: Armed) {
        assert!(self.armed != Some(armed), "asked to panic in {armed:?}");
    }
}

impl Operator for Faulty {
    fn process(&mut self, key: &str, record: &[u8], out: &mut Output) -> Result<(), OperatorError> {
        self.obey(key)?;
        self.records += 1;
        self.last.insert(key.to_owned(), record.to_owned());
        if !self.dirty.iter().any(|dirty| dirty == key) {
            self.dirty.push(key.to_owned());
        }
        out.record(OutputChannel::Main, key, UnixNanos(0), |bytes| {
            bytes.extend_from_slice(record);
            Ok(())
        })
    }

    fn on_timer(&mut self, key: &str, event_time: UnixNanos, out: &mut Output) -> Result<(), OperatorError> {
        self.obey(key)?;
        out.timer(event_time.plus(1));
        Ok(())
    }

    fn save(&mut self, key: &str, blob: &mut Vec<u8>) -> Result<(), OperatorError> {
        self.obey(key)?;
        blob.extend_from_slice(self.last.get(key).map_or(&[], Vec::as_slice));
        Ok(())
    }

    fn load(&mut self, key: &str, blob: &[u8]) -> Result<(), OperatorError> {
        self.obey(key)?;
        self.last.insert(key.to_owned(), blob.to_owned());
        Ok(())
    }

    fn drain_dirty(&mut self, visit: &mut dyn FnMut(&str)) {
        self.fire(Armed::Drain);
        for key in self.dirty.drain(..) {
            visit(&key);
        }
    }

    fn counters(&self, visit: &mut dyn FnMut(&'static str, u64)) {
        self.fire(Armed::Counters);
        visit("records", self.records);
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.fire(Armed::Drop);
    }
}
