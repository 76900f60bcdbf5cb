//! A host as tests see it: buffers that grow, results as `Result`.

use opus2_jni::{ErrorCode, Host, Source, Target};

/// Some operators, and a target of `capacity` bytes for their output.
pub(crate) struct Caller {
    /// The host under test.
    pub(crate) host: Host<4>,
    target: Vec<u8>,
}

/// What a call gives: bytes, or why not.
pub(crate) type Given = Result<Vec<u8>, ErrorCode>;

impl Caller {
    /// No operators yet.
    #[must_use]
    pub(crate) fn new(capacity: usize) -> Self {
        Self { host: Host::new(), target: vec![0xAA; capacity] }
    }

    /// Gives `record` of `key` to the operator.
    pub(crate) fn process(&mut self, handle: i64, key: &str, record: &[u8]) -> Given {
        let input = keyed(key, record);
        self.call(|host, target| host.process(handle, Source::from(&*input), target))
    }

    /// A call whose result goes to the target.
    pub(crate) fn call(&mut self, call: impl FnOnce(&Host<4>, Target<'_>) -> i32) -> Given {
        let result = call(&self.host, Target::from(&mut *self.target));
        code(i64::from(result)).map(|written| self.target[..usize::try_from(written).unwrap()].to_vec())
    }

    /// The text of the handle's last error, however small the target is.
    pub(crate) fn last_error(&mut self, handle: i64) -> Result<String, ErrorCode> {
        let mut target = vec![0; 4096];
        let written = code(i64::from(self.host.last_error(handle, Target::from(&mut *target))))?;
        target.truncate(usize::try_from(written).unwrap());
        Ok(String::from_utf8(target).unwrap())
    }
}

/// `u16 key length | key | rest`.
#[must_use]
pub(crate) fn keyed(key: &str, rest: &[u8]) -> Vec<u8> {
    let mut bytes = u16::try_from(key.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend_from_slice(key.as_bytes());
    bytes.extend_from_slice(rest);
    bytes
}

/// A result of the boundary as a `Result`.
///
/// # Errors
/// The result is an error code.
///
/// # Panics
/// The result is negative, but no error code.
pub(crate) fn code(result: i64) -> Result<i64, ErrorCode> {
    if result >= 0 {
        return Ok(result);
    }
    let code = ErrorCode::ALL.into_iter().find(|code| i64::from(code.code()) == result);
    Err(code.unwrap_or_else(|| panic!("{result} is no error code")))
}
