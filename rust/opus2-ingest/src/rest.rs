//! A venue's REST interface: one client, one weight budget, every answer limited in time and size.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opus2_types::UnixNanos;
use reqwest::{Response, StatusCode, header};

use crate::clock::{Clock, Stamp};
use crate::config::RestSettings;
use crate::metrics::Metrics;
use crate::weight::{Purpose, WeightBudget};
use opus2_venue::listing::WeightLimit;
use opus2_venue::session::SignedRequest;

/// How much of an error's body is kept for the log.
const EXCERPT_BYTES_MAX: usize = 200;

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    /// The body, as the venue wrote it.
    pub body: Vec<u8>,
    /// When it was complete.
    pub stamp: Stamp,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestError {
    /// No connection, no answer in time, or an answer cut off.
    #[error("no answer from {url}")]
    Unreachable {
        /// The address asked.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// HTTP 429 or 418: all requests wait for so long.
    #[error("the venue's rate limit is broken (HTTP {status}): all requests wait {} s", pause.as_secs())]
    RateLimited {
        /// 429, or 418 for a ban.
        status: u16,
        /// How long.
        pause: Duration,
    },
    /// HTTP 403 or 451: the venue does not serve this address.
    #[error(
        "the venue refuses this address (HTTP {status}): {excerpt}; 451 means a restricted location, 403 a firewall \
         or a broken rate limit"
    )]
    Forbidden {
        /// The status.
        status: u16,
        /// The beginning of the body.
        excerpt: String,
    },
    /// Another 4xx: the request is wrong, or the instrument is not there.
    #[error("the venue refuses the request (HTTP {status}): {excerpt}")]
    Refused {
        /// The status.
        status: u16,
        /// The beginning of the body.
        excerpt: String,
    },
    /// 5xx, or a status that no answer should have.
    #[error("the venue has trouble (HTTP {status}): {excerpt}")]
    ServerError {
        /// The status.
        status: u16,
        /// The beginning of the body.
        excerpt: String,
    },
    /// The body is larger than `rest.body_bytes_limit`.
    #[error("the answer is larger than rest.body_bytes_limit = {limit}")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

impl RestError {
    /// The name in metrics: one of [`SNAPSHOT_RESULTS`](crate::metrics::SNAPSHOT_RESULTS).
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::RateLimited { .. } => "rate_limited",
            Self::Forbidden { .. } => "forbidden",
            Self::Refused { .. } => "refused",
            Self::ServerError { .. } => "server_error",
            Self::TooLarge { .. } => "too_large",
        }
    }

    /// True when asking again cannot help until somebody changes something.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        match self {
            Self::Forbidden { status, .. } => *status == 451,
            Self::Refused { .. } | Self::TooLarge { .. } => true,
            Self::Unreachable { .. } | Self::RateLimited { .. } | Self::ServerError { .. } => false,
        }
    }
}

/// The client of one venue's REST interface. Access by everything in the process, because the venue counts by address.
pub struct RestClient {
    http: reqwest::Client,
    base: String,
    settings: RestSettings,
    weight_percent: u32,
    clock: Arc<Clock>,
    budget: Mutex<WeightBudget>,
    metrics: Arc<Metrics>,
}

impl std::fmt::Debug for RestClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RestClient").field("base", &self.base).finish_non_exhaustive()
    }
}

impl RestClient {
    /// A client of the interface at `base`, which may use `weight_percent` of the venue's `limit`.
    ///
    /// # Errors
    /// The TLS library cannot be set up.
    pub fn new(
        base: String,
        settings: RestSettings,
        (limit, weight_percent): (WeightLimit, u32),
        clock: Arc<Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, RestError> {
        let mut builder = reqwest::Client::builder()
            .timeout(settings.timeout)
            .user_agent(concat!("opus2-ingest/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&base) {
            // A proxy could not reach a simulated venue on this machine.
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|source| RestError::Unreachable { url: base.clone(), source })?;
        let client = Self {
            http,
            base,
            settings,
            weight_percent,
            clock,
            budget: Mutex::new(WeightBudget::new(0, limit.interval_secs)),
            metrics,
        };
        client.set_weight_limit(limit);
        Ok(client)
    }

    /// The venue's limit; the budget is `weight_percent` of it.
    pub fn set_weight_limit(&self, limit: WeightLimit) {
        let share = u64::from(limit.weight) * u64::from(self.weight_percent) / 100;
        let budget = u32::try_from(share).unwrap_or(u32::MAX);
        self.with_budget(|own| own.set_limit(budget, limit.interval_secs));
        self.metrics.rest_weight_budget.set(i64::from(budget));
    }

    /// Takes weight from the budget, or says how long to wait.
    ///
    /// # Errors
    /// The time after which it is worth asking again.
    pub fn spend(&self, weight: u32, purpose: Purpose) -> Result<(), Duration> {
        let now = self.clock.now().recv_ts;
        self.with_budget(|budget| budget.take(weight, purpose, now)).map_err(|until| {
            Duration::from_nanos(u64::try_from(until.since(now)).unwrap_or(0)).max(Duration::from_millis(1))
        })
    }

    /// Asks for a path that has been paid for.
    ///
    /// # Errors
    /// [`RestError`]; after HTTP 429, 418 or 403 the whole client pauses as well.
    pub async fn get(&self, path: &str) -> Result<Answer, RestError> {
        let url = format!("{}{path}", self.base);
        self.ask(self.http.get(&url), url).await
    }

    /// Makes a request of an account that has been paid for.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn post(&self, request: SignedRequest) -> Result<Answer, RestError> {
        let url = format!("{}{}", self.base, request.path);
        let builder = request
            .headers
            .iter()
            .fold(self.http.post(&url), |builder, (name, value)| builder.header(*name, value));
        self.ask(builder.body(request.body), url).await
    }

    async fn ask(&self, request: reqwest::RequestBuilder, url: String) -> Result<Answer, RestError> {
        let unreachable = |source: reqwest::Error| RestError::Unreachable {
            url: url.clone(),
            source: source.without_url(),
        };
        let mut response = request.send().await.map_err(unreachable)?;
        self.observe_weight(&response);
        let status = response.status();
        let limit = if status.is_success() { self.settings.body_bytes_limit } else { EXCERPT_BYTES_MAX };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > limit {
                if status.is_success() {
                    return Err(RestError::TooLarge { limit });
                }
                body.extend_from_slice(&chunk[..limit - body.len()]);
                break;
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(Answer { body, stamp: self.clock.now() });
        }
        Err(self.refusal(status, retry_after(&response), &String::from_utf8_lossy(&body)))
    }

    fn refusal(&self, status: StatusCode, retry_after: Option<Duration>, excerpt: &str) -> RestError {
        let (status, excerpt) = (status.as_u16(), excerpt.to_owned());
        let pause = match status {
            429 => retry_after.unwrap_or(Duration::from_secs(60)),
            // A ban. Asking during one makes it longer.
            418 => retry_after.unwrap_or(Duration::from_secs(180)),
            403 => retry_after.unwrap_or(Duration::from_secs(300)),
            _ => Duration::ZERO,
        };
        if !pause.is_zero() {
            let nanos = i64::try_from(pause.min(PAUSE_MAX).as_nanos()).unwrap_or(i64::MAX);
            let until = self.clock.now().recv_ts.plus(nanos);
            self.with_budget(|budget| budget.pause(until));
            tracing::error!(status, pause_secs = pause.as_secs(), excerpt, "venue stops our REST requests");
        }
        match status {
            418 | 429 => RestError::RateLimited { status, pause },
            403 | 451 => RestError::Forbidden { status, excerpt },
            400..=499 => RestError::Refused { status, excerpt },
            _ => RestError::ServerError { status, excerpt },
        }
    }

    fn observe_weight(&self, response: &Response) {
        let used = response
            .headers()
            .get("x-mbx-used-weight-1m")
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let now = self.clock.now().recv_ts;
        let used = self.with_budget(|budget| {
            if let Some(used) = used {
                budget.observe(used, now);
            }
            budget.used()
        });
        self.metrics.rest_weight_used.set(i64::from(used));
    }

    fn with_budget<T>(&self, act: impl FnOnce(&mut WeightBudget) -> T) -> T {
        act(&mut self.budget.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The time now, for answers.
    #[must_use]
    pub fn now(&self) -> UnixNanos {
        self.clock.now().recv_ts
    }
}

/// The longest ban the venue gives.
const PAUSE_MAX: Duration = Duration::from_secs(3 * 24 * 3600);

fn retry_after(response: &Response) -> Option<Duration> {
    let secs = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(secs))
}

fn is_loopback(base: &str) -> bool {
    let host = base.split_once("://").map_or(base, |(_, rest)| rest);
    ["127.", "localhost", "[::1]"].iter().any(|prefix| host.starts_with(prefix))
}
