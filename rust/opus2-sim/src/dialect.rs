//! How a connection wants its text, by the venue it speaks to.

use opus2_types::Venue;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::binance::frame::Form;

/// Texts that differ between connections of one venue are at most this many.
pub(crate) const VARIANTS: usize = 4;

/// Stands where a frame's `sequence_num` belongs, until the connection's number is known. No venue sends it.
pub(crate) const SEQUENCE_MARK: char = '\u{0}';

/// The venue at the other end of a connection, and what it has to remember of the connection for its texts.
#[derive(Debug)]
pub(crate) enum Dialect {
    Binance(Form),
    /// Coinbase Exchange.
    Exchange,
    /// Coinbase Advanced Trade. Every message has the next number of its connection.
    Advanced {
        next_sequence: u64,
    },
    Kraken,
}

impl Dialect {
    pub(crate) const fn venue(&self) -> Venue {
        match self {
            Self::Binance(_) => Venue::Binance,
            Self::Exchange | Self::Advanced { .. } => Venue::Coinbase,
            Self::Kraken => Venue::Kraken,
        }
    }

    /// Which of the texts of a frame it wants, below [`VARIANTS`].
    pub(crate) const fn variant(&self) -> usize {
        match self {
            Self::Binance(form) => form.index(),
            _ => 0,
        }
    }

    /// The text as this connection gets it. Uses up a number where messages are numbered, so that a message that is lost
    /// afterwards leaves a hole.
    pub(crate) fn finish(&mut self, text: Utf8Bytes) -> Utf8Bytes {
        let Self::Advanced { next_sequence } = self else { return text };
        let Some((head, tail)) = text.split_once(SEQUENCE_MARK) else { return text };
        let number = *next_sequence;
        *next_sequence += 1;
        format!("{head}{number}{tail}").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_of_a_numbered_connection_has_the_next_number() {
        let mut dialect = Dialect::Advanced { next_sequence: 0 };
        let text = || Utf8Bytes::from(format!("{{\"sequence_num\":{SEQUENCE_MARK}}}"));
        for number in 0..3 {
            assert_eq!(dialect.finish(text()).as_str(), format!("{{\"sequence_num\":{number}}}"));
        }
        // An error has no envelope and therefore no number.
        assert_eq!(dialect.finish("{}".into()).as_str(), "{}");
        assert_eq!(dialect.finish(text()).as_str(), "{\"sequence_num\":3}");
    }
}
