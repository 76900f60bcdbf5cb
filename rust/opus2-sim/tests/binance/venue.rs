//! A simulation on a free port, and clients for it.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use opus2_sim::{SimConfig, SimStats, VenueRules};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Nothing in these tests takes this long; a test that would hang fails instead.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running simulation. Stops when told to, or with the test's runtime.
pub(crate) struct Venue {
    pub(crate) address: SocketAddr,
    http: reqwest::Client,
    stop: oneshot::Sender<()>,
    served: JoinHandle<SimStats>,
}

/// A busy little market with no artificial delay.
pub(crate) fn busy() -> SimConfig {
    SimConfig { instruments: 3, messages_per_sec: 2_000.0, ..with_rules(VenueRules::default()) }
}

/// A small market at the default rate, under these rules but without an artificial delay.
pub(crate) fn with_rules(mut rules: VenueRules) -> SimConfig {
    rules.rest_latency = Duration::ZERO;
    SimConfig { rules, ..SimConfig::default() }
}

impl Venue {
    pub(crate) async fn start(config: SimConfig) -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").await.unwrap(), config)
    }

    pub(crate) fn start_on(listener: TcpListener, config: SimConfig) -> Self {
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(async move {
            let shutdown = async {
                stopped.await.ok();
            };
            opus2_sim::serve(listener, config, shutdown).await.unwrap()
        });
        Self { address, http: reqwest::Client::new(), stop, served }
    }

    /// Stops the simulation and waits for its last word.
    pub(crate) async fn stop(self) -> SimStats {
        self.stop.send(()).unwrap();
        drop(self.http);
        tokio::time::timeout(PATIENCE, self.served).await.unwrap().unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.http.get(format!("http://{}{path}", self.address)).send().await.unwrap()
    }

    pub(crate) async fn get_json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        serde_json::from_str(&response.text().await.unwrap()).unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> (u16, Value) {
        let request = self.http.post(format!("http://{}{path}", self.address));
        let response =
            request.header("content-type", "application/json").body(body.to_owned()).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    pub(crate) async fn pause(&self) {
        assert_eq!(self.post("/sim/pause", "").await.0, 200);
    }

    pub(crate) async fn resume(&self) {
        assert_eq!(self.post("/sim/resume", "").await.0, 200);
    }

    pub(crate) async fn truth(&self, symbol: &str) -> Value {
        self.get_json(&format!("/sim/truth?symbol={symbol}")).await
    }

    pub(crate) async fn stats(&self) -> Value {
        self.get_json("/sim/stats").await
    }

    pub(crate) async fn connect(&self, path: &str) -> Client {
        self.try_connect(path).await.unwrap()
    }

    pub(crate) async fn try_connect(&self, path: &str) -> Result<Client, tungstenite::Error> {
        let (socket, _) = tokio_tungstenite::connect_async(format!("ws://{}{path}", self.address)).await?;
        Ok(Client { socket })
    }
}

/// What a client saw.
#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    Text(String),
    Ping(Vec<u8>),
    /// A close frame with its code.
    Close(u16),
    /// The connection ended without one.
    End,
}

/// One WebSocket client.
pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    pub(crate) async fn next(&mut self) -> Seen {
        let message =
            tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("the venue says something");
        match message {
            Some(Ok(Message::Text(text))) => Seen::Text(text.to_string()),
            Some(Ok(Message::Ping(payload))) => Seen::Ping(payload.to_vec()),
            Some(Ok(Message::Close(frame))) => Seen::Close(frame.map_or(1005, |frame| frame.code.into())),
            Some(Ok(other)) => panic!("unexpected {other:?}"),
            Some(Err(_)) | None => Seen::End,
        }
    }

    /// The next text frame as JSON; pings on the way are answered by the WebSocket layer.
    pub(crate) async fn next_json(&mut self) -> Value {
        loop {
            match self.next().await {
                Seen::Text(text) => return serde_json::from_str(&text).unwrap(),
                Seen::Ping(_) => {}
                other => panic!("{other:?} instead of a frame"),
            }
        }
    }

    /// The next frame that is a reply or error, not a stream's.
    pub(crate) async fn next_reply(&mut self) -> Value {
        loop {
            let frame = self.next_json().await;
            if ["id", "code", "error"].iter().any(|field| frame.get(field).is_some()) {
                return frame;
            }
        }
    }

    /// How the connection ends, whatever comes before.
    pub(crate) async fn end(&mut self) -> Seen {
        loop {
            match self.next().await {
                Seen::Text(_) | Seen::Ping(_) => {}
                end => return end,
            }
        }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Sends a request and waits for its reply.
    pub(crate) async fn call(&mut self, request: &str) -> Value {
        self.send(request).await;
        self.next_reply().await
    }
}
