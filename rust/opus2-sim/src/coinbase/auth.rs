//! The signature of an authenticated subscription.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use opus2_types::UnixNanos;
use serde_json::Value;
use sha2::Sha256;

use super::rules::CoinbaseRules;

/// What is signed besides the time.
const SIGNED: &str = "GET/users/self/verify";

/// Whether a subscribe message is signed with the test credentials. `None`: it carries no signature at all.
///
/// # Source
/// Exchange documentation, "WebSocket authentication": `base64(HMAC-SHA256(base64decode(secret), timestamp + "GET" +
/// "/users/self/verify"))`, the time in seconds as a text.
pub(crate) fn verify(message: &Value, rules: &CoinbaseRules, now: UnixNanos) -> Option<bool> {
    let signature = message.get("signature")?;
    let text = |field: &str| message.get(field).and_then(Value::as_str).unwrap_or_default();
    let timestamp = text("timestamp");
    let is_fresh = timestamp.parse::<f64>().is_ok_and(|secs| {
        let age = std::time::Duration::from_nanos(now.0.unsigned_abs()).as_secs_f64() - secs;
        age.abs() <= rules.clock_tolerance.as_secs_f64()
    });
    let is_ours = text("key") == rules.key && text("passphrase") == rules.passphrase;
    let expected = signature_of(&rules.secret, timestamp)?;
    Some(is_fresh && is_ours && signature.as_str() == Some(&expected))
}

fn signature_of(secret: &str, timestamp: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(secret).ok()?).ok()?;
    mac.update(timestamp.as_bytes());
    mac.update(SIGNED.as_bytes());
    Some(STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: UnixNanos = UnixNanos(1_780_000_000_500_000_000);

    #[track_caller]
    fn check(change: impl FnOnce(&mut Value), expect: Option<bool>) {
        let rules = CoinbaseRules::default();
        // `printf '1780000000GET/users/self/verify' | openssl dgst -sha256 -mac HMAC -macopt key:…` of the test secret.
        let mut message = json!({
            "key": rules.key, "passphrase": rules.passphrase, "timestamp": "1780000000",
            "signature": "SMM8JumNlbhPiNk1sRL+9E070kCoj4dRQC+dFwUdGv4=",
        });
        change(&mut message);
        assert_eq!(verify(&message, &rules, NOW), expect, "{message}");
    }

    #[test]
    fn only_a_fresh_signature_of_the_test_key_is_accepted() {
        check(|_| {}, Some(true));
        check(|message| message["signature"] = "AAAA".into(), Some(false));
        check(|message| message["passphrase"] = "other".into(), Some(false));
        check(|message| message["timestamp"] = "1780000040".into(), Some(false));
        check(|message| message["timestamp"] = "soon".into(), Some(false));
        check(|message| drop(message.as_object_mut().map(|fields| fields.remove("signature"))), None);
    }
}
