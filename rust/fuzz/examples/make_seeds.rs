//! Writes the binary seeds: `cargo run --example make_seeds` in `rust/fuzz`, after a change of a wire format.

use std::fs;
use std::path::Path;

use opus2_operators::{Entry, Output, OutputChannel, create};
use opus2_types::{
    Channel, EventBody, FeedKind, InstrumentSpec, MakerFill, MarketEvent, OrderId, SpecOrigin, TradeEvent, UnixNanos,
    Venue,
};
use opus2_wire::event::{decode_event, encode_event};
use opus2_wire::raw::RawRecord;
use opus2_wire::spec::encode_spec;

/// A trade as a feed gives it that tells which order was filled.
fn with_maker(event: &[u8]) -> Option<Vec<u8>> {
    let event = decode_event(event).ok()?;
    let EventBody::Trade(trade) = event.body else { return None };
    let maker = Some(MakerFill { order: OrderId(7), shown: trade.qty });
    let body = EventBody::Trade(TradeEvent { maker, ..trade });
    let mut bytes = Vec::new();
    encode_event(&MarketEvent { body, ..event }, &mut bytes).ok()?;
    Some(bytes)
}

fn main() -> std::io::Result<()> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let spec = InstrumentSpec {
        venue: Venue::Binance,
        symbol: "BTCUSDT".into(),
        base: "BTC".into(),
        quote: "USDT".into(),
        price_scale: 2,
        qty_scale: 5,
        tick: 1,
        lot: 1,
        origin: SpecOrigin::Venue,
        feed: FeedKind::BinanceDepth,
    };
    let frame = |name: &str| fs::read(seeds.join("frame").join(name));
    let records = [
        ("instrument", Channel::Instrument, encode_spec(&spec).into_bytes()),
        ("depth", Channel::Depth, frame("depth.json")?),
        ("snapshot", Channel::Snapshot, frame("snapshot.json")?),
        ("quote", Channel::Quote, frame("quote.json")?),
        ("trade", Channel::Trade, frame("trade.json")?),
    ];
    let mut normalize = create("normalize", "").expect("its name is ours");
    let mut signal = create("signal", "").expect("its name is ours");
    let mut copy = create("copy", "").expect("its name is ours");
    let (mut out, mut nothing) = (Output::new(), Output::new());
    for (number, (name, channel, value)) in (1..).zip(&records) {
        let record = RawRecord {
            symbol: "BTCUSDT",
            venue: Venue::Binance,
            channel: *channel,
            market: "BTC/USD*",
            conn: "c1",
            number,
            recv_ts: UnixNanos(1_780_000_000_000_000_000 + i64::try_from(number).expect("a few records")),
            value,
        };
        let mut bytes = Vec::new();
        record.encode(&mut bytes).expect("a record of this size");
        fs::write(seeds.join("raw_record").join(name), &bytes)?;
        out.clear();
        normalize.process(record.market, &bytes, &mut out).expect("a good record");
        copy.process(record.market, &bytes, &mut nothing).expect("any record");
        for (index, entry) in out.entries().enumerate() {
            if let Entry::Record { channel: OutputChannel::Main, payload, .. } = entry {
                fs::write(seeds.join("event").join(format!("{name}-{index}")), payload)?;
                nothing.clear();
                signal.process(record.market, payload, &mut nothing).expect("normalize's own event");
                if let Some(filled) = with_maker(payload) {
                    fs::write(seeds.join("event").join(format!("{name}-{index}-maker")), &filled)?;
                    signal.process(record.market, &filled, &mut nothing).expect("as good an event");
                }
            }
        }
    }
    for (name, operator) in [("normalize", &mut normalize), ("signal", &mut signal), ("copy", &mut copy)] {
        let mut blob = Vec::new();
        operator.save("BTC/USD*", &mut blob).expect("a small state");
        fs::write(seeds.join("state_blob").join(name), blob)?;
    }
    Ok(())
}
