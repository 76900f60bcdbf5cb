//! Laws of audit chains: methods reference, sections 6.4 and 13.

use opus2_wire::audit::{AuditChain, Summary, Verifier, verify};
use proptest::prelude::*;

/// Sealed records of three markets as one text, and what a verification must say of it.
fn journal() -> impl Strategy<Value = (Vec<u8>, Summary)> {
    let record = (0usize..3, any::<f64>().prop_filter("JSON holds it", |x| x.is_finite()), "\\PC{0,12}");
    prop::collection::vec(record, 2..12).prop_map(|records| {
        let text = write(&records);
        let summary = verify(lines(&text)).expect("what was just sealed");
        (text, summary)
    })
}

fn write(records: &[(usize, f64, String)]) -> Vec<u8> {
    let (mut chains, mut text) = ([AuditChain::default(); 3], Vec::new());
    for (market, value, note) in records {
        let start = text.len();
        let record = serde_json::json!({ "market": format!("M{market}"), "value": value, "note": note });
        text.extend_from_slice(record.to_string().as_bytes());
        chains[*market].seal_from(&mut text, start).expect("one JSON object on one line");
        text.push(b'\n');
    }
    text
}

/// The lines of a text that must end with a line's end.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (whole, is_whole) = text.strip_suffix(b"\n").map_or((text, false), |whole| (whole, true));
    whole.split(|byte| *byte == b'\n').chain((!is_whole).then_some(&b"cut off"[..]))
}

fn market_of(line: &[u8]) -> String {
    let record: serde_json::Value = serde_json::from_slice(line).expect("a sealed record is JSON");
    record["market"].as_str().expect("every record here has one").to_owned()
}

fn join(lines: &[&[u8]]) -> Vec<u8> {
    let mut text = lines.join(&b'\n');
    text.push(b'\n');
    text
}

proptest! {
    #[test]
    fn any_single_bit_that_changes_is_found((text, _) in journal(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut changed = text.clone();
        changed[at.index(text.len())] ^= 1 << bit;
        prop_assert!(verify(lines(&changed)).is_err(), "{}", String::from_utf8_lossy(&changed));
    }

    #[test]
    fn any_record_that_is_gone_is_found((text, summary) in journal(), at in any::<prop::sample::Index>()) {
        let mut left: Vec<&[u8]> = lines(&text).collect();
        let at = at.index(left.len());
        let market = market_of(left.remove(at));
        let is_newest = left[at..].iter().all(|line| market_of(line) != market);
        // The newest of a market leaves no trace but its head.
        match verify(left) {
            Ok(found) => prop_assert!(is_newest && found.chains != summary.chains),
            Err(broken) => prop_assert!(!is_newest && broken.market == Some(market), "{}", broken),
        }
    }

    #[test]
    fn records_of_a_market_that_change_places_are_found(
        (text, summary) in journal(),
        a in any::<prop::sample::Index>(),
        b in any::<prop::sample::Index>(),
    ) {
        let all: Vec<&[u8]> = lines(&text).collect();
        let (a, b) = (a.index(all.len()), b.index(all.len()));
        let mut moved = all.clone();
        moved.swap(a, b);
        // Who reads one market must see the same records in the same order, or be told.
        let of = |lines: &[&[u8]], market: &str| -> Vec<Vec<u8>> {
            lines.iter().filter(|line| market_of(line) == market).map(|line| line.to_vec()).collect()
        };
        let is_same = ["M0", "M1", "M2"].into_iter().all(|market| of(&all, market) == of(&moved, market));
        prop_assert_eq!(verify(moved) == Ok(summary), is_same);
    }

    #[test]
    fn replaying_the_same_records_gives_the_same_bytes(
        records in prop::collection::vec((0usize..3, -1e9..1e9f64, "\\PC{0,12}"), 1..8),
    ) {
        prop_assert_eq!(write(&records), write(&records));
        let text = write(&records);
        let all: Vec<&[u8]> = lines(&text).collect();
        prop_assert_eq!(join(&all), text.clone());
        let count = u64::try_from(records.len()).unwrap();
        prop_assert_eq!(verify(all).map(|summary| summary.records), Ok(count));
    }

    #[test]
    fn garbage_is_refused_without_panic(line in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Verifier::new().line(&line).is_err());
        let mut record = line.clone();
        if AuditChain::default().seal(&mut record).is_err() {
            prop_assert_eq!(record, line);
        }
    }
}
