//! Panics end here: the host gets their message, never their unwinding.

use std::any::Any;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::text::FixedText;

const PLACE_BYTES_LIMIT: usize = 256;

thread_local! {
    /// Where this thread's last panic happened: the payload does not say it.
    static PLACE: RefCell<FixedText<PLACE_BYTES_LIMIT>> = const { RefCell::new(FixedText::new()) };
}

static HOOK: Once = Once::new();

/// Makes panics remember where they happened; the hook that was there before still runs and prints.
///
/// The hook belongs to this library's own copy of the Rust runtime: other libraries of the process have theirs.
pub(crate) fn remember_places() {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if let Some(location) = info.location() {
                PLACE.with_borrow_mut(|place| {
                    place.clear();
                    // Cannot fail: what does not fit is cut.
                    let _cut = write!(place, "{location}");
                });
            }
            before(info);
        }));
    });
}

/// Runs `work`; a panic becomes its message with its place.
///
/// What `work` was changing may be left half changed: the caller must poison it.
pub(crate) fn caught<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let message = message_of(payload);
        PLACE.with_borrow_mut(|place| {
            let text = match place.as_str() {
                "" => format!("panicked: {message}"),
                place => format!("panicked at {place}: {message}"),
            };
            place.clear();
            text
        })
    })
}

/// `panic!("text")` carries a `&str`, `panic!("{x}")` a `String`; whatever else has nothing to say.
fn message_of(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => match payload.downcast::<&'static str>() {
            Ok(text) => (*text).to_owned(),
            Err(payload) => {
                // Dropping a payload of an unknown type may panic again, now with nobody to catch it: leak it.
                std::mem::forget(payload);
                "with a payload that is not text".to_owned()
            }
        },
    }
}
