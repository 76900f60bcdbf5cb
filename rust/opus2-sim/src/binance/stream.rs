//! The venue's streams by name.

use crate::stream::{StreamId, StreamKind};

/// Streams that the venue has for every instrument.
pub(crate) const KINDS: [StreamKind; 4] =
    [StreamKind::Depth100Ms, StreamKind::Depth1000Ms, StreamKind::Trade, StreamKind::BookTicker];

/// All streams of a simulation by name.
#[derive(Debug)]
pub(crate) struct StreamNames {
    /// Full names, by position of the symbol times the number of kinds.
    names: Vec<String>,
    by_name: std::collections::HashMap<String, StreamId>,
}

impl StreamNames {
    /// The streams of these symbols, whose instruments are 0, 1, …
    pub(crate) fn new<'a>(symbols: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names = Vec::new();
        let mut by_name = std::collections::HashMap::new();
        for (instrument, symbol) in symbols.into_iter().enumerate() {
            for kind in KINDS {
                let name = format!("{}@{}", symbol.to_lowercase(), kind.name());
                names.push(name.clone());
                by_name.insert(name, StreamId { instrument, kind });
            }
        }
        Self { names, by_name }
    }

    /// The stream of a name. `None` for a stream that does not exist: the venue accepts it and stays silent.
    pub(crate) fn find(&self, name: &str) -> Option<StreamId> {
        self.by_name.get(name).copied()
    }

    /// The name of a stream.
    pub(crate) fn name(&self, stream: StreamId) -> &str {
        &self.names[stream.instrument * KINDS.len() + stream.kind.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_is_found_by_its_lower_case_name_only() {
        let names = StreamNames::new(["BTCUSDT", "ÄUSDT"]);
        for instrument in 0..2 {
            for kind in KINDS {
                let stream = StreamId { instrument, kind };
                assert_eq!(names.find(names.name(stream)), Some(stream));
            }
        }
        assert_eq!(names.name(StreamId { instrument: 1, kind: StreamKind::Depth100Ms }), "äusdt@depth@100ms");
        assert_eq!(names.find("BTCUSDT@trade"), None);
    }
}
