//! A fetched chart.

use bytes::Bytes;
use longshore_oci::Reference;

use crate::archive::Chart;

/// A chart and its archive.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The unpacked chart.
    pub chart: Chart,
    /// The archive.
    pub archive: Bytes,
    /// The provenance file, if there is one and it was asked for.
    pub provenance: Option<Bytes>,
    /// When the archive was made, as the index says (RFC 3339).
    pub created: Option<String>,
    /// The address or path of the chart, for messages.
    pub place: String,
    /// The artifact, pinned to its digest, if the chart comes from a registry.
    pub reference: Option<Reference>,
}
