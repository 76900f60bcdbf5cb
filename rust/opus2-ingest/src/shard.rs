//! One shard: the instruments of one connection, and one connection after the other.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opus2_types::UnixNanos;
use tokio::sync::watch;

use crate::backoff::{AttemptQuota, Backoff};
use crate::connection::{End, Ended, Shared, follow, stopped};
use crate::publisher::Route;

/// The window in which the venue counts connection attempts. Source: Binance WebSocket streams, "Limits".
pub(crate) const ATTEMPTS_WINDOW: Duration = Duration::from_secs(300);

/// Some instruments and the name under which their connections are known.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) index: usize,
    pub(crate) routes: Vec<Route>,
    pub(crate) shared: Arc<Shared>,
    /// When the daemon started: the first part of every connection's name.
    pub(crate) started: UnixNanos,
    pub(crate) quota: Arc<Mutex<AttemptQuota>>,
}

impl Shard {
    /// Holds connections one after the other until asked to stop.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let settings = self.shared.settings;
        let mut backoff = Backoff::new(settings.backoff);
        let first = settings.stagger.saturating_mul(u32::try_from(self.index).unwrap_or(u32::MAX));
        let mut pause = first;
        for attempt in 1_u64.. {
            if !self.wait_for_turn(pause, &mut stop).await {
                return;
            }
            let conn = format!("{:x}-{}-{attempt}", self.started.0, self.index);
            let age_max = settings.age_max.saturating_sub(settings.age_jitter_max.mul_f64(rand::random()));
            let Ended { end, healthy } = follow(&self.shared, &self.routes, &conn, age_max, &mut stop).await;
            if end == End::Stopped {
                return;
            }
            pause = backoff.after(healthy, end.is_orderly(), rand::random());
            self.shared.metrics.reconnect(end, &conn, pause);
        }
    }

    /// Waits out the pause, the quota of attempts, and a broker that takes nothing. False when asked to stop.
    async fn wait_for_turn(&self, pause: Duration, stop: &mut watch::Receiver<bool>) -> bool {
        let turn = async {
            tokio::time::sleep(pause).await;
            self.shared.publisher.half_room().await;
            while let Err(wait) = self.take_attempt() {
                tracing::warn!(secs = wait.as_secs(), "quota of connection attempts used up");
                tokio::time::sleep(wait).await;
            }
        };
        tokio::select! {
            () = turn => true,
            () = stopped(stop) => false,
        }
    }

    fn take_attempt(&self) -> Result<(), Duration> {
        self.quota.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now())
    }
}
