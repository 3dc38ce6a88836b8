//! Parses the access logs of distribution.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The type of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// The API root `/v2/`.
    Ping,
    /// The token service of the registry itself.
    Token,
    /// HEAD of a tag or manifest.
    ManifestHead,
    /// GET of a tag or manifest.
    ManifestGet,
    /// PUT of a tag or manifest.
    ManifestPut,
    /// HEAD of a blob.
    BlobHead,
    /// GET of a blob.
    BlobGet,
    /// POST that opens an upload.
    UploadPost,
    /// POST that asks for a mount, granted or not.
    Mount,
    /// PATCH with a piece of a blob.
    UploadPatch,
    /// PUT that closes an upload.
    UploadPut,
    /// Any other request to an upload, such as a cancellation.
    UploadOther,
    /// Tag lists, referrers, deletions and all other requests.
    Other,
}

impl Kind {
    /// Returns the column heading.
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::Ping => "/v2/",
            Self::Token => "token",
            Self::ManifestHead => "manifest HEAD",
            Self::ManifestGet => "manifest GET",
            Self::ManifestPut => "manifest PUT",
            Self::BlobHead => "blob HEAD",
            Self::BlobGet => "blob GET",
            Self::UploadPost => "upload POST",
            Self::Mount => "mount",
            Self::UploadPatch => "upload PATCH",
            Self::UploadPut => "upload PUT",
            Self::UploadOther => "upload, other",
            Self::Other => "other",
        }
    }

    fn of(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let Some(name) = path.strip_prefix("/v2/") else {
            return if path == "/v2" { Self::Ping } else { off_path(path) };
        };
        if name.is_empty() {
            return Self::Ping;
        }
        if name == "token" {
            return Self::Token;
        }
        if name.contains("/blobs/uploads/") || name.ends_with("/blobs/uploads") {
            return match method {
                "POST" if parameter(query, "mount").is_some() => Self::Mount,
                "POST" => Self::UploadPost,
                "PATCH" => Self::UploadPatch,
                "PUT" => Self::UploadPut,
                _ => Self::UploadOther,
            };
        }
        match (method, name.contains("/manifests/"), name.contains("/blobs/")) {
            ("HEAD", true, _) => Self::ManifestHead,
            ("GET", true, _) => Self::ManifestGet,
            ("PUT", true, _) => Self::ManifestPut,
            ("HEAD", _, true) => Self::BlobHead,
            ("GET", _, true) => Self::BlobGet,
            _ => Self::Other,
        }
    }
}

fn off_path(path: &str) -> Kind {
    if path.ends_with("/token") || path == "/token" { Kind::Token } else { Kind::Other }
}

/// The requests to one registry.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Number of requests of each kind.
    pub(crate) requests: BTreeMap<Kind, u64>,
    /// Bytes of blobs sent by the registry.
    pub(crate) blob_bytes: u64,
    /// Digests of completed uploads, with the number of uploads of each.
    pub(crate) uploads: BTreeMap<String, u64>,
    /// Number of mounts that the registry granted.
    pub(crate) mounted: u64,
    /// Client addresses with their port, one per connection.
    pub(crate) peers: BTreeSet<String>,
}

impl Tally {
    /// Counts a line of the access log in Apache's combined format.
    pub(crate) fn read(&mut self, line: &str) {
        let Some((method, target, status, bytes)) = fields(line) else {
            return;
        };
        let kind = Kind::of(method, target);
        *self.requests.entry(kind).or_default() += 1;
        let query = target.split_once('?').map_or("", |(_, query)| query);
        match kind {
            Kind::BlobGet if matches!(status, 200 | 206) => self.blob_bytes += bytes,
            Kind::Mount if status == 201 => self.mounted += 1,
            Kind::UploadPut | Kind::UploadPost if status == 201 => {
                if let Some(digest) = parameter(query, "digest") {
                    *self.uploads.entry(digest.replace("%3A", ":")).or_default() += 1;
                }
            }
            _ => {}
        }
    }

    /// Reads the client port from a line of the registry's own log.
    pub(crate) fn read_port(&mut self, line: &str) {
        let Ok(document) = serde_json::from_str::<Value>(line) else {
            return;
        };
        if let Some(address) = document["http.request.remoteaddr"].as_str() {
            self.peers.insert(address.to_owned());
        }
    }
}

/// Returns method, target, status and size of `host - - [time] "GET /v2/ HTTP/1.1" 200 2 ""
/// "agent"`.
fn fields(line: &str) -> Option<(&str, &str, u16, u64)> {
    let (_, rest) = line.split_once("] \"")?;
    let (request, rest) = rest.split_once("\" ")?;
    let mut request = request.split(' ');
    let (method, target) = (request.next()?, request.next()?);
    // Requests through a proxy name the host.
    let target = match target.strip_prefix("http://") {
        Some(rest) => &rest[rest.find('/')?..],
        None => target,
    };
    let mut rest = rest.split(' ');
    let (status, bytes) = (rest.next()?.parse().ok()?, rest.next()?.parse().unwrap_or(0));
    Some((method, target, status, bytes))
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find_map(|(key, value)| (key == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Kind, Tally};

    fn line(request: &str, status: u16, bytes: u64) -> String {
        let time = "21/Nov/2026:15:43:00 +0000";
        format!(
            "127.0.0.1 - - [{time}] \"{request} HTTP/1.1\" {status} {bytes} \"\" \"agent/1 (x)\""
        )
    }

    #[test]
    fn every_request_is_of_one_kind() {
        let kind = |method: &str, target: &str| Kind::of(method, target);
        assert_eq!(kind("GET", "/v2/"), Kind::Ping);
        assert_eq!(kind("GET", "/v2/token?service=x"), Kind::Token);
        assert_eq!(kind("POST", "/token"), Kind::Token);
        assert_eq!(kind("HEAD", "/v2/a/b/manifests/1.0"), Kind::ManifestHead);
        assert_eq!(kind("PUT", "/v2/a/manifests/sha256:00"), Kind::ManifestPut);
        assert_eq!(kind("GET", "/v2/a/blobs/sha256:00"), Kind::BlobGet);
        assert_eq!(kind("POST", "/v2/a/blobs/uploads/"), Kind::UploadPost);
        assert_eq!(kind("POST", "/v2/a/blobs/uploads/?from=b&mount=sha256%3A00"), Kind::Mount);
        assert_eq!(kind("PATCH", "/v2/a/blobs/uploads/u-1?_state=x"), Kind::UploadPatch);
        assert_eq!(kind("DELETE", "/v2/a/blobs/uploads/u-1"), Kind::UploadOther);
        assert_eq!(kind("GET", "/v2/a/tags/list?n=100"), Kind::Other);
        // A repository may have this name.
        assert_eq!(kind("GET", "/v2/a/token/manifests/1"), Kind::ManifestGet);
    }

    #[test]
    fn bytes_uploads_and_mounts_are_counted_where_they_happened() {
        let mut tally = Tally::default();
        tally.read(&line("GET http://a.test/v2/a/blobs/sha256:00", 200, 700));
        tally.read(&line("GET /v2/a/blobs/sha256:01", 404, 157));
        tally.read(&line("PUT /v2/b/blobs/uploads/u?_state=s&digest=sha256%3A00", 201, 0));
        tally.read(&line("PUT /v2/c/blobs/uploads/v?digest=sha256:00", 201, 0));
        tally.read(&line("PUT /v2/c/blobs/uploads/w?digest=sha256:02", 400, 90));
        tally.read(&line("POST /v2/c/blobs/uploads/?mount=sha256:00&from=b", 201, 0));
        tally.read(&line("POST /v2/d/blobs/uploads/?mount=sha256:03&from=d", 202, 0));
        tally.read("level=info msg=\"listening on 127.0.0.1:1\"");
        assert_eq!(tally.blob_bytes, 700);
        assert_eq!(tally.uploads, BTreeMap::from([("sha256:00".to_owned(), 2)]));
        assert_eq!((tally.mounted, tally.requests[&Kind::Mount]), (1, 2));
        assert_eq!(tally.requests.values().sum::<u64>(), 7);
    }

    #[test]
    fn connections_are_ports() {
        let mut tally = Tally::default();
        for port in [5, 5, 6] {
            let line =
                format!(r#"{{"http.request.remoteaddr":"127.0.0.1:{port}","level":"info"}}"#);
            tally.read_port(&line);
        }
        tally.read_port("no JSON");
        assert_eq!(tally.peers.len(), 2);
    }
}
