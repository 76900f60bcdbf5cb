//! What every call of the boundary does, and what it refuses.

use crate::caller::{Caller, code, keyed};
use crate::faulty::Faulty;
use opus2_jni::{ERROR_TEXT_BYTES_LIMIT, ErrorCode, Host, OUTPUT_BYTES_LIMIT, Source, Target};
use opus2_operators::{Operator, OperatorError, Output, OutputChannel};
use opus2_types::UnixNanos;

/// A host with one faulty operator and room for `capacity` bytes.
fn faulty(capacity: usize) -> (Caller, i64) {
    let caller = Caller::new(capacity);
    let handle = caller.host.insert(Faulty::boxed());
    assert!(handle > 0);
    (caller, handle)
}

/// The entry in which `payload` comes back.
fn record_entry(key: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, 0];
    bytes.extend_from_slice(&u16::try_from(key.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(key.as_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

#[test]
fn a_record_goes_in_and_its_entries_come_out() {
    let (mut caller, handle) = faulty(100);
    assert_eq!(caller.process(handle, "k", b"record"), Ok(record_entry("k", b"record")));
    let timer = caller.call(|host, target| host.on_timer(handle, Source::from(&b"k"[..]), 41, target));
    assert_eq!(timer, Ok([&[2][..], &42i64.to_le_bytes()].concat()));
}

#[test]
fn state_keys_and_counters_come_out_in_their_layouts() {
    let (mut caller, handle) = faulty(100);
    caller.process(handle, "k", b"one").unwrap();
    caller.process(handle, "key", b"two").unwrap();
    let save = |key: &'static [u8]| {
        move |host: &Host<4>, target: Target<'_>| host.save(handle, Source::from(key), target)
    };
    assert_eq!(caller.call(save(b"key")), Ok(b"two".to_vec()));
    assert_eq!(caller.call(save(b"never seen")), Ok(vec![]));
    assert_eq!(
        caller.call(|host, target| host.drain_dirty(handle, target)),
        Ok(b"\x01\0k\x03\0key".to_vec())
    );
    assert_eq!(caller.call(|host, target| host.drain_dirty(handle, target)), Ok(vec![]));
    let counters = caller.call(|host, target| host.counters(handle, target));
    assert_eq!(counters, Ok(b"\x07records\x02\0\0\0\0\0\0\0".to_vec()));
    assert_eq!(caller.host.load(handle, Source::from(&*keyed("key", b"three"))), 0);
    assert_eq!(caller.call(save(b"key")), Ok(b"three".to_vec()));
}

#[test]
fn output_that_does_not_fit_waits_until_it_is_taken() {
    let (mut caller, handle) = faulty(20);
    let full = record_entry("k", b"record");
    assert_eq!(caller.process(handle, "k", b"record"), Err(ErrorCode::OutputFull));
    assert_eq!(caller.process(handle, "k", b""), Err(ErrorCode::OutputPending));
    assert_eq!(caller.call(|host, target| host.counters(handle, target)), Err(ErrorCode::OutputPending));
    assert_eq!(caller.host.load(handle, Source::from(&*keyed("k", b""))), ErrorCode::OutputPending.code());
    assert!(caller.last_error(handle).unwrap().contains("23 bytes"));
    assert_eq!(caller.call(|host, target| host.take_output(handle, target)), Err(ErrorCode::OutputFull));
    assert_eq!(caller.host.output_length(handle), i32::try_from(full.len()).unwrap());
    let mut target = vec![0; full.len()];
    assert_eq!(
        caller.host.take_output(handle, Target::from(&mut *target)),
        i32::try_from(full.len()).unwrap()
    );
    assert_eq!(target, full);
    assert_eq!(caller.host.output_length(handle), 0);
    assert_eq!(caller.call(|host, target| host.take_output(handle, target)), Ok(vec![]));
    assert_eq!(caller.process(handle, "k", b"abc"), Ok(record_entry("k", b"abc")));
}

#[test]
fn keys_that_do_not_fit_are_not_lost() {
    let (mut caller, handle) = faulty(30);
    caller.process(handle, "k", b"").unwrap();
    let mut none = [];
    assert_eq!(caller.host.drain_dirty(handle, Target::from(&mut none[..])), ErrorCode::OutputFull.code());
    assert_eq!(caller.call(|host, target| host.take_output(handle, target)), Ok(b"\x01\0k".to_vec()));
}

#[test]
fn a_panic_becomes_its_message_and_poisons() {
    check_panic("panic-str", "asked to panic");
    check_panic("panic-string", "asked to panic by key \"panic-string\"");
    check_panic("panic-other", "with a payload that is not text");
}

fn check_panic(key: &'static str, message: &str) {
    type Call = fn(&Host<4>, i64, &'static str, Target<'_>) -> i32;
    let calls: [Call; 4] = [
        |host, handle, key, target| host.process(handle, Source::from(&*keyed(key, b"")), target),
        |host, handle, key, target| host.on_timer(handle, Source::from(key.as_bytes()), 0, target),
        |host, handle, key, target| host.save(handle, Source::from(key.as_bytes()), target),
        |host, handle, key, _| host.load(handle, Source::from(&*keyed(key, b""))),
    ];
    for call in calls {
        let (mut caller, handle) = faulty(100);
        let other = caller.host.insert(Faulty::boxed());
        assert_eq!(caller.call(|host, target| call(host, handle, key, target)), Err(ErrorCode::Panic));
        check_poisoned(&mut caller, handle);
        let text = caller.last_error(handle).unwrap();
        assert!(text.ends_with(&format!(": {message}")), "{text}");
        assert!(text.starts_with("panicked at ") && text.contains("tests/boundary/faulty.rs:"), "{text}");
        assert_eq!(caller.process(other, "k", b""), Ok(record_entry("k", b"")), "its neighbour works on");
        assert_eq!(caller.host.destroy(handle), 0);
    }
}

/// Every call but `last_error` and `destroy` is refused.
fn check_poisoned(caller: &mut Caller, handle: i64) {
    let key = keyed("k", b"");
    let results = [
        caller.call(|host, target| host.process(handle, Source::from(&*key), target)),
        caller.call(|host, target| host.on_timer(handle, Source::from(&b"k"[..]), 0, target)),
        caller.call(|host, target| host.take_output(handle, target)),
        caller.call(|host, _| host.output_length(handle)),
        caller.call(|host, target| host.save(handle, Source::from(&b"k"[..]), target)),
        caller.call(|host, _| host.load(handle, Source::from(&*key))),
        caller.call(|host, target| host.drain_dirty(handle, target)),
        caller.call(|host, target| host.counters(handle, target)),
    ];
    assert_eq!(results, [const { Err(ErrorCode::Poisoned) }; 8]);
}

#[test]
fn a_panic_between_records_poisons_too() {
    type Call = fn(&Host<4>, i64, Target<'_>) -> i32;
    let calls: [(&str, Call, &str); 2] = [
        ("arm-drain", |host, handle, target| host.drain_dirty(handle, target), "Drain"),
        ("arm-counters", |host, handle, target| host.counters(handle, target), "Counters"),
    ];
    for (key, call, message) in calls {
        let (mut caller, handle) = faulty(100);
        caller.process(handle, key, b"").unwrap();
        assert_eq!(caller.call(|host, target| call(host, handle, target)), Err(ErrorCode::Panic));
        check_poisoned(&mut caller, handle);
        assert!(caller.last_error(handle).unwrap().ends_with(&format!("asked to panic in {message}")));
    }
}

#[test]
fn a_destructor_that_panics_is_told_to_the_thread_and_frees_the_handle() {
    let (mut caller, handle) = faulty(100);
    caller.process(handle, "arm-drop", b"").unwrap();
    assert_eq!(caller.host.destroy(handle), ErrorCode::Panic.code());
    assert!(caller.last_error(0).unwrap().ends_with("asked to panic in Drop"));
    assert_eq!(caller.host.destroy(handle), ErrorCode::BadHandle.code());
}

#[test]
fn a_fatal_error_poisons_but_a_refused_blob_does_not() {
    let (mut caller, handle) = faulty(100);
    assert_eq!(caller.host.load(handle, Source::from(&*keyed("error", b""))), ErrorCode::Operator.code());
    assert_eq!(caller.last_error(handle).unwrap(), "configuration of operator \"faulty\": asked to fail");
    assert_eq!(caller.process(handle, "k", b""), Ok(record_entry("k", b"")));
    assert_eq!(caller.process(handle, "error", b""), Err(ErrorCode::Operator));
    check_poisoned(&mut caller, handle);
}

#[test]
fn the_source_of_an_error_is_told_with_it() {
    let mut caller = Caller::new(0);
    let handle =
        code(caller.host.create(opus2_operators::create, Source::from(&b"copy"[..]), Source::from(&[][..])));
    let handle = handle.unwrap();
    assert_eq!(caller.host.load(handle, Source::from(&*keyed("k", b"xx"))), ErrorCode::Operator.code());
    let text = caller.last_error(handle).unwrap();
    assert_eq!(
        text,
        "operator \"copy\": state of key \"k\": state blob magic: 4 bytes needed at offset 0, 2 left"
    );
}

#[test]
fn nonsensical_input_is_refused_and_does_no_harm() {
    let cases: [(&[u8], &str); 5] = [
        (b"", "input of 0 bytes ends within its key"),
        (b"\x01", "input of 1 bytes ends within its key"),
        (b"\x02\0k", "input of 3 bytes ends within its key"),
        (b"\xff\xffk", "input of 3 bytes ends within its key"),
        (b"\x01\0\xff", "key is not UTF-8"),
    ];
    for (input, message) in cases {
        let (mut caller, handle) = faulty(100);
        let result = caller.call(|host, target| host.process(handle, Source::from(input), target));
        assert_eq!(result, Err(ErrorCode::BadArgument));
        assert!(caller.last_error(handle).unwrap().starts_with(message), "{input:?}");
        assert_eq!(caller.host.load(handle, Source::from(input)), ErrorCode::BadArgument.code());
        assert_eq!(caller.process(handle, "k", b""), Ok(record_entry("k", b"")));
    }
    let (mut caller, handle) = faulty(100);
    let key = vec![b'k'; 65536];
    let result = caller.call(|host, target| host.save(handle, Source::from(&*key), target));
    assert_eq!(result, Err(ErrorCode::BadArgument));
}

#[test]
fn create_says_why_not() {
    fn broken(_: &str, _: &str) -> Result<Box<dyn Operator>, OperatorError> {
        panic!("no operator today")
    }
    let mut caller = Caller::new(0);
    let name = Source::from(&b"no-such"[..]);
    let none = Source::from(&[][..]);
    let not_text = Source::from(&b"\xff"[..]);
    for (create, name, config, expect, message) in [
        (
            opus2_operators::create as opus2_jni::CreateFn,
            name,
            none,
            ErrorCode::Operator,
            "unknown operator \"no-such\"",
        ),
        (opus2_operators::create, not_text, none, ErrorCode::BadArgument, "operator name is not UTF-8"),
        (opus2_operators::create, name, not_text, ErrorCode::BadArgument, "configuration is not UTF-8"),
        (broken, name, none, ErrorCode::Panic, "panicked at "),
    ] {
        assert_eq!(code(caller.host.create(create, name, config)), Err(expect));
        let text = caller.last_error(0).unwrap();
        assert!(text.starts_with(message), "{text}");
    }
}

#[test]
fn the_fifth_operator_of_four_is_refused() {
    let mut caller = Caller::new(0);
    let handles = [(); 4].map(|()| code(caller.host.insert(Faulty::boxed())).unwrap());
    assert_eq!(code(caller.host.insert(Faulty::boxed())), Err(ErrorCode::TableFull));
    assert!(caller.last_error(0).unwrap().starts_with("4 operators are alive"));
    assert_eq!(caller.host.destroy(handles[2]), 0);
    assert!(caller.host.insert(Faulty::boxed()) > 0);
}

#[test]
fn an_unknown_handle_is_told_to_the_thread() {
    let mut caller = Caller::new(0);
    assert_eq!(caller.host.output_length(77), ErrorCode::BadHandle.code());
    assert!(caller.last_error(0).unwrap().starts_with("handle 77: never given out"));
    assert_eq!(caller.last_error(77), Err(ErrorCode::BadHandle));
}

#[test]
fn error_text_is_cut_to_its_limit_and_to_the_target() {
    fn long(name: &str, _: &str) -> Result<Box<dyn Operator>, OperatorError> {
        Err(OperatorError::Config { operator: "long", reason: name.repeat(5000) })
    }
    let mut caller = Caller::new(50);
    let refused = caller.host.create(long, Source::from("é".as_bytes()), Source::from(&[][..]));
    assert_eq!(code(refused), Err(ErrorCode::Operator));
    let text = caller.last_error(0).unwrap();
    assert!((ERROR_TEXT_BYTES_LIMIT - 1..=ERROR_TEXT_BYTES_LIMIT).contains(&text.len()));
    let short = caller.call(|host, target| host.last_error(0, target)).unwrap();
    assert!(short.len() >= 49 && text.as_bytes().starts_with(&short) && std::str::from_utf8(&short).is_ok());
}

#[test]
fn output_beyond_the_limit_is_fatal() {
    struct Flood;
    impl Operator for Flood {
        fn process(&mut self, key: &str, _: &[u8], out: &mut Output) -> Result<(), OperatorError> {
            out.record(OutputChannel::Main, key, UnixNanos(0), |bytes| {
                bytes.resize(OUTPUT_BYTES_LIMIT + 1, 0);
                Ok(())
            })
        }
        fn on_timer(&mut self, _: &str, _: UnixNanos, _: &mut Output) -> Result<(), OperatorError> {
            Ok(())
        }
        fn save(&mut self, _: &str, _: &mut Vec<u8>) -> Result<(), OperatorError> {
            Ok(())
        }
        fn load(&mut self, _: &str, _: &[u8]) -> Result<(), OperatorError> {
            Ok(())
        }
        fn drain_dirty(&mut self, _: &mut dyn FnMut(&str)) {}
        fn counters(&self, _: &mut dyn FnMut(&'static str, u64)) {}
    }
    let mut caller = Caller::new(100);
    let handle = caller.host.insert(Box::new(Flood));
    assert_eq!(caller.process(handle, "k", b""), Err(ErrorCode::Operator));
    check_poisoned(&mut caller, handle);
    assert!(caller.last_error(handle).unwrap().contains("more than 134217728"));
}
