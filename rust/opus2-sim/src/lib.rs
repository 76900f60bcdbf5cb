//! opus2-sim
