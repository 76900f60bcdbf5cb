//! opus2-ingest
