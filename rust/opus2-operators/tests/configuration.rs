//! `config/hifa.toml` says every parameter, with the default that the code has.

#![expect(clippy::unwrap_used, reason = "a test may panic; its helpers stand outside `#[test]` functions")]

use std::path::Path;

use opus2_hifa::SignalConfig;
use opus2_hifa::context::ContextConfig;
use opus2_hifa::decision::config::DecisionConfig;
use opus2_hifa::execution::MinNotional;
use opus2_hifa::execution::fees::FeeSchedule;
use opus2_hifa::execution::plan::ExecutionConfig;
use opus2_hifa::risk::RiskConfig;
use opus2_operators::{OPERATORS, create, with_model};
use serde::Serialize;
use serde_json::Value;

fn repository(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config").join(file)).unwrap()
}

/// The tables, each as the code's default prints itself.
fn defaults() -> Value {
    let mut execution = value(&ExecutionConfig::default());
    execution["decision"] = value(&DecisionConfig::default());
    execution["min_notional"] = value(&MinNotional::default());
    serde_json::json!({
        "signal": value(&SignalConfig::default()),
        "context": value(&ContextConfig::default()),
        "risk": value(&RiskConfig::default()),
        "execution": execution,
        "fees": value(&FeeSchedule::default()),
    })
}

fn value<T: Serialize>(config: &T) -> Value {
    serde_json::to_value(config).unwrap()
}

#[track_caller]
fn compare(at: &str, file: &Value, code: &Value) {
    match (file, code) {
        (Value::Object(file), Value::Object(code)) => {
            let keys = |table: &serde_json::Map<String, Value>| {
                let mut keys: Vec<String> = table.keys().cloned().collect();
                keys.sort();
                keys
            };
            assert_eq!(keys(file), keys(code), "keys of {at}");
            for (key, file) in file {
                compare(&format!("{at}.{key}"), file, &code[key]);
            }
        }
        (Value::Array(file), Value::Array(code)) => {
            assert_eq!(file.len(), code.len(), "{at}");
            for (index, (file, code)) in file.iter().zip(code).enumerate() {
                compare(&format!("{at}.{index}"), file, code);
            }
        }
        (Value::Number(file), Value::Number(code)) => {
            assert_eq!(file.as_f64().unwrap().to_bits(), code.as_f64().unwrap().to_bits(), "{at}");
        }
        (file, code) => assert_eq!(file, code, "{at}"),
    }
}

#[test]
fn the_file_says_every_parameter_and_its_default() {
    let file: toml::Table = repository("hifa.toml").parse().unwrap();
    compare("hifa.toml", &serde_json::to_value(file).unwrap(), &defaults());
}

#[test]
fn every_operator_starts_with_the_repositorys_files() {
    let config = with_model(&repository("hifa.toml"), &repository("model.json"));
    for operator in OPERATORS {
        create(operator, &config).unwrap_or_else(|error| panic!("{operator}: {error}"));
    }
}
