//! Listener in, simulation out: the parts put together.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Duration, timeout};

use crate::binance::frame::Symbol;
use crate::binance::rest;
use crate::binance::rules::Gate;
use crate::engine::{COMMANDS_LIMIT, Command, Engine};
use crate::market::Listing;
use crate::{SimConfig, SimError, SimStats, admin};

/// After the engine has stopped, HTTP requests under way have this long.
const HTTP_STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// What every request sees.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: SimConfig,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) listings: Vec<Listing>,
    pub(crate) symbols: Arc<[Symbol]>,
    by_symbol: HashMap<String, usize>,
    gate: Mutex<Gate>,
}

impl Shared {
    /// The index of an instrument.
    pub(crate) fn instrument(&self, symbol: &str) -> Option<usize> {
        self.by_symbol.get(symbol).copied()
    }

    /// The counters of what every address used. Held for one count, never across an await.
    pub(crate) fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a command and waits for its answer; `None` when the simulation is over.
    pub(crate) async fn ask<T>(&self, command: Command, answer: oneshot::Receiver<T>) -> Option<T> {
        self.commands.send(command).await.ok()?;
        answer.await.ok()
    }
}

/// Serves a simulated Binance on `listener` until `shutdown` is ready; then pauses the market, sends every connection
/// what is queued for it, closes them properly, and gives the final counts.
///
/// REST is under `/api/v3`, streams under `/stream` and `/ws`, and what no venue has under `/sim` (see
/// `docs/contracts/simulator.md`). Needs a tokio runtime with time and I/O; dropping the future stops everything at once.
///
/// # Errors
/// A setting outside its range, before anything is served.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let address = listener.local_addr()?;
/// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
/// let simulation = opus2_sim::serve(listener, opus2_sim::SimConfig::default(), async {
///     stopped.await.ok();
/// });
/// let simulation = tokio::spawn(simulation);
/// // … use http://{address}/api/v3/depth?symbol=BTCUSDT and ws://{address}/stream?streams=btcusdt@trade …
/// drop(stop);
/// let stats = simulation.await??;
/// assert_eq!(stats.instruments.len(), 5);
/// # let _ = address;
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
pub async fn serve(
    listener: TcpListener,
    config: SimConfig,
    shutdown: impl Future<Output = ()>,
) -> Result<SimStats, SimError> {
    config.validate()?;
    let engine = Engine::new(&config);
    let (commands, inbox) = mpsc::channel(COMMANDS_LIMIT);
    let listings: Vec<Listing> =
        (0..engine.world().len()).map(|index| engine.world().listing(index).clone()).collect();
    let by_symbol =
        listings.iter().enumerate().map(|(index, listing)| (listing.spec.symbol.clone(), index)).collect();
    let symbols = engine.symbols();
    let shared = Arc::new(Shared { config, commands, listings, symbols, by_symbol, gate: Mutex::default() });
    let app: Router = rest::routes().merge(admin::routes()).with_state(shared);

    let (stop, stopped) = watch::channel(false);
    // Frames are small and latency is the point: never wait for a fuller packet.
    let listener = listener.tap_io(|tcp| {
        if let Err(error) = tcp.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
    });
    let http_stopped = {
        let mut stopped = stopped.clone();
        async move {
            drop(stopped.wait_for(|stop| *stop).await);
        }
    };
    let http = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(http_stopped)
        .into_future();
    let engine = engine.run(inbox, stopped);
    tokio::pin!(http, engine, shutdown);
    let stats = tokio::select! {
        stats = &mut engine => return Ok(stats),
        served = &mut http => return Err(SimError::Serve { source: served.err().unwrap_or_else(|| std::io::ErrorKind::Other.into()) }),
        () = &mut shutdown => {
            tracing::info!("stopping");
            stop.send_replace(true);
            // Both go on: connections can only report their end while somebody serves them.
            let (stats, http) = tokio::join!(engine, timeout(HTTP_STOP_TIMEOUT + ENGINE_STOP_TIMEOUT, http));
            if http.is_err() {
                tracing::debug!("requests under way were cut off");
            }
            stats
        }
    };
    Ok(stats)
}

/// The engine takes this long at most: its own timeout for connections, and a little.
const ENGINE_STOP_TIMEOUT: Duration = Duration::from_secs(2);
