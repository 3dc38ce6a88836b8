//! A folder of layouts as a store: what the engine reads from and writes to.

mod destination;
mod error;
mod layout_store;
mod place;
mod read;
mod source;
#[cfg(test)]
mod tests;

pub use layout_store::LayoutStore;
