//! `index.yaml` of a chart repository.

mod read;

use std::collections::BTreeMap;

use longshore_registry::Zone;
use url::Url;

use read::Reader;

/// The largest accepted index, in bytes; the largest public one has 30 MB.
pub(super) const INDEX_LIMIT: u64 = 64 * 1024 * 1024;

/// The charts of a repository.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: BTreeMap<String, Vec<IndexEntry>>,
    /// Charts with versions that are written in a wrong way, and the first fault.
    broken: BTreeMap<String, String>,
    /// Where the server lies that sent it.
    pub(super) zone: Option<Zone>,
}

/// One version of a chart.
#[derive(Clone, Debug, Default)]
pub(super) struct IndexEntry {
    pub(super) version: String,
    /// Addresses of the archive; relative ones are below the repository's.
    pub(super) urls: Vec<String>,
    /// SHA-256 of the archive; empty if the index has none.
    pub(super) digest: String,
    pub(super) created: String,
}

impl Index {
    /// Parses the text of an index; keys that are not needed cost no memory.
    ///
    /// # Errors
    /// Returns the cause, with line and column.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
        Reader::of(text.strip_prefix('\u{feff}').unwrap_or(text)).index()
    }

    /// The versions of a chart in the order of the index; `None` if the chart is not there.
    pub(super) fn chart(&self, name: &str) -> Option<&[IndexEntry]> {
        self.entries.get(name).map(Vec::as_slice)
    }

    /// Why a chart has no version, if its versions are written in a wrong way.
    pub(super) fn fault_of(&self, name: &str) -> Option<String> {
        let fault = self.broken.get(name).filter(|_| self.chart(name).is_none_or(<[_]>::is_empty));
        fault.map(|fault| format!("chart {name}: {fault}"))
    }

    /// Names of charts that contain `name`, or that `name` contains.
    pub(super) fn similar(&self, name: &str) -> Vec<String> {
        let is_like = |other: &&String| other.contains(name) || name.contains(other.as_str());
        self.entries.keys().filter(is_like).take(3).cloned().collect()
    }
}

/// The address of a file of the repository at `repository`, as Helm joins them: relative ones are
/// below it, and keep its query.
pub(super) fn join(repository: &Url, address: &str) -> Option<Url> {
    match Url::parse(address) {
        Ok(absolute) => return absolute.has_host().then_some(absolute),
        Err(url::ParseError::RelativeUrlWithoutBase) => {}
        Err(_) => return None,
    }
    let mut base = repository.clone();
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    let mut joined = base.join(address).ok()?;
    if joined.query().is_none() {
        joined.set_query(repository.query());
    }
    Some(joined)
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{Index, join};

    #[test]
    fn versions_are_read_and_odd_parts_are_skipped() {
        let text = "apiVersion: v1\ngenerated: x\nentries:\n  a:\n  - version: 1.10\n    urls: [a-1.tgz]\n    \
                    digest: abc\n    maintainers: [{name: x}]\n    annotations: {x: |\n      y}\n  - version: 2.0.0\n    urls: null\n  b: null\n";
        let text = text.replace("annotations: {x: |\n      y}", "annotations: {x: y}");
        let index = Index::parse(text.as_bytes()).unwrap();
        let versions = index.chart("a").unwrap();
        assert_eq!(versions[0].version, "1.10", "as it is written");
        assert_eq!((versions[0].digest.as_str(), versions[1].urls.len()), ("abc", 0));
        assert!(index.chart("b").unwrap().is_empty() && index.chart("c").is_none());
        assert_eq!(index.similar("ab"), ["a", "b"]);
        let json = br#"{"apiVersion":"v1","entries":{"a":[{"version":"1.0.0","urls":["x"]}]}}"#;
        assert_eq!(Index::parse(json).unwrap().chart("a").unwrap().len(), 1);
    }

    #[test]
    fn a_broken_index_names_the_place() {
        let error = Index::parse(b"entries:\n  a: [\n").unwrap_err();
        assert!(error.contains("line"), "{error}");
        assert!(Index::parse(b"entries: 3\n").is_err());
        assert!(Index::parse(b"<html></html>\n").is_err());
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let below = format!("*a{}, ", level - 1).repeat(10);
            bomb.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }
        assert!(Index::parse(bomb.as_bytes()).unwrap().chart("a").is_none(), "it is skipped");
        assert!(Index::parse(&[0xff, 0xfe]).unwrap_err().contains("UTF-8"));
    }

    #[test]
    fn addresses_are_joined_as_helm_does() {
        for (repository, address, expected) in [
            ("https://a.example/charts", "x-1.tgz", "https://a.example/charts/x-1.tgz"),
            ("https://a.example/charts/", "./x-1.tgz", "https://a.example/charts/x-1.tgz"),
            ("https://a.example", "sub/x.tgz", "https://a.example/sub/x.tgz"),
            ("https://a.example/charts", "/x.tgz", "https://a.example/x.tgz"),
            ("https://a.example/c?t=1", "x.tgz", "https://a.example/c/x.tgz?t=1"),
            ("https://a.example/c", "https://b.example/x.tgz", "https://b.example/x.tgz"),
            ("https://a.example/c", "oci://r.example/x:1", "oci://r.example/x:1"),
            ("https://a.example/c", "../x.tgz", "https://a.example/x.tgz"),
        ] {
            let found = join(&Url::parse(repository).unwrap(), address).unwrap();
            assert_eq!(found.as_str(), expected);
        }
        assert!(join(&Url::parse("https://a.example").unwrap(), "mailto:x").is_none());
    }
}
