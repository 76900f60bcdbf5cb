//! Signing subscriptions to the channels of Coinbase Exchange that need an account.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use opus2_types::UnixNanos;
use sha2::Sha256;

/// An API key of Coinbase Exchange. One that may only look is enough.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    key: String,
    passphrase: String,
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
#[error("the secret of the Coinbase key is not base64; copy it as the venue shows it")]
pub struct BadSecret;

impl Account {
    /// An account by its key, its passphrase and its secret, as the venue shows them.
    ///
    /// # Errors
    /// The secret is not base64.
    pub fn new(
        key: impl Into<String>,
        passphrase: impl Into<String>,
        secret: &str,
    ) -> Result<Self, BadSecret> {
        let secret = STANDARD.decode(secret.trim()).map_err(|_| BadSecret)?;
        Ok(Self { key: key.into(), passphrase: passphrase.into(), secret })
    }

    /// The fields that a subscription sent at `now` carries, by name.
    ///
    /// # Source
    /// Coinbase Exchange, "WebSocket Authentication", read November 2026.
    #[must_use]
    pub fn fields(&self, now: UnixNanos) -> [(&'static str, String); 4] {
        let timestamp = now.0.div_euclid(1_000_000_000).to_string();
        [
            ("key", self.key.clone()),
            ("passphrase", self.passphrase.clone()),
            ("signature", self.sign(&timestamp)),
            ("timestamp", timestamp),
        ]
    }

    /// `base64(HMAC_SHA256(secret, timestamp + "GET" + "/users/self/verify"))`.
    fn sign(&self, timestamp: &str) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("a key of any length will do");
        let signed = mac.chain_update(timestamp).chain_update("GET/users/self/verify").finalize();
        STANDARD.encode(signed.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_openssl() {
        // printf '1780000000GET/users/self/verify' | openssl dgst -sha256 -hmac 'secret' -binary | base64
        let account = Account::new("k", "p", "c2VjcmV0").unwrap();
        let [_, _, (name, signature), (_, timestamp)] = account.fields(UnixNanos(1_780_000_000_999_999_999));
        assert_eq!((name, timestamp.as_str()), ("signature", "1780000000"));
        assert_eq!(signature, "dnK/EdqcgA2MOO6SIs/CfAzM0FH7SM9INp1XYupXY90=");
    }

    #[test]
    fn secrets_are_checked_and_not_shown() {
        assert_eq!(Account::new("k", "p", "not base64!"), Err(BadSecret));
        assert_eq!(format!("{:?}", Account::new("k", "p", "c2VjcmV0")), "Ok(Account(…))");
    }
}
