//! opus2-hifa
