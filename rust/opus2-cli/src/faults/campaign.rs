//! Faults in rounds: some instruments are hit, all are compared with the truth, and what was seen of it is judged.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use opus2_operators::{Entry, Operator, Output, OutputChannel, create};
use opus2_sim::embedded::Embedded;
use opus2_sim::{FaultKind, FaultRequest, SimConfig, StreamGroup};
use opus2_types::{BookState, EventBody, Level, Side, UnixNanos, VIEW_LEVELS};
use opus2_wire::event::decode_event;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::tally::Tally;
use crate::simulated::{Client, Plan, Told};

const MILLI_NANOS: i64 = 1_000_000;
const SECOND_NANOS: i64 = 1_000 * MILLI_NANOS;
/// Clients look at their connections so often.
const TURN_NANOS: i64 = MILLI_NANOS;
/// A round lasts this long at least, and until everything is well again.
const ROUND_NANOS_MIN: i64 = 2 * SECOND_NANOS;
/// It is given up after this long: a book that is not back by then is lost.
const ROUND_NANOS_MAX: i64 = 180 * SECOND_NANOS;
/// How long faults are waited for that wait for a message themselves.
const WAIT_NANOS_MAX: i64 = 10 * SECOND_NANOS;
/// An instrument is hit in one of so many rounds: a book that is lost again within half a minute waits longer for its next
/// snapshot every time, as it should.
const ROTATION: usize = 16;
/// Of how many book events of instruments that are not hit one is compared with the truth.
const SAMPLE: u64 = 16;
/// Messages that are sent twice before one is damaged: faults that must be noticed and must cost nothing.
const DUPLICATES: u32 = 4;
/// Rounds between two cuts of a connection.
const CUT_EVERY: u64 = 40;
/// Of an instrument, on average.
const MESSAGES_PER_SEC: f64 = 12.0;
/// The wall time at which the market begins.
const START: UnixNanos = UnixNanos(1_760_000_000_000_000_000);

/// What goes wrong with one message of a book.
const KINDS: [FaultKind; 6] = [
    FaultKind::Drop,
    FaultKind::Reorder,
    FaultKind::Truncate,
    FaultKind::Garbage,
    FaultKind::CrossedBook,
    FaultKind::Freeze,
];

/// What this round's clients have told.
#[derive(Default)]
struct Heard {
    /// When each book was lost in this round, first and last time.
    resyncs: BTreeMap<String, Vec<UnixNanos>>,
    ended: BTreeMap<usize, Vec<UnixNanos>>,
}

pub(super) struct Campaign {
    plan: Plan,
    sim: Embedded,
    clients: Vec<Client>,
    /// Whose instrument it is.
    client_of: BTreeMap<String, usize>,
    normalize: Box<dyn Operator>,
    out: Output,
    bytes: Vec<u8>,
    rng: ChaCha8Rng,
    victims: BTreeSet<String>,
    /// Whom a fault had struck in the round before.
    struck_before: BTreeSet<String>,
    heard: Heard,
    books_seen: u64,
    log_from: u64,
    pub(super) tally: Tally,
}

impl Campaign {
    /// Connects to a venue of so many instruments and waits until every book is there.
    pub(super) fn start(plan: Plan, instruments: usize, seed: u64) -> Result<Self> {
        let config = SimConfig {
            seed,
            venues: vec![plan.venue()],
            instruments,
            messages_per_sec: MESSAGES_PER_SEC * f64::from(u32::try_from(instruments)?),
            ..SimConfig::default()
        };
        let sim = Embedded::new(&config, START)?;
        let mut clients = Vec::new();
        for (index, specs) in plan.specs(&sim).chunks(plan.per_connection).enumerate() {
            clients.push(Client::new(plan, index, specs.to_vec(), START)?);
        }
        let mut client_of = BTreeMap::new();
        for (index, client) in clients.iter().enumerate() {
            client_of.extend(client.symbols().map(|symbol| (symbol.to_owned(), index)));
        }
        let mut campaign = Self {
            plan,
            sim,
            clients,
            client_of,
            normalize: create("normalize", "")?,
            out: Output::new(),
            bytes: Vec::new(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            victims: BTreeSet::new(),
            struck_before: BTreeSet::new(),
            heard: Heard::default(),
            books_seen: 0,
            log_from: 1,
            tally: Tally::default(),
        };
        campaign.run_until_well(ROUND_NANOS_MIN)?;
        campaign.heard = Heard::default();
        if let Some(different) = campaign.different()?.first() {
            bail!("{}: the book of {different} is wrong before any fault", plan.feed);
        }
        Ok(campaign)
    }

    /// One round: hits some instruments, waits until all is well, judges. Gives how many faults there were.
    pub(super) fn round(&mut self, number: u64) -> Result<u64> {
        self.victims.clear();
        self.heard = Heard::default();
        let rotation = usize::try_from(number).unwrap_or(0) % ROTATION;
        let hit: Vec<String> = self.client_of.keys().skip(rotation).step_by(ROTATION).cloned().collect();
        let mut longest_millis = 0;
        for symbol in hit {
            longest_millis = longest_millis.max(self.arm(&symbol)?);
            self.victims.insert(symbol);
        }
        let cut = number.is_multiple_of(CUT_EVERY).then(|| self.cut()).transpose()?.flatten();
        let freeze_nanos = i64::try_from(longest_millis).unwrap_or(0) * MILLI_NANOS;
        self.run_until_well(ROUND_NANOS_MIN + freeze_nanos)?;
        self.judge(cut)
    }

    /// Lets something go wrong with the instrument's next messages; gives for how long, ms.
    fn arm(&mut self, symbol: &str) -> Result<u64> {
        let has_checksums = self.plan.feed.depth().is_some();
        let kind = if has_checksums && self.rng.random_bool(0.15) {
            FaultKind::WrongChecksum
        } else {
            *KINDS.choose(&mut self.rng).context("there are kinds")?
        };
        let millis = self.rng.random_range(200..3_000);
        let request = |kind: FaultKind, count: u32, group: Option<StreamGroup>| FaultRequest {
            kind,
            venue: None,
            symbol: Some(symbol.to_owned()),
            stream: None,
            group,
            connection: None,
            count,
            millis,
        };
        let book = Some(StreamGroup::Book);
        let mut requests = vec![request(FaultKind::Duplicate, DUPLICATES, book), request(kind, 1, book)];
        if self.plan.has_rest_books && self.rng.random_bool(0.25) {
            requests.push(request(FaultKind::RefuseSnapshot, 1, None));
        }
        for request in requests {
            self.sim.fault(&request).map_err(anyhow::Error::msg)?;
        }
        Ok(if kind == FaultKind::Freeze { millis } else { 0 })
    }

    /// Cuts one connection.
    fn cut(&mut self) -> Result<Option<usize>> {
        let index = self.rng.random_range(0..self.clients.len());
        let Some(connection) = self.clients[index].connection() else { return Ok(None) };
        let request = FaultRequest {
            kind: FaultKind::Disconnect,
            venue: None,
            symbol: None,
            stream: None,
            group: None,
            connection: Some(connection),
            count: 1,
            millis: 0,
        };
        self.sim.fault(&request).map_err(anyhow::Error::msg)?;
        Ok(Some(index))
    }

    /// Lets time pass until every book is live and the market has had its time.
    fn run_until_well(&mut self, nanos_min: i64) -> Result<()> {
        let began = self.sim.now();
        loop {
            let now = self.sim.now().plus(TURN_NANOS);
            self.sim.advance(now);
            self.poll()?;
            let passed = now.since(began);
            if passed < nanos_min || passed % (250 * MILLI_NANOS) != 0 {
                continue;
            }
            // A loss shows with the next message: a quiet instrument takes its time.
            // A refusal waits for a request that may never come.
            let is_hit = self.sim.faults_waiting() == 0 || passed >= nanos_min + WAIT_NANOS_MAX;
            let is_over = is_hit && self.is_well() && {
                self.sim.settle();
                self.poll()?;
                self.different()?.is_empty()
            };
            if is_over || passed >= ROUND_NANOS_MAX {
                return Ok(());
            }
        }
    }

    fn is_well(&self) -> bool {
        self.clients.iter().all(|client| client.feeds().all(|(_, feed)| feed.state() == BookState::Live))
    }

    fn poll(&mut self) -> Result<()> {
        let Self { clients, sim, normalize, out, bytes, heard, victims, books_seen, tally, plan, .. } = self;
        for (index, client) in clients.iter_mut().enumerate() {
            let mut wrong = Vec::new();
            client.poll(sim, &mut |now, told| {
                match told {
                    Told::Heard(_) => {}
                    Told::Resync { symbol } => heard.resyncs.entry(symbol.to_owned()).or_default().push(now),
                    Told::Ended => heard.ended.entry(index).or_default().push(now),
                    Told::Record(record) => {
                        bytes.clear();
                        record.encode(bytes)?;
                        out.clear();
                        normalize.process(record.market, bytes, out)?;
                        tally.records += 1;
                        for entry in out.entries() {
                            let Entry::Record { channel: OutputChannel::Main, payload, .. } = entry else {
                                continue;
                            };
                            let event = decode_event(payload)?;
                            let EventBody::Book(view) = event.body else { continue };
                            *books_seen += 1;
                            let is_looked_at =
                                victims.contains(record.symbol) || books_seen.is_multiple_of(SAMPLE);
                            if plan.has_true_numbers && is_looked_at {
                                wrong.push((record.symbol.to_owned(), event.seq.last, view));
                            }
                        }
                    }
                }
                Ok(())
            })?;
            for (symbol, number, view) in wrong {
                let Some((bids, asks)) = sim.truth(&symbol, Some(number)) else { continue };
                tally.stage1_checked += 1;
                let is_right = view.bids() == &bids[..bids.len().min(VIEW_LEVELS)]
                    && view.asks() == &asks[..asks.len().min(VIEW_LEVELS)];
                if !is_right {
                    tally.stage1_wrong += 1;
                    tally.example(format!(
                        "{symbol}: stage 1 got a book at {number} that was not the venue's"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The instruments whose book is not live or not the venue's.
    fn different(&self) -> Result<Vec<String>> {
        let mut different = Vec::new();
        for client in &self.clients {
            for (symbol, feed) in client.feeds() {
                let (bids, asks) = self.sim.truth(symbol, None).context("a simulated instrument")?;
                let depth = self.plan.feed.depth().map_or(usize::MAX, usize::from);
                let equals = |side: Side, truth: &[Level]| {
                    feed.book().side(side).levels().take(depth).eq(truth.iter().copied().take(depth))
                };
                let is_equal = equals(Side::Bid, &bids) && equals(Side::Ask, &asks);
                if feed.state() != BookState::Live || !is_equal {
                    different.push(symbol.to_owned());
                }
            }
        }
        Ok(different)
    }

    fn judge(&mut self, cut: Option<usize>) -> Result<u64> {
        let different: BTreeSet<String> = self.different()?.into_iter().collect();
        let (entries, next) = self.sim.fault_log(self.log_from);
        self.log_from = next;
        for entry in &entries {
            let client = entry.symbol.as_ref().and_then(|symbol| self.client_of.get(symbol)).copied();
            let at = UnixNanos(entry.at_ns);
            let resyncs = entry.symbol.as_ref().and_then(|symbol| self.heard.resyncs.get(symbol));
            let ended = client.or(cut).and_then(|client| self.heard.ended.get(&client));
            let seen = [resyncs, ended].into_iter().flatten().flatten().filter(|seen| **seen >= at).min();
            let is_right = entry.symbol.as_ref().is_none_or(|symbol| !different.contains(symbol));
            self.tally.judge(entry, seen.map(|seen| seen.since(at)), is_right);
        }
        for symbol in different {
            self.tally.not_recovered += 1;
            self.tally.example(format!("{symbol}: not the venue's book after the round"));
        }
        // A fault may wait for its message longer than its round lasts, and may show in the round after.
        let struck: BTreeSet<String> = entries.iter().filter_map(|entry| entry.symbol.clone()).collect();
        let had_its_own = |symbol: &String| {
            self.victims.contains(symbol) || struck.contains(symbol) || self.struck_before.contains(symbol)
        };
        for symbol in self.heard.resyncs.keys() {
            let is_shared = self.client_of.get(symbol).is_some_and(|client| {
                self.plan.is_numbered_as_a_whole || self.heard.ended.contains_key(client)
            });
            if !had_its_own(symbol) && !is_shared {
                self.tally.others += 1;
                self.tally.example(format!("{symbol}: resynced without a fault of its own"));
            }
        }
        for client in self.heard.ended.keys() {
            if Some(*client) != cut && !self.plan.is_numbered_as_a_whole {
                self.tally.connections_ended += 1;
                self.tally.example(format!("connection {client} ended without being cut"));
            }
        }
        self.struck_before = struck;
        self.tally.rounds += 1;
        Ok(entries.len() as u64)
    }
}
