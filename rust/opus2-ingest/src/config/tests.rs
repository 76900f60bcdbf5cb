//! The three layers, and every message a wrong value gets.

use std::io::Write as _;

use super::*;

/// The file and the variables, and what becomes of them: one `table.key = value` line for each key that is not as by
/// default, or the error with its causes.
#[track_caller]
fn check(file: &str, variables: &[(&str, &str)], expect: &str) {
    let mut path = tempfile::NamedTempFile::new().unwrap();
    path.write_all(file.as_bytes()).unwrap();
    let variables = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let result = RawConfig::load(Some(path.path()), variables).and_then(|raw| raw.validate().map(|_| raw));
    let text = match result {
        Ok(raw) => differences(&raw),
        Err(error) => {
            let causes =
                std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            format!("{error}{causes}").replace(&path.path().display().to_string(), "FILE")
        }
    };
    assert_eq!(text.trim(), expect);
}

fn differences(raw: &RawConfig) -> String {
    let (ours, defaults) =
        (toml::Table::try_from(raw).unwrap(), toml::Table::try_from(RawConfig::default()).unwrap());
    let mut lines = Vec::new();
    for (table, keys) in &ours {
        for (key, value) in keys.as_table().unwrap() {
            if defaults[table][key] != *value {
                lines.push(format!("{table}.{key} = {value}"));
            }
        }
    }
    lines.join("\n")
}

#[test]
fn the_environment_is_over_the_file_is_over_the_defaults() {
    check("", &[], "");
    check(
        "[kafka]\nbrokers = \"a:1\"\nlinger_ms = 3",
        &[("OPUS2_INGEST__KAFKA__BROKERS", "b:2,c:3"), ("OTHER", "x")],
        "kafka.brokers = \"b:2,c:3\"\nkafka.linger_ms = 3",
    );
}

#[test]
fn variables_take_the_type_of_their_key() {
    check(
        "",
        &[
            ("OPUS2_INGEST__VENUE__INSTRUMENTS", "AUSDT, BUSDT"),
            ("OPUS2_INGEST__KAFKA__CREATE_TOPICS", "true"),
            ("OPUS2_INGEST__KAFKA__LINGER_MS", "7"),
        ],
        "kafka.create_topics = true\nkafka.linger_ms = 7\nvenue.instruments = [\"AUSDT\", \"BUSDT\"]",
    );
    check(
        "",
        &[("OPUS2_INGEST__KAFKA__LINGER_MS", "soon")],
        "environment variable OPUS2_INGEST__KAFKA__LINGER_MS=\"soon\": expected a whole number",
    );
    check(
        "",
        &[("OPUS2_INGEST__KAFKA__LINGER_MS", "-1")],
        "environment variable OPUS2_INGEST__KAFKA__LINGER_MS=\"-1\": expected a number in the range of the key",
    );
    for name in ["OPUS2_INGEST__KAFKA", "OPUS2_INGEST__KAFKA__LINGER", "OPUS2_INGEST__CAFE__LINGER_MS"] {
        let key = name.strip_prefix(ENV_PREFIX).unwrap().to_ascii_lowercase().replace("__", ".");
        let expect =
            format!("environment variable {name}: there is no key {key:?}; --print-config shows every key");
        check("", &[(name, "7")], &expect);
    }
}

#[test]
fn an_unknown_key_is_an_error_with_its_place() {
    check(
        "[kafka]\nbroker = \"a:1\"",
        &[],
        "FILE: not a configuration of ingest; config/ingest.toml has every key: TOML parse error at line 2, column 1\n  \
         |\n2 | broker = \"a:1\"\n  | ^^^^^^\nunknown field `broker`, expected one of `brokers`, `linger_ms`, \
         `compression`, `in_flight_records_limit`, `in_flight_bytes_limit`, `record_bytes_limit`, `full_secs_max`, \
         `delivery_secs_max`, `startup_secs_max`, `flush_secs_max`, `create_topics`, `partitions`",
    );
}

#[test]
fn a_value_out_of_bounds_names_its_key_and_the_bounds() {
    for (file, expect) in [
        (
            "venue.name = \"mtgox\"",
            "venue.name = mtgox: expected binance; other venues are not supported yet",
        ),
        ("venue.ws_url = \"https://x\"", "venue.ws_url = https://x: expected ws://host or wss://host"),
        ("venue.rest_url = \"http://\"", "venue.rest_url = http://: expected http://host or https://host"),
        (
            "venue.instruments = []",
            "venue.instruments = []: expected at least one symbol, as in [\"BTCUSDT\"]",
        ),
        ("venue.instruments = [\"A\", \"a\"]", "venue.instruments = a: expected every symbol once"),
        (
            "venue.instruments_per_connection = 342",
            "venue.instruments_per_connection = 342: expected 1 to 341",
        ),
        ("venue.snapshot_levels = 5001", "venue.snapshot_levels = 5001: expected 1 to 5000"),
        (
            "kafka.brokers = \"localhost\"",
            "kafka.brokers = localhost: expected host:port, several separated by commas",
        ),
        ("kafka.compression = \"zip\"", "kafka.compression = zip: expected none, gzip or lz4"),
        ("connection.age_secs_max = 90000", "connection.age_secs_max = 90000: expected 60 to 86000"),
        ("rest.weight_percent = 120", "rest.weight_percent = 120: expected 1 to 100"),
        (
            "metrics.listen = \"9464\"",
            "metrics.listen = 9464: expected an address with a port, as in 127.0.0.1:9464",
        ),
        ("log.format = \"xml\"", "log.format = xml: expected text or json"),
    ] {
        check(file, &[], expect);
    }
}

#[test]
fn a_missing_file_says_which() {
    let error = RawConfig::load(Some(Path::new("/no/such/file")), []).unwrap_err();
    assert_eq!(error.to_string(), "cannot read /no/such/file; check the path given with --config");
}

#[test]
fn the_shipped_file_has_every_key_with_its_default() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/ingest.toml");
    let raw = RawConfig::load(Some(&path), []).unwrap();
    raw.validate().unwrap();
    assert_eq!(raw, RawConfig::default());
    let shipped: toml::Table = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(shipped, toml::Table::try_from(RawConfig::default()).unwrap());
}

#[test]
fn what_is_printed_can_be_read() {
    let raw: RawConfig = toml::from_str(&RawConfig::default().to_toml()).unwrap();
    assert_eq!(raw, RawConfig::default());
}
