//! One shard: the instruments of one connection, and one connection after the other.

use std::sync::Arc;
use std::time::Duration;

use opus2_types::{BookState, UnixNanos};
use tokio::sync::{mpsc, watch};

use crate::access::{Access, stopped};
use crate::backoff::Backoff;
use crate::connection::{Ended, follow};
use crate::end::End;
use crate::members::{Change, Members};

/// Some instruments and the name under which their connections are known.
#[derive(Debug)]
pub(crate) struct Shard {
    /// Unique in the process: the middle part of every connection's name.
    pub(crate) index: usize,
    pub(crate) members: Members,
    pub(crate) shared: Arc<Access>,
    /// When the daemon started: the first part of every connection's name.
    pub(crate) started: UnixNanos,
    /// The pause before its first connect.
    pub(crate) stagger: Duration,
    /// What changes about its instruments.
    pub(crate) changes: mpsc::Receiver<Change>,
}

impl Shard {
    /// Holds connections one after the other until asked to stop, or until no instrument is left.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut backoff = Backoff::new(self.shared.settings.backoff);
        let mut pause = self.stagger;
        self.shared.metrics.connections.inc();
        for attempt in 1_u64.. {
            if self.members.len() == 0 || !self.wait_for_turn(pause, &mut stop).await {
                break;
            }
            let conn = format!("{:x}-{}-{attempt}", self.started.0, self.index);
            let Ended { end, healthy } =
                follow(&self.shared, &mut self.members, &conn, &mut self.changes, &stop).await;
            self.members.compact();
            if end == End::Stopped {
                break;
            }
            // A connection that brought data has proved the venue; that was counted when it did.
            if healthy.is_zero() {
                self.shared.failed();
            }
            pause = backoff.after(healthy, end.is_orderly(), rand::random());
            self.shared.metrics.reconnect(end, &conn, pause);
        }
        self.shared.metrics.connections.dec();
    }

    /// Waits out the pause, then for the venue's turn, minding changes meanwhile. False when asked to stop, or when no
    /// instrument is left.
    async fn wait_for_turn(&mut self, pause: Duration, stop: &mut watch::Receiver<bool>) -> bool {
        let Self { shared, changes, members, .. } = self;
        let turn = async {
            tokio::time::sleep(pause).await;
            shared.wait_for_turn().await;
        };
        tokio::pin!(turn);
        loop {
            tokio::select! {
                () = &mut turn => return true,
                () = stopped(stop) => return false,
                Some(change) = changes.recv() => match change {
                    Change::Retire { symbol } => {
                        if members.retire(&symbol).is_some() {
                            shared.metrics.book_ended(BookState::Empty);
                            members.compact();
                        }
                        if members.len() == 0 {
                            return false;
                        }
                    }
                    Change::Respecify(spec) => {
                        members.respecify(&spec);
                    }
                },
            }
        }
    }
}
