//! The bytes: record headers and keys, topic names, the event codec, state blobs and JSON views.
//!
//! Everything that leaves a process is written and read here, so that a format has one home. Decoders take any bytes
//! and give a value or an error; they never panic and never allocate more than their input's length.
//!
//! | module | who writes | who reads |
//! | --- | --- | --- |
//! | [`raw`] | `opus2 ingest`, `opus2 replay` | the `normalize` operator |
//! | [`event`] | `normalize` | every stage |
//! | [`frame`] | every stage | the stage after it |
//! | [`position`] | whoever executes our orders | `normalize` |
//! | [`blob`] | every operator's `save` | its `load` |
//! | [`spec`] | ingest, from venue metadata | `normalize` |
//! | [`view`] | operators | people, the store job, `opus2 watch` |
//! | [`topic`] | everybody | everybody |
//! | [`model`] | fits, people | operators |
//! | [`audit`] | operators | whoever verifies a decision |

mod append;
pub mod audit;
pub mod blob;
mod content_hash;
mod error;
pub mod event;
pub mod frame;
pub mod model;
pub mod position;
pub mod raw;
mod reader;
pub mod spec;
pub mod topic;
pub mod view;

pub use content_hash::ContentHash;
pub use error::WireError;
