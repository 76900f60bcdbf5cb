//! The JSON views of what operators publish. See docs/contracts/topics.md.
