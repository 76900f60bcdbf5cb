//! Many instruments at all venues.

use opus2_sim::SimConfig;
use opus2_types::Venue as VenueName;

use crate::venue::{Venue, with_rules};

#[tokio::test]
async fn three_thousand_instruments_of_three_venues_are_listed() {
    let config = SimConfig {
        venues: VenueName::ALL.to_vec(),
        instruments: 3_000,
        messages_per_sec: 1_000.0,
        ..with_rules(opus2_sim::VenueRules::default())
    };
    let venue = Venue::start(config).await;
    let info = venue.get_json("/api/v3/exchangeInfo").await;
    assert_eq!(info["symbols"].as_array().unwrap().len(), 1_500);
    assert_eq!(venue.get_json("/products").await.as_array().unwrap().len(), 750);
    let pairs = venue.get_json("/0/public/AssetPairs").await;
    assert_eq!(pairs["result"].as_object().unwrap().len(), 750);
    let volumes = venue.get_json("/api/v3/ticker/24hr").await;
    assert_eq!(volumes.as_array().unwrap().len(), 1_500);
    let summary = venue.get_json("/sim/stats?summary=true").await;
    assert_eq!(summary["venues"]["kraken"]["instruments"], 750);
    assert!(summary["instruments"].as_array().unwrap().is_empty());
}
