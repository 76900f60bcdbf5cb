//! opus2-book
