//! What instruments a recording has, and how they count.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use opus2_types::{Channel, FeedKind, InstrumentSpec, SpecOrigin, Venue};
use opus2_venue::listing::Listing;
use opus2_venue::{binance, coinbase, kraken};

use super::Files;
use super::dialect::{About, Dialect};
use super::line::Line;
use super::source::for_each_line;

/// The instruments of a recording.
#[derive(Debug)]
pub(crate) struct Survey {
    instruments: BTreeMap<Venue, BTreeMap<String, InstrumentSpec>>,
    /// The receive time of the first line: it names the recording's connections.
    pub(crate) first_recv_ts: i64,
    /// Some of its lines are of simulated venues.
    pub(crate) is_synthetic: bool,
    /// How many lines it has.
    pub(crate) lines: u64,
}

impl Survey {
    /// How an instrument counts, by the venue's own symbol.
    pub(crate) fn spec(&self, venue: Venue, symbol: &str) -> Option<&InstrumentSpec> {
        self.instruments.get(&venue)?.get(symbol)
    }

    /// A venue's only instrument, when there is only one: whose a snapshot without an address must be.
    pub(super) fn only_symbol(&self, venue: Venue) -> Option<&str> {
        let mut symbols = self.instruments.get(&venue)?.keys();
        symbols.next().filter(|_| symbols.next().is_none()).map(String::as_str)
    }

    /// The instruments, by venue and symbol.
    pub(crate) fn specs(&self) -> impl Iterator<Item = &InstrumentSpec> {
        self.instruments.values().flat_map(BTreeMap::values)
    }
}

/// What was seen of one instrument.
#[derive(Debug, Default)]
struct Seen {
    price_scale: u8,
    qty_scale: u8,
    feed: Option<FeedKind>,
}

impl Seen {
    /// Takes in the numbers of a message. What cannot be read is counted when the recording is played.
    fn observe(&mut self, dialect: Dialect, symbol: &str, message: &[u8]) {
        let (price, qty) = match dialect {
            Dialect::Binance => {
                let mut scales = binance::scales::Scales::default();
                scales.observe(message).ok();
                (scales.price, scales.qty)
            }
            Dialect::CoinbaseExchange | Dialect::CoinbaseAdvanced => {
                let mut scales = coinbase::scales::Scales::default();
                scales.observe(message, symbol).ok();
                (scales.price, scales.qty)
            }
            Dialect::Kraken => {
                let mut scales = kraken::scales::Scales::default();
                scales.observe(message).ok();
                (scales.price, scales.qty)
            }
        };
        self.price_scale = self.price_scale.max(price);
        self.qty_scale = self.qty_scale.max(qty);
    }
}

#[derive(Default)]
struct Surveyor {
    seen: BTreeMap<(Dialect, String), Seen>,
    orphans: BTreeMap<Dialect, Seen>,
    listed: BTreeMap<(Venue, String), InstrumentSpec>,
    first_recv_ts: Option<i64>,
    is_synthetic: bool,
    lines: u64,
}

/// Reads the files once.
///
/// Scales come from the venue's own metadata where the recording has it, else from the finest number each instrument
/// shows.
pub(crate) fn survey(files: &Files) -> Result<Survey> {
    let mut surveyor = Surveyor::default();
    for_each_line(&files.files, "survey", |line| surveyor.line(line))?;
    Ok(surveyor.finish())
}

impl Surveyor {
    fn line(&mut self, line: &Line<'_>) -> Result<()> {
        self.first_recv_ts.get_or_insert(line.recv_ts().0);
        self.is_synthetic |= line.synthetic;
        self.lines += 1;
        let dialect = Dialect::of(line)?;
        match dialect.about(line, |_| None) {
            About::Instrument { symbol, channel, feed } => {
                let seen = self.see(dialect, &symbol, channel, line.raw());
                // A v1 book names its depth in every message; its subscription looks like that of v2.
                if seen.feed.is_none() || matches!(feed, Some(FeedKind::KrakenV1Book { .. })) {
                    seen.feed = feed.or(seen.feed);
                }
            }
            About::Instruments { symbols, channel } => {
                for symbol in symbols {
                    self.see(dialect, &symbol, channel, line.raw());
                }
            }
            About::SnapshotRow { symbol } => {
                self.see(dialect, &symbol, Channel::Snapshot, line.raw());
            }
            About::Subscribed { symbol, feed } => {
                self.seen.entry((dialect, symbol)).or_default().feed.get_or_insert(feed);
            }
            About::Orphan => self.orphans.entry(dialect).or_default().observe(dialect, "", line.raw()),
            About::Listing => {
                for listed in listing(dialect, line)?.instruments {
                    self.listed.insert((listed.spec.venue, listed.spec.symbol.clone()), listed.spec);
                }
            }
            About::Open | About::Control | About::Unreadable | About::Nothing => {}
        }
        Ok(())
    }

    fn see(&mut self, dialect: Dialect, symbol: &str, channel: Channel, message: &[u8]) -> &mut Seen {
        let seen = self.seen.entry((dialect, symbol.to_owned())).or_default();
        if channel != Channel::Other {
            seen.observe(dialect, symbol, message);
        }
        seen
    }

    fn finish(mut self) -> Survey {
        for (dialect, orphan) in &self.orphans {
            let mut of_dialect = self.seen.iter_mut().filter(|((of, _), _)| of == dialect);
            if let (Some((_, seen)), None) = (of_dialect.next(), of_dialect.next()) {
                seen.price_scale = seen.price_scale.max(orphan.price_scale);
                seen.qty_scale = seen.qty_scale.max(orphan.qty_scale);
            }
        }
        let mut instruments: BTreeMap<Venue, BTreeMap<String, InstrumentSpec>> = BTreeMap::new();
        for ((dialect, symbol), seen) in self.seen {
            let key = (dialect.venue(), symbol);
            let spec = match self.listed.remove(&key) {
                Some(spec) => listed_spec(spec, dialect, &seen),
                None => guessed_spec(dialect, &key.1, &seen),
            };
            instruments.entry(key.0).or_default().insert(key.1, spec);
        }
        Survey {
            instruments,
            first_recv_ts: self.first_recv_ts.unwrap_or(0),
            is_synthetic: self.is_synthetic,
            lines: self.lines,
        }
    }
}

fn listing(dialect: Dialect, line: &Line<'_>) -> Result<Listing> {
    match dialect {
        Dialect::Binance => {
            binance::parse_exchange_info(line.raw()).context("the venue's list of instruments")
        }
        Dialect::CoinbaseExchange | Dialect::CoinbaseAdvanced => Ok(Listing::default()),
        Dialect::Kraken => kraken::parse_asset_pairs(line.raw(), dialect.usual_feed())
            .context("the venue's list of instruments"),
    }
}

/// What the venue says, but with the feed that was recorded and with room for every number in it.
fn listed_spec(spec: InstrumentSpec, dialect: Dialect, seen: &Seen) -> InstrumentSpec {
    let spec = rescaled(spec, seen.price_scale, seen.qty_scale);
    InstrumentSpec { feed: seen.feed.unwrap_or(dialect.usual_feed()), ..spec }
}

/// Finer scales where the recording prints finer than its venue's list says (old protocols do).
fn rescaled(spec: InstrumentSpec, price_scale: u8, qty_scale: u8) -> InstrumentSpec {
    let finer = |step: i64, from: u8, to: u8| {
        10i64.checked_pow(u32::from(to.saturating_sub(from))).and_then(|power| step.checked_mul(power))
    };
    let price = price_scale.max(spec.price_scale);
    let qty = qty_scale.max(spec.qty_scale);
    InstrumentSpec {
        tick: finer(spec.tick, spec.price_scale, price).unwrap_or(0),
        lot: finer(spec.lot, spec.qty_scale, qty).unwrap_or(0),
        price_scale: price,
        qty_scale: qty,
        ..spec
    }
}

fn guessed_spec(dialect: Dialect, symbol: &str, seen: &Seen) -> InstrumentSpec {
    let assets = match dialect {
        Dialect::Binance => binance::scales::split_symbol(symbol),
        Dialect::CoinbaseExchange | Dialect::CoinbaseAdvanced => coinbase::scales::split_symbol(symbol),
        Dialect::Kraken => kraken::symbol::split_symbol(symbol),
    };
    // A symbol whose assets nobody can tell is a market of its own.
    let (base, quote) = assets.unwrap_or((symbol, "?"));
    InstrumentSpec {
        venue: dialect.venue(),
        symbol: symbol.to_owned(),
        base: base.to_owned(),
        quote: quote.to_owned(),
        price_scale: seen.price_scale,
        qty_scale: seen.qty_scale,
        tick: 0,
        lot: 0,
        origin: SpecOrigin::Recording,
        feed: seen.feed.unwrap_or(dialect.usual_feed()),
    }
}
