//! What instruments a recording has, and how they count.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use opus2_types::{Channel, FeedKind, InstrumentSpec, SpecOrigin, Venue};
use opus2_venue::binance::exchange_info::parse_exchange_info;
use opus2_venue::binance::scales::{Scales, split_symbol};
use opus2_venue::binance::{Frame, classify};

use super::Files;
use super::line::{Kind, Line, for_each_line};

/// The instruments of a recording.
#[derive(Debug)]
pub(crate) struct Survey {
    instruments: BTreeMap<String, InstrumentSpec>,
    /// The receive time of the first line: it names the recording's connections.
    pub(crate) first_recv_ts: i64,
}

impl Survey {
    /// How an instrument counts, by its symbol in upper case.
    pub(crate) fn spec(&self, symbol: &str) -> Option<&InstrumentSpec> {
        self.instruments.get(symbol)
    }

    /// The only instrument, when there is only one: whose a snapshot without an address must be.
    pub(crate) fn only_symbol(&self) -> Option<&str> {
        let mut symbols = self.instruments.keys();
        symbols.next().filter(|_| symbols.next().is_none()).map(String::as_str)
    }

    /// The instruments, by symbol.
    pub(crate) fn specs(&self) -> impl Iterator<Item = &InstrumentSpec> {
        self.instruments.values()
    }
}

/// Reads the files once.
///
/// Scales come from the venue's own metadata where the recording has it, else from the finest number each instrument
/// shows.
pub(crate) fn survey(files: &Files) -> Result<Survey> {
    let mut seen: BTreeMap<String, Scales> = BTreeMap::new();
    let mut announced: BTreeMap<String, InstrumentSpec> = BTreeMap::new();
    let mut orphan = Scales::default();
    let mut first_recv_ts = None;
    for_each_line(&files.files, "survey", |line| {
        first_recv_ts.get_or_insert(line.recv_ts().0);
        check_venue(line)?;
        match line.kind() {
            Kind::Frame => {
                if let Ok(Frame::Instrument { symbol, channel }) = classify(line.raw()) {
                    let scales = seen.entry(symbol.to_uppercase()).or_default();
                    if channel != Channel::Other {
                        // What cannot be read is counted when the recording is played.
                        scales.observe(line.raw()).ok();
                    }
                }
            }
            Kind::Body if line.url_path_ends_with("/exchangeInfo") => {
                let info = parse_exchange_info(line.raw())?;
                announced.extend(
                    info.instruments.into_iter().map(|listed| (listed.spec.symbol.clone(), listed.spec)),
                );
            }
            Kind::Body => {
                let scales = match line.url_parameter("symbol") {
                    Some(symbol) => seen.entry(symbol.to_uppercase()).or_default(),
                    None => &mut orphan,
                };
                scales.observe(line.raw()).ok();
            }
            Kind::Open | Kind::Other => {}
        }
        Ok(())
    })?;
    if let [scales] = seen.values_mut().collect::<Vec<_>>().as_mut_slice() {
        scales.price = scales.price.max(orphan.price);
        scales.qty = scales.qty.max(orphan.qty);
    }
    let instruments = seen
        .into_iter()
        .map(|(symbol, scales)| {
            let spec = announced.remove(&symbol).unwrap_or_else(|| guessed_spec(&symbol, scales));
            (symbol, spec)
        })
        .collect();
    Ok(Survey { instruments, first_recv_ts: first_recv_ts.unwrap_or(0) })
}

fn check_venue(line: &Line<'_>) -> Result<()> {
    match line.exchange.as_ref() {
        "binance" => Ok(()),
        other => {
            bail!("recordings of {other:?} cannot be played by this build; recordings of \"binance\" can")
        }
    }
}

fn guessed_spec(symbol: &str, scales: Scales) -> InstrumentSpec {
    // A symbol whose assets nobody can tell is a market of its own.
    let (base, quote) = split_symbol(symbol).unwrap_or((symbol, "?"));
    InstrumentSpec {
        venue: Venue::Binance,
        symbol: symbol.to_owned(),
        base: base.to_owned(),
        quote: quote.to_owned(),
        price_scale: scales.price,
        qty_scale: scales.qty,
        tick: 0,
        lot: 0,
        origin: SpecOrigin::Recording,
        feed: FeedKind::BinanceDepth,
    }
}
