//! Tells pull-through caches from registries that store what they show.
//!
//! A cache answers for content of another registry, so everything looks as if it had been mirrored. It
//! takes no pushes. If nothing shows that a registry is a cache, the push decides.

mod check;
pub(crate) mod known;
