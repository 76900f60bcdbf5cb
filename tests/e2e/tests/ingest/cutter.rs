//! A wire between the daemon and the venue that can be cut, one connection at a time.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// Passes bytes on, until a connection is cut.
pub(crate) struct Cutter {
    pub(crate) address: SocketAddr,
    open: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Cutter {
    /// Listens on a port of its own and connects every caller to `to`.
    pub(crate) async fn start(to: String) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen for the daemon")?;
        let address = listener.local_addr()?;
        let open = Arc::new(Mutex::new(Vec::<AbortHandle>::new()));
        let handles = Arc::clone(&open);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let to = to.clone();
                let wire = tokio::spawn(async move {
                    if let Ok(mut far) = TcpStream::connect(to).await {
                        // Whatever ends it ends both sides.
                        drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
                    }
                });
                let mut handles = handles.lock().unwrap_or_else(PoisonError::into_inner);
                handles.retain(|handle| !handle.is_finished());
                handles.push(wire.abort_handle());
            }
        });
        Ok(Self { address, open })
    }

    /// Cuts the connection that has been open longest.
    pub(crate) fn cut_oldest(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|handle| !handle.is_finished());
        if !open.is_empty() {
            open.remove(0).abort();
        }
    }
}
