//! What the authors of longshore plugins share: lines of a list with their places, and references
//! cut into their parts.
//!
//! Nothing here decides whether a reference is valid; the host parses every one that a plugin
//! returns.

pub mod line;
pub mod reference;
