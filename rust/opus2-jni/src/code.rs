//! The numbers both sides of the boundary agree on. `Abi.java`, `opus2.h` and the contract page are generated from here.

/// The version of the boundary: of the functions, of the codes, and of the layouts in docs/contracts/jni.md.
///
/// The Java bridge refuses a library whose version is not its own.
pub const ABI_VERSION: i32 = 1;

/// The most handles alive at one time in one library: far above the operators of a TaskManager.
pub const HANDLES_LIMIT: usize = 4096;

/// The most bytes one call may give back. Above it the call fails as [`ErrorCode::Operator`].
///
/// Twice the largest state blob, and far above what a snapshot of the deepest book becomes.
pub const OUTPUT_BYTES_LIMIT: usize = 128 << 20;

/// The most bytes of an error's text; what is longer is cut at a character.
pub const ERROR_TEXT_BYTES_LIMIT: usize = 4096;

/// Why a call did not do what it was asked. Every value is negative; results of calls never are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum ErrorCode {
    /// See [`ErrorCode::meaning`], as for all of them.
    BadHandle = -1,
    /// The handle is in use.
    Busy = -2,
    /// The handle is unusable.
    Poisoned = -3,
    /// The call panicked.
    Panic = -4,
    /// The target is too small.
    OutputFull = -5,
    /// The operator refused.
    Operator = -6,
    /// The host's arguments make no sense.
    BadArgument = -7,
    /// Output waits to be taken.
    OutputPending = -8,
    /// No slot is free.
    TableFull = -9,
}

impl ErrorCode {
    /// Every code, from -1 down.
    pub const ALL: [Self; 9] = [
        Self::BadHandle,
        Self::Busy,
        Self::Poisoned,
        Self::Panic,
        Self::OutputFull,
        Self::Operator,
        Self::BadArgument,
        Self::OutputPending,
        Self::TableFull,
    ];

    /// The number that crosses the boundary. Never changes.
    #[must_use]
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The name in the contract, in `Abi.java`, and behind `OPUS2_` in the header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadHandle => "BAD_HANDLE",
            Self::Busy => "BUSY",
            Self::Poisoned => "POISONED",
            Self::Panic => "PANIC",
            Self::OutputFull => "OUTPUT_FULL",
            Self::Operator => "OPERATOR",
            Self::BadArgument => "BAD_ARGUMENT",
            Self::OutputPending => "OUTPUT_PENDING",
            Self::TableFull => "TABLE_FULL",
        }
    }

    /// What it means, for the contract and the comments of generated code.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::BadHandle => {
                "never given out, or destroyed (a handle is slot + generation, so a stale one is recognised)"
            }
            Self::Busy => "another thread is inside the same handle",
            Self::Poisoned => {
                "an earlier call panicked or failed for good; only `lastError` and `destroy` still work"
            }
            Self::Panic => "this call panicked; the message is kept, the handle is poisoned",
            Self::OutputFull => {
                "the output did not fit and waits for `takeOutput`; not an error for the caller of the bridge"
            }
            Self::Operator => "the operator refused with a fatal error; the handle is poisoned",
            Self::BadArgument => {
                "a null address, a negative length, a key cut off, or text that is not UTF-8; the handle is unharmed"
            }
            Self::OutputPending => "the previous call's output has not been taken",
            Self::TableFull => "as many live handles as there may be",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_count_down_from_minus_one_and_names_are_screaming() {
        for (index, code) in ErrorCode::ALL.into_iter().enumerate() {
            assert_eq!(code.code(), -1 - i32::try_from(index).unwrap());
            let debug = format!("{code:?}").to_uppercase();
            assert_eq!(code.name().replace('_', ""), debug);
        }
    }
}
