//! opus2-local
