//! A folder of layouts as a store, which the engine reads and writes.

mod destination;
mod error;
mod layout_store;
mod place;
mod read;
mod source;
#[cfg(test)]
mod tests;

pub use layout_store::LayoutStore;
