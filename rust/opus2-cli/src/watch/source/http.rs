//! One HTTP answer, of limited size, within a limited time.

use std::error::Error;

use reqwest::Client;

use crate::watch::config::{ANSWER_BYTES_LIMIT, ANSWER_LIMIT};

/// A client for sources on this machine or in its cluster.
pub(in crate::watch) fn client() -> reqwest::Result<Client> {
    Client::builder().timeout(ANSWER_LIMIT).no_proxy().build()
}

/// The body of a successful answer; otherwise why there is none, in a few words.
pub(super) async fn get(client: &Client, url: &str) -> Result<String, String> {
    let mut response = client.get(url).send().await.map_err(|error| cause(&error))?;
    if !response.status().is_success() {
        return Err(format!("answers {}", response.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| cause(&error))? {
        if body.len() + chunk.len() > ANSWER_BYTES_LIMIT {
            return Err(format!("answer above {ANSWER_BYTES_LIMIT} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    String::from_utf8(body).map_err(|_| "answer is not text".to_owned())
}

/// As [`get`], read as JSON.
pub(super) async fn get_json<T: serde::de::DeserializeOwned>(
    client: &Client,
    url: &str,
) -> Result<T, String> {
    let text = get(client, url).await?;
    serde_json::from_str(&text).map_err(|error| format!("unexpected answer: {error}"))
}

/// The innermost reason: `Connection refused` says more than `error sending request`.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer in {} s", ANSWER_LIMIT.as_secs());
    }
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    // The system appends its own number to the reason.
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
