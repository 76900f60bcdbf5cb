//! What all connections to one venue share.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use crate::backoff::AttemptQuota;
use crate::breaker::Breaker;
use crate::clock::Clock;
use crate::config::{ConnectionSettings, VenueConfig};
use crate::metrics::Metrics;
use crate::publisher::Publisher;
use crate::rest::{self, RestClient, RestError};
use crate::snapshots::{SnapshotAnswer, SnapshotRequest};

/// What comes back to a connection from the venue's REST interface.
#[derive(Debug)]
pub enum Answer {
    /// A snapshot, or why there is none.
    Snapshot(SnapshotAnswer),
    /// A token, or why there is none.
    Token(Result<rest::Answer, RestError>),
}

/// What all connections to one venue share.
#[derive(Debug)]
pub(crate) struct Access {
    /// The venue's part of the configuration.
    pub(crate) config: VenueConfig,
    /// How to hold connections.
    pub(crate) settings: ConnectionSettings,
    /// How long to wait for room on the way to the broker.
    pub(crate) full_max: Duration,
    /// The topic of its raw records.
    pub(crate) topic: &'static str,
    pub(crate) clock: Arc<Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) rest: Arc<RestClient>,
    /// The way to snapshots.
    pub(crate) snapshots: mpsc::Sender<SnapshotRequest>,
    pub(crate) breaker: Breaker,
    pub(crate) quota: Mutex<AttemptQuota>,
}

impl Access {
    /// Waits for the venue's breaker, its quota of connection attempts, and a broker that takes something.
    pub(crate) async fn wait_for_turn(&self) {
        self.publisher.half_room().await;
        self.wait_for_breaker().await;
        while let Err(wait) = self.take_attempt() {
            if wait >= QUOTA_WAIT_LOGGED_MIN {
                tracing::warn!(venue = %self.config.venue, secs = wait.as_secs(), "quota of connection attempts used up");
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Waits until the venue may be tried. Whoever has waited says how it went.
    pub(crate) async fn wait_for_breaker(&self) {
        while let Err(wait) = self.breaker.permit(Instant::now()) {
            tokio::time::sleep(wait).await;
        }
        self.metrics.set_breaker(self.breaker.state());
    }

    /// The venue works.
    pub(crate) fn succeeded(&self) {
        self.breaker.succeeded();
        self.metrics.set_breaker(self.breaker.state());
    }

    /// The venue did not answer, or ended a connection before it was of use.
    pub(crate) fn failed(&self) {
        if self.breaker.failed(Instant::now()) {
            tracing::error!(venue = %self.config.venue, "venue does not work; it is left alone for a while");
        }
        self.metrics.set_breaker(self.breaker.state());
    }

    fn take_attempt(&self) -> Result<(), Duration> {
        self.quota.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now())
    }
}

/// Shorter waits are the pace that the venue asks for, longer ones a quota that is used up.
const QUOTA_WAIT_LOGGED_MIN: Duration = Duration::from_secs(5);

/// Waits until stopping has been asked for.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone asks for the same.
    drop(stop.wait_for(|stop| *stop).await);
}
