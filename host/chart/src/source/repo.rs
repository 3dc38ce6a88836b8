//! Charts of repositories with an `index.yaml`.

use std::sync::Arc;

use bytes::Bytes;
use longshore_oci::{Digest, Reference};
use longshore_registry::{Cause, Downloaded, FileCredential, FileRequest, RegistryError, Zone};
use url::Url;

use super::archives::PROVENANCE_LIMIT;
use super::error::SourceError;
use super::fetched::Fetched;
use super::index::{INDEX_LIMIT, Index, IndexEntry, join};
use super::sources::{Sources, checked, no_version, same_version};
use crate::archive::ARCHIVE_LIMIT;

/// The address of a file of a repository.
struct Place<'a> {
    /// The repository's own address.
    repository: &'a Url,
    address: &'a Url,
    /// Where the server lies whose index named the address; `None` if the address is at the repository.
    named_from: Option<Zone>,
}

impl Sources {
    /// The versions of a chart in the repository at `url`.
    pub(super) async fn repo_versions(
        &self,
        url: &Url,
        chart: &str,
    ) -> Result<Vec<String>, SourceError> {
        let index = self.index(url).await?;
        let entries = entries(&index, url, chart)?;
        Ok(entries.iter().map(|entry| entry.version.clone()).collect())
    }

    /// Fetches a version of a chart from the repository at `url`.
    pub(super) async fn fetch_repo(
        &self,
        url: &Url,
        chart: &str,
        version: &str,
        provenance: bool,
    ) -> Result<Fetched, SourceError> {
        let index = self.index(url).await?;
        let entries = entries(&index, url, chart)?;
        let existing: Vec<&str> = entries.iter().map(|entry| entry.version.as_str()).collect();
        let found = same_version(version, &existing)
            .and_then(|found| entries.iter().find(|entry| entry.version == found))
            .ok_or_else(|| no_version(chart, version, url.as_str(), &existing))?;
        let written = found.urls.first().map_or("", String::as_str);
        let address = join(url, written).filter(|_| !written.is_empty());
        let refused = || SourceError::Address {
            chart: chart.to_owned(),
            version: version.to_owned(),
            url: written.to_owned(),
        };
        let address = address.ok_or_else(refused)?;
        let place = Place {
            repository: url,
            address: &address,
            // The user named what is at the repository's own server.
            named_from: index.zone.filter(|_| address.origin() != url.origin()),
        };
        let mut fetched = match address.scheme() {
            "http" | "https" => self.download(&place, found, chart, provenance).await?,
            "oci" => {
                let text = address.as_str().trim_start_matches("oci://");
                let reference: Reference = text.parse().map_err(|_| refused())?;
                if let (Some(registry), Some(from)) = (reference.store.registry(), index.zone) {
                    self.registries.check_named("fetch chart from", registry, from).await?;
                }
                self.fetch_reference(reference, chart, &found.version).await?
            }
            _ => return Err(refused()),
        };
        // Helm writes a time in this form. Readers refuse an annotation with another one.
        let is_time = found.created.parse::<jiff::Timestamp>().is_ok();
        fetched.created = is_time.then(|| found.created.clone());
        Ok(fetched)
    }

    async fn download(
        &self,
        from: &Place<'_>,
        entry: &IndexEntry,
        chart: &str,
        provenance: bool,
    ) -> Result<Fetched, SourceError> {
        let address = from.address;
        let (archive, encoding) = self.archive(from, &entry.digest).await?;
        let place = shown(address);
        let unpacked = match checked(archive.clone(), &place, chart, &entry.version).await {
            Err(error @ SourceError::Archive { .. }) => {
                return Err(or_encoded(error, address, encoding));
            }
            other => other?,
        };
        let provenance = match provenance {
            true => self.provenance(from, &archive).await?,
            false => None,
        };
        Ok(Fetched { chart: unpacked, archive, provenance, created: None, place, reference: None })
    }

    /// The archive and the encoding that the server names; `expected` is the archive's digest in the index,
    /// or empty.
    async fn archive(
        &self,
        from: &Place<'_>,
        expected: &str,
    ) -> Result<(Bytes, Option<String>), SourceError> {
        let digest = digest_of(expected);
        if let Some(digest) = &digest
            && let Some(kept) = self.kept(digest).await
        {
            return Ok((kept, None));
        }
        let Downloaded { content: archive, encoding, .. } =
            self.file("fetch chart", from, ARCHIVE_LIMIT).await?;
        if let Err(error) = check_digest(&archive, expected, from.address) {
            return Err(or_encoded(error, from.address, encoding));
        }
        if let Some(digest) = &digest {
            self.keep(digest, &archive).await;
        }
        Ok((archive, encoding))
    }

    /// The provenance file beside an archive, if there is one. A later run knows the answer.
    async fn provenance(
        &self,
        from: &Place<'_>,
        archive: &Bytes,
    ) -> Result<Option<Bytes>, SourceError> {
        let Some(kept) = &self.archives else {
            return self.fetch_provenance(from).await;
        };
        let (digest, address) = (Digest::of(archive), from.address.as_str());
        if let Some(known) = kept.provenance(&digest, address).await {
            return Ok(known);
        }
        let found = self.fetch_provenance(from).await?;
        kept.keep_provenance(&digest, address, found.as_ref()).await;
        Ok(found)
    }

    async fn fetch_provenance(&self, from: &Place<'_>) -> Result<Option<Bytes>, SourceError> {
        let mut beside = from.address.clone();
        beside.set_path(&format!("{}.prov", beside.path()));
        let place = Place { address: &beside, ..*from };
        match self.file("fetch provenance", &place, PROVENANCE_LIMIT).await {
            Ok(file) => Ok(Some(file.content).filter(|content| is_provenance(content))),
            Err(SourceError::Download(error) | SourceError::Refused { error, .. })
                if says_missing(error.cause.status()) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The index of the repository at `url`, which is read once per run.
    async fn index(&self, url: &Url) -> Result<Arc<Index>, SourceError> {
        let cell = self.index_cell(url);
        let read = cell.get_or_init(|| async { self.read_index(url).await.map_err(Arc::new) });
        Ok(Arc::clone(read.await.as_ref().map_err(Arc::clone)?))
    }

    async fn read_index(&self, url: &Url) -> Result<Arc<Index>, SourceError> {
        let address = join(url, "index.yaml").unwrap_or_else(|| url.clone());
        let place = Place { repository: url, address: &address, named_from: None };
        let Downloaded { content: text, encoding, zone } =
            self.file("fetch index", &place, INDEX_LIMIT).await?;
        let encoding = if is_gzip(&text) { Some("gzip".to_owned()) } else { encoding };
        let failed = |message| {
            or_encoded(SourceError::Index { url: shown(&address), message }, &address, encoding)
        };
        if text.trim_ascii().is_empty() {
            return Err(failed("it is empty".to_owned()));
        }
        let parsed = tokio::task::spawn_blocking(move || Index::parse(&text)).await;
        let parsed = parsed.unwrap_or_else(|error| Err(error.to_string()));
        let mut index = parsed.map_err(failed)?;
        index.zone = Some(zone);
        Ok(Arc::new(index))
    }

    async fn file(
        &self,
        verb: &'static str,
        place: &Place<'_>,
        limit: u64,
    ) -> Result<Downloaded, SourceError> {
        let &Place { repository, address, named_from } = place;
        let credential = self
            .helm
            .login(repository)
            .or_else(|| self.registries.credential_of_variable(repository))
            .or_else(|| self.helm.credential(repository));
        let tls = self.helm.tls(repository);
        let request = FileRequest {
            verb,
            url: address,
            credential: credential.as_ref(),
            tls: &tls,
            limit,
            named_from,
        };
        let file = self.registries.download(&request).await;
        let is_own = address.origin() == repository.origin();
        file.map_err(|error| match credential {
            Some(FileCredential { username, everywhere, .. })
                if (is_own || everywhere) && is_refused(&error) =>
            {
                SourceError::Refused { error, username }
            }
            _ => SourceError::Download(error),
        })
    }
}

/// Whether the server itself refused a login. One behind a redirect gets none.
fn is_refused(error: &RegistryError) -> bool {
    match &*error.cause {
        Cause::Answered(answer) => answer.status == 401 && answer.redirected.is_none(),
        _ => false,
    }
}

fn entries<'a>(index: &'a Index, url: &Url, chart: &str) -> Result<&'a [IndexEntry], SourceError> {
    if let Some(message) = index.fault_of(chart) {
        let address = join(url, "index.yaml").unwrap_or_else(|| url.clone());
        return Err(SourceError::Index { url: shown(&address), message });
    }
    index.chart(chart).ok_or_else(|| SourceError::NoChart {
        chart: chart.to_owned(),
        place: shown(url),
        similar: index.similar(chart),
    })
}

/// An address without its query, which may hold a secret.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}

/// The error of content that is not as expected: that it is encoded, if an encoding is known.
fn or_encoded(error: SourceError, address: &Url, encoding: Option<String>) -> SourceError {
    match encoding {
        Some(encoding) => SourceError::Encoded { url: shown(address), encoding },
        None => error,
    }
}

/// Whether a file begins as gzip does (RFC 1952, section 2.3.1).
fn is_gzip(file: &[u8]) -> bool {
    file.starts_with(&[0x1f, 0x8b])
}

/// Whether a status means that there is no such file. Some servers refuse what does not exist. One that is
/// busy (429) or too slow (408) has said nothing about it.
fn says_missing(status: Option<u16>) -> bool {
    status.is_some_and(|status| (400..=499).contains(&status) && ![408, 429].contains(&status))
}

/// Whether this is a provenance file, and not a page that a server sends in the place of a missing one.
fn is_provenance(file: &[u8]) -> bool {
    file.starts_with(b"-----BEGIN PGP SIGNED MESSAGE-----")
}

/// The digest that an index has, which may lack the algorithm.
fn digest_of(text: &str) -> Option<Digest> {
    let text = text.trim().to_ascii_lowercase();
    let hex = text.strip_prefix("sha256:").unwrap_or(&text);
    format!("sha256:{hex}").parse().ok()
}

fn check_digest(archive: &Bytes, expected: &str, address: &Url) -> Result<(), SourceError> {
    let expected = expected.trim();
    let hex = expected.strip_prefix("sha256:").unwrap_or(expected);
    if hex.is_empty() {
        return Ok(());
    }
    let found = Digest::of(archive).to_string();
    if found.strip_prefix("sha256:").is_some_and(|found| found.eq_ignore_ascii_case(hex)) {
        return Ok(());
    }
    Err(SourceError::Digest { url: shown(address), expected: expected.to_owned(), found })
}

#[cfg(test)]
mod tests {
    use super::says_missing;

    #[test]
    fn a_busy_server_does_not_say_that_a_file_is_missing() {
        for status in [400, 401, 403, 404, 405, 410] {
            assert!(says_missing(Some(status)), "{status}");
        }
        for status in [None, Some(200), Some(304), Some(408), Some(429), Some(500), Some(503)] {
            assert!(!says_missing(status), "{status:?}");
        }
    }
}
