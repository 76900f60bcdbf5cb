//! The calls of the boundary, in safe Rust: find the handle, do the work under the panic guard, turn the result into a
//! number. `c_api` and `jni_api` add nothing but names.

use std::cell::RefCell;

use opus2_operators::{Operator, OperatorError};
use opus2_types::UnixNanos;

use crate::engine::{Engine, Held};
use crate::failure::Failure;
use crate::memory::{Source, Target};
use crate::table::{Entered, Poison, Table};
use crate::text::{FixedText, cut};
use crate::{ERROR_TEXT_BYTES_LIMIT, ErrorCode, panics};

/// Makes an operator from its name and its configuration, as [`opus2_operators::create`] does.
pub type CreateFn = fn(&str, &str) -> Result<Box<dyn Operator>, OperatorError>;

thread_local! {
    /// The last error on this thread that belongs to no handle.
    static THREAD_ERROR: RefCell<FixedText<ERROR_TEXT_BYTES_LIMIT>> = const { RefCell::new(FixedText::new()) };
}

/// Operators behind handles.
///
/// The library has one of 4096 slots; tests make smaller ones of their own. Every function gives a result of zero or
/// more, or an [`ErrorCode`] as a negative number. docs/contracts/jni.md is the contract.
pub struct Host<const SLOTS: usize> {
    engines: Table<Engine, SLOTS>,
}

impl<const SLOTS: usize> Host<SLOTS> {
    /// Without operators. `SLOTS` is at most 4096.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "made in a static; a default would only be a second name")]
    pub const fn new() -> Self {
        Self { engines: Table::new() }
    }

    /// Makes an operator and gives its handle.
    pub fn create(&self, create: CreateFn, name: Source<'_>, config: Source<'_>) -> i64 {
        panics::remember_places();
        let made = panics::caught(|| {
            let operator = create(name.text("operator name")?, config.text("configuration")?);
            operator.map_err(|error| Failure::refused(&error))
        });
        match made {
            Ok(Ok(operator)) => self.insert(operator),
            Ok(Err(failure)) => i64::from(refuse(failure.code(), failure.text().unwrap_or_default())),
            Err(text) => i64::from(refuse(ErrorCode::Panic, &text)),
        }
    }

    /// Gives a handle to an operator that exists already.
    pub fn insert(&self, operator: Box<dyn Operator>) -> i64 {
        panics::remember_places();
        match self.engines.insert(Box::new(Engine::new(operator))) {
            Ok(handle) => handle,
            Err(engine) => {
                let text =
                    format!("{SLOTS} operators are alive, as many as there may be; destroy some first");
                if let Err(text) = panics::caught(|| drop(engine)) {
                    return i64::from(refuse(ErrorCode::Panic, &text));
                }
                i64::from(refuse(ErrorCode::TableFull, &text))
            }
        }
    }

    /// Gives a record to the operator; `input` is `u16 key length, key, record`.
    pub fn process(&self, handle: i64, input: Source<'_>, target: Target<'_>) -> i32 {
        self.call(handle, target, |engine| engine.process(input.bytes("input")?))
    }

    /// Tells the operator that a timer of `key` is due.
    pub fn on_timer(&self, handle: i64, key: Source<'_>, event_time: i64, target: Target<'_>) -> i32 {
        self.call(handle, target, |engine| engine.on_timer(key.bytes("key")?, UnixNanos(event_time)))
    }

    /// Gives the state of `key`; nothing when it has none.
    pub fn save(&self, handle: i64, key: Source<'_>, target: Target<'_>) -> i32 {
        self.call(handle, target, |engine| engine.save(key.bytes("key")?))
    }

    /// Replaces a key's state; `input` is `u16 key length, key, blob`.
    pub fn load(&self, handle: i64, input: Source<'_>) -> i32 {
        self.within(handle, |engine| {
            engine.expect_nothing_pending()?;
            engine.load(input.bytes("input")?)?;
            Ok(0)
        })
    }

    /// Gives the keys changed since the last call, each `u16 length, key`.
    pub fn drain_dirty(&self, handle: i64, target: Target<'_>) -> i32 {
        self.call(handle, target, |engine| Ok(engine.drain_dirty()))
    }

    /// Gives the counters, each `u8 name length, name, u64 value`.
    pub fn counters(&self, handle: i64, target: Target<'_>) -> i32 {
        self.call(handle, target, |engine| Ok(engine.counters()))
    }

    /// Gives the output that did not fit; nothing when none waits.
    pub fn take_output(&self, handle: i64, target: Target<'_>) -> i32 {
        self.within(handle, |engine| match engine.pending() {
            Some(held) => engine.give(held, target),
            None => Ok(0),
        })
    }

    /// How many bytes [`Host::take_output`] will give.
    pub fn output_length(&self, handle: i64) -> i32 {
        self.within(handle, |engine| Ok(engine.pending_length()))
    }

    /// Gives the text of the handle's last error; of handle 0, the last error on this thread that has no handle.
    pub fn last_error(&self, handle: i64, target: Target<'_>) -> i32 {
        if handle == 0 {
            return THREAD_ERROR.with_borrow(|text| give_text(text.as_str(), target));
        }
        match self.engines.enter(handle, Poison::Allow) {
            Ok(engine) => give_text(engine.last_error(), target),
            Err(code) => refuse_handle(code, handle),
        }
    }

    /// Ends an operator. Its handle is free even when its destructor panics.
    pub fn destroy(&self, handle: i64) -> i32 {
        match self.engines.remove(handle) {
            Ok(engine) => match panics::caught(|| drop(engine)) {
                Ok(()) => 0,
                Err(text) => refuse(ErrorCode::Panic, &text),
            },
            Err(code) => refuse_handle(code, handle),
        }
    }

    /// A call of the operator whose result goes to `target`.
    fn call(
        &self,
        handle: i64,
        target: Target<'_>,
        work: impl FnOnce(&mut Engine) -> Result<Held, Failure>,
    ) -> i32 {
        self.within(handle, |engine| {
            engine.expect_nothing_pending()?;
            // Before the work: a bad target must leave the operator as it was.
            target.capacity()?;
            let held = work(engine)?;
            engine.give(held, target)
        })
    }

    /// The funnel: enter, work, remember what went wrong, leave.
    fn within(&self, handle: i64, work: impl FnOnce(&mut Engine) -> Result<i32, Failure>) -> i32 {
        let mut engine = match self.engines.enter(handle, Poison::Refuse) {
            Ok(engine) => engine,
            Err(code) => return refuse_handle(code, handle),
        };
        match panics::caught(|| work(&mut engine)) {
            Ok(Ok(result)) => result,
            Ok(Err(failure)) => fail(&mut engine, &failure),
            Err(text) => fail(&mut engine, &Failure::Fatal { code: ErrorCode::Panic, text }),
        }
    }
}

#[cold]
fn fail(engine: &mut Entered<'_, Engine>, failure: &Failure) -> i32 {
    if let Some(text) = failure.text() {
        engine.set_last_error(text);
    }
    if failure.is_fatal() {
        engine.poison();
    }
    failure.code().code()
}

/// An error that belongs to no handle.
#[cold]
fn refuse(code: ErrorCode, text: &str) -> i32 {
    THREAD_ERROR.with_borrow_mut(|last| last.set(text));
    code.code()
}

#[cold]
fn refuse_handle(code: ErrorCode, handle: i64) -> i32 {
    refuse(code, &format!("handle {handle}: {}", code.meaning()))
}

fn give_text(text: &str, target: Target<'_>) -> i32 {
    let given = target.capacity().and_then(|capacity| target.put(cut(text, capacity).as_bytes()));
    given.unwrap_or_else(|failure| failure.code().code())
}
