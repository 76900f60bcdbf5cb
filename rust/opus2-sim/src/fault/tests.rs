//! Faults wait for their message, or come by chance; each is noted.

use super::*;

fn faults(plan: &str) -> Faults {
    let symbol = |name: &str| Symbol { name: name.into(), price_scale: 2, qty_scale: 8 };
    let plan: FaultPlan = plan.parse().unwrap();
    let rules = plan.rules.into_iter().map(|rule| (rule.clone(), rule.target(None))).collect();
    Faults::new(plan.seed, rules, FaultLog::default(), [symbol("BTCUSDT"), symbol("ETHUSDT")].into())
}

fn arm(faults: &mut Faults, text: &str, instrument: Option<usize>) {
    let request: FaultRequest = serde_json::from_str(text).unwrap();
    let (venue, stream, group) = (request.venue, request.stream, request.group);
    let target = Target { venue, instrument, stream, group, connection: request.connection };
    assert!(faults.arm(&request, target));
}

fn frame(instrument: usize, kind: StreamKind) -> Frame {
    Frame {
        stream: StreamId { instrument, kind },
        is_snapshot: false,
        sequence: Some(SeqRange { first: 5, last: 6 }),
    }
}

fn fate(faults: &mut Faults, instrument: usize, kind: StreamKind) -> Fate {
    faults.fate(1, &frame(instrument, kind), UnixNanos(10))
}

const SENT: Fate = Fate::Sent(Twist::None);

#[test]
fn a_fault_waits_for_its_message() {
    let mut faults = faults("");
    arm(&mut faults, r#"{"kind":"drop","symbol":"ETHUSDT","stream":"trade","count":2}"#, Some(1));
    arm(&mut faults, r#"{"kind":"garbage"}"#, None);
    let took = [
        fate(&mut faults, 1, StreamKind::Trade),
        fate(&mut faults, 1, StreamKind::Depth100Ms),
        fate(&mut faults, 0, StreamKind::Trade),
        fate(&mut faults, 1, StreamKind::Trade),
        fate(&mut faults, 1, StreamKind::Trade),
    ];
    assert_eq!(took, [Fate::Lost, Fate::Noise, SENT, Fate::Lost, SENT]);
    assert_eq!(faults.happened(), &BTreeMap::from([(FaultKind::Drop, 2), (FaultKind::Garbage, 1)]));
    let lines = faults.log.page(2).lines;
    let noise = r#"{"number":2,"at_ns":10,"kind":"garbage","loses":true,"falsifies":false,"venue":"binance","symbol":"ETHUSDT","stream":"depth@100ms","sequence":[5,6],"connection":1}"#;
    assert_eq!(lines.lines().next(), Some(noise));
    assert_eq!(lines.lines().count(), 2);
}

#[test]
fn a_fault_happens_only_where_it_fits() {
    let mut faults = faults("");
    arm(&mut faults, r#"{"kind":"wrong_checksum"}"#, None);
    arm(&mut faults, r#"{"kind":"crossed_book","venue":"binance","connection":1}"#, None);
    assert_eq!(fate(&mut faults, 0, StreamKind::Trade), SENT);
    assert_eq!(faults.fate(2, &frame(0, StreamKind::Depth100Ms), UnixNanos(0)), SENT);
    assert_eq!(fate(&mut faults, 0, StreamKind::Depth100Ms), Fate::Sent(Twist::Crossed));
    assert_eq!(fate(&mut faults, 0, StreamKind::KrakenTrade), SENT);
    assert_eq!(fate(&mut faults, 0, StreamKind::Book10), Fate::Sent(Twist::WrongChecksum));
    assert_eq!(faults.waiting(), 0);
}

#[test]
fn a_freeze_withholds_an_instrument_for_a_time() {
    let mut faults = faults("");
    arm(&mut faults, r#"{"kind":"freeze","millis":1}"#, None);
    let mut at =
        |instrument, nanos| faults.fate(1, &frame(instrument, StreamKind::Level2Batch), UnixNanos(nanos));
    assert_eq!([at(0, 0), at(0, 999_999), at(1, 5), at(0, 1_000_000)], [Fate::Lost, Fate::Lost, SENT, SENT]);
    assert_eq!(faults.happened(), &BTreeMap::from([(FaultKind::Freeze, 1)]));
}

#[test]
fn chance_keeps_its_rate_and_is_repeated_by_its_seed() {
    let run = |plan: &str| {
        let mut faults = faults(plan);
        let fates: Vec<Fate> = (0..10_000).map(|_| fate(&mut faults, 0, StreamKind::Depth100Ms)).collect();
        (fates, faults.happened().clone())
    };
    let (fates, happened) = run("seed=1; drop 0.1; duplicate book 0.1; drop trades 1");
    assert!((900..1_100).contains(&happened[&FaultKind::Drop]), "{happened:?}");
    assert!((800..1_000).contains(&happened[&FaultKind::Duplicate]), "{happened:?}");
    let total: u64 = happened.values().sum();
    assert_eq!(fates.iter().filter(|fate| **fate != SENT).count() as u64, total);
    assert_eq!(run("seed=1; drop 0.1; duplicate book 0.1; drop trades 1").0, fates);
    assert_ne!(run("seed=2; drop 0.1; duplicate book 0.1; drop trades 1").0, fates);
}

#[test]
fn an_unknown_fault_is_refused_with_the_known_ones() {
    let error = serde_json::from_str::<FaultRequest>(r#"{"kind":"flood"}"#).unwrap_err().to_string();
    assert!(error.contains("unknown variant `flood`") && error.contains("`server_shutdown`"), "{error}");
}
