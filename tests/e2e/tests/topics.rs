//! Topics as code, on a real broker.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use opus2_local::{
    Broker, Home, Settings, Topic, TopicChange, TopicLayout, TopicPlan, apply_plan, ask_topics, install_kafka,
};

/// A broker of this test, in a folder of its own.
async fn broker(name: &str) -> Broker {
    let home = Home::find(Path::new(env!("CARGO_MANIFEST_DIR")), name).unwrap();
    let settings = Settings::from_env().unwrap().with_free_ports().unwrap();
    opus2_local::stop_all(&home).await.unwrap();
    let kafka = install_kafka(&home).unwrap();
    Broker::start(&home, &settings, &kafka).await.unwrap()
}

async fn found(broker: &Broker, wanted: &[Topic]) -> Vec<Topic> {
    let names: Vec<String> = wanted.iter().map(|topic| topic.name.clone()).collect();
    ask_topics(broker.address(), &names).await.unwrap()
}

async fn plan(broker: &Broker, wanted: &[Topic]) -> TopicPlan {
    TopicPlan::new(wanted, &found(broker, wanted).await)
}

fn setting<'a>(topics: &'a [Topic], name: &str, key: &str) -> &'a str {
    &topics.iter().find(|topic| topic.name == name).unwrap().settings[key]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_is_brought_to_the_layout_and_stays_there() {
    let broker = broker("e2e-topics").await;
    let mut wanted = TopicLayout::built_in().topics("local").unwrap();
    let first = plan(&broker, &wanted).await;
    assert!(first.changes.iter().all(|change| matches!(change, TopicChange::Create(_))));
    assert_eq!(first.changes.len(), wanted.len());
    apply_plan(broker.address(), &first).await.unwrap();
    assert_eq!(plan(&broker, &wanted).await, TopicPlan::default(), "a second time there is nothing to do");

    // A setting that the layout does not speak of must outlive a change of one that it does.
    let stranger = TopicChange::Set {
        topic: wanted[0].name.clone(),
        key: "segment.bytes".into(),
        from: None,
        to: "67108864".into(),
    };
    let by_hand = TopicPlan { changes: vec![stranger], stands: Vec::new() };
    apply_plan(broker.address(), &by_hand).await.unwrap();
    wanted[0].partitions = 6;
    wanted[0].settings.insert("retention.ms".into(), "86400000".into());
    wanted[1].partitions = 2;
    let second = plan(&broker, &wanted).await;
    assert_eq!((second.changes.len(), second.stands.len()), (2, 1), "{second:?}");
    apply_plan(broker.address(), &second).await.unwrap();
    let now = found(&broker, &wanted).await;
    let name = wanted[0].name.as_str();
    assert_eq!(setting(&now, name, "segment.bytes"), "67108864");
    assert_eq!(setting(&now, name, "retention.ms"), "86400000");
    assert_eq!(setting(&now, name, "max.message.bytes"), "67108864");
    let left = plan(&broker, &wanted).await;
    assert!(left.changes.is_empty(), "{left:?}");
    assert_eq!(left.stands.len(), 1, "partitions are never taken away");
    assert_eq!(now.iter().find(|topic| topic.name == wanted[1].name).unwrap().partitions, 4);
    broker.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_copies_than_brokers_are_refused_with_the_topics_name() {
    let broker = broker("e2e-topics-refused").await;
    let wanted = TopicLayout::built_in().topics("production").unwrap();
    let error = apply_plan(broker.address(), &plan(&broker, &wanted[..1]).await).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("binance_l2_raw") && text.contains("replication"), "{text}");
    broker.stop().await.unwrap();
}
