//! Files that others may have prepared: bounded reads of the files that users name, and folders of the
//! user's cache directory that belong to this user alone. Small files are replaced as a whole.

mod bounded;
mod bounded_folder;
mod cache_folder;
mod parents;
mod replace;

pub use bounded::{ReadError, read_any, read_from, read_regular};
pub use bounded_folder::BoundedFolder;
pub use cache_folder::{CacheFolder, CachedFile};
pub use replace::{replace_at, replace_text};
