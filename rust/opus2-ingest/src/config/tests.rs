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
    differ("", &ours, &defaults, &mut lines);
    lines.join("\n")
}

fn differ(path: &str, ours: &toml::Table, defaults: &toml::Table, lines: &mut Vec<String>) {
    for (key, value) in ours {
        match (value, &defaults[key]) {
            (toml::Value::Table(ours), toml::Value::Table(defaults)) => {
                differ(&format!("{path}{key}."), ours, defaults, lines);
            }
            (ours, default) if ours != default => lines.push(format!("{path}{key} = {ours}")),
            _ => {}
        }
    }
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
            ("OPUS2_INGEST__VENUE__BINANCE__INSTRUMENTS", "AUSDT, BUSDT"),
            ("OPUS2_INGEST__KAFKA__CREATE_TOPICS", "true"),
            ("OPUS2_INGEST__KAFKA__LINGER_MS", "7"),
        ],
        "kafka.create_topics = true\nkafka.linger_ms = 7\nvenue.binance.instruments = [\"AUSDT\", \"BUSDT\"]",
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
    for name in [
        "OPUS2_INGEST__KAFKA",
        "OPUS2_INGEST__KAFKA__LINGER",
        "OPUS2_INGEST__CAFE__LINGER_MS",
        "OPUS2_INGEST__VENUE__BINANCE",
        "OPUS2_INGEST__VENUE__BINANCE__FEED__KIND",
    ] {
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
            "venue.binance.ws_url = \"https://x\"",
            "venue.binance.ws_url = https://x: expected ws://host or wss://host",
        ),
        (
            "venue.binance.rest_url = \"http://\"",
            "venue.binance.rest_url = http://: expected http://host or https://host",
        ),
        ("venue.binance.feed = \"full\"", "venue.binance.feed = full: expected depth"),
        (
            "[venue.kraken]\nenabled = true\ndepth = 20",
            "venue.kraken.depth = 20: expected one of 10, 25, 100, 500, 1000",
        ),
        (
            "venue.binance.instruments = []",
            "venue.binance.instruments = []: expected at least one name or pattern, as in [\"BTC/USD*\"], or quotes, or \
             top_by_volume above 0",
        ),
        (
            "venue.binance.instruments = [\"A\", \"a\"]",
            "venue.binance.instruments = a: expected every word once",
        ),
        (
            "venue.binance.instruments_per_connection = 342",
            "venue.binance.instruments_per_connection = 342: expected 1 to 341",
        ),
        (
            "[venue.coinbase]\nenabled = true\nsockets_per_connection = 2",
            "venue.coinbase.sockets_per_connection = 2: expected 1, because feed = \"level2_batch\" does not number its \
             messages: copies could not be told from repetitions",
        ),
        (
            "venue.binance.snapshot_levels = 5001",
            "venue.binance.snapshot_levels = 5001: expected 100 to 5000",
        ),
        ("venue.binance.age_secs_max = 90000", "venue.binance.age_secs_max = 90000: expected 10 to 86000"),
        ("venue.binance.weight_percent = 120", "venue.binance.weight_percent = 120: expected 1 to 100"),
        (
            "venue.binance.enabled = false",
            "venue.binance.enabled = false: expected at least one venue to be enabled",
        ),
        (
            "kafka.brokers = \"localhost\"",
            "kafka.brokers = localhost: expected host:port, several separated by commas",
        ),
        ("kafka.compression = \"zip\"", "kafka.compression = zip: expected none, gzip or lz4"),
        ("connection.breaker_failures = 0", "connection.breaker_failures = 0: expected 1 to 1000"),
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
fn a_venue_keeps_its_own_defaults_when_only_a_part_is_said() {
    check("[venue.kraken]\nenabled = true", &[], "venue.kraken.enabled = true");
    let config = RawConfig::parse("[venue.kraken]\nenabled = true\n[venue.binance]\nenabled = false");
    let venues = config.unwrap().validate().unwrap().venues;
    assert_eq!(venues.len(), 1);
    assert_eq!(venues[0].feed, FeedChoice::KrakenBook { depth: 100 });
    assert_eq!(venues[0].ws_url, "wss://ws.kraken.com");
    let config = RawConfig::parse(
        "[venue.coinbase]\nenabled = true\nfeed = \"advanced\"\ninstruments_per_connection = 50",
    );
    assert_eq!(config.unwrap().validate().unwrap().venues[1].instruments_per_connection, 30);
}

#[test]
fn a_feed_for_accounts_takes_its_keys_from_the_environment_or_a_file_and_never_shows_them() {
    let full = "[venue.coinbase]\nenabled = true\nfeed = \"full\"";
    check(
        full,
        &[("OPUS2_COINBASE_KEY", "k")],
        "venue.coinbase.feed = full: expected an account for this feed: OPUS2_COINBASE_KEY and OPUS2_COINBASE_SECRET in \
         the environment, or credentials_file",
    );
    let mut raw = RawConfig::parse(full).unwrap();
    for (name, text) in
        [("OPUS2_COINBASE_KEY", "k"), ("OPUS2_COINBASE_SECRET", "hidden"), ("OPUS2_COINBASE_PASSPHRASE", "p")]
    {
        raw.secrets.take(name, text.to_owned());
    }
    let config = raw.validate().unwrap();
    let credentials = config.venues[1].credentials.as_ref().unwrap();
    assert_eq!([&credentials.key, &credentials.secret, &credentials.passphrase], ["k", "hidden", "p"]);
    assert!(!format!("{raw:?} {config:?} {}", raw.to_toml()).contains("hidden"));

    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"key = \"k\"\nsecret = \"from a file\"").unwrap();
    raw.venue.coinbase.credentials_file = file.path().display().to_string();
    let config = raw.validate().unwrap();
    assert_eq!(config.venues[1].credentials.as_ref().unwrap().secret, "from a file");
    file.write_all(b"hidden").unwrap();
    let error = raw.validate().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hidden"), "{error}");
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
