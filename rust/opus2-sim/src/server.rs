//! Listener in, simulation out: the parts put together.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;
use axum::serve::ListenerExt;
use opus2_types::Venue;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Duration, timeout};

use crate::binance::rules::Gate;
use crate::clock::wall_now;
use crate::engine::{COMMANDS_LIMIT, Command, Engine, Question};
use crate::fault::FaultKind;
use crate::limits::Buckets;
use crate::market::Listing;
use crate::text::Symbol;
use crate::{SimConfig, SimError, SimStats, admin, binance, coinbase, kraken};

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
    buckets: Mutex<Buckets>,
}

impl Shared {
    /// The index of an instrument.
    pub(crate) fn instrument(&self, symbol: &str) -> Option<usize> {
        self.by_symbol.get(symbol).copied()
    }

    /// The index of one of Binance's instruments.
    pub(crate) fn binance(&self, symbol: &str) -> Option<usize> {
        self.instrument(symbol).filter(|instrument| self.listings[*instrument].venue == Venue::Binance)
    }

    /// The counters of what every address used. Held for one count, never across an await.
    pub(crate) fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What every address may still ask of Coinbase and Kraken. Held for one count, never across an await.
    pub(crate) fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the simulation from inside; `None` when it is over.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Engine) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, seen) = oneshot::channel();
        let question = Question(Box::new(move |engine| crate::engine::answer(reply, look(engine))));
        self.ask(Command::Ask(question), seen).await
    }

    /// The fault that happens to a request, if any.
    pub(crate) async fn request_fault(
        &self,
        venue: Venue,
        instrument: Option<usize>,
        is_snapshot: bool,
    ) -> Option<FaultKind> {
        let (reply, fault) = oneshot::channel();
        let command = Command::RequestFault { venue, instrument, is_snapshot, reply };
        self.ask(command, fault).await.flatten()
    }

    /// Sends a command and waits for its answer; `None` when the simulation is over.
    pub(crate) async fn ask<T>(&self, command: Command, answer: oneshot::Receiver<T>) -> Option<T> {
        self.commands.send(command).await.ok()?;
        answer.await.ok()
    }
}

/// A JSON answer.
pub(crate) fn json_response(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static("application/json;charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// The answer when the engine is gone.
pub(crate) fn stopping() -> Response {
    let body = json!({ "code": -1016, "msg": "This service is no longer available." }).to_string();
    json_response(StatusCode::SERVICE_UNAVAILABLE, body)
}

/// Serves the simulated venues on `listener` until `shutdown` is ready; then pauses the market, sends every connection
/// what is queued for it, closes them properly, and gives the final counts.
///
/// All venues share the listener, whose paths do not collide: Binance has REST under `/api/v3` and streams under `/stream`
/// and `/ws`, Coinbase `/products` and its feeds at `/` and `/advanced`, Kraken `/0` and `/v2`. What no venue has is under
/// `/sim` (see `docs/contracts/simulator.md`). Needs a tokio runtime with time and I/O; dropping the future stops everything at once.
///
/// # Errors
/// A setting outside its range or a fault log that cannot be written, before anything is served.
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
    let engine = Engine::new(&config, wall_now())?;
    let (commands, inbox) = mpsc::channel(COMMANDS_LIMIT);
    let listings: Vec<Listing> =
        (0..engine.floor.world.len()).map(|index| engine.floor.world.listing(index).clone()).collect();
    let by_symbol =
        listings.iter().enumerate().map(|(index, listing)| (listing.symbol.clone(), index)).collect();
    let symbols = engine.desk.symbols.clone();
    let app = routes(&config).with_state(Arc::new(Shared {
        config,
        commands,
        listings,
        symbols,
        by_symbol,
        gate: Mutex::default(),
        buckets: Mutex::default(),
    }));

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
    // Boxed: the market in it is large.
    let mut engine = Box::pin(engine.run(inbox, stopped));
    tokio::pin!(http, shutdown);
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

/// The routes of the venues there are, and the simulator's own.
fn routes(config: &SimConfig) -> Router<Arc<Shared>> {
    let venues = config.venues.iter().map(|venue| match venue {
        Venue::Coinbase => coinbase::rest::routes(),
        Venue::Kraken => kraken::rest::routes(),
        _ => binance::rest::routes(),
    });
    venues.fold(admin::routes(), Router::merge)
}

/// The engine takes this long at most: its own timeout for connections, and a little.
const ENGINE_STOP_TIMEOUT: Duration = Duration::from_secs(2);
