//! What events become.
