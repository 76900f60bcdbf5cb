//! Asking for the token that `level3` needs.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use serde::Deserialize;
use sha2::{Digest as _, Sha256, Sha512};

use crate::session::SignedRequest;

/// The path of the token request.
pub const TOKEN_PATH: &str = "/0/private/GetWebSocketsToken";

/// The key of an account at the venue. It needs the permission for WebSockets, which keys do not have by default.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    key: String,
    secret: Vec<u8>,
}

/// Keys are not shown.
impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Account(…)")
    }
}

/// The secret of a key is not what the venue gives out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret of the Kraken key is not base64; copy the private key as the venue shows it")]
pub struct BadSecret;

impl Account {
    /// An account by its API key and its private key, both as the venue shows them.
    ///
    /// # Errors
    /// The private key is not base64.
    pub fn new(key: impl Into<String>, private_key: &str) -> Result<Self, BadSecret> {
        let secret = STANDARD.decode(private_key.trim()).map_err(|_| BadSecret)?;
        Ok(Self { key: key.into(), secret })
    }

    /// The request for a token. `nonce` must rise from request to request of a key.
    #[must_use]
    pub fn token_request(&self, nonce: u64) -> SignedRequest {
        let body = format!("nonce={nonce}");
        let headers = vec![
            ("API-Key", self.key.clone()),
            ("API-Sign", self.sign(TOKEN_PATH, nonce, &body)),
            ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
        ];
        SignedRequest { path: TOKEN_PATH.to_owned(), headers, body }
    }

    /// `base64(HMAC_SHA512(secret, path + SHA256(nonce + body)))`.
    fn sign(&self, path: &str, nonce: u64, body: &str) -> String {
        let digest = Sha256::new().chain_update(nonce.to_string()).chain_update(body).finalize();
        let mac = Hmac::<Sha512>::new_from_slice(&self.secret).expect("a key of any length will do");
        STANDARD.encode(mac.chain_update(path).chain_update(digest).finalize().into_bytes())
    }
}

/// Reads the body of the answer: the token, or the venue's words on why there is none.
pub(super) fn read_token(body: &[u8]) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        error: Vec<String>,
        result: Option<Granted>,
    }
    #[derive(Deserialize)]
    struct Granted {
        token: String,
    }
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|_| "the answer to the token request is unreadable".to_owned())?;
    match answer.result {
        Some(granted) if answer.error.is_empty() && !granted.token.is_empty() => Ok(granted.token),
        _ => Err(answer.error.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the venue's "Authentication" page.
    #[test]
    fn the_documented_request_has_the_documented_signature() {
        let private_key =
            "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==";
        let account = Account::new("key", private_key).unwrap();
        let nonce = 1_616_492_376_594;
        let body = format!("nonce={nonce}&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25");
        assert_eq!(
            account.sign("/0/private/AddOrder", nonce, &body),
            "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
        );
    }

    #[test]
    fn secrets_are_checked_and_not_shown() {
        assert_eq!(Account::new("key", "not base64!"), Err(BadSecret));
        let account = Account::new("public-part", "c2VjcmV0").unwrap();
        assert_eq!(format!("{account:?}"), "Account(…)");
        let request = account.token_request(7);
        assert_eq!((request.path.as_str(), request.body.as_str()), (TOKEN_PATH, "nonce=7"));
        assert!(!format!("{request:?}").contains("public-part"));
    }

    #[test]
    fn a_token_is_found_or_the_reason_is() {
        for (body, expect) in [
            (r#"{"error":[],"result":{"token":"t0","expires":900}}"#, Ok("t0")),
            (r#"{"error":["EAPI:Invalid key"]}"#, Err("EAPI:Invalid key")),
            (
                r#"{"error":["EAPI:Rate limit exceeded"],"result":{"token":"t"}}"#,
                Err("EAPI:Rate limit exceeded"),
            ),
            ("<html>", Err("the answer to the token request is unreadable")),
        ] {
            assert_eq!(read_token(body.as_bytes()), expect.map(str::to_owned).map_err(str::to_owned));
        }
    }
}
