//! `/api/v3/…`: documents, weights, limits, errors.

use opus2_sim::VenueRules;
use serde_json::{Value, json};

use crate::venue::{Venue, with_rules};

async fn check_error(venue: &Venue, path: &str, code: i64) {
    let response = venue.get(path).await;
    assert_eq!(response.status(), 400, "{path}");
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(body["code"], code, "{path}: {body}");
    assert!(body["msg"].is_string(), "{path}: {body}");
}

#[tokio::test]
async fn metadata_can_be_narrowed_to_symbols() {
    let venue = Venue::start(with_rules(VenueRules::default())).await;
    let all = venue.get_json("/api/v3/exchangeInfo").await;
    let names = |document: &Value| -> Vec<String> {
        document["symbols"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["symbol"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&all), ["BTCUSDT", "ETHUSDT", "SOLUSDT", "ETHBTC", "BTCUSDC"]);
    assert!(all["rateLimits"].as_array().unwrap().contains(
        &json!({ "rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000 })
    ));
    let some = venue.get_json("/api/v3/exchangeInfo?symbols=%5B%22ETHBTC%22,%22BTCUSDC%22%5D").await;
    assert_eq!(names(&some), ["ETHBTC", "BTCUSDC"]);
    let one = venue.get_json("/api/v3/exchangeInfo?symbol=SOLUSDT&showPermissionSets=false").await;
    assert_eq!(names(&one), ["SOLUSDT"]);
    assert!(one["symbols"][0].get("permissionSets").is_none());
    assert_eq!(names(&venue.get_json("/api/v3/exchangeInfo?symbolStatus=BREAK").await), [""; 0]);
}

#[tokio::test]
async fn wrong_parameters_get_the_documented_errors() {
    let venue = Venue::start(with_rules(VenueRules::default())).await;
    check_error(&venue, "/api/v3/depth?symbol=NOSUCH", -1121).await;
    check_error(&venue, "/api/v3/depth?symbol=btcusdt", -1121).await;
    check_error(&venue, "/api/v3/depth", -1102).await;
    check_error(&venue, "/api/v3/depth?symbol=BTCUSDT&limit=many", -1100).await;
    check_error(&venue, "/api/v3/exchangeInfo?symbol=NOSUCH", -1121).await;
    check_error(&venue, "/api/v3/exchangeInfo?symbols=BTCUSDT", -1100).await;
    check_error(&venue, "/api/v3/exchangeInfo?symbol=BTCUSDT&symbols=%5B%22ETHBTC%22%5D", -1128).await;
}

#[tokio::test]
async fn a_depth_answer_has_the_best_levels_of_each_side() {
    let venue = Venue::start(with_rules(VenueRules::default())).await;
    venue.pause().await;
    let truth = venue.truth("BTCUSDT").await;
    for (limit, expect) in [("", 100), ("&limit=5", 5), ("&limit=5000", 5000), ("&limit=9999", 5000)] {
        let depth = venue.get_json(&format!("/api/v3/depth?symbol=BTCUSDT{limit}")).await;
        assert_eq!(depth["lastUpdateId"], truth["lastUpdateId"]);
        for side in ["bids", "asks"] {
            let all = truth[side].as_array().unwrap();
            assert_eq!(depth[side].as_array().unwrap(), &all[..expect.min(all.len())], "{side} {limit}");
        }
    }
}

/// A venue that allows a weight of 300, and what it says is used after requests of 1, 1, 20, 250 and 5.
async fn used_weights() -> (Venue, Vec<u32>) {
    let venue = Venue::start(with_rules(VenueRules { weight_limit: 300, ..VenueRules::default() })).await;
    let mut used = Vec::new();
    for path in ["ping", "time", "exchangeInfo", "depth?symbol=BTCUSDT&limit=5000", "depth?symbol=BTCUSDT"] {
        let response = venue.get(&format!("/api/v3/{path}")).await;
        used.push(response.headers()["X-MBX-USED-WEIGHT-1M"].to_str().unwrap().parse().unwrap());
    }
    (venue, used)
}

#[tokio::test]
async fn every_answer_says_the_used_weight_and_too_much_is_refused() {
    let expect = [1, 2, 22, 272, 277];
    let (mut venue, used) = used_weights().await;
    if used != expect {
        // A new minute began in between; the next one is far away now.
        let again = used_weights().await;
        assert_eq!(again.1, expect);
        venue = again.0;
    }
    let refused = loop {
        let response = venue.get("/api/v3/depth?symbol=BTCUSDT&limit=1000").await;
        if response.status() != 200 {
            break response;
        }
    };
    assert_eq!(refused.status(), 429);
    let wait: u32 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let body: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!(body["code"], -1003);
}

#[tokio::test]
async fn connection_attempts_are_limited() {
    let venue = Venue::start(with_rules(VenueRules { connects_limit: 2, ..VenueRules::default() })).await;
    let mut accepted = 0;
    while venue.try_connect("/ws").await.is_ok() {
        accepted += 1;
    }
    // Four when a window of five minutes ended in between.
    assert!(accepted == 2 || accepted == 4, "{accepted}");
}
