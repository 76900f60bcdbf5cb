//! docker-compose.yml and the Dockerfile say the same as the code: versions, ports, topics, variables, options.
//!
//! No container is started here. What this cannot find out is whether the images do as they are told.
#![expect(clippy::unwrap_used, reason = "a file without what is looked for fails the test")]

use std::collections::BTreeMap;
use std::path::Path;

use opus2_ingest::config::RawConfig;
use opus2_local::{FLINK_VERSION, JOB_CLASS, JOB_JAR, Port, Ports, local_topics};
use serde_json::Value;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn compose() -> Value {
    serde_saphyr::from_str(&read("docker-compose.yml")).unwrap()
}

fn services(compose: &Value) -> &serde_json::Map<String, Value> {
    compose["services"].as_object().unwrap()
}

fn words(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

/// The properties that a Flink service writes into its configuration.
fn flink_properties(compose: &Value, service: &str) -> BTreeMap<String, String> {
    let text = compose["services"][service]["environment"]["FLINK_PROPERTIES"].as_str().unwrap();
    let pairs = text.lines().map(|line| line.split_once(": ").unwrap());
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[test]
fn every_image_is_pinned_to_a_version() {
    let compose = compose();
    let images = services(&compose).values().map(|service| service["image"].as_str().unwrap().to_owned());
    let dockerfile = read("Dockerfile");
    let bases = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM ")?.split(' ').next());
    for image in images.chain(bases.map(str::to_owned)) {
        let (_, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{image} has no tag"));
        assert!(tag != "latest" && !tag.is_empty(), "{image}");
    }
}

#[test]
fn the_flink_image_and_the_jar_are_those_of_the_local_cluster() {
    let dockerfile = read("Dockerfile");
    assert!(dockerfile.contains(&format!("FROM flink:{FLINK_VERSION}-")), "{dockerfile}");
    assert!(dockerfile.contains(&format!("/src/{JOB_JAR} /opt/flink/usrlib/")), "{dockerfile}");
    assert!(read("gradle/versions.gradle").contains(&format!("'{FLINK_VERSION}'")));
    let rust_version =
        read("Cargo.toml").lines().find_map(|line| line.strip_prefix("rust-version = ")).map(str::to_owned);
    assert!(
        dockerfile.contains(&format!("FROM rust:{}-", rust_version.unwrap().trim_matches('"'))),
        "{dockerfile}"
    );
}

#[test]
fn published_ports_are_the_documented_ones_and_on_loopback() {
    let compose = compose();
    let ports = Ports::documented();
    let expect: [(&str, &[Port]); 6] = [
        ("redpanda", &[ports.broker]),
        ("jobmanager", &[ports.flink_web, ports.jobmanager_metrics]),
        ("taskmanager", &[ports.taskmanager_metrics]),
        ("simulator", &[ports.simulator]),
        ("ingest", &[ports.ingest_metrics]),
        ("ingest-live", &[ports.ingest_metrics]),
    ];
    for (service, ports) in expect {
        let expect: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{0}:{0}", port.number)).collect();
        assert_eq!(words(&compose["services"][service]["ports"]), expect, "{service}");
    }
    for (service, port) in
        [("jobmanager", ports.jobmanager_metrics), ("taskmanager", ports.taskmanager_metrics)]
    {
        let found = &flink_properties(&compose, service)["metrics.reporter.prom.port"];
        assert_eq!(*found, port.number.to_string(), "{service}");
    }
}

#[test]
fn topics_are_made_from_the_layout_of_the_local_cluster() {
    let compose = compose();
    let command = words(&compose["services"]["topics"]["command"]);
    assert_eq!(command[..2], ["topics", "apply"]);
    let profile = command.iter().position(|word| *word == "--profile").unwrap();
    assert_eq!(command[profile + 1], opus2_local::PROFILE_LOCAL);
    let raw = words(&compose["services"]["jobmanager"]["command"]);
    let at = raw.iter().position(|word| *word == "--raw-topics").unwrap();
    let made: Vec<String> = local_topics().into_iter().map(|topic| topic.name).collect();
    assert!(raw[at + 1].split(',').all(|topic| made.iter().any(|made| made == topic)));
    assert_eq!(raw[at + 1].split(',').collect::<Vec<_>>(), opus2_wire::topic::SOURCES);
}

#[test]
fn the_flink_image_has_the_files_that_the_job_is_given() {
    let compose = compose();
    let command = words(&compose["services"]["jobmanager"]["command"]);
    for (option, file) in [
        ("--config", "hifa.toml"),
        ("--model", "model.json"),
        ("--validation-rules", "validation_rules.yaml"),
    ] {
        let at = command.iter().position(|word| *word == option).unwrap();
        let copied = format!("config/{file} {}", command[at + 1]);
        assert!(read("Dockerfile").lines().any(|line| line.starts_with("COPY") && line.ends_with(&copied)));
    }
}

#[test]
fn ingest_knows_every_variable_it_is_given() {
    let compose = compose();
    for service in ["ingest", "ingest-live"] {
        let environment = compose["services"][service]["environment"].as_object().unwrap();
        let variables =
            environment.iter().map(|(name, text)| (name.clone(), text.as_str().unwrap().to_owned()));
        assert!(
            environment.keys().all(|name| name.starts_with(opus2_ingest::config::ENV_PREFIX)),
            "{service}"
        );
        RawConfig::load(None, variables).unwrap().validate().unwrap();
    }
}

#[test]
fn the_job_knows_every_option_it_is_given() {
    let compose = compose();
    let options = read("flink-job/src/main/java/opus2/job/JobOptions.java");
    let command = words(&compose["services"]["jobmanager"]["command"]);
    assert_eq!(&command[..3], ["standalone-job", "--job-classname", JOB_CLASS]);
    for pair in command[3..].chunks(2) {
        let name = pair[0].strip_prefix("--").unwrap();
        assert!(options.contains(&format!("(\"{name}\"")), "the job has no option {name}");
        assert_eq!(pair.len(), 2, "option {name} has no value");
    }
}

#[test]
fn services_wait_for_what_they_need_and_say_when_they_are_well() {
    let compose = compose();
    for (name, service) in services(&compose) {
        if name != "topics" && name != "taskmanager" {
            assert!(service["healthcheck"]["test"].is_array(), "{name} has no health check");
        }
        let needs = &service["depends_on"];
        let listed = needs.as_array().into_iter().flatten().filter_map(Value::as_str);
        let keyed = needs.as_object().into_iter().flat_map(|map| map.keys().map(String::as_str));
        for needed in listed.chain(keyed) {
            assert!(services(&compose).contains_key(needed), "{name} needs {needed}, which is no service");
        }
    }
}

#[test]
fn the_simulated_venue_knows_every_option_it_is_given() {
    let opus2 = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/opus2");
    assert!(opus2.is_file(), "{} is missing; build it with scripts/build", opus2.display());
    let compose = compose();
    let mut command = std::process::Command::new(opus2);
    // An unknown option before it is complained about before help is given.
    command.args(words(&compose["services"]["simulator"]["command"])).arg("--help");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
