//! What detectors found of what was injected: alarms matched with events, one to one.
//!
//! Alarms are taken in the order in which they were told. Each takes the earliest event of its kind that it fits and that no
//! alarm has taken: the same instrument and side, a price that the event has (within a tolerance), told between the event's
//! begin and its end and a grace period. An alarm that fits only an event that is already taken is a repeated one; one that
//! fits none is false. Both count against precision. Events that do not meet the detector's own definition (a wall that a
//! jump ran over before it was two seconds old, and the like) are not asked for: they are left out of recall, and an alarm
//! that fits one is left out of precision.
//!
//! There is no ground truth for any of this in public data: agreement with injected events is all that is measured
//! (methods reference, section 10, rule 8).

use opus2_types::Side;
use serde::Serialize;

use crate::statistics::proportion::{Bounds, wilson};
use crate::statistics::sample::nearest_rank;

/// The confidence of the intervals.
pub const CONFIDENCE: f64 = 0.95;

/// Something that was injected.
#[derive(Debug, Clone, PartialEq)]
pub struct InjectedEvent {
    /// `venue:symbol`.
    pub instrument: String,
    /// The side it rests on, or takes from.
    pub side: Side,
    /// Its lowest and highest price, price units.
    pub prices: (i64, i64),
    /// When it began, ns.
    pub begin: i64,
    /// When it ended, ns.
    pub end: i64,
    /// It meets the definition of what is to be detected.
    pub is_wanted: bool,
}

/// Something that was detected.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// `venue:symbol`.
    pub instrument: String,
    /// The side it rests on, or takes from.
    pub side: Side,
    /// Its price, price units; `None` for a detector that names none.
    pub price: Option<i64>,
    /// When it was told, ns.
    pub at: i64,
}

/// What counts as the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MatchRules {
    /// How far a price may be off, as a share of it.
    pub price_tolerance: f64,
    /// How long after its end an event may still be told, ns.
    pub grace_ns: i64,
}

/// How well one kind is detected.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DetectorScore {
    /// Events that were to be found.
    pub events: usize,
    /// Of them found.
    pub found: usize,
    /// Events that do not meet the definition.
    pub unwanted: usize,
    /// Alarms for those.
    pub alarms_for_unwanted: usize,
    /// All other alarms.
    pub alarms: usize,
    /// Further alarms for an event that was found.
    pub repeated: usize,
    /// Alarms for nothing.
    pub false_alarms: usize,
    /// Found over events.
    pub recall: Option<f64>,
    /// Wilson's interval of it.
    pub recall_bounds: Option<Bounds>,
    /// Found over alarms.
    pub precision: Option<f64>,
    /// Wilson's interval of it.
    pub precision_bounds: Option<Bounds>,
    /// From an event's begin to its alarm, s: half of the found ones took no longer.
    pub delay_p50_secs: Option<f64>,
    /// The same for nine of ten.
    pub delay_p90_secs: Option<f64>,
}

/// Matches the alarms of one kind with its events. Both in any order.
#[must_use]
pub fn score(events: &[InjectedEvent], alarms: &[Alarm], rules: &MatchRules) -> DetectorScore {
    let mut events: Vec<&InjectedEvent> = events.iter().collect();
    events.sort_by_key(|event| (event.begin, event.end));
    let mut alarms: Vec<&Alarm> = alarms.iter().collect();
    alarms.sort_by_key(|alarm| alarm.at);
    let mut taken: Vec<Option<i64>> = vec![None; events.len()];
    let (mut repeated, mut false_alarms, mut for_unwanted) = (0, 0, 0);
    for alarm in &alarms {
        let fitting: Vec<usize> = (0..events.len()).filter(|at| fits(events[*at], alarm, rules)).collect();
        let free = |wanted: bool| {
            let mut free = fitting.iter().filter(|at| taken[**at].is_none());
            free.find(|at| events[**at].is_wanted == wanted).copied()
        };
        match (free(true), free(false)) {
            (Some(at), _) => taken[at] = Some(alarm.at),
            (None, Some(at)) => {
                taken[at] = Some(alarm.at);
                for_unwanted += 1;
            }
            (None, None) if fitting.is_empty() => false_alarms += 1,
            (None, None) => repeated += 1,
        }
    }
    let wanted = events.iter().filter(|event| event.is_wanted).count();
    let found =
        |event: &InjectedEvent, at: &Option<i64>| at.filter(|_| event.is_wanted).map(|at| at - event.begin);
    let mut delays: Vec<f64> =
        events.iter().zip(&taken).filter_map(|(event, at)| found(event, at)).map(seconds).collect();
    delays.sort_by(f64::total_cmp);
    let (found, judged) = (delays.len(), alarms.len() - for_unwanted);
    DetectorScore {
        events: wanted,
        found,
        unwanted: events.len() - wanted,
        alarms_for_unwanted: for_unwanted,
        alarms: judged,
        repeated,
        false_alarms,
        recall: share(found, wanted),
        recall_bounds: wilson(found, wanted, CONFIDENCE),
        precision: share(found, judged),
        precision_bounds: wilson(found, judged, CONFIDENCE),
        delay_p50_secs: nearest_rank(&delays, 0.5),
        delay_p90_secs: nearest_rank(&delays, 0.9),
    }
}

fn fits(event: &InjectedEvent, alarm: &Alarm, rules: &MatchRules) -> bool {
    let is_near = alarm.price.is_none_or(|price| {
        let (low, high) = event.prices;
        let slack = as_float(price) * rules.price_tolerance;
        as_float(price) >= as_float(low) - slack && as_float(price) <= as_float(high) + slack
    });
    is_near
        && event.instrument == alarm.instrument
        && event.side == alarm.side
        && event.begin <= alarm.at
        && alarm.at <= event.end.saturating_add(rules.grace_ns)
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| crate::statistics::sample::size(part) / crate::statistics::sample::size(whole))
}

#[expect(clippy::cast_precision_loss, reason = "prices and durations are far below 2^53 where it matters")]
const fn as_float(value: i64) -> f64 {
    value as f64
}

fn seconds(nanos: i64) -> f64 {
    as_float(nanos) / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: MatchRules = MatchRules { price_tolerance: 1e-3, grace_ns: 10 };

    fn event(price: i64, begin: i64, end: i64) -> InjectedEvent {
        let instrument = "a:B".to_owned();
        InjectedEvent { instrument, side: Side::Bid, prices: (price, price), begin, end, is_wanted: true }
    }

    fn alarm(price: i64, at: i64) -> Alarm {
        Alarm { instrument: "a:B".to_owned(), side: Side::Bid, price: Some(price), at }
    }

    #[track_caller]
    fn check(events: &[InjectedEvent], alarms: &[Alarm], expect: &str) {
        let found = score(events, alarms, &RULES);
        let DetectorScore { events, found: hits, alarms, repeated, false_alarms, .. } = found;
        assert_eq!(format!("{hits}/{events} of {alarms}, {repeated} repeated, {false_alarms} false"), expect);
        assert_eq!(hits + repeated + false_alarms, alarms, "every alarm is one of them");
    }

    #[test]
    fn an_alarm_takes_one_event_and_an_event_one_alarm() {
        let wall = || event(10_000, 100, 200);
        check(&[wall()], &[alarm(10_000, 150)], "1/1 of 1, 0 repeated, 0 false");
        check(&[wall()], &[alarm(10_000, 150), alarm(10_000, 160)], "1/1 of 2, 1 repeated, 0 false");
        check(&[wall(), wall()], &[alarm(10_000, 150), alarm(10_000, 160)], "2/2 of 2, 0 repeated, 0 false");
        check(&[wall()], &[], "0/1 of 0, 0 repeated, 0 false");
    }

    #[test]
    fn side_price_and_time_must_fit() {
        let wall = [event(10_000, 100, 200)];
        check(&wall, &[alarm(10_009, 210)], "1/1 of 1, 0 repeated, 0 false");
        check(&wall, &[alarm(10_020, 150)], "0/1 of 1, 0 repeated, 1 false");
        check(&wall, &[alarm(10_000, 99), alarm(10_000, 211)], "0/1 of 2, 0 repeated, 2 false");
        check(&wall, &[Alarm { side: Side::Ask, ..alarm(10_000, 150) }], "0/1 of 1, 0 repeated, 1 false");
        check(
            &wall,
            &[Alarm { instrument: "a:C".into(), ..alarm(10_000, 150) }],
            "0/1 of 1, 0 repeated, 1 false",
        );
        check(&wall, &[Alarm { price: None, ..alarm(1, 150) }], "1/1 of 1, 0 repeated, 0 false");
    }

    #[test]
    fn what_is_not_wanted_counts_neither_way() {
        let short = InjectedEvent { is_wanted: false, ..event(10_000, 100, 200) };
        check(
            &[short.clone(), event(20_000, 100, 200)],
            &[alarm(20_000, 150)],
            "1/1 of 1, 0 repeated, 0 false",
        );
        let found = score(&[short], &[alarm(10_000, 150)], &RULES);
        assert_eq!((found.unwanted, found.alarms_for_unwanted, found.alarms, found.recall), (1, 1, 0, None));
    }

    #[test]
    fn delays_are_those_of_what_was_found() {
        let second = 1_000_000_000;
        let events = [event(10_000, 0, 9 * second), event(30_000, 0, 9 * second)];
        let found = score(&events, &[alarm(10_000, 2 * second), alarm(30_000, 5 * second)], &RULES);
        assert_eq!((found.delay_p50_secs, found.delay_p90_secs), (Some(2.0), Some(5.0)));
        assert!(found.recall_bounds.unwrap().lo > 0.3);
    }
}
