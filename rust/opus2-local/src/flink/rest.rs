//! Flink's REST interface, as far as we use it.
//!
//! Source: the REST API page of the Flink 2.2 documentation.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::LocalError;

/// One request; uploading a jar and running its main method take longest.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Talks to one Flink session cluster.
#[derive(Debug, Clone)]
pub struct FlinkClient {
    base: String,
    http: Client,
}

/// What to run.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobRequest {
    /// Class with the `main` method.
    pub entry_class: String,
    /// Arguments of `main`.
    pub program_args_list: Vec<String>,
    /// How many subtasks an operator has.
    pub parallelism: u16,
    /// The savepoint to begin from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub savepoint_path: Option<String>,
}

/// The state of a job; `Other` holds those that only pass by (`CREATED`, `FAILING`, `CANCELLING`, `SUSPENDED`, …).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    /// Runs; its tasks may still be starting, see [`FlinkClient::wait_running`].
    Running,
    /// Waits for slots, or before it tries again.
    Restarting,
    /// Ended by itself, or stopped with a savepoint.
    Finished,
    /// Ended by a cancel request.
    Canceled,
    /// Ended by an error.
    Failed,
    /// Any other.
    Other(String),
}

impl JobState {
    fn parse(text: &str) -> Self {
        match text {
            "RUNNING" => Self::Running,
            "RESTARTING" => Self::Restarting,
            "FINISHED" => Self::Finished,
            "CANCELED" => Self::Canceled,
            "FAILED" => Self::Failed,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Whether it can never change again.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Finished | Self::Canceled | Self::Failed)
    }
}

/// A chain of operators that runs as one task.
#[derive(Debug, Clone, Deserialize)]
pub struct Vertex {
    /// Its id.
    pub id: String,
    /// The names of its operators, joined by Flink.
    pub name: String,
    /// Its subtasks.
    pub parallelism: u16,
    /// `RUNNING` when all subtasks are.
    pub status: String,
}

impl FlinkClient {
    /// For the cluster whose REST interface is at `base`, such as `http://127.0.0.1:8081`.
    ///
    /// # Errors
    /// [`LocalError::Http`] when no client can be made.
    pub fn new(base: &str) -> Result<Self, LocalError> {
        let http = Client::builder().timeout(REQUEST_TIMEOUT).no_proxy().build();
        let http = http.map_err(|source| LocalError::Http { request: base.to_owned(), source })?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), http })
    }

    /// The address of the web page.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The resource id of each TaskManager that is registered, or was until its heartbeats stopped a moment ago.
    ///
    /// # Errors
    /// [`LocalError::Http`] when it does not answer.
    pub async fn taskmanagers(&self) -> Result<Vec<String>, LocalError> {
        let answer = self.get("/taskmanagers").await?;
        let entries = answer["taskmanagers"].as_array().cloned().unwrap_or_default();
        Ok(entries.iter().filter_map(|entry| Some(entry["id"].as_str()?.to_owned())).collect())
    }

    /// Uploads a jar and gives its id.
    ///
    /// # Errors
    /// [`LocalError::Io`] when it cannot be read, [`LocalError::Http`], [`LocalError::Refused`].
    pub async fn upload(&self, jar: &Path) -> Result<String, LocalError> {
        let bytes = tokio::fs::read(jar).await.map_err(LocalError::io("read", jar))?;
        let name = jar.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let part = reqwest::multipart::Part::bytes(bytes).file_name(name);
        let form = reqwest::multipart::Form::new().part("jarfile", part);
        let answer = self.send(Method::POST, "/jars/upload", |request| request.multipart(form)).await?;
        // The server's path of the file; its last part is the id.
        let path = answer["filename"].as_str().unwrap_or_default();
        Ok(path.rsplit('/').next().unwrap_or_default().to_owned())
    }

    /// Runs the `main` method of an uploaded jar and gives the id of the job it submits.
    ///
    /// # Errors
    /// [`LocalError::Refused`] with Flink's reason, [`LocalError::Http`].
    pub async fn run(&self, jar: &str, job: &JobRequest) -> Result<String, LocalError> {
        let path = format!("/jars/{jar}/run");
        let answer = self.send(Method::POST, &path, |request| request.json(job)).await?;
        Ok(answer["jobid"].as_str().unwrap_or_default().to_owned())
    }

    /// The state of a job.
    ///
    /// # Errors
    /// [`LocalError::Refused`] for an unknown job, [`LocalError::Http`].
    pub async fn state(&self, job: &str) -> Result<JobState, LocalError> {
        let answer = self.get(&format!("/jobs/{job}")).await?;
        Ok(JobState::parse(answer["state"].as_str().unwrap_or("")))
    }

    /// The tasks of a job, sources first.
    ///
    /// # Errors
    /// As [`state`](Self::state).
    pub async fn vertices(&self, job: &str) -> Result<Vec<Vertex>, LocalError> {
        let answer = self.get(&format!("/jobs/{job}")).await?;
        let vertices = answer["vertices"].as_array().cloned().unwrap_or_default();
        Ok(vertices.into_iter().filter_map(|vertex| serde_json::from_value(vertex).ok()).collect())
    }

    /// Waits until every task of a job runs.
    ///
    /// # Errors
    /// [`LocalError::JobState`] with the exception that Flink kept, when it ends or after `within`.
    pub async fn wait_running(&self, job: &str, within: Duration) -> Result<(), LocalError> {
        let begin = Instant::now();
        loop {
            let state = self.state(job).await?;
            let vertices = self.vertices(job).await?;
            let is_running = !vertices.is_empty() && vertices.iter().all(|vertex| vertex.status == "RUNNING");
            if state == JobState::Running && is_running {
                return Ok(());
            }
            if state.is_final() || begin.elapsed() >= within {
                return Err(self.unexpected(job, &state, "RUNNING with all tasks").await);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Waits until a job has ended and is in `expected`.
    ///
    /// # Errors
    /// [`LocalError::JobState`] when it ends otherwise, or after `within`.
    pub async fn wait_ended(
        &self,
        job: &str,
        expected: &JobState,
        within: Duration,
    ) -> Result<(), LocalError> {
        let begin = Instant::now();
        loop {
            let state = self.state(job).await?;
            if state == *expected {
                return Ok(());
            }
            if state.is_final() || begin.elapsed() >= within {
                return Err(self.unexpected(job, &state, &format!("{expected:?}")).await);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    async fn unexpected(&self, job: &str, state: &JobState, expected: &str) -> LocalError {
        LocalError::JobState {
            job: job.to_owned(),
            state: format!("{state:?}"),
            expected: expected.to_owned(),
            cause: self.root_exception(job).await.unwrap_or_else(|| "Flink kept no exception".to_owned()),
        }
    }

    /// The exception that failed a job last, with its stack; `None` when there is none.
    pub async fn root_exception(&self, job: &str) -> Option<String> {
        let answer = self.get(&format!("/jobs/{job}/exceptions")).await.ok()?;
        let newest = &answer["exceptionHistory"]["entries"][0]["stacktrace"];
        newest.as_str().map(str::to_owned)
    }

    /// Asks a job to end without a savepoint.
    ///
    /// # Errors
    /// As [`state`](Self::state).
    pub async fn cancel(&self, job: &str) -> Result<(), LocalError> {
        self.send(Method::PATCH, &format!("/jobs/{job}?mode=cancel"), |request| request).await.map(|_| ())
    }

    /// Takes a savepoint, ends the job, and gives the savepoint's path. Sources stop first, so that nothing after the
    /// savepoint reaches a sink. With `drain`, event time ends too and every timer fires: only for a job that is not
    /// meant to go on.
    ///
    /// # Errors
    /// [`LocalError::JobState`] when the savepoint fails or takes longer than `within`.
    pub async fn stop_with_savepoint(
        &self,
        job: &str,
        drain: bool,
        within: Duration,
    ) -> Result<String, LocalError> {
        let body = json!({ "drain": drain, "formatType": "CANONICAL" });
        let path = format!("/jobs/{job}/stop");
        let answer = self.send(Method::POST, &path, |request| request.json(&body)).await?;
        let trigger = answer["request-id"].as_str().unwrap_or_default().to_owned();
        let begin = Instant::now();
        loop {
            let answer = self.get(&format!("/jobs/{job}/savepoints/{trigger}")).await?;
            let operation = &answer["operation"];
            if let Some(location) = operation["location"].as_str() {
                self.wait_ended(job, &JobState::Finished, within).await?;
                return Ok(location.to_owned());
            }
            let cause = operation["failure-cause"]["stack-trace"].as_str();
            if cause.is_some() || begin.elapsed() >= within {
                return Err(LocalError::JobState {
                    job: job.to_owned(),
                    state: "without a savepoint".to_owned(),
                    expected: format!("stopped with one within {within:?}"),
                    cause: cause.unwrap_or("Flink still works on it").to_owned(),
                });
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// How many checkpoints a job has completed, since it was last submitted.
    ///
    /// # Errors
    /// As [`state`](Self::state).
    pub async fn checkpoints_completed(&self, job: &str) -> Result<u64, LocalError> {
        let answer = self.get(&format!("/jobs/{job}/checkpoints")).await?;
        Ok(answer["counts"]["completed"].as_u64().unwrap_or(0))
    }

    /// How often a job was restarted after a failure, since it was last submitted.
    ///
    /// # Errors
    /// As [`state`](Self::state).
    pub async fn restarts(&self, job: &str) -> Result<u64, LocalError> {
        let answer = self.get(&format!("/jobs/{job}/metrics?get=numRestarts")).await?;
        Ok(answer[0]["value"].as_str().and_then(|value| value.parse().ok()).unwrap_or(0))
    }

    /// The names of a task's metrics, without the number of the subtask.
    ///
    /// # Errors
    /// As [`state`](Self::state).
    pub async fn metric_names(&self, job: &str, vertex: &str) -> Result<Vec<String>, LocalError> {
        let answer = self.get(&format!("/jobs/{job}/vertices/{vertex}/subtasks/metrics")).await?;
        let entries = answer.as_array().cloned().unwrap_or_default();
        Ok(entries.iter().filter_map(|entry| Some(entry["id"].as_str()?.to_owned())).collect())
    }

    /// A metric of a task summed over its subtasks; `None` until Flink has heard of it. At most about a second old.
    ///
    /// # Errors
    /// As [`state`](Self::state).
    pub async fn metric_sum(&self, job: &str, vertex: &str, name: &str) -> Result<Option<f64>, LocalError> {
        let path = format!("/jobs/{job}/vertices/{vertex}/subtasks/metrics");
        let query = [("get", name), ("agg", "sum")];
        let answer = self.send(Method::GET, &path, |request| request.query(&query)).await?;
        Ok(answer[0]["sum"].as_f64())
    }

    async fn get(&self, path: &str) -> Result<Value, LocalError> {
        self.send(Method::GET, path, |request| request).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Value, LocalError> {
        let request = format!("{method} {path}");
        let failed = |source| LocalError::Http { request: request.clone(), source };
        let builder = self.http.request(method, format!("{}{path}", self.base));
        let response = complete(builder).send().await.map_err(failed)?;
        let status = response.status();
        let text = response.text().await.map_err(failed)?;
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(body);
        }
        // Flink answers `{"errors": ["Internal server error.", "<stack trace>"]}`.
        let reasons = body["errors"].as_array().map(|errors| errors.iter().filter_map(Value::as_str));
        let reason = reasons.map_or(text.clone(), |reasons| reasons.collect::<Vec<_>>().join("\n"));
        Err(LocalError::Refused { request, status: status.as_u16(), reason })
    }
}
