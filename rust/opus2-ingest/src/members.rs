//! The instruments of one shard, and what may change about them while it runs.

use opus2_types::InstrumentSpec;

use crate::publisher::Route;

/// A change of the venue's list that concerns a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// The instrument is no longer to be followed.
    Retire {
        /// The venue's symbol.
        symbol: String,
    },
    /// The instrument counts otherwise from now on.
    Respecify(InstrumentSpec),
}

/// The instruments of one connection, by the session's index. One that is retired keeps its place until the connection
/// ends; nothing of it is published any more.
#[derive(Debug)]
pub(crate) struct Members {
    of: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    route: Route,
    is_retired: bool,
}

impl Members {
    pub(crate) fn new(routes: Vec<Route>) -> Self {
        Self { of: routes.into_iter().map(|route| Member { route, is_retired: false }).collect() }
    }

    pub(crate) fn len(&self) -> usize {
        self.of.len()
    }

    /// How many are followed.
    pub(crate) fn active(&self) -> usize {
        self.of.iter().filter(|member| !member.is_retired).count()
    }

    pub(crate) fn specs(&self) -> Vec<InstrumentSpec> {
        self.of.iter().map(|member| member.route.spec.clone()).collect()
    }

    pub(crate) fn route(&self, index: usize) -> &Route {
        &self.of[index].route
    }

    pub(crate) fn key(&self, index: usize) -> &str {
        &self.of[index].route.key
    }

    pub(crate) fn is_retired(&self, index: usize) -> bool {
        self.of.get(index).is_none_or(|member| member.is_retired)
    }

    /// Retires an instrument; gives its index if it was followed.
    pub(crate) fn retire(&mut self, symbol: &str) -> Option<usize> {
        let index = self.position(symbol)?;
        self.of[index].is_retired = true;
        Some(index)
    }

    /// Changes how an instrument counts; gives its index if it is followed.
    pub(crate) fn respecify(&mut self, spec: &InstrumentSpec) -> Option<usize> {
        let index = self.position(&spec.symbol)?;
        self.of[index].route.spec = spec.clone();
        Some(index)
    }

    /// Forgets the retired ones: for the next connection.
    pub(crate) fn compact(&mut self) {
        self.of.retain(|member| !member.is_retired);
    }

    fn position(&self, symbol: &str) -> Option<usize> {
        self.of.iter().position(|member| !member.is_retired && member.route.spec.symbol == symbol)
    }
}
