//! Chart archives: bounded unpacking, and packaging of folders so that the same input gives the same
//! digest.

mod chart;
mod error;
mod folder;
mod ignore;
mod metadata;
mod pack;
mod subcharts;
mod unpack;

pub use chart::Chart;
pub use error::ArchiveError;
pub use folder::{ChartFolder, Locked, metadata_in};
pub(crate) use metadata::parse_dependencies;
pub use metadata::{Dependency, Maintainer, Metadata};
pub use pack::pack;

/// The largest accepted archive, in bytes.
pub const ARCHIVE_LIMIT: u64 = unpack::TOTAL;

/// The files of a chart with their paths inside the chart's folder, in order.
pub type Files = Vec<(String, Vec<u8>)>;
