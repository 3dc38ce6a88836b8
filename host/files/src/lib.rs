//! Files that others may have prepared: bounded reads of the files that users name, and folders of the
//! user's cache directory that belong to this user alone.

mod bounded;
mod cache_folder;
mod parents;

pub use bounded::{ReadError, read_any, read_from, read_regular};
pub use cache_folder::{CacheFolder, CachedFile};
