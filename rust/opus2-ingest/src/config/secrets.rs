//! Keys of accounts: from the environment or a file of their own, never printed.

use std::fmt;
use std::path::Path;

use opus2_types::Venue;
use serde::Deserialize;

use super::ConfigError;

/// The key of an account at a venue. Its `Debug` form shows none of it.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The key's name or text, as the venue gives it out.
    pub key: String,
    /// What requests are signed with.
    pub secret: String,
    /// Coinbase Exchange alone: what was chosen with the key.
    #[serde(default)]
    pub passphrase: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

impl Credentials {
    /// Reads a TOML file with `key`, `secret` and perhaps `passphrase`.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        // The error of the parser would quote the line, and with it the secret.
        toml::from_str(&text).map_err(|_| ConfigError::Credentials { path: path.to_owned() })
    }
}

/// What the environment says of accounts: `OPUS2_COINBASE_KEY`, `OPUS2_COINBASE_SECRET`, `OPUS2_COINBASE_PASSPHRASE`,
/// `OPUS2_KRAKEN_KEY`, `OPUS2_KRAKEN_SECRET`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Secrets {
    of: [Credentials; Venue::ALL.len()],
}

impl Secrets {
    /// Keeps the variable if it is one of ours.
    pub(super) fn take(&mut self, name: &str, text: String) {
        for venue in Venue::ALL {
            let prefix = format!("OPUS2_{}_", venue.as_str().to_ascii_uppercase());
            let of = &mut self.of[usize::from(venue.code())];
            match name.strip_prefix(&prefix) {
                Some("KEY") => of.key = text,
                Some("SECRET") => of.secret = text,
                Some("PASSPHRASE") => of.passphrase = text,
                _ => continue,
            }
            return;
        }
    }

    /// The account at a venue, if key and secret are there.
    pub(super) fn of(&self, venue: Venue) -> Option<Credentials> {
        let of = &self.of[usize::from(venue.code())];
        (!of.key.is_empty() && !of.secret.is_empty()).then(|| of.clone())
    }
}
