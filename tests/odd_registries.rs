//! Registries whose answers are odd, and content that is damaged or has wrong sizes.

mod damage;
mod fallback_tag;
mod names;
mod refused_types;
mod sizes;
