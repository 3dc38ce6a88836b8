//! A chart: its metadata and its files.

use std::sync::Arc;

use super::subcharts::expanded;
use super::unpack::{Budget, unpack};
use super::{ArchiveError, Files, Metadata};

/// A checked chart.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The content of `Chart.yaml`.
    pub metadata: Metadata,
    files: Arc<Files>,
}

impl Chart {
    /// Unpacks and checks an archive, and the archives of subcharts in it.
    ///
    /// # Errors
    /// If the archive is broken, harmful or too large, or is not a chart.
    pub fn of_archive(archive: &[u8]) -> Result<Self, ArchiveError> {
        let mut budget = Budget::new();
        let files = unpack(archive, &mut budget)?;
        let metadata = metadata_of(&files)?;
        let files = expanded(files, &mut budget)?;
        Ok(Self { metadata, files: Arc::new(files) })
    }

    /// The files of the chart and its subcharts, with their paths inside the chart's folder.
    pub const fn files(&self) -> &Arc<Files> {
        &self.files
    }
}

/// Reads the metadata of a chart from its files.
pub(super) fn metadata_of(files: &Files) -> Result<Metadata, ArchiveError> {
    let found = files.iter().find(|(path, _)| path == "Chart.yaml");
    let (_, text) = found.ok_or(ArchiveError::NoChartYaml)?;
    Metadata::parse(text)
}

#[cfg(test)]
mod tests {
    use super::Chart;
    use crate::archive::pack;

    #[test]
    fn an_archive_without_chart_yaml_is_no_chart() {
        for path in ["values.yaml", "sub/Chart.yaml", "chart.yaml"] {
            let archive = pack("a", &[(path.to_owned(), b"name: a".to_vec())]);
            let error = Chart::of_archive(&archive).unwrap_err().to_string();
            assert_eq!(error, "there is no Chart.yaml in the chart's folder", "{path}");
        }
    }
}
