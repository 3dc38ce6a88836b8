//! The metadata section of a plugin component.
