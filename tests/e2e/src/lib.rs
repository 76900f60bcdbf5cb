//! End-to-end tests: the system as it is deployed, with real processes. See `tests/`.
