//! Where a frame stands in Binance's numbering, read from its head alone.

use opus2_types::Channel;

use super::message::{Control, Frame, classify};
use crate::json::Scanner;
use crate::merge::Numbered;

/// Depth by `U` and `u`, trades by `t` (each one above the last), best quotes by `u` (rising). See [`Numbered`].
///
/// A frame of the combined form that does not end as one (`}}`) was cut off. Nothing is read beyond the numbers.
#[must_use]
pub fn numbering(frame: &[u8]) -> Numbered<'_> {
    match classify(frame) {
        Ok(Frame::Instrument { symbol, channel }) => {
            numbers(frame, symbol, channel).unwrap_or(Numbered::Broken)
        }
        Ok(Frame::Control(Control::ServerShutdown)) => Numbered::Closing,
        Ok(Frame::Control(Control::Reply { .. } | Control::Error { .. })) => Numbered::Plain,
        Err(_) => Numbered::Broken,
    }
}

fn numbers<'a>(frame: &'a [u8], symbol: &'a str, channel: Channel) -> Option<Numbered<'a>> {
    let kind = match channel {
        Channel::Depth => 0,
        Channel::Trade => 1,
        Channel::Quote => 2,
        _ => return Some(Numbered::Plain),
    };
    let mut scanner = Scanner::new(frame);
    scanner.expect(b'{').ok()?;
    let mut is_wrapped = false;
    let (mut first, mut last) = (None, None);
    loop {
        match scanner.key().ok()? {
            b"data" if !is_wrapped => {
                is_wrapped = true;
                scanner.expect(b'{').ok()?;
                continue;
            }
            b"U" if channel == Channel::Depth => first = Some(scanner.u64().ok()?),
            b"u" if channel != Channel::Trade => last = Some(scanner.u64().ok()?),
            b"t" if channel == Channel::Trade => last = Some(scanner.u64().ok()?),
            _ => scanner.skip_value().ok()?,
        }
        if let Some(last) = last
            && let Some(first) = first.or((channel != Channel::Depth).then_some(last))
        {
            let is_whole = frame.trim_ascii_end().ends_with(if is_wrapped { b"}}" } else { b"}" });
            return is_whole.then_some(match channel {
                Channel::Quote => Numbered::Rising { symbol, kind, number: last },
                _ => Numbered::Chained { symbol, kind, first, last },
            });
        }
        scanner.expect(b',').ok()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_numbered_message_says_its_numbers() {
        let depth = r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":157,"u":160,"b":[["1","2"]],"a":[]}}"#;
        let chained = |kind, first, last| Numbered::Chained { symbol: "btcusdt", kind, first, last };
        assert_eq!(numbering(depth.as_bytes()), chained(0, 157, 160));
        let trade =
            r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1,"s":"BTCUSDT","t":12345,"p":"0.001"}}"#;
        assert_eq!(numbering(trade.as_bytes()), chained(1, 12345, 12345));
        let quote = r#"{"stream":"btcusdt@bookTicker","data":{"u":400900217,"s":"BTCUSDT","b":"1","B":"2"}}"#;
        assert_eq!(
            numbering(quote.as_bytes()),
            Numbered::Rising { symbol: "btcusdt", kind: 2, number: 400_900_217 }
        );
        let bare = r#"{"e":"trade","E":1,"s":"BTCUSDT","t":5,"p":"0.001"}"#;
        assert_eq!(
            numbering(bare.as_bytes()),
            Numbered::Chained { symbol: "BTCUSDT", kind: 1, first: 5, last: 5 }
        );
    }

    #[test]
    fn a_frame_that_was_cut_anywhere_is_broken() {
        let depth = r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":157,"u":160,"b":[["1","2"]],"a":[]}}"#;
        for length in 0..depth.len() {
            assert_eq!(numbering(&depth.as_bytes()[..length]), Numbered::Broken, "{length}");
        }
    }

    #[test]
    fn messages_about_the_connection_have_no_number() {
        assert_eq!(numbering(br#"{"result":null,"id":1}"#), Numbered::Plain);
        assert_eq!(numbering(br#"{"error":{"code":2,"msg":"no"}}"#), Numbered::Plain);
        assert_eq!(
            numbering(br#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}"#),
            Numbered::Closing
        );
    }
}
