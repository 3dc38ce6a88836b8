//! Documents of YAML or JSON as trees whose nodes know their place in the text.
//!
//! List formats that are no lines of text read these trees: an entry and a remark then have the line
//! where they stand. JSON is read as the YAML that it is. A malformed document is a remark, and the
//! documents after it are read all the same.

mod listing;
mod node;
mod place;
mod yaml;

pub use listing::Listing;
pub use node::{Member, Node, Value};
pub use yaml::outline;
