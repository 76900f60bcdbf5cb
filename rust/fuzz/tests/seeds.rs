//! Every seed, and every input that once failed, as an ordinary test.

use std::path::Path;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        run(&bytes);
        // Cut and bent, a seed is most of what a short campaign would try first.
        for at in 0..bytes.len().min(2_000) {
            run(&bytes[..at]);
            let mut bent = bytes.clone();
            bent[at] ^= 1 << (at % 8);
            run(&bent);
        }
        count += 1;
    }
    assert!(count > 0, "no seeds in {}", folder.display());
}

#[test]
fn frames() {
    replay("frame", opus2_fuzz::frame);
}

#[test]
fn coinbase_frames() {
    replay("coinbase_frame", opus2_fuzz::coinbase_frame);
}

#[test]
fn kraken_frames() {
    replay("kraken_frame", opus2_fuzz::kraken_frame);
}

#[test]
fn state_blobs() {
    replay("state_blob", opus2_fuzz::state_blob);
}

#[test]
fn raw_records() {
    replay("raw_record", opus2_fuzz::raw_record);
}

#[test]
fn events() {
    replay("event", opus2_fuzz::event);
}
