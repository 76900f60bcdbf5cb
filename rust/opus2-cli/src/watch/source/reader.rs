//! The published objects themselves, read from the end of their topics.
//!
//! A partition that was there when the monitor began is read from its end, a later one from its beginning: so what is
//! read is what was published since. A reader that falls far behind jumps to the end and counts what it skipped.

use std::collections::HashMap;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::{Message, Offset, TopicPartitionList};

use super::offsets::{End, Feed, client_config};
use crate::watch::clock;
use crate::watch::config::{ANSWER_LIMIT, FETCHED_KBYTES_LIMIT, LAG_RECORDS_LIMIT};
use crate::watch::monitor::Shared;
use crate::watch::record::{DeadLetter, Decided, Published};

/// How long one poll waits, so that new partitions and the end of the monitor are noticed.
const POLL_LIMIT: Duration = Duration::from_millis(100);
/// Pause after an error of the client, which goes on trying by itself.
const ERROR_PAUSE: Duration = Duration::from_millis(200);

/// Reads until the monitor stops or nobody sends `ends` any more.
pub(in crate::watch) fn run(shared: &Shared, brokers: &str, ends: &Receiver<Vec<End>>) -> KafkaResult<()> {
    let consumer: BaseConsumer = client_config(brokers)
        .set("queued.max.messages.kbytes", FETCHED_KBYTES_LIMIT.to_string())
        // An answer is sent as soon as there is a record; an empty one is asked for again at once.
        .set("fetch.min.bytes", "1")
        .set("fetch.error.backoff.ms", "100")
        .create()?;
    let mut positions = Positions::default();
    while !shared.is_stopping() {
        if let Some(ends) = ends.try_iter().last() {
            follow(shared, &consumer, &mut positions, &ends)?;
        }
        match consumer.poll(POLL_LIMIT) {
            Some(Ok(message)) => {
                let read_ts = clock::now();
                let Some(feed) = Feed::ALL.into_iter().find(|feed| feed.topic() == message.topic()) else {
                    continue;
                };
                positions.at.insert((feed, message.partition()), message.offset() + 1);
                take(shared, feed, read_ts, message.payload().unwrap_or_default());
            }
            Some(Err(_)) => {
                // The thread that asks for offsets shows the reason.
                shared.pause(ERROR_PAUSE);
            }
            None => {}
        }
    }
    Ok(())
}

/// The next offset of every partition that is read.
#[derive(Debug, Default)]
struct Positions {
    at: HashMap<(Feed, i32), i64>,
    has_begun: bool,
}

/// What a new answer about ends means for the reader.
#[derive(Debug, Default, PartialEq, Eq)]
struct Moves {
    /// Partitions to begin reading, and where.
    begin: Vec<(Feed, i32, i64)>,
    /// Partitions to continue at their end, and how many records that skips.
    jump: Vec<(Feed, i32, i64)>,
    skipped: u64,
}

impl Positions {
    /// Decides where to read on; remembers it.
    fn moves(&mut self, ends: &[End]) -> Moves {
        let mut moves = Moves::default();
        for end in ends {
            let key = (end.feed, end.partition);
            if !self.at.contains_key(&key) {
                let from = if self.has_begun { 0 } else { end.offset };
                self.at.insert(key, from);
                moves.begin.push((end.feed, end.partition, from));
            }
        }
        self.has_begun = true;
        let lag = |end: &End| u64::try_from(end.offset - self.at[&(end.feed, end.partition)]).unwrap_or(0);
        let lags: Vec<u64> = ends.iter().map(lag).collect();
        if lags.iter().sum::<u64>() > LAG_RECORDS_LIMIT {
            for (end, lag) in ends.iter().zip(lags).filter(|(_, lag)| *lag > 0) {
                self.at.insert((end.feed, end.partition), end.offset);
                moves.jump.push((end.feed, end.partition, end.offset));
                moves.skipped += lag;
            }
        }
        moves
    }
}

fn follow(
    shared: &Shared,
    consumer: &BaseConsumer,
    positions: &mut Positions,
    ends: &[End],
) -> KafkaResult<()> {
    let moves = positions.moves(ends);
    let list = |partitions: &[(Feed, i32, i64)]| {
        let mut list = TopicPartitionList::new();
        for &(feed, partition, offset) in partitions {
            list.add_partition_offset(feed.topic(), partition, Offset::Offset(offset))?;
        }
        KafkaResult::Ok(list)
    };
    if !moves.begin.is_empty() {
        consumer.incremental_assign(&list(&moves.begin)?)?;
    }
    if !moves.jump.is_empty() {
        consumer.seek_partitions(list(&moves.jump)?, ANSWER_LIMIT)?;
        shared.state().count_skipped(moves.skipped);
    }
    Ok(())
}

/// Reads one object outside the lock, then notes it.
fn take(shared: &Shared, feed: Feed, read_ts: opus2_types::UnixNanos, payload: &[u8]) {
    let now = shared.now();
    match feed {
        Feed::DeadLetters => match serde_json::from_slice::<DeadLetter<'_>>(payload) {
            Ok(letter) => shared.state().take_dead_letter(&letter),
            Err(_) => shared.state().count_unreadable(),
        },
        Feed::Decisions => match serde_json::from_slice::<Decided<'_>>(payload) {
            Ok(decision) => shared.state().take_decision(&decision),
            Err(_) => shared.state().count_unreadable(),
        },
        Feed::Normalized | Feed::Signals => match serde_json::from_slice::<Published<'_>>(payload) {
            Ok(event) if feed == Feed::Normalized => shared.state().take_normalized(&event),
            Ok(signal) => shared.state().take_signal(now, read_ts, &signal),
            Err(_) => shared.state().count_unreadable(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(feed: Feed, partition: i32, offset: i64) -> End {
        End { feed, partition, offset }
    }

    #[test]
    fn what_exists_is_read_from_its_end_and_what_comes_later_from_its_beginning() {
        let mut positions = Positions::default();
        let moves = positions.moves(&[end(Feed::Signals, 0, 70), end(Feed::Signals, 1, 0)]);
        assert_eq!(moves.begin, [(Feed::Signals, 0, 70), (Feed::Signals, 1, 0)]);
        let moves = positions.moves(&[end(Feed::Signals, 0, 80), end(Feed::Normalized, 0, 9)]);
        assert_eq!(moves, Moves { begin: vec![(Feed::Normalized, 0, 0)], ..Moves::default() });
    }

    #[test]
    fn a_reader_far_behind_jumps_to_the_end_and_says_so() {
        let mut positions = Positions::default();
        positions.moves(&[end(Feed::Signals, 0, 0), end(Feed::Normalized, 0, 5)]);
        let limit = i64::try_from(LAG_RECORDS_LIMIT).unwrap();
        let moves = positions.moves(&[end(Feed::Signals, 0, limit), end(Feed::Normalized, 0, 5)]);
        assert_eq!(moves, Moves::default());
        let moves = positions.moves(&[end(Feed::Signals, 0, limit), end(Feed::Normalized, 0, 6)]);
        assert_eq!(moves.skipped, LAG_RECORDS_LIMIT + 1);
        assert_eq!(moves.jump, [(Feed::Signals, 0, limit), (Feed::Normalized, 0, 6)]);
        assert_eq!(positions.moves(&[end(Feed::Signals, 0, limit)]), Moves::default());
    }
}
