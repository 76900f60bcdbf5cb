//! The streams of an instrument, and their names.

use serde::{Deserialize, Serialize};

/// What a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StreamKind {
    /// `<symbol>@depth@100ms`: changed levels, every 100 ms in which something changed.
    #[serde(rename = "depth@100ms")]
    Depth100Ms,
    /// `<symbol>@depth`: the same, every second.
    #[serde(rename = "depth")]
    Depth1000Ms,
    /// `<symbol>@trade`: every trade.
    #[serde(rename = "trade")]
    Trade,
    /// `<symbol>@bookTicker`: every change of the best price or quantity.
    #[serde(rename = "bookTicker")]
    BookTicker,
}

impl StreamKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Depth100Ms, Self::Depth1000Ms, Self::Trade, Self::BookTicker];

    /// The part of a stream's name behind the symbol.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Depth100Ms => "depth@100ms",
            Self::Depth1000Ms => "depth",
            Self::Trade => "trade",
            Self::BookTicker => "bookTicker",
        }
    }

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Depth100Ms => 0,
            Self::Depth1000Ms => 1,
            Self::Trade => 2,
            Self::BookTicker => 3,
        }
    }
}

/// One stream of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamId {
    pub(crate) instrument: usize,
    pub(crate) kind: StreamKind,
}

impl StreamId {
    /// A dense number: streams of instrument 0, then those of 1, …
    pub(crate) const fn index(self) -> usize {
        self.instrument * StreamKind::ALL.len() + self.kind.index()
    }
}

/// All streams of a simulation by name.
#[derive(Debug)]
pub(crate) struct StreamNames {
    /// Full names, by [`StreamId::index`].
    names: Vec<String>,
    by_name: std::collections::HashMap<String, StreamId>,
}

impl StreamNames {
    /// The streams of these symbols, in this order.
    pub(crate) fn new<'a>(symbols: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names = Vec::new();
        let mut by_name = std::collections::HashMap::new();
        for (instrument, symbol) in symbols.into_iter().enumerate() {
            for kind in StreamKind::ALL {
                let name = format!("{}@{}", symbol.to_lowercase(), kind.suffix());
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
        &self.names[stream.index()]
    }

    /// How many streams there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_is_found_by_its_lower_case_name_only() {
        let names = StreamNames::new(["BTCUSDT", "ÄUSDT"]);
        for instrument in 0..2 {
            for kind in StreamKind::ALL {
                let stream = StreamId { instrument, kind };
                assert_eq!(names.find(names.name(stream)), Some(stream));
            }
        }
        assert_eq!(names.name(StreamId { instrument: 1, kind: StreamKind::Depth100Ms }), "äusdt@depth@100ms");
        assert_eq!(names.find("BTCUSDT@trade"), None);
    }
}
