//! Configuration: text in, types out, checked once.
//!
//! Three layers, each over the one before: the defaults below, a TOML file, the environment
//! (`OPUS2_INGEST__KAFKA__BROKERS`). [`RawConfig`] is what people write; [`Config`] is what the rest of the crate uses,
//! and nothing checks it again.

mod checked;
mod secrets;
mod tables;
mod venue;
mod venues;

use std::path::{Path, PathBuf};

pub(crate) use checked::bad;
pub use checked::{Config, ConnectionSettings, PublishSettings, RestSettings};
pub use secrets::{Credentials, Secrets};
pub use tables::{ConnectionTable, KafkaTable, LogTable, MetricsTable, RawConfig, RestTable};
pub use venue::{FeedChoice, LivenessSettings, VenueConfig};
pub use venues::{VenueTable, VenuesTable};

/// What every environment variable of this process begins with; `__` separates table and key.
pub const ENV_PREFIX: &str = "OPUS2_INGEST__";

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}; check the path given with --config", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML of this form.
    #[error("{}: not a configuration of ingest; config/ingest.toml has every key", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        #[source]
        source: toml::de::Error,
    },
    /// A variable of the environment that names no key.
    #[error("environment variable {name}: there is no key {key:?}; --print-config shows every key")]
    UnknownVariable {
        /// The variable.
        name: String,
        /// The key it would set.
        key: String,
    },
    /// A variable whose text is not of the key's type.
    #[error("environment variable {name}={text:?}: expected {expected}")]
    Variable {
        /// The variable.
        name: String,
        /// Its text.
        text: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A file of credentials that is none.
    #[error("{}: expected TOML with the texts key, secret and, for Coinbase, passphrase", path.display())]
    Credentials {
        /// The file.
        path: PathBuf,
    },
    /// A value out of bounds.
    #[error("{key} = {value}: expected {expected}")]
    Value {
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// What it should be.
        expected: String,
    },
}

impl RawConfig {
    /// Defaults, then the file, then the variables.
    ///
    /// # Errors
    /// An unreadable file, an unknown key, or a value of another type.
    pub fn load(
        path: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut raw = Self::default();
        if let Some(path) = path {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
            raw =
                Self::parse(&text).map_err(|source| ConfigError::Syntax { path: path.to_owned(), source })?;
        }
        let mut secrets = Secrets::default();
        for (name, text) in variables {
            if let Some(key) = name.strip_prefix(ENV_PREFIX) {
                raw = raw.with_variable(&name, &key.to_ascii_lowercase(), &text)?;
            } else {
                secrets.take(&name, text);
            }
        }
        raw.secrets = secrets;
        Ok(raw)
    }

    /// Reads TOML; what it does not say has its default, which differs from venue to venue.
    ///
    /// # Errors
    /// Not TOML, an unknown key, or a value of another type; each with its place.
    ///
    /// # Panics
    /// Never: tables of strings, numbers and lists always serialize.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        // Once for the errors, which know their place, and once over the defaults, of which a venue has its own.
        let _: Self = toml::from_str(text)?;
        let mut document =
            toml::Table::try_from(Self::default()).expect("tables of strings and numbers always serialize");
        lay_over(&mut document, toml::from_str(text)?);
        document.try_into()
    }

    /// As [`load`](Self::load), with the variables of this process.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with_environment(path: Option<&Path>) -> Result<Self, ConfigError> {
        // A variable that is not UTF-8 cannot be one of ours.
        let variables = std::env::vars_os()
            .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
        Self::load(path, variables)
    }

    /// The configuration as TOML.
    ///
    /// # Panics
    /// Never: tables of strings, numbers and lists always serialize.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("tables of strings, numbers and lists always serialize")
    }

    /// The key's present value says what type the text must have.
    fn with_variable(&self, name: &str, key: &str, text: &str) -> Result<Self, ConfigError> {
        let unknown = || ConfigError::UnknownVariable { name: name.into(), key: key.replace("__", ".") };
        let expected = |expected| ConfigError::Variable { name: name.into(), text: text.into(), expected };
        let mut document =
            toml::Table::try_from(self).expect("tables of strings and numbers always serialize");
        let mut parts = key.split("__");
        let first = parts.next().and_then(|part| document.get_mut(part)).ok_or_else(unknown)?;
        let value =
            parts.try_fold(first, |value, part| value.as_table_mut()?.get_mut(part)).ok_or_else(unknown)?;
        *value = match value {
            toml::Value::String(_) => text.into(),
            toml::Value::Integer(_) => text.parse::<i64>().map_err(|_| expected("a whole number"))?.into(),
            toml::Value::Boolean(_) => text.parse::<bool>().map_err(|_| expected("true or false"))?.into(),
            toml::Value::Array(_) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                items.map(toml::Value::from).collect::<Vec<_>>().into()
            }
            _ => return Err(unknown()),
        };
        document.try_into().map_err(|_| expected("a number in the range of the key"))
    }
}

/// Puts the values of `over` in the place of those of `under`, table by table.
fn lay_over(under: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(toml::Value::Table(under)), toml::Value::Table(over)) => lay_over(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
