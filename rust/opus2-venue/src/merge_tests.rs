//! Tests of the merge, in a language of their own.

use super::*;

/// `A5-7`: a chained message of numbers 5 to 7 on leg A; `A~9` a rising one; `A+` and `A-` open and close the leg;
/// `@600` sets the time in milliseconds. The outcome has a word a message: `>` passed on, `=` duplicate, `h` held; then
/// the numbers of held messages that are let go.
#[track_caller]
fn check(input: &str, expect: &str) -> MergeCounts {
    let mut merge = Merge::new(of_text, ["X"]);
    let mut now = UnixNanos(0);
    let mut seen = Vec::new();
    for word in input.split_whitespace() {
        if let Some(ms) = word.strip_prefix('@') {
            now = UnixNanos(ms.parse::<i64>().unwrap() * 1_000_000);
        } else {
            let leg = usize::from(word.as_bytes()[0] - b'A');
            match &word[1..] {
                "+" => assert_eq!(merge.open_leg(), Some(leg)),
                "-" => merge.close_leg(leg),
                text => seen.push(match merge.offer(now, leg, text.as_bytes()) {
                    Verdict::Forward => ">".to_owned(),
                    Verdict::Duplicate => "=".to_owned(),
                    Verdict::Held => "h".to_owned(),
                    Verdict::Broken => "broken".to_owned(),
                    Verdict::Closing => "closing".to_owned(),
                }),
            }
        }
        while let Some(bytes) = merge.next_due(now) {
            seen.push(String::from_utf8(bytes).unwrap());
        }
    }
    assert_eq!(seen.join(" "), expect, "{input}");
    merge.counts()
}

fn of_text(frame: &[u8]) -> Numbered<'_> {
    let text = std::str::from_utf8(frame).unwrap();
    if let Some(number) = text.strip_prefix('~') {
        return Numbered::Rising { symbol: "x", kind: 2, number: number.parse().unwrap() };
    }
    match text.split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?))) {
        Some((first, last)) => Numbered::Chained { symbol: "x", kind: 0, first, last },
        None if text == "closing" => Numbered::Closing,
        None if text == "broken" => Numbered::Broken,
        None => Numbered::Plain,
    }
}

#[test]
fn the_first_of_two_copies_is_passed_on() {
    check("A+ B+ A1-1 B1-1 B2-3 A2-3 A4-4", "> = > = >");
}

#[test]
fn one_leg_alone_never_waits() {
    check("A+ A1-1 A5-5 A6-6", "> > >");
}

#[test]
fn what_the_only_leg_repeats_is_the_venues_own_word() {
    check("A+ A1-1 A2-2 A2-2 A1-1 B+ A2-2 A- B2-2 B2-2", "> > > > = = >");
}

#[test]
fn a_hole_on_one_leg_waits_for_the_other() {
    let counts = check("A+ B+ A1-1 B1-1 A3-3 A4-4 B2-2 B3-3", "> = h h > 3-3 4-4 =");
    assert_eq!((counts.held, counts.filled, counts.unfilled), (2, 2, 0));
}

#[test]
fn a_hole_that_both_legs_have_is_passed_on_at_once() {
    check("A+ B+ A1-1 B1-1 A3-3 B3-3 A4-4", "> = h h 3-3 >");
}

#[test]
fn what_is_held_goes_before_what_comes_later() {
    check("A+ B+ A1-1 B1-1 A3-3 A4-4 B5-5", "> = h h h 3-3 4-4 5-5");
}

#[test]
fn a_hole_is_not_waited_for_longer_than_the_limit() {
    let counts = check("A+ B+ A1-1 A3-3 @499 A4-4 @500 A5-5", "> h h 3-3 4-4 >");
    assert_eq!(counts.unfilled, 1);
}

#[test]
fn the_end_of_the_other_leg_ends_the_wait() {
    check("A+ B+ A1-1 A3-3 B- A4-4", "> h 3-3 >");
}

#[test]
fn a_cut_leg_loses_nothing_that_the_other_brings() {
    check("A+ B+ A1-1 B1-1 A2-2 A- B2-2 B3-3 A+ A3-3 A4-4 B4-4", "> = > = > = > =");
}

#[test]
fn a_replacement_begins_in_the_middle() {
    check("A+ A1-1 A2-2 B+ B3-3 A3-3 B4-4 A- B5-5", "> > > = > >");
}

#[test]
fn a_replacement_that_is_ahead_waits_for_the_old_leg() {
    check("A+ A1-1 B+ B4-4 A2-2 A3-3 A4-4", "> h > > 4-4 =");
}

#[test]
fn rising_numbers_are_old_or_new() {
    check("A+ B+ A~5 B~5 B~9 A~7 A~9 A~12", "> = > = = >");
}

#[test]
fn what_is_broken_waits_for_its_copy_only_where_there_is_one() {
    check("A+ Abroken B+ Abroken Bclosing Aplain", "> broken closing >");
}

#[test]
fn what_is_held_is_bounded() {
    let mut merge = Merge::new(of_text, ["X"]);
    for _ in 0..2 {
        merge.open_leg();
    }
    assert_eq!(merge.offer(UnixNanos(0), 0, b"1-1"), Verdict::Forward);
    let mut let_go = 0;
    for number in 3..HELD_FRAMES_MAX + 10 {
        assert_ne!(merge.offer(UnixNanos(0), 0, format!("{number}-{number}").as_bytes()), Verdict::Duplicate);
        while merge.next_due(UnixNanos(0)).is_some() {
            let_go += 1;
        }
    }
    assert!(merge.held() <= HELD_FRAMES_MAX);
    assert!(let_go > 0);
}

#[test]
fn a_leg_takes_over_when_every_stream_of_the_other_has_spoken_on_it() {
    let mut merge = Merge::new(of_text, ["X"]);
    let (old, new) = (merge.open_leg().unwrap(), merge.open_leg().unwrap());
    assert!(merge.has_taken_over(new, old));
    merge.offer(UnixNanos(0), old, b"1-1");
    merge.offer(UnixNanos(0), old, b"~7");
    assert!(!merge.has_taken_over(new, old));
    merge.offer(UnixNanos(0), new, b"1-1");
    assert!(!merge.has_taken_over(new, old));
    merge.offer(UnixNanos(0), new, b"~9");
    assert!(merge.has_taken_over(new, old));
}
