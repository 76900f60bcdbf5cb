//! Counters with fixed names.

/// A fixed set of named counters, incremented by index: no map, no allocation.
#[derive(Debug, Clone)]
pub struct Counters<const N: usize> {
    names: [&'static str; N],
    values: [u64; N],
}

impl<const N: usize> Counters<N> {
    /// All zero.
    #[must_use]
    pub const fn new(names: [&'static str; N]) -> Self {
        Self { names, values: [0; N] }
    }

    /// Adds `amount` to the counter at `index`.
    pub fn add(&mut self, index: usize, amount: u64) {
        self.values[index] += amount;
    }

    /// Gives every counter, in the order of the names.
    pub fn visit(&self, visit: &mut dyn FnMut(&'static str, u64)) {
        for (name, value) in self.names.iter().zip(self.values) {
            visit(name, value);
        }
    }
}
