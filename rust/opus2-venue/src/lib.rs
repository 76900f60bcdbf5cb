//! opus2-venue
