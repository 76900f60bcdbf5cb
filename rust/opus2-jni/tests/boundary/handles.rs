//! Any order of operations on handles does what a simple model of them says.

use crate::caller::{Caller, code};
use crate::faulty::Faulty;
use opus2_jni::ErrorCode;
use proptest::prelude::*;

const SLOTS: usize = 4;
const CAPACITY: usize = 40;

#[derive(Debug, Clone)]
enum Step {
    Create,
    /// A record so long; above the capacity its output waits.
    Process(usize, usize),
    Panic(usize),
    Fail(usize),
    Take(usize),
    LastError(usize),
    Destroy(usize),
    /// A handle made up from one that was given out.
    Forge(usize, i64),
}

/// What a handle given out earlier should be now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Model {
    Alive { pending: usize },
    Poisoned,
    Destroyed,
}

fn step() -> impl Strategy<Value = Step> {
    let handle = 0..12usize;
    prop_oneof![
        3 => Just(Step::Create),
        6 => (handle.clone(), prop_oneof![0..8usize, 50..60usize]).prop_map(|(h, bytes)| Step::Process(h, bytes)),
        1 => handle.clone().prop_map(Step::Panic),
        1 => handle.clone().prop_map(Step::Fail),
        3 => handle.clone().prop_map(Step::Take),
        2 => handle.clone().prop_map(Step::LastError),
        2 => handle.clone().prop_map(Step::Destroy),
        1 => (handle, prop_oneof![1..4096i64, -4096..-1i64, any::<i64>()]).prop_map(|(h, off)| Step::Forge(h, off)),
    ]
}

struct Machine {
    caller: Caller,
    given: Vec<(i64, Model)>,
}

impl Machine {
    fn run(&mut self, step: &Step) {
        match *step {
            Step::Create => self.create(),
            Step::Process(at, bytes) => {
                self.with(at, |machine, handle, model| machine.process(handle, model, bytes));
            }
            Step::Panic(at) => self.with(at, |machine, handle, model| {
                machine.fatal(handle, model, "panic-str", ErrorCode::Panic)
            }),
            Step::Fail(at) => self.with(at, |machine, handle, model| {
                machine.fatal(handle, model, "error", ErrorCode::Operator)
            }),
            Step::Take(at) => self.with(at, Self::take),
            Step::LastError(at) => self.with(at, |machine, handle, model| {
                let expect = if model == Model::Destroyed { Err(ErrorCode::BadHandle) } else { Ok(()) };
                assert_eq!(machine.caller.last_error(handle).map(drop), expect);
                model
            }),
            Step::Destroy(at) => self.with(at, |machine, handle, model| {
                let expect = if model == Model::Destroyed { ErrorCode::BadHandle.code() } else { 0 };
                assert_eq!(machine.caller.host.destroy(handle), expect);
                Model::Destroyed
            }),
            Step::Forge(at, offset) => self.forge(at, offset),
        }
    }

    fn with(&mut self, at: usize, check: impl FnOnce(&mut Self, i64, Model) -> Model) {
        if let Some(&(handle, model)) = self.given.get(at) {
            self.given[at].1 = check(self, handle, model);
        }
    }

    fn create(&mut self) {
        let alive = self.given.iter().filter(|(_, model)| *model != Model::Destroyed).count();
        match code(self.caller.host.insert(Faulty::boxed())) {
            Ok(handle) => {
                assert!(alive < SLOTS);
                assert!(self.given.iter().all(|(given, _)| *given != handle), "a handle is given out once");
                self.given.push((handle, Model::Alive { pending: 0 }));
            }
            Err(error) => assert_eq!((error, alive), (ErrorCode::TableFull, SLOTS)),
        }
    }

    fn process(&mut self, handle: i64, model: Model, bytes: usize) -> Model {
        let result = self.caller.process(handle, "k", &vec![7; bytes]).map(|given| given.len());
        let length = 16 + 1 + bytes;
        let (expect, model) = match model {
            Model::Alive { pending: 0 } if length > CAPACITY => {
                (Err(ErrorCode::OutputFull), Model::Alive { pending: length })
            }
            Model::Alive { pending: 0 } => (Ok(length), model),
            _ => (Err(refusal(model)), model),
        };
        assert_eq!(result, expect);
        model
    }

    fn fatal(&mut self, handle: i64, model: Model, key: &str, error: ErrorCode) -> Model {
        let result = self.caller.process(handle, key, b"").map(drop);
        let (expect, model) = match model {
            Model::Alive { pending: 0 } => (error, Model::Poisoned),
            _ => (refusal(model), model),
        };
        assert_eq!(result, Err(expect));
        model
    }

    fn take(&mut self, handle: i64, model: Model) -> Model {
        let Model::Alive { pending } = model else {
            assert_eq!(code(i64::from(self.caller.host.output_length(handle))), Err(refusal(model)));
            return model;
        };
        assert_eq!(usize::try_from(self.caller.host.output_length(handle)), Ok(pending));
        let mut target = vec![0; pending];
        let taken = self.caller.host.take_output(handle, opus2_jni::Target::from(&mut *target));
        assert_eq!(usize::try_from(taken), Ok(pending));
        Model::Alive { pending: 0 }
    }

    fn forge(&mut self, at: usize, offset: i64) {
        let Some(&(handle, _)) = self.given.get(at) else { return };
        let forged = handle.wrapping_add(offset);
        let is_given = self.given.iter().any(|(given, _)| *given == forged);
        if forged != 0 && !is_given {
            assert_eq!(self.caller.process(forged, "k", b""), Err(ErrorCode::BadHandle));
            assert_eq!(self.caller.host.destroy(forged), ErrorCode::BadHandle.code());
        }
    }
}

fn refusal(model: Model) -> ErrorCode {
    match model {
        Model::Alive { .. } => ErrorCode::OutputPending,
        Model::Poisoned => ErrorCode::Poisoned,
        Model::Destroyed => ErrorCode::BadHandle,
    }
}

proptest! {
    #[test]
    fn handles_do_what_the_model_says(steps in proptest::collection::vec(step(), 0..120)) {
        let mut machine = Machine { caller: Caller::new(CAPACITY), given: Vec::new() };
        for step in &steps {
            machine.run(step);
        }
    }
}
