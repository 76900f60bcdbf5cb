//! Signed requests, and the tokens they earn.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use opus2_types::UnixNanos;
use sha2::{Digest, Sha256, Sha512};

use super::rules::KrakenRules;

/// Tokens remembered at once.
const TOKENS_LIMIT: usize = 10_000;

/// Tokens given out, and the latest nonce of the test key.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    expires: BTreeMap<String, UnixNanos>,
    given: u64,
    nonce: u64,
}

impl Tokens {
    /// A token for a signed request.
    ///
    /// # Errors
    /// The venue's error text: an unknown key, a wrong signature, a nonce that is not larger than the last.
    pub(crate) fn request(
        &mut self,
        (path, key, signature, body): (&str, &str, &str, &str),
        rules: &KrakenRules,
        now: UnixNanos,
    ) -> Result<String, &'static str> {
        if key != rules.key {
            return Err("EAPI:Invalid key");
        }
        let nonce_text = nonce_of(body).ok_or("EAPI:Invalid nonce")?;
        if sign(&rules.secret, path, &nonce_text, body).as_deref() != Some(signature) {
            return Err("EAPI:Invalid signature");
        }
        let nonce: u64 = nonce_text.parse().map_err(|_| "EAPI:Invalid nonce")?;
        if nonce <= self.nonce {
            return Err("EAPI:Invalid nonce");
        }
        self.nonce = nonce;
        self.given += 1;
        let token = STANDARD.encode(Sha256::digest(format!("token {} of {}", self.given, rules.secret)));
        if self.expires.len() >= TOKENS_LIMIT {
            self.expires.retain(|_, expires| *expires > now);
        }
        let lifetime = i64::try_from(rules.token_lifetime.as_nanos()).unwrap_or(i64::MAX);
        self.expires.insert(token.clone(), now.plus(lifetime));
        Ok(token)
    }

    /// Whether a token may be used for the first time.
    pub(crate) fn is_valid(&self, token: &str, now: UnixNanos) -> bool {
        self.expires.get(token).is_some_and(|expires| now < *expires)
    }
}

/// The nonce of a form or of a JSON object.
fn nonce_of(body: &str) -> Option<String> {
    if body.starts_with('{') {
        let body: serde_json::Value = serde_json::from_str(body).ok()?;
        return match &body["nonce"] {
            serde_json::Value::String(text) => Some(text.clone()),
            serde_json::Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
    }
    body.split('&').find_map(|field| field.strip_prefix("nonce=")).map(str::to_owned)
}

/// # Source
/// Kraken's documentation, "Authentication": `base64(HMAC-SHA512(base64decode(secret), path + SHA256(nonce + body)))`.
fn sign(secret: &str, path: &str, nonce: &str, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha512>::new_from_slice(&STANDARD.decode(secret).ok()?).ok()?;
    mac.update(path.as_bytes());
    mac.update(&Sha256::digest(format!("{nonce}{body}")));
    Some(STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_documented_one() {
        // The example of the venue's documentation.
        let secret =
            "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==";
        let body = "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25";
        let expect =
            "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==";
        assert_eq!(sign(secret, "/0/private/AddOrder", "1616492376594", body).as_deref(), Some(expect));
    }

    #[test]
    fn only_a_signed_request_with_a_new_nonce_gets_a_token() {
        let rules = KrakenRules::default();
        let mut tokens = Tokens::default();
        let now = UnixNanos(0);
        let path = "/0/private/GetWebSocketsToken";
        let mut ask = |nonce: &str, key: &str, spoil: bool| {
            let body = format!("nonce={nonce}");
            let mut signature = sign(&rules.secret, path, nonce, &body).unwrap();
            if spoil {
                signature.insert(0, 'A');
            }
            tokens.request((path, key, &signature, &body), &rules, now)
        };
        let token = ask("5", &rules.key, false).unwrap();
        assert_eq!(ask("5", &rules.key, false), Err("EAPI:Invalid nonce"));
        assert_eq!(ask("6", "other", false), Err("EAPI:Invalid key"));
        assert_eq!(ask("6", &rules.key, true), Err("EAPI:Invalid signature"));
        assert_eq!(ask("x", &rules.key, false), Err("EAPI:Invalid nonce"));
        assert_ne!(ask("6", &rules.key, false).unwrap(), token);
        assert!(tokens.is_valid(&token, UnixNanos(899_999_999_999)));
        assert!(!tokens.is_valid(&token, UnixNanos(900_000_000_000)));
        assert!(!tokens.is_valid("made up", now));
    }
}
