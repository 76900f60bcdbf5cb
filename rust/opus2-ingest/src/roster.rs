//! One venue: its list of instruments, and the shards that follow those selected, kept up to date while running.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use opus2_types::{InstrumentSpec, UnixNanos};
use opus2_venue::listing::Listing;
use opus2_venue::session::Request;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::access::{Access, stopped};
use crate::backoff::Backoff;
use crate::error::ListError;
use crate::exchange::{self, Volumes};
use crate::members::{Change, Members};
use crate::publisher::Route;
use crate::rest;
use crate::selection::Chosen;
use crate::shard::Shard;
use crate::weight::Purpose;

/// Changes that may wait for one shard. A shard takes them at once; a full queue means that the next poll tries again.
const CHANGES_LIMIT: usize = 1_024;

/// A venue's instruments and shards.
pub(crate) struct Roster {
    pub(crate) shared: Arc<Access>,
    /// Partitions of the venue's topic.
    pub(crate) partitions: u32,
    /// When the daemon started: the first part of every connection's name.
    pub(crate) started: UnixNanos,
    /// The next shard's index, over all venues.
    pub(crate) next_shard: Arc<AtomicUsize>,
    pub(crate) stop: watch::Receiver<bool>,
    shards: JoinSet<()>,
    followed: BTreeMap<String, Followed>,
    /// Told of every name that cannot be followed once, not at every poll.
    told: BTreeMap<String, String>,
}

struct Followed {
    spec: InstrumentSpec,
    changes: mpsc::Sender<Change>,
}

impl Roster {
    pub(crate) fn new(
        shared: Arc<Access>,
        partitions: u32,
        started: UnixNanos,
        next_shard: Arc<AtomicUsize>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            shared,
            partitions,
            started,
            next_shard,
            stop,
            shards: JoinSet::new(),
            followed: BTreeMap::new(),
            told: BTreeMap::new(),
        }
    }

    /// Reads the list, follows what is selected, and looks again every `listing_secs`, for ever: a venue that is down is
    /// asked again when its breaker allows. Ends when asked to stop, after its shards have.
    pub(crate) async fn run(mut self) {
        let mut stop = self.stop.clone();
        let every = self.shared.config.listing_every;
        let mut backoff = Backoff::new(self.shared.settings.backoff);
        loop {
            let listed = tokio::select! {
                listed = self.choose() => listed,
                () = stopped(&mut stop) => break,
            };
            let pause = match listed {
                Ok(chosen) => {
                    self.shared.metrics.listing_polls.add_one("ok");
                    backoff = Backoff::new(self.shared.settings.backoff);
                    self.follow(chosen);
                    every
                }
                Err(error) => {
                    self.shared.metrics.listing_polls.add_one("failed");
                    let error: &dyn std::error::Error = &error;
                    let venue = self.shared.config.venue;
                    tracing::warn!(%venue, error, "no list of instruments; what is followed stays");
                    backoff.after(Duration::ZERO, false, rand::random()).max(RETRY_MIN)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stopped(&mut stop) => break,
                Some(ended) = self.shards.join_next(), if !self.shards.is_empty() => propagate(ended),
            }
        }
        while let Some(ended) = self.shards.join_next().await {
            propagate(ended);
        }
    }

    async fn choose(&self) -> Result<Chosen, ListError> {
        let shared = &self.shared;
        let request = exchange::listing_request(&shared.config);
        let answer = self.ask(&request).await?;
        let listing = exchange::parse_listing(&shared.config, &answer.body)?;
        if let Some(limit) = listing.request_weight {
            shared.rest.set_weight_limit(limit);
        }
        let selection = &shared.config.selection;
        let volumes = if selection.wants_volumes() {
            self.volumes(&listing, &answer.body).await
        } else {
            BTreeMap::new()
        };
        let chosen = selection.choose(&listing, &volumes);
        Ok(selection.keep_followed(chosen, &listing, &volumes, |symbol| self.followed.contains_key(symbol)))
    }

    /// Without volumes the order is the venue's own: not good, but better than nothing.
    async fn volumes(&self, listing: &Listing, listing_body: &[u8]) -> BTreeMap<String, u64> {
        let venue = self.shared.config.venue;
        let volumes = match exchange::volumes_source(self.shared.config.feed) {
            Volumes::Request(request) => match self.ask(&request).await {
                Ok(answer) => exchange::parse_volumes(venue, listing, listing_body, &answer.body),
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(%venue, error, "no volumes; instruments are ranked as the venue lists them");
                    return BTreeMap::new();
                }
            },
            Volumes::InList => exchange::parse_volumes(venue, listing, listing_body, listing_body),
            Volumes::Unknown => {
                tracing::warn!(%venue, "this feed does not tell volumes; instruments are ranked as listed");
                return BTreeMap::new();
            }
        };
        volumes.unwrap_or_else(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(%venue, error, "volumes cannot be read; instruments are ranked as the venue lists them");
            BTreeMap::new()
        })
    }

    async fn ask(&self, request: &Request) -> Result<rest::Answer, ListError> {
        let shared = &self.shared;
        shared.wait_for_breaker().await;
        while let Err(pause) = shared.rest.spend(request.weight, Purpose::Start) {
            tokio::time::sleep(pause).await;
        }
        match shared.rest.get(&request.path).await {
            Ok(answer) => {
                shared.succeeded();
                Ok(answer)
            }
            Err(source) => {
                shared.failed();
                Err(ListError::Rest { url: format!("{}{}", shared.config.rest_url, request.path), source })
            }
        }
    }

    /// Makes what is followed what was chosen.
    fn follow(&mut self, chosen: Chosen) {
        let Chosen { specs, left_out, above_limit } = chosen;
        let venue = self.shared.config.venue;
        for (name, reason) in left_out {
            if self.told.get(&name) != Some(&reason) {
                tracing::error!(%venue, name, reason, "instrument left out");
                self.told.insert(name, reason);
            }
        }
        if above_limit > 0 {
            tracing::warn!(%venue, above_limit, "more instruments are selected than instruments_limit allows");
        }
        if specs.is_empty() {
            tracing::error!(%venue, "none of the instruments selected is trading at the venue");
        }
        self.retire_all_but(&specs);
        let mut newcomers = Vec::new();
        for (rank, spec) in specs.into_iter().enumerate() {
            match self.followed.get_mut(&spec.symbol) {
                Some(followed) if followed.spec == spec => {}
                Some(followed) if followed.spec.market() == spec.market() => {
                    if followed.changes.try_send(Change::Respecify(spec.clone())).is_ok() {
                        tracing::info!(%venue, instrument = spec.symbol, "counts otherwise from now on");
                        self.shared.metrics.listing_changes.add_one("respecified");
                        followed.spec = spec;
                    }
                }
                // The same name for something else: what it was is retired, what it is begins anew.
                Some(followed) => {
                    if followed.changes.try_send(Change::Retire { symbol: spec.symbol.clone() }).is_ok() {
                        newcomers.push(Route::new(spec, self.partitions, rank));
                    }
                }
                None => newcomers.push(Route::new(spec, self.partitions, rank)),
            }
        }
        self.spawn_shards(newcomers);
    }

    fn retire_all_but(&mut self, specs: &[InstrumentSpec]) {
        let wanted: std::collections::BTreeSet<&str> =
            specs.iter().map(|spec| spec.symbol.as_str()).collect();
        let shared = &self.shared;
        self.followed.retain(|symbol, followed| {
            if wanted.contains(symbol.as_str()) {
                return true;
            }
            let is_told = followed.changes.try_send(Change::Retire { symbol: symbol.clone() });
            if let Err(mpsc::error::TrySendError::Full(_)) = is_told {
                return true;
            }
            tracing::info!(venue = %shared.config.venue, instrument = symbol, "no longer followed");
            shared.metrics.listing_changes.add_one("removed");
            false
        });
    }

    fn spawn_shards(&mut self, newcomers: Vec<Route>) {
        let shared = &self.shared;
        let count = newcomers.len();
        if count == 0 {
            return;
        }
        if !self.followed.is_empty() {
            shared.metrics.listing_changes.add("added", count as u64);
        }
        shared.metrics.books_begin(count);
        let mut routes = newcomers.into_iter().peekable();
        let mut stagger = Duration::ZERO;
        let mut shards = 0;
        while routes.peek().is_some() {
            let of: Vec<Route> = routes.by_ref().take(shared.config.instruments_per_connection).collect();
            let (sender, changes) = mpsc::channel(CHANGES_LIMIT);
            for route in &of {
                let followed = Followed { spec: route.spec.clone(), changes: sender.clone() };
                self.followed.insert(route.spec.symbol.clone(), followed);
            }
            let next = Shard {
                index: self.next_shard.fetch_add(1, Ordering::Relaxed),
                members: Members::new(of),
                shared: Arc::clone(shared),
                started: self.started,
                stagger,
                changes,
            };
            self.shards.spawn(next.run(self.stop.clone()));
            stagger += shared.settings.stagger;
            shards += 1;
        }
        let venue = shared.config.venue;
        tracing::info!(%venue, instruments = count, connections = shards, topic = shared.topic, "following");
    }
}

/// No failed poll is followed by another sooner.
const RETRY_MIN: Duration = Duration::from_millis(250);

/// A shard that panicked takes the daemon with it: better to stop than to miss some instruments in silence.
fn propagate(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}
